"""What is written is what is read: hostile values of every field type, through every door, on both databases."""

from __future__ import annotations

import datetime
import enum
import math
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

import dorm
from dorm.exceptions import DatabaseError, DataError, ValidationError


class Suit(enum.Enum):
    HEARTS = "h'\"%"
    SPADES = "♠"


class Level(enum.Enum):
    LOW = -1
    HIGH = 2**31 - 1


class Holder(dorm.Model):
    char = dorm.CharField(max_length=400, null=True)
    text = dorm.TextField(null=True)
    small = dorm.SmallIntegerField(null=True)
    integer = dorm.IntegerField(null=True)
    big = dorm.BigIntegerField(null=True)
    floating = dorm.FloatField(null=True)
    decimal = dorm.DecimalField(max_digits=15, decimal_places=4, null=True)
    whole = dorm.DecimalField(max_digits=15, decimal_places=0, null=True)
    boolean = dorm.BooleanField(null=True)
    date = dorm.DateField(null=True)
    time = dorm.TimeField(null=True)
    moment = dorm.DateTimeField(null=True)
    duration = dorm.DurationField(null=True)
    uuid = dorm.UUIDField(null=True)
    json = dorm.JSONField(null=True)
    binary = dorm.BinaryField(null=True)
    suit = dorm.EnumField(Suit, null=True)
    level = dorm.EnumField(Level, null=True)
    address = dorm.GenericIPAddressField(null=True)


class Listed(dorm.Model):
    numbers = dorm.ArrayField(dorm.BigIntegerField(), null=True)
    texts = dorm.ArrayField(dorm.TextField(), null=True)
    moments = dorm.ArrayField(dorm.DateTimeField(), null=True)
    keys = dorm.ArrayField(dorm.UUIDField(), null=True)
    grid = dorm.ArrayField(dorm.ArrayField(dorm.IntegerField()), null=True)


pytestmark = pytest.mark.models([Holder])

TEXTS = [
    "", " ", "'", '"', "''", "\\", "\\'", "%", "%%", "_", "%s", "%(x)s", "?", ":x", "{}", "$1", "$$", "NULL", "null",
    "a;b--", "/* */", "\n\r\t", "\x01\x1f\x7f", "é", "e\u0301", "ß", "İı", "ﬀ", "日本", "🜁", "\U0010ffff", "\ufeff",
    "\u202e", "\u2028", "a\xa0b", "{1,2}", "[1]", "0x1", "1e5", "True", "x" * 400,
]  # fmt: skip
NESTED: Any = None
for _ in range(40):
    NESTED = [{"'\"%s?": NESTED}]
DOCUMENTS = [
    "", "text", "123", "null", "true", "[1]", '"', "\\", 0, 1, -1, 1.5, 1e-7, 5e-324, 10**30, True, False, [], {}, [None],
    [[[]]], {"": ""}, {"a b": {"'": [None, {"%": "_"}]}}, {"ß🜁\u2028": "\U0010ffff"}, {"1": 1}, [1, "1", 1.0, True], NESTED,
]  # fmt: skip
MOMENTS = [
    datetime.datetime.min, datetime.datetime.max, datetime.datetime(2024, 2, 29, 23, 59, 59, 999_999),
    datetime.datetime(1969, 12, 31, 23, 59, 59, 1), datetime.datetime(2024, 3, 31, 2, 30), datetime.datetime(1582, 10, 10),
]  # fmt: skip

