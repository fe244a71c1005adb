"""SQLite: what it can do, how to connect to it, and what its errors mean."""

from __future__ import annotations

import re
import sqlite3
import sys
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Dialect as SQLAlchemyDialect
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Engine, create_engine
from sqlalchemy.pool import NullPool, PoolProxiedConnection

from dorm import exceptions
from dorm.conf.entries import DatabaseSettings
from dorm.dialects.base import missing_column, missing_table
from dorm.dialects.contract import Dialect, Features, Version, Wait
from dorm.dialects.engine_names import BUILT_IN
from dorm.dialects.sql.sqlite import SqliteHooks
from dorm.dialects.sqlite_links import SQLiteLink, ThreadedSQLiteLink, naming, open_worker, set_up
from dorm.exceptions import DatabaseError, ImproperlyConfigured
from dorm.utils.optional import require
from dorm.utils.suggest import hint

FEATURES = Features(
    vendor="sqlite",
    display_name="SQLite",
    native_uuid=False,
    native_json=False,
    native_arrays=False,
    native_boolean=False,
    native_decimal=False,
    native_datetime=False,
    native_interval=False,
    native_nan=False,
    # the library is part of the process, so its version is known before any connection
    max_parameters=32766 if sqlite3.sqlite_version_info >= (3, 32) else 999,
    supports_returning=sqlite3.sqlite_version_info >= (3, 35),
    list_parameter=True,
    unnest_insert=False,
    update_from_values=sqlite3.sqlite_version_info >= (3, 33),
    distinct_on=False,
    joins_exists=False,
    names_shared_parameters=False,
    groups_by_outer_columns=False,
    row_locks=False,
    failed_statement_breaks_transaction=False,
    deferrable_constraints=False,
    identity_columns=False,
    add_foreign_key_later=False,
    extensions=False,
    covering_indexes=False,
    partial_indexes=True,
    expression_indexes=True,
    exclusion_constraints=False,
    nulls_not_distinct=False,
    pooled=False,
)
ASYNC_CONNECTIONS = 8
JOURNAL_MODES = ("DELETE", "TRUNCATE", "PERSIST", "MEMORY", "WAL", "OFF")
TRANSACTION_MODES = ("DEFERRED", "IMMEDIATE", "EXCLUSIVE")
OPTIONS = ("cached_statements", "journal_mode", "timeout", "transaction_mode")
MEMORY = ":memory:"
# Connections of one named in-memory database share it with the locking rules of a file.
MEMORY_VFS = sqlite3.sqlite_version_info >= (3, 36)
# The messages that quote a value.
QUOTED = re.compile(r"(JSON path(?: error near)?:? )'.*'", re.DOTALL)
VIOLATION = re.compile(r"^(UNIQUE|NOT NULL|CHECK|FOREIGN KEY) constraint failed(?:: (.*))?$")
MISSING_TABLE = re.compile(r"^no such table: (.+)$")
MISSING_COLUMN = re.compile(r"^no such column: |has no column named ")
LOCKED = ("database is locked", "database table is locked", "database schema is locked")
CLOSED = "closed database"
RESULT_LOCKED = frozenset({5, 6})  # SQLITE_BUSY, SQLITE_LOCKED; extended codes keep these in their low byte


