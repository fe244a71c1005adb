"""A `Prefetch` over a many-to-many relation gives each owner what its related manager gives with the same chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from small_library import MODELS, Book, Leg, Stop, Tag, Tour, populate

from dorm import Count, F, Max, Prefetch, Q

pytestmark = pytest.mark.models(MODELS)

STOPS: dict[str, tuple[Callable[[Any], Any], list[list[Any]]]] = {
    "a column of the link": (
        lambda rows: rows.annotate(x=F("legs__hours")),
        [[("bar", 1), ("inn", 9)], [("bar", 7), ("inn", 2), ("zoo", 5)], []],
    ),
    "an aggregate over the link": (
        lambda rows: rows.annotate(x=Max("legs__hours")),
        [[("bar", 1), ("inn", 9)], [("bar", 7), ("inn", 2), ("zoo", 5)], []],
    ),
    "a condition on the link": (
        lambda rows: rows.filter(legs__hours__gte=5).annotate(x=F("legs__hours")),
        [[("inn", 9)], [("bar", 7), ("zoo", 5)], []],
    ),
    "a column, then a condition": (
        lambda rows: rows.annotate(x=F("legs__hours")).filter(legs__hours__gte=5),
        [[("inn", 9)], [("bar", 7), ("zoo", 5)], []],
    ),
    "a condition on the owner": (
        lambda rows: rows.filter(tours__title="west").annotate(x=F("tours__title")),
        [[("bar", "west"), ("inn", "west")], [], []],
    ),
    "without what the link says": (
        lambda rows: rows.exclude(legs__hours__gte=5).annotate(x=F("legs__hours")),
        [[("bar", 1)], [("inn", 2)], []],
    ),
    "a second filter is about any link": (
        lambda rows: rows.filter(name__gte="a").filter(legs__hours=9).annotate(x=F("legs__hours")),
        [[("inn", 9)], [("inn", 9)], []],
    ),
    "an order by the link": (
        lambda rows: rows.order_by("-legs__hours").annotate(x=F("name")),
        [[("inn", "inn"), ("bar", "bar")], [("bar", "bar"), ("zoo", "zoo"), ("inn", "inn")], []],
    ),
    "either of two conditions on the link": (
        lambda rows: rows.filter(Q(legs__hours=9) | Q(legs__hours=7)).annotate(x=F("legs__hours")),
        [[("inn", 9)], [("bar", 7)], []],
    ),
}


@pytest.mark.parametrize("name", STOPS)
async def test_a_prefetch_gives_what_the_related_manager_gives(database, mode, name):
    populate()
    chain, expected = STOPS[name]
    rows = chain(Stop.objects.all())
    if "order" not in name:
        rows = rows.order_by("pk")
    tours = await mode.fetch(Tour.objects.order_by("pk").prefetch_related(Prefetch("stops", rows, to_attr="found")))
    assert [[(stop.name, stop.x) for stop in tour.found] for tour in tours] == expected
    for tour, stops in zip(tours, expected, strict=True):
        managed = chain(tour.stops)
        if "order" not in name:
            managed = managed.order_by("pk")
        assert [(stop.name, stop.x) for stop in await mode.fetch(managed)] == stops


async def test_a_slice_is_taken_of_the_rows_of_each_link(database, mode):
    populate()
    rows = Stop.objects.filter(legs__hours__gte=2).order_by("-legs__hours")[:1]
    tours = await mode.fetch(Tour.objects.order_by("pk").prefetch_related(Prefetch("stops", rows, to_attr="found")))
    assert [[stop.name for stop in tour.found] for tour in tours] == [["inn"], ["bar"], []]


async def test_what_is_counted_behind_the_rows_is_counted_beside_the_link(database, mode):
    populate()
    rows = Tag.objects.annotate(n=Count("books__notes")).order_by("pk")
    books = await mode.fetch(Book.objects.order_by("pk").prefetch_related(Prefetch("tags", rows)))
    assert [[(tag.label, tag.n) for tag in book.tags.all()] for book in books[:2]] == [
        [("t1", 2), ("t2", 2)],
        [("t2", 1)],
    ]


async def test_a_related_manager_excludes_each_row_once(database, mode):
    populate()
    east = await mode.call(Tour.objects, "get", title="east")
    # west has no stop at the zoo, east has, so nothing of it stays
    assert await mode.fetch(east.stops.exclude(tours__stops__name="zoo")) == []
    kept = await mode.fetch(east.stops.exclude(tours__stops__name="pub").order_by("pk"))
    assert [stop.name for stop in kept] == ["bar", "inn", "zoo"]
    long = await mode.fetch(east.stops.exclude(legs__hours__lt=5).order_by("pk"))
    assert [stop.name for stop in long] == ["bar", "zoo"]
    assert await mode.call(Leg.objects.filter(tour=east), "count") == 3
