"""Whatever writes passes one place: read-only models are refused there, routers told, and a row without a key noticed."""

from __future__ import annotations

import pytest

import dorm
from dorm.db import routers
from dorm.events import subscribe
from dorm.exceptions import DatabaseError, ReadOnlyModelError
from dorm.functions import Upper
from dorm.query.write import row_writes
from dorm.signals import pre_delete, pre_save


class Entry(dorm.Model):
    name = dorm.CharField(max_length=20)


class Ledger(dorm.Model):
    name = dorm.CharField(max_length=20)

    class Meta:
        db_table = Entry._meta.db_table
        read_only = True
        managed = False


pytestmark = pytest.mark.models([Entry])


async def test_a_read_only_row_that_was_loaded_is_written_by_no_verb(database, mode):
    await mode.call(Entry.objects, "create", name="a")
    loaded = await mode.call(Ledger.objects, "get")
    for target, verb, args in [
        (loaded, "save", []),
        (loaded, "delete", []),
        (Ledger.objects, "bulk_update", [[loaded], ["name"]]),
        (Ledger.objects, "bulk_create", [[Ledger(name="b")]]),
    ]:
        with pytest.raises(ReadOnlyModelError):
            await mode.call(target, verb, *args)
    with pytest.raises(ReadOnlyModelError):
        await mode.call(Ledger.objects.all(), "update", name="b")
    assert [entry.name for entry in await mode.fetch(Entry.objects.all())] == ["a"]


async def test_nobody_is_told_of_a_row_that_is_not_going_to_be_saved(database, mode):
    """The model is refused before its signals are sent."""
    await mode.call(Entry.objects, "create", name="a")
    loaded = await mode.call(Ledger.objects, "get")
    told = []

    def receiver(sender, **_):
        told.append(sender)

    pre_save.connect(receiver, Ledger)
    try:
        for target in (loaded, Ledger(name="b")):
            with pytest.raises(ReadOnlyModelError):
                await mode.call(target, "save")
    finally:
        pre_save.disconnect(receiver, Ledger)
    assert told == []


async def test_nobody_is_told_of_a_row_that_is_not_going_to_be_deleted(database, mode):
    await mode.call(Entry.objects, "create", name="a")
    told = []

    def receiver(sender, **_):
        told.append(sender)

    pre_delete.connect(receiver, Ledger)
    try:
        for target in (await mode.call(Ledger.objects, "get"), Ledger.objects.all()):
            with pytest.raises(ReadOnlyModelError):
                await mode.call(target, "delete")
    finally:
        pre_delete.disconnect(receiver, Ledger)
    assert told == []
    assert await mode.call(Ledger.objects, "count") == 1


def test_a_row_is_not_updated_by_its_key_either(database):
    entry = Entry.objects.create(name="a")
    field = Ledger._meta.get_field("name")
    with pytest.raises(ReadOnlyModelError):
        row_writes.update_where_key(Ledger._meta, entry.pk, [field], ["b"], using="default")
    assert Entry.objects.get().name == "a"


async def test_an_insert_with_an_expression_is_a_write_like_any_other(database, mode, monkeypatch):
    told: list[str] = []
    heard: list[tuple[str, str]] = []
    monkeypatch.setattr(routers, "wrote", lambda model, alias: told.append(model.__name__))
    with subscribe(lambda event: heard.append((event.kind, event.phase))):
        for value in ("plain", Upper(dorm.Value("x"))):
            await mode.call(Entry.objects, "create", name=value)
    assert told == ["Entry", "Entry"]
    assert heard == [("insert", "before"), ("insert", "after"), ("insert", "committed")] * 2


@pytest.mark.only("sqlite")
def test_a_database_that_gives_no_key_is_an_error(database):
    table = Entry._meta.db_table
    database.run(f"DROP TABLE {table}")
    database.run(f"CREATE TABLE {table} (id bigint PRIMARY KEY, name text)")
    with pytest.raises(DatabaseError, match="no key"):
        Entry.objects.create(name="a")


@pytest.mark.only("sqlite")
@pytest.mark.parametrize("verb", ["bulk_create", "upsert"])
async def test_a_database_that_gives_many_rows_no_key_is_an_error(database, mode, verb):
    """Also when rows with keys of their own are among them; then nothing is written."""
    table = Entry._meta.db_table
    database.run(f"DROP TABLE {table}")
    database.run(f"CREATE TABLE {table} (id bigint PRIMARY KEY, name text UNIQUE)")
    assert await mode.call(Entry.objects, "count") == 0  # SQLite prepares ON CONFLICT with the columns it knew before
    unique = [["name"]] if verb == "upsert" else []
    with pytest.raises(DatabaseError, match="gave it no key: its column 'id'"):
        await mode.call(Entry.objects, verb, [Entry(id=4, name="a"), Entry(name="b"), Entry(name="c")], *unique)
    assert database.rows(f"SELECT id FROM {table}") == []
    assert len(await mode.call(Entry.objects, verb, [Entry(id=4, name="a")], *unique)) == 1
