"""`output_field` is a field, a class of fields or the name of a type; anything else is refused where it is written."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest

import dorm
from dorm import Case, F, ImproperlyConfigured, Max, Q, RawSQL, Value, When
from dorm.expressions import Exists, ExpressionWrapper, Subquery
from dorm.functions import Cast, Coalesce, Func, Upper


class Lamp(dorm.Model):
    name = dorm.CharField(max_length=20)
    watts = dorm.IntegerField()
    made = dorm.DateField(default=datetime.date(2024, 2, 29))


pytestmark = pytest.mark.models([Lamp])

TAKERS = {
    "Value": lambda field: Value(1, output_field=field),
    "RawSQL": lambda field: RawSQL("watts", output_field=field),
    "Case": lambda field: Case(When(watts=1, then="watts"), output_field=field),
    "ExpressionWrapper": lambda field: ExpressionWrapper(F("watts") + 1, output_field=field),
    "Subquery": lambda field: Subquery(Lamp.objects.values("watts")[:1], output_field=field),
    "Func": lambda field: Func("watts", function="abs", output_field=field),
    "Coalesce": lambda field: Coalesce("watts", Value(0), output_field=field),
    "Cast": lambda field: Cast("watts", field),
    "Max": lambda field: Max("watts", output_field=field),
}


@pytest.mark.parametrize("taker", TAKERS)
def test_a_type_is_named_as_in_a_cast(taker):
    for field in ("integer", " BigInt ", "numeric(8, 2)", dorm.IntegerField, dorm.DecimalField(max_digits=8)):
        made = TAKERS[taker](field)
        assert isinstance(made.output_field, dorm.Field)
        assert made == TAKERS[taker](field)


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("wrong", [5, int, object(), "integer; drop table lamp", "integer(3)", ""])
def test_what_is_no_type_is_refused_at_once(taker, wrong):
    with pytest.raises(ImproperlyConfigured, match=r"There is no type|output_field must be a field"):
        TAKERS[taker](wrong)


@pytest.mark.parametrize("taker", [lambda field: Cast("watts", field), lambda field: ExpressionWrapper("watts", field)])
def test_a_cast_cannot_do_without_its_type(taker):
    with pytest.raises(ImproperlyConfigured, match=r"needs output_field"):
        taker(None)


def test_casts_to_different_types_differ():
    assert bool(Cast("watts", "integer") != Cast("watts", "bigint"))
    assert bool(Cast("watts", "numeric(8, 2)") != Cast("watts", "numeric(9, 2)"))


async def test_results_have_the_named_type(database, mode):
    await mode.call(Lamp.objects, "create", name="desk", watts=40)
    rows = Lamp.objects.annotate(
        number=Value("7", output_field="integer"),
        exact=RawSQL("watts * 2.0", output_field="numeric(8, 2)"),
        whole=ExpressionWrapper(F("watts") + 1, output_field="bigint"),
        true=Cast(Value(1), "boolean"),
        false=Cast(F("watts") - 40.0, "boolean"),
    ).values_list("number", "exact", "whole", "true", "false")
    found = list(await mode.fetch(rows))
    assert found == [(7, Decimal(80), 41, True, False)]
    assert [type(value) for value in found[0]] == [int, Decimal, int, bool, bool]


async def test_raw_sql_of_a_named_type_is_compared_as_that_type(database, mode):
    await mode.call(Lamp.objects, "create", name="desk", watts=40)
    rows = Lamp.objects.annotate(day=RawSQL("made", output_field="date"))
    assert await mode.fetch(rows.values_list("day", flat=True)) == [datetime.date(2024, 2, 29)]
    assert await mode.fetch(rows.filter(day="2024-02-29").values_list("watts", flat=True)) == [40]


@pytest.mark.parametrize(
    "expression",
    [F("a"), F("a") + 1, Value(0), Value(""), Upper("a"), Max("a"), RawSQL("a"), Q(a=1), ~F("a"), Case(default="a")],
)
def test_nothing_that_the_database_computes_has_a_truth_value(expression):
    with pytest.raises(TypeError, match="no truth value in Python"):
        bool(expression)
    with pytest.raises(TypeError, match="no truth value in Python"):
        expression and F("b")
    with pytest.raises(TypeError, match="no truth value in Python"):
        not expression


def test_a_condition_over_a_queryset_has_no_truth_value_either():
    with pytest.raises(TypeError, match="a condition for the database"):
        bool(Exists(Lamp.objects.all()))
