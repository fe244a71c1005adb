"""Every class of fields says what its values are; a class of the user's own is treated as the one it is made from."""

from __future__ import annotations

import pytest

import dorm
from dorm.contrib.pydantic.value_types import PLAIN
from dorm.dialects import Kind
from dorm.expressions.base import make
from dorm.fields.base import Field
from dorm.query.compile.result_types import key_of
from enumeration.test_field_specimens import SPECIMENS, Specimen

KINDS = {
    "ArrayField": Kind.ARRAY,
    "AutoField": Kind.INTEGER,
    "BigAutoField": Kind.INTEGER,
    "BigIntegerField": Kind.INTEGER,
    "BinaryField": Kind.BINARY,
    "BooleanField": Kind.BOOLEAN,
    "CITextField": Kind.TEXT,
    "CharField": Kind.TEXT,
    "CommaSeparatedIntegerField": Kind.TEXT,
    "DateField": Kind.DATE,
    "DateTimeField": Kind.DATETIME,
    "DecimalField": Kind.DECIMAL,
    "DurationField": Kind.DURATION,
    "EmailField": Kind.TEXT,
    "EnumField": Kind.ENUM,
    "FloatField": Kind.FLOAT,
    "GenericIPAddressField": Kind.ADDRESS,
    "HStoreField": Kind.HSTORE,
    "IPAddressField": Kind.ADDRESS,
    "IntegerField": Kind.INTEGER,
    "JSONField": Kind.JSON,
    "NullBooleanField": Kind.BOOLEAN,
    "PositiveBigIntegerField": Kind.INTEGER,
    "PositiveIntegerField": Kind.INTEGER,
    "PositiveSmallIntegerField": Kind.INTEGER,
    "SlugField": Kind.TEXT,
    "SmallAutoField": Kind.INTEGER,
    "SmallIntegerField": Kind.INTEGER,
    "TextField": Kind.TEXT,
    "TimeField": Kind.TIME,
    "URLField": Kind.TEXT,
    "UUIDField": Kind.UUID,
}


def test_every_field_with_a_specimen_has_its_kind_here():
    assert set(KINDS) == set(SPECIMENS)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_field_has_its_kind_and_so_has_a_class_made_from_it(name):
    cls: type[Field] = getattr(dorm, name)
    own = type(f"Own{name}", (cls,), {"__module__": __name__})
    specimen: Specimen = SPECIMENS[name]
    assert specimen.make(cls).kind is KINDS[name]
    assert specimen.make(own).kind is KINDS[name]


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_parameter_of_a_field_can_hold_a_value_of_it(name):
    # documents are the exception: a bare value beside a document is a value inside it
    specimen: Specimen = SPECIMENS[name]
    assert make.types.can_hold(specimen.make(getattr(dorm, name)), specimen.value) is (KINDS[name] is not Kind.JSON)


def test_every_kind_is_that_of_some_field_or_says_that_nothing_is_known():
    assert set(KINDS.values()) == set(Kind) - {Kind.OTHER}


def test_every_kind_has_a_type_in_schemas_or_is_made_of_the_field():
    assert set(Kind) - set(PLAIN) == {Kind.ENUM, Kind.ARRAY, Kind.JSON, Kind.OTHER}


def test_a_foreign_key_has_the_kind_of_the_key_it_holds():
    class Label(dorm.Model):
        code = dorm.CharField(max_length=5, primary_key=True)

    class Box(dorm.Model):
        label = dorm.ForeignKey(Label, on_delete=dorm.CASCADE)

    field = Box._meta.get_field("label")
    assert field.kind is Kind.TEXT
    assert key_of(field) is Label._meta.pk


class Celsius(dorm.Field):
    """Made from no other field: it says itself what its values are."""

    kind = Kind.DECIMAL


def test_a_field_made_from_none_of_ours_counts_as_what_it_says():
    types = make.types
    assert types.is_decimal(Celsius())
    assert not types.can_hold(Celsius(), "warm")
    assert types.arithmetic_field("+", Celsius(), dorm.FloatField(), None).kind is Kind.FLOAT


def test_nothing_is_known_of_a_field_that_does_not_say():
    assert dorm.Field().kind is Kind.OTHER
    assert make.types.can_hold(dorm.Field(), object())
