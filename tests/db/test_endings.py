"""Transactions tell the truth about how they ended."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import dorm
from dorm import transaction
from dorm.db.blocks import open_block
from dorm.db.connection import (
    close_all,
    close_all_async,
    get_async_connection,
    get_connection,
    reset_connections,
)
from dorm.db.execution import ends_transaction
from dorm.db.sessions import TaskSession, ThreadSession, session
from dorm.dialects.postgresql_links import AsyncPostgresLink
from dorm.dialects.sqlite_links import ThreadedSQLiteLink

INSERT = "INSERT INTO things (id, name) VALUES (?, ?)"


async def close() -> None:
    await close_all_async()


@pytest.fixture
def slow_commit(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """The COMMIT of async transactions takes a while; the event says that it has begun."""
    begun = asyncio.Event()
    for link in (AsyncPostgresLink, ThreadedSQLiteLink):
        original = link.finish

        def slow(self: Any, sql: str, params: None = None, original: Any = original) -> None:
            if sql != "COMMIT":
                return original(self, sql)
            to_the_end = self.to_the_end

            def later(work: Any) -> Any:
                async def both() -> Any:
                    begun.set()
                    await asyncio.sleep(0.05)
                    return await work

                return to_the_end(both())

            self.to_the_end = later
            try:
                return original(self, sql)
            finally:
                self.to_the_end = to_the_end

        monkeypatch.setattr(link, "finish", slow)
    return begun


async def test_a_cancelled_commit_that_succeeded_is_told_as_committed(
    database: Any, sql: Any, slow_commit: asyncio.Event
) -> None:
    heard: list[Any] = []
    connection = get_async_connection()

    async def later() -> None:
        await asyncio.sleep(0.01)
        heard.append("awaited")

    async def work() -> None:
        async with transaction.aatomic():
            await connection.execute_write("INSERT INTO things (id) VALUES (1)")
            transaction.on_commit(lambda: heard.append(database.count("things")))
            transaction.aon_commit(later)
            transaction.on_rollback(lambda: heard.append("rolled back"))

    task = asyncio.create_task(work())
    await slow_commit.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard == [1, "awaited"]
    heard.clear()
    slow_commit.clear()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.03):
            async with transaction.aatomic():
                await connection.execute_write("INSERT INTO things (id) VALUES (2)")
                transaction.on_commit(lambda: heard.append(database.count("things")))
    assert heard == ([2] if database.count("things") == 2 else [])
    await close()


async def test_a_cancellation_during_a_callback_waits_for_all_of_them(database: Any, sql: Any) -> None:
    heard: list[str] = []
    begun = asyncio.Event()

    async def first() -> None:
        begun.set()
        await asyncio.sleep(0.05)
        heard.append("first")

    async def work() -> None:
        async with transaction.aatomic():
            await get_async_connection().execute_write("INSERT INTO things (id) VALUES (1)")
            transaction.aon_commit(first)
            transaction.on_commit(lambda: heard.append("second"))

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard == ["first", "second"]
    await close()


async def test_closing_under_an_open_block_is_refused(database: Any, mode: Any, sql: Any) -> None:
    async def refused() -> None:
        with pytest.raises(dorm.TransactionManagementError, match="atomic block is open on 'default'"):
            if mode.name == "async":
                await close_all_async()
            else:
                close_all()
        with pytest.raises(dorm.TransactionManagementError, match="atomic block is open"):
            await mode.settle(mode.connection().close())
        with pytest.raises(dorm.TransactionManagementError, match="atomic block is open"):
            reset_connections()

    with pytest.raises(KeyError):
        async with mode.atomic():
            await sql.run(INSERT, 1, "a")
            await refused()
            await sql.run(INSERT, 2, "b")
            raise KeyError
    assert database.count("things") == 0
    close_all()


def test_another_thread_cannot_close_or_configure_under_an_open_block(database: Any, sql: Any) -> None:
    entry = {"default": {**database.entry, "CONN_MAX_AGE": 5}}

    def attempts() -> list[str]:
        said = []
        for attempt in (close_all, get_connection().close, lambda: dorm.configure(DATABASES=entry)):
            with pytest.raises((dorm.TransactionManagementError, dorm.ImproperlyConfigured), match="open") as caught:
                attempt()
            said.append(str(caught.value))
        return said

    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(KeyError), transaction.atomic():
            get_connection().execute_write("INSERT INTO things (id) VALUES (1)")
            assert len(pool.submit(attempts).result()) == 3
            get_connection().execute_write("INSERT INTO things (id) VALUES (2)")
            raise KeyError
        assert database.count("things") == 0
        pool.submit(close_all).result()
    get_connection().execute_write("INSERT INTO things (id) VALUES (3)")
    assert database.count("things") == 1


@pytest.mark.parametrize("ending", ["COMMIT", "ROLLBACK", "END", "/* done */ commit", "script", "script and begin"])
async def test_what_follows_a_hand_written_end_is_refused(database: Any, mode: Any, sql: Any, ending: str) -> None:
    connection = mode.connection()
    with pytest.raises(dorm.TransactionManagementError, match=r"ended inside its atomic block"):
        async with mode.atomic():
            await sql.run(INSERT, 1, "a")
            if ending.startswith("script"):
                more = "; BEGIN" if "begin" in ending else ""
                text = f"INSERT INTO things (id, name) VALUES (2, ';'); COMMIT{more}"
                await mode.settle(connection.execute_script(text))
            else:
                await mode.settle(connection.execute(ending))
            await sql.run(INSERT, 3, "c")
    assert 3 not in [row[0] for row in database.rows("SELECT id FROM things")]
    await sql.run(INSERT, 4, "d")
    assert (4,) in database.rows("SELECT id FROM things")


async def test_a_block_that_was_ended_by_hand_does_not_end_quietly(database: Any, mode: Any, sql: Any) -> None:
    with pytest.raises(dorm.TransactionManagementError, match="ended inside its atomic block"):
        async with mode.atomic():
            await sql.run(INSERT, 1, "a")
            await mode.settle(mode.connection().execute_write("COMMIT"))
    assert database.count("things") == 1


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1; COMMIT; BEGIN",
        "UPDATE things SET name = 'x;y'; ROLLBACK; BEGIN",
        "COMMIT AND CHAIN",
        "SELECT ';'; /* ; */ END; START TRANSACTION",
    ],
)
async def test_several_statements_at_once_that_end_the_transaction_are_noticed(
    database: Any, mode: Any, sql: Any, text: str
) -> None:
    if database.vendor != "postgresql":
        pytest.skip("SQLite runs one statement at a time")
    for verb in ("execute", "execute_write"):
        with pytest.raises(dorm.TransactionManagementError, match="ended inside its atomic block"):
            async with mode.atomic():
                await sql.run(INSERT, 1, "a")
                await mode.settle(getattr(mode.connection(), verb)(text))
                await sql.run(INSERT, 3, "c")
        assert 3 not in [row[0] for row in database.rows("SELECT id FROM things")]
        database.run("DELETE FROM things")


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("COMMIT", True),
        ("-- done\n end", True),
        ("SELECT 1; ABORT", True),
        ("SELECT E'\\'; COMMIT; ', 1; ROLLBACK", True),
        ("PREPARE TRANSACTION 'x'", True),
        ("SELECT 1", False),
        ("SELECT '; COMMIT'", False),
        ("SELECT E'\\'; COMMIT; '", False),
        ('SELECT 1 AS "; COMMIT"', False),
        ("SELECT 1 -- ; COMMIT", False),
        ("SELECT CASE WHEN 1 = 1 THEN 2 END", False),
        ("SAVEPOINT a; ROLLBACK TO a; ROLLBACK WORK TO SAVEPOINT a", False),
        ("COMMIT PREPARED 'x'", False),
        ("CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET b = 1; END", False),
        ("CREATE FUNCTION f() RETURNS int AS $x$ BEGIN RETURN 1; END; $x$ LANGUAGE plpgsql", False),
        ("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END", False),
        ("CREATE TABLE a (b int); COMMIT", True),
    ],
)
def test_which_texts_end_a_transaction(text: str, ends: bool) -> None:
    assert ends_transaction(text) is ends


async def test_a_stream_that_ends_the_transaction_is_noticed(database: Any, mode: Any, sql: Any) -> None:
    if database.vendor != "sqlite":
        pytest.skip("a cursor of the server takes queries only")
    with pytest.raises(dorm.TransactionManagementError, match="ended inside its atomic block"):
        async with mode.atomic():
            await sql.run(INSERT, 1, "a")
            await sql.work(lambda: list(get_connection()._streaming("COMMIT")))
            await sql.run(INSERT, 2, "b")
    assert database.rows("SELECT id FROM things") == [(1,)]


@pytest.mark.parametrize("text", ["COMMIT", "ROLLBACK", "SELECT 1; COMMIT; BEGIN"])
async def test_an_end_through_sqlalchemy_or_the_driver_is_noticed(
    database: Any, mode: Any, sql: Any, text: str
) -> None:
    if ";" in text and database.vendor != "postgresql":
        pytest.skip("SQLite runs one statement at a time")

    def through_sqlalchemy() -> None:
        with session().sa_connection() as connection:
            connection.exec_driver_sql(text)

    def swallowed() -> None:
        with session().sa_connection() as connection, contextlib.suppress(Exception):
            connection.exec_driver_sql("SELECT nothing FROM nowhere")

    with pytest.raises(dorm.TransactionManagementError, match="ended inside its atomic block"):
        async with mode.atomic():
            await sql.run(INSERT, 1, "a")
            await sql.work(through_sqlalchemy)
            await sql.run(INSERT, 2, "b")
    assert 2 not in [row[0] for row in database.rows("SELECT id FROM things")]
    database.run("DELETE FROM things")
    if database.vendor == "postgresql":
        # the database has given the transaction up; nobody must be told that it was committed
        heard: list[str] = []
        with pytest.raises(dorm.TransactionManagementError, match="could not be committed"):
            async with mode.atomic():
                await sql.run(INSERT, 1, "a")
                transaction.on_commit(lambda: heard.append("committed"))
                transaction.on_rollback(lambda: heard.append("rolled back"))
                await sql.work(swallowed)
        assert (heard, database.count("things")) == (["rolled back"], 0)


async def test_a_connection_that_was_closed_under_the_block_is_no_commit(database: Any, sql: Any) -> None:
    heard: list[str] = []
    with pytest.raises(dorm.TransactionManagementError, match="lost or closed"):
        async with transaction.aatomic():
            await get_async_connection().execute_write("INSERT INTO things (id) VALUES (1)")
            transaction.on_commit(lambda: heard.append("committed"))
            transaction.on_rollback(lambda: heard.append("rolled back"))
            block = open_block("default")
            assert block is not None
            block.transaction.link.abandon()
    assert (heard, database.count("things")) == (["rolled back"], 0)


async def test_another_thread_cannot_reset_connections_under_the_block_of_a_task(
    database: Any, mode: Any, sql: Any
) -> None:
    with ThreadPoolExecutor(1) as pool:
        async with mode.atomic():
            await sql.run(INSERT, 1, "a")
            with pytest.raises(dorm.TransactionManagementError, match="atomic block is open"):
                pool.submit(reset_connections).result()
            await sql.run(INSERT, 2, "b")
    assert database.count("things") == 2


class Interrupted(BaseException):
    """What a signal handler raises."""


async def test_an_interruption_while_the_connection_is_given_back_does_not_hide_the_commit(
    database: Any, mode: Any, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []

    for kind in (ThreadSession, TaskSession):

        def interrupted(*args: Any, original: Any = kind.release_from, **options: Any) -> None:
            original(*args, **options)
            raise Interrupted

        monkeypatch.setattr(kind, "release_from", interrupted)
    with pytest.raises(Interrupted):
        async with mode.atomic():
            await sql.run(INSERT, 1, "a")
            transaction.on_commit(lambda: heard.append("committed"))
    assert (heard, database.count("things")) == (["committed"], 1)


async def test_a_script_belongs_to_the_block_on_every_database(database: Any, mode: Any, sql: Any) -> None:
    script = "INSERT INTO things (id, name) VALUES (1, 'a;b'); -- one;\nINSERT INTO things (id, name) VALUES (2, 'x');"
    with pytest.raises(KeyError):
        async with mode.atomic():
            await mode.settle(mode.connection().execute_script(script))
            await sql.run(INSERT, 3, "c")
            raise KeyError
    assert database.count("things") == 0
    async with mode.atomic():
        await sql.run("SAVEPOINT mine")
        await mode.settle(mode.connection().execute_script(script + "ROLLBACK TO mine; RELEASE mine"))
        await sql.run(INSERT, 3, "c")
    assert database.rows("SELECT id FROM things") == [(3,)]


LONG = {
    "sqlite": "INSERT INTO things (id) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000000) "
    "SELECT i FROM n",
    "postgresql": "INSERT INTO things (id) SELECT i FROM generate_series(1, 50000000) AS i",
}


@pytest.mark.parametrize("nested", [False, True])
async def test_a_time_limit_around_a_long_write_rolls_back(database: Any, sql: Any, nested: bool) -> None:
    connection = get_async_connection()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2), transaction.aatomic():
            await connection.execute_write("INSERT INTO things (id) VALUES (-1)")
            if nested:
                async with transaction.aatomic():
                    await connection.execute_write(LONG[database.vendor])
            await connection.execute_write(LONG[database.vendor])
    assert database.count("things") == 0
    await connection.execute_write("INSERT INTO things (id) VALUES (1)")
    assert database.count("things") == 1
    await close()


def failing(times: int, error: type[Exception], calls: list[int]) -> Any:
    def work() -> str:
        calls.append(len(calls))
        get_connection().execute_write(f"INSERT INTO things (id) VALUES ({len(calls)})")
        if len(calls) <= times:
            raise error("gave way")
        return "done"

    return work


@pytest.fixture
def impatient() -> None:
    dorm.configure(RETRY_BACKOFF=0.001)


@pytest.mark.parametrize("error", [dorm.Deadlock, dorm.SerializationFailure])
async def test_a_block_that_gave_way_runs_again(
    database: Any, mode: Any, sql: Any, error: type[Exception], impatient: None
) -> None:
    calls: list[int] = []
    work = failing(2, error, calls)
    if mode.sync:
        assert transaction.atomic(retry=3)(work)() == "done"
    else:

        @transaction.aatomic(retry=3)
        async def awork() -> str:
            return await dorm.run(work)

        assert await awork() == "done"
    assert database.rows("SELECT id FROM things") == [(3,)]


async def test_run_in_transaction_gives_up_after_its_attempts(
    database: Any, mode: Any, sql: Any, impatient: None
) -> None:
    calls: list[int] = []
    work = failing(9, dorm.Deadlock, calls)

    async def awork() -> str:
        return await dorm.run(work)

    with pytest.raises(dorm.Deadlock):
        await mode.call(transaction, "run_in_transaction", work if mode.sync else awork, retry=2)
    assert len(calls) == 3
    calls.clear()
    work = failing(9, KeyError, calls)
    with pytest.raises(KeyError):
        await mode.call(transaction, "run_in_transaction", work if mode.sync else awork, retry=2)
    assert len(calls) == 1
    assert database.count("things") == 0


async def test_run_in_transaction_hands_its_arguments_on(database: Any, mode: Any, sql: Any, impatient: None) -> None:
    calls: list[int] = []
    work = failing(1, dorm.Deadlock, calls)

    def named(name: str, number: int) -> str:
        return f"{name} {number} {work()}"

    async def anamed(name: str, number: int) -> str:
        return await dorm.run(named, name, number)

    told = await mode.call(transaction, "run_in_transaction", named if mode.sync else anamed, "job", 7, retry=2)
    assert told.startswith("job 7 ")
    assert len(calls) == 2


async def test_what_run_in_transaction_cannot_run_is_told_with_the_way_to_write_it() -> None:
    with pytest.raises(TypeError, match=r"run_in_transaction\(\) takes a function and its arguments, not int: write"):
        transaction.run_in_transaction(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"arun_in_transaction\(\) takes an `async def` function.*not len.*dorm\.run\("):
        await transaction.arun_in_transaction(len, [])  # type: ignore[arg-type]


async def test_inside_an_open_block_only_the_outermost_runs_again(
    database: Any, mode: Any, sql: Any, impatient: None
) -> None:
    calls: list[int] = []
    work = failing(1, dorm.Deadlock, calls)

    async def awork() -> str:
        return await dorm.run(work)

    with pytest.raises(dorm.Deadlock):
        async with mode.atomic():
            await mode.call(transaction, "run_in_transaction", work if mode.sync else awork)
    assert len(calls) == 1


async def test_a_with_block_cannot_run_twice_and_says_so(database: Any, mode: Any) -> None:
    with pytest.raises(TypeError, match=r"run_in_transaction\(function"):
        async with mode.atomic(retry=3):
            pass
    with pytest.raises(ValueError, match="-1"):
        transaction.atomic(retry=-1)


@pytest.mark.only("postgresql")
def test_real_deadlocks_and_serialization_failures_are_overcome(database: Any, sql: Any, impatient: None) -> None:
    database.run("INSERT INTO things (id, name) VALUES (1, '0'), (2, '0')")
    barrier = threading.Barrier(2, timeout=20)
    met = [False, False]

    def work(number: int) -> None:
        connection = get_connection()
        if number == 1:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        for key in ((1, 2), (2, 1))[number]:
            connection.execute_write(
                "UPDATE things SET name = CAST(CAST(name AS integer) + 1 AS text) WHERE id = %s", [key]
            )
            if not met[number]:
                met[number] = True
                barrier.wait()

    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(transaction.run_in_transaction, lambda number=number: work(number), retry=8)
            for number in (0, 1)
        ]
        for job in jobs:
            job.result(30)
    assert database.rows("SELECT name FROM things ORDER BY id") == [("2",), ("2",)]


async def test_manual_mode_and_rollback_marks_have_functions(database: Any, mode: Any, sql: Any) -> None:
    assert await mode.call(transaction, "get_autocommit") is True
    await mode.call(transaction, "set_autocommit", False)
    assert await mode.call(transaction, "get_autocommit") is False
    await sql.run(INSERT, 1, "a")
    await mode.call(transaction, "commit")
    await sql.run(INSERT, 2, "b")
    await mode.call(transaction, "rollback")
    await mode.call(transaction, "set_autocommit", True)
    assert database.rows("SELECT id FROM things") == [(1,)]
    async with mode.atomic():
        for name, arguments in (("commit", ()), ("rollback", ()), ("set_autocommit", (False,))):
            with pytest.raises(dorm.TransactionManagementError, match="forbidden") as caught:
                await mode.call(transaction, name, *arguments)
            assert isinstance(caught.value, RuntimeError)
        await sql.run(INSERT, 3, "c")
        assert await mode.call(transaction, "get_rollback") is False
        await mode.call(transaction, "set_rollback", True)
        assert await mode.call(transaction, "get_rollback") is True
    assert database.count("things") == 1


async def test_mark_for_rollback_on_error(database: Any, mode: Any, sql: Any) -> None:
    async def failing_part() -> None:
        if mode.sync:
            with transaction.mark_for_rollback_on_error():
                raise KeyError("part")
        else:
            async with transaction.amark_for_rollback_on_error():
                raise KeyError("part")

    with pytest.raises(KeyError):
        await failing_part()
    async with mode.atomic():
        await sql.run(INSERT, 1, "a")
        with pytest.raises(KeyError):
            await failing_part()
        assert await mode.call(transaction, "get_rollback") is True
        with pytest.raises(dorm.TransactionManagementError, match="KeyError"):
            await sql.run(INSERT, 2, "b")
    assert database.count("things") == 0
