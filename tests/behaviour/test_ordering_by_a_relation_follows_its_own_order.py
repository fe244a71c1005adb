"""The name of a relation stands for the order of the related model, as in Django 5.2."""

from __future__ import annotations

import pytest

import dorm
from dorm import F
from dorm.exceptions import FieldError
from dorm.functions import Lower


class Shelf(dorm.Model):
    name = dorm.CharField(max_length=20)

    class Meta:
        ordering = [Lower("name").desc()]


class Row(dorm.Model):
    shelf = dorm.ForeignKey(Shelf, dorm.CASCADE, related_name="rows")
    number = dorm.IntegerField()

    class Meta:
        ordering = ["shelf", "-number"]


class Slot(dorm.Model):
    row = dorm.ForeignKey(Row, dorm.CASCADE, null=True)
    spare = dorm.ForeignKey(Row, dorm.CASCADE, null=True, related_name="+")

    class Meta:
        ordering = ["row", "pk"]


class Knot(dorm.Model):
    other = dorm.ForeignKey("self", dorm.CASCADE, null=True)

    class Meta:
        ordering = ["other"]


pytestmark = pytest.mark.models([Shelf, Row, Slot, Knot])


@pytest.fixture
def slots(database):
    shelves = [Shelf.objects.create(name=name) for name in ("b", "C", "a")]
    rows = [Row.objects.create(shelf=shelf, number=number) for shelf in shelves for number in (1, 2)]
    for row in rows:
        Slot.objects.create(row=row, spare=rows[0])
    return rows


async def numbers(mode, queryset):
    return await mode.fetch(queryset.values_list("pk", flat=True))


async def test_the_related_model_says_the_order(slots, mode):
    # shelves by lower-case name, the last first: C, b, a; rows by number, the last first
    assert await numbers(mode, Row.objects.order_by("shelf", "number")) == [3, 4, 1, 2, 5, 6]
    assert await numbers(mode, Row.objects.all()) == [4, 3, 2, 1, 6, 5]
    assert await numbers(mode, Slot.objects.all()) == [4, 3, 2, 1, 6, 5]
    assert await numbers(mode, Slot.objects.order_by("-row")) == [5, 6, 1, 2, 3, 4]
    assert await numbers(mode, Slot.objects.reverse()) == [5, 6, 1, 2, 3, 4]
    assert (await mode.call(Slot.objects, "last")).pk == 5


async def test_two_relations_to_one_model_do_not_disturb_each_other(slots, mode):
    assert await numbers(mode, Slot.objects.order_by("spare", "-row__shelf", "pk")) == [5, 6, 1, 2, 3, 4]


async def test_keys_and_expressions_stay_what_they_are(slots, mode, queries):
    with queries() as log:
        for term in ("row_id", "row__pk", "row__id", F("row"), F("row").asc()):
            assert await numbers(mode, Slot.objects.order_by(term)) == [1, 2, 3, 4, 5, 6]
    assert log.containing(" JOIN ") == []


async def test_an_order_that_leads_to_itself_is_refused(database, mode):
    with pytest.raises(FieldError, match="Infinite loop caused by ordering"):
        await mode.fetch(Knot.objects.all())
    with pytest.raises(FieldError, match="Infinite loop caused by ordering"):
        Knot.objects.order_by("other")
