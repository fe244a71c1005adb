"""Settings that an environment variable may give: explicit value, then environment, then default."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

logger = logging.getLogger("dorm.conf")
TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off", ""})

# CPython keeps the variables in a plain dictionary of encoded names; asking it is ten times cheaper than os.environ,
# and the variable is read at every statement.
_raw: dict[object, object] | None = getattr(os.environ, "_data", None)
_encode: Callable[[str], object] = getattr(os.environ, "encodekey", str)


def boolean(given: bool) -> bool:
    """Yes or no as people write it; ValueError for anything else."""
    folded = str(given).strip().lower()
    if folded in TRUE:
        return True
    if folded in FALSE:
        return False
    raise ValueError(given)


def milliseconds(given: float) -> float | None:
    """A duration of at least 0, or None for "none" and "off"; ValueError for anything else."""
    if given is None or (isinstance(given, str) and given.strip().lower() in {"none", "off"}):
        return None
    return seconds(given)


def attempts(given: int) -> int:
    """A whole number of at least 1; ValueError for anything else."""
    number = _number(given)
    if number != int(number) or number < 1:
        raise ValueError(given)
    return int(number)


def seconds(given: float) -> float:
    """A number of at least 0; ValueError for anything else."""
    number = _number(given)
    if number < 0:
        raise ValueError(given)
    return number


def _number(given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, (str, int, float)):
        raise ValueError(given)
    number = float(given)
    if not -float("inf") < number < float("inf"):
        raise ValueError(given)
    return number


class Knob:
    """A process-wide setting that is read often. Calling it gives the value in force."""

    __slots__ = ("_explicit", "_key", "_parsed", "_parser", "_seen", "default", "explicit", "name", "variable")

    def __init__(self, name: str, variable: str, default: Any, parser: Callable[[Any], Any]) -> None:
        self.name = name
        self.variable = variable
        self.default = default
        self.explicit = False
        self._explicit: Any = None
        self._key = _encode(variable)
        self._parser = parser
        self._seen: Any = None
        self._parsed: Any = default

    def assign(self, value: object) -> None:
        """Takes the value that ``configure()`` was given."""
        self._explicit = value
        self.explicit = True

    def forget(self) -> None:
        self.explicit = False

    def __call__(self) -> Any:
        if self.explicit:
            return self._explicit
        text = _raw.get(self._key) if _raw is not None else os.environ.get(self.variable)
        if text is None:
            return self.default
        if text is not self._seen:
            self._parsed = self._parse(os.environ.get(self.variable, ""))
            self._seen = text
        return self._parsed

    def _parse(self, text: str) -> Any:
        try:
            return self._parser(text)
        except ValueError:
            logger.warning("%s=%r cannot be understood; using %r", self.variable, text, self.default)
            return self.default


SLOW_QUERY_MS = Knob("SLOW_QUERY_MS", "DORM_SLOW_QUERY_MS", 500.0, milliseconds)
SLOW_QUERY_EXPLAIN = Knob("SLOW_QUERY_EXPLAIN", "DORM_SLOW_QUERY_EXPLAIN", False, boolean)
RETRY_ATTEMPTS = Knob("RETRY_ATTEMPTS", "DORM_RETRY_ATTEMPTS", 3, attempts)
RETRY_BACKOFF = Knob("RETRY_BACKOFF", "DORM_RETRY_BACKOFF", 0.1, seconds)
KNOBS = {knob.name: knob for knob in (SLOW_QUERY_MS, SLOW_QUERY_EXPLAIN, RETRY_ATTEMPTS, RETRY_BACKOFF)}
