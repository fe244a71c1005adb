"""Slicing and indexing a queryset give what slicing and indexing its list gives, with LIMIT and OFFSET."""

from __future__ import annotations

import pytest

from behaviour.bookshop import Author, Item
from behaviour.cases import refused_without_sql, rows_are
from dorm import Count, F

ORDERED = Item.objects.order_by("name").values_list("name", flat=True)
NAMES = ["a", "b", "c", "d", "e", "f"]
BOUNDS = [None, 0, 1, 2, 4, 6, 9]


async def test_slices_follow_the_laws_of_lists(shop, mode):
    for start in BOUNDS:
        for stop in BOUNDS:
            assert await mode.fetch(ORDERED[start:stop]) == NAMES[start:stop], (start, stop)


async def test_slices_of_slices_compose(shop, mode):
    for first in (slice(1, 5), slice(2, None), slice(None, 4), slice(5, 2)):
        for second in (slice(1, 3), slice(None, 9), slice(2, None), slice(0, 0)):
            expected = NAMES[first][second]
            assert await mode.fetch(ORDERED[first][second]) == expected, (first, second)
            assert await mode.call(ORDERED[first][second], "count") == len(expected)
            assert await mode.call(ORDERED[first][second], "exists") is bool(expected)


async def test_a_slice_sends_one_statement_or_none(shop, mode, queries):
    with queries() as log:
        await mode.fetch(ORDERED[1:3])
    assert log.count == 1
    assert "LIMIT" in log.sql[0].upper()
    with queries() as log:
        assert await mode.fetch(ORDERED[3:3]) == []
        assert await mode.fetch(ORDERED[5:2]) == []
    assert log.count == 0


def test_an_index_gives_one_row(shop, queries):
    with queries() as log:
        assert ORDERED[1] == "b"
        assert ORDERED[1:3][1] == "c"
    assert log.count == 2
    for build in (lambda: ORDERED[6], lambda: ORDERED[1:3][2], lambda: ORDERED[4:4][0]):
        with pytest.raises(IndexError):
            build()
    with queries() as log:
        filled = ORDERED.all()
        assert list(filled) == NAMES
        assert (filled[2], list(filled[1:3])) == ("c", ["b", "c"])
    assert log.count == 1


def test_what_no_slice_can_mean_is_refused(shop, queries):
    refused_without_sql(queries, ValueError, [lambda: ORDERED[-1], lambda: ORDERED[:-1], lambda: ORDERED[-3:]])
    refused_without_sql(queries, TypeError, [lambda: ORDERED["a"]])
    attempts = [
        lambda: ORDERED[:3].filter(rank=1),
        lambda: ORDERED[:3].exclude(rank=1),
        lambda: ORDERED[:3].order_by("rank"),
        lambda: ORDERED[:3].distinct(),
        lambda: ORDERED[:3].reverse(),
    ]
    refused_without_sql(queries, TypeError, attempts, "slice")


FIRST = Author.objects.order_by("pk")[:2]


async def test_a_slice_keeps_its_rows_when_it_is_annotated(shop, mode):
    await rows_are(
        mode,
        [
            (lambda: FIRST.annotate(n=F("age") + 1).values_list("pk", "n"), [(1, 37), (2, None)]),
            (lambda: FIRST.annotate(n=F("mentor__name")).values_list("pk", "n"), [(1, None), (2, "Ada")]),
            (lambda: FIRST.annotate(n=Count("books")).values_list("pk", "n"), [(1, 2), (2, 1)]),
            (lambda: FIRST.annotate(n=Count("books"), m=Count("reviews")).values_list("n", "m"), [(2, 2), (1, 2)]),
            (lambda: FIRST.alias(n=Count("books")).annotate(m=F("n") * 2).values_list("pk", "m"), [(1, 4), (2, 2)]),
            (lambda: FIRST.values("pk").annotate(n=F("age")), [{"pk": 1, "n": 36}, {"pk": 2, "n": None}]),
        ],
    )


def test_what_would_change_the_rows_of_a_slice_is_refused(shop, queries):
    attempts = [
        lambda: FIRST.annotate(n=F("books__title")),
        lambda: FIRST.values("age").annotate(n=Count("pk")),
        lambda: Author.objects.filter(books__pages__gt=0).order_by("pk")[:2].annotate(n=Count("books")),
        lambda: Author.objects.order_by("books__title")[:2].annotate(n=Count("books")),
        lambda: Author.objects.values("age").distinct().order_by("age")[:2].annotate(n=F("name")),
    ]
    refused_without_sql(queries, TypeError, attempts, "once a slice has been taken")
