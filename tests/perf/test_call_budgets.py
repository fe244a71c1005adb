"""How many Python calls the hot paths make: counted, not timed, so that a slow machine changes nothing.

The budgets have about a quarter of headroom above what was measured. A path that outgrows its budget either does new work
that it should not do per call, or deserves a new budget with a reason.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

import pytest

import dorm


class Person(dorm.Model):
    name = dorm.CharField(max_length=50)
    mail = dorm.CharField(max_length=50)
    age = dorm.IntegerField(default=0)
    score = dorm.FloatField(default=0.0)
    active = dorm.BooleanField(default=True)


class Pet(dorm.Model):
    name = dorm.CharField(max_length=50)
    owner = dorm.ForeignKey(Person, on_delete=dorm.CASCADE, related_name="pets")


pytestmark = pytest.mark.models([Person, Pet])


def calls(work: Callable[[], Any]) -> int:
    """Python and C calls of the third run of ``work``; the first ones fill the caches."""
    work()
    work()
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        if event in {"call", "c_call"}:
            count += 1

    gc.disable()
    previous = sys.getprofile()
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(previous)
        gc.enable()
    return count - 1  # turning the profile off


def people(number: int) -> list[Person]:
    return Person.objects.bulk_create([Person(name=f"n{n}", mail="m@x", age=n, score=n / 2) for n in range(number)])


def new() -> Person:
    return Person(name="a", mail="b", age=1, score=1.0, active=True)


P = Person.objects

# path: (work, calls allowed on SQLite, calls allowed on PostgreSQL)
BUDGETS: dict[str, tuple[Callable[[], Any], int, int]] = {
    "construct": (new, 5, 5),
    "get by key": (lambda: P.get(pk=1), 120, 200),
    "get of nothing": (lambda: P.get_or_none(pk=-1), 120, 200),
    "describe only": (lambda: P.filter(age__gte=1).exclude(name="x").order_by("-age")[:5], 150, 150),
    "first": (lambda: P.filter(age=5).first(), 210, 290),
    "exists": (lambda: P.filter(age=5).exists(), 95, 175),
    "count": (lambda: P.filter(age=5).count(), 95, 175),
    "create": (lambda: P.create(name="a", mail="b", age=1, score=1.0, active=True), 95, 175),
    "update": (lambda: P.filter(pk=1).update(age=2), 165, 245),
    "100 instances": (lambda: list(P.filter(pk__lte=100)), 350, 440),
    "100 dicts": (lambda: list(P.filter(pk__lte=100).values("pk", "name", "age")), 210, 290),
    "100 tuples": (lambda: list(P.filter(pk__lte=100).values_list("pk", "name", "age")), 210, 290),
    "100 rows with their owners": (lambda: list(Pet.objects.select_related("owner")), 530, 620),
    "50 rows and a prefetch": (lambda: list(P.filter(pk__lte=50).prefetch_related("pets")), 1150, 1350),
    "bulk_create of 100": (lambda: P.bulk_create([new() for _ in range(100)]), 2500, 5300),
}


@pytest.fixture
def filled(database):
    rows = people(200)
    Pet.objects.bulk_create([Pet(name="p", owner=rows[n % 50]) for n in range(100)])
    return database


def test_the_hot_paths_stay_inside_their_budgets(filled):
    over = {}
    for name, (work, lite, postgres) in BUDGETS.items():
        budget = lite if filled.vendor == "sqlite" else postgres
        made = calls(work)
        if made > budget:
            over[name] = (made, budget)
    assert over == {}


def per_row(work: Callable[[int], Any]) -> float:
    """The calls that one more row costs."""
    return (calls(lambda: work(200)) - calls(lambda: work(100))) / 100


def test_a_row_more_costs_next_to_nothing(filled):
    assert per_row(lambda number: list(P.filter(pk__lte=number))) <= 2.5
    assert per_row(lambda number: list(P.filter(pk__lte=number).values("pk", "name", "score"))) <= 0.5
    assert per_row(lambda number: list(P.filter(pk__lte=number).values_list("pk", "name", "age"))) <= 0.5
    assert per_row(lambda number: list(P.filter(pk__lte=number).values_list("name", flat=True))) <= 0.5


def test_a_prefetched_row_more_costs_next_to_nothing(filled):
    def of_pets(number: int) -> int:
        Pet.objects.filter(pk__gt=100).delete()
        Pet.objects.bulk_create([Pet(name="p", owner_id=1) for _ in range(number)])
        return calls(lambda: list(P.filter(pk=1).prefetch_related("pets")))

    assert (of_pets(200) - of_pets(100)) / 100 <= 3.5


def test_reading_a_field_of_a_loaded_row_is_an_attribute_and_nothing_else(filled):
    loaded = P.get(pk=1)
    assert calls(lambda: (loaded.name, loaded.age, loaded.active, loaded.pk)) <= 3  # the lambda, and what `pk` is


@pytest.mark.only("sqlite")  # PostgreSQL's driver looks at each item
def test_a_longer_list_costs_no_more_description(filled):
    few, many = list(range(3)), list(range(300))
    assert calls(lambda: list(P.filter(pk__in=many).values_list("pk"))) <= 2 * calls(
        lambda: list(P.filter(pk__in=few).values_list("pk"))
    )


def test_a_cached_plan_saves_most_of_the_work(filled):
    from dorm.query.run.plan_cache import plans

    def compiled() -> None:
        plans.clear()
        P.get(pk=1)

    assert calls(compiled) > 4 * calls(lambda: P.get(pk=1))


def test_an_async_wrapper_adds_little(filled):
    import asyncio

    from dorm.db.connection import close_all_async

    async def body() -> int:
        await P.aget(pk=1)
        await P.aget(pk=1)
        count = 0

        def profile(frame: Any, event: str, argument: Any) -> None:
            nonlocal count
            if event == "call":
                count += 1

        with dorm.inline():
            await P.aget(pk=1)
            sys.setprofile(profile)
            try:
                await P.aget(pk=1)
            finally:
                sys.setprofile(None)
        await close_all_async()
        return count

    assert asyncio.run(body()) < calls(lambda: P.get(pk=1)) + 60
