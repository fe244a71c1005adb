"""Comparing and printing the contents of operations: fields, indexes and expressions, whose ``==`` builds a ``Q``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dorm.expressions.base import Expression
from dorm.fields.base import Field
from dorm.indexes import Index


def comparable(value: object) -> Any:
    """A stand-in for a value that equals that of another value exactly when both have the same content."""
    if isinstance(value, Field):
        _, path, args, kwargs = value.deconstruct()
        return (path, comparable(args), comparable(kwargs))
    if isinstance(value, Index):
        path, parts, kwargs = value.deconstruct()
        return (path, comparable(list(parts)), comparable(kwargs))
    if isinstance(value, Expression):
        return (type(value), repr(value))
    if isinstance(value, Mapping):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [comparable(item) for item in value]
    # 1 == True == 1.0, but as options of a column they differ
    return (type(value), value)


def shown(value: object) -> str:
    """How a value is written in the ``repr`` of an operation."""
    if isinstance(value, Field):
        _, path, args, kwargs = value.deconstruct()
        given = [*map(shown, args), *(f"{name}={shown(item)}" for name, item in kwargs.items())]
        return f"{path.rpartition('.')[2]}({', '.join(given)})"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key!r}: {shown(item)}' for key, item in value.items())}}}"
    if isinstance(value, tuple):
        return f"({', '.join(map(shown, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    return repr(value)
