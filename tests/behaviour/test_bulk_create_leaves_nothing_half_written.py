"""bulk_create takes any iterable, splits what is too large, and is all or nothing."""

from __future__ import annotations

import pytest

import dorm
from dorm import F, IntegrityError, Value, transaction


class Parcel(dorm.Model):
    code = dorm.CharField(max_length=20, unique=True)
    weight = dorm.IntegerField(null=True)
    made = dorm.DateTimeField(auto_now_add=True)
    changed = dorm.DateTimeField(auto_now=True)
    inside = dorm.ForeignKey("self", dorm.CASCADE, null=True)


class Point(dorm.Model):
    x = dorm.IntegerField()
    y = dorm.IntegerField()


pytestmark = pytest.mark.models([Parcel, Point])
P = Parcel.objects


def parcels(*codes, **values):
    return [Parcel(code=code, **values) for code in codes]


async def codes(mode):
    return sorted(await mode.fetch(P.values_list("code", flat=True)))


async def test_any_iterable_is_taken_and_keys_and_times_are_set(database, mode):
    made = await mode.call(P, "bulk_create", (Parcel(code=str(number)) for number in range(3)))
    assert [one.code for one in made] == ["0", "1", "2"]
    assert [one.pk for one in made] == sorted(await mode.fetch(P.values_list("pk", flat=True)))
    stored = await mode.call(P, "get", code="1")
    assert stored == made[1]
    assert stored.made == made[1].made
    assert stored.changed is not None
    assert not any(one._state.adding for one in made)
    assert await mode.call(P, "bulk_create", []) == []


async def test_given_and_missing_keys_may_be_mixed(database, mode):
    made = await mode.call(P, "bulk_create", [*parcels("a"), Parcel(code="b", pk=500), *parcels("c")])
    assert made[1].pk == 500
    assert len({one.pk for one in made}) == 3
    for one in made:
        assert (await mode.call(P, "get", pk=one.pk)).code == one.code


async def test_a_clash_in_a_later_batch_takes_the_earlier_ones_back(database, mode):
    await mode.call(P, "create", code="4")
    with pytest.raises(IntegrityError):
        await mode.call(P, "bulk_create", parcels("0", "1", "2", "3", "4"), batch_size=2)
    assert await codes(mode) == ["4"]


async def test_a_clash_inside_an_open_block_undoes_the_call_and_the_block_goes_on(database, mode):
    async with mode.atomic():
        await mode.call(P, "create", code="z")
        with pytest.raises(IntegrityError):
            await mode.call(P, "bulk_create", parcels("0", "1", "z"), batch_size=1)
        await mode.call(P, "create", code="after")
    assert await codes(mode) == ["after", "z"]


async def test_an_iterable_that_fails_writes_nothing(database, mode):
    def failing():
        yield Parcel(code="a")
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        await mode.call(P, "bulk_create", failing(), batch_size=1)
    assert await codes(mode) == []


async def test_more_rows_than_parameters_are_split(database, mode):
    rows = [Point(x=number, y=-number) for number in range(40_000)]
    made = await mode.call(Point.objects, "bulk_create", rows, batch_size=40_000)
    assert len({one.pk for one in made}) == 40_000
    assert await mode.call(Point.objects, "count") == 40_000
    assert (await mode.call(Point.objects, "get", pk=made[39_999].pk)).x == 39_999


async def test_conflicts_are_ignored_or_updated(database, mode):
    await mode.call(P, "create", code="a", weight=1)
    await mode.call(P, "bulk_create", parcels("a", "b", "b", weight=2), ignore_conflicts=True)
    assert await mode.fetch(P.order_by("code").values_list("code", "weight")) == [("a", 1), ("b", 2)]
    made = await mode.call(
        P,
        "bulk_create",
        parcels("a", "c", weight=3),
        update_conflicts=True,
        unique_fields=["code"],
        update_fields=["weight"],
    )
    assert await mode.fetch(P.order_by("code").values_list("code", "weight")) == [("a", 3), ("b", 2), ("c", 3)]
    assert made[0].pk == (await mode.call(P, "get", code="a")).pk


async def test_wrong_arguments_are_refused_before_any_sql(database, mode, queries):
    with queries() as log:
        for error, match, objs, options in [
            (ValueError, "exclusive", parcels("a"), {"ignore_conflicts": True, "update_conflicts": True}),
            (ValueError, "[Uu]nique", parcels("a"), {"update_conflicts": True, "update_fields": ["weight"]}),
            (ValueError, "updated", parcels("a"), {"update_conflicts": True, "unique_fields": ["code"]}),
            (
                ValueError,
                "wieght",
                parcels("a"),
                {"update_conflicts": True, "unique_fields": ["code"], "update_fields": ["wieght"]},
            ),
            (
                ValueError,
                "cod",
                parcels("a"),
                {"update_conflicts": True, "unique_fields": ["cod"], "update_fields": ["weight"]},
            ),
            (
                ValueError,
                "primary key",
                parcels("a"),
                {"update_conflicts": True, "unique_fields": ["code"], "update_fields": ["id"]},
            ),
            (ValueError, "positive", parcels("a"), {"batch_size": 0}),
            (TypeError, "Parcel", [Point(x=1, y=1)], {}),
            (TypeError, "Parcel", [None], {}),
            (ValueError, "unsaved", [Parcel(code="a", inside=Parcel(code="b"))], {}),
        ]:
            with pytest.raises(error, match=match):
                await mode.call(P, "bulk_create", objs, **options)
    assert log.count == 0


async def test_a_parent_saved_after_it_was_assigned_gives_its_key(database, mode):
    box = Parcel(code="box")
    inner = Parcel(code="inner", inside=box)
    await mode.call(box, "save")
    await mode.call(P, "bulk_create", [inner])
    assert (await mode.call(P, "get", code="inner")).inside_id == box.pk


async def test_expressions_are_stored(database, mode):
    await mode.call(P, "bulk_create", [Parcel(code="a", weight=Value(3) + 4), Parcel(code="b", weight=5)])
    assert await mode.fetch(P.order_by("code").values_list("weight", flat=True)) == [7, 5]


async def test_bulk_update_is_all_or_nothing_too(database, mode):
    rows = await mode.call(P, "bulk_create", [Parcel(code=str(n), weight=n) for n in range(5)])
    for row in rows:
        row.weight = F("weight") + 100
    rows[4].code = "0"
    with pytest.raises(IntegrityError):
        await mode.call(P, "bulk_update", rows, ["weight", "code"], batch_size=2)
    assert await mode.fetch(P.order_by("pk").values_list("weight", flat=True)) == [0, 1, 2, 3, 4]
    async with mode.atomic():
        with pytest.raises(IntegrityError):
            await mode.call(P, "bulk_update", rows, ["weight", "code"], batch_size=1)
        await mode.call(P, "create", code="after")
    assert await codes(mode) == ["0", "1", "2", "3", "4", "after"]
    assert await mode.call(P.filter(weight__gte=100), "count") == 0
    assert transaction.in_atomic_block() is False
