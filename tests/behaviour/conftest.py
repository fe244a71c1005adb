"""The `shop` fixture: the bookshop of `behaviour.bookshop`, its tables made and filled.

Making sixteen tables takes longer than most tests, so they are made once per run: a file that is copied for each test on
SQLite; on PostgreSQL a database whose rows are put back. (A database per test costs a hundred times as much there, because
making and dropping one waits for a checkpoint of the whole server.)
"""

from __future__ import annotations

import asyncio
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

import dorm
from behaviour import bookshop
from dorm.db.connection import close_all, close_all_async
from support.databases import TestDatabase, another_database, empty


def close_everything() -> None:
    """Close the connections of every alias, sync and async."""
    close_all()
    asyncio.run(close_all_async())


def fill(entry: dict[str, Any]) -> None:
    """Make and fill the shop in an empty database."""
    dorm.configure(DATABASES={"default": entry})
    dorm.create_tables(*bookshop.MODELS)
    bookshop.rows()
    close_everything()


@pytest.fixture(scope="session")
def shop_file(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """An SQLite file with the shop."""
    path = tmp_path_factory.mktemp("bookshop") / "shop.sqlite3"
    fill({"ENGINE": "sqlite", "NAME": str(path)})
    return path


class ServedShop:
    """The shop in a PostgreSQL database of its own, put back to its first state before each test."""

    def __init__(self, home: dict[str, Any]) -> None:
        self._home = TestDatabase("postgresql", home)
        self._name = another_database(self._home)
        self._home.run(f'CREATE DATABASE "{self._name}"')
        self._home.run(f'ALTER DATABASE "{self._name}" SET synchronous_commit = off')
        self._database = TestDatabase("postgresql", {**home, "NAME": self._name})
        self._made: Any = None
        self._restore = ""

    def fresh(self) -> TestDatabase:
        """The database as it was made."""
        self._database.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        if self._made is None or self._made != self._structure():
            self._make()
        else:
            self._database.run(self._restore)
        return self._database

    def drop(self) -> None:
        self._home.run(f'DROP DATABASE IF EXISTS "{self._name}" WITH (FORCE)')

    def _make(self) -> None:
        empty(self._database)
        fill(dict(self._database.entry))
        tables = _in_order(self._database)
        deletes = [f'DELETE FROM "{table}"' for table in reversed(tables)]
        inserts = [f'INSERT INTO "{table}" OVERRIDING SYSTEM VALUE SELECT * FROM kept."{table}"' for table in tables]
        # deleted rows are never made room of, so that rows without an order come in that of their making
        copies = [
            f'ALTER TABLE "{table}" SET (autovacuum_enabled = false); CREATE TABLE kept."{table}" AS TABLE "{table}"'
            for table in tables
        ]
        counters = "SELECT setval(sequencename::regclass, last_value) FROM kept.counters"
        self._database.run("; ".join(["CREATE SCHEMA kept", *copies]))
        self._database.run("CREATE TABLE kept.counters AS SELECT * FROM pg_sequences WHERE schemaname = 'public'")
        self._restore = "; ".join([*deletes, *inserts, counters])
        self._made = self._structure()

    def _structure(self) -> Any:
        """What changes when a test makes, drops or alters a table, an index or a constraint."""
        return self._database.rows(
            "SELECT (SELECT array_agg((oid, relnatts) ORDER BY oid)::text FROM pg_class WHERE relnamespace = 'public'::regnamespace),"
            " (SELECT array_agg(oid ORDER BY oid)::text FROM pg_constraint WHERE connamespace = 'public'::regnamespace)"
        )


def _in_order(database: TestDatabase) -> list[str]:
    """The tables, those that others refer to first."""
    waiting = {
        table: {target for source, target in database.rows(_REFERENCES) if source == table}
        for table in database.tables()
    }
    order: list[str] = []
    while waiting:
        ready = sorted(table for table, targets in waiting.items() if not targets & waiting.keys())
        assert ready, f"tables that refer to each other: {waiting}"
        order += ready
        waiting = {table: targets for table, targets in waiting.items() if table not in ready}
    return order


_REFERENCES = (
    "SELECT a.relname, b.relname FROM pg_constraint c JOIN pg_class a ON a.oid = c.conrelid"
    " JOIN pg_class b ON b.oid = c.confrelid WHERE c.contype = 'f' AND a.oid <> b.oid"
)


@pytest.fixture(scope="session")
def served_shop(postgresql_state: Any, pytestconfig: pytest.Config) -> ServedShop:
    """The shop on the server of this run."""
    shop = ServedShop(dict(postgresql_state))
    # After the last test, as the run's own database: a checkpoint may take longer than a test may.
    pytestconfig.add_cleanup(shop.drop)
    return shop


@pytest.fixture
def shop(request: pytest.FixtureRequest, database: TestDatabase, tmp_path: pathlib.Path) -> Iterator[TestDatabase]:
    """The `database` of this test, holding the bookshop; a test may change it."""
    if database.vendor == "sqlite":
        path = tmp_path / "bookshop.sqlite3"
        shutil.copy(request.getfixturevalue("shop_file"), path)
        shop = TestDatabase("sqlite", {"ENGINE": "sqlite", "NAME": str(path)})
    else:
        shop = request.getfixturevalue("served_shop").fresh()
    dorm.configure(DATABASES={"default": dict(shop.entry)})
    yield shop
    close_everything()
