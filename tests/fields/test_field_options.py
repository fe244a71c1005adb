"""Options of fields: what is refused when a field is declared, what is derived, what deconstructs."""

from __future__ import annotations

import copy
import importlib
import pickle
import uuid
from typing import Any

import pytest

import dorm
from dorm import fields
from dorm.exceptions import ImproperlyConfigured, ValidationError
from dorm.validators import MinLengthValidator


@pytest.mark.parametrize("value", [[], {}, set()], ids=str)
def test_a_default_that_instances_would_share_is_refused(value):
    with pytest.raises(ImproperlyConfigured, match=type(value).__name__):
        fields.JSONField(default=value)


CONTRADICTIONS = [
    (lambda: fields.DateTimeField(auto_now=True, auto_now_add=True), "auto_now_add"),
    (lambda: fields.CharField(primary_key=True, null=True), "null"),
    (lambda: fields.DecimalField(max_digits=2, decimal_places=3), "decimal_places"),
    (lambda: fields.DecimalField(max_digits=-1), "max_digits"),
    (lambda: fields.ForeignKey("x", on_delete=dorm.SET_NULL), "null=True"),
    (lambda: fields.ForeignKey("x", on_delete=dorm.SET_DEFAULT), "default"),
    (lambda: fields.ManyToManyField("x", through="T", db_table="t"), "through"),
    (lambda: fields.ManyToManyField("x", through_fields=["a", "b"]), "through"),
    (lambda: fields.ManyToManyField("x", unique=True), "unique"),
    (lambda: fields.EnumField(str), "Enum"),
]


@pytest.mark.parametrize(("declare", "word"), CONTRADICTIONS, ids=[word for _, word in CONTRADICTIONS])
def test_options_that_contradict_each_other_are_named(declare, word):
    with pytest.raises(ImproperlyConfigured, match=word):
        declare()


MISUSES = [
    (lambda: fields.UUIDField(version=5), ValueError, "version"),
    (lambda: fields.UUIDField(version=7, default=uuid.uuid4), ValueError, "default"),
    (lambda: fields.CharField(max_length=0), ValueError, "max_length"),
    (lambda: fields.CharField(max_length="9"), ValueError, "max_length"),
    (lambda: fields.CharField(choices=["S", "L"]), ValueError, "pairs"),
    (lambda: fields.CharField("name", 5), TypeError, "positional"),
    (lambda: fields.CharField(nul=True), TypeError, "nul"),
    (lambda: fields.GenericIPAddressField(protocol="ipx"), ValueError, "protocol"),
    (lambda: fields.GenericIPAddressField(protocol="IPv4", unpack_ipv4=True), ValueError, "unpack_ipv4"),
    (lambda: fields.JSONField(encoder="json"), ValueError, "encoder"),
    (lambda: fields.ArrayField(int), TypeError, "field"),
    (lambda: fields.ForeignKey("x", on_delete="CASCADE"), TypeError, "on_delete"),
    (lambda: fields.ForeignKey(5, dorm.CASCADE), TypeError, "ForeignKey"),
    (lambda: fields.ForeignKey("shop.Order"), TypeError, r"ForeignKey\('shop.Order'\) .*on_delete.*CASCADE"),
    (lambda: fields.OneToOneField("x", None), TypeError, "OneToOneField.*on_delete"),
    (lambda: fields.ForeignKey("", dorm.CASCADE), TypeError, "empty"),
]


@pytest.mark.parametrize(("declare", "error", "word"), MISUSES, ids=[word for _, _, word in MISUSES])
def test_misused_arguments_are_named(declare, error, word):
    with pytest.raises(error, match=word):
        declare()


def test_on_delete_is_cascade_when_left_out():
    assert fields.ForeignKey("x", dorm.CASCADE).on_delete is dorm.CASCADE
    assert fields.OneToOneField("x", dorm.CASCADE).unique is True


