"""A dialect without a database: it records what would be sent, and answers with rows that were prepared.

For tests of the SQL that a piece of code sends, and for programs that only want to see it::

    with Recording("postgresql") as recording:
        recording.answer((1, "Ada"))
        author = Author.objects.get(name="Ada")
    recording.statements  # [Recorded(sql='SELECT …', params=('Ada', …))]
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, NamedTuple

from sqlalchemy import Dialect as SQLAlchemyDialect
from sqlalchemy.engine import Engine as SQLAlchemyEngine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool, PoolProxiedConnection

from dorm.conf.engines import Engine
from dorm.conf.entries import DatabaseSettings
from dorm.conf.settings import settings
from dorm.dialects import registry
from dorm.dialects.base import BaseLink
from dorm.dialects.contract import Features, Params, Rows, Spelling, Version, Wait
from dorm.exceptions import DatabaseError


class Recorded(NamedTuple):
    """A statement that would have been sent.

    :ivar sql: its text, as the driver would have got it.
    :ivar params: its parameters; of a statement that runs once per row, a tuple of them per row.
    """

    sql: str
    params: tuple[Any, ...]


class Answer(NamedTuple):
    """What one statement gets back."""

    rows: Rows
    changed: int


class Recording:
    """A dialect that records. Used as a context manager, it stands in for a database; what it recorded stays afterwards.

    :param like: the ENGINE whose SQL it writes.
    :param using: the alias that it stands in for.
    :param server_version: the release of the server that it claims to be.
    :param features: what it can do otherwise than ``like``, by the names of the fields of ``Features``.
    """

    engine: Engine

    def __init__(
        self,
        like: str = "sqlite",
        *,
        using: str = "default",
        server_version: Version | None = None,
        **features: Any,
    ) -> None:
        self.like = registry.for_engine(like)
        self.using = using
        self.server_version = server_version
        self.engine = Engine(f"recording_{like}", f"a recording of {self.like.engine.display_name}")
        self._features = features
        self._answers: deque[Answer | BaseException] = deque()
        self._before: Any = None
        #: Everything that was sent, transaction control included.
        self.log: list[Recorded] = []
        #: What was sent, without BEGIN, COMMIT and their like.
        self.statements: list[Recorded] = []

    @property
    def sql(self) -> list[str]:
        """The texts of :attr:`statements`."""
        return [statement.sql for statement in self.statements]

    def answer(self, *rows: Sequence[object], changed: int | None = None) -> None:
        """Prepares the answer to the next statement that has none yet.

        :param rows: the rows that it returns; without an answer prepared, a statement returns none.
        :param changed: the number of rows that it changes; by default the number of ``rows``, and 1 without an answer.
        """
        found = [tuple(row) for row in rows]
        self._answers.append(Answer(found, len(found) if changed is None else changed))

    def fail(self, error: BaseException) -> None:
        """Lets the next statement without an answer raise ``error``, as a driver would."""
        self._answers.append(error)

    def clear(self) -> None:
        """Forgets what was recorded and prepared."""
        self.log.clear()
        self.statements.clear()
        self._answers.clear()

    # ------------------------------------------------------------------------------------------------ in place of a database

    def __enter__(self) -> Recording:
        registry.register(self)
        self._before = settings.get("DATABASES") or {}
        settings.apply({"DATABASES": {**self._before, self.using: {"ENGINE": self.engine.name, "NAME": "nowhere"}}})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        settings.apply({"DATABASES": self._before})
        registry.unregister(self.engine.name)

    # ------------------------------------------------------------------------------------------------------- as a dialect

    def features(self, server_version: Version | None = None) -> Features:
        """Those of the database that it is like, changed as asked for; connections are pooled."""
        known = self.like.features(server_version or self.server_version)
        return replace(known, pooled=True, **self._features)

    def sqlalchemy_dialect(self) -> SQLAlchemyDialect:
        return self.like.sqlalchemy_dialect()

    def spelling(self, features: Features) -> Spelling:
        return self.like.spelling(features)

    def connector(self, settings: DatabaseSettings) -> RecordingConnector:
        return RecordingConnector(self)

    def is_driver_error(self, error: BaseException) -> bool:
        return self.like.is_driver_error(error)

    def translate(self, error: BaseException) -> DatabaseError:
        return self.like.translate(error)

    def is_transient(self, error: BaseException) -> bool:
        return self.like.is_transient(error)

    def proves_not_run(self, error: BaseException) -> bool:
        return self.like.proves_not_run(error)

    def means_closed(self, error: BaseException) -> bool:
        return self.like.means_closed(error)

    # --------------------------------------------------------------------------------------------------------- statements

    def record(self, sql: str, params: Iterable[object] | None) -> Answer:
        """Records a statement, and gives its answer."""
        made = Recorded(sql, tuple(params or ()))
        self.log.append(made)
        self.statements.append(made)
        if not self._answers:
            return Answer([], 1)
        found = self._answers.popleft()
        if isinstance(found, BaseException):
            raise found
        return found

    def control(self, sql: str) -> None:
        """Records transaction control."""
        self.log.append(Recorded(sql, ()))


class RecordingConnector:
    """Opens links to nowhere."""

    begin = "BEGIN"
    exclusive = False

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    def limit(self, asynchronous: bool) -> int:
        return 10

    def engine(self) -> SQLAlchemyEngine:
        """An engine whose connections record."""
        dialect = self.recording.sqlalchemy_dialect()
        creator: Any = lambda: _DriverConnection(self.recording)  # noqa: E731 - it has no more of a driver than is used
        pool = NullPool(creator, dialect=dialect, reset_on_return=None)
        return SQLAlchemyEngine(pool, dialect, make_url(f"{dialect.name}://"))

    async_engine = engine

    def link(self, fairy: PoolProxiedConnection) -> RecordingLink:
        return RecordingLink(fairy, self.recording)

    def async_link(self, fairy: PoolProxiedConnection, wait: Wait, to_the_end: Wait) -> RecordingLink:
        return RecordingLink(fairy, self.recording)

    def close(self) -> None:
        """Does nothing: nothing is open."""


class RecordingLink(BaseLink):
    """A connection to nowhere; it answers at once, in sync and in async code."""

    __slots__ = ("_lost", "in_transaction")

    def __init__(self, fairy: PoolProxiedConnection, recording: Recording) -> None:
        super().__init__(fairy, recording)
        self.concurrent_reads = True
        self.in_transaction = False
        self._lost = False

    @property
    def server_version(self) -> Version | None:
        return self.raw.server_version

    @property
    def lost(self) -> bool:
        return self._lost

    def fetch(self, sql: str, params: Params) -> Rows:
        return self.raw.record(sql, params).rows

    def run(self, sql: str, params: Params) -> int:
        return self.raw.record(sql, params).changed

    def run_many(self, sql: str, rows: Sequence[Sequence[object]]) -> int:
        return self.raw.record(sql, [tuple(row) for row in rows]).changed

    def fetch_named(self, sql: str, params: Params) -> tuple[tuple[str, ...], Rows, int]:
        found = self.raw.record(sql, params)
        width = len(found.rows[0]) if found.rows else 0
        return tuple(f"column{number}" for number in range(1, width + 1)), found.rows, found.changed

    def script(self, sql: str, params: None = None) -> bool:
        self.raw.record(sql, None)
        return False

    def open_stream(self, sql: str, params: Params, size: int, in_transaction: bool) -> RecordingStream:
        return RecordingStream(self.raw.record(sql, params).rows, size)

    def control(self, sql: str, params: None = None) -> None:
        self.raw.control(sql)
        if sql.startswith("BEGIN"):
            self.in_transaction = True
        elif sql in ("COMMIT", "ROLLBACK"):
            self.in_transaction = False

    finish = control

    def roll_back(self) -> None:
        if self.in_transaction:
            self.control("ROLLBACK")

    def quick_check(self) -> bool:
        return not self._lost

    probe = quick_check

    def close(self) -> None:
        self._lost = True

    abandon = close


class RecordingStream:
    """Prepared rows in portions."""

    detached = True

    def __init__(self, rows: Rows, size: int) -> None:
        self._rows = rows
        self._size = size

    def next(self) -> Rows:
        """The next portion; empty at the end."""
        portion, self._rows = self._rows[: self._size], self._rows[self._size :]
        return portion

    def forget(self) -> None:
        """Does nothing: nothing is open."""

    close = forget


class _DriverConnection:
    """What SQLAlchemy takes for a connection of a driver, for DDL."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    def cursor(self, *args: object, **options: object) -> _Cursor:
        return _Cursor(self.recording)

    def commit(self) -> None:
        """Does nothing: the library ends transactions itself."""

    rollback = close = commit


class _Cursor:
    """What SQLAlchemy takes for a cursor of a driver."""

    arraysize = 100
    lastrowid = None

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._rows: Rows = []
        self.rowcount = -1
        self.description: object = None

    def execute(self, sql: str, params: Params = None) -> None:
        found = self._recording.record(sql, params)
        self._rows, self.rowcount = list(found.rows), found.changed
        width = len(self._rows[0]) if self._rows else 1
        self.description = [(f"column{number}", *[None] * 6) for number in range(1, width + 1)]

    def fetchall(self) -> Rows:
        rows, self._rows = self._rows, []
        return rows

    def fetchone(self) -> object:
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int = 1) -> Rows:
        rows, self._rows = self._rows[:size], self._rows[size:]
        return rows

    def close(self) -> None:
        """Does nothing: nothing is open."""
