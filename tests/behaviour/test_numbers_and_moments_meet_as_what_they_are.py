"""Decimals stay decimals in full precision, dates meet moments, and nothing that was stored stays an expression."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import pytest

import dorm
from dorm import Avg, Case, F, Max, Sum, Value, When
from dorm.exceptions import ValidationError
from dorm.functions import (
    Abs,
    ACos,
    ASin,
    ATan,
    ATan2,
    Ceil,
    Coalesce,
    Cos,
    Cot,
    Degrees,
    Exp,
    Floor,
    Greatest,
    Ln,
    Log,
    Mod,
    Now,
    Power,
    Radians,
    Right,
    Round,
    Sign,
    Sin,
    Sqrt,
    Tan,
    TruncDate,
)  # fmt: skip


class Price(dorm.DecimalField):
    """A class of the user's own is what its base is."""


class Half(dorm.FloatField):
    pass


class Day(dorm.DateField):
    pass


class Span(dorm.DurationField):
    pass


class Reading(dorm.Model):
    d = Price(max_digits=8, decimal_places=4, null=True)
    f = Half(null=True)
    g = dorm.FloatField(null=True)
    i = dorm.IntegerField(null=True)
    name = dorm.CharField(max_length=20, default="")
    day = Day(null=True)
    due = dorm.DateField(null=True)
    at = dorm.DateTimeField(null=True)
    time = dorm.TimeField(null=True)
    span = Span(null=True)
    yes = type("Yes", (dorm.BooleanField,), {})(default=True)


class Stamp(dorm.Model):
    at = dorm.DateTimeField(default=Now)
    code = dorm.IntegerField(unique=True, default=1)
    count = dorm.IntegerField(default=1)


pytestmark = pytest.mark.models([Reading, Stamp])
DAY = dt.date(2020, 1, 31)


@pytest.fixture
def readings(database):
    Reading.objects.create(
        d=Decimal("0.5"), f=1.5, g=2.5, i=3, name="abc", day=DAY, due=DAY, at=dt.datetime(2020, 1, 31),
        time=dt.time(1, 2), span=dt.timedelta(days=1),
    )  # fmt: skip
    return Reading.objects.all()


async def one(mode, readings, expression):
    (value,) = await mode.fetch(readings.annotate(x=expression).values_list("x", flat=True))
    return value


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        (ACos("d"), math.acos(0.5)), (ASin("d"), math.asin(0.5)), (ATan("d"), math.atan(0.5)), (Cos("d"), math.cos(0.5)),
        (Cot("d"), 1 / math.tan(0.5)), (Degrees("d"), math.degrees(0.5)), (Exp("d"), math.exp(0.5)), (Ln("d"), math.log(0.5)),
        (Radians("d"), math.radians(0.5)), (Sin("d"), math.sin(0.5)), (Sqrt("d"), math.sqrt(0.5)), (Tan("d"), math.tan(0.5)),
        (Abs("d"), 0.5), (Ceil("d"), 1), (Floor("d"), 0), (Round("d"), 1), (Sign("d"), 1), (Power("d", "i"), 0.125),
        (Power("i", "d"), 3**0.5), (ATan2("d", "i"), math.atan2(0.5, 3)), (ATan2("f", "d"), math.atan2(1.5, 0.5)),
        (Log("i", "d"), math.log(0.5, 3)), (Mod("i", "d"), 0), (ACos("d") + F("d"), math.acos(0.5) + 0.5),
        (Coalesce(Exp("d"), "d"), math.exp(0.5)), (Coalesce("d", Exp("d")), 0.5), (Greatest("d", Exp("d")), math.exp(0.5)),
        (Case(When(i=3, then=Exp("d")), default="d"), math.exp(0.5)), (F("d") / 3, 0.5 / 3), (F("f") % 1, 0.5),
    ],
    ids=repr,
)  # fmt: skip
async def test_a_function_of_a_decimal_is_a_decimal_with_all_its_digits(readings, mode, function, wanted):
    found = await one(mode, readings, function)
    assert float(found) == pytest.approx(wanted, abs=1e-13)
    assert isinstance(found, Decimal) is (repr(function) != repr(F("f") % 1))


async def test_a_stated_decimal_is_one_even_of_floats(readings, mode):
    money = dorm.DecimalField(max_digits=9, decimal_places=3)
    for aggregate, wanted in (
        (Sum(F("f") + F("g"), output_field=dorm.DecimalField()), 4),
        (Sum("f", output_field=money), Decimal("1.5")),
        (Avg("i", output_field=money), 3),
        (Max(Exp("d")), Decimal(str(math.exp(0.5)))),
    ):
        found = (await mode.call(readings, "aggregate", x=aggregate))["x"]
        assert isinstance(found, Decimal)
        assert found == pytest.approx(wanted, abs=Decimal("1e-13"))
    found = await one(mode, readings, dorm.ExpressionWrapper(F("f") * F("g"), output_field=dorm.DecimalField()))
    assert (type(found), found) == (Decimal, Decimal("3.75"))


