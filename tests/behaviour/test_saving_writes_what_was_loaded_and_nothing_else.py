"""update_fields, deferred columns, force flags, given keys, relations, and refreshing."""

from __future__ import annotations

import pytest

from behaviour.bookshop import Author, Book
from dorm import DatabaseError, FieldDoesNotExist, IntegrityError, LazyLoadWarning


async def stored(mode, key=1):
    return await mode.call(Book.objects, "get", pk=key)


async def test_only_the_named_columns_are_written(shop, mode, queries):
    book = await stored(mode)
    book.title, book.pages, book.author_id = "new", 5, 2
    await mode.call(book, "save", update_fields=["title"])
    assert ((await stored(mode)).title, (await stored(mode)).pages) == ("new", 100)
    await mode.call(book, "save", update_fields=["author_id"])
    await mode.call(book, "save", update_fields={"author"})
    assert (await stored(mode)).author_id == 2
    with queries() as log:
        await mode.call(book, "save", update_fields=[])
    assert log.count == 0


async def test_columns_that_were_not_loaded_are_not_written(shop, mode):
    await mode.call(Book.objects.filter(pk=1), "update", price=7)
    book = await mode.call(Book.objects.only("title"), "get", pk=1)
    await mode.call(Book.objects.filter(pk=1), "update", pages=999)
    book.title = "new"
    await mode.call(book, "save")
    assert ((await stored(mode)).title, (await stored(mode)).pages, (await stored(mode)).price) == ("new", 999, 7)
    book = await mode.call(Book.objects.defer("pages"), "get", pk=1)
    book.pages = 5
    await mode.call(book, "save")
    assert (await stored(mode)).pages == 5


async def test_wrong_names_are_refused_before_any_sql(shop, mode, queries):
    book = await stored(mode)
    with queries() as log:
        for names in (["nope"], ["tags"], ["reviews"], ["id"], "title"):
            with pytest.raises((ValueError, FieldDoesNotExist)):
                await mode.call(book, "save", update_fields=names)
        with pytest.raises(ValueError):
            await mode.call(book, "save", force_insert=True, force_update=True)
        with pytest.raises(FieldDoesNotExist, match="Did you mean 'title'"):
            await mode.call(book, "refresh_from_db", fields=["titel"])
    assert log.count == 0


async def test_a_given_key_updates_what_exists_and_inserts_what_does_not(shop, mode, queries):
    with queries() as log:
        await mode.call(Book(pk=1, title="over", author_id=1), "save")
    assert [sql.split()[0] for sql in log.sql] == ["UPDATE"]
    assert (await stored(mode)).title == "over"
    with queries() as log:
        await mode.call(Book(pk=500, title="new", author_id=1), "save")
    assert [sql.split()[0] for sql in log.sql] == ["UPDATE", "INSERT"]
    assert (await stored(mode, 500)).title == "new"


async def test_force_flags_mean_what_they_say(shop, mode):
    with pytest.raises(DatabaseError):
        await mode.call(Book(pk=500, title="x", author_id=1), "save", force_update=True)
    with pytest.raises(IntegrityError):
        await mode.call(Book(pk=1, title="x", author_id=1), "save", force_insert=True)
    assert (await stored(mode)).title == "Alpha"
    gone = await stored(mode, 7)
    await mode.call(Book.objects.filter(pk=7), "delete")
    with pytest.raises(DatabaseError):
        await mode.call(gone, "save", update_fields=["title"])
    await mode.call(gone, "save")
    assert (await stored(mode, 7)).title == "Back\\slash"


async def test_a_relation_to_an_unsaved_object_is_refused_until_it_is_saved(shop, mode, queries):
    author = Author(name="later")
    book = Book(title="x", author=author)
    with queries() as log, pytest.raises(ValueError, match="author"):
        await mode.call(book, "save")
    assert log.count == 0
    await mode.call(author, "save")
    await mode.call(book, "save")
    assert (await stored(mode, book.pk)).author_id == author.pk


async def test_refreshing_forgets_related_objects_of_what_it_reloads(shop, mode):
    book = await mode.call(Book.objects.select_related("author"), "get", pk=1)
    await mode.call(Author.objects.filter(pk=1), "update", name="renamed")
    await mode.call(book, "refresh_from_db", fields=["title"])
    assert book.author.name == "Ada"
    await mode.call(book, "refresh_from_db")
    assert "author" not in vars(book)
    if mode.sync:
        assert book.author.name == "renamed"
    book.title = "mine"
    await mode.call(book, "refresh_from_db", fields=["pages"])
    assert book.title == "mine"
    await mode.call(Book.objects.filter(pk=1), "delete")
    with pytest.raises(Book.DoesNotExist):
        await mode.call(book, "refresh_from_db")


async def test_a_relation_and_its_key_move_together(shop, mode, queries):
    book = await mode.call(Book.objects.select_related("author"), "get", pk=1)
    bob = await mode.call(Author.objects, "get", pk=2)
    book.author = bob
    assert (book.author_id, book.author is bob) == (2, True)
    book.author_id = 4
    assert "author" not in vars(book)
    book.author = None
    assert (book.author_id, book.author) == (None, None)
    book.author = 4
    assert book.author_id == 4
    for wrong in (Book(pk=1), "x"):
        with pytest.raises((ValueError, Exception)):
            book.author = wrong
    assert book.author_id == 4


@pytest.mark.filterwarnings("ignore::dorm.LazyLoadWarning")
async def test_a_missing_one_to_one_is_an_attribute_that_is_not_there(shop, mode):
    third = await mode.call(Author.objects.select_related("profile"), "get", pk=3)
    assert not hasattr(third, "profile")
    with pytest.raises(AttributeError):
        third.profile
    from_type = type(third).profile
    assert from_type is not None
    assert issubclass(LazyLoadWarning, Warning)
