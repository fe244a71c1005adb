"""With USE_TZ: Trunc and Extract in zones of their own, on days when clocks change, and inside other
expressions.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo

import pytest

import dorm
from behaviour.cases import refused_without_sql
from dorm import Case, Count, F, Max, Min, OuterRef, Subquery, Value, When
from dorm.functions import (
    Cast,
    Coalesce,
    Extract,
    ExtractDay,
    ExtractHour,
    ExtractMinute,
    ExtractWeek,
    ExtractYear,
    Greatest,
    Now,
    Trunc,
    TruncDate,
    TruncDay,
    TruncHour,
    TruncMinute,
    TruncMonth,
    TruncQuarter,
    TruncTime,
    TruncWeek,
    TruncYear,
)

UTC = dt.UTC
BERLIN, HAVANA, KATHMANDU, SAO_PAULO, TOKYO = (
    zoneinfo.ZoneInfo(name)
    for name in ("Europe/Berlin", "America/Havana", "Asia/Kathmandu", "America/Sao_Paulo", "Asia/Tokyo")
)
EAST = dt.timezone(dt.timedelta(hours=5, minutes=30))
WEST = dt.timezone(-dt.timedelta(hours=3, minutes=30), "west")


class Arrival(dorm.Model):
    at = dorm.DateTimeField(null=True)
    day = dorm.DateField(default=dt.date(2024, 1, 1))
    clock = dorm.TimeField(default=dt.time(12))
    name = dorm.CharField(max_length=10, default="x")
    took = dorm.DurationField(default=dt.timedelta(1))


pytestmark = pytest.mark.models([Arrival])


def arrive(*moments, zone="Asia/Tokyo"):
    """The table anew, with USE_TZ, and these moments as the keys 1, 2 …"""
    dorm.drop_tables(Arrival)
    dorm.configure(USE_TZ=True, TIME_ZONE=zone)
    dorm.create_tables(Arrival)
    Arrival.objects.bulk_create([Arrival(at=moment) for moment in moments])


@pytest.fixture
def arrivals(database):
    """In Tokyo: twice New Year's Day, the day after, and a time that is not known."""
    arrive(
        dt.datetime(2023, 12, 31, 16, 30, tzinfo=UTC),
        dt.datetime(2024, 1, 1, 14, 59, 59, 999999, tzinfo=UTC),
        dt.datetime(2024, 1, 1, 23, 10, tzinfo=UTC),
        None,
    )
    return database


async def column(mode, expression, **conditions):
    """The expression of every row, in the order of the keys."""
    rows = Arrival.objects.filter(**conditions).annotate(x=expression).order_by("pk")
    return await mode.fetch(rows.values_list("x", flat=True))


def clock(moment):
    """What a moment shows: its wall clock, its offset, and nothing that depends on comparing across zones."""
    return None if moment is None else moment.isoformat()


NEW_YEAR, NEXT_DAY = dt.datetime(2024, 1, 1, tzinfo=TOKYO), dt.datetime(2024, 1, 2, tzinfo=TOKYO)


async def test_every_kind_of_row_carries_the_moment_of_the_zone(arrivals, mode):
    days = Arrival.objects.annotate(d=TruncDay("at")).order_by("pk")
    expected = ["2024-01-01T00:00:00+09:00", "2024-01-01T00:00:00+09:00", "2024-01-02T00:00:00+09:00", None]
    assert [clock(row.d) for row in await mode.fetch(days)] == expected
    assert [clock(row["d"]) for row in await mode.fetch(days.values("d"))] == expected
    assert [clock(row[0]) for row in await mode.fetch(days.values_list("d"))] == expected
    assert [clock(row.d) for row in await mode.fetch(days.values_list("d", named=True))] == expected
    assert [clock(row) for row in await mode.fetch(days.values_list("d", flat=True))] == expected
    assert (await mode.fetch(days))[0].at == dt.datetime(2023, 12, 31, 16, 30, tzinfo=UTC)
    assert (await mode.fetch(days))[0].at.utcoffset() == dt.timedelta(0)
    assert [row["x"].date() for row in await mode.fetch(Arrival.objects.filter(pk=3).values(x=TruncDay("at")))] == [
        dt.date(2024, 1, 2)
    ]


