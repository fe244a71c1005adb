"""Grouping, and sorting the groups, by expressions that hold values: each of them is one expression to the database."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

import dorm
from behaviour.cases import rows_are
from dorm import Case, Count, F, IntegerField, Max, OuterRef, Q, Subquery, Sum, TextField, Value, When
from dorm.functions import Cast, Coalesce, Concat, Lower, Substr, TruncDay, TruncMonth


class Visit(dorm.Model):
    place = dorm.CharField(max_length=20, null=True)
    length = dorm.IntegerField()
    at = dorm.DateTimeField()
    data = dorm.JSONField()


pytestmark = pytest.mark.models([Visit])
V = Visit.objects


def day(number: int) -> datetime.datetime:
    return datetime.datetime(2024, 1, number)


@pytest.fixture
def visits(database):
    """Six visits to two places and to none; the kind is in the document, and once it is missing."""
    for place, length, kind in (
        ("bay", 1, 2), ("bay", 2, 2), ("ant", 3, "x"), ("ant", 4, 2), (None, 5, 10), (None, 6, None),
    ):  # fmt: skip
        data = {} if kind is None else {"kind": kind, "even": length % 2 == 0}
        V.create(place=place, length=length, at=day(1 + length % 2).replace(hour=length), data=data)
    return database


N = Count("pk")
PLACE = Coalesce("place", Value("zoo"))
PLACES = [("ant", 2), ("bay", 2), ("zoo", 2)]
CASES = [
    (lambda: V.values_list(y=PLACE).annotate(n=N).order_by("y"), PLACES),
    (lambda: V.annotate(y=PLACE).values_list("y").annotate(n=N).order_by("y"), PLACES),
    (lambda: V.annotate(y=PLACE).values_list("y").annotate(n=N).order_by("-n", "-y"), PLACES[::-1]),
    (lambda: V.annotate(y=PLACE).values_list("y").annotate(n=N).order_by(Lower("y")), PLACES),
    (lambda: V.annotate(y=PLACE).values_list("y").annotate(n=N).order_by(Concat("y", Value("!")).desc()), PLACES[::-1]),
    # what only sorts is not selected
    (lambda: V.values_list(y=PLACE).annotate(n=N).order_by(Coalesce("place", Value("aaa"))), [PLACES[2], *PLACES[:2]]),
    (lambda: V.annotate(y=PLACE).values("y").annotate(n=N).order_by("-y").values_list("n", flat=True), [2, 2, 2]),
    (lambda: V.annotate(y=PLACE).values("y").annotate(n=N).order_by("y").values("n")[:1], [{"n": 2}]),
    (lambda: V.values_list(y=Concat("place", Value("!"))).annotate(n=N).order_by("y")[:1], [("!", 2)]),
    (lambda: V.values_list(y=Substr(PLACE, 1, 2)).annotate(n=N).order_by("y"), [("an", 2), ("ba", 2), ("zo", 2)]),
    (
        lambda: V.values_list(y=Case(When(length__gt=4, then=Value("long")), default=Value("short")))
        .annotate(n=N)
        .order_by("y"),
        [("long", 2), ("short", 4)],
    ),
    (lambda: V.values_list(y=Cast(F("length") % 2, TextField())).annotate(n=N).order_by("y"), [("0", 3), ("1", 3)]),
    (lambda: V.values_list(y=F("length") % 2).annotate(n=N).filter(n__gt=1).order_by("-y"), [(1, 3), (0, 3)]),
    (lambda: V.values_list(y=F("length") % 2).annotate(n=N).order_by(F("length") % 2), [(0, 3), (1, 3)]),
    (
        lambda: V.values_list(y=F("length") % 2).annotate(n=N).order_by(F("length") % 3, "y"),
        [(0, 1), (1, 1), (0, 1), (1, 1), (0, 1), (1, 1)],
    ),
    (lambda: V.values_list(y=TruncDay("at")).annotate(n=N).order_by("y"), [(day(1), 3), (day(2), 3)]),
    (lambda: V.values_list(y=TruncMonth("at")).annotate(n=N).order_by("-y"), [(day(1), 6)]),
    (lambda: V.values_list("at__day").annotate(n=N).order_by("at__day"), [(1, 3), (2, 3)]),
    # values in documents
    (
        lambda: V.filter(data__has_key="kind").values_list("data__kind").annotate(n=N).order_by("data__kind"),
        [("x", 1), (2, 3), (10, 1)],
    ),
    (
        lambda: V.values("data__kind").annotate(n=N).filter(n__gt=1).order_by("-data__kind").values_list("n", flat=True),
        [3],
    ),
    (
        lambda: V.values_list("data__kind").annotate(n=N).filter(Q(n__gt=1) | Q(data__kind=10)).order_by("-n"),
        [(2, 3), (10, 1)],
    ),
    (
        lambda: V.filter(data__even__isnull=False).values_list("data__even").annotate(n=N).order_by("data__kind"),
        [(False, 1), (False, 1), (True, 2), (False, 1)],
    ),
    # rows of objects stay one each
    (lambda: V.annotate(n=N).order_by("data__kind", "pk").filter(data__even=True).values_list("pk", "n"), [(2, 1), (4, 1)]),
    # inside other queries
    (
        lambda: V.filter(
            pk__in=V.annotate(y=PLACE).values("y").annotate(n=Max("pk")).order_by(Lower("y")).values("n")[:2]
        ).order_by("pk").values_list("pk", flat=True),
        [2, 4],
    ),
    (
        lambda: V.annotate(
            k=Subquery(
                V.filter(pk__lte=OuterRef("pk"), data__has_key="kind")
                .values("data__kind")
                .annotate(n=N)
                .order_by("-data__kind")
                .values("n")[:1],
                output_field=IntegerField(),
            )
        ).order_by("pk").values_list("k", flat=True),
        [1, 2, 2, 3, 1, 1],
    ),
    (
        lambda: V.values_list(y=PLACE).annotate(n=N).order_by(Lower("place").desc(nulls_last=True))[:1]
        .union(V.values_list(y=PLACE).annotate(n=N).order_by(Lower("place").asc(nulls_last=True))[:1])
        .order_by("y"),
        PLACES[:2],
    ),
]  # fmt: skip


async def test_groups_are_sorted_by_expressions_with_parameters(visits, mode):
    await rows_are(mode, CASES)


async def test_sorted_groups_are_counted_and_summed_up(visits, mode):
    groups = V.values(y=PLACE).annotate(n=N)
    assert await mode.call(groups.order_by("y"), "count") == 3
    assert await mode.call(groups.order_by(Lower("place")), "count") == 3
    assert await mode.call(groups.order_by(Lower("place"))[:2], "count") == 2
    assert await mode.call(groups.order_by("y")[:2], "aggregate", m=Max("n")) == {"m": 2}


@pytest.mark.only("postgresql")
async def test_the_first_of_each_is_taken_by_expressions_with_parameters(visits, mode):
    first = V.annotate(y=PLACE).order_by("y", "-pk").distinct("y").values_list("y", "pk")
    assert await mode.fetch(first) == [("ant", 4), ("bay", 2), ("zoo", 6)]
    first = V.filter(data__has_key="kind").order_by("data__kind", "pk").distinct("data__kind")
    assert await mode.fetch(first.values_list("data__kind", "pk")) == [("x", 3), (2, 1), (10, 5)]


class Named(dorm.Model):
    c0 = dorm.IntegerField()
    c1 = dorm.IntegerField()


@pytest.mark.models([Named])
async def test_a_group_is_not_taken_for_a_column_of_that_name(database, mode):
    for number in range(4):
        await mode.call(Named.objects, "create", c0=number, c1=number)
    counted = Named.objects.annotate(half=F("c0") / 2).values_list("half").annotate(n=N).order_by("half")
    assert await mode.fetch(counted) == [(0, 2), (1, 2)]


LONG = F("length") * 2
BIG = Case(When(length__gt=4, then=Value("long")), default=Value("short"))
MIXED = [
    # conditions on groups that mix what groups hold with what is computed of them
    (lambda: V.values_list(y=PLACE).annotate(n=N).filter(Q(n=5) | Q(y="zoo")), [("zoo", 2)]),
    (lambda: V.values_list(y=PLACE).annotate(n=N).filter(Q(n=5) | Q(y="zoo")).values_list("n", flat=True), [2]),
    (lambda: V.values_list(y=PLACE).annotate(n=N).exclude(Q(n=5) | Q(y="zoo")).order_by("y"), PLACES[:2]),
    (lambda: V.values_list(y=PLACE).annotate(n=N).filter(Q(n=5) | Q(y__startswith="z")), [("zoo", 2)]),
    (lambda: V.values_list(y=PLACE).annotate(n=N).filter(Q(n=5) ^ Q(y=Value("zoo"))), [("zoo", 2)]),
    (
        lambda: V.values_list(y=BIG).annotate(n=N).filter(Q(n=4) | Q(y="long")).order_by("y"),
        [("long", 2), ("short", 4)],
    ),
    (lambda: V.values_list(y=LONG).annotate(n=N).filter(n__lt=F("y") - 9).order_by("y"), [(12, 1)]),
    (lambda: V.values_list(y=F("length") % 2).annotate(n=Count("pk") * 2 + F("y")).filter(n__gt=6), [(1, 7)]),
    (lambda: V.values_list(y=F("length") % 2).annotate(n=N, z=F("y") * 3).order_by("y"), [(0, 3, 0), (1, 3, 3)]),
    (
        lambda: (
            V.values_list(y=F("length") % 2)
            .annotate(n=N, z=Max("length") + F("y"))
            .filter(Q(z=6) | Q(y=9))
            .order_by("y")
        ),
        [(0, 3, 6), (1, 3, 6)],
    ),
    (
        lambda: V.values_list(y=Q(length__gt=4)).annotate(n=N).filter(Q(n=4) | Q(y=True)).order_by("n"),
        [(True, 2), (False, 4)],
    ),
    # objects with computed columns beside aggregates
    (
        lambda: V.annotate(y=PLACE, n=N).filter(Q(n=5) | Q(y="zoo")).order_by("pk").values_list("pk", flat=True),
        [5, 6],
    ),
    (lambda: V.annotate(y=LONG, n=N + F("y")).filter(n__gt=9).order_by("pk").values_list("n", flat=True), [11, 13]),
    # an aggregate is one of the values that are chosen among
    (
        lambda: (
            V.values_list("place")
            .annotate(m=Case(When(place="bay", then=Value(0)), default=Max("length")))
            .order_by("m")
        ),
        [("bay", 0), ("ant", 4), (None, 6)],
    ),
    (
        lambda: (
            V.annotate(n=N)
            .annotate(m=Case(When(n__gt=1, then=F("length")), default=F("n")))
            .values_list("m", flat=True)
        ),
        [1] * 6,
    ),
]


async def test_conditions_on_groups_mix_aggregates_and_what_is_grouped_by(visits, mode):
    await rows_are(mode, MIXED)
    mixed = V.values(y=PLACE).annotate(n=N).filter(Q(n=5) | Q(y="zoo"))
    assert await mode.call(mixed, "count") == 1
    assert await mode.call(mixed, "exists") is True
    assert await mode.call(mixed, "aggregate", n=Max("n")) == {"n": 2}


async def test_a_group_may_be_made_of_what_the_outer_query_says(visits, mode):
    def of_place(outer: Any, **extra: Any) -> Any:
        inner = V.filter(place=OuterRef("place")).annotate(o=outer)
        return Subquery(inner.values("o", **extra).annotate(n=Sum("length")).order_by("o").values("n")[:1])

    def rows(outer: Any) -> Any:
        return V.annotate(z=Concat("place", Value("!")), k=of_place(outer)).order_by("pk").values_list("k", flat=True)

    await rows_are(
        mode,
        [
            (lambda: rows(OuterRef("place")), [3, 3, 7, 7, None, None]),
            (lambda: rows(OuterRef("z")), [3, 3, 7, 7, None, None]),
            (lambda: rows(Concat(OuterRef("place"), Cast("length", TextField()))), [1, 1, 3, 3, None, None]),
            (lambda: rows(OuterRef("length") + Value(1)), [3, 3, 7, 7, None, None]),
        ],
    )


@pytest.mark.parametrize(
    ("condition", "value"), [(Q(pk__in=[]), False), (~Q(pk__in=[]), True), (Q(length=10**30), False)]
)
async def test_groups_are_made_of_conditions_that_are_known_beforehand(visits, mode, condition, value):
    groups = V.annotate(z=condition).values("z").annotate(n=N)
    within = V.annotate(k=Subquery(groups.values("n")[:1])).order_by("pk")
    await rows_are(
        mode,
        [
            (lambda: groups.values_list("z", "n"), [(value, 6)]),
            (lambda: groups.values_list("n"), [(6,)]),
            (lambda: groups.values_list("n").order_by("z").distinct(), [(6,)]),
            (lambda: groups.values_list("n").union(groups.values_list("n")), [(6,)]),
            (
                lambda: V.annotate(z=condition).values("z", "place").annotate(n=N).order_by("n").values_list("n"),
                [(2,)] * 3,
            ),
            (lambda: within.values_list("k", flat=True), [6] * 6),
            # no rows, no group
            (lambda: groups.filter(length=99).values_list("n"), []),
        ],
    )
    assert await mode.call(groups.values("n"), "count") == 1


def test_a_statement_is_shown_with_each_value_in_its_place(visits, queries):
    mixed = V.values(y=PLACE).annotate(n=N).filter(Q(n=5) | Q(y="bay"))
    with queries() as log:
        list(mixed)
    shown = mixed.sql()
    marks = shown.sql.count("%s") if visits.vendor == "postgresql" else shown.sql.count("?")
    assert shown.params == ["zoo", 5, "zoo", "bay"] and marks == len(shown.params)
    assert log.sql == [shown.sql]
    assert "= 'bay'" in str(mixed.query)
