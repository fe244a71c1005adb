"""Everything reached from a row of one database stays there; two never mix silently."""

from __future__ import annotations

import asyncio

import pytest

import dorm
from dorm import Prefetch
from dorm.db import routers
from dorm.db.connection import close_all, close_all_async
from support.databases import TestDatabase, another_database, empty


class Author(dorm.Model):
    name = dorm.CharField(max_length=20)


class Tag(dorm.Model):
    name = dorm.CharField(max_length=20, default="")


class Book(dorm.Model):
    title = dorm.CharField(max_length=20, default="")
    author = dorm.ForeignKey(Author, dorm.CASCADE, related_name="books")
    tags = dorm.ManyToManyField(Tag, related_name="books")


class Note(dorm.Model):
    book = dorm.OneToOneField(Book, dorm.CASCADE, related_name="note")


MODELS = [Author, Book, Tag, Note]
pytestmark = pytest.mark.models(MODELS)


@pytest.fixture(scope="session")
def second(postgresql_state, pytestconfig):
    """One more PostgreSQL database, for all tests of this module; each empties it first."""
    home = TestDatabase("postgresql", dict(postgresql_state))
    name = another_database(home)
    home.run(f'CREATE DATABASE "{name}"')
    pytestconfig.add_cleanup(lambda: home.run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
    return TestDatabase("postgresql", {**home.entry, "NAME": name})


@pytest.fixture
def two(request, database, tmp_path):
    """A second database behind the alias `other`; a few rows there, one author of the same key here."""
    if database.vendor == "sqlite":
        other = TestDatabase("sqlite", {**database.entry, "NAME": str(tmp_path / "other.sqlite3")})
    else:
        other = request.getfixturevalue("second")
    empty(other)
    dorm.configure(DATABASES={"default": dict(database.entry), "other": dict(other.entry)})
    dorm.create_tables(*MODELS, using="other")
    Author.objects.create(name="here")
    author = Author.objects.using("other").create(name="there")
    book = Book.objects.using("other").create(title="b", author=author)
    book.tags.add(Tag.objects.using("other").create(name="t"))
    Note.objects.using("other").create(book=book)
    yield database
    close_all()
    asyncio.run(close_all_async())


def alias(row):
    return row._state.db


async def test_everything_that_is_loaded_along_comes_from_the_same_database(two, mode):
    books = Book.objects.using("other")
    assert [alias(book.author) for book in await mode.fetch(books.select_related("author"))] == ["other"]
    loaded = Author.objects.using("other").prefetch_related("books__tags", "books__note")
    (author,) = await mode.fetch(loaded)
    (book,) = author.books.all()
    assert {alias(row) for row in (author, book, book.note, *book.tags.all())} == {"other"}
    given = Author.objects.using("other").prefetch_related(Prefetch("books", queryset=Book.objects.order_by("pk")))
    assert [len(one.books.all()) for one in await mode.fetch(given)] == [1]
    pinned = Prefetch("books", queryset=Book.objects.using("default"))
    assert [
        len(one.books.all()) for one in await mode.fetch(Author.objects.using("other").prefetch_related(pinned))
    ] == [0]


async def test_what_a_row_makes_or_changes_is_where_the_row_is(two, mode):
    author = await mode.call(Author.objects.using("other"), "get")
    assert alias(await mode.call(author.books, "create", title="n")) == "other"
    book = await mode.call(author.books, "get", title="n")
    assert alias(await mode.call(book.tags, "create", name="n")) == "other"
    assert await mode.call(book.tags, "count") == 1
    author.name = "changed"
    await mode.call(author, "save")
    assert await mode.call(Author.objects.filter(name="changed"), "count") == 0
    assert (await mode.call(Author.objects.using("other"), "get")).name == "changed"
    found, _ = await mode.call(Author.objects.using("other"), "get_or_create", name="got")
    made = await mode.call(Author.objects.using("other"), "bulk_create", [Author(name="bulk")])
    assert (alias(found), alias(made[0])) == ("other", "other")
    assert await mode.call(Author.objects, "count") == 1
    assert (await mode.call(author, "delete"))[0] == 4
    assert await mode.call(Author.objects, "count") == 1


async def test_saving_elsewhere_says_so(two, mode):
    author = await mode.call(Author.objects.using("other"), "get")
    author.pk, author._state.adding = None, True
    await mode.call(author, "save", using="default")
    assert alias(author) == "default"
    assert await mode.call(Author.objects.filter(name="there"), "count") == 1


async def test_rows_of_two_databases_are_not_linked(two, mode):
    here = await mode.call(Author.objects, "get", name="here")
    there = await mode.call(Book.objects.using("other").select_related("author"), "get")
    tag = await mode.call(Tag.objects, "create", name="here")
    with pytest.raises(ValueError, match="other"):
        there.author = here
    with pytest.raises(ValueError, match="other"):
        await mode.call(here.books, "add", there)
    with pytest.raises(ValueError, match="other"):
        await mode.call(there.tags, "add", tag)
    assert there.author.name == "there"


async def test_a_subquery_of_another_database_is_refused(two, mode, queries):
    elsewhere = Author.objects.using("other")
    with queries() as log:
        for build in (
            lambda: Book.objects.filter(author__in=elsewhere),
            lambda: Book.objects.exclude(author__in=elsewhere),
            lambda: Book.objects.filter(author__pk__in=elsewhere.values("pk")),
        ):
            with pytest.raises(ValueError, match="database"):
                await mode.fetch(build())
    assert log.count == 0


class ReadElsewhere:
    """Reads from `other`, a copy of `default`, which is written to."""

    def db_for_read(self, model, **hints):
        return "other"

    def db_for_write(self, model, **hints):
        return "default"


class WriteHere:
    def db_for_write(self, model, **hints):
        return "default"


@pytest.fixture
def copied(two):
    """Both databases hold the same book, and a router that reads the copy and writes the original."""
    author = Author.objects.using("default").get()
    book = Book.objects.using("default").create(title="b", author=author)
    book.tags.add(Tag.objects.using("default").create(name="t"))
    dorm.configure(DATABASE_ROUTERS=[ReadElsewhere()])
    routers.clear_read_after_write_window()
    yield two
    dorm.configure(DATABASE_ROUTERS=[])


async def test_what_was_read_from_a_copy_is_written_to_the_original(copied, mode):
    author = await mode.call(Author.objects, "get")
    assert (author.name, alias(author)) == ("there", "other")
    author.name = "changed"
    await mode.call(author, "save")
    assert alias(author) == "default"
    names = [(await mode.call(Author.objects.using(one), "get")).name for one in ("default", "other")]
    assert names == ["changed", "there"]
    book = await mode.call(Book.objects, "get")
    assert alias(book) == "other"
    await mode.call(book, "delete")
    assert [await mode.call(Book.objects.using(one), "count") for one in ("default", "other")] == [0, 1]


async def test_an_explicit_alias_of_save_and_delete_bypasses_routers(copied, mode):
    author = await mode.call(Author.objects.using("default"), "get")
    await mode.call(author, "save", using="other")
    assert (await mode.call(Author.objects.using("other"), "get")).name == "here"
    book = await mode.call(Book.objects.using("default"), "get")
    await mode.call(book, "delete", using="other")
    assert [await mode.call(Book.objects.using(one), "count") for one in ("default", "other")] == [1, 0]


async def test_a_row_is_written_again_where_it_was_written_before(copied, mode):
    author = await mode.call(Author.objects.using("other"), "create", name="made")
    author.name = "made there"
    await mode.call(author, "save")
    names = [one.name for one in await mode.fetch(Author.objects.using("other").order_by("pk"))]
    assert names == ["there", "made there"]
    await mode.call(author, "delete")
    assert [await mode.call(Author.objects.using(one), "count") for one in ("default", "other")] == [1, 1]


async def test_a_reloaded_row_comes_from_where_rows_are_read(copied, mode):
    author = await mode.call(Author.objects.using("default"), "get")
    await mode.call(author, "refresh_from_db")
    assert (author.name, alias(author)) == ("there", "other")
    author.name = "changed"
    await mode.call(author, "save")
    await mode.call(author, "refresh_from_db")  # follows the write
    assert (author.name, alias(author)) == ("changed", "default")


async def test_both_ends_follow_a_change_of_their_links(copied, mode):
    book = await mode.call(Book.objects, "get")
    (tag,) = await mode.fetch(book.tags.all())
    assert alias(tag) == "other"
    await mode.call(book.tags, "remove", tag)
    assert await mode.fetch(book.tags.all()) == []
    routers.clear_read_after_write_window()
    assert await mode.fetch(book.tags.all()) == [tag]
    await mode.call(book.tags, "add", tag)
    assert [alias(row) for row in await mode.fetch(book.tags.filter(pk=tag.pk))] == ["default"]
    assert [alias(row) for row in await mode.fetch(tag.books.all())] == ["default"]


async def test_a_write_to_a_named_alias_moves_no_reads(copied, mode):
    dorm.configure(DATABASE_ROUTERS=[WriteHere()])
    await mode.call(Author.objects.using("other"), "create", name="archived")
    assert await mode.call(Author.objects, "count") == 1
