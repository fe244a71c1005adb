"""Each `filter()` makes joins of its own, an annotation keeps those of its step, what comes later reads the latest."""

from __future__ import annotations

from typing import Any

import pytest
from small_library import MODELS, Author, Book, Note, populate

from dorm import Count, Exists, F, Max, OuterRef, Q, Sum

pytestmark = pytest.mark.models(MODELS)
A, B, N = Author.objects, Book.objects, Note.objects
TENS_THEN_B3 = A.filter(books__pages=10).filter(books__title="b3")


def in_any_order(rows: list[Any]) -> list[Any]:
    return sorted((tuple(row) if isinstance(row, tuple) else row for row in rows), key=repr)


ROWS: dict[str, tuple[Any, list[Any]]] = {
    "an annotation after two filters": (
        TENS_THEN_B3.annotate(m=Max("books__pages")).values_list("name", "m"),
        [("a", 30)],
    ),
    "values after two filters": (TENS_THEN_B3.values_list("books__title", flat=True), ["b3", "b3"]),
    "an order after two filters": (
        A.filter(books__title="b3").filter(books__pages=10).order_by("-books__title").values_list("books__title"),
        [("b1",), ("b2",)],
    ),
    "what lies behind the latest": (TENS_THEN_B3.values_list("name", "books__tags__label"), [("a", None)] * 2),
    "an annotation before a filter": (
        A.annotate(j=F("books__title")).filter(books__title="b1").values_list("j", flat=True),
        ["b1", "b2", "b3"],
    ),
    "an annotation between two filters": (
        A.filter(books__pages=10)
        .annotate(j=F("books__title"))
        .filter(books__title="b3")
        .order_by("j")
        .values_list("j", "books__title"),
        [("b1", "b3"), ("b2", "b3")],
    ),
    "two annotations": (
        A.filter(books__pages=10)
        .annotate(j=F("books__title"))
        .filter(books__title="b3")
        .annotate(k=F("books__title"))
        .filter(j="b1")
        .values_list("j", "k"),
        [("b1", "b3")],
    ),
    "a condition on an annotation": (
        A.filter(books__pages=10)
        .annotate(j=F("books__title"))
        .filter(books__title="b3")
        .exclude(j="b1")
        .values_list("j"),
        [("b2",)],
    ),
    "an aggregate before a filter, and an order": (
        A.annotate(m=Max("books__pages")).filter(books__title="b1").order_by("books__title").values_list("name", "m"),
        [("a", 30)],
    ),
    "the same without the aggregate's value": (
        A.annotate(m=Max("books__pages")).filter(books__title="b1").order_by("books__title").values_list("name"),
        [("a",)],
    ),
    "aggregates before and after a filter": (
        A.annotate(m=Max("books__pages"))
        .filter(books__title="b1")
        .annotate(k=Max("books__pages"))
        .values_list("name", "m", "k"),
        [("a", 30, 10)],
    ),
    "an aggregate that goes on from the row of a filter": (
        A.filter(books__title="b1").annotate(n=Count("books__tags")).values_list("name", "n"),
        [("a", 2)],
    ),
    "an aggregate that ends before the row of a filter": (
        A.filter(books__tags__label="t1").annotate(n=Count("books")).values_list("name", "n"),
        [("a", 1), ("c", 1)],
    ),
    "values before a filter": (
        A.values_list("books__title", flat=True).filter(books__title="b1"),
        ["b1", "b2", "b3"],
    ),
    "values between two filters": (
        A.filter(books__title="b1").values_list("books__title", flat=True).filter(books__title="b3"),
        ["b1"],
    ),
    "values said again": (
        A.values_list("books__title").filter(books__title="b1").values_list("books__title", flat=True),
        ["b1"],
    ),
    "groups of values between two filters": (
        A.filter(books__pages=10)
        .values_list("books__title")
        .filter(books__title="b3")
        .annotate(n=Count("pk"))
        .order_by("books__title"),
        [("b1", 1), ("b2", 1)],
    ),
    "a subquery in a filter": (
        A.filter(books__title="b3").filter(Exists(N.filter(book=OuterRef("books__pk")))).values_list("name", flat=True),
        ["a", "a"],
    ),
    "a subquery beside the condition": (
        A.filter(Q(books__title="b3"), Exists(N.filter(book=OuterRef("books__pk")))),
        [],
    ),
    "a subquery of an annotation": (
        A.filter(books__title="b3").annotate(x=Exists(N.filter(book=OuterRef("books__pk")))).values_list("name", "x"),
        [("a", False)],
    ),
    "a column on the right side": (
        A.filter(books__title="b3").filter(books__pages__gt=F("books__notes__stars")).values_list("name", flat=True),
        ["a", "a"],
    ),
    "a relation through a table": (
        B.filter(tags__label="t1").filter(tags__label="t2").values_list("title", "tags__label"),
        [("b1", "t2")],
    ),
}


@pytest.mark.parametrize("name", ROWS)
async def test_rows_are_those_of_the_joins_of_each_step(database, mode, name):
    populate()
    queryset, expected = ROWS[name]
    assert in_any_order(await mode.fetch(queryset.all())) == in_any_order(expected)
    assert await mode.call(queryset.all(), "count") == len(expected)


async def test_aggregates_read_the_latest_join(database, mode):
    populate()
    found = await mode.call(TENS_THEN_B3, "aggregate", total=Sum("books__pages"), n=Count("books"))
    assert found == {"total": 60, "n": 2}
    assert await mode.call(A.filter(books__title="b3").filter(books__pages=10), "aggregate", m=Max("books__pages")) == {
        "m": 10
    }
