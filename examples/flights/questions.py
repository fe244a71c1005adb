"""Fourteen questions that a person would ask, each answered by querysets.

`QUESTIONS` lists the functions in the order they are shown. Each returns an `Answer`: the heading of a table and its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from dorm import Avg, Case, Count, Exists, F, Max, OuterRef, Prefetch, Q, Subquery, Sum, Value, When
from examples.flights.models import Airport, Carrier, Flight, Plane, Weather

NEW_YORK = ("EWR", "JFK", "LGA")
HOUR = 60
HURRICANE_TO_CALM = ((35, "35 mph and more"), (25, "25 to 35 mph"), (15, "15 to 25 mph"), (0, "below 15 mph"))


@dataclass(frozen=True)
class Answer:
    """A table: what its columns are called, and its rows."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


QUESTIONS: list[Callable[[], Answer]] = []
Asked = TypeVar("Asked", bound=Callable[[], Answer])


def question(function: Asked) -> Asked:
    """Put a function on the list; its docstring is the question as the reader sees it."""
    QUESTIONS.append(function)
    return function


@question
def busiest_routes() -> Answer:
    """Which routes were flown most?"""
    routes = (
        Flight.objects.values_list("origin_id", "destination_code")
        .annotate(flights=Count("pk"), miles=Max("distance"))
        .order_by("-flights")[:10]
    )
    return Answer(("from", "to", "flights", "miles"), list(routes))


@question
def delay_by_carrier() -> Answer:
    """Which carriers arrive late, and which do not leave at all?"""
    carriers = Carrier.objects.annotate(
        total=Count("flights"),
        late=Avg("flights__arrival_delay"),
        cancelled=Count("flights", filter=Q(flights__departure_delay__isnull=True)),
    ).order_by("-late")
    return Answer(
        ("carrier", "flights", "minutes late", "cancelled"),
        list(carriers.values_list("name", "total", "late", "cancelled")),
    )


@question
def delay_by_age_of_the_plane() -> Answer:
    """Are old planes late planes?"""
    bands = Case(
        When(plane__year__gte=2009, then=Value("under 5 years")),
        When(plane__year__gte=2004, then=Value("5 to 9 years")),
        When(plane__year__gte=1999, then=Value("10 to 14 years")),
        When(plane__year__gte=1989, then=Value("15 to 24 years")),
        default=Value("25 years and more"),
    )
    ages = (
        Flight.objects.filter(plane__year__isnull=False)
        .annotate(age=bands)
        .values_list("age")
        .annotate(flights=Count("pk"), late=Avg("departure_delay"), youngest=Max("plane__year"))
        .order_by("-youngest")
    )
    return Answer(("age of the plane", "flights", "minutes late"), [row[:3] for row in ages])


@question
def worst_weather_hours(at_least: int = 10) -> Answer:
    """In which hours did the weather stop the airport?"""
    hours = (
        Weather.objects.annotate(
            planned=Count("flights"),
            cancelled=Count("flights", filter=Q(flights__departure_delay__isnull=True)),
            late=Avg("flights__departure_delay"),
        )
        .filter(planned__gte=at_least, late__isnull=False)
        .order_by("-late", "pk")[:10]
    )
    return Answer(
        ("at", "hour (UTC)", "flights", "cancelled", "late", "wind mph", "rain in", "sight mi"),
        list(
            hours.values_list("airport_id", "hour", "planned", "cancelled", "late", "wind_speed", "rain", "visibility")
        ),
    )


@question
def delay_by_wind() -> Answer:
    """Does wind make flights late?"""
    wind = Case(
        *(When(weather__wind_speed__gte=least, then=Value(name)) for least, name in HURRICANE_TO_CALM),
    )
    bands = (
        Flight.objects.filter(weather__wind_speed__isnull=False)
        .annotate(wind=wind)
        .values_list("wind")
        .annotate(
            flights=Count("pk"),
            late=Avg("departure_delay"),
            cancelled=Count("pk", filter=Q(departure_delay=None)),
            strongest=Max("weather__wind_speed"),
        )
        .order_by("-strongest")
    )
    return Answer(("wind", "flights", "minutes late", "cancelled"), [row[:4] for row in bands])


@question
def late_aircraft() -> Answer:
    """When an aircraft came in late, was its next flight of the day late too?"""
    before = Flight.objects.filter(
        tail_number=OuterRef("tail_number"),
        day=OuterRef("day"),
        scheduled_departure__lt=OuterRef("scheduled_departure"),
    ).order_by("-scheduled_departure", "-pk")
    followers = (
        Flight.objects.filter(tail_number__isnull=False, departure_delay__isnull=False)
        .annotate(previous=Subquery(before.values("arrival_delay")[:1]))
        .filter(previous__isnull=False)
        .aggregate(
            punctual=Count("pk", filter=Q(previous__lte=0)),
            punctual_late=Avg("departure_delay", filter=Q(previous__lte=0)),
            slight=Count("pk", filter=Q(previous__gt=0, previous__lt=HOUR)),
            slight_late=Avg("departure_delay", filter=Q(previous__gt=0, previous__lt=HOUR)),
            heavy=Count("pk", filter=Q(previous__gte=HOUR)),
            heavy_late=Avg("departure_delay", filter=Q(previous__gte=HOUR)),
        )
    )
    return Answer(
        ("the aircraft's flight before", "flights", "minutes late"),
        [
            ("arrived in time", followers["punctual"], followers["punctual_late"]),
            ("was up to an hour late", followers["slight"], followers["slight_late"]),
            ("was an hour late or more", followers["heavy"], followers["heavy_late"]),
        ],
    )


