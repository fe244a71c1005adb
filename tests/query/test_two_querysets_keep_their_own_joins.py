"""``x | y`` and ``x & y`` mean what both mean: each side keeps its joins and annotations (Django 5.2)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_library import MODELS, Author, Book, Stop, Tour, populate

from dorm import Count, F, Max, Q, Sum

pytestmark = pytest.mark.models(MODELS)
A, B = Author.objects, Book.objects
BOTH = A.filter(books__title="b1").filter(books__title="b2")

ROWS: dict[str, tuple[Any, list[Any]]] = {
    "two filters, or another row": (BOTH | A.filter(name="c"), ["a", "c"]),
    "the other way round": (A.filter(name="c") | BOTH, ["a", "c"]),
    "one filter, or an exclusion": (A.filter(books__title="b4") | A.exclude(books__title="b1"), ["b", "c", "d"]),
    "one of two tags, or an author": (
        (B.filter(tags=1).filter(tags=2) | B.filter(au=1)).distinct(),
        ["b1", "b2", "b3"],
    ),
    "two filters on both sides": (
        (BOTH | A.filter(books__title="b3").filter(books__title="b2")).distinct(),
        ["a"],
    ),
    "one related row is enough for either": (A.filter(books__pages=10) | A.filter(books__pages=30), ["a", "a", "a"]),
    "both may be about different rows": (A.filter(books__title="b1") & A.filter(books__title="b2"), ["a"]),
    "two filters and a third": (BOTH & A.filter(books__title="b3"), ["a"]),
    "annotations of one name": (
        (A.annotate(j=F("name")).filter(j="b") | A.annotate(j=F("books__title")).filter(j="b4")).values_list(
            "name", "j"
        ),
        [("b", "b"), ("c", "c")],
    ),
    "one annotation, two conditions": (
        A.annotate(j=F("books__title")).filter(j="b1") | A.annotate(j=F("books__title")).filter(j="b4"),
        ["a", "c"],
    ),
    "an annotation and a filter": (
        A.annotate(j=F("books__title")).filter(j="b1") | A.filter(books__title="b4"),
        ["a", "c"],
    ),
    "an alias on the right": (A.filter(name="b") | A.alias(j=F("books__title")).filter(j="b4"), ["b", "c"]),
    "annotations of different rows": (
        A.annotate(j=F("books__title")).filter(j="b1") & A.annotate(j=F("books__title")).filter(j="b2"),
        ["a"],
    ),
    "one aggregate, two conditions": (
        A.annotate(n=Count("books")).filter(n__gt=0) & A.annotate(n=Count("books")).filter(n__lt=3),
        ["c", "d"],
    ),
    "an aggregate on the right": (A.filter(name="b") | A.annotate(n=Count("books")).filter(n__gt=1), ["a", "b"]),
    "what they have in common": (
        A.filter(books__pages=10).filter(books__title="b3") | A.filter(books__pages=10).filter(books__title="b1"),
        ["a", "a", "a", "a"],
    ),
    "three sides": (BOTH | A.filter(name="c") | A.filter(name="d"), ["a", "c", "d"]),
    "nested": ((BOTH | A.filter(name="c")) & (A.filter(books__title="b4") | A.filter(name="b")), ["c"]),
    "a filter afterwards": ((BOTH | A.filter(name="c")).filter(books__pages__gt=20), ["a", "c"]),
    "an order afterwards": (
        (BOTH | A.filter(name="c")).order_by("-books__title").values_list("name", "books__title"),
        [("a", "b2"), ("c", "b4")],
    ),
    "an annotation afterwards": (
        (A.filter(books__title="b1") | A.filter(books__title="b4"))
        .annotate(m=Max("books__pages"))
        .values_list("name", "m"),
        [("a", 10), ("c", 40)],
    ),
    "values on both sides": (
        A.filter(books__title="b1").values_list("books__title")
        | A.filter(books__title="b4").values_list("books__title"),
        [("b1",), ("b4",)],
    ),
    "a slice": ((A.filter(name="a").order_by("pk")[:1] | BOTH | A.filter(name="c")).distinct(), ["a", "c"]),
}


def plain(rows: list[Any]) -> list[Any]:
    shown = [getattr(row, "name", getattr(row, "title", row)) for row in rows]
    return sorted((tuple(row) if isinstance(row, tuple) else row for row in shown), key=repr)


@pytest.mark.parametrize("name", ROWS)
async def test_each_side_keeps_its_joins(database, mode, name):
    populate()
    queryset, expected = ROWS[name]
    assert plain(await mode.fetch(queryset.all())) == expected
    assert await mode.call(queryset.all(), "count") == len(expected)


async def test_aggregates_of_either_side_read_the_joins_of_both(database, mode):
    populate()
    either = A.filter(books__pages=10) | A.filter(books__title="b4")
    assert await mode.call(either, "aggregate", total=Sum("books__pages")) == {"total": 60}
    both = A.filter(books__pages=10) & A.filter(books__title="b3")
    assert await mode.call(both, "aggregate", total=Sum("books__pages")) == {"total": 60}


async def test_rows_of_one_owner_are_combined_as_such(database, mode):
    populate()
    east = await mode.call(Tour.objects, "get", title="east")
    either = east.stops.filter(legs__hours=7) | east.stops.filter(legs__hours=9) | east.stops.filter(name="zoo")
    assert plain(await mode.fetch(either)) == ["bar", "zoo"]
    assert await mode.call(Stop.objects.filter(legs__hours=9) | Stop.objects.filter(legs__hours=7), "count") == 2


LEAVES = (
    Q(name="a"),
    Q(name="c"),
    Q(boss__name="b"),
    Q(boss__age=None),
    Q(books__title="b1"),
    Q(books__title__in=["b2", "b4"]),
    Q(books__title__in=[]),
    Q(books__pages=10),
    Q(books__pages=None),
    Q(books__isnull=True),
    Q(books__tags__label="t1"),
    Q(books__tags__weight__gt=0),
    Q(staff__age__gt=1),
)
conditions = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(
        st.builds(lambda one, two: one & two, inner, inner),
        st.builds(lambda one, two: one | two, inner, inner),
        st.builds(lambda one: ~one, inner),
    ),
    max_leaves=3,
)
VALUES = (("books__title", "b1"), ("books__tags__label", "t1"), ("boss__name", "b"), ("staff__name", "c"))
steps = st.one_of(
    st.builds(lambda q: lambda rows: rows.filter(q), conditions),
    st.builds(lambda q: lambda rows: rows.exclude(q), conditions),
    st.builds(lambda pair: lambda rows: rows.annotate(x=F(pair[0])).filter(x=pair[1]), st.sampled_from(VALUES)),
    st.builds(lambda pair: lambda rows: rows.alias(y=F(pair[0])).exclude(y=pair[1]), st.sampled_from(VALUES)),
)


def chained(start: Any, changes: list[Any]) -> Any:
    for change in changes:
        start = change(start)
    return start


chains = st.lists(steps, max_size=3)


def keys(rows: Any) -> set[int]:
    return set(rows.values_list("pk", flat=True))


def test_the_keys_of_two_querysets_are_combined_as_sets(database):
    populate()

    @settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(base=chains, one=chains, two=chains, three=chains, later=conditions)
    def check(base: list[Any], one: list[Any], two: list[Any], three: list[Any], later: Q) -> None:
        start = chained(A.all(), base[:1])
        x, y, z = (chained(start, changes) for changes in (one, two, three))
        assert keys(x | y) == keys(x) | keys(y)
        assert keys(x & y) == keys(x) & keys(y)
        assert keys((x | y) & z) == (keys(x) | keys(y)) & keys(z)
        assert keys(x | (y & z)) == keys(x) | (keys(y) & keys(z))
        assert keys((x | y).filter(later)) == keys((x | y) & A.filter(later))

    check()
