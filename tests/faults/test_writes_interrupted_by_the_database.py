"""A trigger refuses a row in the middle of a larger change; nothing of the change stays."""

from __future__ import annotations

import pytest

import dorm
from dorm import DatabaseError


class Crate(dorm.Model):
    name = dorm.CharField(max_length=20)
    size = dorm.IntegerField(default=0)


class Bottle(dorm.Model):
    crate = dorm.ForeignKey(Crate, dorm.CASCADE, null=True, related_name="bottles")
    label = dorm.CharField(max_length=20, unique=True)
    level = dorm.IntegerField(default=0)
    stamps = dorm.ManyToManyField("Stamp", related_name="bottles")


class Stamp(dorm.Model):
    text = dorm.CharField(max_length=20)


pytestmark = pytest.mark.models([Crate, Bottle, Stamp])
BOTTLES = Bottle._meta.db_table
LINKS = Bottle.stamps.through._meta.db_table


def refuse(database, when, table, condition):
    """From now on the database refuses this kind of write to such a row."""
    row = "OLD" if when == "DELETE" else "NEW"
    if database.vendor == "sqlite":
        database.run(
            f'CREATE TRIGGER refusal BEFORE {when} ON "{table}" WHEN {row}.{condition} '
            "BEGIN SELECT RAISE(ABORT, 'refused by a trigger'); END"
        )
        return
    database.run(
        "CREATE OR REPLACE FUNCTION refusal() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF {row}.{condition} THEN RAISE EXCEPTION 'refused by a trigger'; END IF; RETURN {row}; END $$"
    )
    database.run(f'CREATE TRIGGER refusal BEFORE {when} ON "{table}" FOR EACH ROW EXECUTE FUNCTION refusal()')


@pytest.fixture
def filled(database):
    """A crate with three bottles, two stamps on the first; the refusal ends with the test."""
    crate = Crate.objects.create(name="crate")
    bottles = Bottle.objects.bulk_create([Bottle(crate=crate, label=label) for label in "abc"])
    stamps = Stamp.objects.bulk_create([Stamp(text="one"), Stamp(text="two"), Stamp(text="three")])
    bottles[0].stamps.set(stamps[:2])
    yield database
    if database.vendor == "postgresql":
        database.run("DROP FUNCTION IF EXISTS refusal() CASCADE")


async def state(mode):
    bottles = await mode.fetch(Bottle.objects.order_by("label").values_list("label", "crate", "level"))
    links = await mode.fetch(Bottle.stamps.through.objects.order_by("pk").values_list("bottle", "stamp"))
    return await mode.call(Crate.objects, "count"), bottles, links


async def fails(mode, change, *, block):
    """The change raises; when it runs inside a block, the block goes on and commits what came after it."""
    before = await state(mode)
    if not block:
        with pytest.raises(DatabaseError, match="refused by a trigger"):
            await change()
        assert await state(mode) == before
        return
    async with mode.atomic():
        with pytest.raises(DatabaseError, match="refused by a trigger"):
            await change()
        assert await state(mode) == before
        await mode.call(Stamp.objects, "create", text="after")
    assert await state(mode) == before
    assert await mode.call(Stamp.objects.filter(text="after"), "exists")


pytest_block = pytest.mark.parametrize("block", [False, True], ids=["alone", "in-a-block"])


@pytest_block
async def test_a_cascade_stopped_at_a_grandchild(filled, mode, block):
    refuse(filled, "DELETE", BOTTLES, "label = 'b'")
    crate = await mode.call(Crate.objects, "get")
    await fails(mode, lambda: mode.call(crate, "delete"), block=block)
    assert crate.pk is not None


@pytest_block
async def test_a_queryset_delete_stopped_on_its_way(filled, mode, block):
    refuse(filled, "DELETE", BOTTLES, "label = 'c'")
    await fails(mode, lambda: mode.call(Bottle.objects.filter(label__gte="a"), "delete"), block=block)


@pytest_block
async def test_a_bulk_insert_stopped_in_its_second_batch(filled, mode, block):
    refuse(filled, "INSERT", BOTTLES, "label = 'z'")
    new = [Bottle(label=label) for label in "wxyz"]
    await fails(mode, lambda: mode.call(Bottle.objects, "bulk_create", new, batch_size=2), block=block)


@pytest_block
async def test_a_bulk_update_stopped_in_its_second_batch(filled, mode, block):
    refuse(filled, "UPDATE", BOTTLES, "level = 3")
    bottles = await mode.fetch(Bottle.objects.order_by("label"))
    for number, bottle in enumerate(bottles, 1):
        bottle.level = number
    await fails(mode, lambda: mode.call(Bottle.objects, "bulk_update", bottles, ["level"], batch_size=1), block=block)


@pytest_block
async def test_an_upsert_stopped_in_its_second_batch(filled, mode, block):
    refuse(filled, "INSERT", BOTTLES, "label = 'z'")
    rows = [Bottle(label="a", level=5), Bottle(label="z", level=5)]
    await fails(mode, lambda: mode.call(Bottle.objects, "upsert", rows, ["label"], batch_size=1), block=block)


@pytest_block
async def test_setting_links_stopped_after_the_old_ones_were_removed(filled, mode, block):
    third = await mode.call(Stamp.objects, "get", text="three")
    refuse(filled, "INSERT", LINKS, f"stamp_id = {third.pk}")
    bottle = await mode.call(Bottle.objects, "get", label="a")
    await fails(mode, lambda: mode.call(bottle.stamps, "set", [third]), block=block)
    await fails(mode, lambda: mode.call(bottle.stamps, "set", [third], clear=True), block=block) if not block else None


@pytest_block
async def test_creating_through_a_link_stopped_at_the_link(filled, mode, block):
    refuse(filled, "INSERT", LINKS, "stamp_id > 0")
    bottle = await mode.call(Bottle.objects, "get", label="b")
    stamps = await mode.call(Stamp.objects, "count")
    await fails(mode, lambda: mode.call(bottle.stamps, "create", text="orphan"), block=block)
    assert await mode.call(Stamp.objects.exclude(text="after"), "count") == stamps


@pytest_block
async def test_moving_children_stopped_at_one_of_them(filled, mode, block):
    refuse(filled, "UPDATE", BOTTLES, "label = 'b'")
    other = await mode.call(Crate.objects, "create", name="other")
    bottles = await mode.fetch(Bottle.objects.order_by("label"))
    await fails(mode, lambda: mode.call(other.bottles, "set", bottles), block=block)
    if not block:
        await fails(mode, lambda: mode.call(other.bottles, "add", *bottles, bulk=False), block=False)


@pytest_block
async def test_getting_or_creating_stopped_at_the_insert(filled, mode, block):
    refuse(filled, "INSERT", BOTTLES, "label = 'z'")
    await fails(mode, lambda: mode.call(Bottle.objects, "get_or_create", label="z"), block=block)
    if not block:
        await fails(mode, lambda: mode.call(Bottle.objects, "update_or_create", label="z"), block=False)
