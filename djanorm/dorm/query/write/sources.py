"""What writes of single rows and of lists of rows are made from, for their identity and their words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dorm.expressions.base import Expression, Uncacheable
from dorm.meta.options import Options
from dorm.query.describe.identity import QuerySource

if TYPE_CHECKING:
    from dorm.fields.base import Field


def names_of(fields: Sequence[Field]) -> tuple[str, ...]:
    """The names of fields."""
    return tuple([field.name for field in fields])


def insertion(
    options: Options, fields: Sequence[Any], returning: Sequence[Any], on_conflict: Any = None
) -> QuerySource:
    """An INSERT, whatever the number of its rows."""
    parts: tuple[tuple[str, Any], ...] = (("setting", names_of(fields)), ("returning", names_of(returning)))
    if on_conflict == "ignore":
        parts += (("skipping", "conflicts"),)
    elif on_conflict is not None:
        parts += (("conflicting on", names_of(on_conflict[1])), ("updating", names_of(on_conflict[2])))
    return QuerySource("insert", options, parts)


def computed_insertion(options: Options, given: Sequence[tuple[str, Expression | None]]) -> QuerySource:
    """An INSERT of a row some of whose values the database computes.

    :param given: the name of each field and its expression, None for a plain value.
    """
    try:
        shape = tuple([("setting", (name, None if made is None else made.cache_key([]))) for name, made in given])
    except Uncacheable:
        return QuerySource("insert", options, None)
    return QuerySource("insert", options, shape)
