"""Expressions as Python values: equal when they say the same, hashable, picklable, readable, and never changed."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import dorm
from dorm import Avg, Case, Count, Exists, F, Max, OuterRef, Q, RawSQL, Subquery, Sum, Value, When
from dorm.aggregates import StdDev
from dorm.expressions import ExpressionWrapper
from dorm.functions import Cast, Coalesce, Concat, Extract, Func, Greatest, Now, Round, Substr, Trunc, Upper


class Team(dorm.Model):
    name = dorm.CharField(max_length=20)


class Player(dorm.Model):
    name = dorm.CharField(max_length=20)
    points = dorm.IntegerField(null=True)
    team = dorm.ForeignKey(Team, on_delete=dorm.CASCADE, null=True, related_name="players")


pytestmark = pytest.mark.models([Team, Player])

# what is written, and a few ways to write something else
DIFFERENT: dict[str, Callable[[], Any]] = {
    "F": lambda: F("a"),
    "another F": lambda: F("b"),
    "OuterRef": lambda: OuterRef("a"),
    "deeper OuterRef": lambda: OuterRef(OuterRef("a")),
    "sum": lambda: F("a") + 1,
    "sum, turned": lambda: 1 + F("a"),
    "difference": lambda: F("a") - 1,
    "another sum": lambda: F("a") + 2,
    "a sum with text": lambda: F("a") + "1",
    "nested": lambda: (F("a") + 1) * 2,
    "nested elsewhere": lambda: F("a") + Value(1) * 2,
    "negative": lambda: -F("a"),
    "Value": lambda: Value(1),
    "Value of text": lambda: Value("1"),
    "Value of truth": lambda: Value(True),
    "Value of a float": lambda: Value(1.0),
    "Value of nothing": lambda: Value(None),
    "Value of a list": lambda: Value([1]),
    "Value of a type": lambda: Value(1, dorm.FloatField()),
    "RawSQL": lambda: RawSQL("a + %s", (1,)),
    "RawSQL of another value": lambda: RawSQL("a + %s", (2,)),
    "ExpressionWrapper": lambda: ExpressionWrapper(F("a"), dorm.IntegerField()),
    "another ExpressionWrapper": lambda: ExpressionWrapper(F("a"), dorm.FloatField()),
    "Coalesce": lambda: Coalesce("a", Value(0)),
    "Coalesce the other way": lambda: Coalesce(Value(0), "a"),
    "Greatest": lambda: Greatest("a", Value(0)),
    "Upper": lambda: Upper("a"),
    "Upper of Upper": lambda: Upper(Upper("a")),
    "Concat": lambda: Concat("a", Value("-")),
    "Substr": lambda: Substr("a", 1, 2),
    "Cast": lambda: Cast("a", "text"),
    "another Cast": lambda: Cast("a", "integer"),
    "Cast to a field": lambda: Cast("a", dorm.FloatField()),
    "Now": lambda: Now(),
    "Func": lambda: Func("a", function="abs"),
    "another Func": lambda: Func("a", function="sign"),
    "Func of a type": lambda: Func("a", function="abs", output_field=dorm.FloatField()),
    "Round": lambda: Round("a", 2),
    "Extract": lambda: Extract("a", "year"),
    "another Extract": lambda: Extract("a", "month"),
    "Trunc": lambda: Trunc("a", "year"),
    "Case": lambda: Case(When(a=1, then=Value("x")), default="b"),
    "another default": lambda: Case(When(a=1, then=Value("x")), default="c"),
    "another condition": lambda: Case(When(a=2, then=Value("x")), default="b"),
    "two branches": lambda: Case(When(a=1, then=Value("x")), When(a=2, then=Value("x")), default="b"),
    "When": lambda: When(a=1, then="b"),
    "Count of all": lambda: Count("*"),
    "Count": lambda: Count("a"),
    "Count distinct": lambda: Count("a", distinct=True),
    "Count some": lambda: Count("a", filter=Q(b=1)),
    "Count others": lambda: Count("a", filter=Q(b=2)),
    "Sum": lambda: Sum("a"),
    "Sum with a default": lambda: Sum("a", default=0),
    "Avg": lambda: Avg("a"),
    "Max": lambda: Max("a"),
    "StdDev": lambda: StdDev("a"),
    "StdDev of a sample": lambda: StdDev("a", sample=True),
    "rising": lambda: F("a").asc(),
    "falling": lambda: F("a").desc(),
    "falling, NULL last": lambda: F("a").desc(nulls_last=True),
    "Exists": lambda: Exists(Player.objects.filter(points=1)),
    "Exists of others": lambda: Exists(Player.objects.filter(points=2)),
    "Subquery": lambda: Subquery(Player.objects.filter(points=1).values("name")),
}
NAMES = sorted(DIFFERENT)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_thing_written_twice_is_equal_and_hashes_alike(name):
    one, two = DIFFERENT[name](), DIFFERENT[name]()
    assert one is not two
    assert bool(one == two) is True
    assert bool(one != two) is False
    assert hash(one) == hash(two)
    assert len({one, two}) == 1
    assert repr(one) == repr(two)


def test_what_is_written_differently_is_different():
    made = {name: make() for name, make in DIFFERENT.items()}
    alike = [
        (one, other)
        for one in NAMES
        for other in NAMES
        if one < other and bool(made[one] == made[other])
    ]  # fmt: skip
    assert alike == []


@pytest.mark.parametrize("name", NAMES)
def test_an_expression_survives_pickling_and_copying(name):
    made = DIFFERENT[name]()
    for again in (pickle.loads(pickle.dumps(made)), copy.copy(made), copy.deepcopy(made)):
        assert type(again) is type(made)
        assert bool(again == made)
        assert hash(again) == hash(made)


@pytest.mark.parametrize("name", NAMES)
def test_a_representation_says_what_it_is_and_names_no_address(name):
    shown = repr(DIFFERENT[name]())
    assert " at 0x" not in shown
    assert shown


def test_representations_read_like_what_was_written():
    assert repr(F("a") + 1) == "(F('a') + Value(1))"
    assert repr(Coalesce("a", Value(0))) == "Coalesce(F('a'), Value(0))"
    assert repr(OuterRef(OuterRef("a"))) == "OuterRef(OuterRef('a'))"
    assert repr(Case(When(a=1, then=Value("x")), default="b")) == "Case(When(Q(a=1), Value('x')), F('b'))"
    assert repr(Q(a=1) | ~Q(b=2)) == "Q(OR: Q(a=1), ~Q(b=2))"
    assert repr(F("a").between(1, 2)) == "Q(a__range=(1, 2))"


@pytest.mark.parametrize("name", NAMES)
def test_combining_an_expression_leaves_it_as_it_was(name):
    made = DIFFERENT[name]()
    before = (repr(made), hash(made), dict(made.__dict__))
    if not made.conditional and not isinstance(made, When) and not hasattr(made, "descending"):
        _ = (
            made + 1,
            1 - made,
            made * made,
            -made,
            made.asc(),
            made.desc(),
            made >= 1,
            made.isnull(),
            made.coalesce(1),
        )
    assert (repr(made), hash(made), dict(made.__dict__)) == before


@pytest.mark.parametrize(
    "make",
    [
        lambda: F("points") + 1,
        lambda: Coalesce("points", Value(3)),
        lambda: Case(When(points__gt=1, then="points"), default=Value(0)),
        lambda: Count("pk", filter=Q(points__gt=0)),
        lambda: Subquery(Player.objects.filter(pk=OuterRef("pk")).values("points")),
        lambda: Exists(Player.objects.filter(pk=OuterRef("pk"), points=4)),
        lambda: Concat("name", Value("!")),
    ],
)
def test_one_expression_serves_many_queries_and_stays_as_it_was(database, make):
    expression = make()
    before = (repr(expression), expression.identity)
    Player.objects.create(name="p", points=4)
    fresh = Player.objects.annotate(x=make()).get().x
    for _ in range(2):
        assert Player.objects.annotate(x=expression).get().x == fresh
        assert Player.objects.alias(x=expression).filter(x=fresh).count() == 1
    assert (repr(expression), expression.identity) == before


def test_python_questions_about_conditions_are_refused():
    for condition in (F("a") == 1, F("a") >= 1, Upper("a") == "x", Q(a=1), F("a").isnull(), Player.points >= 1):
        with pytest.raises(TypeError, match="no truth value"):
            bool(condition)
        with pytest.raises(TypeError, match="no truth value"):
            _ = condition and Q(b=1)
        with pytest.raises(TypeError, match="no truth value"):
            _ = not condition
    with pytest.raises(TypeError, match="no truth value"):
        bool(Exists(Player.objects.all()))
    with pytest.raises(TypeError, match="no truth value"):
        _ = 1 <= F("a") <= 2


def test_membership_asks_for_identity_and_not_for_a_condition():
    a, b = F("a"), F("b")
    assert a in [b, F("a")]
    assert a not in [b, F("c")]
    assert Player.name in [Player.points, Player.name]
    assert Player.name not in [Player.points, Player.id]


def test_conditions_combine_with_conditions_only():
    for wrong in (1, None, "a", F("a"), Value(1), {}):
        with pytest.raises(TypeError):
            Q(a=1) & wrong
        with pytest.raises((TypeError, NotImplementedError)):
            wrong | Q(a=1)
        with pytest.raises(TypeError):
            Q(wrong)
    with pytest.raises(NotImplementedError, match="bit"):
        F("a") & F("b")


def test_conditions_are_frozen():
    condition = Q(a=1)
    for name in ("children", "connector", "negated"):
        with pytest.raises(AttributeError, match="immutable"):
            setattr(condition, name, None)
    both = condition & Q(b=2)
    _ = ~condition
    assert condition == Q(a=1)
    assert both == Q(a=1) & Q(b=2)


def test_conditions_compare_by_what_they_say():
    assert Q(a=1, b=2) == Q(a=1, b=2)
    assert Q(a=1) == Q(("a", 1))
    assert Q(a=F("b")) == Q(a=F("b"))
    assert Q(a=1) != Q(a="1")
    assert Q(a=1) != Q(b=1)
    assert Q(a=1) != ~Q(a=1)
    assert Q(a=1) | Q(b=2) != Q(a=1) & Q(b=2)
    assert Q(a=F("b")) != Q(a=F("c"))
    assert Q(a=1) != 1
    assert hash(Q(a=1) | Q(b=F("c"))) == hash(Q(a=1) | Q(b=F("c")))
    with pytest.raises(TypeError):
        hash(Q(a__in=[1]))


def test_a_condition_deconstructs_into_what_builds_it_again():
    for condition in (Q(a=1), ~Q(a=1), Q(a=1) | Q(b=2), Q(a=1) ^ Q(b=2), ~(Q(a=1) & ~Q(b=F("c"))), Q()):
        path, args, kwargs = condition.deconstruct()
        assert path == "dorm.Q"
        assert Q(*args, **kwargs) == condition
        assert pickle.loads(pickle.dumps(condition)) == condition


def test_pickled_querysets_ask_the_same_question(database):
    team = Team.objects.create(name="t")
    Player.objects.bulk_create([Player(name=f"p{n}", points=n, team=team) for n in range(5)])
    for rows in (
        Player.objects.filter(Q(points__in=[1, 2, 3]) & ~Q(name="p2")).order_by("-points"),
        Player.objects.annotate(x=Coalesce("points", Value(3))).filter(x__gte=2).values_list("name", "x"),
        Team.objects.annotate(n=Count("players", filter=Q(players__points__gt=1))).values("name", "n"),
        Player.objects.filter(Exists(Team.objects.filter(pk=OuterRef("team"), name="t"))).order_by("pk")[1:3],
        Player.objects.filter(team__in=Team.objects.filter(name="t")).select_related("team").order_by("pk"),
        Player.objects.filter(points=1).union(Player.objects.filter(points=2)).order_by("points"),
    ):
        again = pickle.loads(pickle.dumps(rows))
        assert type(again) is type(rows)
        assert list(again) == list(rows)


def test_a_pickled_queryset_shares_the_plans_of_the_original(database):
    """A worker that is sent querysets would otherwise fill the cache with copies."""
    from dorm.query.run.plan_cache import plans

    plans.clear()
    for number in range(5):
        assert list(pickle.loads(pickle.dumps(Player.objects.filter(points__gt=number)))) == []
    assert len(plans) == 1


def test_a_branch_needs_a_condition():
    with pytest.raises(TypeError, match="needs a condition"):
        When(then=1)
    with pytest.raises(ValueError, match=r"empty Q\(\)"):
        When(Q(), then=1)
