"""set_autocommit, commit and rollback."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from dorm.db.connection import close_all_async, get_async_connection, get_connection

INSERT = "INSERT INTO things (id) VALUES (?)"


async def autocommit(mode: Any, flag: bool) -> None:
    await mode.settle(mode.connection().set_autocommit(flag))


async def test_statements_wait_for_commit_and_rollback(database: Any, mode: Any, sql: Any) -> None:
    connection = mode.connection()
    await autocommit(mode, False)
    try:
        await sql.run(INSERT, 1)
        await sql.run(INSERT, 2)
        assert database.count("things") == 0
        await mode.settle(connection.commit())
        assert database.count("things") == 2
        await sql.run(INSERT, 3)
        await mode.settle(connection.rollback())
        assert await sql.value("SELECT COUNT(*) FROM things") == 2
        await mode.settle(connection.rollback())
        await mode.settle(connection.commit())
    finally:
        await autocommit(mode, True)
    await sql.run(INSERT, 4)
    assert database.count("things") == 3


async def test_leaving_manual_mode_rolls_back_what_is_pending(database: Any, mode: Any, sql: Any) -> None:
    await autocommit(mode, False)
    await sql.run(INSERT, 1)
    await autocommit(mode, True)
    assert database.count("things") == 0


async def test_a_block_in_manual_mode_is_a_savepoint(database: Any, mode: Any, sql: Any) -> None:
    await autocommit(mode, False)
    await sql.run(INSERT, 1)
    with pytest.raises(KeyError):
        async with mode.atomic():
            await sql.run(INSERT, 2)
            raise KeyError
    async with mode.atomic():
        await sql.run(INSERT, 3)
        for action in ("commit", "rollback"):
            with pytest.raises(RuntimeError, match="inside an atomic block"):
                await mode.settle(getattr(mode.connection(), action)())
        with pytest.raises(RuntimeError, match="inside an atomic block"):
            await autocommit(mode, True)
    assert database.count("things") == 0
    await mode.settle(mode.connection().commit())
    await autocommit(mode, True)
    assert database.rows("SELECT id FROM things ORDER BY id") == [(1,), (3,)]


async def test_commit_and_rollback_do_nothing_elsewhere(database: Any, mode: Any, sql: Any) -> None:
    await mode.settle(mode.connection().commit())
    await mode.settle(mode.connection().rollback())
    await sql.run(INSERT, 1)
    assert database.count("things") == 1


async def test_the_mode_belongs_to_the_scope_that_asked_for_it(database: Any, mode: Any, sql: Any) -> None:
    if mode.name != "async":
        await autocommit(mode, False)
        thread = threading.Thread(target=lambda: get_connection().execute_write(INSERT, [1]))
        thread.start()
        thread.join()
        assert database.count("things") == 1
        await autocommit(mode, True)
        return
    ready, go = asyncio.Event(), asyncio.Event()

    async def manual() -> None:
        await get_async_connection().set_autocommit(False)
        ready.set()
        await go.wait()
        await get_async_connection().set_autocommit(True)

    task = asyncio.create_task(manual())
    await ready.wait()
    await sql.run(INSERT, 1)
    assert database.count("things") == 1
    go.set()
    await task


@pytest.mark.only("postgresql")
async def test_explicit_autocommit_keeps_one_connection_outside_the_pool(database: Any, mode: Any, sql: Any) -> None:
    await sql.fetch("SELECT 1")
    pooled = mode.connection().pool_stats()["pool_size"]
    usual = await sql.value("SELECT pg_backend_pid()")
    await autocommit(mode, True)
    mine = {await sql.value("SELECT pg_backend_pid()") for _ in range(3)}
    assert len(mine) == 1
    assert mine != {usual}
    assert mode.connection().pool_stats()["pool_size"] == pooled
    await sql.run(INSERT, 1)
    assert database.count("things") == 1
    await autocommit(mode, False)
    await autocommit(mode, True)
    assert await sql.value("SELECT pg_backend_pid()") == usual


async def test_manual_mode_of_a_context_ends_with_its_loop(database: Any, sql: Any) -> None:
    await get_async_connection().set_autocommit(False)
    await get_async_connection().execute_write(INSERT, [1])
    await close_all_async()
    assert database.count("things") == 0
