"""Handles: hand-written SQL and connection settings of one alias, for users.

A handle keeps no connection: each call works on the session of the current scope.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, TypeVar

from sqlalchemy import Dialect as SQLAlchemyDialect

from dorm.conf.settings import settings
from dorm.db import announcements, bridge, engines, manual_mode, placeholders
from dorm.db.execution import Statement, classify, statement_for
from dorm.db.rows import Row, named
from dorm.db.session import LEAVING_TRACES, Session
from dorm.db.sessions import forget_thread_session, refuse_to_close, session
from dorm.utils.caches import on_reset

Handle = TypeVar("Handle", bound="_Work")
RETURNING = re.compile(r"\bRETURNING\b", re.IGNORECASE)
CHUNK = 2000


class _Work:
    """What both kinds of handle share: they work on the session of the current scope."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        engines.get(alias)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.alias!r} ({self.vendor})>"

    @property
    def vendor(self) -> str:
        """``"sqlite"`` or ``"postgresql"``."""
        return engines.get(self.alias).vendor

    @property
    def dialect(self) -> SQLAlchemyDialect:
        """SQLAlchemy's dialect of the database."""
        return engines.get(self.alias).dialect

    @property
    def settings(self) -> Mapping[str, Any]:
        """The entry of DATABASES; its printed form hides secrets."""
        return settings.DATABASES[self.alias]

    def _session(self) -> Session:
        return session(self.alias)

    def _prepared(self, sql: str, params: object) -> tuple[Statement, list[object] | None]:
        dialect = engines.get(self.alias).dialect
        text, values = placeholders.translate(sql, params, dialect.paramstyle)
        if values is None:
            return statement_for(text), None
        return Statement(
            text, classify(text), placeholders.column_hints(text, dialect.paramstyle), hand_written=True
        ), values

    def _execute(self, sql: str, params: object = None) -> list[Row]:
        statement, values = self._prepared(sql, params)
        names, rows, _ = announcements.raw(
            self.alias, statement, lambda: self._session().fetch_named(statement, values)
        )
        return named(names, rows)

    def _execute_write(self, sql: str, params: object = None) -> int:
        statement, values = self._prepared(sql, params)
        return announcements.raw(self.alias, statement, lambda: self._changed(statement, values))

    def _changed(self, statement: Statement, values: list[object] | None) -> int:
        here = self._session()
        # SQL that may end a transaction takes the slow path, which notices that
        return (
            here.perform("run", statement, values) if statement.kind in LEAVING_TRACES else here.run(statement, values)
        )

    def _execute_insert(self, sql: str, params: object = None, pk_col: str = "id") -> Any:
        if not RETURNING.search(sql):
            quoted = '"' + pk_col.replace('"', '""') + '"'
            sql = f"{sql.rstrip().rstrip(';')} RETURNING {quoted}"
        statement, values = self._prepared(sql, params)
        rows = announcements.raw(self.alias, statement, lambda: self._session().fetch_returning(statement, values))
        return rows[0][0] if rows else None

    def _execute_script(self, sql: str) -> None:
        announcements.raw(self.alias, Statement(sql, "other", hand_written=True), lambda: self._session().script(sql))

    def _streaming(
        self, sql: str, params: object = None, chunk_size: int = CHUNK
    ) -> Iterator[list[tuple[object, ...]]]:
        statement, values = self._prepared(sql, params)
        chunks = self._session().stream(statement, values, chunk_size)
        return announcements.raw_rows(self.alias, statement, chunks)

    def _table_exists(self, name: str) -> bool:
        sql, params = engines.get(self.alias).spelling.table_exists(name)
        return bool(self._session().fetch(Statement(sql, "read"), params))

    def _table_columns(self, name: str) -> list[dict[str, object]]:
        sql, params = engines.get(self.alias).spelling.table_columns(name)
        return [
            {"name": column, "type": kind, "null": not required, "default": default, "primary_key": bool(key)}
            for column, kind, required, default, key in self._session().fetch(Statement(sql, "read"), params)
        ]

    def _set_autocommit(self, flag: bool) -> None:
        manual_mode.set_autocommit(self._session(), flag)

    def _end(self, keep: bool) -> None:
        manual_mode.end_manual(self._session(), keep=keep)

    def _warm_up(self, target: int | None) -> int:
        here = self._session()
        return here.warm_up(target) if here.features.pooled else 0


