"""What may be assigned to a field, and what it becomes."""

from __future__ import annotations

import datetime
import enum
import uuid
from decimal import Decimal
from fractions import Fraction

import pytest

from dorm import fields
from dorm.exceptions import ValidationError


class Colour(enum.Enum):
    RED = "r"
    BLUE = "b"


class Level(enum.IntEnum):
    LOW = 1


def ids(cases):
    """The field's class and a number: the values themselves may show their address."""
    return [f"{type(case[0]).__name__}-{number}" for number, case in enumerate(cases)]


ACCEPTED = [
    (fields.IntegerField(), "42", 42),
    (fields.IntegerField(), " -7 ", -7),
    (fields.IntegerField(), 42.0, 42),
    (fields.IntegerField(), Decimal("42.00"), 42),
    (fields.IntegerField(), True, 1),
    (fields.FloatField(), "2.5", 2.5),
    (fields.FloatField(), 2, 2.0),
    (fields.DecimalField(), 0.1, Decimal("0.1")),
    (fields.DecimalField(), "1.10", Decimal("1.10")),
    (fields.DecimalField(), True, Decimal(1)),
    (fields.BooleanField(), "YES", True),
    (fields.BooleanField(), "f", False),
    (fields.BooleanField(), 0, False),
    (fields.BooleanField(), 1.0, True),
    (fields.DateField(), "2024-2-9", datetime.date(2024, 2, 9)),
    (fields.DateField(), datetime.datetime(2024, 2, 29, 5), datetime.date(2024, 2, 29)),
    (fields.TimeField(), "08:15", datetime.time(8, 15)),
    (fields.TimeField(), datetime.datetime(2024, 2, 29, 5), datetime.time(5)),
    (fields.DateTimeField(), "2024-02-29", datetime.datetime(2024, 2, 29)),
    (fields.DateTimeField(), "2024-02-29T10:00:00Z", datetime.datetime(2024, 2, 29, 10, tzinfo=datetime.UTC)),
    (fields.DurationField(), "3 00:00:01.5", datetime.timedelta(days=3, seconds=1, microseconds=500_000)),
    (fields.DurationField(), "-1 day, 23:59:59", datetime.timedelta(seconds=-1)),
    (fields.DurationField(), "P1DT2H", datetime.timedelta(days=1, hours=2)),
    (fields.DurationField(), "-PT1.5S", datetime.timedelta(seconds=-1.5)),
    (fields.DurationField(), "90", datetime.timedelta(seconds=90)),
    (fields.UUIDField(), "0190b3a17c6e70008000000000000001", uuid.UUID("0190b3a1-7c6e-7000-8000-000000000001")),
    (fields.UUIDField(), 7, uuid.UUID(int=7)),
    (fields.CharField(), 12, "12"),
    (fields.CharField(), Colour.RED, "r"),
    (fields.EmailField(), "", ""),
    (fields.BinaryField(), bytearray(b"x"), b"x"),
    (fields.BinaryField(), memoryview(b"x"), b"x"),
    (fields.EnumField(Colour), "r", Colour.RED),
    (fields.EnumField(Colour), "BLUE", Colour.BLUE),
    (fields.EnumField(Level), "1", Level.LOW),
    (fields.GenericIPAddressField(), " 2001:0DB8::1 ", "2001:db8::1"),
    (fields.GenericIPAddressField(unpack_ipv4=True), "::ffff:192.0.2.1", "192.0.2.1"),
    (fields.GenericIPAddressField(), "::ffff:192.0.2.1", "::ffff:192.0.2.1"),
    (fields.HStoreField(), {"a": 1, "b": None}, {"a": "1", "b": None}),
    (fields.ArrayField(fields.IntegerField()), ("1", 2), [1, 2]),
    (fields.ArrayField(fields.IntegerField()), iter(["1"]), [1]),
    (fields.ArrayField(fields.IntegerField()), "[1, 2]", [1, 2]),
    (fields.ArrayField(fields.ArrayField(fields.CharField())), [[1], []], [["1"], []]),
    (fields.JSONField(), "123", "123"),
]


@pytest.mark.parametrize(("field", "given", "kept"), ACCEPTED, ids=ids(ACCEPTED))
def test_a_value_becomes_what_the_field_keeps(field, given, kept):
    got = field.converted(given)
    assert got == kept
    assert type(got) is type(kept)
    assert field.converted(got) == kept


