"""Waits that are interrupted by signal handlers, by cancellations and by repeated cancellations leave nothing behind."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest

import dorm
from dorm import transaction
from dorm.db import engines
from dorm.db.connection import close_all_async, get_async_connection, get_connection

SLOW_SQLITE = "INSERT INTO waits WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 30000000) SELECT i FROM n"
SLOW = {
    "sqlite": SLOW_SQLITE,
    "postgresql": "INSERT INTO waits SELECT 100 FROM pg_sleep(1.5)",
}
MANY = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000000) SELECT i FROM n",
    "postgresql": "SELECT i, pg_sleep(0.001) FROM generate_series(1, 100000) i",
}


class TimeLimit(Exception):
    """What a signal handler raises."""


@pytest.fixture(autouse=True)
def table(database: Any) -> None:
    database.run("CREATE TABLE waits (id INTEGER)")


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Lets a signal handler raise TimeLimit in the middle of the block."""

    def strike(_number: int, _frame: object) -> None:
        raise TimeLimit

    former = signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


def usable(database: Any) -> None:
    for number in range(4):
        assert get_connection().execute("SELECT 1") == [(1,)]
        with transaction.atomic():
            get_connection().execute_write("INSERT INTO waits VALUES (%s)", [number])
    if database.vendor == "postgresql":
        assert set(database.sessions()) <= {"idle"}


@pytest.mark.only("postgresql")
def test_a_statement_stopped_by_a_signal_leaves_a_usable_connection(database: Any) -> None:
    with pytest.raises(TimeLimit), alarm(0.2):
        get_connection().execute_write(SLOW["postgresql"])
    usable(database)
    time.sleep(1.5)
    assert database.value("SELECT COUNT(*) FROM waits WHERE id = 100") == 0


@pytest.mark.only("postgresql")
def test_a_block_stopped_by_a_signal_raises_what_the_handler_raised(database: Any) -> None:
    with pytest.raises(TimeLimit), alarm(0.2), transaction.atomic():
        get_connection().execute_write("INSERT INTO waits VALUES (99)")
        with transaction.atomic():
            get_connection().execute_write(SLOW["postgresql"])
    usable(database)
    assert database.value("SELECT COUNT(*) FROM waits WHERE id >= 99") == 0


@pytest.mark.only("postgresql")
@pytest.mark.parametrize("block", [False, True])
def test_a_stream_stopped_by_a_signal_raises_what_the_handler_raised(database: Any, block: bool) -> None:
    def read() -> None:
        for _ in get_connection().execute_streaming(MANY["postgresql"], chunk_size=1000):
            pass

    with pytest.raises(TimeLimit), alarm(0.2):
        if block:
            with transaction.atomic():
                read()
        else:
            read()
    usable(database)


@pytest.mark.only("postgresql")
def test_a_signal_in_the_line_for_a_connection_loses_none(database: Any) -> None:
    dorm.configure(DATABASES={"default": {**database.entry, "MIN_POOL_SIZE": 0, "MAX_POOL_SIZE": 1}})
    here = engines.get("default").sync_pool
    link = here.acquire()
    with pytest.raises(TimeLimit), alarm(0.1):
        get_connection().execute("SELECT 1")
    assert here.stats()["requests_waiting"] == 0
    here.release(link)
    usable(database)
    assert here.stats()["pool_size"] == 1


async def fresh(database: Any) -> None:
    """Every connection is there, idle and usable, and no statement goes on."""
    connection = get_async_connection()
    async with asyncio.timeout(10):
        assert await asyncio.gather(*(connection.execute("SELECT 1") for _ in range(20))) == [[(1,)]] * 20
        async with transaction.aatomic():
            await connection.execute_write("INSERT INTO waits VALUES (1)")
    here = engines.get("default").async_pool()
    assert len(here._idle) == len(here._links) <= here.size
    if database.vendor == "postgresql":
        for _ in range(100):  # the server needs a moment to end the sessions of closed connections
            if len(database.sessions()) == len(here._links):
                break
            await asyncio.sleep(0.02)
        assert set(database.sessions()) <= {"idle"}
        assert len(database.sessions()) == len(here._links)
    assert database.value("SELECT COUNT(*) FROM waits WHERE id >= 99") == 0
    await close_all_async()


async def write(database: Any) -> None:
    await get_async_connection().execute_write(SLOW[database.vendor])


async def block(database: Any) -> None:
    async with transaction.aatomic():
        await get_async_connection().execute_write("INSERT INTO waits VALUES (99)")
        async with transaction.aatomic():
            await get_async_connection().execute_write(SLOW[database.vendor])


async def stream(database: Any) -> None:
    async for _ in get_async_connection().execute_streaming(MANY[database.vendor], chunk_size=10):
        pass


async def stream_in_a_block(database: Any) -> None:
    async with transaction.aatomic():
        await get_async_connection().execute_write("INSERT INTO waits VALUES (99)")
        await stream(database)


WORK = pytest.mark.parametrize("work", [write, block, stream, stream_in_a_block])


@WORK
async def test_what_was_cancelled_is_over_when_its_task_is(database: Any, work: Any) -> None:
    if database.vendor == "postgresql":
        dorm.configure(DATABASES={"default": {**database.entry, "MIN_POOL_SIZE": 0, "MAX_POOL_SIZE": 3}})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            async with asyncio.TaskGroup() as group:
                for _ in range(3):
                    group.create_task(work(database))
    await fresh(database)


@WORK
async def test_a_scope_that_cancels_again_and_again_is_no_different(database: Any, work: Any) -> None:
    if database.vendor == "postgresql":
        dorm.configure(DATABASES={"default": {**database.entry, "MIN_POOL_SIZE": 0, "MAX_POOL_SIZE": 3}})
    for _ in range(3):
        with anyio.move_on_after(0.15) as scope:
            async with anyio.create_task_group() as group:
                for _ in range(5):
                    group.start_soon(work, database)
        assert scope.cancelled_caught
        if database.vendor == "postgresql":
            assert len(database.sessions()) <= 3
            assert "active" not in database.sessions()
    await fresh(database)


async def test_a_cancelled_stream_leaves_its_connection_to_others(database: Any) -> None:
    connection = get_async_connection()
    rows = MANY[database.vendor].replace("30000000", "3000")

    async def read(first: asyncio.Event) -> None:
        async for _ in connection.execute_streaming(rows, chunk_size=5):
            first.set()
            await asyncio.sleep(0)

    for _ in range(12):
        first = asyncio.Event()
        task = asyncio.create_task(read(first))
        await first.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await fresh(database)
