"""Observers of statements: the query signals, and the internal hooks of contributed modules.

``active`` says whether there is an observer; nothing is built when it is False.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dorm.db.execution import NamedValues, Statement
from dorm.db.origin import Origin, origin
from dorm.signals import post_query, pre_query

active = False


class Call:
    """One statement on its way to the database.

    ``params`` are the driver's values, a list of lists when ``many``. ``result``, ``elapsed_ms`` and ``error`` are
    set once it has run. ``identity``, ``describe()``, ``origin`` and ``rows`` are computed when they are asked for.
    """

    __slots__ = (
        "_origin",
        "alias",
        "elapsed_ms",
        "error",
        "many",
        "params",
        "result",
        "session",
        "statement",
        "vendor",
    )

    def __init__(self, session: Any, statement: Statement, params: Any, many: bool) -> None:
        if isinstance(params, NamedValues):
            statement, params = params.in_places(statement)
        self.session = session
        self.alias: str = session.alias
        self.vendor: str = session.vendor
        self.statement = statement
        self.params = params
        self.many = many
        self.elapsed_ms = 0.0
        self.error: BaseException | None = None
        self.result: Any = None
        self._origin: Origin | None = None

    @property
    def sql(self) -> str:
        return self.statement.sql

    @property
    def identity(self) -> str:
        """Which query it is, whatever its values: 16 hexadecimal digits, the same in every process."""
        return self.statement.identity

    def describe(self) -> str:
        """The query in words, without values."""
        return self.statement.describe()

    @property
    def origin(self) -> Origin | None:
        """The line of the user's code that caused it. Ask while it runs; the first answer is kept."""
        if self._origin is None:
            self._origin = origin()
        return self._origin

    @property
    def rows(self) -> int | None:
        """How many rows it gave, or changed; None before it has run, after a failure, and where nobody can tell: in a
        stream, in a script, in transaction control.
        """
        result = self.result
        if isinstance(result, tuple):  # of fetch_named(): names of columns, rows, changed rows
            names, given, changed = result
            result = given if names else changed
        if isinstance(result, list):
            return len(result)
        return result if type(result) is int and result >= 0 else None

    @property
    def reported_params(self) -> list[Any]:
        """The values of the placeholders in order, or a list of them per row. One value may itself be a list."""
        if self.many:
            return [list(row) for row in self.params]
        return list(self.params or ())


BeforeHook = Callable[[Call], None]
AfterHook = Callable[[Call], None]

_before: tuple[tuple[int, BeforeHook], ...] = ()
_after: tuple[tuple[int, AfterHook], ...] = ()


def add_before(hook: BeforeHook, order: int = 0) -> BeforeHook:
    """Calls ``hook(call)`` before each statement is announced and sent; lower orders first.

    What it raises vetoes the statement and reaches the caller. Returns the hook.
    """
    global _before
    _before = tuple(sorted([*_before, (order, hook)], key=lambda pair: pair[0]))
    refresh()
    return hook


def add_after(hook: AfterHook, order: int = 0) -> AfterHook:
    """Calls ``hook(call)`` after each statement, also a failed one; what it raises reaches the caller."""
    global _after
    _after = tuple(sorted([*_after, (order, hook)], key=lambda pair: pair[0]))
    refresh()
    return hook


def remove(hook: BeforeHook | AfterHook) -> bool:
    """Removes a hook. Returns whether it was registered."""
    global _before, _after
    sizes = len(_before) + len(_after)
    _before = tuple(pair for pair in _before if pair[1] != hook)
    _after = tuple(pair for pair in _after if pair[1] != hook)
    refresh()
    return len(_before) + len(_after) != sizes


def refresh() -> None:
    """Recalculates ``active``."""
    global active
    active = bool(_before or _after or pre_query.connected or post_query.connected)


def before(call: Call) -> None:
    """Vetoes first, then ``pre_query``."""
    for _, hook in _before:
        hook(call)
    if pre_query.connected:
        pre_query.send_call(call, sql=call.sql, params=call.reported_params)


def after(call: Call) -> None:
    """``post_query``, which closes what ``pre_query`` opened, then the internal hooks."""
    if post_query.connected:
        post_query.send_call(
            call, sql=call.sql, params=call.reported_params, elapsed_ms=call.elapsed_ms, error=call.error
        )
    for _, hook in _after:
        hook(call)


pre_query.on_change = refresh
post_query.on_change = refresh
# receivers may have been connected before the first connection loaded this module
refresh()