async def test_a_cut_moment_finds_its_rows_again(arrivals, mode):
    days = Arrival.objects.annotate(d=TruncDay("at")).order_by("pk")

    async def keys(**conditions):
        return await mode.fetch(days.filter(**conditions).values_list("pk", flat=True))

    first = (await mode.call(days, "get", pk=1)).d
    assert await keys(d=first) == [1, 2]
    assert await keys(d=first.astimezone(HAVANA)) == [1, 2]
    assert await keys(d=dt.datetime(2023, 12, 31, 15, tzinfo=UTC)) == [1, 2]
    assert await keys(d=dt.datetime(2024, 1, 1)) == [1, 2]
    assert await keys(d__in=[NEXT_DAY]) == [3]
    assert await keys(d__gt=first) == [3]
    assert await keys(d__range=(first, NEXT_DAY)) == [1, 2, 3]
    assert await keys(d__isnull=True) == [4]
    assert await keys(at__gt=F("d")) == [1, 2, 3]
    assert await mode.fetch(days.exclude(d=first).values_list("pk", flat=True)) == [3, 4]


async def test_rows_are_grouped_and_ordered_by_the_day_of_the_zone(arrivals, mode):
    groups = Arrival.objects.exclude(at=None).values(d=TruncDay("at")).annotate(n=Count("pk")).order_by("-d")
    found = await mode.fetch(groups)
    assert [(clock(row["d"]), row["n"]) for row in found] == [
        ("2024-01-02T00:00:00+09:00", 1),
        ("2024-01-01T00:00:00+09:00", 2),
    ]
    assert [row["n"] for row in await mode.fetch(groups.filter(d=found[1]["d"]))] == [2]
    assert [row["n"] for row in await mode.fetch(groups.filter(n__gt=1))] == [2]
    assert await mode.call(groups, "count") == 2
    latest = (await mode.call(groups, "aggregate", m=Max("d")))["m"]
    assert clock(latest) == "2024-01-02T00:00:00+09:00"
    ordered = Arrival.objects.exclude(at=None).order_by(TruncDay("at").desc(), "pk").values_list("pk", flat=True)
    assert await mode.fetch(ordered) == [3, 1, 2]
    distinct = Arrival.objects.exclude(at=None).values_list(TruncMonth("at"), flat=True).distinct()
    assert [clock(row) for row in await mode.fetch(distinct)] == ["2024-01-01T00:00:00+09:00"]


async def test_inside_other_expressions_it_stays_the_same_moment(arrivals, mode):
    day = TruncDay("at")
    assert clock((await mode.call(Arrival.objects, "aggregate", m=Max(day)))["m"]) == "2024-01-02T00:00:00+09:00"
    assert clock((await mode.call(Arrival.objects, "aggregate", m=Min(day)))["m"]) == "2024-01-01T00:00:00+09:00"
    for expression in (
        Coalesce(day, Value(None)),
        Case(When(pk__gt=0, then=day)),
        Greatest(day, day),
        Subquery(Arrival.objects.filter(pk=OuterRef("pk")).values(y=day)[:1]),
        TruncDay(day),
    ):
        assert [clock(x) for x in await column(mode, expression, pk=1)] == ["2024-01-01T00:00:00+09:00"], expression
    later = await column(mode, day + dt.timedelta(hours=30), pk=1)
    assert later == [dt.datetime(2024, 1, 2, 6, tzinfo=TOKYO)]
    assert await column(mode, F("at") - day, pk=1) == [dt.timedelta(hours=1, minutes=30)]
    assert await column(mode, Cast(day, dorm.DateTimeField()), pk=1) == [NEW_YEAR]
    assert await column(mode, Cast(day, dorm.DateField()), pk=1) == [dt.date(2024, 1, 1)]
    assert await column(mode, Cast(day, dorm.TimeField()), pk=1) == [dt.time(0)]
    assert await column(mode, ExtractHour(TruncHour("at")), pk=1) == [1]
    either = Arrival.objects.filter(pk=1).values_list(day).union(Arrival.objects.filter(pk=3).values_list(day))
    assert sorted(clock(row[0]) for row in await mode.fetch(either)) == [
        "2024-01-01T00:00:00+09:00",
        "2024-01-02T00:00:00+09:00",
    ]


async def test_a_cut_moment_is_written_as_the_moment_it_is(arrivals, mode):
    await mode.call(Arrival.objects.filter(pk=1), "update", at=TruncDay("at"))
    assert (await mode.call(Arrival.objects, "get", pk=1)).at == NEW_YEAR


async def test_a_cast_gives_the_day_and_the_time_in_utc(arrivals, mode):
    assert await column(mode, Cast("at", dorm.DateField()), pk=1) == [dt.date(2023, 12, 31)]
    assert await column(mode, Cast("at", dorm.TimeField()), pk=2) == [dt.time(14, 59, 59, 999999)]
    assert await column(mode, Cast("at", dorm.DateTimeField()), pk=2) == [
        dt.datetime(2024, 1, 1, 14, 59, 59, 999999, tzinfo=UTC)
    ]


