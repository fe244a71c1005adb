"""Lists as one parameter of SQLite: a JSON array that json_each() takes apart."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from dorm.exceptions import DataError


class JsonList(sa.types.TypeDecorator[str]):
    """Binds a list as one JSON text, each item as its own type stores it."""

    impl = sa.Text
    cache_ok = False

    def __init__(self, item: Any, encode: Callable[[Any], Any] | None = None) -> None:
        super().__init__()
        self.item = item
        self.encode = encode

    def bind_processor(self, dialect: sa.Dialect) -> Any:
        convert = self.encode or self.item.dialect_impl(dialect).bind_processor(dialect)
        if convert is None:
            return _as_json
        return lambda values: _as_json([convert(value) for value in values])


def _as_json(values: list[Any]) -> str:
    try:
        text = json.dumps(values, allow_nan=False)
    except ValueError:
        return _numbers(values)
    if "\\u0000" in text and any("\0" in value for value in values if isinstance(value, str)):
        # SQLite's JSON ends a text at its first NUL, so the list would match other rows
        raise DataError("SQLite cannot compare with a list of texts that contain NUL; compare with one at a time.")
    return text


def _numbers(values: list[float]) -> str:
    """A JSON array; infinity as a number too large for a double, which SQLite reads as infinity."""
    parts = []
    for value in values:
        if math.isnan(value):
            continue
        parts.append(("1e999" if value > 0 else "-1e999") if math.isinf(value) else json.dumps(value))
    return f"[{', '.join(parts)}]"
