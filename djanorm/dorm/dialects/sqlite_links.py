"""SQLite connections with the few methods the library needs, used in place or through a worker thread."""

from __future__ import annotations

import asyncio
import marshal
import re
import sqlite3
import struct
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any, TypeVar

from sqlalchemy.pool import PoolProxiedConnection

from dorm.dialects import sqlite_functions
from dorm.dialects.base import BaseLink
from dorm.dialects.contract import Params, Rows, Version, Wait

Result = TypeVar("Result")
SPOOL_BYTES = 4 * 1024 * 1024
INTERRUPT_AGAIN = 0.02
COMMENT = re.compile(r"\s*(?:--[^\n]*(?:\n|$)|/\*.*?\*/)", re.DOTALL)
LEAVES_TRACES = re.compile(
    r"\b(?:ATTACH|DETACH|TEMP|TEMPORARY)\b|\bPRAGMA\b(?!\s*(?:\w+\.)?(?:table_x?info|table_list|index_\w*list|index_x?info|"
    r"foreign_key_list|foreign_key_check|database_list|collation_list|function_list|compile_options|integrity_check|"
    r"quick_check|user_version|application_id|page_count|freelist_count|data_version|\w+\s*;?\s*$))",
    re.IGNORECASE,
)
"""Hand-written SQL after which a connection may be another one."""
LENGTH = struct.Struct("<Q")


def set_up(connection: sqlite3.Connection, journal_mode: str | None) -> None:
    """Sets up a new connection: foreign keys, journal mode and functions."""
    connection.execute("PRAGMA foreign_keys = ON")
    if journal_mode is not None:
        connection.execute(f"PRAGMA journal_mode = {journal_mode}")
    sqlite_functions.register(connection)


class SQLiteLink(BaseLink):
    """A ``sqlite3`` connection that is used in the calling thread, which keeps it: its settings affect no other thread."""

    __slots__ = ("execute",)

    def __init__(self, fairy: PoolProxiedConnection, raw: Any) -> None:
        super().__init__(fairy, raw)
        self.execute: Callable[..., sqlite3.Cursor] = raw.execute

    def fetch(self, sql: str, params: Params) -> Rows:
        return self.execute(sql, params or ()).fetchall()

    def run(self, sql: str, params: Params) -> int:
        return self.execute(sql, params or ()).rowcount

    def run_many(self, sql: str, rows: Sequence[Sequence[object]]) -> int:
        """Runs a statement once per row of parameters, all or nothing. Returns the total number of changed rows."""
        if self.raw.in_transaction:
            return self.raw.executemany(sql, rows).rowcount
        self.execute("BEGIN IMMEDIATE")
        try:
            changed = self.raw.executemany(sql, rows).rowcount
            self.execute("COMMIT")
        except BaseException:
            self.roll_back()
            raise
        return changed

    def fetch_named(self, sql: str, params: Params) -> tuple[tuple[str, ...], Rows, int]:
        """Column names, rows, and number of changed rows."""
        cursor = self.execute(sql, params or ())
        names = tuple(column[0] for column in cursor.description or ())
        rows = cursor.fetchall()
        return names, rows, cursor.rowcount

    def script(self, sql: str, params: None = None) -> bool:
        """Runs several statements, inside the open transaction if there is one. Returns whether they ended it."""
        if not self.raw.in_transaction:
            if single_statement(sql):
                self.execute(sql).close()
            else:
                self.raw.executescript(sql)
            return False
        ended = False
        for statement in statements_of(sql):
            self.execute(statement).close()
            ended = ended or not self.raw.in_transaction
        return ended

    def open_stream(self, sql: str, params: Params, size: int, in_transaction: bool) -> Stream:
        """Runs a reading statement whose rows are fetched in portions of ``size``."""
        cursor = self.raw.cursor()
        cursor.arraysize = size
        cursor.execute(sql, params or ())
        return Stream(cursor, size, held=in_transaction or self.concurrent_reads)

    def control(self, sql: str, params: None = None) -> None:
        """Transaction control."""
        self.execute(sql)

    finish = control

    def roll_back(self) -> None:
        """Ends a transaction if SQLite still has one; it ends some by itself."""
        if self.raw.in_transaction:
            self.execute("ROLLBACK")

    @property
    def server_version(self) -> Version:
        return sqlite3.sqlite_version_info

    @property
    def in_transaction(self) -> bool:
        return self.raw.in_transaction

    @property
    def lost(self) -> bool:
        return False

    def quick_check(self) -> bool:
        return True

    def probe(self) -> bool:
        """A statement; False when it fails."""
        try:
            self.execute("SELECT 1").fetchone()
        except sqlite3.Error:
            return False
        return True

    def close(self) -> None:
        self.raw.close()

    abandon = close


