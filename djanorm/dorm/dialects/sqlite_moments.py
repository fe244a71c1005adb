"""Dates, times and rounding for SQLite: what the expressions ``dorm_…`` call on every connection.

Moments come in and go out as the text in which they are stored. NULL in, NULL out.
"""

from __future__ import annotations

import datetime
import hashlib
import math
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo

from dorm.dialects.base import TIME_UNITS
from dorm.utils.caches import remembered

_EPOCH = datetime.date(2000, 1, 1)


def _first_not_null(function: Callable[..., str | float | None]) -> Callable[..., str | float | None]:
    @wraps(function)
    def guarded(*arguments: object) -> str | float | None:
        return None if arguments[0] is None else function(*arguments)

    return guarded


def _all_not_null(function: Callable[..., str | float | None]) -> Callable[..., str | float | None]:
    @wraps(function)
    def guarded(*arguments: object) -> str | float | None:
        return None if any(argument is None for argument in arguments) else function(*arguments)

    return guarded


def parse(text: str | int) -> datetime.datetime | datetime.time | datetime.timedelta:
    """A stored date, datetime or time; a number is a duration in microseconds."""
    if isinstance(text, int):
        return datetime.timedelta(microseconds=text)
    if len(text) > 5 and text[4:5] == "-" and text[:4].isdigit():
        return datetime.datetime.fromisoformat(text)
    return datetime.time.fromisoformat(text)


@remembered(64)
def zone_of(name: str) -> datetime.tzinfo:
    """The zone of a name of the time zone database, or of an offset such as ``+05:30:00``."""
    if name[0] not in "+-":
        return ZoneInfo(name)
    hours, minutes, seconds = (int(part) for part in name[1:].split(":"))
    offset = datetime.timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return datetime.timezone(-offset if name[0] == "-" else offset)


def _local(moment: Any, zone: str | None) -> Any:
    if zone is None or not isinstance(moment, datetime.datetime):
        return moment
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return moment.astimezone(zone_of(zone)).replace(tzinfo=None)


def now() -> str:
    """The current UTC time as datetimes are stored."""
    return str(datetime.datetime.now(datetime.UTC).replace(tzinfo=None))


def date_part(part: str, text: str | int | None, zone: str | None) -> int | None:
    """One part of a moment as a number; week_day 1 is Sunday, iso_week_day 1 is Monday."""
    if text is None:
        return None
    moment = _local(parse(text), zone)
    if isinstance(moment, datetime.timedelta):
        seconds = moment.seconds
        parts = {"day": moment.days, "hour": seconds // 3600, "minute": seconds // 60 % 60, "second": seconds % 60}
        return parts.get(part)
    if part in ("hour", "minute", "second"):
        return int(getattr(moment, part))
    if isinstance(moment, datetime.time):
        return None
    if part == "quarter":
        return (moment.month + 2) // 3
    if part == "week":
        return moment.isocalendar().week
    if part == "iso_year":
        return moment.isocalendar().year
    if part == "week_day":
        return moment.isoweekday() % 7 + 1
    if part == "iso_week_day":
        return moment.isoweekday()
    return int(getattr(moment, part))


def date_trunc(unit: str, text: str | int | None, kind: str, zone: str | None) -> str | None:
    """A moment cut down to the start of its unit, in the stored form of ``kind``."""
    if text is None:
        return None
    stored: Any = parse(text)
    moment = _local(stored, zone)
    if unit == "date":
        return str(moment.date())
    if unit == "time":
        return str(moment.time() if isinstance(moment, datetime.datetime) else moment)
    if isinstance(moment, datetime.time):
        moment = datetime.datetime.combine(_EPOCH, moment)
    cut = _cut(unit, moment)
    if kind == "date":
        return str(cut.date())
    if kind == "time":
        return str(cut.time())
    if zone is not None and unit in TIME_UNITS:
        # an hour that comes twice when clocks are put back stays two hours
        return str(stored - (moment - cut))
    if zone is not None:
        # a day begins once
        cut = cut.replace(tzinfo=zone_of(zone), fold=0).astimezone(datetime.UTC).replace(tzinfo=None)
    return str(cut)


def _cut(unit: str, moment: datetime.datetime) -> datetime.datetime:
    if unit == "second":
        return moment.replace(microsecond=0)
    if unit == "minute":
        return moment.replace(second=0, microsecond=0)
    if unit == "hour":
        return moment.replace(minute=0, second=0, microsecond=0)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "day":
        return day
    if unit == "week":
        return day - datetime.timedelta(days=day.weekday())
    if unit == "month":
        return day.replace(day=1)
    if unit == "quarter":
        return day.replace(day=1, month=(day.month - 1) // 3 * 3 + 1)
    if unit == "year":
        return day.replace(day=1, month=1)
    raise ValueError(f"{unit!r} is no unit to cut a moment down to")


def shift(text: str | int, microseconds: int) -> str:
    """A moment plus a duration."""
    moment: Any = parse(text)
    duration = datetime.timedelta(microseconds=microseconds)
    if isinstance(moment, datetime.time):
        return str((datetime.datetime.combine(_EPOCH, moment) + duration).time())
    return str(moment + duration)


def difference(left: str | int, right: str | int) -> int:
    """The microseconds from ``right`` to ``left``."""
    a: Any = parse(left)
    b: Any = parse(right)
    if isinstance(a, datetime.time):
        a, b = (datetime.datetime.combine(_EPOCH, moment) for moment in (a, b))
    return (a - b) // datetime.timedelta(microseconds=1)


def interval(microseconds: int) -> str:
    """A duration as PostgreSQL writes it: ``-1 days +23:00:00.5``."""
    span = datetime.timedelta(microseconds=microseconds)
    days, time = span.days, span - datetime.timedelta(days=span.days)
    words = [f"{days} day{'' if days == 1 else 's'}"] if days else []
    if time or not days:
        clock = _clock(time)
        words.append(f"+{clock}" if days < 0 else clock)
    return " ".join(words)


def _clock(time: datetime.timedelta) -> str:
    text = str((datetime.datetime.min + time).time())
    return text.rstrip("0") if "." in text else text


def rounded(value: float, digits: int) -> float:
    """Half away from zero, as PostgreSQL rounds; whole numbers stay whole."""
    if isinstance(value, int) and digits >= 0:
        return value
    exact = Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    return int(exact) if isinstance(value, int) else float(exact)


def md5(text: object) -> str:
    """The MD5 digest as hexadecimal text (a fingerprint, no protection)."""
    return hashlib.md5(str(text).encode(), usedforsecurity=False).hexdigest()


FUNCTIONS: tuple[tuple[str, int, Callable[..., str | float | None]], ...] = (
    ("dorm_date_part", 3, date_part),
    ("dorm_date_trunc", 4, date_trunc),
    ("dorm_shift", 2, _all_not_null(shift)),
    ("dorm_difference", 2, _all_not_null(difference)),
    ("dorm_interval", 1, _first_not_null(interval)),
    ("dorm_round", 2, _all_not_null(rounded)),
    ("dorm_md5", 1, _first_not_null(md5)),
    ("cot", 1, _first_not_null(lambda x: 1 / math.tan(x))),
)
