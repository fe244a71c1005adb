"""Threads and tasks that end leave no connection, no transaction and no turn behind."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from dorm import transaction
from dorm.db import engines
from dorm.db.connection import close_all_async, get_async_connection, get_connection
from dorm.exceptions import TransactionManagementError

INSERT = "INSERT INTO scopes (id) VALUES (%s)"


@pytest.fixture(autouse=True)
def table(database: Any) -> None:
    database.run("CREATE TABLE scopes (id INTEGER PRIMARY KEY)")


def free(database: Any, asynchronous: bool) -> None:
    """No transaction is open, the rows of ended scopes are gone, and anybody may write."""
    if database.vendor == "postgresql":
        here = engines.get("default")
        pool = here.async_pool() if asynchronous else here.sync_pool
        for _ in range(100):
            if len(database.sessions()) == len(pool._idle):
                break
            time.sleep(0.02)
        assert set(database.sessions()) <= {"idle"}
        assert len(database.sessions()) == len(pool._idle) == len(pool._links)
        assert not pool._outside
    assert database.count("scopes") == 0
    database.run("INSERT INTO scopes VALUES (1000)")
    database.run("DELETE FROM scopes")


def in_manual_mode() -> None:
    get_connection().set_autocommit(False)
    get_connection().execute_write(INSERT, [1])


def in_autocommit_mode() -> None:
    get_connection().set_autocommit(True)
    get_connection().execute("SELECT 1")


def in_a_block() -> None:
    transaction.atomic().__enter__()
    get_connection().execute_write(INSERT, [2])


@pytest.mark.parametrize("work", [in_manual_mode, in_autocommit_mode, in_a_block])
def test_a_thread_that_ends_gives_everything_back(database: Any, work: Any) -> None:
    threads = [threading.Thread(target=work) for _ in range(1 if database.vendor == "sqlite" else 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    free(database, asynchronous=False)


async def manual(number: int) -> None:
    await get_async_connection().set_autocommit(False)
    await get_async_connection().execute_write(INSERT, [number])


async def autocommit(number: int) -> None:
    await get_async_connection().set_autocommit(True)
    await get_async_connection().execute("SELECT 1")


async def sync_manual(number: int) -> None:
    get_connection().set_autocommit(False)
    get_connection().execute_write(INSERT, [number])


@pytest.mark.parametrize("work", [manual, autocommit])
async def test_a_task_that_ends_gives_everything_back(database: Any, work: Any) -> None:
    for number in range(4):
        await asyncio.create_task(work(number))
    await asyncio.sleep(0.05)
    async with asyncio.timeout(3):
        await get_async_connection().execute_write(INSERT, [99])
        await get_async_connection().execute_write("DELETE FROM scopes")
    free(database, asynchronous=True)
    await close_all_async()


async def test_a_task_that_ends_in_sync_manual_mode_gives_its_connection_back(database: Any) -> None:
    for number in range(3):
        await asyncio.create_task(sync_manual(number))
        await asyncio.sleep(0)
    get_connection().execute_write(INSERT, [99])
    get_connection().execute_write("DELETE FROM scopes")
    free(database, asynchronous=False)


async def test_a_task_of_a_block_that_has_ended_is_told(database: Any) -> None:
    """``wait(FIRST_COMPLETED)`` and a ``gather`` whose first child fails leave tasks behind."""
    waiting: list[asyncio.Task[Any]] = []

    async def inner(hold: asyncio.Event) -> None:
        async with transaction.aatomic():
            await get_async_connection().execute_write(INSERT, [5])
            hold.set()
            await asyncio.sleep(0.1)
            raise ValueError

    with pytest.raises(ValueError):
        async with transaction.aatomic():
            hold = asyncio.Event()
            holder = asyncio.create_task(inner(hold))
            await hold.wait()
            waiting = [asyncio.create_task(get_async_connection().execute_write(INSERT, [n])) for n in range(10, 13)]
            await asyncio.gather(holder, *waiting)
    async with asyncio.timeout(3):
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(outcome == 1 or isinstance(outcome, TransactionManagementError) for outcome in outcomes)
    assert database.count("scopes") == 0
    await close_all_async()


async def test_a_task_in_the_line_is_told_when_the_transaction_ends(database: Any) -> None:
    slow = "SELECT COUNT(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT i FROM n) t"
    async with transaction.aatomic():
        connection = get_async_connection()
        await connection.execute_write(INSERT, [1])
        tasks = [asyncio.create_task(connection.execute(slow)) for _ in range(6)]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    async with asyncio.timeout(10):
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    told = [outcome for outcome in outcomes if isinstance(outcome, TransactionManagementError)]
    assert told
    assert "ended before this statement had its turn" in str(told[0])
    assert all(outcome == [(300000,)] for outcome in outcomes if outcome not in told)
    assert database.count("scopes") == 1
    here = engines.get("default").async_pool()
    assert len(here._idle) == len(here._links)
    await close_all_async()
