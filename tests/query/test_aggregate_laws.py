"""Counts, sums and groups over random filters equal what Python computes from the rows; writes touch those rows alone."""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
import random_queries as world
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_queries import Maker, Tag, Thing

import dorm
from dorm import Avg, Count, F, Max, Min, Q, Sum
from dorm.functions import Coalesce
from dorm.transaction import atomic

pytestmark = pytest.mark.models(world.MODELS)

TIMES = int(os.environ.get("DORM_TEST_EXAMPLES", "1"))
few = settings(max_examples=20 * TIMES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
single = world.trees(
    st.sampled_from(
        [leaf for leaf in world.LEAVES if not leaf.path.startswith("tags") and not leaf.kind.startswith("F+")]
    )
)


@pytest.fixture
def things(database) -> list[Thing]:
    world.populate()
    return list(Thing.objects.order_by("pk").select_related("maker__room", "other__room").prefetch_related("tags"))


def picked(things: list[Thing], condition: Any) -> list[Thing]:
    tags = {thing.pk: tuple(thing.tags.all()) for thing in things}
    keys = world.matching([condition], things, tags)
    return [thing for thing in things if thing.pk in keys]


def known(values: list[Any]) -> list[Any]:
    return [value for value in values if value is not None]


def over(function: Callable[[list[Any]], Any], values: list[Any]) -> Any:
    """An aggregate of SQL: NULL is left out, and of nothing there is none."""
    given_values = known(values)
    return function(given_values) if given_values else None


def mean(values: list[Any]) -> float:
    return sum(values) / len(values)


def test_aggregates_equal_python_s(things):
    @few
    @given(condition=single, seed=world.seeds)
    def check(condition: Any, seed: int) -> None:
        filled = world.fill(condition, random.Random(seed))
        rows = picked(things, filled)
        amounts = [row.amount for row in rows]
        queryset = Thing.objects.filter(world.as_q(filled))
        assert queryset.count() == len(rows)
        found = queryset.aggregate(
            n=Count("pk"),
            amounts=Count("amount"),
            different=Count("amount", distinct=True),
            total=Sum("amount"),
            default=Sum("amount", default=-7),
            least=Min("day"),
            most=Max("amount"),
            mean=Avg("amount"),
            shifted=Sum(F("amount") + 2),
            filled=Sum(Coalesce("amount", 1)),
            active=Count("pk", filter=Q(active=True)),
            age=Sum("maker__age"),
        )
        assert found == {
            "n": len(rows),
            "amounts": len(known(amounts)),
            "different": len(set(known(amounts))),
            "total": over(sum, amounts),
            "default": sum(known(amounts)) if known(amounts) else -7,
            "least": over(min, [row.day for row in rows]),
            "most": over(max, amounts),
            "mean": pytest.approx(mean(known(amounts))) if known(amounts) else None,
            "shifted": over(lambda values: sum(values) + 2 * len(values), amounts),
            "filled": sum(1 if amount is None else amount for amount in amounts) if rows else None,
            "active": sum(row.active for row in rows),
            "age": over(sum, [row.maker.age for row in rows]),
        }

    check()


def test_aggregates_of_slices_and_of_different_rows_are_about_these(things):
    @few
    @given(condition=single, seed=world.seeds, low=st.integers(0, 5), length=st.integers(1, 8))
    def check(condition: Any, seed: int, low: int, length: int) -> None:
        filled = world.fill(condition, random.Random(seed))
        rows = picked(things, filled)
        queryset = Thing.objects.filter(world.as_q(filled)).order_by("pk")
        part = [row.amount for row in rows[low : low + length]]
        found = queryset[low : low + length].aggregate(n=Count("pk"), total=Sum("amount"))
        assert found == {"n": len(part), "total": over(sum, part)}
        assert queryset[low : low + length].count() == len(part)
        different = {row.amount for row in rows}
        assert queryset.order_by().values("amount").distinct().count() == len(different)
        assert queryset.order_by().values("amount").distinct().aggregate(total=Sum("amount")) == {
            "total": over(sum, list(different))
        }

    check()


def test_groups_equal_python_s(things):
    @few
    @given(condition=single, seed=world.seeds, least=st.integers(0, 3))
    def check(condition: Any, seed: int, least: int) -> None:
        filled = world.fill(condition, random.Random(seed))
        groups: dict[Any, list[Thing]] = defaultdict(list)
        for row in picked(things, filled):
            groups[row.maker.city, row.active].append(row)
        queryset = (
            Thing.objects.filter(world.as_q(filled))
            .values("maker__city", "active")
            .annotate(n=Count("pk"), total=Sum("amount"), most=Max("maker__age"))
            .filter(n__gte=least)
        )
        wanted = {
            key: (len(rows), over(sum, [r.amount for r in rows]), over(max, [r.maker.age for r in rows]))
            for key, rows in groups.items()
            if len(rows) >= least
        }
        found = list(queryset)
        assert {(g["maker__city"], g["active"]): (g["n"], g["total"], g["most"]) for g in found} == wanted
        assert len(found) == len(wanted) == queryset.count()
        assert queryset.exists() == bool(wanted)

    check()


def test_annotated_aggregates_equal_python_s_and_do_not_multiply(things):
    @few
    @given(condition=single, seed=world.seeds, weight=st.integers(0, 2), least=st.integers(0, 2))
    def check(condition: Any, seed: int, weight: int, least: int) -> None:
        filled = world.fill(condition, random.Random(seed))
        rows = picked(things, filled)

        def heavy(row: Thing) -> int:
            return sum(1 for tag in row.tags.all() if tag.weight is not None and tag.weight >= weight)

        queryset = Thing.objects.filter(world.as_q(filled)).annotate(
            n=Count("tags"),
            heavy=Count("tags", filter=Q(tags__weight__gte=weight)),
            total=Sum("tags__weight"),
            siblings=Count("maker__things"),
        )
        everyone = defaultdict(int)
        for thing in things:
            everyone[thing.maker_id] += 1
        wanted = {
            row.pk: (
                len(row.tags.all()),
                heavy(row),
                over(sum, [t.weight for t in row.tags.all()]),
                everyone[row.maker_id],
            )
            for row in rows
            if len(row.tags.all()) >= least
        }
        chosen = queryset.filter(n__gte=least)
        assert {row.pk: (row.n, row.heavy, row.total, row.siblings) for row in chosen} == wanted
        assert chosen.count() == len(wanted)
        assert dict(chosen.values_list("pk", "heavy")) == {pk: values[1] for pk, values in wanted.items()}

    check()


def test_writes_touch_the_rows_that_match_and_no_others(things):
    @few
    @given(condition=world.predictable, seed=world.seeds, kept=st.booleans())
    def check(condition: Any, seed: int, kept: bool) -> None:
        assume(not world.is_ambiguous(condition))
        filled = world.fill(condition, random.Random(seed))
        rows = picked(things, filled if kept else world.Node("~", (filled,)))
        queryset = getattr(Thing.objects, "filter" if kept else "exclude")(world.as_q(filled))
        keys = {row.pk for row in rows}
        with atomic():
            assert queryset.update(amount=99) == len(rows)
            assert set(Thing.objects.filter(amount=99).values_list("pk", flat=True)) == keys
            dorm.transaction.set_rollback(True)
        with atomic():
            total, numbers = queryset.delete()
            assert (total, numbers.get(Thing._meta.label, 0)) == (len(rows), len(rows))
            left = set(Thing.objects.values_list("pk", flat=True))
            assert left == {thing.pk for thing in things} - keys
            linked = Thing.tags.through.objects.values_list("thing_id", flat=True)
            assert set(linked) <= left
            dorm.transaction.set_rollback(True)

    check()


def test_a_sliced_update_and_delete_touch_the_slice_alone(things):
    for low, high in ((0, 3), (2, 5), (20, 40), (3, None)):
        part = [thing.pk for thing in things][low:high]
        with atomic():
            assert Thing.objects.order_by("pk")[low:high].update(amount=77) == len(part)
            assert set(Thing.objects.filter(amount=77).values_list("pk", flat=True)) == set(part)
            dorm.transaction.set_rollback(True)
        with atomic():
            assert Thing.objects.order_by("pk")[low:high].delete()[0] == len(part)
            assert Thing.objects.count() == len(things) - len(part)
            dorm.transaction.set_rollback(True)


def test_deleting_makers_takes_their_things_along_and_counts_all(things):
    maker = Maker.objects.annotate(n=Count("things")).order_by("-n").first()
    gone = {thing.pk for thing in things if maker.pk in {thing.maker_id, thing.other_id}}
    total, numbers = Maker.objects.filter(pk=maker.pk).delete()
    assert (total, numbers) == (len(gone) + 1, {Thing._meta.label: len(gone), Maker._meta.label: 1})
    assert set(Thing.objects.values_list("pk", flat=True)) == {thing.pk for thing in things} - gone
    assert Tag.objects.count() == 5
