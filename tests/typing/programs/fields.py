"""What a field reads as on an instance, and what may be written to it."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from typing import Any, TypedDict

from typing_extensions import assert_type

import dorm
from dorm import Field


class Status(enum.Enum):
    DRAFT = "draft"
    LIVE = "live"


class Address(TypedDict):
    city: str
    street: str


class Sample(dorm.Model):
    name = dorm.CharField(max_length=10)
    nick = dorm.CharField(max_length=10, null=True)
    text = dorm.TextField(default="")
    age = dorm.IntegerField()
    small = dorm.SmallIntegerField(null=True)
    big = dorm.BigIntegerField()
    ratio = dorm.FloatField()
    price = dorm.DecimalField(max_digits=8, decimal_places=2)
    active = dorm.BooleanField(default=True)
    maybe = dorm.BooleanField(null=True)
    born = dorm.DateField()
    alarm = dorm.TimeField(null=True)
    seen = dorm.DateTimeField(auto_now=True)
    mail = dorm.EmailField()
    link = dorm.URLField(null=True)
    slug = dorm.SlugField()
    token = dorm.UUIDField()
    status = dorm.EnumField(Status)
    tags = dorm.ArrayField(dorm.CharField(max_length=5))
    scores = dorm.ArrayField(dorm.IntegerField(), null=True)
    anything = dorm.JSONField()
    address: Field[Address] = dorm.JSONField()
    home = dorm.JSONField[Address]()


def reads(sample: Sample) -> None:
    assert_type(sample.name, str)
    assert_type(sample.nick, str | None)
    assert_type(sample.text, str)
    assert_type(sample.age, int)
    assert_type(sample.small, int | None)
    assert_type(sample.big, int)
    assert_type(sample.ratio, float)
    assert_type(sample.price, decimal.Decimal)
    assert_type(sample.active, bool)
    assert_type(sample.maybe, bool | None)
    assert_type(sample.born, datetime.date)
    assert_type(sample.alarm, datetime.time | None)
    assert_type(sample.seen, datetime.datetime)
    assert_type(sample.mail, str)
    assert_type(sample.link, str | None)
    assert_type(sample.slug, str)
    assert_type(sample.token, uuid.UUID)
    assert_type(sample.status, Status)
    assert_type(sample.tags, list[str])
    assert_type(sample.scores, list[int] | None)
    assert_type(sample.anything, Any)
    assert_type(sample.address, Address)
    assert_type(sample.home, Address)


def writes(sample: Sample) -> None:
    sample.name = "Ada"
    sample.nick = None
    sample.age = 36
    sample.price = decimal.Decimal("1.50")
    sample.status = Status.LIVE
    sample.age = dorm.F("age") + 1
    sample.name = 1  # error
    sample.name = None  # error
    sample.age = "36"  # error
    sample.active = "yes"  # error
    sample.status = "live"  # error
    sample.tags = [1, 2]  # error


def narrows(sample: Sample) -> str:
    if sample.nick is not None:
        return sample.nick.upper()
    return sample.name


def mistakes(sample: Sample) -> int:
    sample.nick.upper()  # error
    sample.naem  # error
    return sample.name + 1  # error


class Defaults(dorm.Model):
    right = dorm.IntegerField(default=3)
    made = dorm.CharField(max_length=5, default=str)
    wrong = dorm.IntegerField(default="three")  # error
    nothing = dorm.CharField(max_length=5, default=None)  # error


class Misspelt(dorm.Model):
    name = dorm.CharField(max_length=5, uniqe=True)  # error: pyright mypy pyrefly


class Slug(dorm.CharField):
    """A field of the user's own, without null."""


class WithSlug(dorm.Model):
    slug = Slug(max_length=20)


def own_field(row: WithSlug) -> str:
    assert_type(row.slug, str)
    return row.slug