def test_rules_are_distinct_comparable_and_pickled_as_themselves():
    rules = [dorm.CASCADE, dorm.PROTECT, dorm.SET_NULL, dorm.SET_DEFAULT, dorm.DO_NOTHING, dorm.RESTRICT]
    assert len(set(rules)) == len({rule.name for rule in rules}) == 6
    for rule in rules:
        assert pickle.loads(pickle.dumps(rule)) is rule
        assert copy.deepcopy(rule) is rule
        assert repr(rule) == rule.name
    assert fields.SET(3) == fields.SET(3) != fields.SET(4)
    assert fields.SET(lambda: 5).resolve() == 5
    assert fields.SET(7).resolve() == 7


DECONSTRUCTED = [
    (fields.CharField(), {}),
    (
        fields.CharField("the name", max_length=9, null=True),
        {"verbose_name": "the name", "max_length": 9, "null": True},
    ),
    (fields.CharField(max_length=None), {"max_length": None}),
    (fields.SlugField(db_index=False), {"db_index": False}),
    (fields.DecimalField(max_digits=10, decimal_places=3), {"decimal_places": 3}),
    (fields.UUIDField(version=7), {"version": 7}),
    (fields.DateTimeField(auto_now=True), {"auto_now": True}),
    (fields.IntegerField(default=None, null=True), {"default": None, "null": True}),
    (fields.IntegerField(default=0), {"default": 0}),
    (fields.BooleanField(default=False), {"default": False}),
    (fields.CharField(validators=[MinLengthValidator(2)]), {"validators": [MinLengthValidator(2)]}),
    (fields.CharField(choices={"a": "A"}), {"choices": [("a", "A")]}),
    (fields.BigAutoField(primary_key=True), {"primary_key": True}),
    (fields.NullBooleanField(), {}),
    (fields.IPAddressField(), {}),
    (fields.ForeignKey("app.M", dorm.CASCADE), {"to": "app.M", "on_delete": dorm.CASCADE}),
    (
        fields.OneToOneField("app.M", dorm.SET_NULL, null=True, related_name="x", db_index=False),
        {"to": "app.M", "on_delete": dorm.SET_NULL, "null": True, "related_name": "x", "db_index": False},
    ),
    (
        fields.ManyToManyField("self", symmetrical=True, related_name="+"),
        {"to": "self", "symmetrical": True, "related_name": "+"},
    ),
    (
        fields.ManyToManyField("A", through="T", through_fields=("a", "b")),
        {"to": "A", "through": "T", "through_fields": ["a", "b"]},
    ),
]


@pytest.mark.parametrize(("field", "kwargs"), DECONSTRUCTED, ids=range(len(DECONSTRUCTED)))
def test_only_what_differs_from_the_defaults_is_written_down(field, kwargs):
    name, path, args, found = field.deconstruct()
    assert (name, args) == (None, [])
    assert path == f"dorm.fields.{type(field).__name__}"
    assert found == kwargs
    module, _, cls = path.rpartition(".")
    again = getattr(importlib.import_module(module), cls)(*args, **found)
    assert again.deconstruct() == field.deconstruct()


def test_a_users_field_is_written_by_its_own_path():
    assert Loud(max_length=3).deconstruct()[1] == f"{__name__}.Loud"


class Loud(fields.CharField):
    pass


def test_a_clone_shares_nothing_that_belongs_to_a_model():
    field = fields.ForeignKey("x", dorm.CASCADE, related_name="%(class)s_things")
    field.name = "owner"
    clone = field.clone()
    assert clone.remote_field is not field.remote_field
    assert clone.remote_field.field is clone
    assert clone.creation_counter == field.creation_counter
    assert clone.deconstruct() == field.deconstruct()


def test_unattached_fields_are_pickled_and_copied():
    field = fields.CharField(max_length=9, choices=[("a", "A")])
    for twin in (pickle.loads(pickle.dumps(field)), copy.copy(field), copy.deepcopy(field)):
        assert twin.deconstruct() == field.deconstruct()
        assert isinstance(twin, fields.CharField)


