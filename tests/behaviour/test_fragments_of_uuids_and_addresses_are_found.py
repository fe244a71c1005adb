"""Text lookups on columns that hold no text: UUIDs, addresses of the network; conversions of a field's own."""

from __future__ import annotations

import uuid

import pytest

import dorm
from dorm import Value
from dorm.functions import Concat


class Blank(dorm.CharField):
    """Stores the empty text as NULL."""

    def get_prep_value(self, value):
        return super().get_prep_value(value) or None


class Nulled(dorm.Transform):
    lookup_name = "nulled"
    template = "NULL"


class Trace(dorm.Model):
    token = dorm.UUIDField()
    address = dorm.GenericIPAddressField(null=True)
    note = Blank(max_length=20, null=True)


TOKEN = uuid.UUID("550e8400-e29b-41d4-a716-446655440000")
pytestmark = pytest.mark.models([Trace])


@pytest.fixture
def traces(database):
    Trace.objects.create(token=TOKEN, address="192.0.2.100", note="seen")
    Trace.objects.create(token=uuid.UUID(int=1), address="2001:db8::1", note=None)
    return database


async def found(mode, **lookups):
    return await mode.fetch(Trace.objects.filter(**lookups).order_by("pk").values_list("pk", flat=True))


@pytest.mark.parametrize(
    ("lookup", "fragment"),
    [
        ("contains", "8400-e29b"),
        ("icontains", "8400-E29B"),
        ("startswith", "550e8400-e2"),
        ("istartswith", "550E8400-E2"),
        ("endswith", "a716-446655440000"),
        ("iendswith", "A716-446655440000"),
        ("iexact", str(TOKEN).upper()),
    ],
)
async def test_a_fragment_of_a_uuid_is_found(traces, mode, lookup, fragment):
    assert await found(mode, **{f"token__{lookup}": fragment}) == [1]
    assert await mode.call(Trace.objects.exclude(**{f"token__{lookup}": fragment}), "count") == 1
    # as in Django, a database without UUIDs of its own finds fragments without hyphens too
    bare = fragment.replace("-", "")
    assert await found(mode, **{f"token__{lookup}": bare}) == ([1] if traces.vendor == "sqlite" else [])


async def test_a_computed_fragment_is_found(traces, mode):
    assert await found(mode, token__contains=Concat(Value("8400-"), Value("e29b"))) == [1]


async def test_the_mask_of_an_address_is_no_part_of_its_text(traces, mode):
    assert await found(mode, address__contains="192.0.2") == [1]
    assert await found(mode, address__startswith="2001:db8") == [2]
    assert await found(mode, address__contains="32") == []
    assert await found(mode, address__endswith="/32") == []


async def test_a_value_that_the_field_makes_null_means_null(traces, mode):
    assert await found(mode, note="") == [2]
    assert await found(mode, note="seen") == [1]
    assert await mode.call(Trace.objects.exclude(note=""), "count") == 1


async def test_none_after_a_transform_asks_for_null(traces, mode):
    Blank.register_lookup(Nulled)
    try:
        assert await found(mode, note__nulled=None) == [1, 2]
        assert await found(mode, note__nulled__exact=None) == [1, 2]
        assert await found(mode, note__nulled__isnull=True) == [1, 2]
        assert await found(mode, note__nulled__isnull=False) == []
    finally:
        Blank._unregister_lookup(Nulled)
