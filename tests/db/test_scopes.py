"""Threads, loops, forks, processes, and databases in memory."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import dorm
from dorm import transaction
from dorm.db import engines
from dorm.db.connection import get_async_connection, get_connection


def test_loop_after_loop_without_closing_anything(database: Any, program: Any) -> None:
    done = program(
        f"""
        import asyncio
        from dorm.conf import configure
        from dorm.db.connection import get_async_connection, get_connection
        from dorm.transaction import aatomic
        configure(DATABASES={{"default": {dict(database.entry)!r}}})
        get_connection().execute_write("CREATE TABLE numbers (n INTEGER)")
        async def work(number):
            async with aatomic():
                await get_async_connection().execute_write("INSERT INTO numbers VALUES (%s)", [number])
            rows = await asyncio.gather(*(get_async_connection().execute("SELECT COUNT(*) FROM numbers") for _ in range(3)))
            return rows[0][0][0]
        print([asyncio.run(work(number)) for number in range(6)])
        """,
    )
    assert done.stdout.strip() == "[1, 2, 3, 4, 5, 6]", done.stderr
    assert done.stderr == ""
    assert done.returncode == 0


def test_a_loop_that_ends_with_work_in_flight_leaves_no_noise(database: Any, program: Any) -> None:
    slow = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000000) SELECT COUNT(*) FROM n",
        "postgresql": "SELECT pg_sleep(0.2)",
    }[database.vendor]
    done = program(
        f"""
        import asyncio
        from dorm.conf import configure
        from dorm.db.connection import get_async_connection
        configure(DATABASES={{"default": {dict(database.entry)!r}}})
        async def work():
            task = asyncio.create_task(get_async_connection().execute({slow!r}))
            await asyncio.sleep(0.05)
            task.cancel()
        for _ in range(3):
            asyncio.run(work())
        print("done")
        """,
    )
    assert (done.stdout.strip(), done.returncode) == ("done", 0)
    assert not {"Warning", "Traceback", "never awaited"} & set(done.stderr.replace(":", " ").split())


def test_a_process_ends_with_everything_open(database: Any, program: Any) -> None:
    done = program(
        f"""
        import asyncio, threading
        from dorm.conf import configure
        from dorm.db.connection import get_async_connection, get_connection
        from dorm.transaction import atomic
        configure(DATABASES={{"default": {dict(database.entry)!r}}})
        get_connection().execute("SELECT 1")
        threading.Thread(target=lambda: get_connection().execute("SELECT 1")).start()
        asyncio.run(get_async_connection().execute("SELECT 1"))
        block = atomic()
        block.__enter__()
        get_connection().execute("SELECT 1")
        print("done")
        """,
    )
    assert (done.stdout.strip(), done.returncode) == ("done", 0)
    assert done.stderr == ""


def test_two_loops_in_two_threads_at_once(database: Any, sql: Any) -> None:
    problems: list[BaseException] = []

    async def work(start: int) -> None:
        for number in range(start, start + 20):
            async with transaction.aatomic():
                await get_async_connection().execute_write("INSERT INTO things (id) VALUES (%s)", [number])
        await dorm.close_all_async()

    def thread(start: int) -> None:
        try:
            asyncio.run(work(start))
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=thread, args=[start]) for start in (0, 100, 200)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert problems == []
    assert database.count("things") == 60


def test_threads_have_transactions_of_their_own(database: Any, sql: Any) -> None:
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        try:
            with transaction.atomic():
                get_connection().execute("SELECT 1")
                entered.set()
                leave.wait(10)
                raise KeyError
        except KeyError:
            pass

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait()
    assert not transaction.in_atomic_block()
    if database.vendor == "postgresql":
        get_connection().execute_write("INSERT INTO things (id) VALUES (1)")
        assert database.count("things") == 1
    leave.set()
    thread.join()


def test_connections_of_dead_threads_are_closed(database: Any) -> None:
    get_connection().execute("SELECT 1")
    for _ in range(5):
        thread = threading.Thread(target=lambda: get_connection().execute("SELECT 1"))
        thread.start()
        thread.join()
    gc.collect()
    assert len(engines.get("default").sync_pool._links) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_uses_connections_of_its_own(database: Any, program: Any) -> None:
    done = program(
        f"""
                import asyncio, os, sys
                from dorm.conf import configure
                from dorm.db.connection import get_async_connection, get_connection
                configure(DATABASES={{"default": {dict(database.entry)!r}}})
                connection = get_connection()
                connection.execute_write("CREATE TABLE forks (n INTEGER)")
                asyncio.run(get_async_connection().execute("SELECT 1"))
                for number in range(3):
                    pid = os.fork()
                    if pid == 0:
                        connection.execute_write("INSERT INTO forks VALUES (%s)", [number])
                        asyncio.run(get_async_connection().execute_write("INSERT INTO forks VALUES (%s)", [number]))
                        sys.exit(0)
                    assert os.waitpid(pid, 0)[1] == 0
                    connection.execute_write("INSERT INTO forks VALUES (%s)", [number])
                print(connection.execute("SELECT COUNT(*) FROM forks")[0][0])
        """,
        "-W",
        "error::ResourceWarning",
        # Python 3.12 and later warn of any fork beside threads, which aiosqlite's connection is
        "-W",
        "ignore:This process:DeprecationWarning",
    )
    assert (done.stdout.strip(), done.stderr, done.returncode) == ("9", "", 0)


def test_configuring_again_switches_the_database(database: Any, tmp_path: Any) -> None:
    get_connection().execute_write("CREATE TABLE here (a INTEGER)")
    handle = get_connection()
    for number in range(2):
        dorm.configure(DATABASES={"default": {"ENGINE": "sqlite", "NAME": str(tmp_path / f"{number}.db")}})
        assert not handle.table_exists("here")
    dorm.configure(DATABASES={"default": database.entry})
    assert handle.table_exists("here")


async def test_configuring_again_inside_a_loop_switches_too(database: Any, tmp_path: Any) -> None:
    await get_async_connection().execute_write("CREATE TABLE here (a INTEGER)")
    dorm.configure(DATABASES={"default": {"ENGINE": "sqlite", "NAME": str(tmp_path / "other.db")}})
    assert not await get_async_connection().table_exists("here")
    await dorm.close_all_async()


def test_reset_connections_makes_everything_anew(database: Any) -> None:
    from dorm.db.connection import reset_connections

    get_connection().execute("SELECT 1")
    before = engines.get("default")
    reset_connections()
    assert engines.get("default") is not before
    assert get_connection().execute("SELECT 1") == [(1,)]


# ----------------------------------------------------------------------------------------------------------- in memory


@pytest.fixture
def memory() -> Any:
    dorm.configure(DATABASES={"default": {"ENGINE": "sqlite", "NAME": ":memory:"}})
    yield
    dorm.close_all()


def test_a_database_in_memory_is_one_for_both_worlds_and_all_threads(memory: Any) -> None:
    connection = get_connection()
    connection.execute_write("CREATE TABLE numbers (n INTEGER)")

    async def work() -> int:
        await asyncio.gather(
            *(get_async_connection().execute_write("INSERT INTO numbers VALUES (1)") for _ in range(9))
        )
        async with transaction.aatomic():
            await get_async_connection().execute_write("INSERT INTO numbers VALUES (1)")
        return (await get_async_connection().execute("SELECT COUNT(*) FROM numbers"))[0][0]

    assert asyncio.run(work()) == 10
    threads = [
        threading.Thread(target=lambda: get_connection().execute_write("INSERT INTO numbers VALUES (1)"))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert connection.execute("SELECT COUNT(*) FROM numbers")[0][0] == 15


def test_a_database_in_memory_survives_closing_and_ends_with_its_configuration(memory: Any) -> None:
    get_connection().execute_write("CREATE TABLE numbers (n INTEGER)")
    dorm.close_all()
    assert get_connection().table_exists("numbers")
    dorm.configure(DATABASES={"default": {"ENGINE": "sqlite", "NAME": ":memory:"}})
    assert not get_connection().table_exists("numbers")


def test_two_aliases_in_memory_are_two_databases() -> None:
    entry = {"ENGINE": "sqlite", "NAME": ":memory:"}
    dorm.configure(DATABASES={"default": entry, "other": entry})
    get_connection().execute_write("CREATE TABLE numbers (n INTEGER)")
    assert not get_connection("other").table_exists("numbers")
    dorm.close_all()


def test_a_memory_database_waits_for_its_writer(memory: Any) -> None:
    get_connection().execute_write("CREATE TABLE numbers (n INTEGER)")
    began = threading.Event()

    def other() -> None:
        with transaction.atomic():
            get_connection().execute_write("INSERT INTO numbers VALUES (1)")
            began.set()
            time.sleep(0.1)

    thread = threading.Thread(target=other)
    thread.start()
    began.wait()
    get_connection().execute_write("INSERT INTO numbers VALUES (2)")
    thread.join()
    assert get_connection().execute("SELECT COUNT(*) FROM numbers")[0][0] == 2


@pytest.mark.only("sqlite")
def test_each_thread_has_its_connection_to_a_file_however_many_there_are(database: Any) -> None:
    threads = 24
    everybody = threading.Barrier(threads, timeout=30)

    def work(_: int) -> int:
        found = get_connection().execute("SELECT 1")[0][0]
        everybody.wait()
        return found

    with ThreadPoolExecutor(threads) as pool:
        assert list(pool.map(work, range(threads))) == [1] * threads