REFUSED = [
    (fields.IntegerField(), "old"),
    (fields.IntegerField(), 1.5),
    (fields.IntegerField(), Decimal("1.5")),
    (fields.IntegerField(), float("nan")),
    (fields.IntegerField(), float("inf")),
    (fields.IntegerField(), [1]),
    (fields.FloatField(), "heavy"),
    (fields.FloatField(), [1]),
    (fields.DecimalField(), "cheap"),
    (fields.DecimalField(), "NaN"),
    (fields.DecimalField(), float("inf")),
    (fields.DecimalField(), Fraction(1, 3)),
    (fields.BooleanField(), "maybe"),
    (fields.BooleanField(), 2),
    (fields.BooleanField(), []),
    (fields.DateField(), "yesterday"),
    (fields.DateField(), "2024-02-30"),
    (fields.DateField(), 20240229),
    (fields.TimeField(), "noon"),
    (fields.TimeField(), datetime.time(1, tzinfo=datetime.UTC)),
    (fields.DateTimeField(), "someday"),
    (fields.DateTimeField(), 0),
    (fields.DurationField(), "soon"),
    (fields.DurationField(), "P"),
    (fields.UUIDField(), "not-a-uuid"),
    (fields.UUIDField(), 1.5),
    (fields.UUIDField(), -1),
    (fields.EmailField(), "two@@example.com"),
    (fields.EmailField(), "a@b"),
    (fields.EmailField(), "a@example.c"),
    (fields.BinaryField(), "text"),
    (fields.EnumField(Colour), "green"),
    (fields.EnumField(Level), "one"),
    (fields.GenericIPAddressField(), "10.0.0.256"),
    (fields.HStoreField(), ["a"]),
    (fields.ArrayField(fields.IntegerField()), ["x"]),
    (fields.ArrayField(fields.IntegerField()), 5),
    (fields.ArrayField(fields.IntegerField()), "x"),
    (fields.ArrayField(fields.IntegerField()), {"a": 1}),
    (fields.JSONField(), {1, 2}),
    (fields.JSONField(), float("nan")),
    (fields.JSONField(), b"x"),
]


@pytest.mark.parametrize(("field", "given"), REFUSED, ids=ids(REFUSED))
def test_an_impossible_value_is_refused_with_a_plain_message(field, given):
    with pytest.raises(ValidationError) as caught:
        field.converted(given)
    assert isinstance(caught.value.message, str)


def test_a_json_value_that_refers_to_itself_is_refused():
    loop: list = []
    loop.append(loop)
    with pytest.raises(ValidationError):
        fields.JSONField().converted(loop)


@pytest.mark.parametrize(("field", "given"), REFUSED[:3], ids=ids(REFUSED[:3]))
def test_a_lookup_with_an_impossible_value_names_the_field(field, given):
    with pytest.raises(ValidationError, match="IntegerField"):
        field.get_prep_value(given)


@pytest.mark.parametrize("field", [case[0] for case in ACCEPTED], ids=ids(ACCEPTED))
def test_values_of_exact_types_need_no_conversion(field):
    """What generated constructors rely on."""
    samples = {int: 5, str: "x", float: 0.5, bool: True, bytes: b"x", uuid.UUID: uuid.UUID(int=1)}
    for cls in field.exact_types:
        if cls in samples:
            assert field.converted(samples[cls]) is samples[cls]


def test_a_users_conversion_sees_every_value():
    class Upper(fields.CharField):
        def to_python(self, value):
            return None if value is None else str(value).upper()

    assert Upper().exact_types == ()
    assert fields.CharField().exact_types == (str,)
    assert fields.EmailField().exact_types == ()


def test_choices_given_as_an_enumeration_are_read_as_members():
    class Status(fields.TextChoices):
        DRAFT = "d", "Being written"
        DONE = "x"

    field = fields.CharField(max_length=1, choices=Status)
    assert field.converted("d") is Status.DRAFT
    assert field.converted(Status.DONE) is Status.DONE
    assert field.converted("unknown") == "unknown"
    assert field.get_prep_value(Status.DRAFT) == "d"
    assert field.flatchoices == [("d", "Being written"), ("x", "Done")]
    assert field.exact_types == (Status,)
    with_default = fields.CharField(max_length=1, choices=Status, default="d")
    assert with_default.get_default() is Status.DRAFT
    assert with_default.deconstruct()[3]["default"] == "d"
    assert fields.EnumField(Colour, default="r").get_default() is Colour.RED
    with pytest.raises(ValidationError):
        field.clean("unknown")
