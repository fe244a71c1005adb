"""Trying again."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from typing import Any

import psycopg
import pytest

import dorm
from dorm.db.utils import awith_transient_retry, with_transient_retry

LOCKED = sqlite3.OperationalError("database is locked")
LOST = psycopg.OperationalError("server closed the connection unexpectedly")


def failing(problem: BaseException, times: int) -> tuple[list[int], Any]:
    calls: list[int] = []

    def call() -> str:
        calls.append(1)
        if len(calls) <= times:
            raise problem
        return "done"

    return calls, call


async def retry(mode: Any, call: Any, **options: Any) -> Any:
    if mode.sync:
        return with_transient_retry(call, **options)

    async def asynchronous() -> Any:
        return call()

    return await awith_transient_retry(asynchronous, **options)


@pytest.mark.parametrize("problem", [LOCKED, LOST], ids=["locked", "lost"])
async def test_transient_errors_are_tried_again_with_growing_delays(
    mode: Any, problem: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    calls, call = failing(problem, 2)
    assert await retry(mode, call, attempts=3, backoff=0.001) == "done"
    assert len(calls) == 3
    lines = [record.getMessage() for record in caplog.records if record.name == "dorm.db"]
    assert "attempt 1 of 3" in lines[0]
    assert "0.001 s" in lines[0]
    assert "0.002 s" in lines[1]


@pytest.mark.parametrize("problem", [LOCKED, LOST], ids=["sqlite3", "psycopg"])
def test_errors_of_a_driver_are_known_before_the_first_connection(problem: Exception) -> None:
    driver = type(problem).__module__
    program = f"""
import {driver}
from dorm.db.utils import with_transient_retry
problems = [{driver}.OperationalError({str(problem)!r})]
def call():
    if problems:
        raise problems.pop()
    return "done"
print(with_transient_retry(call, attempts=2, backoff=0))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "done\n"


async def test_the_last_error_is_raised(mode: Any) -> None:
    calls, call = failing(LOCKED, 9)
    with pytest.raises(sqlite3.OperationalError):
        await retry(mode, call, attempts=2, backoff=0.001)
    assert len(calls) == 2


@pytest.mark.parametrize(
    "problem",
    [
        KeyError("x"),
        KeyboardInterrupt(),
        sqlite3.OperationalError("no such table: x"),
        sqlite3.IntegrityError("UNIQUE constraint failed"),
        psycopg.errors.QueryCanceled("canceling statement due to statement timeout"),
        psycopg.OperationalError('connection failed: FATAL: password authentication failed for user "x"'),
        dorm.exceptions.PoolTimeout("no connection"),
    ],
    ids=repr,
)
async def test_other_errors_are_raised_at_once(mode: Any, problem: BaseException) -> None:
    calls, call = failing(problem, 9)
    with pytest.raises(type(problem)):
        await retry(mode, call, attempts=5, backoff=0.001)
    assert len(calls) == 1


async def test_a_translated_error_is_as_transient_as_its_cause(mode: Any) -> None:
    problem = dorm.OperationalError("locked")
    problem.__cause__ = LOCKED
    _, call = failing(problem, 1)
    assert await retry(mode, call, attempts=2, backoff=0.001) == "done"


async def test_nothing_is_tried_again_in_a_transaction(mode: Any) -> None:
    calls, call = failing(LOCKED, 9)
    with pytest.raises(sqlite3.OperationalError):
        await retry(mode, call, attempts=5, in_transaction=True)
    assert len(calls) == 1


async def test_there_is_at_least_one_attempt(mode: Any) -> None:
    calls, call = failing(LOCKED, 0)
    for options in ({"attempts": 0}, {"attempts": -1}, {"attempts": 0, "in_transaction": True}):
        with pytest.raises(ValueError, match="at least 1"):
            await retry(mode, call, **options)
    assert calls == []


async def test_attempts_come_from_settings_or_environment(mode: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DORM_RETRY_ATTEMPTS", "5")
    dorm.configure(RETRY_ATTEMPTS=2, RETRY_BACKOFF=0.001)
    calls, call = failing(LOCKED, 9)
    with pytest.raises(sqlite3.OperationalError):
        await retry(mode, call)
    assert len(calls) == 2
    dorm.configure(RETRY_ATTEMPTS=3, RETRY_BACKOFF=0.1)


class Lock:
    """Holds the write lock of an SQLite file for some time, from another connection."""

    def __init__(self, path: str, seconds: float) -> None:
        self._held = threading.Event()
        self._thread = threading.Thread(target=self._hold, args=(path, seconds))

    def _hold(self, path: str, seconds: float) -> None:
        lock = sqlite3.connect(path, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        self._held.set()
        threading.Event().wait(seconds)
        lock.execute("COMMIT")
        lock.close()

    def __enter__(self) -> None:
        self._thread.start()
        self._held.wait()

    def __exit__(self, *_: object) -> None:
        self._thread.join()


def impatient(database: Any) -> None:
    dorm.configure(
        DATABASES={"default": {**database.entry, "OPTIONS": {"timeout": 0.01}}}, RETRY_ATTEMPTS=7, RETRY_BACKOFF=0.02
    )


@pytest.mark.only("sqlite")
async def test_a_locked_file_is_tried_again_by_reads_writes_and_blocks(database: Any, mode: Any, sql: Any) -> None:
    impatient(database)
    with Lock(database.entry["NAME"], 0.2):
        await sql.run("INSERT INTO things (id) VALUES (?)", 1)
    with Lock(database.entry["NAME"], 0.2):
        assert await sql.value("SELECT COUNT(*) FROM things") == 1
    with Lock(database.entry["NAME"], 0.2):
        async with mode.atomic():
            await sql.run("INSERT INTO things (id) VALUES (?)", 2)
    assert database.count("things") == 2


@pytest.mark.only("sqlite")
async def test_a_file_that_stays_locked_is_an_operational_error(database: Any, mode: Any, sql: Any) -> None:
    impatient(database)
    dorm.configure(RETRY_ATTEMPTS=2)
    with Lock(database.entry["NAME"], 0.3):
        with pytest.raises(dorm.OperationalError, match="locked"):
            await sql.run("INSERT INTO things (id) VALUES (?)", 1)
        with pytest.raises(dorm.OperationalError, match="locked"):
            async with mode.atomic():
                await sql.run("INSERT INTO things (id) VALUES (?)", 1)
    assert database.count("things") == 0


@pytest.mark.only("sqlite")
async def test_a_statement_inside_a_block_is_not_tried_again(database: Any, mode: Any, sql: Any) -> None:
    impatient(database)
    entry = {**database.entry, "OPTIONS": {"timeout": 0.01, "transaction_mode": "deferred"}}
    dorm.configure(DATABASES={"default": entry})
    with pytest.raises(dorm.OperationalError, match="locked"):
        async with mode.atomic():
            await sql.fetch("SELECT 1")
            with Lock(database.entry["NAME"], 0.2):
                await sql.run("INSERT INTO things (id) VALUES (?)", 1)


@pytest.mark.only("postgresql")
async def test_an_unreachable_server_is_tried_again_and_reported(
    database: Any, mode: Any, caplog: pytest.LogCaptureFixture
) -> None:
    dorm.configure(
        DATABASES={"default": {**database.entry, "PORT": 1, "PASSWORD": "hidden"}},
        RETRY_ATTEMPTS=3,
        RETRY_BACKOFF=0.001,
    )
    with pytest.raises(dorm.OperationalError):
        await mode.settle(mode.connection().execute_write("INSERT INTO things (id) VALUES (1)"))
    assert caplog.text.count("trying again") == 2
    assert "hidden" not in caplog.text
