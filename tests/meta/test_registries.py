"""Two registries are two worlds: models of the same label stand side by side, each with its own tables and relations."""

from __future__ import annotations

import pickle
import threading

import pytest

import dorm
from dorm.exceptions import ImproperlyConfigured, ProtectedError
from dorm.meta.registry import Registry, registry, registry_named
from dorm.query.run.plan_cache import plans

APP = "exp"


def world(home: Registry, prefix: str, **more: dorm.Field):
    """An author with books and tags, in a registry and with tables of its own."""

    class Base(dorm.Model):
        class Meta:
            abstract = True
            app_label = APP
            registry = home

    class Author(Base, db_table=f"{prefix}_author"):
        name = dorm.CharField(max_length=20)

    class Tag(Base, db_table=f"{prefix}_tag"):
        name = dorm.CharField(max_length=20)

    class Book(Base, db_table=f"{prefix}_book"):
        title = dorm.CharField(max_length=20)
        author = dorm.ForeignKey("Author", dorm.CASCADE, related_name="books")
        tags = dorm.ManyToManyField("exp.Tag", related_name="books")

    for name, field in more.items():
        Author.add_to_class(name, field)
    return Author, Tag, Book


@pytest.fixture
def worlds():
    here, there = Registry("here"), Registry("there")
    return world(here, "here"), world(there, "there", age=dorm.IntegerField(default=7))


def test_models_of_one_label_stand_side_by_side(worlds):
    (author, *_), (other_author, *_) = worlds
    here, there = author._meta.registry, other_author._meta.registry
    assert here is not there
    assert here.labels() == there.labels() == ["exp.Author", "exp.Tag", "exp.Book", "exp.Book_tags"]
    assert here.get_model("exp.Author") is author
    assert there.get_model("exp", "author") is other_author
    assert not [label for label in registry.labels() if label.startswith("exp.")]
    assert author not in there
    assert author not in registry


def test_a_name_means_the_model_of_the_own_registry(worlds):
    (author, tag, book), (other_author, _, other_book) = worlds
    assert book.author.related_model is author
    assert other_book.author.related_model is other_author
    assert book._meta.get_field("tags").related_model is tag
    assert [relation.related_model for relation in author._meta.related_objects] == [book]
    assert [relation.related_model for relation in other_author._meta.related_objects] == [other_book]
    assert book._meta.get_field("tags").through is not other_book._meta.get_field("tags").through
    assert book._meta.get_field("tags").through in author._meta.registry
    assert set(other_author._meta.names) - set(author._meta.names) == {"age"}


async def test_both_worlds_are_read_and_written(database, mode, worlds, queries):
    for models, name in zip(worlds, ("Ada", "Bob"), strict=True):
        author_model, tag_model, book_model = models
        dorm.create_tables(*models)
        author = await mode.call(author_model.objects, "create", name=name)
        book = await mode.call(book_model.objects, "create", title=f"{name}'s", author=author)
        tag = await mode.call(tag_model.objects, "create", name="new")
        await mode.call(book.tags, "add", tag)
    plans.clear()
    for _ in range(2):
        for (author_model, tag_model, book_model), name in zip(worlds, ("Ada", "Bob"), strict=True):
            (found,) = await mode.fetch(author_model.objects.filter(books__tags__name="new").prefetch_related("books"))
            assert type(found) is author_model
            assert [book.title for book in found.books.all()] == [f"{name}'s"]
            (row,) = await mode.fetch(book_model.objects.select_related("author"))
            assert (row.author.name, type(row.author)) == (name, author_model)
            assert getattr(row.author, "age", None) == (7 if name == "Bob" else None)
            assert await mode.call(tag_model.objects.filter(books__author=found), "count") == 1


