"""The flights example: what is loaded is what the files say, and the answers are those that plain Python computes.

A slice of the flights that spreads over the year keeps this fast; the program itself loads all of them.
"""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from datetime import datetime
from statistics import fmean

import pytest
from rich.console import Console

import dorm
from examples.flights import command, data, questions
from examples.flights.load import SIZES, load, utc
from examples.flights.models import MODELS, Airport, Carrier, Flight, Plane, Weather
from support.source import ROOT

pytestmark = pytest.mark.timeout(240)

STEP = 40  # every fortieth flight: 8,420 of them, from all months


@pytest.fixture(scope="module")
def records():
    """The same flights, as the file tells them."""
    try:
        return [one for number, one in enumerate(data.records("flights")) if number % STEP == 0]
    except FileNotFoundError as problem:
        pytest.skip(str(problem))


@pytest.fixture
def flights(database, records, monkeypatch):
    """The tables, filled with every airport, plane and hour and a fortieth of the flights."""
    every = data.rows

    def some(name):
        return (line for number, line in enumerate(every(name)) if name != "flights" or number % STEP == 0)

    monkeypatch.setattr("examples.flights.load.rows", some)
    monkeypatch.setitem(SIZES, Flight, len(records))
    assert load(Console(quiet=True)) is True
    yield database
    dorm.drop_tables(*MODELS)


def number(text):
    return None if text == "NA" else float(text)


def mean(values):
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def same(left, right):
    return left == right or (left is not None and right is not None and math.isclose(left, right, rel_tol=1e-9))


def by(records, key):
    groups = defaultdict(list)
    for record in records:
        groups[key(record)].append(record)
    return groups


def test_the_flights(flights, records, monkeypatch):
    """One load, many looks: loading is the slow part."""
    the_tables_hold_what_the_files_hold(records)
    a_key_is_null_where_its_partner_is_missing(records)
    a_second_load_does_nothing(flights)
    busiest_routes(records)
    delay_by_carrier(records)
    delay_by_age(records)
    worst_days(records)
    when_to_leave(records)
    worst_weather_hours(records)
    late_aircraft(records)
    made_up_in_the_air(records)
    shared_destinations(records)
    never_reached(records)
    every_question_has_an_answer()


def the_tables_hold_what_the_files_hold(records):
    assert [model.objects.count() for model in MODELS] == [16, 3_322, 1_458, 26_115, len(records)]
    first, stored = records[0], Flight.objects.order_by("pk").first()
    assert stored.number == int(first["flight"])
    assert (stored.carrier_id, stored.origin_id, stored.destination_id) == ("UA", "EWR", first["dest"])
    assert (stored.scheduled_departure, stored.departure) == (315, 317)
    assert stored.hour == datetime(2013, 1, 1, 10)
    assert stored.weather.airport_id == "EWR"
    assert stored.weather.hour == stored.hour
    assert stored.carrier.name == "United Air Lines Inc."


def a_key_is_null_where_its_partner_is_missing(records):
    planes = {one["tailnum"] for one in data.records("planes")}
    airports = {one["faa"] for one in data.records("airports")}
    hours = {(one["origin"], one["time_hour"]) for one in data.records("weather")}
    answer = questions.without_a_partner().rows[0]
    assert answer == (
        len(records),
        sum(one["tailnum"] not in planes for one in records),
        sum(one["dest"] not in airports for one in records),
        sum((one["origin"], one["time_hour"]) not in hours for one in records),
    )


def a_second_load_does_nothing(database):
    before = database.count(Flight._meta.db_table)
    assert load(Console(quiet=True)) is False
    assert database.count(Flight._meta.db_table) == before


def busiest_routes(records):
    wanted = Counter((one["origin"], one["dest"]) for one in records)
    rows = questions.busiest_routes().rows
    assert [count for _, _, count, _ in rows] == [count for _, count in wanted.most_common(10)]
    for origin, destination, count, miles in rows:
        assert count == wanted[origin, destination]
        assert miles == max(
            int(one["distance"]) for one in records if (one["origin"], one["dest"]) == (origin, destination)
        )


def delay_by_carrier(records):
    groups = by(records, lambda one: one["carrier"])
    names = {one["carrier"]: one["name"] for one in data.records("airlines")}
    rows = {name: rest for name, *rest in questions.delay_by_carrier().rows}
    assert set(rows) == set(names.values())
    for code, name in names.items():
        total, late, cancelled = rows[name]
        group = groups.get(code, [])
        assert total == len(group)
        assert cancelled == sum(one["dep_delay"] == "NA" for one in group)
        assert same(late, mean(number(one["arr_delay"]) for one in group))


