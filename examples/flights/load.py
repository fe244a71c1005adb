"""From the CSV files into the tables: everything or nothing, in one transaction, under a progress bar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from functools import cache
from itertools import islice
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import dorm
from dorm import transaction
from examples.flights.data import integer, number, rows, words
from examples.flights.models import MODELS, Airport, Carrier, Flight, Plane, Weather

# Large enough that the fixed costs of a statement vanish, small enough that the bar moves and memory stays flat.
CHUNK = 10_000
# What the files are known to hold.
SIZES: dict[type[dorm.Model], int] = {Carrier: 16, Plane: 3_322, Airport: 1_458, Weather: 26_115, Flight: 336_776}


def load(console: Console, *, flights: int | None = None, reload: bool = False) -> bool:
    """Make the tables and fill them; ``flights`` takes only the first so many. False when that many were there already."""
    wanted = SIZES[Flight] if flights is None else min(flights, SIZES[Flight])
    dorm.create_tables(*MODELS)
    if not reload and Flight.objects.count() >= wanted:
        return False
    # what is there is old, or a part
    dorm.drop_tables(*MODELS)
    dorm.create_tables(*MODELS)
    columns = TextColumn("{task.description:>9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress, transaction.atomic():

        def fill(model: type[dorm.Model], instances: Iterable[dorm.Model], total: int) -> None:
            bar = progress.add_task(f"{model.__name__.lower()}s", total=total)
            for chunk in chunks(instances):
                model.objects.bulk_create(chunk, batch_size=CHUNK)
                progress.advance(bar, len(chunk))

        fill(Carrier, carriers(), SIZES[Carrier])
        fill(Plane, planes(), SIZES[Plane])
        fill(Airport, airports(), SIZES[Airport])
        fill(Weather, weather(), SIZES[Weather])
        fill(Flight, islice(departures(), wanted), wanted)
    return True


def chunks(instances: Iterable[Any]) -> Iterator[list[Any]]:
    """The same instances, ten thousand at a time."""
    source = iter(instances)
    while chunk := list(islice(source, CHUNK)):
        yield chunk


def carriers() -> Iterator[Carrier]:
    for code, name in rows("airlines"):
        yield Carrier(code=code, name=name)


def planes() -> Iterator[Plane]:
    for tail, year, kind, manufacturer, model, engines, seats, speed, engine in rows("planes"):
        yield Plane(
            tail_number=tail,
            year=integer(year),
            kind=kind,
            manufacturer=manufacturer,
            model=model,
            engines=int(engines),
            seats=int(seats),
            speed=integer(speed),
            engine=engine,
        )


def airports() -> Iterator[Airport]:
    for code, name, latitude, longitude, altitude, offset, saving, zone in rows("airports"):
        yield Airport(
            code=code,
            name=name,
            latitude=float(latitude),
            longitude=float(longitude),
            altitude=int(altitude),
            utc_offset=int(offset),
            daylight_saving=saving,
            time_zone=words(zone),
        )


def weather() -> Iterator[Weather]:
    for line in rows("weather"):
        airport, _, _, _, _, temperature, dew, humidity, direction, speed, gust, rain, pressure, visibility, hour = line
        yield Weather(
            airport_id=airport,
            hour=utc(hour),
            temperature=number(temperature),
            dew_point=number(dew),
            humidity=number(humidity),
            wind_direction=integer(direction),
            wind_speed=number(speed),
            wind_gust=number(gust),
            rain=float(rain),
            pressure=number(pressure),
            visibility=float(visibility),
        )


def departures() -> Iterator[Flight]:
    """The flights, tied to the planes, airports and weather hours that are in the tables already."""
    known_planes = set(Plane.objects.values_list("pk", flat=True))
    known_airports = set(Airport.objects.values_list("pk", flat=True))
    # Both sides write an hour in the same way, so the text of the file is as good a key as the moment it means.
    known_hours = {
        (airport, f"{hour:%Y-%m-%dT%H:%M:%SZ}"): pk
        for airport, hour, pk in Weather.objects.values_list("airport_id", "hour", "pk")
    }
    for line in rows("flights"):
        year, month, day, departed, planned_departure, departure_delay, arrived, planned_arrival, arrival_delay = line[
            :9
        ]
        carrier, flight, tail, origin, destination, air_time, distance, _, _, hour = line[9:]
        yield Flight(
            carrier_id=carrier,
            number=int(flight),
            plane_id=tail if tail in known_planes else None,
            tail_number=words(tail),
            origin_id=origin,
            destination_id=destination if destination in known_airports else None,
            destination_code=destination,
            weather_id=known_hours.get((origin, hour)),
            day=date(int(year), int(month), int(day)),
            hour=utc(hour),
            scheduled_departure=minutes(planned_departure),
            departure=minutes(departed),
            scheduled_arrival=minutes(planned_arrival),
            arrival=minutes(arrived),
            departure_delay=integer(departure_delay),
            arrival_delay=integer(arrival_delay),
            air_time=integer(air_time),
            distance=int(distance),
        )


@cache  # the year has 8,760 hours, the flights have 336,776
def utc(text: str) -> datetime:
    """``2013-01-01T10:00:00Z`` as the naive UTC time it means."""
    return datetime.fromisoformat(text[:-1])


def minutes(text: str) -> int | None:
    """``517`` is seventeen past five: 317 minutes after midnight."""
    clock = integer(text)
    return None if clock is None else clock // 100 * 60 + clock % 100
