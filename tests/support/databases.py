"""The databases that the tests run on: an SQLite file per test, a PostgreSQL database per run (and worker)."""

from __future__ import annotations

import os
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

VENDORS = ("sqlite", "postgresql")
MISSING = "NO POSTGRESQL"
RUN = "djanorm_run_"
LOOKING = "looking behind the back of the library"


@dataclass(frozen=True)
class TestDatabase:
    """A configured, empty database, and a way to look at it behind the library's back."""

    __test__ = False

    vendor: str
    entry: dict[str, Any]

    def __repr__(self) -> str:
        return f"<{self.vendor} test database>"

    @contextmanager
    def connect(self) -> Iterator[Any]:
        """A driver connection of its own, in autocommit."""
        if self.vendor == "sqlite":
            with closing(sqlite3.connect(self.entry["NAME"], timeout=10, isolation_level=None)) as connection:
                yield connection
        else:
            with _psycopg().connect(**_keywords(self.entry), autocommit=True, application_name=LOOKING) as connection:
                yield connection

    def rows(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        """Rows of one statement; ``?`` marks a parameter on both databases."""
        with self.connect() as connection:
            return [tuple(row) for row in connection.execute(self._text(sql, params), params or ()).fetchall()]

    def run(self, sql: str, *params: Any) -> None:
        """One statement without a result."""
        with self.connect() as connection:
            connection.execute(self._text(sql, params), params or ())

    def value(self, sql: str, *params: Any) -> Any:
        """The first column of the first row."""
        return self.rows(sql, *params)[0][0]

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return self.value(f'SELECT COUNT(*) FROM "{table}"')

    def sessions(self) -> list[str]:
        """What the sessions of the library do on a server; those that look behind its back, one still ending, do not count."""
        sql = (
            "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
            " AND application_name <> ?"
        )
        return [state for (state,) in self.rows(sql, LOOKING)]

    def keeps_sessions(self, count: int) -> bool:
        """Whether the library has that many sessions, now or within two seconds: a server ends closed ones after a moment."""
        for _ in range(100):
            if len(self.sessions()) == count:
                return True
            time.sleep(0.02)
        return False

    def tables(self) -> set[str]:
        """The names of the user's tables."""
        sql = (
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            if self.vendor == "sqlite"
            else "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        )
        return {name for (name,) in self.rows(sql)}

    def _text(self, sql: str, params: tuple[Any, ...]) -> str:
        return sql.replace("?", "%s") if params and self.vendor == "postgresql" else sql


def _psycopg() -> Any:
    import psycopg

    return psycopg


def _keywords(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "host": entry["HOST"],
        "port": entry["PORT"],
        "user": entry["USER"],
        "password": entry["PASSWORD"] or None,
        "dbname": entry["NAME"],
    }


def server_entry() -> dict[str, Any]:
    """The maintenance database of the server that ``DORM_TEST_POSTGRES_*`` names."""
    read = os.environ.get
    return {
        "ENGINE": "postgresql",
        "HOST": read("DORM_TEST_POSTGRES_HOST", "127.0.0.1"),
        "PORT": int(read("DORM_TEST_POSTGRES_PORT", "5432")),
        "USER": read("DORM_TEST_POSTGRES_USER", "postgres"),
        "PASSWORD": read("DORM_TEST_POSTGRES_PASSWORD", ""),
        "NAME": read("DORM_TEST_POSTGRES_DB", "postgres"),
    }


@contextmanager
def postgresql_of_this_run() -> Iterator[dict[str, Any] | str]:
    """The entry of a database made for this run and dropped after it, or the reason why there is none."""
    admin = _administrator()
    if isinstance(admin, str):
        yield admin
        return
    server = server_entry()
    with admin:
        run = uuid.uuid4().hex[:12]
        admin.execute("SELECT pg_advisory_lock(hashtext(%s))", [run])
        _drop_what_dead_runs_left(admin)
        name = f"{RUN}{run}"
        admin.execute(f'CREATE DATABASE "{name}"')
        # Tests need no durability, and a commit costs ten times less without it.
        admin.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
        try:
            yield {**server, "NAME": name, "MIN_POOL_SIZE": 1, "MAX_POOL_SIZE": 8}
        finally:
            _drop(admin, run)


def sweep() -> None:
    """Drop what killed runs have left, where there is a server: those of the workers of an interrupted run above all."""
    admin = _administrator()
    if not isinstance(admin, str):
        with admin:
            _drop_what_dead_runs_left(admin)


def _administrator() -> Any:
    """A connection to the server's maintenance database, or the reason why there is none."""
    server = server_entry()
    try:
        psycopg = _psycopg()
    except ImportError as problem:
        return f"psycopg is not installed ({problem})"
    try:
        return psycopg.connect(**_keywords(server), autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as problem:
        return f"{server['HOST']}:{server['PORT']} does not answer ({str(problem).splitlines()[0]})"


def another_database(home: TestDatabase) -> str:
    """The name for one more database of this run, for a test to make; at the latest it goes with the others."""
    return f"{home.entry['NAME']}_{uuid.uuid4().hex[:6]}"


def _drop(admin: Any, run: str) -> None:
    """Drop the databases of a run."""
    found = admin.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [f"{RUN}{run}"])
    for (name,) in found.fetchall():
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _drop_what_dead_runs_left(admin: Any) -> None:
    """Drop the databases of runs that were killed: each run holds a lock of its name for as long as it lives."""
    found = admin.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [RUN])
    for run in {name.removeprefix(RUN)[:12] for (name,) in found.fetchall()}:
        if admin.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [run]).fetchone()[0]:
            try:
                _drop(admin, run)
            finally:
                admin.execute("SELECT pg_advisory_unlock(hashtext(%s))", [run])


def empty(database: TestDatabase) -> None:
    """Throw away what an earlier test left, connections included."""
    if database.vendor == "sqlite":
        return  # a file of its own per test
    with database.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        schemas = connection.execute(
            "SELECT quote_ident(nspname) FROM pg_namespace"
            " WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'"
        ).fetchall()
        for (schema,) in schemas:
            connection.execute(f"DROP SCHEMA {schema} CASCADE")
        connection.execute("CREATE SCHEMA public")
