"""Values travel through bind processor, database and result processor unchanged; loaders that inline a decoder agree."""

from __future__ import annotations

import datetime
import enum
import json
import sqlite3
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from dorm import fields
from dorm.fields.types import JSON_NULL, StoredType
from dorm.utils.codegen import FunctionText

SQLITE = SQLiteDialect_pysqlite(paramstyle="qmark")
POSTGRESQL = PGDialect_psycopg()
UTC = datetime.UTC


class Colour(enum.Enum):
    RED = "r"
    BLUE = "b"


class Size(fields.IntegerChoices):
    SMALL = 1
    LARGE = 2


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
).filter(lambda value: value is not None)

# field, values it must give back as they were
ROUND_TRIPS: dict[str, tuple[Any, Any]] = {
    "AutoField": (fields.AutoField(primary_key=True), st.integers(1, 2**31 - 1)),
    "BigAutoField": (fields.BigAutoField(primary_key=True), st.integers(1, 2**63 - 1)),
    "BigIntegerField": (fields.BigIntegerField(), st.integers(-(2**63), 2**63 - 1)),
    "BinaryField": (fields.BinaryField(), st.binary()),
    "BooleanField": (fields.BooleanField(), st.booleans()),
    "CITextField": (fields.CITextField(), st.text(st.characters(exclude_categories=["Cs"]))),
    "CharField": (fields.CharField(), st.text(st.characters(exclude_categories=["Cs"]))),
    "CharField of choices": (fields.CharField(choices=Colour), st.sampled_from(Colour)),
    "DateField": (fields.DateField(), st.dates()),
    "DateTimeField": (fields.DateTimeField(), st.datetimes()),
    "DecimalField": (
        fields.DecimalField(max_digits=15, decimal_places=4),
        st.decimals(-(10**11) + 1, 10**11 - 1, places=4, allow_nan=False, allow_infinity=False),
    ),
    "DurationField": (
        fields.DurationField(),
        st.timedeltas(datetime.timedelta(days=-(10**6)), datetime.timedelta(days=10**6)),
    ),
    "EmailField": (fields.EmailField(), st.sampled_from(["", "a@example.com"])),
    "EnumField": (fields.EnumField(Colour), st.sampled_from(Colour)),
    "EnumField of integers": (fields.EnumField(Size), st.sampled_from(Size)),
    "FloatField": (fields.FloatField(), st.floats(allow_nan=False, allow_infinity=False)),
    "GenericIPAddressField": (fields.GenericIPAddressField(), st.ip_addresses().map(str)),
    "HStoreField": (fields.HStoreField(), st.dictionaries(st.text(), st.text() | st.none())),
    "IntegerField": (fields.IntegerField(), st.integers(-(2**31), 2**31 - 1)),
    "IntegerField of choices": (fields.IntegerField(choices=Size), st.sampled_from(Size)),
    "JSONField": (fields.JSONField(), JSON),
    "SmallIntegerField": (fields.SmallIntegerField(), st.integers(-(2**15), 2**15 - 1)),
    "TextField": (fields.TextField(), st.text(st.characters(exclude_categories=["Cs"]))),
    "TimeField": (fields.TimeField(), st.times()),
    "UUIDField": (fields.UUIDField(), st.uuids()),
}
CONNECTION = sqlite3.connect(":memory:")


class Somewhere:
    """Stands for a model: what belongs to none is the output of an expression, and keeps the digits it has."""

    class _meta:
        label = "app.Somewhere"


def of_a_model(field: Any) -> Any:
    field.model = Somewhere
    return field


for _field, _ in ROUND_TRIPS.values():
    of_a_model(_field)


def stored_in_sqlite(field: Any, value: Any) -> Any:
    """What a column of this field's type gives back for a bound value."""
    bind = field.sql_type().dialect_impl(SQLITE).bind_processor(SQLITE)
    spelled = field.plain_type().compile(SQLITE)
    CONNECTION.execute("DROP TABLE IF EXISTS probe")
    CONNECTION.execute(f"CREATE TABLE probe (value {spelled})")
    CONNECTION.execute("INSERT INTO probe VALUES (?)", [bind(value) if bind else value])
    return CONNECTION.execute("SELECT value FROM probe").fetchone()[0]


def read(field: Any, dialect: Any, raw: Any) -> Any:
    """The raw value by the result processor, after checking that the inlined template says the same."""
    process = field.sql_type().result_processor(dialect, None)
    value = raw if process is None else process(raw)
    assert inlined(field.sql_type(), dialect, raw) == value
    return value


