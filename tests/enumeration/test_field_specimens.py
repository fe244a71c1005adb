"""Every field class has a specimen: it deconstructs, clones, and stores and reads back its value on both databases."""

from __future__ import annotations

import datetime
import decimal
import enum
import importlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import dorm
from dorm.fields.base import Field
from dorm.migrations.state import ModelState, historical
from support.discovery import subclasses


class Colour(enum.Enum):
    RED = "r"
    BLUE = "b"


@dataclass(frozen=True)
class Specimen:
    """How to build a field, a value of it, and where it exists."""

    make: Callable[[Any], Any]
    value: Any
    only: tuple[str, ...] = ("sqlite", "postgresql")
    key: bool = False


MOMENT = datetime.datetime(2024, 2, 29, 13, 14, 15, 160_000)
TEXT = "Ünïcode 'quoted' %_\\ \n\t 🜁"
POSTGRESQL = ("postgresql",)

SPECIMENS: dict[str, Specimen] = {
    "ArrayField": Specimen(lambda cls: cls(dorm.IntegerField()), [1, 2, -3], POSTGRESQL),
    "AutoField": Specimen(lambda cls: cls(primary_key=True), 17, key=True),
    "BigAutoField": Specimen(lambda cls: cls(primary_key=True), 17, key=True),
    "BigIntegerField": Specimen(lambda cls: cls(), -(2**63)),
    "BinaryField": Specimen(lambda cls: cls(), b"\x00\xff'\\"),
    "BooleanField": Specimen(lambda cls: cls(), True),
    "CITextField": Specimen(lambda cls: cls(), TEXT),
    "CharField": Specimen(lambda cls: cls(max_length=80), TEXT),
    "CommaSeparatedIntegerField": Specimen(lambda cls: cls(max_length=20), "1,2,3"),
    "DateField": Specimen(lambda cls: cls(), MOMENT.date()),
    "DateTimeField": Specimen(lambda cls: cls(), MOMENT),
    "DecimalField": Specimen(lambda cls: cls(max_digits=12, decimal_places=4), decimal.Decimal("-12345678.9012")),
    "DurationField": Specimen(lambda cls: cls(), datetime.timedelta(days=-3, microseconds=7)),
    "EmailField": Specimen(lambda cls: cls(), "ada@example.org"),
    "EnumField": Specimen(lambda cls: cls(Colour), Colour.BLUE),
    "FloatField": Specimen(lambda cls: cls(), 0.1 + 0.2),
    "GenericIPAddressField": Specimen(lambda cls: cls(), "2001:db8::1"),
    "HStoreField": Specimen(lambda cls: cls(), {"a": "1", "b": None, TEXT: TEXT}),
    "IPAddressField": Specimen(lambda cls: cls(), "192.0.2.7"),
    "IntegerField": Specimen(lambda cls: cls(), -(2**31)),
    "JSONField": Specimen(lambda cls: cls(), {"a": [1, 2.5, None, True, TEXT.replace("\n", "")], "b": {}}),
    "NullBooleanField": Specimen(lambda cls: cls(), None),
    "PositiveBigIntegerField": Specimen(lambda cls: cls(), 2**63 - 1),
    "PositiveIntegerField": Specimen(lambda cls: cls(), 2**31 - 1),
    "PositiveSmallIntegerField": Specimen(lambda cls: cls(), 2**15 - 1),
    "SlugField": Specimen(lambda cls: cls(), "a-slug_1"),
    "SmallAutoField": Specimen(lambda cls: cls(primary_key=True), 17, key=True),
    "SmallIntegerField": Specimen(lambda cls: cls(), -(2**15)),
    "TextField": Specimen(lambda cls: cls(), TEXT * 100),
    "TimeField": Specimen(lambda cls: cls(), MOMENT.time()),
    "URLField": Specimen(lambda cls: cls(), "https://example.org/?q=%20"),
    "UUIDField": Specimen(lambda cls: cls(), uuid.UUID(int=2**127 + 1)),
}

# Relations have the tests of tests/models; bases are no fields of their own.
ELSEWHERE = {
    "ForeignKey", "OneToOneField", "ManyToManyField", "RelatedField", "TextBase", "ClockField",
}  # fmt: skip


def field_classes() -> list[type]:
    # A parametrized base such as `BooleanField["bool | None"]` is no class of its own.
    return [cls for cls in subclasses(Field) if "[" not in cls.__name__]


CASES = [cls for cls in field_classes() if cls.__name__ not in ELSEWHERE]


def specimen(cls: type) -> Specimen:
    found = SPECIMENS.get(cls.__name__)
    assert found is not None, f"{cls.__name__} has no specimen: add a row to SPECIMENS in {__file__}"
    return found


def test_every_specimen_is_of_a_field():
    assert set(SPECIMENS) <= {cls.__name__ for cls in field_classes()}


@pytest.mark.parametrize("cls", CASES, ids=lambda cls: cls.__name__)
def test_a_field_deconstructs_into_what_builds_it_again(cls):
    field = specimen(cls).make(cls)
    _, path, args, kwargs = field.deconstruct()
    module, _, name = path.rpartition(".")
    again = getattr(importlib.import_module(module), name)(*args, **kwargs)
    assert type(again) is cls
    assert again.deconstruct()[1:3] == field.deconstruct()[1:3]
    assert repr(again.deconstruct()[3]) == repr(field.deconstruct()[3])


