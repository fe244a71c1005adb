"""Rules in cycles, self references, deep chains and mixtures; a failure deletes nothing."""

from __future__ import annotations

import pytest

import dorm
from dorm import IntegrityError, ProtectedError


class Person(dorm.Model):
    name = dorm.CharField(max_length=20)
    boss = dorm.ForeignKey("self", dorm.CASCADE, null=True, related_name="staff")
    deputy = dorm.ForeignKey("self", dorm.SET_NULL, null=True, related_name="deputy_of")
    friends = dorm.ManyToManyField("self", symmetrical=False, related_name="befriended_by")


class Desk(dorm.Model):
    owner = dorm.ForeignKey(Person, dorm.CASCADE, related_name="desks")


class Drawer(dorm.Model):
    desk = dorm.ForeignKey(Desk, dorm.CASCADE, related_name="drawers")
    keeper = dorm.ForeignKey(Person, dorm.SET_NULL, null=True, related_name="keeps")


class Lock(dorm.Model):
    drawer = dorm.OneToOneField(Drawer, dorm.PROTECT, related_name="lock")


class Badge(dorm.Model):
    person = dorm.ForeignKey(Person, dorm.RESTRICT, related_name="badges")


class Chicken(dorm.Model):
    egg = dorm.ForeignKey("Egg", dorm.CASCADE, null=True)


class Egg(dorm.Model):
    chicken = dorm.ForeignKey(Chicken, dorm.CASCADE, null=True)


MODELS = [Person, Desk, Drawer, Lock, Badge, Chicken, Egg]
pytestmark = pytest.mark.models(MODELS)
LABEL = Person._meta.app_label


def labels(**counts):
    return {f"{LABEL}.{name}": count for name, count in counts.items()}


async def office(mode):
    """A boss with two people under one another, a desk with two drawers, kept by somebody else."""
    boss = await mode.call(Person.objects, "create", name="boss")
    second = await mode.call(Person.objects, "create", name="second", boss=boss)
    third = await mode.call(Person.objects, "create", name="third", boss=second)
    other = await mode.call(Person.objects, "create", name="other", deputy=third)
    desk = await mode.call(Desk.objects, "create", owner=third)
    drawers = [await mode.call(Drawer.objects, "create", desk=desk, keeper=keeper) for keeper in (other, boss)]
    await mode.call(third.friends, "set", [boss, other])
    return boss, other, drawers


async def counts(mode):
    return [await mode.call(model.objects, "count") for model in (Person, Desk, Drawer, Lock, Badge)]


@pytest.mark.parametrize("by_queryset", [False, True], ids=["instance", "queryset"])
async def test_a_chain_of_cascades_and_nulls_is_followed_to_its_end(database, mode, by_queryset):
    boss, other, _ = await office(mode)
    kept = await mode.call(
        Drawer.objects, "create", desk=await mode.call(Desk.objects, "create", owner=other), keeper=boss
    )
    target = Person.objects.filter(name="boss") if by_queryset else boss
    assert await mode.call(target, "delete") == (6, labels(Person=3, Desk=1, Drawer=2))
    assert await counts(mode) == [1, 1, 1, 0, 0]
    assert (await mode.call(Person.objects, "get")).deputy_id is None
    assert (await mode.call(Drawer.objects, "get", pk=kept.pk)).keeper_id is None
    assert database.count(Person.friends.through._meta.db_table) == 0


async def test_the_deleted_instance_loses_its_key_and_cannot_be_deleted_again(database, mode):
    boss, _, _ = await office(mode)
    await mode.call(boss, "delete")
    assert (boss.pk, boss.id) == (None, None)
    with pytest.raises(ValueError, match="primary key|saved|key"):
        await mode.call(boss, "delete")
    with pytest.raises(ValueError):
        await mode.call(Person(name="never saved"), "delete")


async def test_rows_that_refer_to_each_other_go_together(database, mode):
    egg = await mode.call(Egg.objects, "create")
    chicken = await mode.call(Chicken.objects, "create", egg=egg)
    await mode.call(Egg.objects.filter(pk=egg.pk), "update", chicken=chicken)
    selfish = await mode.call(Person.objects, "create", name="selfish")
    await mode.call(Person.objects.filter(pk=selfish.pk), "update", boss=selfish)
    assert await mode.call(chicken, "delete") == (2, labels(Chicken=1, Egg=1))
    assert await mode.call(selfish, "delete") == (1, labels(Person=1))


@pytest.mark.parametrize("by_queryset", [False, True], ids=["instance", "queryset"])
async def test_a_protected_row_at_the_end_of_a_chain_keeps_everything(database, mode, queries, by_queryset):
    boss, _, drawers = await office(mode)
    lock = await mode.call(Lock.objects, "create", drawer=drawers[0])
    before = await counts(mode)
    with queries() as log, pytest.raises(ProtectedError, match=r"Lock\.drawer") as caught:
        await mode.call(Person.objects.filter(name="boss") if by_queryset else boss, "delete")
    assert list(caught.value.protected_objects) == [lock]
    assert log.containing("DELETE ") == log.containing("UPDATE ") == []
    assert await counts(mode) == before
    assert boss.pk is not None


async def test_a_restricted_row_keeps_everything_also_inside_a_block_that_goes_on(database, mode):
    boss, _other, _ = await office(mode)
    await mode.call(Badge.objects, "create", person=await mode.call(Person.objects, "get", name="third"))
    before = await counts(mode)
    with pytest.raises(IntegrityError):
        await mode.call(boss, "delete")
    assert await counts(mode) == before
    assert boss.pk is not None
    async with mode.atomic():
        with pytest.raises(IntegrityError):
            await mode.call(Person.objects.filter(name="boss"), "delete")
        await mode.call(Person.objects, "create", name="after")
    assert await mode.call(Person.objects, "count") == before[0] + 1
    assert (await mode.call(Person.objects, "get", name="other")).deputy_id is not None


async def test_a_delete_that_matches_nothing_counts_nothing(database, mode):
    assert await mode.call(Person.objects.filter(name="nobody"), "delete") == (0, {})
    assert await mode.call(Person.objects.none(), "delete") == (0, {})


async def test_slices_and_joins_delete_only_their_rows(database, mode):
    await office(mode)
    assert (await mode.call(Drawer.objects.order_by("pk")[:1], "delete"))[1] == labels(Drawer=1)
    assert (await mode.call(Drawer.objects.filter(desk__owner__name="third"), "delete"))[1] == labels(Drawer=1)
    assert (await mode.call(Desk.objects.filter(drawers__isnull=True), "delete"))[1] == labels(Desk=1)
    assert await mode.call(Person.objects, "count") == 4


async def test_many_rows_are_deleted_in_chunks(database, mode):
    boss = await mode.call(Person.objects, "create", name="boss")
    desks = await mode.call(Desk.objects, "bulk_create", [Desk(owner=boss) for _ in range(1_500)])
    await mode.call(Drawer.objects, "bulk_create", [Drawer(desk=desk) for desk in desks])
    assert await mode.call(boss, "delete") == (3_001, labels(Person=1, Desk=1_500, Drawer=1_500))