def test_defaults():
    calls: list[Any] = []

    def of_instance(instance: Any) -> str:
        calls.append(instance)
        return "made"

    assert fields.CharField().get_default() == ""
    assert fields.CharField(null=True).get_default() is None
    assert fields.TextField().get_default() == ""
    assert fields.IntegerField().get_default() is None
    assert fields.BinaryField().get_default() == b""
    assert fields.JSONField(default=dict).get_default() == {}
    assert fields.JSONField(default=list).get_default() is not fields.JSONField(default=list).get_default()
    assert fields.CharField(default=of_instance).get_default("the instance") == "made"
    assert calls == ["the instance"]
    assert fields.UUIDField(version=4).get_default().version == 4
    assert fields.UUIDField(version=7).get_default().version == 7


def test_text_is_no_positional_option_beyond_the_verbose_name():
    assert fields.CharField("my name").verbose_name == "my name"


def test_groups_of_choices_are_flattened():
    grouped = [("Audio", [("vinyl", "Vinyl"), ("cd", "CD")]), ("unknown", "Unknown")]
    field = fields.CharField(choices=grouped)
    assert field.flatchoices == [("vinyl", "Vinyl"), ("cd", "CD"), ("unknown", "Unknown")]
    assert field.clean("cd") == "cd"
    with pytest.raises(ValidationError, match="tape"):
        field.clean("tape")
    later = fields.CharField(choices=lambda: grouped)
    assert later.clean("vinyl") == "vinyl"


CLEANED = [
    (fields.CharField(max_length=3), "abcd", "max_length"),
    (fields.TextField(max_length=3), "abcd", "max_length"),
    (fields.CharField(), "", "blank"),
    (fields.CharField(), None, "null"),
    (fields.SmallIntegerField(), 99_999, "max_value"),
    (fields.IntegerField(), -(2**31) - 1, "min_value"),
    (fields.BigIntegerField(), 2**63, "max_value"),
    (fields.PositiveIntegerField(), -1, "min_value"),
    (fields.DecimalField(max_digits=4, decimal_places=2), "1.234", "max_decimal_places"),
    (fields.DecimalField(max_digits=4, decimal_places=2), "12345", "max_digits"),
    (fields.URLField(), "mailto:x@example.com", "invalid"),
    (fields.SlugField(), "not a slug", "invalid"),
    (fields.CharField(choices=[("a", "A")]), "b", "invalid_choice"),
    (fields.IntegerField(choices=[(1, "one")]), 2, "invalid_choice"),
    (fields.BinaryField(max_length=1), b"xx", "max_length"),
    (fields.GenericIPAddressField(protocol="IPv4"), "::1", "invalid"),
    (fields.ArrayField(fields.CharField(max_length=1), size=1), ["a", "b"], "max_length"),
    (fields.ArrayField(fields.CharField(max_length=1)), ["ab"], "item_invalid"),
]


@pytest.mark.parametrize(("field", "value", "code"), CLEANED, ids=range(len(CLEANED)))
def test_what_full_clean_refuses(field, value, code):
    with pytest.raises(ValidationError) as caught:
        field.clean(value)
    assert caught.value.code == code


PASSING = [
    (fields.CharField(null=True, blank=True), None),
    (fields.CharField(blank=True), ""),
    (fields.BooleanField(), False),
    (fields.IntegerField(), 0),
    (fields.BigAutoField(primary_key=True), None),
    (fields.DateTimeField(auto_now_add=True), None),
    (fields.IntegerField(db_default=3), None),
    (fields.IntegerField(choices=[(0, "zero")]), "0"),
    (fields.DecimalField(max_digits=4, decimal_places=2), "99.99"),
    (fields.SlugField(allow_unicode=True), "ünï"),
    (fields.JSONField(blank=True), {}),
]


@pytest.mark.parametrize(("field", "value"), PASSING, ids=range(len(PASSING)))
def test_what_full_clean_lets_pass(field, value):
    field.clean(value)


def test_messages_may_be_replaced():
    field = fields.CharField(max_length=2, error_messages={"blank": "say something", "max_length": "too long"})
    with pytest.raises(ValidationError, match="say something"):
        field.clean("")
    with pytest.raises(ValidationError, match="too long"):
        field.clean("abc")


def test_all_validators_report():
    field = fields.CharField(max_length=2, validators=[MinLengthValidator(9)])
    with pytest.raises(ValidationError) as caught:
        field.clean("abc")
    assert len(caught.value.messages) == 2
