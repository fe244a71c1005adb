"""Functions every SQLite connection gets, so that text, patterns and numbers behave as on other databases.

``sqlite3`` passes NULL as None; every function but the aggregates answers NULL when an argument is NULL. Errors of the
number functions outside their domain answer NULL, as SQLite's own math functions do.
"""

from __future__ import annotations

import math
import random
import re
import sqlite3
from collections.abc import Callable

from dorm.dialects import sqlite_json, sqlite_moments
from dorm.utils.caches import remembered


@remembered(512)
def _pattern(text: str, flags: int) -> re.Pattern[str]:
    return re.compile(text, flags)


def lower(value: object) -> str | None:
    return value.lower() if isinstance(value, str) else (None if value is None else str(value).lower())


def upper(value: object) -> str | None:
    return value.upper() if isinstance(value, str) else (None if value is None else str(value).upper())


def regexp(pattern: object, value: object) -> int | None:
    """``value REGEXP pattern``: searches, case-sensitively."""
    if pattern is None or value is None:
        return None
    return int(_pattern(str(pattern), 0).search(str(value)) is not None)


def iregexp(pattern: object, value: object) -> int | None:
    """Like :func:`regexp`, in any case."""
    if pattern is None or value is None:
        return None
    return int(_pattern(str(pattern), re.IGNORECASE).search(str(value)) is not None)


def _nullable(function: Callable[..., str | float | None]) -> Callable[..., str | float | None]:
    def call(*arguments: object) -> str | float | None:
        if None in arguments:
            return None
        try:
            return function(*arguments)
        except (ValueError, ZeroDivisionError, OverflowError, TypeError):
            return None

    return call


def _power(base: float, exponent: float) -> float | int | None:
    result = base**exponent
    return None if isinstance(result, complex) else result


def _mod(dividend: float, divisor: float) -> float | int:
    if isinstance(dividend, int) and isinstance(divisor, int):
        return int(math.fmod(dividend, divisor)) if abs(dividend) < 2**53 else dividend % divisor
    return math.fmod(dividend, divisor)


def _log(base: float, value: float) -> float:
    return math.log(value, base)


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _trunc(value: float) -> float:
    return float(math.trunc(value))


def _repeat(text: str, times: int) -> str:
    return str(text) * max(int(times), 0)


def _reverse(text: str) -> str:
    return str(text)[::-1]


def _right(text: str, length: int) -> str:
    """The last characters; with a negative length all but the first ones."""
    text = str(text)
    return text[max(len(text) - length, 0) :] if length >= 0 else text[-length:]


def _left_pad(text: str, length: int, fill: str) -> str:
    text, missing = str(text)[: int(length)], int(length) - len(str(text))
    return (str(fill) * missing)[:missing] + text if missing > 0 and fill else text


def _right_pad(text: str, length: int, fill: str) -> str:
    text, missing = str(text)[: int(length)], int(length) - len(str(text))
    return text + (str(fill) * missing)[:missing] if missing > 0 and fill else text


class _Spread:
    """Variance and standard deviation by Welford's method."""

    sample = False
    root = False

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self.square = 0.0

    def step(self, value: float | str | None) -> None:
        if value is None:
            return
        self.count += 1
        distance = float(value) - self.mean
        self.mean += distance / self.count
        self.square += distance * (float(value) - self.mean)

    def finalize(self) -> float | None:
        degrees = self.count - 1 if self.sample else self.count
        if degrees <= 0:
            return None
        variance = self.square / degrees
        return math.sqrt(variance) if self.root else variance


class _VarPop(_Spread):
    pass


class _VarSamp(_Spread):
    sample = True


class _StdPop(_Spread):
    root = True


class _StdSamp(_Spread):
    sample = True
    root = True


class _Bits:
    def __init__(self) -> None:
        self.value: int | None = None

    def step(self, value: float | str | None) -> None:
        if value is not None:
            self.value = int(value) if self.value is None else self.join(self.value, int(value))

    def finalize(self) -> int | None:
        return self.value

    @staticmethod
    def join(left: int, right: int) -> int:
        raise NotImplementedError


class _BitOr(_Bits):
    @staticmethod
    def join(left: int, right: int) -> int:
        return left | right


class _BitAnd(_Bits):
    @staticmethod
    def join(left: int, right: int) -> int:
        return left & right


class _BitXor(_Bits):
    @staticmethod
    def join(left: int, right: int) -> int:
        return left ^ right


def _decimal(value: str | float | None) -> str | float | None:
    """The number that is read as the decimal ``value``: floats carry 15 digits."""
    return float(f"{value:.15g}") if isinstance(value, float) else value


FUNCTIONS: tuple[tuple[str, int, Callable[..., str | float | None]], ...] = (
    ("dorm_lower", 1, lower),
    ("dorm_upper", 1, upper),
    ("dorm_decimal", 1, _decimal),
    ("regexp", 2, regexp),
    ("dorm_iregexp", 2, iregexp),
    ("power", 2, _nullable(_power)),
    ("mod", 2, _nullable(_mod)),
    ("ln", 1, _nullable(math.log)),
    ("log", 2, _nullable(_log)),
    ("log10", 1, _nullable(math.log10)),
    ("exp", 1, _nullable(math.exp)),
    ("sqrt", 1, _nullable(math.sqrt)),
    ("ceil", 1, _nullable(math.ceil)),
    ("ceiling", 1, _nullable(math.ceil)),
    ("floor", 1, _nullable(math.floor)),
    ("trunc", 1, _nullable(_trunc)),
    ("sign", 1, _nullable(_sign)),
    ("pi", 0, lambda: math.pi),
    ("sin", 1, _nullable(math.sin)),
    ("cos", 1, _nullable(math.cos)),
    ("tan", 1, _nullable(math.tan)),
    ("asin", 1, _nullable(math.asin)),
    ("acos", 1, _nullable(math.acos)),
    ("atan", 1, _nullable(math.atan)),
    ("atan2", 2, _nullable(math.atan2)),
    ("degrees", 1, _nullable(math.degrees)),
    ("radians", 1, _nullable(math.radians)),
    ("reverse", 1, _nullable(_reverse)),
    ("repeat", 2, _nullable(_repeat)),
    ("dorm_right", 2, _nullable(_right)),
    ("lpad", 3, _nullable(_left_pad)),
    ("rpad", 3, _nullable(_right_pad)),
)
AGGREGATES: tuple[tuple[str, int, type], ...] = (
    ("var_pop", 1, _VarPop),
    ("var_samp", 1, _VarSamp),
    ("stddev_pop", 1, _StdPop),
    ("stddev_samp", 1, _StdSamp),
    ("bit_or", 1, _BitOr),
    ("bit_and", 1, _BitAnd),
    ("bit_xor", 1, _BitXor),
)


def register(connection: sqlite3.Connection) -> None:
    """Adds all of them to a connection."""
    for name, arguments, function in (*FUNCTIONS, *sqlite_moments.FUNCTIONS, *sqlite_json.FUNCTIONS):
        connection.create_function(name, arguments, function, deterministic=True)
    connection.create_function("dorm_random", 0, random.random)
    connection.create_function("dorm_now", 0, sqlite_moments.now)
    for name, arguments, aggregate in AGGREGATES:
        connection.create_aggregate(name, arguments, aggregate)
