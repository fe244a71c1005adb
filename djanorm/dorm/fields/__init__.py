"""The field classes, under the names users and migrations import."""

from __future__ import annotations

from dorm.fields.auto import AutoField, BigAutoField, SmallAutoField
from dorm.fields.base import Field
from dorm.fields.choices import Choices, IntegerChoices, TextChoices
from dorm.fields.dates import DateField, DateTimeField, DurationField, TimeField
from dorm.fields.deletion_rules import CASCADE, DO_NOTHING, PROTECT, RESTRICT, SET, SET_DEFAULT, SET_NULL
from dorm.fields.json import ArrayField, HStoreField, JSONField
from dorm.fields.numbers import (
    BigIntegerField,
    BooleanField,
    DecimalField,
    FloatField,
    IntegerField,
    NullBooleanField,
    PositiveBigIntegerField,
    PositiveIntegerField,
    PositiveSmallIntegerField,
    SmallIntegerField,
)
from dorm.fields.options import NOT_PROVIDED, FieldOptions
from dorm.fields.other import BinaryField, EnumField, GenericIPAddressField, IPAddressField, UUIDField
from dorm.fields.related import ForeignKey, ManyToManyField, OneToOneField
from dorm.fields.relations import Relation
from dorm.fields.text import (
    CharField,
    CITextField,
    CommaSeparatedIntegerField,
    EmailField,
    SlugField,
    TextField,
    URLField,
)
from dorm.fields.types import JSON_NULL

__all__ = [
    "CASCADE",
    "DO_NOTHING",
    "JSON_NULL",
    "NOT_PROVIDED",
    "PROTECT",
    "RESTRICT",
    "SET",
    "SET_DEFAULT",
    "SET_NULL",
    "ArrayField",
    "AutoField",
    "BigAutoField",
    "BigIntegerField",
    "BinaryField",
    "BooleanField",
    "CITextField",
    "CharField",
    "Choices",
    "CommaSeparatedIntegerField",
    "DateField",
    "DateTimeField",
    "DecimalField",
    "DurationField",
    "EmailField",
    "EnumField",
    "Field",
    "FieldOptions",
    "FloatField",
    "ForeignKey",
    "GenericIPAddressField",
    "HStoreField",
    "IPAddressField",
    "IntegerChoices",
    "IntegerField",
    "JSONField",
    "ManyToManyField",
    "NullBooleanField",
    "OneToOneField",
    "PositiveBigIntegerField",
    "PositiveIntegerField",
    "PositiveSmallIntegerField",
    "Relation",
    "SlugField",
    "SmallAutoField",
    "SmallIntegerField",
    "TextChoices",
    "TextField",
    "TimeField",
    "URLField",
    "UUIDField",
]
