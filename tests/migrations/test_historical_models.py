"""A past state is as good as a live model: models made from plain data, in a registry of their own."""

from __future__ import annotations

import gc
import weakref

import pytest

import dorm
from dorm.exceptions import ImproperlyConfigured, ProtectedError
from dorm.meta.registry import registry
from dorm.meta.tables import build_tables, with_junctions
from dorm.migrations.state import ModelState, historical

APP = "past"


class Slugged:
    def slug(self) -> str:
        return self.title.lower()  # type: ignore[attr-defined]


class Open(dorm.Manager["Book"]):
    use_in_migrations = True

    def get_queryset(self):
        return super().get_queryset().filter(hidden=False)


class Secret(dorm.Manager["Book"]):
    pass


class Stamped(dorm.Model):
    made = dorm.IntegerField(default=1)

    class Meta:
        abstract = True


class Author(dorm.Model):
    name = dorm.CharField(max_length=20, unique=True)
    mentor = dorm.ForeignKey("self", dorm.SET_NULL, null=True, related_name="pupils")
    friends = dorm.ManyToManyField("self")

    class Meta:
        app_label = APP
        ordering = ["name"]


class Tag(dorm.Model):
    word = dorm.CharField(max_length=20, primary_key=True)

    class Meta:
        app_label = APP


class Book(Slugged, Stamped):
    title = dorm.CharField(max_length=20)
    hidden = dorm.BooleanField(default=False)
    price = dorm.DecimalField(max_digits=6, decimal_places=2, null=True)
    author = dorm.ForeignKey(Author, dorm.CASCADE, related_name="books")
    tags = dorm.ManyToManyField(Tag, through="Mark", related_name="books")

    every = Secret()
    visible = Open()

    class Meta:
        app_label = APP
        indexes = [dorm.Index(fields=["title", "-price"], name="past_title")]
        constraints = [
            dorm.CheckConstraint(condition=dorm.Q(price__gte=0), name="past_price"),
            dorm.UniqueConstraint(fields=["author", "title"], name="past_once"),
        ]


class Mark(dorm.Model):
    book = dorm.ForeignKey(Book, dorm.CASCADE)
    tag = dorm.ForeignKey(Tag, dorm.PROTECT)
    weight = dorm.IntegerField(default=1)

    class Meta:
        app_label = APP


class Famous(Author):
    class Meta:
        app_label = APP
        proxy = True
        ordering = ["-name"]


LIVE = [Author, Tag, Book, Mark, Famous]


def states() -> list[ModelState]:
    return [ModelState.from_model(model) for model in LIVE]


@pytest.fixture
def past():
    # in the wrong order: relations and parents find each other all the same
    return historical(reversed(states()))


def test_the_default_registry_is_not_touched(past):
    version, labels = registry.version, registry.labels()
    historical(states())
    assert (registry.version, registry.labels()) == (version, labels)
    assert registry.get_model("past.Author") is Author
    assert past.get_model("past", "author") is not Author
    assert [relation.related_model for relation in Author._meta.related_objects] == [Author, Book]


@pytest.mark.parametrize("vendor", ["sqlite", "postgresql"])
def test_the_tables_are_those_of_the_live_models(past, vendor):
    from sqlalchemy.dialects import registry as dialects
    from sqlalchemy.schema import CreateIndex, CreateTable

    from dorm.dialects import features_for

    features = features_for(vendor)

    def ddl(models):
        metadata = build_tables(with_junctions(models), features)
        dialect = dialects.load(vendor)()
        texts = {}
        for table in metadata.tables.values():
            parts = [CreateTable(table), *(CreateIndex(index) for index in table.indexes)]
            texts[table.name] = sorted(str(part.compile(dialect=dialect)) for part in parts)
        return texts

    assert ddl(past.models()) == ddl(LIVE)
    assert set(ddl(LIVE)) == {"past_author", "past_author_friends", "past_book", "past_mark", "past_tag"}


async def test_rows_are_written_read_related_and_deleted(database, mode, past, queries):
    dorm.create_tables(*past.models())
    author_model, book_model = past.get_model("past.Author"), past.get_model("past.Book")
    tag_model, mark_model = past.get_model("past.Tag"), past.get_model("past.Mark")
    ada = await mode.call(author_model.objects, "create", name="Ada")
    bob = author_model(name="Bob", mentor=ada)
    await mode.call(bob, "save")
    await mode.call(ada.friends, "add", bob)
    assert [friend.name for friend in await mode.fetch(bob.friends.all())] == ["Ada"]
    await mode.call(
        book_model.visible, "bulk_create", [book_model(title=t, author=bob, price="1.50") for t in ("One", "Two")]
    )
    new = await mode.call(tag_model.objects, "create", word="new")
    one = await mode.call(book_model.visible, "get", title="One")
    assert (type(one), one.slug(), str(one.price), one.made) == (book_model, "one", "1.50", 1)
    await mode.call(one.tags, "add", new, through_defaults={"weight": 3})
    with queries() as log:
        found = await mode.fetch(author_model.objects.prefetch_related("books__tags").filter(books__tags="new"))
    assert log.count == 3
    assert [[tag.word for tag in book.tags.all()] for book in found[0].books.all()] == [["new"], []]
    assert await mode.call(book_model.visible.filter(author__mentor__name="Ada"), "update", hidden=True) == 2
    assert await mode.call(book_model.visible, "count") == 0
    assert [row.weight for row in await mode.fetch(mark_model.objects.select_related("book__author"))] == [3]
    with pytest.raises(ProtectedError):
        await mode.call(new, "delete")
    # the live models see the same rows, as what they are
    live = await mode.call(Author.objects, "get", name="Bob")
    assert type(live) is Author
    assert live != bob
    assert await mode.call(ada, "delete") == (1, {"past.Author": 1})
    await mode.call(bob, "refresh_from_db")
    assert bob.mentor_id is None
    total, counts = await mode.call(author_model.objects.all(), "delete")
    assert (total, counts["past.Book"]) == (4, 2)


