"""What compiled writes have in common: a plan, conflicts, and what is read back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dorm.db.execution import Statement
from dorm.dialects.features import Features
from dorm.dialects.sql import hooks_for
from dorm.exceptions import UnsupportedFeature
from dorm.query.compile.layout import Layout, Output
from dorm.query.run.hydrate import make_hydrator

if TYPE_CHECKING:
    from dorm.db.session import Session


class WritePlan:
    """A compiled write.

    :ivar bind: from the values of one row to parameters; None when they are the same.
    :ivar hydrate: from returned rows to converted tuples.
    """

    __slots__ = ("bind", "hydrate", "statement", "used")

    def __init__(self, statement: Statement, bind: Any, hydrate: Any) -> None:
        self.statement = statement
        self.bind = bind
        self.hydrate = hydrate
        self.used = False


def returned(
    options: object, returning: Sequence[Any], session: Session
) -> Callable[[list[object]], list[object]] | None:
    """From the rows that a write returns to tuples of converted values; None when nothing is returned."""
    if not returning:
        return None
    outputs = tuple(
        Output("", None, None) if isinstance(field, sa.ColumnElement) else Output(field.attname, field, None)
        for field in returning
    )
    return make_hydrator(Layout("tuple", options, outputs), session.dialect, session.alias)


def finished(insert: Any, table: Any, returning: Sequence[Any], on_conflict: object, features: Features) -> Any:
    """An INSERT with what happens to rows that clash, and what is read back: fields, or elements of SQL.

    :raises UnsupportedFeature: when something is to be read back and the database returns nothing.
    """
    if on_conflict is not None:
        _, unique, updated = on_conflict if isinstance(on_conflict, tuple) else (on_conflict, (), ())
        columns = [table.c[field.column] for field in unique]
        insert = hooks_for(features).on_conflict(insert, columns, [field.column for field in updated])
    if not returning:
        return insert
    if not features.supports_returning:
        names = ", ".join(field.name for field in returning)
        raise UnsupportedFeature(
            features.display_name,
            f"INSERT … RETURNING, by which {names} of {table.name} would be read back",
            "give the new row all of its values, its key included",
        )
    read = [field if isinstance(field, sa.ColumnElement) else table.c[field.column] for field in returning]
    return insert.returning(*read)
