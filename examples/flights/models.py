"""Five related tables. A foreign key is null where the data names something that has no row of its own."""

from __future__ import annotations

import dorm
from dorm.models import RelatedManager


class Carrier(dorm.Model):
    code = dorm.CharField(max_length=2, primary_key=True)
    name = dorm.CharField(max_length=60)

    flights: RelatedManager[Flight]

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Plane(dorm.Model):
    tail_number = dorm.CharField(max_length=6, primary_key=True)
    year = dorm.SmallIntegerField(null=True)
    kind = dorm.CharField(max_length=30)
    manufacturer = dorm.CharField(max_length=40)
    model = dorm.CharField(max_length=30)
    engines = dorm.SmallIntegerField()
    seats = dorm.SmallIntegerField()
    speed = dorm.SmallIntegerField(null=True)
    engine = dorm.CharField(max_length=20)

    flights: RelatedManager[Flight]

    def __str__(self) -> str:
        return f"{self.tail_number} ({self.manufacturer} {self.model})"


class Airport(dorm.Model):
    code = dorm.CharField(max_length=3, primary_key=True)
    name = dorm.CharField(max_length=60)
    latitude = dorm.FloatField()
    longitude = dorm.FloatField()
    altitude = dorm.IntegerField()
    utc_offset = dorm.SmallIntegerField()
    daylight_saving = dorm.CharField(max_length=1)
    time_zone = dorm.CharField(max_length=30, null=True)

    departures: RelatedManager[Flight]
    arrivals: RelatedManager[Flight]
    weather: RelatedManager[Weather]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"


class Weather(dorm.Model):
    """One hour at one of the three airports of New York."""

    airport = dorm.ForeignKey(Airport, on_delete=dorm.CASCADE, related_name="weather")
    hour = dorm.DateTimeField()  # UTC
    temperature = dorm.FloatField(null=True)  # °F
    dew_point = dorm.FloatField(null=True)  # °F
    humidity = dorm.FloatField(null=True)  # %
    wind_direction = dorm.SmallIntegerField(null=True)  # degrees
    wind_speed = dorm.FloatField(null=True)  # mph
    wind_gust = dorm.FloatField(null=True)  # mph
    rain = dorm.FloatField()  # inches
    pressure = dorm.FloatField(null=True)  # millibar
    visibility = dorm.FloatField()  # miles

    flights: RelatedManager[Flight]

    class Meta:
        unique_together = [("airport", "hour")]

    def __str__(self) -> str:
        return f"{self.airport_id} {self.hour:%Y-%m-%d %H:%M}"

    airport_id: dorm.Field[str]


class Flight(dorm.Model):
    carrier = dorm.ForeignKey(Carrier, on_delete=dorm.PROTECT, related_name="flights", db_index=False)
    number = dorm.IntegerField()
    plane = dorm.ForeignKey(Plane, on_delete=dorm.SET_NULL, related_name="flights", null=True)
    tail_number = dorm.CharField(max_length=6, null=True)
    origin = dorm.ForeignKey(Airport, on_delete=dorm.PROTECT, related_name="departures", db_index=False)
    destination = dorm.ForeignKey(Airport, on_delete=dorm.PROTECT, related_name="arrivals", null=True)
    destination_code = dorm.CharField(max_length=3)
    weather = dorm.ForeignKey(Weather, on_delete=dorm.SET_NULL, related_name="flights", null=True)
    day = dorm.DateField(db_index=True)  # New York
    hour = dorm.DateTimeField()  # UTC, when it was meant to leave, to the hour
    scheduled_departure = dorm.SmallIntegerField()  # minutes after midnight, New York; so are the next three
    departure = dorm.SmallIntegerField(null=True)
    scheduled_arrival = dorm.SmallIntegerField()
    arrival = dorm.SmallIntegerField(null=True)
    departure_delay = dorm.SmallIntegerField(null=True)  # minutes; null: the flight was cancelled
    arrival_delay = dorm.SmallIntegerField(null=True)  # minutes; null: it never arrived where it was meant to
    air_time = dorm.SmallIntegerField(null=True)  # minutes
    distance = dorm.SmallIntegerField()  # miles

    carrier_id: dorm.Field[str]
    origin_id: dorm.Field[str]
    plane_id: dorm.Field[str | None]
    destination_id: dorm.Field[str | None]
    weather_id: dorm.Field[int | None]

    class Meta:
        indexes = [dorm.Index(fields=["tail_number", "day", "scheduled_departure"])]

    def __str__(self) -> str:
        return f"{self.carrier_id} {self.number} {self.origin_id}-{self.destination_code} {self.day}"


MODELS = (Carrier, Plane, Airport, Weather, Flight)