class Connection(_Work):
    """The synchronous handle of an alias; inside an async verb, such as a model's own ``save()``, it takes part in it.

    Every method raises the library's errors. SQL takes ``%s``, ``?`` or ``$1``, or ``%(name)s`` with a mapping, on both
    databases.
    """

    def execute(self, sql: str, params: object = None) -> list[Row]:
        """Runs one statement. Returns its rows, readable by name and position, or []."""
        return self._execute(sql, params)

    def execute_write(self, sql: str, params: object = None) -> int:
        """Runs one statement. Returns the number of rows it changed."""
        return self._execute_write(sql, params)

    def execute_insert(self, sql: str, params: object = None, pk_col: str = "id") -> Any:
        """Runs an INSERT. Returns the value of the key column of the (first) new row."""
        return self._execute_insert(sql, params, pk_col)

    def execute_script(self, sql: str) -> None:
        """Runs several statements without parameters.

        Inside a block they belong to its transaction; a script that ends it breaks the block.
        """
        self._execute_script(sql)

    def execute_streaming(self, sql: str, params: object = None, chunk_size: int = CHUNK) -> Iterator[tuple[Any, ...]]:
        """The rows one by one, at most ``chunk_size`` of them in memory."""
        chunks = self._streaming(sql, params, chunk_size)
        return (row for chunk in chunks for row in chunk)

    def table_exists(self, name: str) -> bool:
        return self._table_exists(name)

    def get_table_columns(self, name: str) -> list[dict[str, Any]]:
        """The columns as mappings with ``name``, ``type``, ``null``, ``default`` and ``primary_key``."""
        return self._table_columns(name)

    def set_autocommit(self, flag: bool) -> None:
        """False: this thread's statements wait for commit() or rollback(). True: each commits at once.

        With True, PostgreSQL statements of this thread use one connection outside the pool. Inside an atomic block:
        ``RuntimeError``.
        """
        self._set_autocommit(flag)

    def commit(self) -> None:
        """Commits what manual mode has collected; nothing otherwise. In an atomic block: ``RuntimeError``."""
        self._end(True)

    def rollback(self) -> None:
        """Rolls back what manual mode has collected; as :meth:`commit`."""
        self._end(False)

    def pool_stats(self) -> dict[str, Any]:
        """Counters of the synchronous pool; never blocks, never opens it."""
        return engines.get(self.alias).pool_stats(asynchronous=False)

    def warm_up(self, target: int | None = None) -> int:
        """Opens connections up to ``target`` (default MIN_POOL_SIZE). Returns how many are open; 0 on SQLite."""
        return self._warm_up(target)

    def close(self) -> None:
        """Closes this thread's connection and the pool; later use opens new ones.

        While an atomic block is open on the alias in any thread: ``TransactionManagementError``.
        """
        refuse_to_close("close()", asynchronous=False, alias=self.alias)
        forget_thread_session(self.alias)
        engines.get(self.alias).close_sync()


class AsyncConnection(_Work):
    """The asynchronous handle of an alias: the methods of :class:`Connection`, awaited."""

    async def execute(self, sql: str, params: object = None) -> list[Row]:
        """See :meth:`Connection.execute`."""
        return await bridge.run_async(self._execute, sql, params)

    async def execute_write(self, sql: str, params: object = None) -> int:
        """See :meth:`Connection.execute_write`."""
        return await bridge.run_async(self._execute_write, sql, params)

    async def execute_insert(self, sql: str, params: object = None, pk_col: str = "id") -> Any:
        """See :meth:`Connection.execute_insert`."""
        return await bridge.run_async(self._execute_insert, sql, params, pk_col)

    async def execute_script(self, sql: str) -> None:
        """See :meth:`Connection.execute_script`."""
        await bridge.run_async(self._execute_script, sql)

    def execute_streaming(
        self, sql: str, params: object = None, chunk_size: int = CHUNK
    ) -> AsyncIterator[tuple[Any, ...]]:
        """See :meth:`Connection.execute_streaming`; for ``async for``."""
        return bridge.iterate_chunks(lambda: self._streaming(sql, params, chunk_size))

    async def table_exists(self, name: str) -> bool:
        return await bridge.run_async(self._table_exists, name)

    async def get_table_columns(self, name: str) -> list[dict[str, Any]]:
        """See :meth:`Connection.get_table_columns`."""
        return await bridge.run_async(self._table_columns, name)

    async def set_autocommit(self, flag: bool) -> None:
        """See :meth:`Connection.set_autocommit`; the scope is the current context."""
        await bridge.run_async(self._set_autocommit, flag)

    async def commit(self) -> None:
        """See :meth:`Connection.commit`."""
        await bridge.run_async(self._end, True)

    async def rollback(self) -> None:
        """See :meth:`Connection.rollback`."""
        await bridge.run_async(self._end, False)

    def pool_stats(self) -> dict[str, Any]:
        """Counters of the pool of the running loop; a plain call, never blocks, never opens it."""
        return engines.get(self.alias).pool_stats(asynchronous=True)

    async def warm_up(self, target: int | None = None) -> int:
        """See :meth:`Connection.warm_up`, for the asynchronous pool."""
        return await bridge.run_async(self._warm_up, target)

    async def close(self) -> None:
        """Closes the pool of the running loop; later use opens a new one."""
        refuse_to_close("close()", asynchronous=True, alias=self.alias)
        await bridge.run_async(engines.get(self.alias).close_async)


_handles: dict[tuple[type, str], Any] = {}
on_reset(_handles.clear)


def get_connection(alias: str = "default") -> Connection:
    """The synchronous handle of an alias; always the same object. Unknown alias: ``ImproperlyConfigured``."""
    return _handle(Connection, alias)


def get_async_connection(alias: str = "default") -> AsyncConnection:
    """The asynchronous handle of an alias; the call itself is not awaited."""
    return _handle(AsyncConnection, alias)


def _handle(kind: type[Handle], alias: str) -> Handle:
    engines.get(alias)
    found = _handles.get((kind, alias))
    if found is None:
        found = _handles.setdefault((kind, alias), kind(alias))
    return found
