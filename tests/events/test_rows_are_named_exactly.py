"""The rows that an event names are those that were written, whatever others do meanwhile; and where they come from."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from typing import Any

import pytest

import dorm
from dorm.db.sessions import session
from dorm.events import WriteEvent, subscribe
from dorm.exceptions import DatabaseError
from dorm.query.write import row_writes
from dorm.signals import m2m_changed


class Job(dorm.Model):
    name = dorm.CharField(max_length=20, unique=True)
    state = dorm.CharField(max_length=20, default="new")
    parent = dorm.ForeignKey("self", on_delete=dorm.CASCADE, null=True, related_name="parts")
    needs = dorm.ManyToManyField("Tool", related_name="jobs")


class Tool(dorm.Model):
    name = dorm.CharField(max_length=20)
    keeper = dorm.ForeignKey(Job, on_delete=dorm.SET_NULL, null=True, related_name="tools")


class Lent(dorm.Model):
    tool = dorm.ForeignKey(Tool, on_delete=dorm.CASCADE)


pytestmark = pytest.mark.models([Job, Tool, Lent])


def in_another_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.only("postgresql")
def test_a_row_that_another_takes_meanwhile_is_neither_written_nor_named(database):
    """Two workers claim the new jobs: the one that waits for the other finds nothing left, as without listeners."""
    Job.objects.bulk_create([Job(name="a"), Job(name="b")])
    told: list[WriteEvent] = []
    counts = []
    with subscribe(told.append):
        with dorm.transaction.atomic():
            assert Job.objects.filter(state="new", name="a").update(state="mine") == 1
            other = in_another_thread(lambda: counts.append(Job.objects.filter(state="new").update(state="theirs")))
            other.join(1.0)
            assert other.is_alive()
        other.join(20)
    assert counts == [1]
    assert [event.keys for event in told if event.phase == "after"] == [(1,), (2,)]
    assert sorted(job.state for job in Job.objects.all()) == ["mine", "theirs"]


@pytest.mark.only("postgresql")
def test_the_named_rows_stay_as_they_are_until_they_are_written(database):
    Job.objects.create(name="a")
    told: list[WriteEvent] = []
    others = []

    def receiver(event: WriteEvent) -> None:
        told.append(event)
        if event.phase == "before" and not others:
            others.append(in_another_thread(lambda: database.run(f"UPDATE {Job._meta.db_table} SET name = 'other'")))
            others[0].join(0.5)
            assert others[0].is_alive()

    with subscribe(receiver, want=["old", "values"]):
        assert Job.objects.filter(name="a").update(state="done") == 1
    others[0].join(20)
    old, new = told[1].old, told[1].values
    assert old is not None
    assert new is not None
    assert (old[1]["name"], new[1]["name"], new[1]["state"]) == ("a", "a", "done")
    assert Job.objects.get().name == "other"


@pytest.mark.only("postgresql")
def test_an_upsert_knows_a_row_that_another_inserted_meanwhile(database):
    """The other's row is not committed when the upsert begins, so the statement alone can tell."""
    told: list[WriteEvent] = []
    with dorm.transaction.atomic():
        Job.objects.create(name="a")
        stop = subscribe(told.append, models=[Job])
        other = in_another_thread(lambda: Job.objects.upsert([Job(name="a"), Job(name="b")], ["name"]))
        other.join(1.0)
        assert other.is_alive()
    other.join(20)
    stop()
    (event,) = [event for event in told if event.phase == "after"]
    kinds = {job.name: event.kind_of(job.pk) for job in Job.objects.all()}
    assert kinds == {"a": "update", "b": "insert"}


def test_a_row_that_comes_after_the_rows_were_named_is_not_written(database):
    Job.objects.create(name="a")
    told: list[WriteEvent] = []

    def receiver(event: WriteEvent) -> None:
        told.append(event)
        if event.phase == "before":
            Job.objects.create(name=f"late {len(told)}")

    for verb in (lambda rows: rows.update(state="done"), lambda rows: rows.delete()):
        told.clear()
        with subscribe(receiver, models=[Job], kinds=["update", "delete"]):
            verb(Job.objects.filter(parent=None))
        named = [event.keys for event in told if event.phase == "after"]
        assert len(named) == 1
        assert Job.objects.filter(name=f"late {1}", state="new").count() == 1
        Job.objects.exclude(pk__in=named[0] or ()).delete()


