"""The `shop` fixture: the bookshop of `behaviour.bookshop`, its tables made and filled.

Making sixteen tables takes longer than most tests, so both databases start from a copy that is made once per run: a file
that is copied on SQLite, a template database on PostgreSQL.
"""

from __future__ import annotations

import asyncio
import pathlib
import shutil
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

import dorm
from behaviour import bookshop
from dorm.db.connection import close_all, close_all_async
from support.databases import TestDatabase


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


@pytest.fixture(scope="session")
def shop_template(postgresql_state: Any) -> Iterator[str]:
    """The name of a PostgreSQL database with the shop; "" when there is no server."""
    if isinstance(postgresql_state, str):
        yield ""
        return
    name = f"bookshop_{uuid.uuid4().hex[:12]}"
    home = TestDatabase("postgresql", dict(postgresql_state))
    home.run(f'CREATE DATABASE "{name}"')
    try:
        fill({**postgresql_state, "NAME": name})
        yield name
    finally:
        home.run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture
def shop(request: pytest.FixtureRequest, database: TestDatabase, tmp_path: pathlib.Path) -> Iterator[TestDatabase]:
    """The `database` of this test, holding the bookshop; a test may change it."""
    if database.vendor == "sqlite":
        path = tmp_path / "bookshop.sqlite3"
        shutil.copy(request.getfixturevalue("shop_file"), path)
        shop = TestDatabase("sqlite", {"ENGINE": "sqlite", "NAME": str(path)})
        dorm.configure(DATABASES={"default": dict(shop.entry)})
        yield shop
        close_everything()
        return
    name = f"{request.getfixturevalue('shop_template')}_{uuid.uuid4().hex[:6]}"
    template = request.getfixturevalue("shop_template")
    database.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
    try:
        shop = TestDatabase("postgresql", {**database.entry, "NAME": name})
        dorm.configure(DATABASES={"default": dict(shop.entry)})
        yield shop
    finally:
        close_everything()
        database.run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
