"""The readable forms of querysets: the statement with its parameters, and the first rows as text or as an HTML table.

The text form never runs a query while an event loop is running: it would block the loop and could not see the
transaction of the task.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from dorm.db import bridge, placeholders, transactions
from dorm.db.masking import MASK, in_doubt, is_sensitive, masked
from dorm.query.compile.clauses import names_inside
from dorm.query.describe.base import known_rows
from dorm.query.describe.state import QueryState
from dorm.query.run import pipeline

if TYPE_CHECKING:
    from dorm.fields.instances import Instance

ROWS = 20
LONG = 200
NOTHING = "(no statement: the query matches nothing)"


class Shown(NamedTuple):
    """A statement and its parameters, sensitive ones masked. ``str()`` shows both.

    :ivar sql: the statement with the placeholders of its driver; empty when nothing would be sent.
    :ivar params: the parameters in the order of the placeholders.
    """

    sql: str
    params: list[Any]

    def __str__(self) -> str:
        return f"{self.sql}; params={self.params}" if self.sql else NOTHING

    def __repr__(self) -> str:
        return str(self)


class ShownQuery:
    """``queryset.query``: as text, the statement with its parameters in place, as in Django.

    The text is for reading only: the real statement is sent with its values as parameters.
    """

    __slots__ = ("_alias", "_state")

    def __init__(self, state: QueryState, alias: str) -> None:
        self._state = state
        self._alias = alias

    def __str__(self) -> str:
        sql, params = statement_of(self._state, self._alias)
        return placeholders.filled(sql, [_literal(param) for param in params]) if sql else NOTHING

    def sql_with_params(self) -> tuple[str, tuple[object, ...]]:
        """The statement with placeholders, and its parameters; sensitive ones are masked."""
        sql, params = statement_of(self._state, self._alias)
        return sql, tuple(params)

    @property
    def identity(self) -> str:
        """Which query it is, whatever its values: 16 hexadecimal digits, the same in every process and on every alias.

        Hooks and receivers of the query signals are told the same of the statement that fetches the rows.
        """
        source, sql = pipeline.source_of(self._state, self._alias)
        return source.identity(sql)

    def describe(self) -> str:
        """The query in words: its verb, its model and its structure, without values."""
        source, sql = pipeline.source_of(self._state, self._alias)
        return source.describe(sql)

    def __repr__(self) -> str:
        return f"<query: {self}>"


def statement_of(state: QueryState, alias: str) -> Shown:
    """The statement that fetches the rows, without running it and without a connection."""
    statement, params = pipeline.statement_of(state, alias)
    return Shown("", []) if statement is None else Shown(statement.sql, masked(statement, params))


def _literal(value: object) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).upper()
        case int() | float():
            return str(value)
        case bytes():
            return f"X'{value.hex()}'"
        case list() | tuple():
            return f"ARRAY[{', '.join(map(_literal, value))}]"
        case _:
            return "'{}'".format(str(value).replace("'", "''"))


# ------------------------------------------------------------------------------------------------------------ as text


def text_of(queryset: Any) -> str:
    """The ``repr`` of a queryset: its first rows, or why there are none."""
    kind = type(queryset).__name__
    rows = known_rows(queryset)
    if rows is None:
        if bridge.in_running_loop():
            return f"<{kind} of {queryset.state.opts.label}, not evaluated: an event loop is running>"
        rows = list(queryset[: ROWS + 1])
    shown = [repr(row) for row in rows[:ROWS]]
    if len(rows) > ROWS:
        shown.append("...(remaining elements truncated)...")
    return f"<{kind} [{', '.join(shown)}]>"


# ------------------------------------------------------------------------------------------------------------ as HTML


def table_of(queryset: Any) -> str | None:
    """The first rows as an HTML table, or None inside an open ``aatomic``, whose rows a blocking query could not see."""
    rows = known_rows(queryset)
    if rows is None:
        if bridge.in_running_loop() and not bridge.in_inline() and transactions.in_async_block(queryset.db):
            return None
        rows = list(queryset.all()[: ROWS + 1])
    state = queryset.state
    shown, more = rows[:ROWS], len(rows) > ROWS
    names = _columns(state, shown)
    computed = {**state.annotations, **dict(state.select or ())}
    hidden = [is_sensitive(name) or any(map(in_doubt, _sources(computed.get(name)))) for name in names]
    body = "".join(f"<tr>{_cells(_values(row, names), hidden)}</tr>" for row in shown)
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    count = f"the first {ROWS} rows" if more else f"{len(shown)} row{'' if len(shown) == 1 else 's'}"
    return (
        f"<table><caption>{escape(state.opts.label)}: {count}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def record_of(instance: Instance) -> str:
    """The values of an instance as an HTML table of two columns. Nothing is loaded."""
    data = instance.__dict__
    names = [field.attname for field in instance._meta.concrete_fields if field.attname in data]
    rows = [(name, _cells([data[name]], [is_sensitive(name)])) for name in names]
    body = "".join(f"<tr><th>{escape(name)}</th>{cell}</tr>" for name, cell in rows)
    return f"<table><caption>{escape(instance._meta.label)}</caption><tbody>{body}</tbody></table>"


def _columns(state: QueryState, rows: Sequence[object]) -> list[str]:
    if state.row == "instance":
        loaded = {name for row in rows for name in row.__dict__} if rows else None
        fields = [field.attname for field in state.opts.concrete_fields]
        names = [*fields, *(state.annotations if state.selected is None else state.selected)]
        return [name for name in names if loaded is None or name in loaded]
    if state.select is not None:
        return [name for name, _ in state.select]
    first = rows[0] if rows else ()
    if isinstance(first, dict):
        return list(first)
    count = len(first) if isinstance(first, tuple) else 1
    names = [field.attname for field in state.opts.concrete_fields]
    return [names[at] if at < len(names) else str(at) for at in range(count)]


def _values(row: object, names: Sequence[str]) -> list[object]:
    if isinstance(row, dict):
        return [row.get(name) for name in names]
    if hasattr(row, "_meta"):
        return [row.__dict__.get(name, "") for name in names]
    return list(row) if isinstance(row, tuple) and len(row) == len(names) else [row]


def _sources(expression: Any) -> Iterable[str]:
    return () if expression is None else names_inside(expression)


def _cells(values: Iterable[object], hidden: Iterable[bool]) -> str:
    pairs = zip(values, hidden, strict=True)
    return "".join(f"<td>{MASK if hide and value is not None else _cell(value)}</td>" for value, hide in pairs)


def _cell(value: object) -> str:
    text = str(value)
    return escape(text if len(text) <= LONG else f"{text[:LONG]}…")
