"""Conditions as values, and values as conditions: annotated, compared, sorted by, negated."""

from __future__ import annotations

import datetime

import pytest

import dorm
from behaviour.cases import keys_are, refused_without_sql, rows_are
from dorm import BooleanField, Case, Count, Exists, ExpressionWrapper, F, FieldError, Func, OuterRef, Q, Value, When
from dorm.functions import Coalesce, TruncMonth


class Player(dorm.Model):
    name = dorm.CharField(max_length=10, null=True)
    level = dorm.IntegerField(default=0)
    born = dorm.DateField(null=True)
    active = dorm.BooleanField(default=False)
    captain = dorm.ForeignKey("self", on_delete=dorm.SET_NULL, null=True)


pytestmark = pytest.mark.models([Player])
P = Player.objects


@pytest.fixture
def players(database):
    one = P.create(name="one", level=1, born=datetime.date(2000, 1, 1))
    P.create(name="two", level=2, born=datetime.date(2000, 1, 2), captain=one)
    P.create(name=None, level=3, active=True, captain=one)


ABSENT, PRESENT = ~Q(level=77), Q(level=1)
IS_ONE = Case(When(level=1, then=Value(True)), default=Value(False), output_field=BooleanField())
UNSTATED = Case(When(level=1, then=Value(True)), default=Value(False))


async def test_a_condition_that_is_annotated_is_one_operand(players, mode):
    captains = Exists(P.filter(captain=OuterRef("pk")))
    await keys_are(
        mode,
        [
            (lambda: P.annotate(x=ABSENT).exclude(x=True), []),
            (lambda: P.annotate(x=ABSENT).filter(x__isnull=False), [1, 2, 3]),
            (lambda: P.annotate(x=ABSENT).filter(x__in=[True, False]), [1, 2, 3]),
            (lambda: P.annotate(x=ABSENT).filter(x=False), []),
            (lambda: P.annotate(x=~Q(name="zz")).exclude(x=True), []),
            (lambda: P.annotate(x=~Q(name="zz")).filter(x__isnull=False), [1, 2, 3]),
            (lambda: P.annotate(x=~Q(name="zz")).filter(x__in=[True, False]), [1, 2, 3]),
            (lambda: P.annotate(x=~PRESENT).exclude(x=True), [1]),
            (lambda: P.annotate(x=Q(name="one") | Q(level=2)).filter(x=True), [1, 2]),
            (lambda: P.annotate(x=~(Q(name="one") & Q(level=2))).filter(x__in=[True]), [1, 2, 3]),
            (lambda: P.annotate(x=Q(level=77) ^ Q(level=1)).filter(x__isnull=False), [1, 2, 3]),
            (lambda: P.annotate(x=~Q(pk__in=[])).exclude(x=True), []),
            (lambda: P.annotate(x=~captains).exclude(x=True), [1]),
            (lambda: P.annotate(x=~captains).filter(x__in=[False]), [1]),
            (lambda: P.filter(active=~Q(level=77)), [3]),
            (lambda: P.filter(active=~Q(level__lt=3)), [1, 2, 3]),
        ],
    )
    await rows_are(
        mode,
        [
            (lambda: P.annotate(x=ABSENT).values_list("x").annotate(n=Count("pk")), [(True, 3)]),
            (lambda: P.annotate(x=ABSENT).annotate(y=Case(When(x=True, then=1), default=0)).values_list("y", flat=True),
             [1, 1, 1]),
        ],
    )  # fmt: skip