def test_what_a_cascade_takes_along_is_told_apart_from_what_was_asked_for(database):
    top = Job.objects.create(name="top")
    part = Job.objects.create(name="part", parent=top)
    tool = Tool.objects.create(name="saw", keeper=part)
    part.needs.add(tool)
    keys = top.pk, part.pk
    told: list[WriteEvent] = []
    with subscribe(told.append):
        top.delete()
    found = {(e.kind, e.model.__name__, e.keys, e.origin) for e in told if e.phase == "after" and e.model}
    assert found == {
        ("update", "Tool", (tool.pk,), "cascade"),
        ("delete", "Job_needs", (1,), "cascade"),
        ("delete", "Job", keys[:1], "instance"),
        ("delete", "Job", keys[1:], "cascade"),
    }


async def test_every_event_says_where_it_comes_from(database, mode):
    told: list[tuple[str, str]] = []

    def receiver(event: WriteEvent) -> None:
        if event.phase == "after" and event.model is not None:
            told.append((event.model.__name__, event.origin))

    def on_links(**_: Any) -> None:
        Lent.objects.create(tool_id=1)

    with subscribe(receiver):
        job = await mode.call(Job.objects, "create", name="a")
        await mode.call(Tool.objects, "bulk_create", [Tool(name="saw")])
        await mode.call(Tool.objects, "update", keeper=job)
        await mode.call(Tool.objects, "bulk_update", [Tool(id=1, name="axe")], ["name"])
        await mode.call(Tool.objects, "bulk_update", [Tool(id=1, name=dorm.F("name"))], ["name"])
        await mode.call(Tool.objects.filter(name="axe"), "bulk_update", [Tool(id=1, name="saw")], ["name"])
        m2m_changed.connect(on_links, weak=False)
        try:
            await mode.call(job.needs, "add", 1)
        finally:
            m2m_changed.disconnect(on_links)
        await mode.call(job.needs, "remove", 1)
        await mode.call(Tool.objects.all(), "delete")
    assert told == [
        ("Job", "instance"),
        ("Tool", "bulk"),
        ("Tool", "queryset"),
        ("Tool", "bulk"),
        ("Tool", "bulk"),
        ("Tool", "bulk"),
        ("Lent", "instance"),
        ("Job_needs", "m2m"),
        ("Lent", "instance"),
        ("Job_needs", "m2m"),
        ("Lent", "cascade"),
        ("Tool", "queryset"),
    ]


def test_a_receiver_of_links_may_write_rows_of_its_own(database):
    """What a listener writes comes from itself, not from the relation that it was told of."""
    job = Job.objects.create(name="a")
    tool = Tool.objects.create(name="saw")
    told: list[str] = []

    def receiver(event: WriteEvent) -> None:
        if event.model is Job.needs.through and event.phase == "after":
            Lent.objects.bulk_create([Lent(tool=tool)])
        elif event.model is Lent:
            told.append(event.origin)

    with subscribe(receiver):
        job.needs.add(tool)
    assert told == ["bulk"] * 3


# ------------------------------------------------------------------------------------- lists longer than one statement


@pytest.fixture
def short_lists(database, monkeypatch):
    """A database that takes no lists and few parameters."""
    here = session("default")
    features = dataclasses.replace(here.features, list_parameter=False, max_parameters=103)
    monkeypatch.setattr(here, "features", features)
    monkeypatch.setattr(here.database, "features", features)
    return database


@pytest.mark.only("sqlite")
@pytest.mark.parametrize("heard", [False, True])
def test_a_list_in_portions_is_written_as_a_whole(short_lists, heard, queries):
    Job.objects.bulk_create([Job(name=f"j{n}") for n in range(8)])
    told: list[WriteEvent] = []
    stop = subscribe(told.append) if heard else lambda: None
    with queries() as log:
        assert Job.objects.all().delete()[0] == 8
    stop()
    deletes = log.containing('DELETE FROM "test_rows_are_named_exactly_job"') or log.containing("DELETE FROM test_rows")
    assert len([text for text in deletes if "job_needs" not in text]) >= 3
    named = [key for event in told if event.phase == "after" for key in event.keys or ()]
    assert sorted(named) == (list(range(1, 9)) if heard else [])


@pytest.mark.only("sqlite")
def test_a_portion_that_fails_takes_the_ones_before_along(short_lists):
    """The referring column of eight rows is emptied in portions: the last one is refused."""
    Job.objects.bulk_create([Job(name=f"j{n}") for n in range(8)])
    table = Job._meta.db_table
    short_lists.run(
        f"CREATE TRIGGER no BEFORE UPDATE ON {table} WHEN OLD.id = 8 BEGIN SELECT RAISE(ABORT, 'not this one'); END"
    )
    field = Job._meta.get_field("state")
    with pytest.raises(DatabaseError, match="not this one"):
        row_writes.update_where_in(
            Job._meta, {field: "done"}, Job._meta.pk, list(range(1, 9)), using="default", origin="queryset"
        )
    assert short_lists.rows(f"SELECT DISTINCT state FROM {table}") == [("new",)]
