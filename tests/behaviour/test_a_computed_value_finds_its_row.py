"""What annotate() reads of a row finds that row when it is filtered with, whatever computed it.

A law over expressions: the value is read first and then compared by equality, by membership and by both orders; below an
OR, in HAVING, and in the condition itself. Rows that read NULL are found by their NULL.
"""

from __future__ import annotations

import datetime as dt
import warnings
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import dorm
from dorm import Avg, Count, F, Max, Min, Q, StdDev, Sum, Value, Variance
from dorm import functions as fn
from dorm.expressions import Case, ExpressionWrapper, OuterRef, RawSQL, Subquery, When

NOON = dt.datetime(2024, 2, 29, 12, 30, 15)


class Potter(dorm.Model):
    name = dorm.CharField(max_length=20)
    age = dorm.IntegerField(null=True)
    ratio = dorm.FloatField(default=0.5)
    balance = dorm.DecimalField(max_digits=8, decimal_places=2)
    joined = dorm.DateTimeField()
    born = dorm.DateField()
    rises = dorm.TimeField()
    shift = dorm.DurationField()
    active = dorm.BooleanField(default=True)


class Bowl(dorm.Model):
    potter = dorm.ForeignKey(Potter, dorm.CASCADE, related_name="bowls")
    grade = dorm.IntegerField()
    weight = dorm.FloatField()
    price = dorm.DecimalField(max_digits=8, decimal_places=2)
    firing = dorm.DurationField()


pytestmark = pytest.mark.models([Potter, Bowl])

DAY = dt.timedelta(days=1)
newest = Bowl.objects.filter(potter=OuterRef("pk")).order_by("-pk")

OF_ONE_ROW: list[Any] = [
    # arithmetic that leaves the type of its first operand
    F("age") + 1,
    F("age") + 0.5,
    F("age") * 1.05,
    F("age") ** 0.5,
    F("age") / 2,
    F("age") + F("ratio"),
    F("ratio") + F("age"),
    1 - F("ratio"),
    F("age") + Decimal("0.25"),
    F("age") + F("balance"),
    F("balance") * 1.5,
    F("balance") + F("age"),
    F("balance") * 2,
    -F("balance"),
    ExpressionWrapper(F("balance") * F("ratio"), output_field=dorm.FloatField()),
    # moments and durations
    F("joined") - F("joined"),
    F("joined") - Value(NOON - DAY),
    F("joined") + F("shift"),
    F("joined") - dt.timedelta(minutes=1),
    F("born") - F("born"),
    F("born") - Value(dt.date(2000, 1, 1)),
    F("born") + DAY,
    F("born") + F("shift"),
    F("shift") * 2,
    F("shift") + F("shift"),
    # changes of the type, by the name of a type and by a field
    fn.Cast("joined", "date"),
    fn.Cast("joined", "time"),
    fn.Cast("born", "timestamp"),
    fn.Cast("age", "text"),
    fn.Cast("age", "real"),
    fn.Cast("ratio", "integer"),
    fn.Cast("balance", "integer"),
    fn.Cast("age", "boolean"),
    fn.Cast("ratio", "boolean"),
    fn.Cast("balance", "boolean"),
    fn.Cast(Value(1), "boolean"),
    fn.Cast("balance", dorm.FloatField()),
    fn.Cast("age", "numeric(6, 1)"),
    # functions of numbers
    fn.Sqrt("age"),
    fn.Sqrt("ratio"),
    fn.Power("ratio", 2),
    fn.Round("ratio", 1),
    fn.Round("balance"),
    fn.Ceil("ratio"),
    fn.Abs("age"),
    fn.Mod("age", 7),
    fn.Degrees("ratio"),
    fn.Ln("age"),
    # text of what is none
    fn.Concat("name", "age"),
    fn.Length("name"),
    fn.Upper("name"),
    fn.Substr("name", 1, 2),
    # parts of moments
    fn.ExtractYear("joined"),
    fn.TruncMonth("joined"),
    fn.TruncMonth("born"),
    fn.TruncDate("joined"),
    fn.TruncTime("joined"),
    fn.TruncHour("rises"),
    fn.Trunc("joined", "day", output_field=dorm.DateField()),
    # choices
    fn.Coalesce("age", Value(0.5)),
    fn.Coalesce("age", "ratio"),
    fn.Coalesce(F("age") * 1.5, Value(2)),
    fn.Greatest("age", "ratio"),
    fn.Least("ratio", "balance"),
    fn.NullIf("ratio", Value(0.25)),
    Case(When(age__gt=30, then="age"), default="ratio"),
    Case(When(age__gt=30, then=Value(1)), default=Value(0.5)),
    Case(When(age__gt=30, then=F("balance") + 1), default="age"),
    Case(When(age__gt=30, then=Value("old")), default=Value("young")),
    # conditions and subqueries
    Q(age__gt=30),
    ~F("active"),
    F("age") > 30,
    Subquery(newest.values("weight")[:1]),
    Subquery(newest.annotate(half=F("grade") / 2.0).values("half")[:1]),
    Subquery(newest.values("potter").annotate(mean=Avg("grade")).values("mean")),
    Subquery(newest[:1]),
    RawSQL("(age + %s)", (0.5,), output_field="real"),
    RawSQL("(age + %s)", (1,)),
    Value(1.5),
    Value("x"),
]
OF_GROUPS: list[Any] = [
    Avg("bowls__grade"),
    Avg("bowls__weight"),
    Avg("bowls__price"),
    Avg("bowls__firing"),
    Avg(F("bowls__grade") * 0.5),
    Sum("bowls__grade"),
    Sum("bowls__weight"),
    Sum("bowls__price"),
    Sum("bowls__firing"),
    Sum(F("bowls__grade") * 0.5),
    Sum(F("bowls__price") * F("bowls__grade")),
    Sum("bowls__price", default=0),
    Sum("bowls__price", default=F("age") + 1),
    Max(F("bowls__grade") + 0.5),
    Min("bowls__price"),
    StdDev("bowls__grade"),
    StdDev("bowls__weight"),
    Variance("bowls__grade", sample=True),
    Count("bowls") * 0.5,
    Avg("bowls__grade") + 1,
    Avg("bowls__grade") * F("age"),
    Sum("bowls__grade") / 2.0,
    fn.Coalesce(Avg("bowls__grade"), Value(0)),
    fn.Round(Avg("bowls__grade"), 1),
    fn.Cast(Avg("bowls__grade"), "integer"),
    Case(When(age__gt=30, then=Avg("bowls__grade")), default=Value(0)),
]


