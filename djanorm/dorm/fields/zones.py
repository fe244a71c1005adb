"""Time zones of stored moments: the settings USE_TZ and TIME_ZONE, and conversions to UTC."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from dorm.conf import settings
from dorm.exceptions import ImproperlyConfigured, ValidationError
from dorm.utils.caches import remembered
from dorm.utils.lazy import lazy_import

if TYPE_CHECKING:
    import zoneinfo
else:
    zoneinfo = lazy_import("zoneinfo", globals())

UTC = datetime.UTC


def use_tz() -> bool:
    """Whether moments are aware (setting USE_TZ, default False)."""
    return bool(settings.get("USE_TZ", False))


@remembered(32)
def _zone(name: str) -> datetime.tzinfo:
    try:
        return UTC if name == "UTC" else zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as problem:
        raise ImproperlyConfigured(f"TIME_ZONE {name!r} is not a known time zone.") from problem


def default_zone() -> datetime.tzinfo:
    """The zone of naive input when USE_TZ is on (setting TIME_ZONE, default UTC)."""
    return _zone(str(settings.get("TIME_ZONE") or "UTC"))


def zone_name(zone: datetime.tzinfo) -> str:
    """The zone as databases take it: a name of the time zone database, or an offset such as ``+05:30:00``.

    :raises TypeError: for anything but a ``tzinfo``.
    :raises ValueError: for a zone without a fixed offset that the time zone database does not know.
    """
    if not isinstance(zone, datetime.tzinfo):
        raise TypeError(f"tzinfo takes a zone, such as zoneinfo.ZoneInfo('Asia/Tokyo') or datetime.UTC, not {zone!r}.")
    offset = zone.utcoffset(None)
    if offset is not None:
        sign = "-" if offset < datetime.timedelta(0) else "+"
        return f"{sign}{abs(offset)!s:0>8}" if offset else "UTC"
    name = str(zone)
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as problem:
        raise ValueError(f"{zone!r} is no zone that databases know by name; use zoneinfo.ZoneInfo(…).") from problem
    return name


def in_zone(value: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime:
    """An aware moment converted to a zone."""
    return value.astimezone(zone)


def midnight_in_zone(value: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime:
    """The first moment of a day in a zone; where clocks skip midnight, the moment that midnight would have been."""
    local = value.astimezone(zone)
    if local.hour or local.minute:
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        if midnight.astimezone(UTC) == value:
            return midnight
    return local


def naive_utc(value: datetime.datetime) -> datetime.datetime:
    """The moment as naive UTC; a naive value is returned as it is.

    :raises ValidationError: for a moment before the year 1 or after 9999 in UTC.
    """
    return value if value.tzinfo is None else to_utc(value).replace(tzinfo=None)


def to_utc(value: datetime.datetime) -> datetime.datetime:
    """The moment as aware UTC; a naive value is taken in TIME_ZONE.

    :raises ValidationError: for a moment before the year 1 or after 9999 in UTC.
    """
    if value.tzinfo is None:
        value = value.replace(tzinfo=default_zone())
    try:
        return value.astimezone(UTC)
    except OverflowError as problem:
        raise ValidationError(f"“{value}” lies outside the years 1 to 9999 in UTC.", code="invalid") from problem


def current_moment() -> datetime.datetime:
    """Now in UTC: aware when USE_TZ is on, else naive."""
    now = datetime.datetime.now(UTC)
    return now if use_tz() else now.replace(tzinfo=None)