@pytest.mark.parametrize("cls", CASES, ids=lambda cls: cls.__name__)
def test_a_clone_is_equal_and_belongs_to_no_model(cls):
    field = specimen(cls).make(cls)
    clone = field.clone()
    assert clone is not field
    assert clone.model is None
    assert repr(clone.deconstruct()[1:]) == repr(field.deconstruct()[1:])


@pytest.mark.parametrize("cls", CASES, ids=lambda cls: cls.__name__)
def test_a_value_is_stored_and_read_back(cls, database):
    row = specimen(cls)
    if database.vendor not in row.only:
        pytest.skip(f"{cls.__name__} exists on {', '.join(row.only)}")
    model = holder(cls, row)
    dorm.create_tables(model)
    name = "value"
    made = model.objects.create(**{name: row.value})
    read = model.objects.get(pk=made.pk)
    assert getattr(read, name) == row.value
    assert type(getattr(read, name)) is type(row.value)
    assert model.objects.values_list(name, flat=True).get() == row.value
    assert model.objects.values(name).get() == {name: row.value}
    if row.value is not None and cls.__name__ != "JSONField":
        assert model.objects.filter(**{name: row.value}).exists()


@pytest.mark.parametrize("cls", CASES, ids=lambda cls: cls.__name__)
def test_a_model_of_the_past_reads_what_the_live_one_wrote(cls, database):
    row = specimen(cls)
    if database.vendor not in row.only:
        pytest.skip(f"{cls.__name__} exists on {', '.join(row.only)}")
    live = holder(cls, row)
    past = historical([ModelState.from_model(live)]).get_model(live._meta.label)
    dorm.create_tables(past)
    made = live.objects.create(value=row.value)
    assert past.objects.get(pk=made.pk).value == row.value
    past.objects.update(value=row.value)
    assert live.objects.get(pk=made.pk).value == row.value


@pytest.mark.parametrize("cls", [cls for cls in CASES if not SPECIMENS[cls.__name__].key], ids=lambda cls: cls.__name__)
def test_null_is_stored_and_read_back(cls, database):
    row = specimen(cls)
    if database.vendor not in row.only:
        pytest.skip(f"{cls.__name__} exists on {', '.join(row.only)}")
    model = holder(cls, row, null=True)
    dorm.create_tables(model)
    made = model.objects.create(value=None)
    assert model.objects.get(pk=made.pk).value is None
    assert model.objects.filter(value=None).count() == 1
    assert model.objects.exclude(value=None).count() == 0


@pytest.mark.parametrize("cls", [cls for cls in CASES if not SPECIMENS[cls.__name__].key], ids=lambda cls: cls.__name__)
def test_a_list_finds_the_rows_with_its_values_and_no_others(cls, database):
    row = specimen(cls)
    if database.vendor not in row.only:
        pytest.skip(f"{cls.__name__} exists on {', '.join(row.only)}")
    model = holder(cls, row, null=True)
    dorm.create_tables(model)
    value = True if row.value is None else row.value
    rows = [model.objects.create(value=given) for given in (value, None)]
    found = model.objects.order_by("pk")
    for given in ([value], [value, value], (value, None), iter([None, value]), [dorm.F("value"), None]):
        assert list(found.filter(value__in=given)) == rows[:1], given
    for given in ([value], [value, None]):
        assert list(found.exclude(value__in=given)) == rows[1:], given
    for given in ([], [None]):
        assert list(found.filter(value__in=given)) == []
        assert list(found.exclude(value__in=given)) == rows


@pytest.mark.parametrize("cls", [cls for cls in CASES if not SPECIMENS[cls.__name__].key], ids=lambda cls: cls.__name__)
def test_many_rows_are_changed_to_a_value_and_back_to_null(cls, database):
    """More rows than one CASE takes, and a batch in which no value says what type the column has."""
    row = specimen(cls)
    if database.vendor not in row.only:
        pytest.skip(f"{cls.__name__} exists on {', '.join(row.only)}")
    model = holder(cls, row, null=True)
    dorm.create_tables(model)
    rows = model.objects.bulk_create([model(value=None) for _ in range(120)])
    for count in (120, 2):
        for value in (row.value, None):
            for one in rows[:count]:
                one.value = value
            assert model.objects.bulk_update(rows[:count], ["value"]) == count
            assert model.objects.values_list("value", flat=True).order_by("pk")[:count][count - 1] == value


def holder(cls: type, row: Specimen, **options: Any) -> Any:
    """A model with one field of this class, called ``value``."""
    field = row.make(cls)
    if options:
        _, _, args, kwargs = field.deconstruct()
        field = cls(*args, **{**kwargs, **options})
    meta = type("Meta", (), {"app_label": "specimens"})
    return type(dorm.Model)(
        f"{cls.__name__}Holder", (dorm.Model,), {"__module__": __name__, "Meta": meta, "value": field}
    )
