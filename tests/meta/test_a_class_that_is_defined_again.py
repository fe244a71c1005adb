"""A model defined again replaces the older class, in whatever order the cells of a notebook run; nothing of it is kept."""

from __future__ import annotations

import gc
import linecache
import weakref

import pytest

import dorm
from dorm.exceptions import ImproperlyConfigured
from dorm.meta.registry import Registry

APP = "notebook"


class Notebook:
    """The cells of a notebook: each defines one model."""

    def __init__(self) -> None:
        self.registry = Registry()

    def author(self, **fields):
        class Author(dorm.Model, app_label=APP, registry=self.registry):
            name = dorm.CharField(max_length=20)

        for name, field in fields.items():
            Author.add_to_class(name, field)
        return Author

    def book(self, to="Author"):
        class Book(dorm.Model, app_label=APP, registry=self.registry):
            title = dorm.CharField(max_length=20)
            author = dorm.ForeignKey(to, dorm.CASCADE, related_name="books")
            readers = dorm.ManyToManyField(to, related_name="read")
            cover = dorm.OneToOneField(to, dorm.CASCADE, null=True, related_name="covered")

        return Book


@pytest.fixture
def notebook():
    return Notebook()


OLDER_INSTANCE = (
    " Its class is an older class of the same name: notebook.Author was defined again since, so run its cell again."
)


async def test_an_instance_of_the_older_class_is_refused_with_the_reason(database, mode, notebook):
    older, book_model = notebook.author(), notebook.book()
    dorm.create_tables(*notebook.registry.models())
    ada = await mode.call(older.objects, "create", name="Ada")
    newer = notebook.author()
    book = await mode.call(book_model.objects, "create", title="One", author_id=ada.pk)
    with pytest.raises(ValueError) as problem:
        book_model(title="Two", author=ada)
    assert str(problem.value) == (
        "Book.author takes an instance of Author or its key, not <Author: pk=1> of Author." + OLDER_INSTANCE
    )
    with pytest.raises(ValueError, match="older class of the same name"):
        book.author = ada
    with pytest.raises(TypeError) as refused:
        await mode.call(book.readers, "add", ada)
    assert (
        str(refused.value) == "Book.readers links Author instances or their keys, not <Author: pk=1>." + OLDER_INSTANCE
    )
    with pytest.raises(ValueError, match="older class of the same name"):
        await mode.fetch(book_model.objects.filter(author=ada))
    with pytest.raises(TypeError, match="older class of the same name"):
        await mode.call(newer.objects, "bulk_update", [ada], ["name"])
    again = await mode.call(newer.objects, "get", pk=ada.pk)
    book.author = again
    await mode.call(book.readers, "add", again)
    assert [row.title for row in await mode.fetch(again.books.all())] == ["One"]


async def test_the_reverse_side_says_so_too(database, mode, notebook):
    author_model, older = notebook.author(), notebook.book()
    dorm.create_tables(*notebook.registry.models())
    ada = await mode.call(author_model.objects, "create", name="Ada")
    book = await mode.call(older.objects, "create", title="One", author=ada)
    notebook.book()
    text = (
        " Its class is an older class of the same name: notebook.Book was defined again since, so run its cell again."
    )
    with pytest.raises(TypeError) as problem:
        await mode.call(ada.books, "add", book)
    assert str(problem.value) == "Author.books holds Book instances, not <Book: pk=1>." + text
    with pytest.raises(ValueError, match="older class of the same name: notebook.Book"):
        ada.covered = book


def test_a_relation_by_name_follows_in_any_order(notebook):
    book_model = notebook.book()
    first = notebook.author()
    assert book_model.author.related_model is first
    second = notebook.author()
    assert book_model.author.related_model is second
    assert book_model._meta.get_field("readers").junction.target.related_model is second
    assert {"books", "read", "covered"} <= set(second._meta.names)
    assert not {"books", "read", "covered"} & set(first._meta.names)
    assert not hasattr(first, "books")
    later = notebook.book()
    assert [relation.related_model for relation in second._meta.related_objects] == [later] * 3