async def test_a_deletion_stays_in_its_world(database, mode, worlds):
    (author_model, tag_model, book_model), _ = worlds
    dorm.create_tables(author_model, tag_model, book_model)
    author = await mode.call(author_model.objects, "create", name="Ada")
    book = await mode.call(book_model.objects, "create", title="one", author=author)
    await mode.call(book.tags, "add", await mode.call(tag_model.objects, "create", name="new"))
    # there are no tables of the other world: a cascade into it would fail
    assert await mode.call(author, "delete") == (2, {"exp.Author": 1, "exp.Book": 1})
    assert await mode.call(author_model.objects, "count") == 0
    assert await mode.call(book_model.objects, "count") == 0
    await mode.call(author_model.objects, "create", name="Ada")
    assert await mode.call(author_model.objects.all(), "delete") == (1, {"exp.Author": 1})


def test_a_change_of_one_world_leaves_the_other_as_it_is(worlds):
    (author, *_), (other_author, *_) = worlds
    kept, other_kept = author._meta.derived("x", object), other_author._meta.derived("x", object)
    author.add_to_class("email", dorm.CharField(max_length=9, default=""))
    assert other_author._meta.derived("x", object) is other_kept
    assert author._meta.derived("x", object) is not kept
    assert "email" not in other_author._meta.names


def test_an_abstract_base_hands_its_registry_on_and_a_keyword_names_another(worlds):
    (author, _, _), _ = worlds
    (base,) = author.__bases__
    assert base._meta.registry is author._meta.registry
    elsewhere = Registry()

    class Visitor(base, registry=elsewhere):
        name = dorm.CharField(max_length=3)

    assert Visitor._meta.registry is elsewhere
    assert elsewhere.models() == [Visitor]


def test_a_proxy_belongs_to_the_registry_of_its_model(worlds):
    (author, _, _), (other_author, _, _) = worlds

    class Known(author):
        class Meta:
            proxy = True

    assert Known._meta.registry is author._meta.registry
    assert author._meta.registry.proxies_of(author) == [Known]
    with pytest.raises(
        ImproperlyConfigured, match=r"^Wrong is a proxy of Author and belongs to its registry, <Registry here"
    ):

        class Wrong(author, proxy=True, registry=other_author._meta.registry):
            pass


def test_a_relation_to_a_class_of_another_registry_is_refused(worlds):
    (author, tag, _), (_, _, other_book) = worlds
    there = other_book._meta.registry
    with pytest.raises(ImproperlyConfigured) as problem:

        class Note(dorm.Model, app_label=APP, registry=there):
            writer = dorm.ForeignKey(author, dorm.CASCADE)

    assert str(problem.value) == (
        "exp.Note.writer belongs to <Registry there: 5 models> and refers to the class exp.Author of <Registry here: 4 models>: "
        "a relation stays within one registry. Write 'exp.Author' to mean the model of that name in its own registry, or give "
        "both models the same registry."
    )
    assert "exp.Note" not in there.labels()
    with pytest.raises(ImproperlyConfigured, match="belongs to <Registry there"):

        class Noted(dorm.Model, app_label=APP, registry=there):
            tags = dorm.ManyToManyField(lambda: tag)

    with pytest.raises(ImproperlyConfigured, match=r"exp\.Linked\.books belongs to"):

        class Linked(dorm.Model, app_label=APP, registry=there):
            books = dorm.ManyToManyField("Book", through=author)

    assert there.labels() == ["exp.Author", "exp.Tag", "exp.Book", "exp.Book_tags"]


def test_a_registry_must_be_one():
    with pytest.raises(ImproperlyConfigured, match="^Author: registry must be a Registry, not 'main'"):

        class Author(dorm.Model, registry="main"):
            pass


def test_the_latest_registry_of_a_name_is_meant(worlds):
    again = Registry("here")
    assert registry_named("here") is again
    with pytest.raises(LookupError, match="no registry 'nowhere' in this process"):
        registry_named("nowhere")


async def test_instances_and_querysets_are_pickled_by_the_name_of_their_registry(database, mode, worlds):
    _, (author_model, tag_model, book_model) = worlds
    dorm.create_tables(author_model, tag_model, book_model)
    author = await mode.call(author_model.objects, "create", name="Bob")
    copied = pickle.loads(pickle.dumps(author))
    assert (type(copied), copied.name, copied.age) == (author_model, "Bob", 7)
    rows = pickle.loads(pickle.dumps(author_model.objects.filter(name="Bob")))
    assert [type(row) for row in await mode.fetch(rows)] == [author_model]