async def test_a_proxy_shares_its_table(database, mode, past):
    dorm.create_tables(*past.models())
    author_model, famous_model = past.get_model("past.Author"), past.get_model("past.Famous")
    assert famous_model._meta.concrete_model is author_model
    for name in ("Ada", "Bob"):
        await mode.call(famous_model.objects, "create", name=name)
    assert [row.name for row in await mode.fetch(famous_model.objects.all())] == ["Bob", "Ada"]
    assert [row.name for row in await mode.fetch(author_model.objects.all())] == ["Ada", "Bob"]


def test_managers_come_along_when_they_say_so(past):
    book = past.get_model("past.Book")
    assert [(manager.name, type(manager)) for manager in book._meta.managers] == [
        ("every", dorm.Manager),
        ("visible", Open),
    ]
    assert type(book._default_manager) is dorm.Manager
    assert not hasattr(past.get_model("past.Author"), "visible")
    assert [manager.name for manager in past.get_model("past.Author")._meta.managers] == ["objects"]


def test_a_state_may_be_changed_and_used_again():
    author = ModelState(
        APP,
        "Author",
        {"id": dorm.BigAutoField(primary_key=True), "age": dorm.IntegerField(default=3), "name": dorm.TextField()},
        {"ordering": ["-age"], "db_table": "writers"},
    )
    first, second = historical([author]), historical([author])
    one, two = first.get_model("past.Author"), second.get_model("past.Author")
    assert one is not two
    assert [field.name for field in one._meta.fields] == ["id", "age", "name"]
    assert (one._meta.db_table, one._meta.ordering, one(name="x").age) == ("writers", ["-age"], 3)
    assert author.fields["age"].model is None
    assert one._meta.get_field("age") is not two._meta.get_field("age")


def test_what_the_state_does_not_have_is_named():
    lone = ModelState(APP, "Lone", {"author": dorm.ForeignKey("past.Autor", dorm.CASCADE)})
    author = ModelState(APP, "Author", {"name": dorm.TextField()})
    with pytest.raises(ImproperlyConfigured, match=r"^past\.Lone\.author refers to 'past\.Autor', .*'past\.Author'"):
        historical([lone, author])
    with pytest.raises(ImproperlyConfigured, match=r"^past\.Famous inherits from 'past\.Autor'.*'past\.Author'"):
        historical([ModelState(APP, "Famous", bases=("past.Autor",), options={"proxy": True}), author])
    with pytest.raises(
        ImproperlyConfigured, match=r"^The parents of these models lead in a circle: past\.A, past\.B\.$"
    ):
        historical([ModelState(APP, "A", bases=("past.B",)), ModelState(APP, "B", bases=("past.A",))])
    with pytest.raises(ImproperlyConfigured, match=r"^The state has two models past\.Author\.$"):
        historical([author, author, author][:1] + [ModelState(APP, "Author")])
    with pytest.raises(ImproperlyConfigured, match="a relation stays within one registry"):
        historical([ModelState(APP, "Wrong", {"author": dorm.ForeignKey(Author, dorm.CASCADE)})])
    with pytest.raises(ImproperlyConfigured, match="abstract"):
        ModelState.from_model(Stamped)


def test_abstract_models_of_the_state_give_their_fields():
    base = ModelState(APP, "Base", {"made": dorm.IntegerField()}, {"abstract": True})
    child = ModelState(APP, "Child", {"name": dorm.TextField()}, bases=("past.base",))
    model = historical([child, base]).get_model("past.Child")
    assert [field.name for field in model._meta.fields] == ["id", "made", "name"]


async def test_the_models_go_with_their_registry(database, mode, past):
    dorm.create_tables(*past.models())
    references = []
    for _ in range(3):
        world = historical(states())
        author_model = world.get_model("past.Author")
        await mode.call(author_model.objects, "create", name=f"n{len(references)}")
        await mode.fetch(author_model.objects.filter(books__tags__word="x").prefetch_related("books"))
        await mode.call(author_model.objects.filter(name="x"), "delete")
        references.append((weakref.ref(world), weakref.ref(author_model)))
        del world, author_model
    gc.collect()
    assert [(world(), model()) for world, model in references] == [(None, None)] * 3