async def filled(mode: Any) -> None:
    """Three potters: with bowls, with none, and one whose age is unknown."""
    for number, (name, age) in enumerate((("Ann", 30), ("Bo", 41), ("Cy", None))):
        made = await mode.call(
            Potter.objects,
            "create",
            name=name,
            age=age,
            ratio=(0.25, 0.75, 2.6)[number],
            balance=Decimal(("10.10", "0.00", "7.25")[number]),
            joined=NOON + number * DAY,
            born=dt.date(1990, 1 + number, 1),
            rises=dt.time(6 + number, 15),
            shift=dt.timedelta(hours=1 + number, minutes=30),
            active=number != 1,
        )
        for grade in ((1, 2), (), (2,))[number]:
            await mode.call(
                Bowl.objects,
                "create",
                potter=made,
                grade=grade,
                weight=grade * 0.3,
                price=Decimal("4.35") * grade,
                firing=dt.timedelta(minutes=grade),
            )


async def found(mode: Any, queryset: Any) -> set[str]:
    return set(await mode.fetch(queryset.values_list("name", flat=True)))


async def broken(mode: Any, expression: Any) -> list[str]:
    """The conditions that do not find the rows whose value they compare with."""
    rows = Potter.objects.annotate(z=expression)
    values = dict(await mode.fetch(rows.values_list("name", "z")))
    wrong: list[str] = []
    for name, value in values.items():
        if value is None:
            conditions = {"null": Q(z=None)}
        else:
            conditions = {
                "=": Q(z=value),
                "in": Q(z__in=[value]),
                "range": Q(z__range=(value, value)),
                "lte and gte": Q(z__lte=value, z__gte=value),
                "or": Q(z=value) | Q(name="nobody"),
            }
        same = {other for other, its in values.items() if its == value}
        for label, condition in conditions.items():
            got = await found(mode, rows.filter(condition))
            if got != same:
                wrong.append(f"{expression!r} {label} {value!r} of {name}: {sorted(got)}")
    return wrong


async def test_a_value_computed_from_a_row_finds_it(database, mode):
    await filled(mode)
    assert [line for expression in OF_ONE_ROW for line in await broken(mode, expression)] == []


async def test_a_value_computed_from_a_group_finds_it(database, mode):
    await filled(mode)
    assert [line for expression in OF_GROUPS for line in await broken(mode, expression)] == []


async def test_what_is_cut_or_shifted_finds_its_row_with_time_zones(database, mode):
    dorm.configure(USE_TZ=True, TIME_ZONE="Europe/Madrid")
    with warnings.catch_warnings():
        # the rows are written with moments that have no zone
        warnings.simplefilter("ignore")
        await filled(mode)
    moments = [
        F("joined") + F("shift"),
        F("joined") - dt.timedelta(minutes=1),
        F("joined") - F("joined"),
        fn.Cast("joined", "date"),
        fn.Cast("joined", "time"),
        fn.TruncMonth("joined"),
        fn.TruncDay("joined"),
        fn.TruncHour("joined", tzinfo=ZoneInfo("Asia/Tokyo")),
        fn.TruncDate("joined"),
        fn.ExtractHour("joined"),
        Max("joined"),
    ]
    assert [line for expression in moments for line in await broken(mode, expression)] == []