@question
def made_up_in_the_air() -> Answer:
    """Who left an hour late and still arrived in time?"""
    flights = (
        Flight.objects.select_related("carrier", "destination")
        .filter(departure_delay__gte=HOUR, arrival_delay__lte=0)
        .alias(gained=F("departure_delay") - F("arrival_delay"))
        .order_by("-gained", "day", "pk")[:10]
    )
    return Answer(
        ("carrier", "flight", "day", "to", "left late by", "arrived early by"),
        [
            (
                one.carrier.name,
                str(one.number),
                one.day,
                one.destination or one.destination_code,
                one.departure_delay,
                -(one.arrival_delay or 0),
            )
            for one in flights
        ],
    )


@question
def hardest_working_planes() -> Answer:
    """Which planes flew farthest?"""
    planes = (
        Plane.objects.annotate(trips=Count("flights"), miles=Sum("flights__distance"))
        .filter(trips__gt=0)
        .order_by("-miles")[:10]
        .values_list("tail_number", "manufacturer", "model", "year", "trips", "miles")
    )
    return Answer(
        ("plane", "manufacturer", "model", "built", "trips", "miles"),
        [(tail, maker, model, str(year or "-"), trips, miles) for tail, maker, model, year, trips, miles in planes],
    )


@question
def worst_days(at_least: int = 100) -> Answer:
    """On which days was it better to stay at home?"""
    cancelled = Count("pk", filter=Q(departure_delay__isnull=True))
    days = (
        Flight.objects.values_list("day")
        .annotate(flights=Count("pk"), cancelled=cancelled, late=Avg("departure_delay"))
        .filter(cancelled__gte=at_least)
        .order_by("-cancelled")[:10]
    )
    return Answer(("day", "flights", "cancelled", "minutes late"), list(days))


@question
def when_to_leave() -> Answer:
    """At what time of the day should one leave?"""
    part = Case(
        When(scheduled_departure__lt=9 * HOUR, then=Value("before 9")),
        When(scheduled_departure__lt=12 * HOUR, then=Value("9 to 12")),
        When(scheduled_departure__lt=15 * HOUR, then=Value("12 to 15")),
        When(scheduled_departure__lt=18 * HOUR, then=Value("15 to 18")),
        default=Value("after 18"),
    )
    parts = (
        Flight.objects.annotate(part=part)
        .values_list("part")
        .annotate(flights=Count("pk"), late=Avg("departure_delay"), latest=Max("scheduled_departure"))
        .order_by("latest")
    )
    return Answer(("time of day", "flights", "minutes late"), [row[:3] for row in parts])


@question
def shared_destinations() -> Answer:
    """Where can one fly to from which airport of New York only?"""

    def reached(*origins: str) -> Any:
        return (
            Flight.objects.filter(origin_id__in=origins)
            .order_by()
            .values_list("destination_code", flat=True)
            .distinct()
        )

    answer = []
    for origin in NEW_YORK:
        others = [other for other in NEW_YORK if other != origin]
        only = sorted(reached(origin).difference(reached(*others)))
        answer.append((f"only from {origin}", len(only), " ".join(only)))
    everywhere = reached("EWR").intersection(reached("JFK"), reached("LGA"))
    answer.append(("from all three", everywhere.count(), "…"))
    return Answer(("destinations", "count", "codes"), answer)


@question
def never_reached() -> Answer:
    """Which part of the country has airports that nobody flew to from New York?"""
    arrivals = Flight.objects.filter(destination=OuterRef("pk"))
    zones = (
        Airport.objects.annotate(reached=Exists(arrivals))
        .values_list("time_zone")
        .annotate(
            airports=Count("pk"),
            served=Count("pk", filter=Q(reached=True)),
            highest=Max("altitude"),
        )
        .order_by("-airports")
    )
    return Answer(("time zone", "airports", "served", "highest airport (ft)"), list(zones))


@question
def last_evening() -> Answer:
    """Who spent the last evening of the year flying to the farthest places?"""
    evening = (
        Flight.objects.filter(day=date(2013, 12, 31), scheduled_departure__gte=18 * HOUR)
        .select_related("carrier")
        .order_by("scheduled_departure", "pk")
    )
    airports = (
        Airport.objects.filter(Exists(evening.filter(destination=OuterRef("pk")).order_by()))
        .alias(miles=Max("arrivals__distance"))
        .order_by("-miles", "pk")[:5]
        .prefetch_related(Prefetch("arrivals", queryset=evening))
    )
    rows = []
    for airport in airports:
        flights = airport.arrivals.all()  # those of the evening, in memory already
        times = ", ".join(clock(flight.scheduled_departure) for flight in flights)
        carriers = ", ".join(sorted({flight.carrier.name for flight in flights}))
        rows.append((str(airport), flights[0].distance, times, carriers))
    return Answer(("to", "miles", "left at", "carriers"), rows)


@question
def without_a_partner() -> Answer:
    """What does the data name without saying more about it?"""
    counts = Flight.objects.aggregate(
        flights=Count("pk"),
        plane=Count("pk", filter=Q(plane=None)),
        destination=Count("pk", filter=Q(destination=None)),
        weather=Count("pk", filter=Q(weather=None)),
    )
    return Answer(("flights", "without plane", "without destination", "without weather"), [tuple(counts.values())])


def clock(minutes: int) -> str:
    """Minutes after midnight as a reader writes them."""
    return f"{minutes // HOUR:02}:{minutes % HOUR:02}"
