"""PostgreSQL connections with the few methods the library needs; the async form waits where the sync form blocks."""

from __future__ import annotations

import itertools
import select
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy.pool import PoolProxiedConnection

from dorm.dialects.base import BaseLink
from dorm.dialects.contract import Params, Rows, Version, Wait
from dorm.dialects.postgresql_driver import STOP_LIMIT
from dorm.dialects.postgresql_traces import RESET, leaves_traces, refuse_copy

Result = TypeVar("Result")
LARGE = 200
"""A cursor that returned more rows than this is not used again, so that its result can be freed."""
BEGINNING = {"BEGIN", "START TRANSACTION"}
PROBE = "SELECT 1"
_stream_numbers = itertools.count(1)

# libpq's transaction status
IDLE, ACTIVE, IN_TRANSACTION, IN_ERROR, UNKNOWN = range(5)


class PostgresLink(BaseLink):
    """A psycopg connection in autocommit mode."""

    __slots__ = ("_altered", "_cursor", "_poll", "_status", "to_the_end", "wait")

    def __init__(
        self, fairy: PoolProxiedConnection, raw: Any, wait: Wait | None = None, to_the_end: Wait | None = None
    ) -> None:
        super().__init__(fairy, raw)
        self.wait = wait
        self.to_the_end = to_the_end
        self.concurrent_reads = True
        self._cursor: Any = raw.cursor()
        self._status = raw.pgconn
        self._poll: Callable[[int], object] | None = None
        self._altered = False

    @property
    def server_version(self) -> Version:
        return divmod(self._status.server_version, 10_000)

    # ------------------------------------------------------------------------------------------------- statements

    def fetch(self, sql: str, params: Params) -> Rows:
        """The rows of a statement."""
        cursor = self._cursor
        cursor.execute(sql, params)
        rows = cursor.fetchall()
        if len(rows) > LARGE:
            self._cursor = self.raw.cursor()
        return rows

    def run(self, sql: str, params: Params) -> int:
        """The number of rows a statement changed."""
        cursor = self._cursor
        cursor.execute(sql, params)
        return cursor.rowcount

    def run_many(self, sql: str, rows: Sequence[Sequence[object]]) -> int:
        """Runs a statement once per row of parameters. Returns the number of rows it changed."""
        cursor = self._cursor
        cursor.executemany(sql, rows)
        return cursor.rowcount

    def fetch_named(self, sql: str, params: Params) -> tuple[tuple[str, ...], Rows, int]:
        """Column names, rows, and number of changed rows."""
        cursor = self.raw.cursor()
        cursor.execute(sql, params)
        if cursor.description is None:
            return (), [], cursor.rowcount
        return tuple(column.name for column in cursor.description), cursor.fetchall(), cursor.rowcount

    def script(self, sql: str, params: None = None) -> bool:
        """Runs several statements. Returns whether they ended the open transaction, even if another has begun."""
        cursor = self.raw.cursor()
        cursor.execute(sql.encode(), prepare=False)
        return _has_ended(cursor)

    def open_stream(self, sql: str, params: Params, size: int, in_transaction: bool) -> ServerStream:
        return ServerStream(self, sql, params, size, in_transaction)

    # ------------------------------------------------------------------------------------------ transaction control

    def control(self, sql: str, params: None = None) -> None:
        """Sends a transaction control statement.

        The driver forgets its prepared statements when it sees a ROLLBACK, which is needed after DDL only.
        """
        self.raw.command(sql)
        if self._altered and sql.startswith("ROLLBACK"):
            self._forget()

    finish = control

    # ----------------------------------------------------------------------------------------- the session as it was

    def note(self, sql: str) -> None:
        """Called with hand-written SQL before it runs; raises for SQL that cannot run like a statement."""
        refuse_copy(sql)
        self._altered = True
        if not self.marked:
            self.marked = leaves_traces(sql)

    def reset(self) -> bool:
        """Undoes what hand-written SQL may have set, locked or created in the session. Returns whether that worked."""
        self.marked = False
        try:
            self.finish_script(RESET)
        except self.raw.Error:
            return False
        return True

    def finish_script(self, sql: str) -> None:
        """Runs several statements at once, to the end."""
        self.raw.cursor().execute(sql, prepare=False)

    def forget_plan(self, error: BaseException | None) -> bool:
        """Whether a statement failed because a table it was prepared for has changed; it is then prepared again."""
        if getattr(error, "sqlstate", None) != "0A000" or "cached plan" not in str(error):
            return False
        self._forget()
        return True

    def _forget(self) -> None:
        self._altered = False
        self.raw._prepared.clear()

    def keeps_snapshot(self) -> bool:
        """Whether all reads of the open transaction see one snapshot, so that a new transaction cannot replace it."""
        return self.fetch("SHOW transaction_isolation", None) != [("read committed",)]

    def roll_back(self) -> None:
        """Ends a transaction if there is one."""
        if self._status.transaction_status in (IN_TRANSACTION, IN_ERROR):
            self.finish("ROLLBACK")

    def settle(self) -> None:
        """Closes the connection if it is busy, as an interrupted COPY leaves it; the server is told to stop first."""
        if self._status.transaction_status == ACTIVE:
            with suppress(self.raw.Error):
                self.raw.cancel_safe(timeout=STOP_LIMIT)
            self.raw.close()

    @property
    def in_transaction(self) -> bool:
        return self._status.transaction_status in (ACTIVE, IN_TRANSACTION, IN_ERROR)

    @property
    def failed(self) -> bool:
        """Whether the transaction takes no statement any more until it is rolled back."""
        return self._status.transaction_status == IN_ERROR

    @property
    def lost(self) -> bool:
        return self.raw.closed or self._status.transaction_status == UNKNOWN

    # ---------------------------------------------------------------------------------------------------- liveness

    def quick_check(self) -> bool:
        """Whether the socket is silent, as that of a healthy idle connection is. Costs no round trip."""
        if self._poll is None:
            try:
                self._poll = _readable(self.raw.fileno())
            except Exception as problem:
                if not isinstance(problem, (OSError, self.raw.OperationalError)) and not self.raw.closed:
                    raise
                return False
        return not self._poll(0)

    def probe(self) -> bool:
        """A round trip; False when it fails."""
        try:
            self.control(PROBE)
        except Exception:
            if self.lost:
                return False
            raise
        return True

    def close(self) -> None:
        """Ends the session with the server."""
        self._cursor = None
        self.raw.close()

    def abandon(self) -> None:
        """Closes without waiting, and without an event loop."""
        self._cursor = None
        self.raw._closed = True
        self._status.finish()