def test_models_of_a_registry_without_a_name_cannot_be_pickled():
    author, _, _ = world(Registry(), "nameless")
    with pytest.raises(
        pickle.PicklingError, match=r"exp\.Author cannot be pickled: it belongs to a registry without a name"
    ):
        pickle.dumps(author(name="Ada"))


def test_a_signal_named_by_text_means_the_default_registry(worlds):
    (author, _, _), _ = worlds
    heard = []

    def receiver(sender, **kwargs):
        heard.append(sender)

    dorm.signals.post_init.connect(receiver, sender="exp.Author")
    try:
        author(name="Ada")
    finally:
        dorm.signals.post_init.disconnect(receiver, sender="exp.Author")
    assert heard == []
    dorm.signals.post_init.connect(receiver, sender=author)
    try:
        author(name="Ada")
    finally:
        dorm.signals.post_init.disconnect(receiver, sender=author)
    author(name="Ada")
    assert heard == [author]


def test_a_setting_that_changes_types_reaches_every_registry(worlds):
    (author, _, _), _ = worlds
    version = author._meta.registry.version
    dorm.configure(USE_TZ=True)
    try:
        assert author._meta.registry.version > version
    finally:
        dorm.configure(USE_TZ=False)


def test_a_new_lookup_is_found_by_queries_of_every_registry(worlds):
    (author, _, _), _ = worlds

    class Near(dorm.Transform):
        lookup_name = "near"
        function = "LOWER"

    with pytest.raises(dorm.FieldDoesNotExist):
        author.objects.filter(name__near="a")
    dorm.CharField.register_lookup(Near)
    try:
        author.objects.filter(name__near="a")
    finally:
        dorm.CharField._unregister_lookup(Near)
    with pytest.raises(dorm.FieldDoesNotExist):
        author.objects.filter(name__near="a")


def test_tables_are_made_for_the_models_of_one_world(database, worlds):
    models, others = worlds
    dorm.create_tables(*models[0]._meta.registry.models())
    assert {"here_author", "here_book", "here_tag", "here_book_tags"} <= set(database.tables())
    assert not {name for name in database.tables() if name.startswith("there_")}
    dorm.create_tables(*others)
    dorm.drop_tables(*models)
    assert not {name for name in database.tables() if name.startswith("here_")}
    assert "there_book_tags" in database.tables()


def test_protection_is_that_of_the_own_world(database, worlds):
    (author_model, *_), _ = worlds
    home = author_model._meta.registry

    class Award(dorm.Model, app_label=APP, registry=home, db_table="here_award"):
        author = dorm.ForeignKey(author_model, dorm.PROTECT)

    dorm.create_tables(*home.models())
    author = author_model.objects.create(name="Ada")
    Award.objects.create(author=author)
    with pytest.raises(ProtectedError):
        author.delete()


def test_threads_that_define_models_meet_threads_that_query():
    home = Registry()

    class Root(dorm.Model, app_label=APP, registry=home):
        name = dorm.CharField(max_length=5)

    problems: list[BaseException] = []
    done = threading.Event()

    def guarded(work):
        def run(*args):
            try:
                work(*args)
            except BaseException as problem:
                problems.append(problem)

        return run

    @guarded
    def define(number):
        for n in range(25):
            name = f"Child{number}x{n}"
            fields = {"root": dorm.ForeignKey("Root", dorm.CASCADE, related_name=f"children{number}x{n}")}
            meta = type("Meta", (), {"app_label": APP, "registry": home})
            type(dorm.Model)(name, (dorm.Model,), {"__module__": __name__, "Meta": meta, **fields})

    @guarded
    def query():
        while not done.is_set():
            str(Root.objects.filter(name="x").exclude(pk=3).order_by("-name").query)
            home.models(include_auto_created=True)
            _ = Root._meta.related_objects

    writers = [threading.Thread(target=define, args=(number,)) for number in range(4)]
    readers = [threading.Thread(target=query) for _ in range(2)]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert problems == []
    assert len(Root._meta.related_objects) == 100
    assert len([name for name in Root._meta.names if name.startswith("children")]) == 100
