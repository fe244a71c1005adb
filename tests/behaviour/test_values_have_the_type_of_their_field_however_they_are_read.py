"""Instances, values, tuples, aggregates, annotations, unions, raw rows and streams agree on types."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

import pytest

import dorm
from behaviour.cases import rows_are
from dorm import Case, Coalesce, F, Max, Min, OuterRef, Subquery, Sum, Value, When

KEY = uuid.UUID("12345678-1234-5678-1234-567812345678")
ROW = {
    "i": 7,
    "f": 1.5,
    "d": Decimal("12.50"),
    "b": True,
    "day": dt.date(2024, 2, 29),
    "time": dt.time(23, 59, 59, 5),
    "moment": dt.datetime(2024, 2, 29, 1, 2, 3, 4),
    "span": dt.timedelta(days=1, microseconds=5),
    "u": KEY,
    "j": {"a": [1, None, "x"]},
    "t": "text",
    "raw": b"\x00\xff",
}


class Everything(dorm.Model):
    i = dorm.IntegerField()
    f = dorm.FloatField()
    d = dorm.DecimalField(max_digits=8, decimal_places=2)
    b = dorm.BooleanField()
    day = dorm.DateField()
    time = dorm.TimeField()
    moment = dorm.DateTimeField()
    span = dorm.DurationField()
    u = dorm.UUIDField()
    j = dorm.JSONField()
    t = dorm.TextField()
    raw = dorm.BinaryField()


pytestmark = pytest.mark.models([Everything])
E = Everything.objects
NAMES = list(ROW)
ORDERED = [name for name in NAMES if name not in {"b", "u", "j", "raw"}]


@pytest.fixture
def one(database):
    E.create(**ROW)
    return database


def same(found, name):
    assert (found, type(found)) == (ROW[name], type(ROW[name])), name


async def test_every_way_of_reading_gives_the_same(one, mode):
    instance = await mode.call(E, "get")
    table = Everything._meta.db_table
    raw = (await mode.fetch(E.raw(f'SELECT * FROM "{table}"')))[0]
    (values,) = await mode.fetch(E.values())
    (streamed,) = await mode.stream(E.all(), chunk_size=1)
    (row,) = await mode.fetch(E.values_list(*NAMES))
    (united,) = await mode.fetch(E.values_list("i", "d", "moment", "u").union(E.values_list("i", "d", "moment", "u")))
    for position, name in enumerate(NAMES):
        for found in (
            getattr(instance, name),
            getattr(raw, name),
            values[name],
            getattr(streamed, name),
            row[position],
        ):
            same(found, name)
        same((await mode.fetch(E.values_list(name, flat=True)))[0], name)
        (annotated,) = await mode.fetch(E.annotate(x=F(name)).values_list("x", flat=True))
        same(annotated, name)
        inner = Subquery(E.filter(pk=OuterRef("pk")).values(name)[:1])
        same((await mode.call(E.annotate(x=inner), "get")).x, name)
    for found, name in zip(united, ("i", "d", "moment", "u"), strict=True):
        same(found, name)


async def test_aggregates_and_expressions_keep_the_type(one, mode):
    for name in ORDERED:
        same((await mode.call(E, "aggregate", x=Max(name)))["x"], name)
        same((await mode.call(E, "aggregate", x=Min(name)))["x"], name)
        same((await mode.fetch(E.annotate(x=Coalesce(name, name)).values_list("x", flat=True)))[0], name)
        case = Case(When(pk__gt=0, then=F(name)), default=Value(None))
        same((await mode.fetch(E.annotate(x=case).values_list("x", flat=True)))[0], name)
    sums = await mode.call(E, "aggregate", i=Sum("i"), f=Sum("f"), d=Sum("d"), span=Sum("span"))
    for name, found in sums.items():
        same(found, name)


async def test_values_of_any_type_find_their_row(one, mode):
    for name, value in ROW.items():
        if name != "raw":
            assert await mode.call(E.filter(**{name: value}), "count") == 1, name
            assert await mode.call(E.filter(**{f"{name}__in": [value]}), "count") == 1, name
            assert await mode.call(E.exclude(**{name: value}), "count") == 0, name
        assert await mode.call(E, "update", **{name: value}) == 1
    await rows_are(mode, [(lambda: E.values_list(*NAMES), [tuple(ROW.values())])])


async def test_literals_keep_their_type(one, mode):
    for name, value in ROW.items():
        if name not in {"j", "raw", "u"}:
            same((await mode.call(E.annotate(x=Value(value)), "get")).x, name)