FAMILIES: dict[str, dict[str, list[Any]]] = {
    "text": {"char": TEXTS, "text": [*TEXTS, "long " * 20_000]},
    "numbers": {
        "small": [0, -1, -(2**15), 2**15 - 1],
        "integer": [0, -(2**31), 2**31 - 1],
        "big": [0, -(2**63), 2**63 - 1, 2**53 + 1],
        "floating": [0.0, -0.0, 0.1, 1 / 3, 5e-324, -1.7976931348623157e308, 2.0**53, 1e22, math.inf, -math.inf, 3.0],
        "decimal": [Decimal(text) for text in ("0", "0.0001", "-0.0001", "99999999999.9999", "-99999999999.9999", "1E+3", "1.10")],
        "whole": [Decimal(text) for text in ("0", "999999999999999", "-999999999999999", "1E+14", "-7")],
        "boolean": [True, False],
    },
    "moments": {
        "date": [datetime.date.min, datetime.date.max, datetime.date(2024, 2, 29), datetime.date(1, 12, 31)],
        "time": [datetime.time.min, datetime.time.max, datetime.time(1, 2, 3), datetime.time(0, 0, 0, 1)],
        "moment": MOMENTS,
        "duration": [
            datetime.timedelta(0), datetime.timedelta(microseconds=-1), datetime.timedelta(days=-1, microseconds=1),
            datetime.timedelta(days=106_000_000, microseconds=999_999), datetime.timedelta(days=-106_000_000),
            datetime.timedelta(days=400, hours=23),
        ],
    },
    "documents": {"json": DOCUMENTS},
    "other": {
        "uuid": [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), uuid.UUID("12345678-1234-5678-9234-567812345678")],
        "binary": [b"", b"\x00", bytes(range(256)), b"'; --", "é".encode(), b"\\x41", b"%s"],
        "suit": list(Suit),
        "level": list(Level),
        "address": ["192.0.2.7", "2001:db8::1", "::ffff:10.0.0.1"],
    },
}  # fmt: skip


def same(found: Any, wanted: Any) -> bool:
    """Equal and of one type, inside documents too."""
    if isinstance(wanted, Decimal | float):
        return type(found) is type(wanted) and found == wanted
    return type(found) is type(wanted) and found == wanted and repr(found) == repr(wanted)


def family(name: str) -> Iterator[tuple[str, list[Any]]]:
    yield from FAMILIES[name].items()


@pytest.mark.parametrize("name", FAMILIES)
def test_what_create_writes_every_reader_reads(name, database):
    wrong: list[Any] = []
    for field, values in family(name):
        made = [(Holder.objects.create(**{field: value}).pk, value) for value in values]
        listed = dict(Holder.objects.filter(**{f"{field}__isnull": False}).values_list("pk", field))
        dicts = {row["pk"]: row[field] for row in Holder.objects.values("pk", field)}
        raw = {row.pk: getattr(row, field) for row in Holder.objects.raw(f'SELECT * FROM "{Holder._meta.db_table}"')}
        streamed = {row.pk: getattr(row, field) for row in Holder.objects.iterator(chunk_size=7)}
        united = dict(Holder.objects.values_list("pk", field).union(Holder.objects.values_list("pk", field), all=True))
        for pk, value in made:
            readers = {
                "get": getattr(Holder.objects.get(pk=pk), field),
                "only": getattr(Holder.objects.only(field).get(pk=pk), field),
                "deferred": getattr(Holder.objects.defer(field).get(pk=pk), field),
                "flat": Holder.objects.filter(pk=pk).values_list(field, flat=True).get(),
                "annotation": Holder.objects.annotate(x=dorm.F(field)).get(pk=pk).x,
                "subquery": Holder.objects.annotate(
                    x=dorm.Subquery(Holder.objects.filter(pk=dorm.OuterRef("pk")).values(field))
                ).values_list("x", flat=True).get(pk=pk),
                "values_list": listed[pk],
                "values": dicts[pk],
                "raw": raw[pk],
                "iterator": streamed[pk],
                "union": united[pk],
            }  # fmt: skip
            wrong += [(field, door, value, found) for door, found in readers.items() if not same(found, value)]
    assert wrong == []


@pytest.mark.parametrize("name", FAMILIES)
def test_a_written_value_is_found_by_itself_and_by_lists(name, database):
    wrong: list[Any] = []
    for field, values in family(name):
        made = {Holder.objects.create(**{field: value}).pk: value for value in values}
        rows = Holder.objects.filter(**{f"{field}__isnull": False})
        for value in values:
            alike = {pk for pk, other in made.items() if type(other) is type(value) and other == value}
            doors = {
                "exact": rows.filter(**{field: value}),
                "ne": rows.exclude(pk__in=rows.filter(**{f"{field}__ne": value})),
                "exclude": rows.exclude(pk__in=rows.exclude(**{field: value})),
                "in": rows.filter(**{f"{field}__in": [value]}),
                "in two": rows.filter(**{f"{field}__in": [value, value]}),
                "Value": rows.annotate(x=dorm.Value(value, Holder._meta.get_field(field))).filter(x=dorm.F(field)),
            }
            for door, found in doors.items():
                if field == "json" and door in {"ne", "in", "in two"}:
                    continue
                keys = set(found.values_list("pk", flat=True))
                if keys != alike:
                    wrong.append((field, door, value, [made.get(pk) for pk in keys]))
        Holder.objects.all().delete()
    assert wrong == []


