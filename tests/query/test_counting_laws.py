"""Laws of random querysets: as many rows come as are counted, sets combine like conditions, a side alone decides."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
import random_queries as world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_queries import Maker, Tag, Thing

from dorm import Case, Count, F, Max, Q, Sum, Value, When
from dorm.functions import Coalesce, Concat, Lower

pytestmark = pytest.mark.models(world.MODELS)

TIMES = int(os.environ.get("DORM_TEST_EXAMPLES", "1"))
few = settings(max_examples=40 * TIMES, deadline=None, suppress_health_check=list(HealthCheck), database=None)

# what groups or distinct rows are made of, aggregates over them, and what sorts them
MADE_OF: dict[str, Any] = {
    "amount": lambda chance: F("amount"),
    "city": lambda chance: F("maker__city"),
    "tag": lambda chance: F("tags__weight"),
    "sum": lambda chance: F("amount") + chance.randint(0, 3),
    "filled": lambda chance: Coalesce("maker__age", Value(chance.randint(0, 3))),
    "text": lambda chance: Concat("title", Value(chance.choice(world.TEXTS))),
    "case": lambda chance: Case(When(amount__gt=chance.randint(-1, 2), then=Value(1)), default=Value(0)),
    "condition": lambda chance: ~Q(amount__gt=chance.randint(-1, 2)),
}
AGGREGATES: dict[str, Any] = {
    "n": lambda chance: Count("pk"),
    "most": lambda chance: Max("amount"),
    "total": lambda chance: Sum("amount") + chance.randint(0, 3),
    "some": lambda chance: Count("pk", filter=Q(active=True)),
}
SORTED_BY: dict[str, Any] = {
    "nothing": lambda chance: [],
    "title": lambda chance: ["title"],
    "over": lambda chance: ["maker__city", "-amount"],
    "several": lambda chance: ["tags__label"],
    "computed": lambda chance: [Lower("title").desc(), F("amount") + chance.randint(0, 3)],
    "constant": lambda chance: [Q(pk__in=[]), "maker__name"],
}


@pytest.fixture
def things(database) -> list[Thing]:
    world.populate()
    return list(Thing.objects.order_by("pk"))


def counted(rows: Any) -> None:
    """All ways to ask for the number of rows agree."""
    number = len(list(rows.all()))
    assert rows.all().count() == number
    assert rows.all().exists() == bool(number)
    assert rows.all().aggregate(number_of_rows=Count("*")) == {"number_of_rows": number}
    for low, high in ((0, 2), (1, 4), (2, None)):
        part = rows[low:high]
        length = len(range(number)[low:high])
        assert (len(list(part.all())), part.all().count(), part.exists()) == (length, length, bool(length))


names = st.lists(st.sampled_from(sorted(MADE_OF)), unique=True, min_size=1, max_size=2)
filters = st.lists(st.tuples(st.sampled_from(("filter", "exclude")), world.conditions), max_size=2)


def chosen(steps: list[tuple[str, Any]], chance: random.Random) -> Any:
    rows: Any = Thing.objects.all()
    for verb, condition in steps:
        rows = getattr(rows, verb)(world.as_q(world.fill(condition, chance)))
    return rows


def test_groups_and_distinct_rows_are_counted_as_they_come(things):
    @few
    @given(
        steps=filters,
        made_of=names,
        aggregates=st.lists(st.sampled_from(sorted(AGGREGATES)), unique=True, max_size=2),
        before=st.booleans(),
        narrowed=st.booleans(),
        order=st.sampled_from(sorted(SORTED_BY)),
        seed=world.seeds,
    )
    def check(steps: Any, made_of: Any, aggregates: Any, before: bool, narrowed: bool, order: str, seed: int) -> None:
        chance = random.Random(seed)
        rows = chosen(steps, chance)
        if before:
            rows = rows.annotate(early=Max("amount"))
        rows = rows.values(**{f"x_{name}": MADE_OF[name](chance) for name in made_of})
        for name in aggregates:
            rows = rows.annotate(**{name: AGGREGATES[name](chance)})
        if aggregates and narrowed:
            first = f"x_{made_of[0]}"
            rows = rows.filter(Q(**{f"{aggregates[0]}__gt": chance.randint(0, 3)}) | Q(**{f"{first}__isnull": True}))
            rows = rows.values(*aggregates) if chance.random() < 0.5 else rows
        elif not aggregates:
            rows = rows.distinct()
        rows = rows.order_by(*SORTED_BY[order](chance))
        counted(rows.reverse() if chance.random() < 0.3 else rows)

    check()


def test_objects_are_counted_as_they_come(things):
    @few
    @given(recipe=world.recipes, seed=world.seeds)
    def check(recipe: world.Recipe, seed: int) -> None:
        rows = recipe.cook(seed)
        number = len(list(rows.all()))
        assert rows.all().count() == number
        assert rows.all().exists() == bool(number)

    check()


def test_querysets_combine_as_their_keys_do(things):
    every = {thing.pk for thing in things}
    single = world.trees(st.sampled_from([leaf for leaf in world.LEAVES if not leaf.path.startswith("tags")]))
    side = st.tuples(st.sampled_from(("filter", "exclude", "all", "none", "slice", "sliced filter")), single)

    def cook(kind: str, condition: Any, chance: random.Random) -> Any:
        rows: Any = Thing.objects.order_by("pk")
        if kind in ("all", "none"):
            return getattr(rows, kind)()
        if kind.endswith(("filter", "exclude")):
            rows = getattr(rows, kind.rsplit(maxsplit=1)[-1])(world.as_q(world.fill(condition, chance)))
        return rows[chance.randint(0, 4) : chance.randint(5, 12)] if kind.startswith("slice") else rows

    @few
    @given(left=side, right=side, seed=world.seeds)
    def check(left: Any, right: Any, seed: int) -> None:
        chance = random.Random(seed)
        one, other = cook(*left, chance), cook(*right, chance)
        a, b = ({thing.pk for thing in rows.all()} for rows in (one, other))
        assert a | b <= every
        for rows, expected in ((one | other, a | b), (one ^ other, a ^ b)):
            assert sorted(thing.pk for thing in rows.all()) == sorted(expected)
            assert rows.all().count() == len(expected)
        sliced = "slice" in left[0] or "slice" in right[0]
        if not sliced:
            assert sorted(thing.pk for thing in one & other) == sorted(a & b)

    check()


def test_an_aggregate_does_not_depend_on_what_is_selected_beside_it(things):
    every = {
        "labels": Count("tags"),
        "ages": Sum("maker__age"),
        "most": Max("amount"),
        "siblings": Count("maker__things"),
        "total": Sum("amount"),
    }

    @few
    @given(
        steps=filters,
        wanted=st.lists(st.sampled_from(sorted(every)), unique=True, min_size=2, max_size=3),
        seed=world.seeds,
    )
    def check(steps: Any, wanted: list[str], seed: int) -> None:
        rows = chosen(steps, random.Random(seed)).annotate(**{name: every[name] for name in wanted}).order_by("pk")
        whole = {row.pk: {name: getattr(row, name) for name in wanted} for row in rows}
        for name in wanted:
            assert dict(rows.values_list("pk", name)) == {pk: values[name] for pk, values in whole.items()}
            number = rows.aggregate(most=Max(name))["most"]
            assert number == max((v[name] for v in whole.values() if v[name] is not None), default=None)
            for border in (0, 2):
                above = [pk for pk, values in whole.items() if values[name] is not None and values[name] > border]
                assert list(rows.filter(**{f"{name}__gt": border}).values_list("pk", flat=True)) == above
                assert rows.filter(**{f"{name}__gt": border}).count() == len(above)

    check()


def test_sets_have_no_duplicates_whatever_is_empty(things):
    @few
    @given(
        steps=filters,
        empty=st.sampled_from(("none", "in")),
        operator=st.sampled_from(("union", "difference")),
        left=st.booleans(),
        seed=world.seeds,
    )
    def check(steps: Any, empty: str, operator: str, left: bool, seed: int) -> None:
        rows = chosen(steps, random.Random(seed)).order_by().values_list("amount", "active")
        nothing = rows.none() if empty == "none" else rows.filter(pk__in=[])
        made = nothing.union(rows) if left and operator == "union" else getattr(rows, operator)(nothing)
        found = list(made.all())
        assert len(found) == len(set(found)) == made.count()
        assert set(found) == set(rows)

    check()


def test_the_world_has_rows_to_count(things):
    assert (len(things), Maker.objects.count(), Tag.objects.count()) == (24, 6, 5)
