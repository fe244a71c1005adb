"""RESTRICT does not count rows that the same deletion removes; rows that would stay are still in the way."""

from __future__ import annotations

import pytest

import dorm
from dorm.exceptions import RestrictedError


class Shelf(dorm.Model):
    name = dorm.CharField(max_length=10)


class Box(dorm.Model):
    shelf = dorm.ForeignKey(Shelf, dorm.CASCADE, related_name="boxes")


class Label(dorm.Model):
    box = dorm.ForeignKey(Box, dorm.RESTRICT, null=True)
    shelf = dorm.ForeignKey(Shelf, dorm.CASCADE)


class Seal(dorm.Model):
    """Refers to the label, so that labels are no leaves of the tree while boxes are."""

    label = dorm.ForeignKey(Label, dorm.CASCADE)
    box = dorm.ForeignKey(Box, dorm.RESTRICT, null=True)


class Note(dorm.Model):
    """Nothing refers to it: it goes by its foreign key, unread."""

    shelf = dorm.ForeignKey(Shelf, dorm.CASCADE)
    box = dorm.ForeignKey(Box, dorm.RESTRICT, null=True)


class Step(dorm.Model):
    shelf = dorm.ForeignKey(Shelf, dorm.CASCADE, null=True)
    after = dorm.ForeignKey("self", dorm.RESTRICT, null=True)


pytestmark = pytest.mark.models([Shelf, Box, Label, Seal, Note, Step])


async def filled(mode):
    shelf = await mode.call(Shelf.objects, "create", name="a")
    box = await mode.call(Box.objects, "create", shelf=shelf)
    label = await mode.call(Label.objects, "create", box=box, shelf=shelf)
    await mode.call(Seal.objects, "create", label=label, box=box)
    return shelf, box, label


@pytest.mark.parametrize("way", ["instance", "queryset"])
async def test_what_goes_in_the_same_deletion_is_not_in_the_way(database, mode, way):
    shelf, _, _ = await filled(mode)
    total, counts = await mode.call(shelf if way == "instance" else Shelf.objects.filter(pk=shelf.pk), "delete")
    assert total == 4
    assert counts == {model._meta.label: 1 for model in (Shelf, Box, Label, Seal)}


async def test_what_would_stay_is_in_the_way(database, mode):
    shelf, box, _ = await filled(mode)
    other = await mode.call(Shelf.objects, "create", name="b")
    staying = await mode.call(Label.objects, "create", box=box, shelf=other)
    for row in (box, shelf):
        with pytest.raises(RestrictedError, match=r"'Box'.*'Label.box'") as caught:
            await mode.call(row, "delete")
        assert {(type(one), one.pk) for one in caught.value.restricted_objects} >= {(Label, staying.pk)}
    assert [await mode.call(model.objects, "count") for model in (Shelf, Box, Label, Seal)] == [2, 1, 2, 1]


async def test_rows_that_go_unread_are_not_in_the_way_either(database, mode, queries):
    shelf, other = [await mode.call(Shelf.objects, "create", name=name) for name in "ab"]
    box = await mode.call(Box.objects, "create", shelf=shelf)
    await mode.call(Note.objects, "create", shelf=shelf, box=box)
    stays = await mode.call(Note.objects, "create", shelf=other, box=box)
    with queries() as log, pytest.raises(RestrictedError) as caught:
        await mode.call(shelf, "delete")
    assert caught.value.restricted_objects == [stays]
    assert not log.containing("DELETE")
    await mode.call(stays, "delete")
    total, _ = await mode.call(shelf, "delete")
    assert total == 3


async def test_a_model_may_restrict_itself(database, mode):
    shelf = await mode.call(Shelf.objects, "create", name="a")
    first = await mode.call(Step.objects, "create", shelf=shelf)
    second = await mode.call(Step.objects, "create", shelf=shelf, after=first)
    third = await mode.call(Step.objects, "create", shelf=shelf, after=second)
    with pytest.raises(RestrictedError) as caught:
        await mode.call(first, "delete")
    assert caught.value.restricted_objects == [second]
    loose = await mode.call(Step.objects, "create", after=third)
    with pytest.raises(RestrictedError):
        await mode.call(shelf, "delete")
    await mode.call(loose, "delete")
    assert await mode.call(shelf, "delete") == (4, {Shelf._meta.label: 1, Step._meta.label: 3})
