"""Time zones of stored moments (spec FLD-14): the settings USE_TZ and TIME_ZONE, and conversions to UTC."""

from __future__ import annotations

import datetime
import functools
import zoneinfo

from dorm.conf import settings
from dorm.exceptions import ImproperlyConfigured

UTC = datetime.UTC


def use_tz() -> bool:
    """Whether moments are aware (setting USE_TZ, default False)."""
    return bool(settings.get("USE_TZ", False))


@functools.lru_cache(maxsize=32)
def _zone(name: str) -> datetime.tzinfo:
    try:
        return UTC if name == "UTC" else zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as problem:
        raise ImproperlyConfigured(f"TIME_ZONE {name!r} is not a known time zone.") from problem


def default_zone() -> datetime.tzinfo:
    """The zone in which naive input is meant when USE_TZ is on (setting TIME_ZONE, default UTC)."""
    return _zone(str(settings.get("TIME_ZONE") or "UTC"))


def naive_utc(value: datetime.datetime) -> datetime.datetime:
    """The moment as naive UTC; a naive value is returned as it is."""
    return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)


def to_utc(value: datetime.datetime) -> datetime.datetime:
    """The moment as aware UTC; a naive value is taken in TIME_ZONE."""
    if value.tzinfo is None:
        value = value.replace(tzinfo=default_zone())
    return value.astimezone(UTC)


def current_moment() -> datetime.datetime:
    """Now in UTC: aware when USE_TZ is on, else naive."""
    now = datetime.datetime.now(UTC)
    return now if use_tz() else now.replace(tzinfo=None)
