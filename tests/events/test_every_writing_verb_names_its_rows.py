"""Every verb that writes tells of exactly the rows that it writes: the tables before and after are the witness."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from writing_verbs import CASES, MODELS, READING, populate, tables

import dorm
from dorm.db.connection import AsyncConnection, Connection
from dorm.events import WriteEvent, subscribe
from dorm.exceptions import ProgrammingError
from dorm.models.many_to_many import ManyRelatedManager
from dorm.models.related_managers import NullableReverseManager

pytestmark = pytest.mark.models(MODELS)

KINDS: dict[str, tuple[type, type]] = {
    "QuerySet": (dorm.QuerySet, dorm.QuerySet),
    "Model": (dorm.Model, dorm.Model),
    "ReverseManager": (NullableReverseManager, NullableReverseManager),
    "ManyRelatedManager": (ManyRelatedManager, ManyRelatedManager),
    "Connection": (Connection, AsyncConnection),
}
RAW = {name for name in CASES if name.startswith("Connection.") or name == "QuerySet.raw"}


def verbs(kind: str) -> set[str]:
    """The public verbs of a kind that talk to the database: those with an async twin."""
    plain, other = KINDS[kind]
    found = set()
    for name, value in inspect.getmembers(plain, callable):
        twin = getattr(other, name if other is not plain else f"a{name}", None)
        if not name.startswith("_") and twin is not None and inspect.unwrap(twin) is not value:
            found.add(name)
    return found


@pytest.mark.parametrize("kind", list(KINDS))
def test_no_verb_is_unknown_to_this_walk(kind):
    """A new verb gets a case among `CASES` when it writes, else a place in `READING`."""
    reading = READING.get(kind, READING["QuerySet"] if issubclass(KINDS[kind][0], dorm.QuerySet) else set())
    writing = {name.partition(".")[2].partition(":")[0] for name in CASES if name.partition(".")[0] == kind}
    assert verbs(kind) - reading - writing - {"raw"} == set()


Rows = dict[tuple[str, Any], str]
"""What became of a row, by the label of its model and its key."""


def difference(before: Any, after: Any) -> Rows:
    """What became of the rows as the tables show it."""
    found: Rows = {}
    for label in before:
        old, new = before[label], after[label]
        for key in old.keys() | new.keys():
            if old.get(key) != new.get(key):
                found[label, key] = "insert" if key not in old else "delete" if key not in new else "update"
    return found


def named(events: list[WriteEvent]) -> Rows:
    """What became of the rows as the events tell it, one after the other."""
    found: Rows = {}
    for event in events:
        assert event.model is not None
        assert event.values is not None
        assert event.keys, event
        label = event.model._meta.label
        for key in event.keys:
            new = event.values.get(key, {}).get("id", key)
            if new == key:
                _take(found, label, key, event.kind_of(key))
            else:
                _take(found, label, key, "delete")
                _take(found, label, new, "insert")
    return found


def _take(found: Rows, label: str, key: Any, kind: str) -> None:
    earlier = found.pop((label, key), None)
    if (earlier, kind) == ("insert", "delete"):
        return
    # a key may be taken again; and an update of a new row is a part of its birth
    again = {("delete", "insert"): "update", ("insert", "update"): "insert"}
    found[label, key] = again.get((earlier or "", kind), kind)


@pytest.mark.parametrize("name", [name for name in CASES if name not in RAW])
async def test_a_writing_verb_names_its_rows(database, mode, name):
    populate()
    told: list[WriteEvent] = []
    before = tables(database)
    with subscribe(told.append, want=["values", "old"]):
        await CASES[name](mode)
    after = tables(database)
    phases = {phase: [event for event in told if event.phase == phase] for phase in ("before", "after", "committed")}
    assert phases["after"], "no event"
    assert len(phases["before"]) >= len(phases["after"])
    assert [event.in_phase("after") for event in phases["committed"]] == phases["after"]
    assert named(phases["after"]) == difference(before, after)
    assert len({event.transaction for event in told}) == 1
    check_rows(phases["after"], before, after)


def check_rows(events: list[WriteEvent], before: Any, after: Any) -> None:
    """The old values of a row's first event and the new values of its last one are those of the tables."""
    first: dict[tuple[str, Any], WriteEvent] = {}
    last: dict[tuple[str, Any], WriteEvent] = {}
    for event in events:
        assert event.alias == "default"
        assert event.model is not None
        assert (event.kind == "delete") == (event.fields == ())
        for key in event.keys or ():
            row = event.model._meta.label, key
            first.setdefault(row, event)
            last[row] = event
    for (label, key), event in first.items():
        assert event.old is not None
        assert event.old.get(key) == before[label].get(key)
    for (label, key), event in last.items():
        assert event.values is not None
        new = event.values.get(key)
        assert (new is None) == (event.kind_of(key) == "delete")
        assert new == after[label].get(key if new is None else new["id"])


@pytest.mark.parametrize("name", sorted(RAW))
async def test_hand_written_sql_says_that_its_table_is_not_known(database, mode, name):
    populate()
    told: list[WriteEvent] = []
    with subscribe(told.append):
        if name == "Connection.execute_streaming" and database.vendor == "postgresql":
            # its cursors read and do nothing else
            with pytest.raises(ProgrammingError):
                await CASES[name](mode)
            assert [event.phase for event in told] == ["before"]
            return
        await CASES[name](mode)
    assert [event.phase for event in told] == ["before", "after", "committed"]
    for event in told:
        assert (event.model, event.keys, event.kind, event.origin) == (None, None, "raw", "raw")
        assert event.sql is not None
        assert "author" in event.sql