def delay_by_age(records):
    years = {one["tailnum"]: int(one["year"]) for one in data.records("planes") if one["year"] != "NA"}

    def band(record):
        year = years.get(record["tailnum"])
        limits = ((2009, "under 5 years"), (2004, "5 to 9 years"), (1999, "10 to 14 years"), (1989, "15 to 24 years"))
        return year and next((name for least, name in limits if year >= least), "25 years and more")

    groups = by(records, band)
    groups.pop(None)
    rows = questions.delay_by_age_of_the_plane().rows
    assert len(rows) == len(groups)
    for name, count, late in rows:
        assert count == len(groups[name])
        assert same(late, mean(number(one["dep_delay"]) for one in groups[name]))


def worst_days(records):
    """Asked of the full year the limit is a hundred cancellations; of a fortieth nothing reaches it."""
    groups = by(records, lambda one: (int(one["month"]), int(one["day"])))
    cancelled = {day: sum(one["dep_delay"] == "NA" for one in group) for day, group in groups.items()}
    assert questions.worst_days().rows == [] or max(cancelled.values()) >= 100
    rows = questions.worst_days(at_least=5).rows
    assert [count for _, _, count, _ in rows] == sorted((n for n in cancelled.values() if n >= 5), reverse=True)[:10]
    for day, total, count, late in rows:
        assert (total, count) == (len(groups[day.month, day.day]), cancelled[day.month, day.day])
        assert same(late, mean(number(one["dep_delay"]) for one in groups[day.month, day.day]))


def when_to_leave(records):
    def part(record):
        planned = int(record["sched_dep_time"]) // 100
        limits = ((9, "before 9"), (12, "9 to 12"), (15, "12 to 15"), (18, "15 to 18"))
        return next((name for below, name in limits if planned < below), "after 18")

    groups = by(records, part)
    rows = questions.when_to_leave().rows
    assert [name for name, _, _ in rows] == ["before 9", "9 to 12", "12 to 15", "15 to 18", "after 18"]
    for name, count, late in rows:
        assert count == len(groups[name])
        assert same(late, mean(number(one["dep_delay"]) for one in groups[name]))


def worst_weather_hours(records):
    known = {(one["origin"], one["time_hour"]): one for one in data.records("weather")}
    groups = by(
        (one for one in records if (one["origin"], one["time_hour"]) in known),
        lambda one: (one["origin"], one["time_hour"]),
    )
    delays = {key: mean(number(one["dep_delay"]) for one in group) for key, group in groups.items() if len(group) >= 2}
    wanted = sorted((late for late in delays.values() if late is not None), reverse=True)[:10]
    rows = questions.worst_weather_hours(at_least=2).rows
    assert all(same(row[4], late) for row, late in zip(rows, wanted, strict=True))
    by_hour = {(origin, utc(hour)): weather for (origin, hour), weather in known.items()}
    for airport, hour, *_, wind, rain, visibility in rows:
        weather = by_hour[airport, hour]
        assert same(wind, number(weather["wind_speed"]))
        assert (rain, visibility) == (float(weather["precip"]), float(weather["visib"]))


def late_aircraft(records):
    """The flight before is the one that was planned before it on the same day, the later loaded of two."""
    before = {}
    bands = defaultdict(list)
    days = by(
        (one for one in records if one["tailnum"] != "NA"), lambda one: (one["tailnum"], one["month"], one["day"])
    )
    for group in days.values():
        group.sort(key=lambda one: int(one["sched_dep_time"]))  # stable: keeps the order of the file
        for one in group:
            earlier = [other for other in group if int(other["sched_dep_time"]) < int(one["sched_dep_time"])]
            before[id(one)] = number(earlier[-1]["arr_delay"]) if earlier else None
            delay, previous = number(one["dep_delay"]), before[id(one)]
            if delay is not None and previous is not None:
                bands["in time" if previous <= 0 else "slight" if previous < 60 else "heavy"].append(delay)
    rows = questions.late_aircraft().rows
    for (_, count, late), name in zip(rows, ("in time", "slight", "heavy"), strict=True):
        assert count == len(bands[name])
        assert same(late, mean(bands[name]))