CUT_ELSEWHERE = [
    (UTC, "2024-01-01T14:00:00+00:00", "2024-01-01T00:00:00+00:00"),
    (dt.timezone(dt.timedelta(0), "zero"), "2024-01-01T14:00:00+00:00", "2024-01-01T00:00:00+00:00"),
    (BERLIN, "2024-01-01T15:00:00+01:00", "2024-01-01T00:00:00+01:00"),
    (KATHMANDU, "2024-01-01T20:00:00+05:45", "2024-01-01T00:00:00+05:45"),
    (EAST, "2024-01-01T20:00:00+05:30", "2024-01-01T00:00:00+05:30"),
    (WEST, "2024-01-01T11:00:00-03:30", "2024-01-01T00:00:00-03:30"),
    (TOKYO, "2024-01-01T23:00:00+09:00", "2024-01-01T00:00:00+09:00"),
]


async def test_a_zone_of_its_own_may_be_given(arrivals, mode):
    for zone, hour, day in CUT_ELSEWHERE:
        cut = [TruncHour("at", tzinfo=zone), Trunc("at", "day", tzinfo=zone)]
        assert [clock((await column(mode, e, pk=2))[0]) for e in cut] == [hour, day], zone
    parts = [(ExtractDay, 31), (ExtractHour, 22), (ExtractMinute, 0), (ExtractWeek, 52), (ExtractYear, 2023)]
    for part, expected in parts:
        assert await column(mode, part("at", tzinfo=EAST), pk=1) == [expected], part
    assert await column(mode, Extract("at", "hour", tzinfo=WEST), pk=1) == [13]
    assert await column(mode, TruncDate("at", tzinfo=WEST), pk=3) == [dt.date(2024, 1, 1)]
    assert await column(mode, TruncTime("at", tzinfo=EAST), pk=3) == [dt.time(4, 40)]


async def test_dates_and_times_are_those_of_the_zone(arrivals, mode):
    assert await column(mode, TruncDate("at")) == [dt.date(2024, 1, 1)] * 2 + [dt.date(2024, 1, 2), None]
    assert await column(mode, TruncTime("at"), pk=1) == [dt.time(1, 30)]
    assert await column(mode, TruncDay("at", dorm.DateField()), pk=3) == [dt.date(2024, 1, 2)]
    assert await column(mode, TruncWeek("at", output_field=dorm.DateField()), pk=1) == [dt.date(2024, 1, 1)]
    assert await column(mode, TruncHour("at", output_field=dorm.TimeField()), pk=1) == [dt.time(1)]
    assert await column(mode, TruncDate("at", output_field=dorm.DateTimeField()), pk=1) == [NEW_YEAR]


async def test_the_zone_follows_the_settings(arrivals, mode):
    first = Arrival.objects.annotate(d=TruncDay("at")).filter(pk=1)
    assert clock((await mode.fetch(first))[0].d) == "2024-01-01T00:00:00+09:00"
    dorm.configure(TIME_ZONE="America/Havana")
    assert clock((await mode.fetch(first.all()))[0].d) == "2023-12-31T00:00:00-05:00"
    dorm.configure(TIME_ZONE="UTC")
    assert clock((await mode.fetch(first.all()))[0].d) == "2023-12-31T00:00:00+00:00"


async def test_without_use_tz_moments_stay_as_they_are(database, mode):
    dorm.configure(USE_TZ=False, TIME_ZONE="Asia/Tokyo")
    await mode.call(Arrival.objects, "create", at=dt.datetime(2024, 1, 1, 15, 30))
    for expression in (TruncDay("at"), TruncDay("at", tzinfo=TOKYO)):
        assert await column(mode, expression) == [dt.datetime(2024, 1, 1)]
    assert await column(mode, ExtractHour("at", tzinfo=TOKYO)) == [15]


async def test_the_end_of_the_year_is_that_of_the_zone(database, mode):
    arrive(dt.datetime(2020, 12, 31, 15, 30, tzinfo=UTC))  # half past midnight of Friday, 1 January 2021, in Tokyo
    found = {cut: clock((await column(mode, cut("at")))[0]) for cut in (TruncYear, TruncQuarter, TruncMonth, TruncWeek)}
    assert found == {
        TruncYear: "2021-01-01T00:00:00+09:00",
        TruncQuarter: "2021-01-01T00:00:00+09:00",
        TruncMonth: "2021-01-01T00:00:00+09:00",
        TruncWeek: "2020-12-28T00:00:00+09:00",
    }
    parts = Arrival.objects.values_list("at__year", "at__iso_year", "at__week", "at__week_day", "at__quarter")
    assert await mode.fetch(parts) == [(2021, 2020, 53, 6, 1)]


