"""Limits, validators and formats in a schema."""

from __future__ import annotations

import pytest

import dorm
from dorm import validators

pytest.importorskip("pydantic")

from pydantic import ValidationError

from dorm.contrib.pydantic import schema_for


def even(value):
    if value % 2:
        raise dorm.ValidationError("odd")


class Limited(dorm.Model):
    name = dorm.CharField(max_length=5, validators=[validators.MinLengthValidator(2)])
    nick = dorm.CharField(max_length=9, blank=True, validators=[validators.MinLengthValidator(2)])
    age = dorm.IntegerField(default=1, validators=[validators.MinValueValidator(1), validators.MaxValueValidator(9)])
    strict = dorm.IntegerField(
        default=5, validators=[validators.MinValueValidator(3), validators.MinValueValidator(lambda: 5)]
    )
    count = dorm.PositiveIntegerField(null=True)
    code = dorm.CharField(max_length=4, null=True, validators=[validators.RegexValidator(r"^[A-Z]+\Z")])
    price = dorm.DecimalField(max_digits=4, decimal_places=2, default="1.00")
    mail = dorm.EmailField(blank=True)
    link = dorm.URLField(blank=True)
    slug = dorm.SlugField(blank=True)
    pair = dorm.IntegerField(default=2, validators=[even])


schema = schema_for(Limited)


def properties(name):
    return schema.model_json_schema()["properties"][name]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "toolong"},
        {"name": "x"},
        {"nick": "x"},
        {"age": 0},
        {"age": 10},
        {"strict": 2},
        {"strict": 4},
        {"count": -1},
        {"code": "abc"},
        {"code": "ABCDE"},
        {"price": "1.234"},
        {"price": "123.45"},
        {"mail": "nobody"},
        {"link": "not a link"},
        {"slug": "a b"},
    ],
    ids=str,
)
def test_a_payload_past_a_limit_is_refused(wrong):
    with pytest.raises(ValidationError) as caught:
        schema(**{"name": "Ada", **wrong})
    assert [error["loc"] for error in caught.value.errors()] == [(next(iter(wrong)),)]


@pytest.mark.parametrize(
    "right",
    [
        {"name": "Adele"},
        {"nick": ""},
        {"age": 9},
        {"count": None},
        {"count": 0},
        {"code": "ABC"},
        {"code": None},
        {"price": "12.34"},
        {"mail": ""},
        {"mail": "ada@example.com"},
        {"link": "https://example.com/a"},
        {"slug": "a-b"},
    ],
    ids=str,
)
def test_a_payload_within_the_limits_passes(right):
    schema(**{"name": "Ada", **right})


def test_the_words_are_those_of_the_validator():
    with pytest.raises(ValidationError, match="Enter a valid email address."):
        schema(name="Ada", mail="nobody")


def test_validators_of_ones_own_wait_for_full_clean():
    assert schema(name="Ada", pair=3).pair == 3


def test_the_json_schema_tells_limits_and_formats():
    assert (properties("name")["minLength"], properties("name")["maxLength"]) == (2, 5)
    assert (properties("age")["minimum"], properties("age")["maximum"]) == (1, 9)
    assert properties("count")["anyOf"] == [{"minimum": 0, "type": "integer"}, {"type": "null"}]
    assert properties("mail")["format"] == "email"
    assert properties("link")["format"] == "uri"
    assert properties("code")["pattern"] == "^[A-Z]+$"
    assert properties("pair") == {"default": 2, "title": "Pair", "type": "integer"}


def test_what_is_stored_already_is_not_checked_by_validators():
    row = Limited(name="Ada")
    row.__dict__.update(mail="historical", slug="a b")
    assert schema.model_validate(row).model_dump()["mail"] == "historical"
    with pytest.raises(ValidationError):
        schema(name="Ada", mail="historical")