async def test_a_value_that_is_true_or_false_is_a_condition(players, mode):
    await keys_are(
        mode,
        [
            (lambda: P.filter(Q(IS_ONE)), [1]),
            (lambda: P.filter(IS_ONE), [1]),
            (lambda: P.filter(Q(UNSTATED)), [1]),
            (lambda: P.filter(Q(IS_ONE) | Q(level=3)), [1, 3]),
            (lambda: P.filter(IS_ONE | Q(level=3)), [1, 3]),
            (lambda: P.filter(Q(level=3) | IS_ONE), [1, 3]),
            (lambda: P.filter(IS_ONE & Q(level=3)), []),
            (lambda: P.filter(IS_ONE ^ Q(level__lt=3)), [2]),
            (lambda: P.filter(~IS_ONE), [2, 3]),
            (lambda: P.filter(~Q(IS_ONE)), [2, 3]),
            (lambda: P.exclude(IS_ONE), [2, 3]),
            (lambda: P.filter(Q(Coalesce("active", Value(False), output_field=BooleanField()))), [3]),
            (
                lambda: P.filter(Q(Func(F("active"), Value(True), function="COALESCE", output_field=BooleanField()))),
                [3],
            ),
            (lambda: P.filter(Q(ExpressionWrapper(F("active"), output_field=BooleanField()))), [3]),
            (lambda: P.filter(Q(Value(True)), level=1), [1]),
            (lambda: P.annotate(x=IS_ONE).filter(F("x")), [1]),
            (lambda: P.annotate(x=IS_ONE).filter(~F("x")), [2, 3]),
        ],
    )
    five = [5, 6, 6]
    await rows_are(
        mode,
        [
            (
                lambda: P.order_by("pk").values_list(x=Case(When(IS_ONE, then=Value(5)), default=Value(6)), flat=True),
                five,
            ),
            (
                lambda: P.order_by("pk").values_list(
                    x=Case(When(Q(IS_ONE), then=Value(5)), default=Value(6)), flat=True
                ),
                five,
            ),
            (
                lambda: P.order_by("pk").values_list(
                    x=Case(When(IS_ONE, level=1, then=Value(5)), default=Value(6)), flat=True
                ),
                five,
            ),
        ],
    )
    assert await mode.call(P.all(), "aggregate", n=Count("pk", filter=IS_ONE), m=Count("pk", filter=~IS_ONE)) == {
        "n": 1,
        "m": 2,
    }


def test_what_is_neither_true_nor_false_is_no_condition(players, queries):
    refused_without_sql(
        queries,
        (TypeError, FieldError),
        [
            lambda: P.update(active=~F("name")),
            lambda: P.annotate(x=~F("level")),
            lambda: P.filter(~F("name")),
            lambda: P.annotate(x=~Value("a")),
            lambda: P.annotate(n=Count("pk")).annotate(x=~F("n")),
            lambda: P.annotate(x=Case(When(F("level"), then=Value(1)))),
            lambda: P.aggregate(n=Count("pk", filter=F("level"))),
            lambda: Q(F("level") + 1),
            lambda: Q(Case(When(level=1, then=Value(1)), default=Value(2))),
        ],
    )


async def test_negating_a_boolean_column_still_works(players, mode):
    assert await mode.call(P.all(), "update", active=~F("active")) == 3
    assert await mode.fetch(P.order_by("pk").values_list("active", flat=True)) == [True, True, False]


async def test_a_function_of_the_column_itself_is_compared_with_it(players, mode):
    await keys_are(
        mode,
        [
            (lambda: P.filter(born=TruncMonth("born")), [1]),
            (lambda: P.exclude(born=TruncMonth("born")), [2, 3]),
            (lambda: P.filter(~Q(born=TruncMonth("born")) | Q(level=1)), [1, 2, 3]),
            (lambda: P.annotate(m=TruncMonth("born")).exclude(born=F("m")), [2, 3]),
        ],
    )
    assert await mode.call(P.all(), "aggregate", n=Count("pk", filter=~Q(born=TruncMonth("born")))) == {"n": 2}


NEVER = Q(level__in=[])


async def test_what_is_the_same_for_all_rows_sorts_none(players, mode):
    wrapped = ExpressionWrapper(NEVER, output_field=BooleanField())
    for term in (
        wrapped,
        wrapped.desc(),
        ExpressionWrapper(~NEVER, output_field=BooleanField()).desc(),
        NEVER,
        ~NEVER,
        Value(None),
        Value(5),
        Value("a"),
        Exists(P.none()),
        ~Exists(P.none()),
        Case(default=Value(1)),
        Case(When(NEVER, then=Value(1)), default=Value(None)),
    ):
        assert [row.pk for row in await mode.fetch(P.order_by(term, "pk"))] == [1, 2, 3], term
        assert [row.pk for row in await mode.fetch(P.distinct().order_by(term, "-pk"))] == [3, 2, 1], term
        assert [row["n"] for row in await mode.fetch(P.values("level").annotate(n=Count("pk")).order_by(term))] == [
            1
        ] * 3
    await rows_are(
        mode,
        [
            (lambda: P.annotate(x=wrapped).order_by("x", "-pk").values_list("pk", flat=True), [3, 2, 1]),
            (lambda: P.annotate(x=wrapped).values_list("x").annotate(n=Count("pk")), [(False, 3)]),
        ],
    )
