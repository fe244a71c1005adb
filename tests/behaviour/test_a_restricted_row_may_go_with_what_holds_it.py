"""RESTRICT does not count rows that the same deletion removes (REL-25); rows that would stay are still in the way."""

from __future__ import annotations

import pytest

import dorm
from dorm.exceptions import IntegrityError


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


pytestmark = pytest.mark.models([Shelf, Box, Label, Seal])


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
    await mode.call(Label.objects, "create", box=box, shelf=other)
    for row in (box, shelf):
        with pytest.raises(IntegrityError):
            await mode.call(row, "delete")
    assert [await mode.call(model.objects, "count") for model in (Shelf, Box, Label, Seal)] == [2, 1, 2, 1]
