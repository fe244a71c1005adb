"""Checks of the values of settings: a wrong one is refused where it is given, not where it is first used."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from dorm.conf.environment import attempts, boolean, milliseconds, seconds
from dorm.conf.keys import mask_text
from dorm.exceptions import ImproperlyConfigured

logger = logging.getLogger("dorm.conf")


def checked(name: str, value: object) -> Any:
    """The value in the form in which it is used; numbers may be given as text, as in an environment variable.

    :raises ImproperlyConfigured: naming the setting and what it takes.
    """
    rule = RULES.get(name)
    if rule is None:
        return value
    parser, words = rule
    try:
        return parser(value)
    except ValueError as problem:
        raise ImproperlyConfigured(f"{name} must be {words}, not {mask_text(repr(value))}.") from problem


def _or_none(parser: Callable[[Any], Any]) -> Callable[[object], object]:
    return lambda given: None if given is None else parser(given)


def _fraction(given: Any) -> float:
    number = seconds(given)
    if not 0 < number <= 1:
        raise ValueError(given)
    return number


def _sequence(given: object) -> Any:
    if given is not None and (isinstance(given, str) or not isinstance(given, Iterable)):
        raise ValueError(given)
    return given


def _detector(given: bool) -> bool:
    """Nothing reads the setting yet, so turning it on has no effect."""
    if given not in (None, False, True, "log", "raise"):
        raise ValueError(given)
    if given:
        logger.warning("DEBUG_NPLUSONE=%r has no effect: this release has no detector of repeated statements", given)
    return given


SECONDS = "a number of seconds from 0"
COUNT = "a whole number from 1"
YES_NO = "True or False"
LIST = "a list"

RULES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "DATABASE_ROUTERS": (_sequence, LIST),
    "DEBUG_NPLUSONE": (_detector, "False, True, 'log' or 'raise'"),
    "DEBUG_NPLUSONE_THRESHOLD": (attempts, COUNT),
    "INSTALLED_APPS": (_sequence, LIST),
    "POOL_SATURATION_WARN": (_fraction, "a fraction above 0, at most 1"),
    "QUERY_COUNT_WARN": (_or_none(attempts), f"{COUNT}, or None"),
    "READ_AFTER_WRITE_WINDOW": (_or_none(seconds), f"{SECONDS}, or None"),
    "RETRY_ATTEMPTS": (attempts, COUNT),
    "RETRY_BACKOFF": (seconds, SECONDS),
    "SLOW_QUERY_EXPLAIN": (boolean, YES_NO),
    "SLOW_QUERY_MS": (milliseconds, "a number of milliseconds from 0, or None to log no statement as slow"),
    "USE_TZ": (boolean, YES_NO),
}
