"""What each field becomes in a schema."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from typing import Any, Literal, get_args

import pytest

import dorm

pytest.importorskip("pydantic")

from pydantic import ValidationError

from dorm.contrib.pydantic import schema_for
from dorm.contrib.pydantic.library import FACTORIES_TAKE_VALUES


class Shade(dorm.TextChoices):
    DARK = "d", "Dark"
    LIGHT = "l", "Light"


class Size(enum.Enum):
    SMALL = 1
    LARGE = 2


def slug_of(instance):
    return f"{instance.title}-{instance.number}".lower()


class Town(dorm.Model):
    code = dorm.CharField(max_length=3, primary_key=True)


class Stamp(dorm.Model):
    key = dorm.OneToOneField(Town, on_delete=dorm.CASCADE, primary_key=True)


class Sample(dorm.Model):
    title = dorm.CharField(max_length=20)
    body = dorm.TextField(blank=True)
    mail = dorm.EmailField()
    link = dorm.URLField(blank=True)
    tag = dorm.SlugField()
    number = dorm.IntegerField(default=7)
    big = dorm.BigIntegerField(null=True)
    positive = dorm.PositiveIntegerField()
    share = dorm.FloatField()
    price = dorm.DecimalField(max_digits=5, decimal_places=2, default=1)
    truth = dorm.BooleanField()
    day = dorm.DateField()
    hour = dorm.TimeField()
    moment = dorm.DateTimeField()
    span = dorm.DurationField()
    token = dorm.UUIDField(default=uuid.uuid4)
    data = dorm.JSONField(null=True)
    raw = dorm.BinaryField()
    address = dorm.GenericIPAddressField()
    pairs = dorm.HStoreField()
    words = dorm.ArrayField(dorm.CharField(max_length=3), size=2)
    grid = dorm.ArrayField(dorm.ArrayField(dorm.IntegerField(null=True)))
    town = dorm.ForeignKey(Town, on_delete=dorm.CASCADE)
    stamp = dorm.ForeignKey(Stamp, on_delete=dorm.CASCADE, null=True)


TYPES = {
    "id": int,
    "title": str,
    "body": str,
    "mail": str,
    "link": str,
    "tag": str,
    "number": int,
    "big": int | None,
    "positive": int,
    "share": float,
    "price": decimal.Decimal,
    "truth": bool,
    "day": datetime.date,
    "hour": datetime.time,
    "moment": datetime.datetime,
    "span": datetime.timedelta,
    "token": uuid.UUID,
    "data": Any,
    "raw": bytes,
    "address": str,
    "pairs": dict[str, str | None],
    "town": str,
    "stamp": str | None,
}


@pytest.mark.parametrize("name", TYPES)
def test_each_field_has_its_python_type(name):
    assert TYPES[name] == schema_for(Sample).model_fields[name].annotation


def test_arrays_are_lists_of_what_they_hold():
    only = schema_for(Sample, only=("words", "grid"))
    assert only(words=["a"], grid=[[1, None]]).model_dump() == {"words": ["a"], "grid": [[1, None]]}
    for wrong in ({"words": ["long"], "grid": []}, {"words": ["a", "b", "c"], "grid": []}, {"words": [], "grid": [1]}):
        with pytest.raises(ValidationError):
            only(**wrong)


def test_what_may_be_left_out():
    required = {name for name, info in schema_for(Sample).model_fields.items() if info.is_required()}
    assert required == set(schema_for(Sample).model_fields) - {
        "id", "body", "link", "number", "big", "price", "token", "data", "stamp",
    }  # fmt: skip


def test_defaults_are_those_of_the_model():
    only = schema_for(Sample, only=("number", "price", "token", "body", "big"))
    made = only()
    assert (made.number, made.body, made.big) == (7, "", None)
    assert made.price == decimal.Decimal(1) and type(made.price) is decimal.Decimal
    assert isinstance(made.token, uuid.UUID) and made.token != only().token


def test_a_default_does_not_make_a_field_nullable():
    with pytest.raises(ValidationError):
        schema_for(Sample, only=("number",))(number=None)


def test_defaults_of_the_database_and_clocks_may_be_left_out():
    class Clocked(dorm.Model):
        made = dorm.DateTimeField(auto_now_add=True)
        seen = dorm.DateTimeField(auto_now=True)
        at = dorm.DateTimeField(db_default=dorm.Now())
        level = dorm.IntegerField(db_default=3)

        class Meta:
            app_label = "schema_clocks"

    made = schema_for(Clocked)()
    assert made.model_dump() == {"id": None, "made": None, "seen": None, "at": None, "level": 3}


def test_what_every_row_has_is_not_nullable_though_a_payload_may_leave_it_out():
    class Entry(dorm.Model):
        made = dorm.DateTimeField(auto_now_add=True)
        seen = dorm.DateField(auto_now=True)
        at = dorm.DateTimeField(db_default=dorm.Now())
        left = dorm.DateTimeField(auto_now=True, null=True)

        class Meta:
            app_label = "schema_made_elsewhere"

    schema = schema_for(Entry)
    for mode in ("validation", "serialization"):
        parts = schema.model_json_schema(mode=mode)
        assert {"title": "Id", "type": "integer"} == parts["properties"]["id"]
        for name, form in (("made", "date-time"), ("seen", "date"), ("at", "date-time")):
            assert {"title": name.title(), "type": "string", "format": form} == parts["properties"][name]
        assert {"type": "null"} in parts["properties"]["left"]["anyOf"]
        assert "required" not in parts
    # a row that is not made yet has no value, and says so without a warning of Pydantic
    empty = {"id": None, "made": None, "seen": None, "at": None, "left": None}
    assert schema().model_dump() == schema(**empty).model_dump(mode="json") == empty
    with pytest.raises(ValidationError):
        schema(id="x")
    assert schema_for(Entry, optional=("id",)).model_fields["id"].annotation == int | None


@pytest.mark.skipif(not FACTORIES_TAKE_VALUES, reason="this Pydantic calls default factories without the payload")
def test_a_default_that_needs_the_instance_sees_the_payload():
    class Article(dorm.Model):
        title = dorm.CharField(max_length=20)
        number = dorm.IntegerField(default=1)
        slug = dorm.CharField(max_length=30, default=slug_of)

        class Meta:
            app_label = "schema_defaults"

    schema = schema_for(Article)
    assert schema(title="Hello").slug == "hello-1"
    assert schema(title="Hello", slug="own").slug == "own"
    assert schema(title="Hello").slug == Article(title="Hello").slug


class Picky(dorm.Model):
    letter = dorm.CharField(max_length=1, choices=[("a", "A"), ("Others", [("b", "B"), ("c", "C")])])
    blank = dorm.CharField(max_length=1, blank=True, choices=[("a", "A")])
    level = dorm.IntegerField(choices=[(1, "one"), (2, "two")], null=True)
    shade = dorm.CharField(choices=Shade, default=Shade.DARK)
    size = dorm.EnumField(Size, default=Size.SMALL)


def test_choices_are_literals():
    fields = schema_for(Picky).model_fields
    assert fields["letter"].annotation == Literal["a", "b", "c"]
    assert fields["blank"].annotation == Literal["a", ""]
    assert set(get_args(fields["level"].annotation)) == {Literal[1, 2], type(None)}
    assert fields["shade"].annotation is Shade
    assert fields["size"].annotation is Size


def test_choices_are_checked_and_kept():
    schema = schema_for(Picky)
    made = schema(letter="b", shade="l", size=2)
    assert (made.letter, made.blank, made.level, made.shade, made.size) == ("b", "", None, Shade.LIGHT, Size.LARGE)
    assert made.model_dump(mode="json") == {
        "id": None, "letter": "b", "blank": "", "level": None, "shade": "l", "size": 2,
    }  # fmt: skip
    for wrong in ({"letter": "d"}, {"letter": "a", "level": 3}, {"letter": "a", "shade": "x"}, {"letter": ""}):
        with pytest.raises(ValidationError):
            schema(**wrong)


def test_an_instance_with_choices_is_read():
    row = Picky(letter="a", shade="l")
    assert schema_for(Picky).model_validate(row).model_dump() == {
        "id": None, "letter": "a", "blank": "", "level": None, "shade": Shade.LIGHT, "size": Size.SMALL,
    }  # fmt: skip


def test_help_is_the_description():
    class Helped(dorm.Model):
        name = dorm.CharField(help_text="What people call it.")

        class Meta:
            app_label = "schema_help"

    assert schema_for(Helped).model_json_schema()["properties"]["name"]["description"] == "What people call it."


def test_a_field_of_an_unknown_class_may_hold_anything():
    class Odd(dorm.Field):
        pass

    class Oddity(dorm.Model):
        thing = Odd()

        class Meta:
            app_label = "schema_odd"

    assert schema_for(Oddity).model_fields["thing"].annotation is Any