@pytest.mark.parametrize("name", FAMILIES)
def test_updates_and_bulk_verbs_write_what_create_writes(name, database):
    wrong: list[Any] = []
    for field, values in family(name):
        rows = Holder.objects.bulk_create([Holder(**{field: value}) for value in values])
        wrong += [
            (field, "bulk_create", v, f) for v, f in zip(values, stored(field, rows), strict=True) if not same(f, v)
        ]
        turned = [*values[1:], values[0]]
        for row, value in zip(rows, turned, strict=True):
            setattr(row, field, value)
        assert Holder.objects.bulk_update(rows, [field]) == len(rows)
        wrong += [
            (field, "bulk_update", v, f) for v, f in zip(turned, stored(field, rows), strict=True) if not same(f, v)
        ]
        for row, value in zip(rows, values, strict=True):
            assert Holder.objects.filter(pk=row.pk).update(**{field: value}) == 1
        wrong += [(field, "update", v, f) for v, f in zip(values, stored(field, rows), strict=True) if not same(f, v)]
        for row, value in zip(rows, turned, strict=True):
            setattr(row, field, value)
            row.save(update_fields=[field])
        wrong += [(field, "save", v, f) for v, f in zip(turned, stored(field, rows), strict=True) if not same(f, v)]
        assert Holder.objects.update(**{field: None}) == len(rows)
        assert stored(field, rows) == [None] * len(rows)
        Holder.objects.all().delete()
    assert wrong == []


def stored(field: str, rows: list[Any]) -> list[Any]:
    found = dict(Holder.objects.values_list("pk", field))
    return [found[row.pk] for row in rows]


@pytest.mark.only("sqlite")
def test_text_with_nul_stays_whole_where_it_is_allowed(database):
    """SQLite keeps NUL in text, although its own length() stops there."""
    one = Holder.objects.create(char="a\0b", text="\0")
    Holder.objects.create(char="a\0c", text="")
    assert Holder.objects.get(pk=one.pk).char == "a\0b"
    assert list(Holder.objects.filter(char="a\0b")) == [one]
    with pytest.raises(DataError, match="one at a time"):
        list(Holder.objects.filter(char__in=["a\0b"]))
    assert list(Holder.objects.filter(text="\0")) == [one]
    assert list(Holder.objects.filter(char__contains="\0b")) == [one]
    assert list(Holder.objects.filter(char__iexact="A\0B")) == [one]


@pytest.mark.models([Listed])
@pytest.mark.only("postgresql")
def test_arrays_come_back_with_elements_of_their_own_type(database):
    values: dict[str, list[Any]] = {
        "numbers": [[], [0, -(2**63), 2**63 - 1], [None, 1]],
        "texts": [[], ["", "NULL", "a,b", '"', "\\", "{}", " "], [None]],
        "moments": [MOMENTS, []],
        "keys": [[uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)]],
        "grid": [[], [[1, 2], [3, 4]]],
    }
    wrong = []
    for field, samples in values.items():
        rows = [Listed.objects.create(**{field: sample}) for sample in samples]
        rows += Listed.objects.bulk_create([Listed(**{field: sample}) for sample in samples])
        for row, sample in zip(rows, samples * 2, strict=True):
            found = Listed.objects.get(pk=row.pk)
            same_rows = set(Listed.objects.filter(**{field: sample}).values_list("pk", flat=True))
            if getattr(found, field) != sample or row.pk not in same_rows:
                wrong.append((field, sample, getattr(found, field), same_rows))
    assert wrong == []


# -- what no column holds ----------------------------------------------------------------------------------------------

