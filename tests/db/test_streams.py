"""Rows in portions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

import dorm
from dorm import transaction
from dorm.db import bridge
from dorm.db.connection import get_async_connection, get_connection
from dorm.db.sessions import session

SELECT = "SELECT id FROM things ORDER BY id"
INSERT = "INSERT INTO things (id) VALUES (%s)"


def fill(database: Any, number: int) -> None:
    for start in range(0, number, 500):
        values = ", ".join(f"({index})" for index in range(start, min(start + 500, number)))
        database.run(f"INSERT INTO things (id) VALUES {values}")


def stream(mode: Any, size: int) -> AsyncIterator[Any]:
    handle = mode.connection()
    rows = handle.execute_streaming(SELECT, chunk_size=size)
    if hasattr(rows, "__aiter__"):
        return rows

    async def each() -> AsyncIterator[Any]:
        try:
            for row in rows:
                yield row
        finally:
            rows.close()

    return each()


@pytest.mark.parametrize("size", [1, 2, 5, 7, 100])
async def test_every_row_comes_once_in_order(database: Any, mode: Any, sql: Any, size: int) -> None:
    fill(database, 7)
    assert [row[0] async for row in stream(mode, size)] == list(range(7))


async def test_portions_are_no_larger_than_asked_for(database: Any, sql: Any) -> None:
    fill(database, 7)
    chunks = list(session().stream(sql.statement(SELECT), (), 3))
    assert [len(chunk) for chunk in chunks] == [3, 3, 1]


async def test_a_portion_has_at_least_one_row(database: Any, sql: Any) -> None:
    with pytest.raises(ValueError, match="chunk_size"):
        session().stream(sql.statement(SELECT), (), 0)


async def test_a_stream_in_a_block_sees_its_writes(database: Any, mode: Any, sql: Any) -> None:
    fill(database, 3)
    async with mode.atomic():
        await sql.run("INSERT INTO things (id) VALUES (?)", 3)
        assert [row[0] async for row in stream(mode, 2)] == [0, 1, 2, 3]
        await sql.run("INSERT INTO things (id) VALUES (?)", 4)
    assert database.count("things") == 5


async def test_reads_and_writes_go_on_between_the_rows(database: Any, mode: Any, sql: Any) -> None:
    fill(database, 30)
    seen = []
    async for row in stream(mode, 2):
        seen.append(row[0])
        await sql.run("INSERT INTO things (id) VALUES (?)", 1000 + row[0])
        assert database.count("things") == 30 + len(seen)
    assert seen == list(range(30))


async def test_other_processes_can_write_between_the_rows(database: Any, mode: Any, sql: Any) -> None:
    """No lock is held while a portion is worked on."""
    fill(database, 30)
    seen = 0
    async for row in stream(mode, 2):
        database.run("INSERT INTO things (id) VALUES (?)", 1000 + row[0])
        seen += 1
    assert seen == 30


@pytest.mark.only("sqlite")
async def test_wal_needs_no_temporary_file(database: Any, mode: Any, sql: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from dorm.dialects import sqlite_links

    fill(database, 30)
    dorm.configure(DATABASES={"default": {**database.entry, "OPTIONS": {"journal_mode": "WAL"}}})
    monkeypatch.delattr(sqlite_links.tempfile, "SpooledTemporaryFile")
    seen = 0
    async for row in stream(mode, 2):
        database.run("INSERT INTO things (id) VALUES (?)", 1000 + row[0])
        seen += 1
    assert seen == 30


async def test_abandoned_streams_free_their_connections(database: Any, mode: Any, sql: Any) -> None:
    fill(database, 30)
    for _ in range(20):
        async with aclosing(stream(mode, 1)) as rows:  # type: ignore[type-var]
            async for _row in rows:
                break
    assert await sql.value("SELECT COUNT(*) FROM things") == 30
    await sql.run("DELETE FROM things")
    if database.vendor == "postgresql":
        stats = mode.connection().pool_stats()
        assert stats["pool_available"] == stats["pool_size"]


async def test_cancelled_streams_free_their_connections(database: Any, sql: Any) -> None:
    fill(database, 30)

    async def forever() -> None:
        async for _ in get_async_connection().execute_streaming(SELECT, chunk_size=1):
            await asyncio.sleep(60)

    for _ in range(12):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(forever(), 0.03)
    assert await asyncio.wait_for(get_async_connection().execute_write("DELETE FROM things"), 10) == 30


async def test_an_error_of_the_statement_is_the_librarys(database: Any, mode: Any, sql: Any) -> None:
    with pytest.raises(dorm.OperationalError, match="'missing' does not exist"):
        async for _ in (
            mode.connection().execute_streaming("SELECT * FROM missing", chunk_size=2)
            if mode.name == ("async")
            else _each(get_connection().execute_streaming("SELECT * FROM missing", chunk_size=2))
        ):
            pass
    assert await sql.value("SELECT 1") == 1


async def _each(rows: Any) -> AsyncIterator[Any]:
    for row in rows:
        yield row


@pytest.mark.only("postgresql")
async def test_a_stream_ends_with_the_transaction_it_was_opened_in(database: Any, sql: Any) -> None:
    fill(database, 10)
    with transaction.atomic():
        rows = session().stream(sql.statement(SELECT), (), 2)
        next(rows)
    with pytest.raises(dorm.TransactionManagementError, match="has ended"):
        next(rows)


async def test_hooks_see_the_opening_statement_once(database: Any, mode: Any, sql: Any, queries: Any) -> None:
    fill(database, 9)
    with queries() as log:
        assert len([row async for row in stream(mode, 2)]) == 9
    assert log.sql == [SELECT]


async def test_a_synchronous_iterator_can_be_driven_from_async_code(database: Any, sql: Any) -> None:
    fill(database, 5)
    factory = lambda: session().stream(sql.statement(SELECT), (), 2)  # noqa: E731
    assert len([row async for row in bridge.iterate_chunks(factory)]) == 5
    await dorm.close_all_async()