class ThreadedSQLiteLink(BaseLink):
    """The same through ``aiosqlite``: one trip to the connection's thread per verb."""

    __slots__ = ("_streams", "inner", "to_the_end", "wait", "worker")

    def __init__(self, fairy: PoolProxiedConnection, worker: Any, wait: Wait, to_the_end: Wait) -> None:
        super().__init__(fairy, worker._conn)
        self.worker = worker
        self.wait = wait
        self.to_the_end = to_the_end
        self.inner = SQLiteLink(fairy, self.raw)
        self._streams: set[ThreadedStream] = set()

    def _call(self, function: Callable[..., object], *args: object) -> _Work:
        """Runs a function in the connection's thread.

        The public verbs of aiosqlite make one trip per step (cursor, execute, fetch, close), and its thread dies when
        the loop ends before the answer; this makes one trip, and a late answer does no harm. The extra pins aiosqlite's
        minor version.
        """
        worker = self.worker
        if self.lost:
            raise sqlite3.ProgrammingError("Cannot operate on a closed database.")
        work = _Work(asyncio.get_running_loop(), function, args)
        worker._tx.put_nowait((None, work))
        return work

    def _do(self, function: Callable[..., Result], *args: object) -> Result:
        """The result of a function in the connection's thread; after a cancellation, the thread has stopped."""
        work = self._call(function, *args)
        try:
            return self.wait(work.future)
        except asyncio.CancelledError:
            self._stop(work, _nothing)
            raise

    def _stop(self, work: _Work, tidy: Callable[[], object], stream: ThreadedStream | None = None) -> None:
        """Interrupts what is running, then runs ``tidy`` in the thread.

        SQLite interrupts everything that is open on a connection: while other streams are open, it waits for the end
        instead.
        """
        if self.lost:
            return
        if not self._streams - {stream}:
            work.interrupt(self.raw)
        self._finish(tidy)

    def _finish(self, function: Callable[..., Result], *args: object) -> Result:
        return self.to_the_end(self._call(function, *args).future)

    def prepare(self, journal_mode: str | None) -> None:
        """Sets the connection up, in its thread."""

        def work() -> bool:
            set_up(self.raw, journal_mode)
            return self.raw.execute("PRAGMA journal_mode").fetchone()[0] == "wal"

        self.concurrent_reads = self.inner.concurrent_reads = self._do(work)

    def fetch(self, sql: str, params: Params) -> Rows:
        return self._do(self.inner.fetch, sql, params)

    def run(self, sql: str, params: Params) -> int:
        return self._do(self.inner.run, sql, params)

    def run_many(self, sql: str, rows: Sequence[Sequence[object]]) -> int:
        return self._do(self.inner.run_many, sql, rows)

    def fetch_named(self, sql: str, params: Params) -> tuple[tuple[str, ...], Rows, int]:
        return self._do(self.inner.fetch_named, sql, params)

    def script(self, sql: str, params: None = None) -> bool:
        return self._do(self.inner.script, sql)

    def open_stream(self, sql: str, params: Params, size: int, in_transaction: bool) -> ThreadedStream:
        """See :meth:`SQLiteLink.open_stream`."""
        stream = ThreadedStream(self)
        stream.step(stream.open, sql, params, size, in_transaction)
        return stream

    def control(self, sql: str, params: None = None) -> None:
        self._do(self.inner.control, sql)

    def finish(self, sql: str, params: None = None) -> None:
        """Transaction control that a cancellation must not cut short."""
        self._finish(self.inner.control, sql)

    def roll_back(self) -> None:
        self._finish(self.inner.roll_back)

    def note(self, sql: str) -> None:
        """Called with hand-written SQL before it runs."""
        self.marked = self.marked or LEAVES_TRACES.search(sql) is not None

    def reset(self) -> bool:
        """False: a PRAGMA cannot be undone, so the next borrower gets another connection."""
        return False

    @property
    def server_version(self) -> Version:
        return sqlite3.sqlite_version_info

    @property
    def driver_connection(self) -> Any:
        return self.worker

    @property
    def in_transaction(self) -> bool:
        return self.raw.in_transaction

    @property
    def lost(self) -> bool:
        return not self.worker._running or self.worker._connection is None

    def quick_check(self) -> bool:
        return not self.lost

    def probe(self) -> bool:
        return not self.lost and self._do(self.inner.probe)

    def close(self) -> None:
        self.wait(self.worker.close())

    def abandon(self) -> None:
        """Closes without waiting, for the end of a loop: the thread finishes what it does and ends."""
        worker = self.worker
        if worker._connection is None:
            return
        worker._running = False
        worker._tx.put_nowait((None, _closer(worker)))


