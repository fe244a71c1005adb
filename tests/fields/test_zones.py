"""USE_TZ and TIME_ZONE decide what a stored moment means."""

from __future__ import annotations

import datetime
import zoneinfo

import pytest
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

import dorm
from dorm import fields
from dorm.fields import zones

SQLITE = SQLiteDialect_pysqlite(paramstyle="qmark")
POSTGRESQL = PGDialect_psycopg()
UTC = datetime.UTC
OSLO = zoneinfo.ZoneInfo("Europe/Oslo")


@pytest.fixture
def zoned():
    dorm.configure(USE_TZ=True, TIME_ZONE="Europe/Oslo")
    yield
    dorm.configure(USE_TZ=False, TIME_ZONE="UTC")


def test_naive_input_is_taken_in_the_time_zone(zoned):
    stored = fields.DateTimeField().sql_type()
    noon = datetime.datetime(2024, 7, 1, 12)
    assert stored.bind_processor(SQLITE)(noon) == "2024-07-01 10:00:00"
    assert stored.bind_processor(POSTGRESQL)(noon) == datetime.datetime(2024, 7, 1, 10, tzinfo=UTC)


def test_reads_are_aware_in_utc(zoned):
    stored = fields.DateTimeField().sql_type()
    ten = datetime.datetime(2024, 7, 1, 10, tzinfo=UTC)
    readings = [
        stored.result_processor(SQLITE, None)("2024-07-01 10:00:00"),
        stored.result_processor(SQLITE, None)("2024-07-01T12:00:00+02:00"),
        stored.result_processor(POSTGRESQL, None)(datetime.datetime(2024, 7, 1, 12, tzinfo=OSLO)),
        stored.result_processor(POSTGRESQL, None)(ten),
    ]
    assert readings == [ten] * 4
    assert {reading.tzinfo for reading in readings} == {UTC}


def test_the_column_type_follows_the_setting_without_new_fields():
    field = fields.DateTimeField()
    assert field.plain_type().compile(POSTGRESQL) == "TIMESTAMP WITHOUT TIME ZONE"
    before = field.sql_type()
    dorm.configure(USE_TZ=True)
    try:
        assert field.plain_type().compile(POSTGRESQL) == "TIMESTAMP WITH TIME ZONE"
        assert field.sql_type() is not before
    finally:
        dorm.configure(USE_TZ=False)
    assert field.sql_type() is before


def test_the_clock_gives_what_the_setting_says(zoned):
    assert zones.current_moment().tzinfo is UTC
    dorm.configure(USE_TZ=False)
    assert zones.current_moment().tzinfo is None


def test_an_aware_moment_gives_the_date_of_the_time_zone(zoned):
    late = datetime.datetime(2024, 7, 1, 23, 30, tzinfo=UTC)
    assert fields.DateField().to_python(late) == datetime.date(2024, 7, 2)
    dorm.configure(USE_TZ=False)
    assert fields.DateField().to_python(late) == datetime.date(2024, 7, 1)


def test_an_unknown_time_zone_is_named():
    with pytest.raises(dorm.ImproperlyConfigured, match="Mars/Olympus"):
        zones._zone("Mars/Olympus")
