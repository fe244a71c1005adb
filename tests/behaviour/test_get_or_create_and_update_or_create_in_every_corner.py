"""The create-or-find family: lookups, defaults, clashes, signals of success, and blocks that go on."""

from __future__ import annotations

import pytest

import dorm
from dorm import F, FieldError, IntegrityError


class City(dorm.Model):
    name = dorm.CharField(max_length=20)
    code = dorm.CharField(max_length=20, unique=True)
    people = dorm.IntegerField(null=True)
    changed = dorm.DateTimeField(auto_now=True)


pytestmark = pytest.mark.models([City])
C = City.objects


async def test_what_is_found_is_not_made_again(database, mode, queries):
    made, created = await mode.call(C, "get_or_create", code="a", defaults={"name": "A"})
    assert (created, made.name, made._state.adding) == (True, "A", False)
    with queries() as log:
        found, created = await mode.call(C, "get_or_create", code="a", defaults={"name": "B"})
    assert (created, found, found.name) == (False, made, "A")
    assert log.count == 1


async def test_lookups_search_and_defaults_build(database, mode):
    made, created = await mode.call(C, "get_or_create", code__iexact="ABC", defaults={"code": "abc", "name": "x"})
    assert (created, made.code) == (True, "abc")
    assert (await mode.call(C, "get_or_create", code__iexact="aBc", defaults={"code": "z"}))[1] is False
    called = await mode.call(C, "get_or_create", code="c", defaults={"name": lambda: "called", "people": 3})
    assert called[0].name == "called"
    within = await mode.call(C.filter(name="called"), "get_or_create", code="c")
    assert within == (called[0], False)


async def test_several_matches_are_an_error(database, mode):
    await mode.call(C, "bulk_create", [City(name="x", code="1"), City(name="x", code="2")])
    for verb in ("get_or_create", "update_or_create", "exists_or_create"):
        with pytest.raises(City.MultipleObjectsReturned):
            await mode.call(C, verb, name="x", defaults={"code": "3"})
    assert await mode.call(C, "count") == 2


async def test_an_unrelated_clash_propagates_and_the_block_goes_on(database, mode):
    await mode.call(C, "create", name="a", code="a")
    async with mode.atomic():
        with pytest.raises(IntegrityError):
            await mode.call(C, "get_or_create", name="other", defaults={"code": "a"})
        with pytest.raises(IntegrityError):
            await mode.call(C, "update_or_create", name="other", defaults={"code": "a"})
        with pytest.raises(IntegrityError):
            await mode.call(C, "exists_or_create", name="other", defaults={"code": "a"})
        await mode.call(C, "create", name="b", code="b")
    assert await mode.fetch(C.order_by("code").values_list("code", flat=True)) == ["a", "b"]


async def test_a_clash_on_update_leaves_the_row_as_it_was(database, mode):
    await mode.call(C, "bulk_create", [City(name="a", code="a"), City(name="b", code="b")])
    async with mode.atomic():
        with pytest.raises(IntegrityError):
            await mode.call(C, "update_or_create", name="b", defaults={"code": "a", "people": 9})
        assert await mode.call(C.filter(people=9), "count") == 0
    assert (await mode.call(C, "get", name="b")).code == "b"


async def test_update_or_create_updates_or_creates(database, mode):
    made, created = await mode.call(C, "update_or_create", code="a", defaults={"name": "n", "people": 1})
    assert (created, made.people) == (True, 1)
    same, created = await mode.call(C, "update_or_create", code="a", defaults={"people": F("people") + 1})
    stored = await mode.call(C, "get", code="a")
    assert (created, same.pk, stored.people, stored.name) == (False, made.pk, 2, "n")
    other, created = await mode.call(
        C, "update_or_create", code="b", defaults={"name": "updated"}, create_defaults={"name": "created"}
    )
    assert (created, other.name) == (True, "created")
    other, created = await mode.call(
        C, "update_or_create", code="b", defaults={"name": "updated"}, create_defaults={"name": "created"}
    )
    assert (created, other.name) == (False, "updated")


async def test_update_or_create_saves_only_its_defaults(database, mode, queries):
    await mode.call(C, "create", code="a", name="n", people=1)
    with queries() as log:
        await mode.call(C, "update_or_create", code="a", defaults={"people": 5})
    update = log.containing("UPDATE ")[-1].split("WHERE")[0]
    assert '"people"' in update or "people" in update
    assert "name" not in update.split("SET")[1]


async def test_exists_or_create_says_first_whether_it_existed(database, mode):
    existed, made = await mode.call(C, "exists_or_create", code="a", defaults={"name": "n"})
    assert existed is False
    assert await mode.call(C, "exists_or_create", code="a", defaults={"name": "m"}) == (True, made)
    assert (await mode.call(C, "get", code="a")).name == "n"


async def test_unknown_names_are_refused_before_anything_is_written(database, mode, queries):
    with queries() as log:
        for verb in ("get_or_create", "update_or_create", "exists_or_create"):
            for names in ({"nmae": "x"}, {"code": "q", "defaults": {"nmae": "x"}}):
                with pytest.raises((FieldError, TypeError), match="Did you mean 'name'"):
                    await mode.call(C, verb, **names)
    assert log.containing("INSERT") == []
    assert await mode.call(C, "count") == 0