class Connector:
    """Opens connections of one alias, sync and async."""

    def __init__(self, settings: DatabaseSettings) -> None:
        options = dict(settings.options)
        unknown = sorted(set(options) - set(OPTIONS))
        if unknown:
            raise ImproperlyConfigured(
                f"DATABASES[{settings.alias!r}]: SQLite has no option {unknown[0]!r}. {hint(unknown[0], OPTIONS)}"
            )
        self.settings = settings
        self.journal_mode = _choice(settings.alias, options, "journal_mode", JOURNAL_MODES, None)
        self.transaction_mode = _choice(settings.alias, options, "transaction_mode", TRANSACTION_MODES, "IMMEDIATE")
        self.timeout = _timeout(settings.alias, options.get("timeout", 5.0))
        self.cached_statements = int(options.get("cached_statements", 512))
        self.memory = settings.name == MEMORY or settings.name.startswith("file::memory:")
        if self.memory:
            name = f"dorm-{settings.alias}-{uuid.uuid4().hex}"
            self.path = f"file:/{name}?vfs=memdb" if MEMORY_VFS else f"file:{name}?mode=memory&cache=shared"
        else:
            self.path = settings.name
        self.uri = self.memory or settings.name.startswith("file:")
        # an in-memory database lives as long as a connection to it does
        self._keeper: sqlite3.Connection | None = None

    @property
    def begin(self) -> str:
        """How a transaction begins; ``transaction_mode`` of OPTIONS chooses, IMMEDIATE unless told otherwise.

        A deferred transaction that reads first and writes later fails at once, without waiting, if another connection
        wrote in between; an immediate one waits for its turn when it begins.
        """
        return f"BEGIN {self.transaction_mode}"

    @property
    def exclusive(self) -> bool:
        """Whether a transaction holds the write lock from its first statement to its end."""
        return self.transaction_mode != "DEFERRED"

    def limit(self, asynchronous: bool) -> int:
        # each thread keeps its connection to a file, however many threads there are
        return ASYNC_CONNECTIONS if asynchronous else sys.maxsize

    def connect(self) -> sqlite3.Connection:
        """A new synchronous connection."""
        if self.memory and self._keeper is None:
            self._keeper = self._connect()
        return self._connect()

    def _connect(self) -> sqlite3.Connection:
        with naming(self.path):
            return sqlite3.connect(self.path, **self._arguments())

    def _arguments(self) -> dict[str, Any]:
        return {
            "timeout": self.timeout,
            "isolation_level": None,
            "check_same_thread": False,
            "cached_statements": self.cached_statements,
            "uri": self.uri,
        }

    def engine(self) -> Engine:
        """The synchronous engine: it opens a connection per request and keeps none."""
        return create_engine(
            "sqlite+pysqlite://",
            creator=self.connect,
            poolclass=NullPool,
            paramstyle="qmark",
            pool_reset_on_return=None,
        )

    def async_engine(self) -> Engine:
        """The asynchronous engine, as its synchronous façade: each connection works in its own thread."""
        aiosqlite = require("aiosqlite", extra="sqlite", purpose="async access to SQLite")
        adapter: list[Any] = []

        def create() -> Any:
            if self.memory and self._keeper is None:
                self._keeper = self._connect()
            return adapter[0].connect(
                aiosqlite.connect, database=self.path, **self._arguments(), async_creator_fn=open_worker
            )

        engine = create_engine(
            "sqlite+aiosqlite://",
            creator=create,
            poolclass=NullPool,
            pool_reset_on_return=None,
            paramstyle="qmark",
            _is_async=True,
        )
        adapter.append(engine.dialect.dbapi)
        return engine

    def link(self, fairy: PoolProxiedConnection) -> SQLiteLink:
        """The link for a connection that SQLAlchemy's pool has made."""
        link = SQLiteLink(fairy, fairy.driver_connection)
        set_up(link.raw, self.journal_mode)
        link.concurrent_reads = _is_wal(link.raw)
        return link

    def async_link(self, fairy: PoolProxiedConnection, wait: Wait, to_the_end: Wait) -> ThreadedSQLiteLink:
        """The link for an asynchronous connection; ``wait`` and ``to_the_end`` are the bridge's."""
        link = ThreadedSQLiteLink(fairy, fairy.driver_connection, wait, to_the_end)
        link.prepare(self.journal_mode)
        return link

    def close(self) -> None:
        """Forgets the in-memory database."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.close()


def _is_wal(connection: sqlite3.Connection) -> bool:
    return connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def _choice(
    alias: str, options: Mapping[str, object], name: str, valid: tuple[str, ...], default: str | None
) -> str | None:
    value = options.get(name)
    if value is None:
        return default
    if str(value).upper() not in valid:
        raise ImproperlyConfigured(f"DATABASES[{alias!r}]: {name} {value!r} is not one of {', '.join(valid)}")
    return str(value).upper()


def _timeout(alias: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if number < 0:
        raise ImproperlyConfigured(f"DATABASES[{alias!r}]: timeout must be a number of seconds, not {value!r}")
    return number


# ------------------------------------------------------------------------------------------------------------- errors


def is_driver_error(error: BaseException) -> bool:
    """Whether ``sqlite3`` raised it."""
    return isinstance(error, sqlite3.Error) or _is_too_large(error)


def _is_too_large(error: BaseException) -> bool:
    """Whether the driver refused a number that 64 bits cannot hold."""
    return isinstance(error, OverflowError) and "SQLite INTEGER" in str(error)


def is_transient(error: BaseException) -> bool:
    """Whether another attempt may succeed: the file was locked or busy, or the connection was closed meanwhile."""
    if isinstance(error, sqlite3.ProgrammingError):
        return CLOSED in str(error)
    if not isinstance(error, sqlite3.OperationalError):
        return False
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in RESULT_LOCKED
    return str(error).startswith(LOCKED)


def proves_not_run(error: BaseException) -> bool:
    """Whether the statement cannot have changed anything: it did not get its lock."""
    return is_transient(error)


def translate(error: BaseException) -> DatabaseError:
    """The library's error for a ``sqlite3`` error; neither prints a value."""
    text = QUOTED.sub(r"\1'***'", str(error))
    error.args = (text,)
    if _is_too_large(error):
        return exceptions.DataError(text)
    violation = VIOLATION.match(text)
    if violation:
        return _violation(violation[1], violation[2] or "", text)
    missing = MISSING_TABLE.match(text)
    if missing:
        table = missing[1].removeprefix("main.")
        return exceptions.OperationalError(missing_table(table, text), table=table)
    if MISSING_COLUMN.search(text):
        return exceptions.ProgrammingError(missing_column(text))
    if isinstance(error, sqlite3.OperationalError) and is_transient(error):
        return exceptions.LockNotAvailable(text)
    for name in ("IntegrityError", "DataError", "InterfaceError", "NotSupportedError", "ProgrammingError"):
        if isinstance(error, getattr(sqlite3, name)):
            return getattr(exceptions, name)(text)
    if isinstance(error, sqlite3.OperationalError):
        wrong = re.search(r"syntax error|no such function|incomplete input", text)
        return exceptions.ProgrammingError(text) if wrong else exceptions.OperationalError(text)
    return DatabaseError(text)


