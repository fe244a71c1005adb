"""Pools: settings, counters, liveness."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import threading
import time
from typing import Any

import pytest

import dorm
from dorm import transaction
from dorm.db import engines
from dorm.db.connection import close_all, close_all_async, get_async_connection, get_connection

pytestmark = pytest.mark.only("postgresql")
CUT = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def configure(database: Any, **keys: Any) -> None:
    dorm.configure(DATABASES={"default": {**database.entry, **keys}})


def pool(mode: Any) -> Any:
    here = engines.get("default")
    return here.async_pool() if mode.name == "async" else here.sync_pool


async def pid(mode: Any) -> int:
    return (await mode.settle(mode.connection().execute("SELECT pg_backend_pid() AS pid")))[0]["pid"]


async def test_statistics_open_nothing_and_count_exactly(database: Any, mode: Any) -> None:
    configure(database, MIN_POOL_SIZE=2, MAX_POOL_SIZE=4)
    connection = mode.connection()
    assert connection.pool_stats() == {"open": False, "vendor": "postgresql"}
    assert dorm.pool_stats() == {"alias": "default", "status": "uninitialised"}
    await pid(mode)
    stats = connection.pool_stats()
    assert {
        "min_size": 2,
        "max_size": 4,
        "pool_size": 2,
        "pool_available": 2,
        "requests_waiting": 0,
    }.items() <= stats.items()
    async with mode.atomic():
        await pid(mode)
        stats = connection.pool_stats()
        assert (stats["pool_size"], stats["pool_available"], stats["in_use"]) == (2, 1, 1)
    assert database.keeps_sessions(2)
    json.dumps(stats)


async def test_a_minimum_of_zero_opens_nothing_before_the_first_statement(database: Any, mode: Any) -> None:
    configure(database, MIN_POOL_SIZE=0)
    await mode.settle(mode.connection().execute("SELECT 1"))
    assert mode.connection().pool_stats()["pool_size"] == 1


async def test_opening_and_closing_are_logged_without_secrets(
    database: Any, mode: Any, caplog: pytest.LogCaptureFixture
) -> None:
    configure(database, MAX_POOL_SIZE=3, PASSWORD="hidden")
    with caplog.at_level(logging.INFO, logger="dorm.db.lifecycle.postgresql"):
        await pid(mode)
        close_all()
        if mode.name == "async":
            await close_all_async()
    opened, closed = (record.getMessage() for record in caplog.records)
    assert "max_size=3" in opened
    assert "timeout=30s" in opened
    assert "check=True" in opened
    assert database.entry["NAME"] not in opened
    assert "closed" in closed
    assert "hidden" not in caplog.text


async def test_a_cut_connection_is_replaced_before_use(database: Any, mode: Any, sql: Any) -> None:
    await pid(mode)
    database.run(CUT)
    await asyncio.sleep(0.05) if not mode.sync else time.sleep(0.05)
    await sql.run("INSERT INTO things (id) VALUES (?)", 1)
    assert database.count("things") == 1
    assert mode.connection().pool_stats()["connections_lost"] >= 1


async def test_without_the_check_a_read_is_retried_and_a_write_is_not(
    database: Any, mode: Any, sql: Any, caplog: pytest.LogCaptureFixture
) -> None:
    configure(database, POOL_CHECK=False)
    dorm.configure(RETRY_BACKOFF=0.001)
    await pid(mode)
    database.run(CUT)
    assert await sql.value("SELECT 7") == 7
    assert "trying again" in caplog.text
    database.run(CUT)
    with pytest.raises(dorm.OperationalError):
        await sql.run("INSERT INTO things (id) VALUES (?)", 1)
    assert database.count("things") == 0
    await sql.run("INSERT INTO things (id) VALUES (?)", 2)
    assert database.count("things") == 1


async def test_without_the_check_one_dead_connection_tells_of_the_others(
    database: Any, mode: Any, sql: Any, caplog: pytest.LogCaptureFixture
) -> None:
    configure(database, POOL_CHECK=False)
    dorm.configure(RETRY_BACKOFF=0.001)
    await mode.settle(mode.connection().warm_up(4))
    database.run(CUT)
    assert [await sql.value("SELECT 7") for _ in range(6)] == [7] * 6
    assert caplog.text.count("trying again") == 1
    await sql.run("INSERT INTO things (id) VALUES (?)", 1)
    assert database.count("things") == 1


async def test_the_check_makes_no_round_trip_for_busy_connections(database: Any, mode: Any, queries: Any) -> None:
    await pid(mode)
    with queries() as log:
        await pid(mode)
    assert log.count == 1
    link = pool(mode)._idle[0]
    link.idle_since -= 5
    with queries() as log:
        await pid(mode)
    assert log.count == 1


@pytest.mark.parametrize("key", ["MAX_IDLE", "MAX_LIFETIME"])
async def test_old_connections_are_recycled(database: Any, mode: Any, key: str) -> None:
    configure(database, **{key: 0.05})
    first = await pid(mode)
    assert await pid(mode) == first
    await asyncio.sleep(0.1) if not mode.sync else time.sleep(0.1)
    assert await pid(mode) != first


async def test_needless_connections_are_closed_down_to_the_minimum(database: Any, mode: Any) -> None:
    configure(database, MAX_IDLE=0.05)
    await mode.settle(mode.connection().warm_up(5))
    assert mode.connection().pool_stats()["pool_size"] == 5
    await asyncio.sleep(0.1) if not mode.sync else time.sleep(0.1)
    pool(mode)._trimmed = 0.0
    await pid(mode)
    assert mode.connection().pool_stats()["pool_size"] == 1


async def test_warming_up_stops_at_the_limit(database: Any, mode: Any) -> None:
    configure(database, MIN_POOL_SIZE=2, MAX_POOL_SIZE=4)
    assert await mode.settle(mode.connection().warm_up()) == 2
    assert await mode.settle(mode.connection().warm_up(target=50)) == 4
    assert mode.connection().pool_stats()["pool_available"] == 4


async def test_a_full_pool_times_out_and_is_not_retried(database: Any) -> None:
    configure(database, MIN_POOL_SIZE=0, MAX_POOL_SIZE=1, POOL_TIMEOUT=0.2)
    async with transaction.aatomic():
        await get_async_connection().execute("SELECT 1")
        started = time.monotonic()
        outside = asyncio.get_running_loop().create_task(
            get_async_connection().execute("SELECT 1"), context=contextvars.Context()
        )
        with pytest.raises(dorm.OperationalError, match="POOL_TIMEOUT"):
            await outside
        assert time.monotonic() - started < 1
    assert await get_async_connection().execute("SELECT 1") == [(1,)]
    await close_all_async()


def test_threads_share_a_pool_that_is_smaller_than_they_are_many(database: Any, sql: Any) -> None:
    configure(database, MIN_POOL_SIZE=0, MAX_POOL_SIZE=2)
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for step in range(20):
                get_connection().execute_write("INSERT INTO things (id) VALUES (%s)", [number * 100 + step])
                with transaction.atomic():
                    get_connection().execute("SELECT 1")
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert problems == []
    assert database.count("things") == 160
    stats = get_connection().pool_stats()
    assert stats["pool_size"] <= 2
    assert stats["requests_waiting"] == 0
    assert stats["requests_queued"] > 0


async def test_waiting_requests_are_counted(database: Any) -> None:
    configure(database, MIN_POOL_SIZE=0, MAX_POOL_SIZE=1)
    async with transaction.aatomic():
        await get_async_connection().execute("SELECT 1")
        loop = asyncio.get_running_loop()
        tasks = [
            loop.create_task(get_async_connection().execute("SELECT 1"), context=contextvars.Context())
            for _ in range(3)
        ]
        await asyncio.sleep(0.02)
        assert get_async_connection().pool_stats()["requests_waiting"] == 3
        tasks[0].cancel()
        await asyncio.sleep(0.01)
        assert get_async_connection().pool_stats()["requests_waiting"] == 2
    assert await asyncio.gather(*tasks[1:]) == [[(1,)], [(1,)]]
    assert get_async_connection().pool_stats()["requests_waiting"] == 0
    await close_all_async()


async def test_driver_options_reach_the_driver(database: Any, mode: Any) -> None:
    configure(database, OPTIONS={"application_name": "probe", "connect_timeout": 7})
    rows = await mode.settle(mode.connection().execute("SELECT current_setting('application_name') AS name"))
    assert rows[0]["name"] == "probe"


async def test_pgbouncer_mode_prepares_nothing(database: Any, mode: Any, sql: Any) -> None:
    configure(database, PGBOUNCER_MODE=True, MAX_POOL_SIZE=1)
    for _ in range(10):
        await sql.fetch("SELECT id FROM things WHERE id = ?", 1)
    assert await sql.value("SELECT COUNT(*) FROM pg_prepared_statements") == 0


async def test_statements_are_prepared_by_themselves(database: Any, mode: Any, sql: Any) -> None:
    configure(database, MAX_POOL_SIZE=1)
    for _ in range(10):
        await sql.fetch("SELECT id FROM things WHERE id = ?", 1)
    assert await sql.value("SELECT COUNT(*) FROM pg_prepared_statements") >= 1


@pytest.mark.parametrize("how", ["closed", "configured"])
async def test_a_connection_goes_back_to_the_pool_it_came_from(database: Any, mode: Any, how: str) -> None:
    configure(database, MAX_POOL_SIZE=2)
    here = engines.get("default")
    stream = (
        get_async_connection().execute_streaming("SELECT generate_series(1, 9)", chunk_size=2)
        if mode.name == "async"
        else iter(get_connection().execute_streaming("SELECT generate_series(1, 9)", chunk_size=2))
    )
    await mode.settle(anext(stream) if mode.name == "async" else None)
    if mode.name != "async":
        next(stream)
    if how == "configured":
        configure(database, MAX_POOL_SIZE=2)
    elif mode.name == "async":
        await close_all_async()
    else:
        close_all()
    await pid(mode)
    await mode.settle(stream.aclose() if mode.name == "async" else stream.close())
    await pid(mode)
    stats = mode.connection().pool_stats()
    assert (stats["pool_size"], stats["pool_available"]) == (1, 1)
    assert database.keeps_sessions(1)
    assert (here is engines.get("default")) is (how == "closed")


def test_who_still_works_with_a_replaced_database_keeps_no_connection(database: Any) -> None:
    configure(database, MAX_POOL_SIZE=2)
    replaced = engines.get("default")
    configure(database, MAX_POOL_SIZE=2)
    late = replaced.sync_pool
    late.release(late.acquire())
    assert late.stats()["pool_size"] == 0
    assert database.keeps_sessions(0)
