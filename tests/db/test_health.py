"""Health checks."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any

import pytest

import dorm
from dorm import transaction
from dorm.db.connection import get_async_connection, get_connection


async def test_a_healthy_database(database: Any, mode: Any) -> None:
    status = await mode.call(dorm, "health_check")
    assert status.keys() == {"status", "alias", "elapsed_ms"}
    assert (status["status"], status["alias"]) == ("ok", "default")
    deep = await mode.call(dorm, "health_check", deep=True)
    assert deep["pool"]["vendor"] == database.vendor
    json.dumps(deep)


async def test_a_dead_database_is_a_status(database: Any, mode: Any) -> None:
    dead = (
        {"ENGINE": "sqlite", "NAME": "/nonexistent/x.db"}
        if database.vendor == "sqlite"
        else {**database.entry, "PORT": 1, "PASSWORD": "hidden"}
    )
    dorm.configure(DATABASES={"default": database.entry, "dead": dead}, RETRY_ATTEMPTS=1)
    status = await mode.call(dorm, "health_check", "dead", timeout=3)
    assert status["status"] == "error"
    assert status["error"].startswith("OperationalError: ")
    assert "hidden" not in json.dumps(status)
    status = await mode.call(dorm, "health_check", "nowhere")
    assert status["error"].startswith("ImproperlyConfigured: ")


@pytest.mark.only("postgresql")
async def test_the_limit_holds_while_the_pool_is_empty(database: Any, mode: Any) -> None:
    dorm.configure(DATABASES={"default": {**database.entry, "MAX_POOL_SIZE": 1, "MIN_POOL_SIZE": 0}})
    release = threading.Event()
    ready = threading.Event()

    def hold() -> None:
        with transaction.atomic():
            get_connection().execute("SELECT 1")
            ready.set()
            release.wait(10)

    if mode.name != "async":
        thread = threading.Thread(target=hold)
        thread.start()
        ready.wait()
        started = time.monotonic()
        status = await mode.call(dorm, "health_check", timeout=0.2)
        spent = time.monotonic() - started
        release.set()
        thread.join()
    else:
        async with transaction.aatomic():
            await get_async_connection().execute("SELECT 1")
            started = time.monotonic()
            status = await dorm.ahealth_check(timeout=0.2)
            spent = time.monotonic() - started
    assert status["error"] == "TimeoutError: no answer within 0.2 s"
    assert spent < 1
    assert (await mode.call(dorm, "health_check"))["status"] == "ok"


async def test_the_check_stays_out_of_an_open_block(database: Any, mode: Any, sql: Any) -> None:
    async with mode.atomic():
        await sql.fetch("SELECT 1")
        assert (await mode.call(dorm, "health_check"))["status"] == "ok"


async def test_statistics_before_and_after_first_use(database: Any, mode: Any) -> None:
    assert dorm.pool_stats() == {"alias": "default", "status": "uninitialised"}
    assert dorm.pool_stats("nowhere") == {"alias": "nowhere", "status": "uninitialised"}
    await mode.settle(mode.connection().execute("SELECT 1"))
    stats = dorm.pool_stats()
    assert (stats["alias"], stats["has_pool"], stats["open"]) == ("default", database.vendor == "postgresql", True)
    await asyncio.sleep(0) if not mode.sync else None
