"""Cancellation at every wait point."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import dorm
from dorm import transaction
from dorm.db import engines
from dorm.db.connection import get_async_connection
from dorm.db.sessions import _task_session

INSERT = "INSERT INTO cancelled (id) VALUES (%s)"


@pytest.fixture(autouse=True)
def table(database: Any) -> None:
    database.run("CREATE TABLE cancelled (id INTEGER PRIMARY KEY)")


async def block(number: int) -> None:
    async with transaction.aatomic():
        await get_async_connection().execute_write(INSERT, [number])
        async with transaction.aatomic():
            await get_async_connection().execute_write(INSERT, [number + 1])
        await get_async_connection().execute("SELECT 1")


async def stream(_: int) -> None:
    async for _row in get_async_connection().execute_streaming("SELECT id FROM cancelled", chunk_size=1):
        await asyncio.sleep(0)


async def statement(number: int) -> None:
    await get_async_connection().execute_write(INSERT, [number])


async def usable(database: Any) -> None:
    """Every connection is back, clean, and the write lock is free."""
    for _ in range(200):
        pool = engines.get("default").async_pool()
        stats = pool.stats()
        if stats["pool_available"] == stats["pool_size"]:
            break
        await asyncio.sleep(0.01)
    assert stats["pool_available"] == stats["pool_size"]
    writes = _task_session("default")._writes
    assert writes is None or not writes.taken
    async with asyncio.timeout(10):
        rows = await asyncio.gather(*(get_async_connection().execute("SELECT 1") for _ in range(6)))
        assert rows == [[(1,)]] * 6
        await get_async_connection().execute_write("DELETE FROM cancelled")
        async with transaction.aatomic():
            await get_async_connection().execute_write(INSERT, [1])
    assert database.count("cancelled") == 1
    assert not transaction.in_atomic_block()
    assert not any(link.in_transaction for link in pool._idle)


class Steps:
    """Awaits a coroutine and throws CancelledError into it at its n-th wait."""

    def __init__(self, coroutine: Any, at: int) -> None:
        self._coroutine = coroutine
        self._at = at
        self.reached = False

    def __await__(self) -> Any:
        steps = 0
        value = None
        while True:
            try:
                if steps == self._at and not self.reached:
                    self.reached = True
                    waited = self._coroutine.throw(asyncio.CancelledError())
                else:
                    waited = self._coroutine.send(value)
            except StopIteration as result:
                return result.value
            steps += 1
            value = yield waited


@pytest.mark.parametrize("work", [statement, block, stream])
async def test_a_cancellation_at_any_wait_leaves_clean_connections(database: Any, work: Any) -> None:
    for row in range(10, 16):
        database.run("INSERT INTO cancelled VALUES (?)", row)
    waits = 0
    for at in range(60):
        database.run("DELETE FROM cancelled WHERE id < 10")

        async def cancelled(at: int = at) -> bool:
            steps = Steps(work(2), at)
            try:
                await steps
            except asyncio.CancelledError:
                assert steps.reached
                return True
            return False

        if not await asyncio.create_task(cancelled()):
            break
        waits += 1
        if work is block:
            # all of it or, when the cancellation met the commit, all of it too: never a part
            for _ in range(100):
                count = database.value("SELECT COUNT(*) FROM cancelled WHERE id < 10")
                if count in (0, 2):
                    break
                await asyncio.sleep(0.01)
            assert count in (0, 2)
    assert waits >= 1
    await usable(database)
    await dorm.close_all_async()


async def test_many_tasks_cancelled_at_random_moments(database: Any) -> None:
    tasks = [asyncio.create_task(block(10 * number)) for number in range(1, 40)]
    for number, task in enumerate(tasks):
        await asyncio.sleep(0.0005 * (number % 4))
        if number % 3:
            task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [r for r in results if r is not None and not isinstance(r, asyncio.CancelledError)] == []
    assert database.value("SELECT COUNT(*) FROM cancelled") % 2 == 0
    await usable(database)
    await dorm.close_all_async()


async def test_more_cancelled_statements_than_connections(database: Any) -> None:
    slow = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n",
        "postgresql": "SELECT pg_sleep(60)",
    }[database.vendor]
    for _ in range(15):
        task = asyncio.create_task(get_async_connection().execute(slow))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await usable(database)
    await dorm.close_all_async()


async def test_a_time_limit_around_a_block_leaves_nothing(database: Any) -> None:
    async def slow() -> None:
        async with transaction.aatomic():
            await get_async_connection().execute_write(INSERT, [7])
            await asyncio.sleep(60)

    for _ in range(4):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(slow(), 0.05)
    assert database.count("cancelled") == 0
    await usable(database)
    await dorm.close_all_async()


async def test_a_task_cancelled_while_it_waits_for_a_full_pool(database: Any) -> None:
    dorm.configure(DATABASES={"default": {**database.entry, "MAX_POOL_SIZE": 1, "MIN_POOL_SIZE": 0}})
    began = asyncio.Event()

    async def hold() -> None:
        async with transaction.aatomic():
            await get_async_connection().execute_write(INSERT, [1])
            began.set()
            await asyncio.sleep(0.05)

    holder = asyncio.create_task(hold())
    await began.wait()
    waiting = [asyncio.create_task(statement(number)) for number in (2, 3, 4)]
    await asyncio.sleep(0.01)
    waiting[0].cancel()
    waiting[2].cancel()
    results = await asyncio.gather(holder, *waiting, return_exceptions=True)
    assert [type(result) for result in results[1:]] == [asyncio.CancelledError, type(None), asyncio.CancelledError]
    assert database.rows("SELECT id FROM cancelled ORDER BY id") == [(1,), (3,)]
    await usable(database)
    await dorm.close_all_async()
