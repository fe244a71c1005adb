"""Lists longer than a statement may have parameters, in filters, prefetches, in_bulk and deletes."""

from __future__ import annotations

import pytest

import dorm
from dorm import Q

COUNT = 70_000


class Owner(dorm.Model):
    code = dorm.IntegerField(unique=True)


class Thing(dorm.Model):
    owner = dorm.ForeignKey(Owner, dorm.CASCADE, related_name="things")


pytestmark = [pytest.mark.models([Owner, Thing]), pytest.mark.timeout(180)]


@pytest.fixture
def many(database):
    """Seventy thousand owners, a thing for the first three."""
    owners = Owner.objects.bulk_create([Owner(code=number) for number in range(COUNT)], batch_size=COUNT)
    Thing.objects.bulk_create([Thing(owner=owner) for owner in owners[:3]])
    return [owner.pk for owner in owners]


async def test_long_lists_are_split_or_sent_as_one(many, mode):
    owners = Owner.objects
    assert await mode.call(owners.filter(pk__in=many), "count") == COUNT
    assert await mode.call(owners.exclude(pk__in=many[5:]), "count") == 5
    assert await mode.call(owners.filter(Q(pk__in=many[:-1]) & Q(code__in=range(COUNT))), "count") == COUNT - 1
    assert await mode.call(owners.filter(code__in=(number for number in range(COUNT))), "exists")
    assert await mode.call(owners.filter(things__in=many), "count") <= 3
    assert len(await mode.call(owners, "in_bulk", many)) == COUNT
    found = await mode.fetch(owners.prefetch_related("things"))
    assert sum(len(owner.things.all()) for owner in found) == 3
    sliced = dorm.Prefetch("things", queryset=Thing.objects.order_by("-pk")[:1])
    found = await mode.fetch(owners.prefetch_related(sliced))
    assert sum(len(owner.things.all()) for owner in found) == 3
    assert await mode.call(owners.filter(pk__in=many), "update", code=dorm.F("code") + COUNT) == COUNT
    assert (await mode.call(owners.filter(pk__in=many), "delete"))[0] == COUNT + 3