def _violation(kind: str, detail: str, text: str) -> DatabaseError:
    if kind == "CHECK":
        return exceptions.CheckViolation(text, constraint=detail or None, sqlstate="23514")
    if kind == "FOREIGN KEY":
        return exceptions.ForeignKeyViolation(text, sqlstate="23503")
    name = re.match(r"index '(.+)'$", detail)
    if name:
        return exceptions.UniqueViolation(text, constraint=name[1], sqlstate="23505")
    pairs = [part.strip().rpartition(".") for part in detail.split(", ")]
    table = pairs[0][0] or None
    columns = [column for _, _, column in pairs]
    if kind == "UNIQUE":
        return exceptions.UniqueViolation(text, table=table, columns=columns, sqlstate="23505")
    return exceptions.NotNullViolation(text, table=table, columns=columns, sqlstate="23502")


# ----------------------------------------------------------------------------------------------------------- the whole


class SQLite:
    """SQLite 3.35 and later; on older ones rows are inserted whose values are all given."""

    engine = BUILT_IN[0]

    def __init__(self) -> None:
        self._spelling = SqliteHooks(FEATURES.display_name)

    def features(self, server_version: Version | None = None) -> Features:
        return FEATURES

    def sqlalchemy_dialect(self) -> SQLAlchemyDialect:
        return SQLiteDialect_pysqlite(paramstyle="qmark")

    def spelling(self, features: Features) -> SqliteHooks:
        return self._spelling

    def connector(self, settings: DatabaseSettings) -> Connector:
        return Connector(settings)

    is_driver_error = staticmethod(is_driver_error)
    translate = staticmethod(translate)
    is_transient = staticmethod(is_transient)
    proves_not_run = staticmethod(proves_not_run)

    def means_closed(self, error: BaseException) -> bool:
        return CLOSED in str(error)


DIALECT: Dialect = SQLite()