UNHOLDABLE: list[tuple[str, Any, tuple[str, ...]]] = [
    ("big", 2**63, ("sqlite", "postgresql")),
    ("big", -(2**63) - 1, ("sqlite", "postgresql")),
    ("big", 10**400, ("sqlite", "postgresql")),
    ("integer", 2**31, ("postgresql",)),
    ("small", 2**15, ("postgresql",)),
    ("duration", datetime.timedelta.max, ("sqlite",)),
    ("floating", math.nan, ("sqlite",)),
    ("char", "\ud800", ("sqlite", "postgresql")),
    ("char", "x" * 401, ("postgresql",)),
    ("text", "a\0b", ("postgresql",)),
    ("json", {"a": "\0"}, ("postgresql",)),
    ("json", {"a": "\ud800"}, ("sqlite", "postgresql")),
    ("json", {"a": math.nan}, ("sqlite", "postgresql")),
    ("json", {"a": object()}, ("sqlite", "postgresql")),
    ("decimal", Decimal("NaN"), ("sqlite", "postgresql")),
    ("decimal", Decimal("Infinity"), ("sqlite", "postgresql")),
    ("decimal", Decimal("1E+11"), ("postgresql",)),
]
WRITERS: dict[str, Any] = {
    "create": lambda field, value: Holder.objects.create(**{field: value}),
    "bulk_create": lambda field, value: Holder.objects.bulk_create([Holder(**{field: value}), Holder()]),
    "update": lambda field, value: Holder.objects.update(**{field: value}),
    "bulk_update": lambda field, value: Holder.objects.bulk_update(
        [Holder(pk=Holder.objects.first().pk, **{field: value})], [field]
    ),
}


def test_what_a_column_cannot_hold_raises_an_error_of_the_library_and_writes_nothing(database):
    Holder.objects.create(char="before")
    wrong = []
    for field, value, vendors in UNHOLDABLE:
        if database.vendor not in vendors:
            continue
        for verb, write in WRITERS.items():
            try:
                write(field, value)
            except (DatabaseError, ValidationError) as problem:
                if not str(problem):
                    wrong.append((field, repr(value)[:20], verb, "says nothing"))
            except Exception as problem:
                wrong.append((field, repr(value)[:20], verb, type(problem)))
            else:
                wrong.append((field, repr(value)[:20], verb, "did not raise"))
    assert wrong == []
    assert list(Holder.objects.values_list("char", "big", "json")) == [("before", None, None)]


def test_comparing_with_what_no_column_holds_finds_nothing_or_says_why(database):
    Holder.objects.create(big=1, char="a", floating=1.0, integer=1)
    for field, value in (
        ("big", 2**63),
        ("integer", 2**31),
        ("integer", 10**30),
        ("small", -(10**30)),
        ("big", 10**400),
    ):
        assert Holder.objects.filter(**{field: value}).count() == 0
        assert Holder.objects.filter(**{f"{field}__in": [value]}).count() == 0
        assert Holder.objects.exclude(**{field: value}).count() == 1
    for value in (math.nan, math.inf) if database.vendor == "postgresql" else (math.inf,):
        assert Holder.objects.filter(floating=value).count() == 0
        assert Holder.objects.filter(floating__in=[value]).count() == 0
    for lookup in ("char", "char__contains"):
        with pytest.raises((DatabaseError, ValidationError)):
            Holder.objects.filter(**{lookup: "\ud800"}).count()


def test_a_slice_beyond_all_numbers_is_refused_by_the_library(database):
    Holder.objects.bulk_create([Holder(), Holder()])
    assert len(Holder.objects.all()[: 2**63 - 1]) == 2
    assert list(Holder.objects.order_by("pk")[2**63 - 1 :]) == []
    for rows in (Holder.objects.all()[: 2**70], Holder.objects.all()[2**70 :]):
        with pytest.raises(DatabaseError):
            list(rows)


def test_not_a_number_is_kept_where_the_database_knows_it(database):
    if database.vendor == "sqlite":
        pytest.skip("SQLite has no NaN; writing it is refused")
    made = Holder.objects.create(floating=math.nan)
    assert math.isnan(Holder.objects.get(pk=made.pk).floating)