async def test_an_hour_that_comes_twice_stays_two_hours(database, mode):
    arrive(
        dt.datetime(2024, 10, 27, 0, 30, tzinfo=UTC),
        dt.datetime(2024, 10, 27, 1, 30, tzinfo=UTC),
        dt.datetime(2024, 10, 27, 2, 30, tzinfo=UTC),
        zone="Europe/Berlin",
    )
    hours = ["2024-10-27T02:00:00+02:00", "2024-10-27T02:00:00+01:00", "2024-10-27T03:00:00+01:00"]
    assert [clock(x) for x in await column(mode, TruncHour("at"))] == hours
    assert clock((await column(mode, TruncMinute("at"), pk=2))[0]) == "2024-10-27T02:30:00+01:00"
    groups = Arrival.objects.values(h=TruncHour("at")).annotate(n=Count("pk")).order_by("h")
    assert [row["n"] for row in await mode.fetch(groups)] == [1, 1, 1]
    assert [clock(x) for x in await column(mode, TruncDay("at"))] == ["2024-10-27T00:00:00+02:00"] * 3


async def test_a_midnight_that_comes_twice_is_the_first(database, mode):
    arrive(dt.datetime(2024, 11, 3, 4, 30, tzinfo=UTC), dt.datetime(2024, 11, 3, 5, 30, tzinfo=UTC))
    days = await column(mode, TruncDay("at", tzinfo=HAVANA))
    assert [clock(x) for x in days] == ["2024-11-03T00:00:00-04:00"] * 2


async def test_a_midnight_that_clocks_skip_is_still_the_start_of_its_day(database, mode):
    arrive(dt.datetime(2018, 11, 4, 15, tzinfo=UTC), zone="America/Sao_Paulo")
    (day,) = await column(mode, TruncDay("at"))
    assert day == dt.datetime(2018, 11, 4, tzinfo=SAO_PAULO)
    assert clock(day) == "2018-11-04T00:00:00-03:00"
    found = Arrival.objects.annotate(d=TruncDay("at")).filter(d=day)
    assert await mode.call(found, "count") == 1
    assert clock((await column(mode, TruncHour("at") - dt.timedelta(hours=12)))[0]) == "2018-11-04T01:00:00-02:00"


async def test_now_is_cut_in_the_zone(arrivals, mode):
    (today,) = await column(mode, TruncDay(Now()), pk=1)
    assert today.utcoffset() == dt.timedelta(hours=9)
    assert (today.hour, today.minute) == (0, 0)
    assert dt.timedelta(0) <= dt.datetime.now(UTC) - today < dt.timedelta(hours=25)


async def test_dates_and_times_are_cut_as_they_are(arrivals, mode):
    assert await column(mode, TruncMonth("day"), pk=1) == [dt.date(2024, 1, 1)]
    assert await column(mode, TruncHour("clock"), pk=1) == [dt.time(12)]
    assert await column(mode, TruncDate("day"), pk=1) == [dt.date(2024, 1, 1)]


def test_a_unit_or_part_that_does_not_exist_is_refused():
    for make in (lambda: Trunc("at", "fortnight"), lambda: Extract("at", "fortnight"), lambda: Extract("at")):
        with pytest.raises(ValueError, match="year, "):
            make()


def test_what_cannot_be_cut_or_taken_apart_is_refused(arrivals, queries):
    def run(expression):
        return lambda: list(Arrival.objects.annotate(x=expression))

    naive = [
        run(TruncDay("day", output_field=dorm.DateTimeField())),
        run(TruncHour("day")),
        run(TruncTime("day")),
        run(TruncDay("clock")),
        run(TruncDate("clock")),
        run(TruncHour("clock", output_field=dorm.DateTimeField())),
    ]
    refused_without_sql(queries, ValueError, naive, "Cannot truncate")
    refused_without_sql(queries, TypeError, [run(TruncDay("name"))], "'name' isn't a DateField")
    refused_without_sql(
        queries, ValueError, [run(TruncDay("at", output_field=dorm.IntegerField()))], "output_field must be"
    )
    refused_without_sql(queries, ValueError, [run(ExtractHour("day"))], "Cannot extract time component 'hour'")
    refused_without_sql(
        queries, ValueError, [run(ExtractYear("took")), run(ExtractYear("clock"))], "Cannot extract component 'year'"
    )
    zones = [run(TruncDay("day", tzinfo=TOKYO)), run(ExtractYear("day", tzinfo=TOKYO))]
    refused_without_sql(queries, ValueError, zones, "tzinfo can only be used with DateTimeField")
    refused_without_sql(queries, TypeError, [run(TruncDay("at", tzinfo="Asia/Tokyo"))], "tzinfo takes a zone")