class AsyncPostgresLink(PostgresLink):
    """The same on psycopg's asynchronous connection; runs inside the bridge."""

    __slots__ = ()
    wait: Wait  # ty: ignore[incompatible-mutable-override] # pyrefly: ignore[bad-override-mutable-attribute]
    to_the_end: Wait  # ty: ignore[incompatible-mutable-override] # pyrefly: ignore[bad-override-mutable-attribute]

    def fetch(self, sql: str, params: Params) -> Rows:
        cursor = self._cursor
        self.wait(cursor.execute(sql, params))
        rows = _done(cursor.fetchall())
        if len(rows) > LARGE:
            self._cursor = self.raw.cursor()
        return rows

    def run(self, sql: str, params: Params) -> int:
        cursor = self._cursor
        self.wait(cursor.execute(sql, params))
        return cursor.rowcount

    def run_many(self, sql: str, rows: Sequence[Sequence[object]]) -> int:
        cursor = self._cursor
        self.wait(cursor.executemany(sql, rows))
        return cursor.rowcount

    def fetch_named(self, sql: str, params: Params) -> tuple[tuple[str, ...], Rows, int]:
        cursor = self.raw.cursor()
        self.wait(cursor.execute(sql, params))
        if cursor.description is None:
            return (), [], cursor.rowcount
        return tuple(column.name for column in cursor.description), _done(cursor.fetchall()), cursor.rowcount

    def script(self, sql: str, params: None = None) -> bool:
        cursor = self.raw.cursor()
        self.wait(cursor.execute(sql.encode(), prepare=False))
        return _has_ended(cursor)

    def control(self, sql: str, params: None = None) -> None:
        self.wait(self.raw.command(sql))
        if self._altered and sql.startswith("ROLLBACK"):
            self._forget()

    def finish(self, sql: str, params: None = None) -> None:
        self.to_the_end(self.raw.command(sql))
        if self._altered and sql.startswith("ROLLBACK"):
            self._forget()

    def finish_script(self, sql: str) -> None:
        self.to_the_end(self.raw.cursor().execute(sql, prepare=False))

    def settle(self) -> None:
        if self._status.transaction_status == ACTIVE:
            self.to_the_end(self._stop())

    async def _stop(self) -> None:
        with suppress(self.raw.Error):
            await self.raw.cancel_safe(timeout=STOP_LIMIT)
        await self.raw.close()

    def close(self) -> None:
        self._cursor = None
        self.wait(self.raw.close())


class ServerStream:
    """A cursor that lives on the server and hands out rows in portions.

    Such a cursor needs a transaction; outside one it opens its own, which ends with the stream.
    """

    __slots__ = ("_cursor", "_done", "_link", "_own", "_size")
    detached = False

    def __init__(self, link: PostgresLink, sql: str, params: Params, size: int, in_transaction: bool) -> None:
        self._link = link
        self._size = size
        self._done = False
        self._own = not in_transaction
        if self._own:
            link.control("BEGIN")
        self._cursor = link.raw.cursor(f"dorm_stream_{next(_stream_numbers)}")
        try:
            self._wait(self._cursor.execute(sql, params))
        except BaseException:
            self.forget()
            if self._own:
                link.roll_back()
            raise

    def _wait(self, outcome: Any) -> Any:
        return outcome if self._link.wait is None else self._link.wait(outcome)

    def next(self) -> Rows:
        """The next portion; empty at the end."""
        if self._done:
            return []
        rows = self._wait(self._cursor.fetchmany(self._size))
        if len(rows) < self._size:
            self._done = True
        return rows

    def forget(self) -> None:
        """The connection is in use elsewhere by now: nothing may be sent on it."""
        self._cursor._closed = True

    def close(self) -> None:
        """Frees the cursor, and ends the transaction that was opened for it."""
        link = self._link
        if link.lost:
            self.forget()
            return
        try:
            if not link.failed:
                closing = self._cursor.close()
                if link.to_the_end is not None:
                    link.to_the_end(closing)
        finally:
            self.forget()
        if self._own:
            link.finish("ROLLBACK" if link.failed else "COMMIT")


def _has_ended(cursor: Any) -> bool:
    tags = [cursor.statusmessage]
    while cursor.nextset():
        tags.append(cursor.statusmessage)
    # the server reports going back to a savepoint as ROLLBACK too, but no transaction begins after it
    return "COMMIT" in tags or ("ROLLBACK" in tags and BEGINNING & set(tags[tags.index("ROLLBACK") :]) != set())


def _done(coroutine: Coroutine[object, None, Result]) -> Result:
    """The result of a coroutine that does not need to wait."""
    try:
        coroutine.send(None)
    except StopIteration as result:
        return result.value
    raise RuntimeError("the driver waits where it never did before")  # pragma: no cover


def _readable(descriptor: int) -> Callable[[int], object]:
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return poll.poll
    return lambda _timeout: select.select([descriptor], [], [], 0)[0]
