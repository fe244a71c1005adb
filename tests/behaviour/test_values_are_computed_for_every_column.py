"""New values of columns that the database computes: of any type, and refused where they mean nothing."""

from __future__ import annotations

import datetime

import pytest

import dorm
from behaviour.cases import refused_without_sql
from dorm import Case, F, FieldError, Max, OuterRef, Subquery, Value, When
from dorm.functions import Coalesce


class Host(dorm.Model):
    name = dorm.CharField(max_length=10)
    level = dorm.IntegerField(default=1)
    bits = dorm.IntegerField(default=10)
    address = dorm.GenericIPAddressField(null=True)
    data = dorm.JSONField(null=True)
    day = dorm.DateField(null=True)
    parent = dorm.ForeignKey("self", on_delete=dorm.CASCADE, null=True)


pytestmark = pytest.mark.models([Host])
H = Host.objects
DAY = datetime.date(2001, 2, 3)


@pytest.fixture
def host(database):
    return H.create(name="one", address="10.0.0.1", data={"a": 1})


def chosen(value, other):
    return Case(When(level=1, then=value), default=other)


async def test_a_choice_has_the_type_of_its_column(host, mode):
    for name, expression, expected in [
        ("address", chosen(Value("10.0.0.2"), Value("10.0.0.3")), "10.0.0.2"),
        ("address", chosen(F("address"), Value(None)), "10.0.0.2"),
        ("address", Coalesce(F("address"), Value("10.0.0.4")), "10.0.0.2"),
        ("address", Coalesce(Value(None), Value("10.0.0.5")), "10.0.0.5"),
        ("address", Subquery(H.filter(pk=OuterRef("pk")).values("address")[:1]), "10.0.0.5"),
        ("data", chosen(Value({"z": 1}), Value(None)), {"z": 1}),
        ("data", chosen(Value([1, 2]), F("data")), [1, 2]),
        ("data", chosen(Value("text"), Value(3)), "text"),
        ("data", chosen(F("data"), Value(3)), "text"),
        ("day", chosen(Value(DAY), Value(None)), DAY),
        ("day", chosen(F("day"), Value(None)), DAY),
        ("name", chosen(Value("two"), F("name")), "two"),
    ]:
        assert await mode.call(H.all(), "update", **{name: expression}) == 1, expression
        assert await mode.fetch(H.values_list(name, flat=True)) == [expected], expression
    choice = Case(When(level=1, then=F("address")), default=Value("1.1.1.1"), output_field=dorm.GenericIPAddressField())
    assert await mode.fetch(H.annotate(x=choice).values_list("x", flat=True)) == ["10.0.0.5"]
    assert await mode.call(H.filter(address=choice), "count") == 1


async def test_bits_are_shifted_alike(host, mode):
    for expression, expected in [
        (F("bits").bitleftshift(2), 40),
        (F("bits").bitrightshift(1), 5),
        (F("bits").bitleftshift(F("level")), 20),
        (F("bits").bitrightshift(F("level")), 5),
        (Value(1).bitleftshift(F("bits")), 1024),
        (F("bits").bitleftshift(40), 10 << 40),
        (F("bits").bitand(3), 2),
        (F("bits").bitor(5), 15),
        (F("bits").bitxor(3), 9),
    ]:
        assert await mode.fetch(H.values_list(x=expression, flat=True)) == [expected], expression
    assert await mode.call(H.all(), "update", bits=F("bits").bitleftshift(F("level"))) == 1
    assert await mode.fetch(H.values_list("bits", flat=True)) == [20]


def test_what_has_no_value_for_one_row_is_refused(host, queries):
    host.level = Max("bits")
    refused_without_sql(
        queries,
        FieldError,
        [
            lambda: H.create(name="x", level=Max(Value(1))),
            lambda: H.create(name="x", level=Coalesce(Max(Value(1)), 2)),
            lambda: H.bulk_create([Host(name="x", level=Max(Value(1)))]),
            lambda: H.update(level=Max("bits")),
            lambda: H.update(level=Coalesce(Max("bits"), 1)),
            lambda: host.save(force_update=True),
            lambda: H.bulk_update([host], ["level"]),
        ],
        "Aggregate functions are not allowed in this query (level=",
    )


def test_a_relation_takes_no_expression(host, queries):
    def assign():
        host.parent = F("level")

    refused_without_sql(
        queries,
        TypeError,
        [assign, lambda: Host(name="x", parent=F("level")), lambda: Host(parent=Value(1))],
        "Host.parent takes an instance of Host or its key",
    )
    assert host.parent is None
    host.parent_id = F("id")
    host.save()
    assert H.get().parent_id == host.pk