def test_a_float_is_rounded_to_the_digits_of_a_decimal_field():
    field = dorm.DecimalField(max_digits=4, decimal_places=2)
    assert field.to_python(3.1415926535) == Decimal("3.142")
    assert field.to_python(0.1) == Decimal("0.1")
    assert field.to_python(123456.0) == Decimal(123500)
    assert dorm.DecimalField(max_digits=None, decimal_places=None).to_python(3.1415926535) == Decimal("3.1415926535")
    assert field.to_python("3.1415926535") == Decimal("3.1415926535")


@pytest.mark.parametrize("field", [dorm.DecimalField, dorm.IntegerField, dorm.FloatField, dorm.BooleanField])
def test_a_signalling_nan_is_no_number(field):
    with pytest.raises(ValidationError):
        field().clean(Decimal("sNaN"))


def test_a_signalling_nan_is_refused_wherever_a_number_is_compared(readings):
    for name in ("d", "i", "f", "pk"):
        with pytest.raises(ValidationError):
            readings.filter(**{name: Decimal("sNaN")})
        with pytest.raises(ValidationError):
            readings.filter(**{f"{name}__in": [1, Decimal("sNaN")]})


async def test_a_date_beside_a_moment_is_its_midnight(readings, mode):
    shifted = F("day") + dt.timedelta(0)
    for lookups, holds in (
        ({"due__lt": shifted}, False), ({"due__lte": shifted}, True), ({"due": shifted}, True), ({"due__ne": shifted}, False),
        ({"due__in": [shifted]}, True), ({"due__range": (shifted, DAY)}, True), ({"due__range": (DAY, shifted)}, True),
        ({"at": F("day")}, True), ({"at__gt": F("day")}, False), ({"day__gte": F("at")}, True), ({"at": TruncDate("at")}, True),
        ({"due": F("day") + dt.timedelta(days=1)}, False), ({"due__lt": F("day") + F("span")}, True), ({"day__lt": Now()}, True),
    ):  # fmt: skip
        assert await mode.call(readings.filter(**lookups), "count") == holds, lookups
        assert await mode.call(readings.annotate(s=shifted).filter(s=F("due")), "count") == 1


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("day", F("day") + dt.timedelta(days=1), dt.date(2020, 2, 1)),
        ("day", F("day") + F("span"), dt.date(2020, 2, 1)),
        ("day", F("at"), DAY),
        ("at", F("day"), dt.datetime(2020, 1, 31)),
        ("time", F("at"), dt.time(0)),
        ("due", Case(When(i=3, then=F("day") + dt.timedelta(days=2))), dt.date(2020, 2, 2)),
    ],
    ids=repr,
)
async def test_a_computed_moment_is_stored_as_the_column_keeps_it(readings, mode, name, value, wanted):
    row = await mode.call(readings, "get")
    for store in ("update", "save", "bulk_update"):
        await mode.call(readings, "update", day=DAY, at=dt.datetime(2020, 1, 31), due=DAY, time=dt.time(5))
        if store == "update":
            await mode.call(readings, "update", **{name: value})
        else:
            setattr(row, name, value)
            await (
                mode.call(row, "save") if store == "save" else mode.call(Reading.objects, "bulk_update", [row], [name])
            )
        row = await mode.call(readings, "get")
        assert getattr(row, name) == wanted
        assert await mode.call(readings.filter(**{name: wanted}), "count") == 1


async def test_a_class_made_from_a_field_computes_as_that_field(readings, mode):
    assert await one(mode, readings, F("day") - F("due")) == dt.timedelta(0)
    assert await one(mode, readings, F("at") + F("span")) == dt.datetime(2020, 2, 1)
    assert await mode.call(readings.filter(F("yes")), "count") == 1


async def test_no_characters_from_the_right_are_none(readings, mode):
    for length, wanted in ((Value(0), ""), (F("i") - 3, ""), (F("i") - 1, "bc"), (9, "abc"), (Value(-1), "bc")):
        assert await one(mode, readings, Right("name", length)) == wanted


async def test_what_the_database_computed_replaces_the_expression(database, mode):
    rows = await mode.call(Stamp.objects, "bulk_create", [Stamp(code=1), Stamp(code=2, at=dt.datetime(2020, 1, 1))])
    assert [type(row.at) for row in rows] == [dt.datetime] * 2
    assert rows[1].at == dt.datetime(2020, 1, 1)
    rows = [Stamp(code=2, count=Value(2) + Value(4)), Stamp(code=3)]
    rows = await mode.call(
        Stamp.objects, "bulk_create", rows, update_conflicts=True, unique_fields=["code"], update_fields=["count"]
    )
    assert [(row.count, type(row.at)) for row in rows] == [(6, dt.datetime), (1, dt.datetime)]
    rows = await mode.call(Stamp.objects, "upsert", [Stamp(code=3, count=Value(3) + Value(4)), Stamp(code=4)], ["code"])
    assert [(row.count, type(row.at)) for row in rows] == [(7, dt.datetime), (1, dt.datetime)]


async def test_an_expression_that_was_written_is_not_written_again(database, mode):
    row = await mode.call(Stamp.objects, "create")
    row.count = F("count") + 10
    await mode.call(Stamp.objects, "bulk_update", [row], ["count"])
    await mode.call(row, "save")
    assert (await mode.call(Stamp.objects, "get")).count == 11
