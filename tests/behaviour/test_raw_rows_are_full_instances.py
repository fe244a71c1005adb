"""raw() maps columns by name, defers what is missing, attaches what is extra, and checks its parameters."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from behaviour.bookshop import Author, Book
from dorm import ProgrammingError

TABLE = "bookshop_author"


async def rows(mode, sql, params=None, **options):
    return await mode.fetch(Author.objects.raw(sql, params, **options))


async def test_columns_are_matched_by_name_and_converted(shop, mode):
    (ada,) = await rows(mode, f"SELECT rating, joined, active, name, id, age FROM {TABLE} WHERE id = %s", [1])
    assert (ada.pk, ada.name, ada.age, ada.active) == (1, "Ada", 36, True)
    assert ada.rating == Decimal("4.50")
    assert ada.joined == dt.datetime(2020, 1, 31, 23, 59, 59, 123456)
    assert ada.get_deferred_fields() == {"email", "country_id", "mentor_id"}
    assert (ada._state.adding, ada._state.db) == (False, "default")


async def test_extra_columns_become_attributes_and_names_can_be_translated(shop, mode):
    sql = (
        "SELECT a.id, a.name AS label, COUNT(b.id) AS book_count FROM bookshop_author a "
        "LEFT JOIN bookshop_book b ON b.author_id = a.id GROUP BY a.id, a.name ORDER BY a.id"
    )
    found = await rows(mode, sql, translations={"label": "name"})
    assert [(one.name, one.book_count) for one in found[:3]] == [("Ada", 2), ("Bob", 1), ("bob", 0)]
    assert not hasattr(found[0], "label")


async def test_placeholders_and_percent_signs(shop, mode):
    async def names(sql, params=None):
        return [one.name for one in await rows(mode, sql, params)]

    start = f"SELECT * FROM {TABLE} WHERE "
    assert await names(start + "name LIKE 'A%'") == ["Ada"]
    assert await names(start + "name LIKE 'A%%' AND id = %s", [1]) == ["Ada"]
    assert await names(start + "name = %s AND '%%s' <> '?'", ["Ada"]) == ["Ada"]
    assert await names(start + "name = ? AND '?' = '?'", ["O'Neil"]) == ["O'Neil"]
    assert await names(start + "name = %(who)s AND id = %(key)s", {"who": "Ada", "key": 1}) == ["Ada"]
    assert await names(start + "age = %s AND name <> %s ORDER BY id", (36, "Ada")) == ["bob", "O'Neil"]


def test_wrong_parameters_are_refused_when_the_query_is_made(shop, queries):
    sql = f"SELECT * FROM {TABLE} WHERE name = %s"
    with queries() as log:
        for text, params in [(sql, []), (sql, [1, 2]), ("", None), ("  ", None)]:
            with pytest.raises(ValueError):
                Author.objects.raw(text, params)
        with pytest.raises(ValueError, match="who"):
            list(Author.objects.raw(f"SELECT * FROM {TABLE} WHERE name = %(who)s", {"whom": 1}))
    assert log.count == 0


async def test_a_query_without_the_key_or_with_bad_sql_says_so(shop, mode):
    with pytest.raises(ValueError, match="primary key|'id'"):
        await rows(mode, f"SELECT name FROM {TABLE}")
    with pytest.raises(ProgrammingError):
        await rows(mode, "SELEC 1")


async def test_it_is_lazy_and_keeps_its_rows(shop, mode, queries):
    with queries() as log:
        found = Author.objects.raw(f"SELECT * FROM {TABLE} ORDER BY id")
    assert log.count == 0
    with queries() as log:
        first = await mode.fetch(found)
        again = await mode.fetch(found)
        assert (found[0].name, len(found), bool(found)) == ("Ada", 8, True)
    assert first == again
    assert log.count == 1


async def test_its_rows_are_saved_related_and_prefetched(shop, mode, queries):
    found = Author.objects.raw(f"SELECT id, name FROM {TABLE} WHERE id < 3 ORDER BY id").prefetch_related("books")
    with queries() as log:
        ada, bob = await mode.fetch(found)
        assert [len(one.books.all()) for one in (ada, bob)] == [2, 1]
    assert log.count == 2
    ada.name = "Ada L."
    await mode.call(ada, "save")
    stored = await mode.call(Author.objects, "get", pk=1)
    assert (stored.name, stored.age) == ("Ada L.", 36)
    await mode.call(bob, "delete")
    assert await mode.call(Book.objects.filter(title="beta"), "exists") is False
