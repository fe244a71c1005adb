"""SQLAlchemy connections on top of dorm's connections, for DDL, for tools, and for listeners on engine events."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, ExceptionContext
from sqlalchemy.pool import PoolProxiedConnection

from dorm.db import errors, hooks, logs
from dorm.db.execution import Statement, classify

if TYPE_CHECKING:
    from dorm.dialects.contract import Link


class _Borrowed(PoolProxiedConnection):
    """Acts as a checked-out connection for SQLAlchemy; closing it does nothing."""

    __slots__ = ("_fairy", "_link", "dbapi_connection")
    dbapi_connection: Any

    def __init__(self, link: Link) -> None:
        self._link = link
        self._fairy = link.fairy
        self.dbapi_connection = link.fairy.dbapi_connection

    @property
    def driver_connection(self) -> Any:  # type: ignore[override] # ty: ignore[incompatible-property-override]
        return self._link.driver_connection

    @property
    def is_valid(self) -> bool:
        return True

    @property
    def is_detached(self) -> bool:
        return False

    @property
    def info(self) -> dict[str, Any]:
        return self._fairy.info

    @property
    def record_info(self) -> dict[str, Any] | None:
        return self._fairy.record_info

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        return self.dbapi_connection.cursor(*args, **kwargs)

    def __getattr__(self, key: str) -> Any:
        return getattr(self.dbapi_connection, key)

    def invalidate(self, e: BaseException | None = None, soft: bool = False) -> None:
        """The owner of the connection notices a lost one by itself."""

    def detach(self) -> None:
        """There is nothing to detach from."""

    def close(self) -> None:
        """The owner of the connection closes it."""

    def _close_special(self, transaction_reset: bool = False) -> None:
        """SQLAlchemy calls this instead of ``close()`` after it has ended a transaction itself."""


@contextmanager
def borrowed_connection(
    session: Any, link: Link, done: Callable[[Statement], None] | None = None
) -> Generator[Connection, None, None]:
    """A SQLAlchemy connection on ``link``, whose statements are reported like all others.

    :param done: called with each statement that has succeeded.
    """
    connection = Connection(session.engine, connection=_Borrowed(link))
    _report_statements(session, link, connection, done)
    with connection:
        yield connection


_failed: weakref.WeakKeyDictionary[Connection, Callable[[BaseException], None]] = weakref.WeakKeyDictionary()


def prepare(engine: Engine) -> None:
    """Configures a new engine whose transactions dorm controls.

    SQLAlchemy's own COMMIT and ROLLBACK must not reach the database.
    """
    dialect: Any = engine.dialect
    dialect.do_begin = dialect.do_commit = dialect.do_rollback = _nothing
    # errors can be listened to on dialects and engines only; a listener on the engine would close the fast path
    event.listen(dialect, "handle_error", _report_failure)


def _nothing(_connection: object) -> None:
    pass


def _report_failure(context: ExceptionContext) -> None:
    problem = context.sqlalchemy_exception
    if problem is not None:
        # it is printed like any error: without parameters, and without the row that the driver's message quotes
        problem.hide_parameters = True
        problem.args = (str(errors.translate(context.original_exception)),)
    report = _failed.get(context.connection) if context.connection is not None else None
    if report is not None:
        report(context.original_exception)


def _report_statements(
    session: Any, link: Link, connection: Connection, done: Callable[[Statement], None] | None
) -> None:
    calls: list[tuple[hooks.Call, float]] = []

    def before(_conn: object, _cursor: object, sql: str, params: object, _context: object, many: bool) -> None:
        call = hooks.Call(session, Statement(sql, classify(sql)), params, many)
        if hooks.active:
            with session.lend(link):
                hooks.before(call)
        calls.append((call, perf_counter()))

    def finish(error: BaseException | None) -> None:
        call, started = calls.pop()
        call.elapsed_ms = (perf_counter() - started) * 1000
        call.error = error
        logs.log_statement(session.logger, call.statement, call.params, call.many, call.elapsed_ms, error)
        if hooks.active:
            with session.lend(link):
                hooks.after(call)

    def after(_conn: object, cursor: Any, _sql: str, _params: object, _context: object, _many: bool) -> None:
        statement = calls[-1][0].statement
        if cursor.description is None:
            calls[-1][0].result = cursor.rowcount
        finish(None)
        if done is not None:
            done(statement)

    def failed(problem: BaseException) -> None:
        if calls:
            finish(session.translated(problem))

    event.listen(connection, "before_cursor_execute", before)
    event.listen(connection, "after_cursor_execute", after)
    _failed[connection] = failed


def send_with_events(
    session: Any, link: Link, verb: str, statement: Statement, params: Any, many: bool, extra: tuple[object, ...]
) -> Any:
    """Sends one statement through SQLAlchemy, because its engine's events have listeners."""
    if verb not in ("fetch", "run", "run_many", "fetch_named", "control", "finish"):
        return getattr(link, verb)(statement.sql, params, *extra)
    with Connection(session.engine, connection=_Borrowed(link)) as connection:
        values = [tuple(row) for row in params] if many else (None if params is None else tuple(params))
        result = connection.exec_driver_sql(statement.sql, values)
        if verb in ("run", "run_many", "control", "finish"):
            return result.rowcount
        names = tuple(result.keys()) if result.returns_rows else ()
        rows = [tuple(row) for row in result] if result.returns_rows else []
        return rows if verb == "fetch" else (names, rows, result.rowcount)
