"""A cache of rows: one query per key until the row is written, by whatever verb, and its transaction has ended."""

from __future__ import annotations

import pytest

import dorm
from dorm.cache import RowCache
from dorm.db.write_events import subscriptions
from dorm.events import subscribe


class Town(dorm.Model):
    name = dorm.CharField(max_length=20, unique=True)
    people = dorm.IntegerField(default=0)


pytestmark = pytest.mark.models([Town])


@pytest.fixture
def towns(database):
    Town.objects.bulk_create([Town(name=name) for name in "abc"])
    cache = RowCache(Town)
    yield cache
    cache.detach()
    assert not subscriptions.active


async def asked(mode, cache, queries, *keys):
    """How many queries it takes to get the rows of these keys."""
    with queries() as log:
        for key in keys:
            await mode.call(cache, "get", key)
    return log.count


async def test_a_row_is_read_once(towns, mode, queries):
    assert await asked(mode, towns, queries, 1, 2, 1, "1", 2) == 2
    assert len(towns) == 2
    assert (await mode.call(towns, "get", 1)).name == "a"
    assert await mode.call(towns, "get", 77) is None
    assert len(towns) == 2


WRITES = {
    "save": lambda mode: mode.call(Town(id=1, name="new"), "save"),
    "update": lambda mode: mode.call(Town.objects.filter(pk=1), "update", name="new"),
    "bulk_update": lambda mode: mode.call(Town.objects, "bulk_update", [Town(id=1, name="new")], ["name"]),
    "upsert": lambda mode: mode.call(Town.objects, "upsert", [Town(id=1, name="new")], ["id"]),
}


@pytest.mark.parametrize("verb", list(WRITES))
async def test_a_written_row_is_read_again_and_no_other(towns, mode, queries, verb):
    assert await asked(mode, towns, queries, 1, 2) == 2
    await WRITES[verb](mode)
    assert (await mode.call(towns, "get", 1)).name == "new"
    assert await asked(mode, towns, queries, 1, 2) == 0


async def test_a_deleted_row_is_gone_and_hand_written_sql_empties_the_cache(towns, mode, queries):
    assert await asked(mode, towns, queries, 1, 2) == 2
    await mode.call(Town.objects.filter(pk=1), "delete")
    assert await mode.call(towns, "get", 1) is None
    assert len(towns) == 1
    await mode.settle(mode.connection().execute_write(f"UPDATE {Town._meta.db_table} SET name = 'x' WHERE id = 2"))
    assert (await mode.call(towns, "get", 2)).name == "x"


async def test_nothing_is_kept_before_its_transaction_has_ended(towns, mode, queries):
    assert await asked(mode, towns, queries, 1) == 1
    with pytest.raises(LookupError):
        async with mode.atomic():
            await mode.call(Town.objects.filter(pk=1), "update", name="new")
            assert (await mode.call(towns, "get", 1)).name == "new"
            assert await asked(mode, towns, queries, 1, 1) == 2
            raise LookupError
    assert (await mode.call(towns, "get", 1)).name == "a"
    assert await asked(mode, towns, queries, 1) == 0


def test_a_write_that_the_cache_did_not_hear_of_does_not_settle_the_one_before(database, queries):
    Town.objects.create(name="a")

    def refuses(event):
        if event.phase == "after" and event.fields == ("people",):
            raise LookupError

    with subscribe(refuses):
        cache = RowCache(Town)
        with dorm.transaction.atomic():
            Town.objects.update(name="new")
            with pytest.raises(LookupError):
                Town.objects.update(people=5)
            with queries() as log:
                assert [cache.get(1).name, cache.get(1).name] == ["new", "new"]
            dorm.transaction.set_rollback(True)
        assert log.count == 2
        assert cache.get(1).name == "a"
        cache.detach()


def test_a_row_that_is_written_while_it_is_read_is_not_kept(towns, monkeypatch):
    manager = type(Town._default_manager)
    read = manager.get_or_none

    def late(self, *args, **kwargs):
        found = read(self, *args, **kwargs)
        Town.objects.filter(pk=1).update(name="new")
        return found

    monkeypatch.setattr(manager, "get_or_none", late)
    towns.get(1)
    monkeypatch.undo()
    assert towns.get(1).name == "new"


def test_what_a_caller_does_to_its_instance_is_its_own_business(towns):
    first = towns.get(1)
    first.name = "changed"
    assert towns.get(1).name == "a"
    assert towns.get(1) == first


def test_the_least_recently_used_rows_go(database, queries):
    Town.objects.bulk_create([Town(name=name) for name in "abc"])
    cache = RowCache(Town, maxsize=2, invalidate_on_write=False)
    for key in (1, 2, 1, 3):
        cache.get(key)
    with queries() as log:
        cache.get(1)
        cache.get(3)
        assert log.count == 0
        cache.get(2)
        assert log.count == 1
    Town.objects.filter(pk=2).update(name="new")
    assert cache.get(2).name == "b"
    cache.invalidate(2)
    assert cache.get(2).name == "new"
    cache.clear()
    assert len(cache) == 0


def test_a_cache_holds_a_row_at_least(database):
    for size in (0, -1, True, 2.5):
        with pytest.raises(ValueError, match="maxsize is a number of rows from 1"):
            RowCache(Town, maxsize=size)
    assert not subscriptions.active