def inlined(stored: Any, dialect: Any, raw: Any) -> Any:
    """What a generated loader does."""
    template = getattr(stored, "inline_result", lambda dialect: None)(dialect)
    if template is None or raw is None:
        return raw
    text = FunctionText("load", "a test")
    text.lines += ["v0, = row", f"return {text.expression(template, 'v0')}"]
    return text.define("row")((raw,))


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_a_value_comes_back_from_a_column_of_its_type(name):
    field, values = ROUND_TRIPS[name]

    @settings(max_examples=60, deadline=None)
    @given(values)
    def check(value: Any) -> None:
        got = read(field, SQLITE, stored_in_sqlite(field, value))
        assert got == value
        assert type(got) is type(value)

    check()


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_null_stays_null(name):
    field, _ = ROUND_TRIPS[name]
    for dialect in (SQLITE, POSTGRESQL):
        bind = field.sql_type().dialect_impl(dialect).bind_processor(dialect)
        assert bind is None or bind(None) is None
        assert read(field, dialect, None) is None


NATIVE = [
    (fields.IntegerField(), 5),
    (fields.CharField(), "x"),
    (fields.BooleanField(), True),
    (of_a_model(fields.DecimalField()), Decimal("1.50")),
    (fields.DateField(), datetime.date(2024, 2, 29)),
    (fields.TimeField(), datetime.time(1, 2, 3, 4)),
    (fields.DurationField(), datetime.timedelta(1)),
    (fields.UUIDField(), uuid.UUID(int=7)),
    (of_a_model(fields.FloatField()), 0.1),
]


