"""With USE_TZ, moments are stored in UTC, and taken apart, cut and compared in TIME_ZONE."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import pytest

import dorm
from dorm import Max
from dorm.functions import Now, TruncDay, TruncMonth

UTC = dt.UTC
TOKYO = zoneinfo.ZoneInfo("Asia/Tokyo")


class Departure(dorm.Model):
    at = dorm.DateTimeField(null=True)
    touched = dorm.DateTimeField(auto_now=True)


pytestmark = pytest.mark.models([Departure])


@pytest.fixture
def tokyo(database):
    """The database, its clock in Tokyo, nine hours before UTC and without summer time."""
    dorm.drop_tables(Departure)
    dorm.configure(USE_TZ=True, TIME_ZONE="Asia/Tokyo")
    dorm.create_tables(Departure)
    Departure.objects.bulk_create(
        [
            Departure(at=dt.datetime(2023, 12, 31, 16, 30, tzinfo=UTC)),  # 01:30 on New Year's Day in Tokyo
            Departure(at=dt.datetime(2024, 1, 1, 14, 59, 59, 999999, tzinfo=UTC)),  # the last microsecond of that day
            Departure(at=dt.datetime(2024, 1, 2, 8, 0)),  # naive: Tokyo's own time
            Departure(at=dt.datetime(2024, 1, 1, 0, 0, tzinfo=zoneinfo.ZoneInfo("America/New_York"))),
        ]
    )
    return database


def keys(queryset):
    return queryset.order_by("pk").values_list("pk", flat=True)


async def test_what_is_read_is_aware_and_in_utc(tokyo, mode):
    moments = await mode.fetch(Departure.objects.order_by("pk").values_list("at", flat=True))
    assert [moment.isoformat() for moment in moments] == [
        "2023-12-31T16:30:00+00:00",
        "2024-01-01T14:59:59.999999+00:00",
        "2024-01-01T23:00:00+00:00",
        "2024-01-01T05:00:00+00:00",
    ]
    last = (await mode.call(Departure.objects, "aggregate", m=Max("at")))["m"]
    assert last == dt.datetime(2024, 1, 1, 23, tzinfo=UTC)
    assert last.tzinfo is not None


async def test_parts_are_those_of_the_zone(tokyo, mode):
    assert await mode.fetch(keys(Departure.objects.filter(at__year=2024))) == [1, 2, 3, 4]
    assert await mode.fetch(keys(Departure.objects.filter(at__year__lt=2024))) == []
    assert await mode.fetch(keys(Departure.objects.filter(at__date=dt.date(2024, 1, 1)))) == [1, 2, 4]
    assert await mode.fetch(keys(Departure.objects.filter(at__hour__gte=8))) == [2, 3, 4]
    parts = Departure.objects.order_by("pk").values_list("at__day", "at__hour", "at__time")
    assert (await mode.fetch(parts))[:2] == [(1, 1, dt.time(1, 30)), (1, 23, dt.time(23, 59, 59, 999999))]


async def test_naive_values_are_those_of_the_zone(tokyo, mode):
    assert await mode.fetch(keys(Departure.objects.filter(at=dt.datetime(2024, 1, 2, 8)))) == [3]
    assert await mode.fetch(keys(Departure.objects.filter(at__lt=dt.datetime(2024, 1, 1, 2)))) == [1]


async def test_aware_values_of_any_zone_are_compared_as_moments(tokyo, mode):
    same = dt.datetime(2024, 1, 1, 1, 30, tzinfo=TOKYO)
    assert await mode.fetch(keys(Departure.objects.filter(at=same))) == [1]
    span = (dt.datetime(2023, 12, 31, 17, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")), same)
    assert await mode.fetch(keys(Departure.objects.filter(at__range=span))) == [1]


async def test_moments_are_cut_where_the_day_of_the_zone_begins(tokyo, mode):
    days = await mode.fetch(Departure.objects.annotate(d=TruncDay("at")).order_by("pk").values_list("d", flat=True))
    assert days[:3] == [
        dt.datetime(2024, 1, 1, tzinfo=TOKYO),
        dt.datetime(2024, 1, 1, tzinfo=TOKYO),
        dt.datetime(2024, 1, 2, tzinfo=TOKYO),
    ]
    months = Departure.objects.annotate(m=TruncMonth("at")).values_list("m").annotate(n=dorm.Count("pk"))
    assert await mode.fetch(months) == [(dt.datetime(2024, 1, 1, tzinfo=TOKYO), 4)]


async def test_a_cut_moment_names_the_day_of_the_zone(tokyo, mode):
    """Django: the result of Trunc is in the zone it was cut in, so that its date() is the day that was meant."""
    first = await mode.call(Departure.objects.annotate(d=TruncDay("at")), "get", pk=1)
    assert first.d.date() == dt.date(2024, 1, 1)
    assert first.d.utcoffset() == dt.timedelta(hours=9)


async def test_now_is_the_moment_it_is(tokyo, mode):
    row = await mode.call(Departure.objects.annotate(now=Now()), "get", pk=1)
    assert abs((row.now - dt.datetime.now(UTC)).total_seconds()) < 60
    assert abs((row.touched - dt.datetime.now(UTC)).total_seconds()) < 60
    await mode.call(Departure.objects.filter(pk=1), "update", at=Now())
    again = await mode.call(Departure.objects, "get", pk=1)
    assert abs((again.at - dt.datetime.now(UTC)).total_seconds()) < 60
