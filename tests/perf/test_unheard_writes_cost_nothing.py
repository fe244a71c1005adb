"""Write events cost nothing while nobody listens to the model that is written: no event is built, no statement added."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

import dorm
from dorm.db import announcements, write_events
from dorm.events import subscribe


class Plant(dorm.Model):
    name = dorm.CharField(max_length=20)
    height = dorm.IntegerField(default=0)


class Pot(dorm.Model):
    plant = dorm.ForeignKey(Plant, on_delete=dorm.CASCADE)


class Garden(dorm.Model):
    plants = dorm.ManyToManyField(Plant)


class Weather(dorm.Model):
    degrees = dorm.IntegerField(default=0)


pytestmark = pytest.mark.models([Plant, Pot, Garden, Weather])


def write_everything() -> None:
    plant = Plant.objects.create(name="fern")
    plant.save()
    Plant.objects.bulk_create([Plant(name="moss"), Plant(name="oak")])
    Plant.objects.upsert([Plant(id=plant.pk, name="fir")], ["id"])
    Plant.objects.filter(name="moss").update(height=3)
    Plant.objects.bulk_update([Plant(id=plant.pk, height=9)], ["height"])
    garden = Garden.objects.create()
    garden.plants.add(plant)
    garden.plants.clear()
    Pot.objects.create(plant=plant).delete()
    Pot.objects.create(plant=plant)
    plant.delete()
    Plant.objects.all().delete()


def calls(work: Callable[[], Any]) -> int:
    work()
    work()
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        if event in {"call", "c_call"}:
            count += 1

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def forbidden(*_: Any, **__: Any) -> Any:
    raise AssertionError("built for nobody")


@pytest.mark.parametrize("listener", ["nobody", "of another model", "of another kind"])
def test_nothing_is_built_and_nothing_asked(database, queries, monkeypatch, listener):
    write_everything()
    with queries() as plain:
        write_everything()
    stop: Callable[[], None] = lambda: None  # noqa: E731 - there is nobody to unsubscribe
    if listener == "of another model":
        stop = subscribe(forbidden, models=[Weather])
    elif listener == "of another kind":
        stop = subscribe(forbidden, models=[Plant], kinds=["raw"])
    monkeypatch.setattr(write_events.WriteEvent, "__init__", forbidden)
    monkeypatch.setattr(announcements.Announcement, "__init__", forbidden)
    with queries() as log:
        write_everything()
    stop()
    assert log.sql == plain.sql
    assert log.control == plain.control


def test_a_listener_of_another_model_costs_few_calls(database):
    """Per statement: whether anybody listens to this model, which is remembered."""

    def work() -> None:
        Plant.objects.create(name="fern")
        Plant.objects.filter(height=1).update(height=2)

    plain = calls(work)
    with subscribe(forbidden, models=[Weather]):
        heard = calls(work)
    assert heard - plain <= 2 * 8


HEARD = {
    "create": (lambda: Plant.objects.create(name="fern"), 1),
    "save": (lambda: Plant(id=1, name="fir").save(force_update=True), 1),
    "bulk_create": (lambda: Plant.objects.bulk_create([Plant(name="a"), Plant(name="b")]), 1),
    "update": (lambda: Plant.objects.filter(pk=1).update(height=5), 2),
    "bulk_update": (lambda: Plant.objects.bulk_update([Plant(id=1, height=4)], ["height"]), 2),
    "delete": (lambda: Pot.objects.filter(plant=1).delete(), 2),
}


def test_what_is_heard_costs_the_look_up_of_its_rows_where_their_keys_are_not_known(database, queries):
    Plant.objects.create(id=1, name="first")
    Plant.objects.create(id=500, name="other")
    if database.vendor == "postgresql":
        database.run(f"SELECT setval(pg_get_serial_sequence('{Plant._meta.db_table}', 'id'), 600)")
    for name, (work, expected) in HEARD.items():
        Pot.objects.create(plant_id=1)
        with subscribe(lambda event: None), queries() as log:
            work()
        assert log.count == expected, (name, log.sql)