class _Work:
    """A function that is passed to the connection's thread."""

    __slots__ = ("_args", "_function", "_lock", "done", "future", "loop")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, function: Callable[..., object], args: tuple[object, ...]
    ) -> None:
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.done = False
        self._function = function
        self._args = args
        self._lock = threading.Lock()

    def __call__(self) -> None:
        """In the thread."""
        result: object = None
        error: BaseException | None = None
        try:
            if not self.future.cancelled():
                result = self._function(*self._args)
        except BaseException as problem:
            error = problem
        finally:
            with self._lock:
                self.done = True
        if not self.loop.is_closed():
            with suppress(RuntimeError):  # it was closed at this very moment
                self.loop.call_soon_threadsafe(_settle, self.future, result, error)

    def interrupt(self, raw: sqlite3.Connection) -> None:
        """In the loop: interrupts the function, repeatedly in case SQLite had not started it yet."""
        with self._lock:
            if self.done:
                return
            raw.interrupt()
        if not self.loop.is_closed():
            self.loop.call_later(INTERRUPT_AGAIN, self.interrupt, raw)


def _nothing() -> None:
    """Does nothing: a trip to the thread that ends when everything queued before it has ended."""


def _settle(future: asyncio.Future[object], result: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


@contextmanager
def naming(path: str) -> Generator[None, None, None]:
    """Adds ``path`` to the error of a file that cannot be opened: SQLite's own says neither which it is nor why."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if str(error) == "unable to open database file":
            error.args = (f"{error} {path!r}: its folder has to exist, and to allow writing",)
        raise


async def open_worker(connect: Callable[..., Any], **arguments: Any) -> Any:
    """An open aiosqlite connection whose thread does not keep the process alive."""
    worker = connect(**arguments)
    worker._thread.daemon = True
    try:
        with naming(arguments["database"]):
            return await worker
    except BaseException:
        # its thread is about to end; wait for that before the loop ends
        worker._thread.join(1.0)
        raise


def _closer(worker: Any) -> Callable[[], object]:
    connection, worker._connection = worker._connection, None
    stop = sys.modules[type(worker).__module__]._STOP_RUNNING_SENTINEL

    def close() -> object:
        connection.close()
        return stop

    return close


class Stream:
    """Rows in portions.

    A reader that stays open between portions keeps other connections from writing, except in WAL mode. So unless the
    cursor may be ``held``, whatever does not fit into the first portion is moved to a temporary file at once: memory
    stays bounded and no lock is held while the caller works on a portion.
    """

    __slots__ = ("_cursor", "_done", "_file", "_held", "_size")

    def __init__(self, cursor: sqlite3.Cursor, size: int, *, held: bool) -> None:
        self._cursor: sqlite3.Cursor | None = cursor
        self._size = size
        self._held = held
        self._file: IO[bytes] | None = None
        self._done = False

    @property
    def detached(self) -> bool:
        """Whether the connection is no longer needed."""
        return self._cursor is None

    def next(self) -> Rows:
        """The next portion; empty at the end."""
        if self._done:
            return []
        if self._file is not None:
            return self._read()
        assert self._cursor is not None
        rows = self._cursor.fetchmany(self._size)
        if len(rows) < self._size:
            self.close()
        elif not self._held:
            self._spool(self._cursor)
        return rows

    def _spool(self, cursor: sqlite3.Cursor) -> None:
        file = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - closed with the stream
        self._file = file
        while rows := cursor.fetchmany(self._size):
            data = marshal.dumps(rows)
            file.write(LENGTH.pack(len(data)))
            file.write(data)
        file.seek(0)
        cursor.close()
        self._cursor = None

    def _read(self) -> Rows:
        assert self._file is not None
        header = self._file.read(LENGTH.size)
        if not header:
            self.close()
            return []
        return marshal.loads(self._file.read(LENGTH.unpack(header)[0]))  # noqa: S302 - written by _spool()

    def forget(self) -> None:
        """The connection is in use elsewhere by now."""
        self.close()

    def close(self) -> None:
        """Frees the cursor and the temporary file."""
        self._done = True
        cursor, self._cursor = self._cursor, None
        file, self._file = self._file, None
        if cursor is not None:
            cursor.close()
        if file is not None:
            file.close()


class ThreadedStream:
    """A stream whose connection works in another thread; portions that lie in the file are read here."""

    __slots__ = ("_inner", "_link")

    def __init__(self, link: ThreadedSQLiteLink) -> None:
        self._link = link
        self._inner: Stream | None = None

    def step(self, function: Callable[..., Result], *args: object) -> Result:
        """Runs a function in the thread; when it is cancelled, the cursor is closed there."""
        work = self._link._call(function, *args)
        try:
            return self._link.wait(work.future)
        except asyncio.CancelledError:
            self._link._stop(work, self._close, self)
            raise

    def open(self, sql: str, params: Params, size: int, in_transaction: bool) -> None:
        """In the thread."""
        self._link._streams.add(self)
        try:
            self._inner = self._link.inner.open_stream(sql, params, size, in_transaction)
        except BaseException:
            self._link._streams.discard(self)
            raise

    def _next(self) -> Rows:
        assert self._inner is not None
        rows = self._inner.next()
        if self._inner.detached:
            self._link._streams.discard(self)
        return rows

    def _close(self) -> None:
        self._link._streams.discard(self)
        if self._inner is not None:
            self._inner.close()

    @property
    def detached(self) -> bool:
        return self._inner is None or self._inner.detached

    def next(self) -> Rows:
        """The next portion; empty at the end."""
        return self._next() if self.detached else self.step(self._next)

    def forget(self) -> None:
        """The connection is in use elsewhere by now."""
        self.close()

    def close(self) -> None:
        """Frees the cursor, in its thread, and the temporary file."""
        if self.detached:
            self._close()
        elif not self._link.lost:
            self._link._finish(self._close)


def statements_of(sql: str) -> list[str]:
    """The statements of a script; semicolons in texts, comments and triggers end none."""
    found, start = [], 0
    for match in re.finditer(";", sql):
        if sqlite3.complete_statement(sql[start : match.end()]):
            found.append(sql[start : match.end()])
            start = match.end()
    rest = sql[start:]
    return [*found, rest] if rest.strip() else found


def single_statement(sql: str) -> bool:
    """Whether a script is one statement: nothing but blanks and comments after its first semicolon."""
    rest = sql
    for index, character in enumerate(sql):
        if character == ";" and sqlite3.complete_statement(sql[: index + 1]):
            rest = sql[index + 1 :]
            break
    else:
        return True
    while match := COMMENT.match(rest):
        rest = rest[match.end() :]
    return not rest.strip().strip(";").strip()