async def test_a_relation_by_class_keeps_its_class_and_says_so(database, mode, notebook):
    older = notebook.author()
    book_model = notebook.book(older)
    dorm.create_tables(*notebook.registry.models())
    newer = notebook.author()
    ada = await mode.call(newer.objects, "create", name="Ada")
    assert book_model.author.related_model is older
    text = " refers to an older class of the same name: notebook.Author was defined again since, so run its cell again."
    with pytest.raises(ValueError) as problem:
        book_model(title="One", author=ada)
    assert str(problem.value) == (
        "Book.author takes an instance of Author or its key, not <Author: pk=1> of Author. Book.author" + text
    )
    with pytest.raises(ValueError) as refused:
        book_model.objects.filter(author=ada)
    assert str(refused.value).endswith(" The relation 'author'" + text)
    book = await mode.call(notebook.book(newer).objects, "create", title="One", author=ada)
    assert [row.title for row in await mode.fetch(ada.books.all())] == [book.title]


def test_models_of_two_registries_say_that_they_are_two():
    one, other = Notebook(), Notebook()
    one.author()
    book_model, author_model = one.book(), other.author()
    with pytest.raises(
        ValueError, match="They are models of one name in two registries: <Registry without a name: 3 models> and"
    ):
        book_model(author=author_model(id=1))


def test_a_definition_that_fails_leaves_the_older_class_in_its_place(notebook):
    older, book_model = notebook.author(), notebook.book()
    with pytest.raises(ImproperlyConfigured, match="'books'"):

        class Author(dorm.Model, app_label=APP, registry=notebook.registry):
            books = dorm.IntegerField()

    assert notebook.registry.get_model("notebook.Author") is older
    assert book_model.author.related_model is older
    assert {"books", "read", "covered"} <= set(older._meta.names)
    assert hasattr(older, "books")


async def test_queries_read_the_columns_of_the_newer_class(database, mode, notebook, queries):
    older = notebook.author()
    book_model = notebook.book()
    dorm.create_tables(*notebook.registry.models())
    await mode.call(older.objects, "create", name="Ada")
    await mode.call(book_model.objects, "create", title="One", author_id=1)
    rows = [
        await mode.fetch(older.objects.filter(name="Ada")),
        await mode.fetch(book_model.objects.select_related("author")),
    ]
    assert not hasattr(rows[0][0], "age")
    database.run("ALTER TABLE notebook_author ADD COLUMN age integer NOT NULL DEFAULT 5")
    newer = notebook.author(age=dorm.IntegerField(default=7))
    with queries() as log:
        (ada,) = await mode.fetch(newer.objects.filter(name="Ada"))
        (book,) = await mode.fetch(book_model.objects.select_related("author"))
        assert (ada.age, book.author.age, type(book.author)) == (5, 5, newer)
    assert log.count == 2


async def test_many_definitions_leave_nothing_behind(database, mode, notebook):
    notebook.author()
    book_model = notebook.book()
    dorm.create_tables(*notebook.registry.models())
    registry = notebook.registry

    async def use(author_model) -> None:
        ada = await mode.call(author_model.objects, "create", name="Ada")
        book = await mode.call(book_model.objects, "create", title="One", author=ada)
        await mode.call(book.readers, "add", ada)
        await mode.fetch(
            author_model.objects.filter(books__title="One").prefetch_related("books", "read").order_by("name")
        )
        await mode.fetch(book_model.objects.select_related("author", "cover").exclude(readers__name="x"))
        await mode.call(author_model.objects.filter(name="x"), "update", name="y")
        await mode.call(ada, "save")
        await mode.call(author_model.objects.filter(pk=ada.pk), "delete")

    references: list[weakref.ref[type]] = []
    sizes = []
    for _ in range(12):
        author_model = notebook.author()
        await use(author_model)
        references.append(weakref.ref(author_model))
        del author_model
        gc.collect()
        generated = sum(name.startswith("<dorm ") for name in linecache.cache)
        sizes.append((len(registry.labels()), len(registry.pending), len(registry.compiled), generated))
    alive = [reference() for reference in references if reference() is not None]
    assert alive == [registry.get_model("notebook.Author")]
    assert sizes[4:] == [sizes[4]] * 8
