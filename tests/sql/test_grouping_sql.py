"""Aggregates as SQL: GROUP BY, HAVING, FILTER, and subqueries where joins would multiply rows."""

from __future__ import annotations

from typing import Any

import pytest
from select_models import A, B, P, both, shared

from dorm import Count, F, Max, Q, Sum, Value
from dorm.functions import Coalesce
from dorm.query.describe.base import with_state

FROM = 'FROM "author" LEFT OUTER JOIN "book" ON "book"."author_id" = "author"."id"'
KEY = '"author"."id"'

GROUPS: dict[str, tuple[Any, str, str, tuple[Any, ...]]] = {
    "by the key": (
        A.annotate(n=Count("books")).values_list("pk", "n"),
        f'SELECT {KEY}, count("book"."id") AS c1 {FROM} GROUP BY {KEY}',
        "",
        (),
    ),
    "having": (
        A.annotate(n=Count("books")).filter(n__gt=1).values_list("pk"),
        f'SELECT {KEY} {FROM} GROUP BY {KEY} HAVING count("book"."id") > ?',
        "n",
        (1,),
    ),
    "where and having": (
        A.filter(age=3).annotate(n=Count("books")).filter(n__gt=1, name="x").values_list("pk"),
        f'SELECT {KEY} {FROM} WHERE "author"."age" = ? AND "author"."name" = ? GROUP BY {KEY} HAVING count("book"."id") > ?',
        "ntn",
        (3, "x", 1),
    ),
    "by values": (
        B.values("author").annotate(n=Sum("pages")),
        'SELECT "book"."author_id", sum("book"."pages") AS c1 FROM "book" GROUP BY "book"."author_id"',
        "",
        (),
    ),
    "by values of another table": (
        B.values("author__name").annotate(n=Count("pk")).filter(n__gt=1).order_by("-n"),
        'SELECT "author"."name", count("book"."id") AS c1 FROM "book" JOIN "author" ON "author"."id" = "book"."author_id" '
        'GROUP BY "author"."name" HAVING count("book"."id") > ? ORDER BY c1 DESC',
        "n",
        (1,),
    ),
    "by nothing": (P.values("n").annotate(), 'SELECT "plain"."n" FROM "plain"', "", ()),
    "filter": (
        A.annotate(n=Count("books", filter=Q(books__pages__gt=5))).values_list("pk", "n"),
        f'SELECT {KEY}, count("book"."id") FILTER (WHERE "book"."pages" > ?) AS c1 {FROM} GROUP BY {KEY}',
        "n",
        (5,),
    ),
    "distinct": (
        A.annotate(n=Count("books", distinct=True)).values_list("pk", "n"),
        f'SELECT {KEY}, count(DISTINCT "book"."id") AS c1 {FROM} GROUP BY {KEY}',
        "",
        (),
    ),
    "default": (
        A.annotate(n=Sum("books__pages", default=7)).values_list("pk", "n"),
        f'SELECT {KEY}, coalesce(sum("book"."pages"), ?) AS c1 {FROM} GROUP BY {KEY}',
        "n",
        (7,),
    ),
    "two relations": (
        A.annotate(n=Count("books"), m=Count("edited")).values_list("pk", "n", "m"),
        f'SELECT {KEY}, (SELECT count("book"."id") AS count_1 FROM "book" WHERE "book"."author_id" = {KEY}) AS c1, '
        f'(SELECT count(book_2."id") AS count_2 FROM "book" AS book_2 WHERE book_2."editor_id" = {KEY}) AS c2 FROM "author"',
        "",
        (),
    ),
    "a column beside the key": (
        B.annotate(n=Count("tags")).values_list("pk", "author__name", "n"),
        'SELECT "book"."id", "author"."name", count("book_tags"."tag_id") AS c2 FROM "book" '
        'LEFT OUTER JOIN "book_tags" ON "book_tags"."book_id" = "book"."id" '
        'JOIN "author" ON "author"."id" = "book"."author_id" GROUP BY "book"."id", "author"."name"',
        "",
        (),
    ),
}


@pytest.mark.parametrize("name", GROUPS)
def test_aggregates_group_like_this(name):
    queryset, sql, kinds, params = GROUPS[name]
    lite, postgres = shared(sql, kinds)
    found = both(queryset)
    assert found == ((lite, params), (postgres, params))


def aggregated(queryset: Any, **expressions: Any) -> Any:
    state = queryset.annotate(**expressions).state
    return with_state(queryset, queryset.state.evolve(aggregates=tuple(state.annotations.items())))


AGGREGATES: dict[str, tuple[Any, str, str, tuple[Any, ...]]] = {
    "plain": (aggregated(P.all(), m=Max("n")), 'SELECT max("plain"."n") AS c0 FROM "plain"', "", ()),
    "filtered": (
        aggregated(P.filter(key="a"), m=Max("n"), s=Sum(F("n") + 1)),
        'SELECT max("plain"."n") AS c0, sum("plain"."n" + ?) AS c1 FROM "plain" WHERE "plain"."key" = ?',
        "nt",
        (1, "a"),
    ),
    "an order is left out": (
        aggregated(P.order_by("n"), m=Max("n")),
        'SELECT max("plain"."n") AS c0 FROM "plain"',
        "",
        (),
    ),
    "coalesce": (
        aggregated(P.all(), m=Coalesce(Max("n"), Value(0))),
        'SELECT coalesce(max("plain"."n"), ?) AS c0 FROM "plain"',
        "n",
        (0,),
    ),
}


@pytest.mark.parametrize("name", AGGREGATES)
def test_aggregate_reads_like_this(name):
    queryset, sql, kinds, params = AGGREGATES[name]
    lite, postgres = shared(sql, kinds)
    assert both(queryset, "aggregate") == ((lite, params), (postgres, params))
