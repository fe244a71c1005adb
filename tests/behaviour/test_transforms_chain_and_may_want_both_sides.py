"""Transforms: of columns, keys and annotations, one after the other, and of both sides."""

from __future__ import annotations

import datetime

import pytest

import dorm
from dorm import F, Value
from dorm.functions import Abs, Concat, Length, Lower, Substr, Trim, Upper
from dorm.lookups import registry


class Sailor(dorm.Model):
    name = dorm.CharField(max_length=20)
    nick = dorm.TextField(default="")
    born = dorm.DateField(null=True)
    knots = dorm.IntegerField(default=0)


class Boat(dorm.Model):
    owner = dorm.ForeignKey(Sailor, dorm.CASCADE, related_name="boats")
    name = dorm.CharField(max_length=20)


class Loud(dorm.Transform):
    """Both sides in capitals."""

    lookup_name = "loud"
    function = "UPPER"
    bilateral = True


class Tripled(dorm.Transform):
    lookup_name = "tripled"
    bilateral = True

    def element(self, scope, arguments):
        return arguments[0].sql * 3


class Rest(dorm.Transform):
    """The remainder of a division by three."""

    lookup_name = "rest"

    def element(self, scope, arguments):
        return arguments[0].sql % 3


pytestmark = pytest.mark.models([Sailor, Boat])


@pytest.fixture
def sailors(database):
    given = [(dorm.CharField, t) for t in (Trim, Length, Upper, Lower, Loud)]
    given += [(dorm.ForeignKey, Rest), (dorm.TextField, Loud), *((dorm.IntegerField, t) for t in (Tripled, Rest, Abs))]
    for field, transform in given:
        field.register_lookup(transform)
    try:
        Sailor.objects.create(name=" Ada ", nick="hi", born=datetime.date(2020, 1, 1), knots=4)
        Sailor.objects.create(name="bob", nick="BOB", knots=-2)
        for sailor in Sailor.objects.all():
            Boat.objects.create(owner=sailor, name="T" * sailor.pk)
        yield Sailor.objects.order_by("pk")
    finally:
        for field, transform in given:
            registry.remove(field, transform.lookup_name)


async def keys(mode, queryset):
    return [row.pk for row in await mode.fetch(queryset)]


@pytest.mark.parametrize(
    ("lookups", "wanted"),
    [
        ({"name__loud": "BoB"}, [2]),
        ({"name__loud": F("nick")}, [2]),
        ({"name__loud__startswith": "b"}, [2]),
        ({"name__loud__contains": "d"}, [1]),
        ({"name__loud__in": ["bob", "x", None]}, [2]),
        ({"name__loud__in": (F("nick"), "x")}, [2]),
        ({"name__loud__range": ("a", "c")}, [2]),
        ({"name__loud__regex": "^b"}, [2]),
        ({"name__loud__isnull": False}, [1, 2]),
        ({"nick__loud__iexact": "hI"}, [1]),
        ({"knots__tripled": 4}, [1]),
        ({"knots__tripled__lt": 0}, [2]),
        ({"knots__tripled__in": [4, -2]}, [1, 2]),
        ({"knots__rest__tripled": 1}, [1]),
        ({"knots__tripled__rest": 4}, []),
        ({"born__year__tripled": 2020}, [1]),
        ({"boats__owner__tripled": 2}, [2]),
    ],
    ids=repr,
)
async def test_a_bilateral_transform_applies_to_what_is_compared(sailors, mode, lookups, wanted):
    assert await keys(mode, sailors.filter(**lookups)) == wanted
    assert await keys(mode, sailors.exclude(**lookups)) == [key for key in (1, 2) if key not in wanted]


def test_a_queryset_cannot_be_transformed(sailors):
    with pytest.raises(NotImplementedError, match="'loud' transforms both sides of a comparison"):
        sailors.filter(name__loud__in=Sailor.objects.values("name"))


@pytest.mark.parametrize(
    ("lookups", "wanted"),
    [
        ({"name__trim__length": 3}, [1, 2]),
        ({"name__trim__lower__startswith": "a"}, [1]),
        ({"boats__name__lower__length__gt": 1}, [2]),
        ({"boats__owner__abs": 1}, [1]),
        ({"boats__rest": 2}, [2]),
        ({"boats__rest__gte": 1}, [1, 2]),
        ({"boats__owner_id__abs__gte": 2}, [2]),
        ({"boats__owner__pk__rest": 2}, [2]),
        ({"boats__owner__name__trim__length": 3}, [1, 2]),
    ],
    ids=repr,
)
async def test_transforms_follow_each_other_and_stand_on_keys(sailors, mode, lookups, wanted):
    assert await keys(mode, sailors.filter(**lookups)) == wanted


@pytest.mark.parametrize(
    ("expression", "lengths"),
    [
        (Upper("name"), [5, 3]),
        (Concat("name", Value("!")), [6, 4]),
        (Substr("name", 2), [4, 2]),
        (Value("four"), [4, 4]),
        (F("name__trim"), [3, 3]),
        (F("boats__name"), [1, 2]),
        (dorm.Case(dorm.When(knots=4, then=Value("yes")), default="name"), [3, 3]),
        (dorm.Max("boats__name"), [1, 2]),
    ],
    ids=repr,
)
async def test_what_is_computed_has_the_transforms_of_its_kind(sailors, mode, expression, lengths):
    found = sailors.annotate(x=expression)
    assert await mode.fetch(found.annotate(n=F("x__length")).values_list("n", flat=True)) == lengths
    wanted = [key for key, length in zip((1, 2), lengths, strict=True) if length > 2]
    assert await keys(mode, found.filter(x__trim__length__gt=2)) == [k for k in wanted if k != 1 or lengths[0] > 2]
    assert await keys(mode, found.order_by("x__length", "pk")) == sorted(
        (1, 2), key=lambda key: (lengths[key - 1], key)
    )


def test_an_unknown_step_behind_a_key_is_named(sailors):
    with pytest.raises(dorm.FieldDoesNotExist, match="'foo'"):
        sailors.filter(boats__owner__abs__foo=1)


class Lookup(dorm.Lookup):
    """A lookup whose class has the name of its base."""

    lookup_name = "doubled"

    def read(self, field, value):
        return super().read(field, value * 2)

    def build(self, scope, left, right):
        return scope.compare("=", left, right)


class Exact(Lookup):
    lookup_name = "halved"

    def read(self, field, value):
        return dorm.Lookup.read(self, field, value // 2)

    def build(self, scope, left, right):
        return left.sql == right.sql()


async def test_a_lookup_is_what_it_does_and_not_what_its_class_is_called(sailors, mode):
    for lookup in (Lookup, Exact):
        dorm.IntegerField.register_lookup(lookup)
    try:
        assert await keys(mode, sailors.filter(knots__doubled=2)) == [1]
        assert await keys(mode, sailors.filter(knots__halved=8)) == [1]
    finally:
        for lookup in (Lookup, Exact):
            registry.remove(dorm.IntegerField, lookup.lookup_name)