@pytest.mark.parametrize("dialect", [SQLITE, POSTGRESQL], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("given", [0.1 + 0.2, Decimal("0.3")], ids=repr)
def test_a_computed_decimal_is_one_whatever_number_the_driver_gives(dialect, given):
    made = read(fields.DecimalField(), dialect, given)
    assert type(made) is Decimal
    assert made == Decimal("0.3")


@pytest.mark.parametrize(("field", "value"), NATIVE, ids=lambda given: type(given).__name__)
def test_where_the_database_has_the_type_nothing_is_converted(field, value):
    stored = field.sql_type().dialect_impl(POSTGRESQL)
    assert stored.bind_processor(POSTGRESQL) is None
    assert field.sql_type().result_processor(POSTGRESQL, None) is None
    assert value is inlined(field.sql_type(), POSTGRESQL, value)


OLDER_FORMS = [
    (fields.DateTimeField(), "2024-01-02 03:04:05", datetime.datetime(2024, 1, 2, 3, 4, 5)),
    (fields.DateTimeField(), "2024-01-02T03:04:05.5", datetime.datetime(2024, 1, 2, 3, 4, 5, 500_000)),
    (fields.DateTimeField(), "2024-01-02T03:04", datetime.datetime(2024, 1, 2, 3, 4)),
    (fields.DateTimeField(), "2024-01-02", datetime.datetime(2024, 1, 2)),
    (fields.DateTimeField(), "2024-01-02 03:04:05+02:00", datetime.datetime(2024, 1, 2, 1, 4, 5)),
    (fields.DateTimeField(), "2024-01-02 03:04:05.000001Z", datetime.datetime(2024, 1, 2, 3, 4, 5, 1)),
    (fields.DateTimeField(), "2024-01-02 03:04+05", datetime.datetime(2024, 1, 1, 22, 4)),
    (fields.DateField(), "2024-01-02 00:00:00", datetime.date(2024, 1, 2)),
    (fields.DateField(), "20240102", datetime.date(2024, 1, 2)),
    (fields.TimeField(), "03:04", datetime.time(3, 4)),
    (of_a_model(fields.DecimalField()), 12.5, Decimal("12.50")),
    (of_a_model(fields.DecimalField()), 12, Decimal("12.00")),
    (of_a_model(fields.DecimalField()), "12.5", Decimal("12.50")),
    (of_a_model(fields.DecimalField()), "12.345", Decimal("12.34")),
    (of_a_model(fields.DecimalField()), 2**60, Decimal(2**60).quantize(Decimal("0.01"))),
    (of_a_model(fields.DecimalField()), -0.0, Decimal("-0.00")),
    (of_a_model(fields.DecimalField(max_digits=None, decimal_places=None)), 0.1, Decimal("0.1")),
    (fields.DecimalField(decimal_places=1), 0.125, Decimal("0.125")),
    (fields.FloatField(), 3, 3.0),
    (fields.UUIDField(), "0190b3a17c6e70008000000000000001", uuid.UUID("0190b3a1-7c6e-7000-8000-000000000001")),
    (fields.UUIDField(), uuid.UUID(int=9).bytes, uuid.UUID(int=9)),
    (fields.UUIDField(), "{0190B3A1-7C6E-7000-8000-000000000001}", uuid.UUID("0190b3a1-7c6e-7000-8000-000000000001")),
    (fields.BooleanField(), 0, False),
    (fields.BooleanField(), 2, True),
    (fields.JSONField(), '"123"', "123"),
    (fields.JSONField(), "null", None),
    (fields.EnumField(Colour), "gone", "gone"),
    (fields.BinaryField(), "text", b"text"),
]


@pytest.mark.parametrize(("field", "raw", "value"), OLDER_FORMS, ids=range(len(OLDER_FORMS)))
def test_databases_written_by_older_programs_stay_readable(field, raw, value):
    got = read(field, SQLITE, raw)
    assert got == value
    assert type(got) is type(value)
    assert str(got) == str(value)


def test_an_aware_moment_is_stored_as_naive_utc():
    aware = datetime.datetime(2024, 1, 1, 12, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    naive = datetime.datetime(2024, 1, 1, 10)
    for dialect, stored in ((SQLITE, str(naive)), (POSTGRESQL, naive)):
        bind = fields.DateTimeField().sql_type().bind_processor(dialect)
        assert stored == bind(aware) == bind(naive)


def test_json_null_is_not_sql_null():
    bind = fields.JSONField().sql_type().bind_processor(SQLITE)
    assert bind(None) is None
    assert bind(JSON_NULL) == "null"
    assert bind("hello") == '"hello"'


def test_json_coders_are_used():
    class Encoder(json.JSONEncoder):
        def default(self, o):
            return {"when": o.isoformat()}

    class Decoder(json.JSONDecoder):
        def __init__(self):
            super().__init__(object_hook=lambda found: datetime.date.fromisoformat(found["when"]))

    field = fields.JSONField(encoder=Encoder, decoder=Decoder)
    day = datetime.date(2024, 2, 29)
    assert field.to_python(day) is day
    raw = field.sql_type().bind_processor(SQLITE)(day)
    assert read(field, SQLITE, raw) == day
    assert read(field, POSTGRESQL, {"when": "2024-02-29"}) == day


def test_arrays_convert_their_elements():
    field = fields.ArrayField(fields.ArrayField(fields.EnumField(Colour)))
    stored = field.sql_type()
    assert stored.bind_processor(POSTGRESQL)([[Colour.RED], None]) == [["r"], None]
    assert read(field, POSTGRESQL, [["r", None], []]) == [[Colour.RED, None], []]
    assert stored.compile(POSTGRESQL) == "VARCHAR(1)[][]"
    with pytest.raises(NotImplementedError, match="ArrayField"):
        stored.compile(SQLITE)


def test_equal_types_have_equal_cache_keys():
    def key(field: Any) -> Any:
        return of_a_model(field).sql_type()._static_cache_key

    assert key(fields.DecimalField(decimal_places=3)) == key(fields.DecimalField(decimal_places=3))
    assert key(fields.DecimalField(decimal_places=3)) != key(fields.DecimalField(decimal_places=2))
    assert key(fields.EnumField(Colour)) != key(fields.EnumField(Size))


def test_a_users_column_type_may_be_text_or_a_sqlalchemy_type():
    import sqlalchemy as sa

    class Spelled(fields.Field):
        def db_type(self, connection=None):
            return "POINT"

    class Typed(fields.Field):
        def db_type(self, connection=None):
            return sa.LargeBinary(7)

    class Bound(fields.TextField):
        def get_db_prep_value(self, value, connection=None, prepared=False):
            return f"<{value}>"

    assert Spelled().sql_type().compile(SQLITE) == "POINT"
    assert isinstance(Typed().sql_type(), sa.LargeBinary)
    assert Bound().sql_type().bind_processor(SQLITE)("x") == "<x>"
    assert isinstance(Bound().sql_type(), StoredType)


def test_literals_of_stored_types_are_quoted():
    literal = fields.DateTimeField().sql_type().literal_processor(SQLITE)
    assert literal(datetime.datetime(2024, 1, 1)) == "'2024-01-01 00:00:00'"
    assert fields.BooleanField().sql_type().literal_processor(SQLITE)(True) == "1"
    assert fields.BooleanField().sql_type().literal_processor(POSTGRESQL)(True) == "true"
