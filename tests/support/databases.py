"""The databases that the tests run on: an SQLite file per test, a PostgreSQL database per run (and worker)."""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

VENDORS = ("sqlite", "postgresql")
MISSING = "NO POSTGRESQL"


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
            with _psycopg().connect(**_keywords(self.entry), autocommit=True) as connection:
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
    server = server_entry()
    try:
        psycopg = _psycopg()
    except ImportError as problem:
        yield f"psycopg is not installed ({problem})"
        return
    try:
        admin = psycopg.connect(**_keywords(server), autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as problem:
        yield f"{server['HOST']}:{server['PORT']} does not answer ({str(problem).splitlines()[0]})"
        return
    with admin:
        name = f"djanorm_tests_{uuid.uuid4().hex[:12]}"
        admin.execute(f'CREATE DATABASE "{name}"')
        # Tests need no durability, and a commit costs ten times less without it.
        admin.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
        try:
            yield {**server, "NAME": name, "MIN_POOL_SIZE": 1, "MAX_POOL_SIZE": 8}
        finally:
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


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