def made_up_in_the_air(records):
    gains = [
        (int(one["dep_delay"]), -int(one["arr_delay"]))
        for one in records
        if one["arr_delay"] != "NA" and int(one["dep_delay"]) >= 60 and int(one["arr_delay"]) <= 0
    ]
    shown = [tuple(row[-2:]) for row in questions.made_up_in_the_air().rows]
    assert sorted(map(sum, shown), reverse=True) == sorted(map(sum, gains), reverse=True)[:10]
    assert set(shown) <= set(gains)


def shared_destinations(records):
    reached = {origin: {one["dest"] for one in records if one["origin"] == origin} for origin in questions.NEW_YORK}
    rows = questions.shared_destinations().rows
    for origin, (_, count, codes) in zip(questions.NEW_YORK, rows, strict=False):
        only = sorted(reached[origin] - set().union(*(reached[other] for other in reached if other != origin)))
        assert (count, codes) == (len(only), " ".join(only))
    assert rows[-1][1] == len(set.intersection(*reached.values()))


def never_reached(records):
    served = {one["dest"] for one in records}
    groups = by(data.records("airports"), lambda one: None if one["tzone"] == "NA" else one["tzone"])
    rows = questions.never_reached().rows
    assert {zone for zone, *_ in rows} == set(groups)
    for zone, airports, reached, highest in rows:
        assert airports == len(groups[zone])
        assert reached == sum(one["faa"] in served for one in groups[zone])
        assert highest == max(int(one["alt"]) for one in groups[zone])


def every_question_has_an_answer():
    assert len(questions.QUESTIONS) >= 12
    for ask in questions.QUESTIONS:
        answer = ask()
        assert all(len(row) == len(answer.columns) for row in answer.rows)
        command.table(answer)


def test_the_program_runs_on_its_default_database(tmp_path, monkeypatch, capsys, records):
    monkeypatch.chdir(tmp_path)
    assert command.main(["--flights", "2000"]) == 0
    shown = capsys.readouterr().out
    assert "Loaded 2,000 flights" in shown
    assert "Which routes were flown most?" in shown
    assert (tmp_path / "flights.sqlite3").exists()


def test_what_is_there_is_used_and_told_and_a_part_is_completed(tmp_path, monkeypatch, capsys, records):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "QUESTIONS", ())
    monkeypatch.setitem(SIZES, Flight, 300)
    for arguments, told in (
        (["--flights", "100"], "Loaded 100 flights"),
        (["--flights", "100"], "Using the 100 flights that are in the database; --reload"),
        (["--flights", "50"], "Using the 100 flights"),
        ([], "Loaded 300 flights"),
        ([], "Using the 300 flights"),
        (["--reload"], "Loaded 300 flights"),
    ):
        assert command.main(arguments) == 0
        assert told in capsys.readouterr().out


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("nonsense", "database URLs begin with"),
        ("mysql://me@here/flights", "database URLs begin with"),
        (
            "sqlite:////no/such/folder/flights.sqlite3",
            "unable to open database file '/no/such/folder/flights.sqlite3': its folder",
        ),
        ("postgresql://me:geheim@127.0.0.1:1/flights", "Connection refused"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_line(address, told, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "examples.flights", "--database", address],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert told in line
    assert "geheim" not in line


def test_ctrl_c_ends_the_program_without_a_traceback(tmp_path):
    place = tmp_path / "flights.sqlite3"
    program = subprocess.Popen(
        [sys.executable, "-m", "examples.flights", "--database", f"sqlite:///{place}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    until = time.monotonic() + 60
    while not place.exists() and time.monotonic() < until:
        time.sleep(0.05)
    program.send_signal(signal.SIGINT)
    shown, _ = program.communicate(timeout=60)
    assert program.returncode == 130
    assert "Traceback" not in shown
    assert shown.rstrip().endswith("Stopped. A load that was not done has left nothing behind.")


def test_a_load_that_fails_leaves_nothing(database, records, monkeypatch):
    every = data.rows

    def broken(name):
        yield from (line for number, line in enumerate(every(name)) if name != "flights" or number < 50)
        if name == "flights":
            raise OSError("the file ends here")

    monkeypatch.setattr("examples.flights.load.rows", broken)
    with pytest.raises(OSError, match="ends here"):
        load(Console(quiet=True))
    assert [model.objects.count() for model in (Carrier, Plane, Airport, Weather, Flight)] == [0, 0, 0, 0, 0]
