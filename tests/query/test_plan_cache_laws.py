"""A plan from the cache is the plan that a fresh compilation gives, for random queries and values, on both databases."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
import random_queries as world
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_queries import Recipe, Thing

import dorm
from dorm.db import engines
from dorm.query.run.pipeline import fetch
from dorm.query.run.plan import compile_plan, plan_for
from dorm.query.run.plan_cache import plans

pytestmark = pytest.mark.models(world.MODELS)

# DORM_TEST_EXAMPLES=20 looks twenty times longer
TIMES = int(os.environ.get("DORM_TEST_EXAMPLES", "1"))
few = settings(max_examples=50 * TIMES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
many = settings(max_examples=100 * TIMES, deadline=None, suppress_health_check=list(HealthCheck), database=None)

Text = tuple[str, tuple[Any, ...]]


@pytest.fixture
def both():
    """Both dialects, and no connection to either."""
    dorm.configure(
        DATABASES={
            "default": {"ENGINE": "sqlite", "NAME": ":memory:"},
            "other": {"ENGINE": "postgresql", "HOST": "127.0.0.1", "PORT": 1, "NAME": "nowhere"},
        }
    )
    plans.clear()
    return ("default", "other")


def text(plan: Any, values: list[Any]) -> Text:
    if plan.statement is None:
        return ("", ())
    return (plan.statement.sql, tuple(values if plan.bind is None else plan.bind(values)))


def through_cache(queryset: Any, alias: str, use: str) -> Text:
    return text(*plan_for(queryset.state, alias, use, engines.get(alias)))


def compiled_anew(queryset: Any, alias: str, use: str) -> Text:
    return text(*compile_plan(queryset.state, alias, use, engines.get(alias)))


def test_a_plan_from_the_cache_says_what_a_fresh_one_says(both):
    @many
    @given(
        recipe=world.recipes, first=world.seeds, second=world.seeds, use=st.sampled_from(("rows", "count", "exists"))
    )
    def check(recipe: Recipe, first: int, second: int, use: str) -> None:
        for seed in (first, second, first):
            queryset = recipe.cook(seed)
            for alias in both:
                assert through_cache(queryset, alias, use) == compiled_anew(queryset, alias, use)

    check()


def test_the_same_recipe_with_other_values_has_the_same_shape_and_hits(both):
    @many
    @given(recipe=world.recipes, first=world.seeds, second=world.seeds)
    def check(recipe: Recipe, first: int, second: int) -> None:
        one, other = recipe.cook(first).state, recipe.cook(second).state
        values: list[Any] = []
        others: list[Any] = []
        assert one.cache_key(values) == other.cache_key(others)
        assert len(values) == len(others)
        plan_for(one, "default", "rows", engines.get("default"))
        before = plans.hits
        plan_for(other, "default", "rows", engines.get("default"))
        assert plans.hits == before + 1

    check()


def test_a_shape_numbers_its_values_in_the_order_of_its_slots(both):
    @many
    @given(recipe=world.recipes, seed=world.seeds)
    def check(recipe: Recipe, seed: int) -> None:
        state = recipe.cook(seed).state
        values: list[Any] = []
        state.cache_key(values)
        _, samples = compile_plan(state, "default", "rows", engines.get("default"))
        assert samples == values

    check()


def test_updates_and_aggregates_are_cached_rightly_too(both):
    @few
    @given(recipe=world.recipes, first=world.seeds, second=world.seeds)
    def check(recipe: Recipe, first: int, second: int) -> None:
        if recipe.combined != "nothing" or recipe.annotations:
            return
        for seed in (first, second):
            state = recipe.cook(seed).state
            resolved = Thing.objects.annotate(most=dorm.Max("amount"), total=dorm.Sum(dorm.F("amount") + seed)).state
            asked = state.evolve(aggregates=tuple(resolved.annotations.items()))
            for alias in both:
                engine = engines.get(alias)
                assert text(*plan_for(asked, alias, "aggregate", engine)) == text(
                    *compile_plan(asked, alias, "aggregate", engine)
                )
                assert text(*plan_for(state, alias, "delete", engine)) == text(
                    *compile_plan(state, alias, "delete", engine)
                )

    check()


def test_random_filters_find_what_python_finds(database):
    world.populate()
    things = list(Thing.objects.select_related("maker__room", "other__room").prefetch_related("tags"))
    tags = {thing.pk: tuple(thing.tags.all()) for thing in things}

    @many
    @given(steps=st.lists(st.tuples(st.booleans(), world.predictable), min_size=1, max_size=3), seed=world.seeds)
    def check(steps: list[tuple[bool, Any]], seed: int) -> None:
        assume(not any(kept and world.is_ambiguous(condition) for kept, condition in steps))
        chance = random.Random(seed)
        filled = [(kept, world.fill(condition, chance)) for kept, condition in steps]
        rows = Thing.objects.all()
        for kept, condition in filled:
            rows = rows.filter(world.as_q(condition)) if kept else rows.exclude(world.as_q(condition))
        meant = [condition if kept else world.Node("~", (condition,)) for kept, condition in filled]
        assert set(rows.values_list("pk", flat=True)) == world.matching(meant, things, tags)

    check()


def test_a_negation_beside_a_joined_row_is_about_that_row(database):
    """In one ``filter()``; in one of its own it is about all rows (Django's split_exclude)."""
    room = world.Room.objects.create()
    maker = world.Maker.objects.create(name="m", room=room)
    thing = Thing.objects.create(title="both", maker=maker)
    thing.tags.add(world.Tag.objects.create(label="a", weight=1), world.Tag.objects.create(label="a", weight=2))
    light = dorm.Q(tags__weight=1)
    assert Thing.objects.filter(dorm.Q(tags__label="a") & ~light).count() == 1
    assert Thing.objects.filter(dorm.Q(tags__label="a")).filter(~light).count() == 0
    assert Thing.objects.filter(~light).count() == 0
    assert Thing.objects.exclude(light).count() == 0


def test_xor_below_a_not_is_null_safe(database):
    """``NULL = 'x'`` is false and its negation true, so exactly one side of the XOR holds."""
    world.populate()
    condition = dorm.Q(title="a") ^ ~dorm.Q(title="a")
    assert Thing.objects.filter(condition).count() == Thing.objects.count()
    assert Thing.objects.exclude(condition).count() == 0


def test_cached_and_uncached_runs_bring_the_same_rows(database):
    world.populate()

    def plain(rows: list[Any]) -> list[Any]:
        return [row.__dict__ if isinstance(row, dorm.Model) else row for row in rows]

    @few
    @given(recipe=world.recipes, first=world.seeds, second=world.seeds)
    def check(recipe: Recipe, first: int, second: int) -> None:
        list(recipe.cook(first))
        queryset = recipe.cook(second)
        cached = plain(fetch(queryset.state, "default"))
        plans.clear()
        fresh = plain(fetch(queryset.state, "default"))
        if recipe.order == "nothing" and recipe.combined == "nothing":
            assert len(cached) == len(fresh)
            if recipe.sliced == "nothing":
                assert sorted(map(repr, cached)) == sorted(map(repr, fresh))
                assert recipe.cook(second).count() == len(fresh)
        else:
            assert repr(cached) == repr(fresh)
            assert recipe.cook(second).count() == len(fresh)
        assert recipe.cook(second).exists() == bool(fresh)

    check()
