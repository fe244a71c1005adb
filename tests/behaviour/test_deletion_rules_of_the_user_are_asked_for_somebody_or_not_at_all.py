"""SET() and SET_DEFAULT call a function only when a row refers to what goes; a nullable key needs no default."""

from __future__ import annotations

import pytest

import dorm

asked: list[str] = []


class Room(dorm.Model):
    name = dorm.CharField(max_length=10)


def spare():
    asked.append("SET")
    return Room.objects.get(name="spare")


def spare_key():
    asked.append("SET_DEFAULT")
    return Room.objects.get(name="spare").pk


class Chair(dorm.Model):
    room = dorm.ForeignKey(Room, dorm.SET(spare))


class Table(dorm.Model):
    room = dorm.ForeignKey(Room, dorm.SET_DEFAULT, default=spare_key)


class Lamp(dorm.Model):
    room = dorm.ForeignKey(Room, dorm.SET_DEFAULT, null=True)


class Plant(dorm.Model):
    room = dorm.ForeignKey(Room, dorm.SET_DEFAULT, db_default=1)


pytestmark = pytest.mark.models([Room, Chair, Table, Lamp, Plant])


@pytest.mark.parametrize("way", ["instance", "queryset"])
async def test_functions_are_called_when_a_row_refers(database, mode, way):
    kept = await mode.call(Room.objects, "create", name="spare")
    empty, used = [await mode.call(Room.objects, "create", name=name) for name in ("empty", "used")]
    things = [await mode.call(kind.objects, "create", room=used) for kind in (Chair, Table, Lamp, Plant)]
    asked.clear()

    async def delete(room):
        return await mode.call(room if way == "instance" else Room.objects.filter(pk=room.pk), "delete")

    await delete(empty)
    assert asked == []
    await delete(used)
    assert sorted(asked) == ["SET", "SET_DEFAULT"]
    fresh = [(await mode.call(type(thing).objects, "get")).room_id for thing in things]
    assert fresh == [kept.pk, kept.pk, None, 1]
