"""Constructors, relation managers and validation refuse what cannot be meant, before any SQL."""

from __future__ import annotations

import uuid

import pytest

import dorm


class Owner(dorm.Model):
    name = dorm.CharField(max_length=10)


class Pet(dorm.Model):
    owner = dorm.ForeignKey(Owner, dorm.CASCADE, null=True, related_name="pets")
    tags = dorm.ManyToManyField("Tag", related_name="pets")


class Tag(dorm.Model):
    name = dorm.CharField(max_length=10, unique=True)
    rank = dorm.IntegerField(default=0)


class Keyed(dorm.Model):
    id = dorm.UUIDField(primary_key=True, default=uuid.uuid4)


pytestmark = pytest.mark.models([Owner, Pet, Tag, Keyed])


@pytest.mark.parametrize(
    ("make", "first", "second"),
    [
        (lambda: Owner(pk=1, id=2), "pk=1", "id=2"),
        (lambda: Pet(owner=None, owner_id=3), "owner=None", "owner_id=3"),
        (lambda: Pet(owner=Owner(pk=1), owner_id=3), "owner=", "owner_id=3"),
        (lambda: Pet(owner=Owner(), owner_id=3), "owner=", "owner_id=3"),
        (lambda: Pet(owner=4, owner_id=3), "owner=4", "owner_id=3"),
        (lambda: Keyed(pk=uuid.UUID(int=1), id=uuid.UUID(int=2)), "pk=", "id="),
    ],
)
def test_two_values_that_differ_are_refused_by_both_names(make, first, second):
    with pytest.raises(TypeError) as caught:
        make()
    assert first in str(caught.value)
    assert second in str(caught.value)


def test_two_values_that_agree_are_one():
    owner = Owner(pk=1, id="1")
    assert owner.pk == 1
    pet = Pet(owner=owner, owner_id="1")
    assert pet.owner is owner
    assert Pet(owner=1, owner_id=1).owner_id == 1
    assert Pet(owner=None, owner_id=None).owner_id is None
    assert Keyed(pk=uuid.UUID(int=1)).id == uuid.UUID(int=1)
    assert Keyed(pk=str(uuid.UUID(int=1)), id=uuid.UUID(int=1)).pk == uuid.UUID(int=1)


async def test_nothing_is_no_row_to_link(database, mode, queries):
    owner = await mode.call(Owner.objects, "create", name="a")
    pet = await mode.call(Pet.objects, "create", owner=owner)
    tag = await mode.call(Tag.objects, "create", name="t")
    await mode.call(pet.tags, "add", tag)
    with queries() as log:
        for manager, verb, given in [
            (pet.tags, "add", None),
            (pet.tags, "remove", None),
            (pet.tags, "set", [None]),
            (pet.tags, "set", None),
            (pet.tags, "set", "t"),
            (owner.pets, "add", None),
            (owner.pets, "remove", None),
            (owner.pets, "set", None),
            (owner.pets, "set", [None]),
        ]:
            with pytest.raises(TypeError, match=r"(Pet\.tags|Owner\.pets).*(Tag|Pet) instances.*not (\[?None|'t')"):
                await mode.call(manager, verb, given)
    assert log.count == 0
    assert await mode.call(pet.tags, "count") == 1
    assert await mode.call(owner.pets, "count") == 1


async def test_upsert_through_a_relation_relates(database, mode):
    owner = await mode.call(Owner.objects, "create", name="a")
    pet = await mode.call(Pet.objects, "create", owner=owner)
    old = await mode.call(Tag.objects, "create", name="old")
    made = await mode.call(pet.tags, "upsert", [Tag(name="old", rank=1), Tag(name="new", rank=2)], ["name"])
    assert [tag.pk for tag in made] == [old.pk, made[1].pk]
    assert await mode.fetch(pet.tags.order_by("name").values_list("name", "rank")) == [("new", 2), ("old", 1)]
    # and a second time, though they are linked
    await mode.call(pet.tags, "upsert", [Tag(name="old", rank=3)], unique_fields=["name"])
    assert await mode.fetch(pet.tags.order_by("name").values_list("name", "rank")) == [("new", 2), ("old", 3)]
    await mode.call(made[1].pets, "upsert", [Pet(pk=pet.pk, owner=owner)], ["id"])
    assert await mode.fetch(made[1].pets.all()) == [pet]


async def test_a_text_is_no_list_of_names(database, mode, queries):
    owner = await mode.call(Owner.objects, "create", name="a")
    with queries() as log:
        with pytest.raises(TypeError, match=r"write \['name'\]"):
            await mode.call(owner, "full_clean", exclude="name")
        for check in (owner.clean_fields, owner.validate_unique, owner.validate_constraints):
            with pytest.raises(TypeError, match=r"write \['name'\]"):
                check(exclude="name")
        with pytest.raises(TypeError, match=r"write \['name'\]"):
            await mode.call(Owner.objects, "bulk_update", [owner], "name")
    assert log.count == 0
