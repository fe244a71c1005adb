"""Every verb that takes values by name tells all that do not fit in one ValidationError, by field."""

from __future__ import annotations

import pytest

import dorm


class Visit(dorm.Model):
    number = dorm.IntegerField(default=0)
    day = dorm.DateField(null=True)


pytestmark = pytest.mark.models([Visit])


@pytest.mark.parametrize("verb", ["create", "get_or_create", "update_or_create", "update"])
async def test_both_are_named(database, mode, verb):
    await mode.call(Visit.objects, "create")
    values = {"number": "x", "day": "y"}
    target = Visit.objects.all() if verb == "update" else Visit.objects
    given = values if verb in ("create", "update") else {"number": 5, "defaults": values}
    with pytest.raises(dorm.ValidationError) as caught:
        await mode.call(target, verb, **given)
    assert sorted(caught.value.message_dict) == ["day", "number"]
    assert [visit.number for visit in await mode.fetch(Visit.objects.all())] == [0]


async def test_both_are_named_for_a_row_that_is_there(database, mode):
    await mode.call(Visit.objects, "create", number=5)
    with pytest.raises(dorm.ValidationError) as caught:
        await mode.call(Visit.objects, "update_or_create", number=5, defaults={"number": "x", "day": "y"})
    assert sorted(caught.value.message_dict) == ["day", "number"]
    assert [visit.number for visit in await mode.fetch(Visit.objects.all())] == [5]
