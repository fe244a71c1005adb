"""Sync and async code around one transaction: what mixes, and what is refused."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import dorm
from dorm import transaction
from dorm.db import bridge
from dorm.db.connection import close_all_async, get_async_connection, get_connection

INSERT = "INSERT INTO things (id, name) VALUES (%s, 'x')"
COUNT = "SELECT COUNT(*) FROM things"


def add(number: int) -> None:
    get_connection().execute_write(INSERT, [number])


async def aadd(number: int) -> None:
    await get_async_connection().execute_write(INSERT, [number])


def seen() -> int:
    return get_connection().execute(COUNT)[0][0]


async def aseen() -> int:
    return (await get_async_connection().execute(COUNT))[0][0]


@pytest.fixture
def run(database: Any, sql: Any) -> Any:
    """Runs a coroutine function and closes what it opened."""

    def run(function: Any) -> Any:
        async def body() -> Any:
            try:
                return await function()
            finally:
                await close_all_async()

        return asyncio.run(body())

    return run


def test_a_sync_verb_inside_an_async_block_is_refused_and_leaves_the_block_usable(database: Any, run: Any) -> None:
    async def main() -> None:
        async with transaction.aatomic():
            await aadd(1)
            with pytest.raises(dorm.MixedWorldsError, match=r"aatomic.*dorm\.run.*inline") as caught:
                add(2)
            assert isinstance(caught.value, dorm.LazyLoadError)
            with pytest.raises(dorm.MixedWorldsError), transaction.atomic():
                pass
            with pytest.raises(dorm.MixedWorldsError):
                transaction.savepoint()
            await dorm.run(add, 3)
            assert await aseen() == 2
        add(4)

    run(main)
    assert database.rows("SELECT id FROM things ORDER BY id") == [(1,), (3,), (4,)]


def test_an_async_verb_inside_a_sync_block_is_refused(database: Any, run: Any) -> None:
    async def main() -> None:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            add(1)
            with pytest.raises(dorm.MixedWorldsError, match=r"aatomic.*dorm\.run.*inline"):
                await aadd(2)
            with pytest.raises(dorm.MixedWorldsError):
                await asyncio.wait_for(aadd(3), 5)
            with pytest.raises(dorm.MixedWorldsError):
                async with transaction.aatomic():
                    pass
            raise ZeroDivisionError
        await aadd(4)

    run(main)
    assert database.rows("SELECT id FROM things") == [(4,)]


def test_a_loop_inside_a_sync_block_is_refused_as_well(database: Any, run: Any) -> None:
    async def main() -> None:
        with pytest.raises(dorm.MixedWorldsError):
            await aadd(2)

    with transaction.atomic():
        add(1)
        run(main)
    assert database.count("things") == 1


def test_other_aliases_are_not_concerned(database: Any, run: Any, tmp_path: Any) -> None:
    dorm.configure(DATABASES={"default": database.entry, "log": {"ENGINE": "sqlite", "NAME": str(tmp_path / "log.db")}})

    async def main() -> None:
        async with transaction.aatomic():
            await aadd(1)
            get_connection("log").execute_script("CREATE TABLE lines (id INTEGER)")
            assert get_connection("log").execute("SELECT COUNT(*) FROM lines")[0][0] == 0

    run(main)
    assert database.count("things") == 1


def test_a_block_of_another_task_does_not_concern_this_one(database: Any, run: Any) -> None:
    async def holding(ready: asyncio.Event, done: asyncio.Event) -> None:
        async with transaction.aatomic():
            await aseen()
            ready.set()
            await done.wait()

    async def main() -> None:
        ready, done = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(holding(ready, done))
        await ready.wait()
        if database.vendor == "postgresql":
            add(1)
        assert seen() == int(database.vendor == "postgresql")
        done.set()
        await task

    run(main)


def test_worlds_mix_inline_and_under_run(database: Any, run: Any) -> None:
    async def main() -> None:
        with dorm.inline():
            async with transaction.aatomic():
                await aadd(1)
                add(2)
                with transaction.atomic():
                    await aadd(3)
                    assert seen() == await aseen() == 3

        def work() -> None:
            with transaction.atomic():
                add(4)
                assert bridge.wait(aseen()) == 4

        async with transaction.aatomic():
            await dorm.run(work)

    run(main)
    assert database.count("things") == 4


def test_inline_inside_an_async_block_is_refused(database: Any, run: Any) -> None:
    async def main() -> None:
        async with transaction.aatomic():
            await aadd(1)
            with dorm.inline(), pytest.raises(dorm.MixedWorldsError):
                add(2)

    run(main)
    assert database.count("things") == 1


@pytest.mark.only("postgresql")
def test_a_thread_inside_an_async_block_answers_for_itself(database: Any, run: Any) -> None:
    heard: list[str] = []

    def in_thread() -> bool:
        transaction.on_commit(lambda: heard.append("thread"))
        with transaction.atomic():
            transaction.on_commit(lambda: heard.append("block of the thread"))
            assert transaction.in_atomic_block()
            add(1)
        return transaction.in_atomic_block()

    async def main() -> None:
        with pytest.raises(KeyError):
            async with transaction.aatomic():
                await aseen()
                transaction.on_commit(lambda: heard.append("task"))
                assert transaction.in_atomic_block()
                assert await asyncio.to_thread(in_thread) is False
                assert heard == ["thread", "block of the thread"]
                raise KeyError

    run(main)
    assert heard == ["thread", "block of the thread"]
    assert database.count("things") == 1


def test_inline_tasks_with_blocks_of_their_own_take_turns(database: Any, run: Any) -> None:
    async def transfer(number: int, fails: bool) -> None:
        with contextlib.suppress(KeyError):
            async with transaction.aatomic():
                await aadd(number)
                await asyncio.sleep(0.01)
                await aadd(number + 100)
                if fails:
                    raise KeyError

    async def plain(number: int) -> None:
        await asyncio.sleep(0.005)
        await aadd(number)

    async def main() -> None:
        jobs = [transfer(number, number % 2 == 1) for number in range(6)]
        await asyncio.gather(*jobs, plain(50), plain(51))

    with transaction.atomic() as block, dorm.inline():
        run(main)
        rows = get_connection().execute("SELECT id FROM things ORDER BY id")
        assert [row[0] for row in rows] == [0, 2, 4, 50, 51, 100, 102, 104]
        block.set_rollback(True)
    assert database.count("things") == 0
    with dorm.inline():
        run(main)
    assert database.count("things") == 8


def test_inline_sync_verbs_do_not_slip_into_the_block_of_another_task(database: Any, run: Any) -> None:
    async def holding(ready: asyncio.Event, done: asyncio.Event) -> None:
        async with transaction.aatomic():
            await aadd(1)
            ready.set()
            await done.wait()

    async def main() -> None:
        ready, done = asyncio.Event(), asyncio.Event()
        with dorm.inline():
            task = asyncio.create_task(holding(ready, done), name="the other")
            await ready.wait()
            with pytest.raises(RuntimeError, match="'the other'"):
                add(2)
            done.set()
            await task
            add(3)

    run(main)
    assert database.count("things") == 2


def test_a_block_left_in_another_thread_is_rolled_back_and_says_so(database: Any, sql: Any) -> None:
    block = transaction.atomic()
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        one.submit(lambda: (block.__enter__(), add(1))).result()
        with pytest.raises(dorm.TransactionManagementError, match=r"thread .* rolled back"):
            other.submit(block.__exit__, None, None, None).result()
        assert database.count("things") == 0
        one.submit(add, 2).result()
    assert database.count("things") == 1


def test_calls_that_share_a_thread_have_transactions_of_their_own(database: Any, sql: Any) -> None:
    """As a thread pool serves the dependencies of several requests, each call in a copy of its request's context."""
    if database.vendor == "sqlite":
        dorm.configure(DATABASES={"default": {**database.entry, "OPTIONS": {"transaction_mode": "deferred"}}})
    first, second = transaction.atomic(), transaction.atomic()
    contextvars.copy_context().run(first.__enter__)

    def whole_request() -> None:
        with second:
            assert transaction.in_atomic_block()
            add(1)

    assert not transaction.in_atomic_block()
    contextvars.copy_context().run(whole_request)
    assert database.count("things") == 1
    with pytest.raises(dorm.TransactionManagementError, match="context"):
        contextvars.copy_context().run(first.__exit__, None, None, None)
    assert database.count("things") == 1


def test_an_abandoned_async_generator_gives_its_block_away(database: Any, run: Any, caplog: Any) -> None:
    async def rows() -> Any:
        async with transaction.aatomic():
            await aadd(1)
            yield 1
            yield 2

    async def main() -> None:
        async for _ in rows():
            break
        with pytest.raises(dorm.TransactionManagementError, match="aclosing"):
            await aadd(2)
        await asyncio.sleep(0.05)
        await aadd(3)
        async with contextlib.aclosing(rows()) as closed:
            async for _ in closed:
                break
        await aadd(4)

    run(main)
    assert database.rows("SELECT id FROM things ORDER BY id") == [(3,), (4,)]


def test_a_test_client_in_a_thread_of_its_own_is_refused_by_name(database: Any, sql: Any) -> None:
    async def app() -> None:
        await aadd(1)

    def elsewhere() -> None:
        context = contextvars.copy_context()
        thread = threading.Thread(target=lambda: context.run(lambda: errors.append(raised(app))))
        thread.start()
        thread.join()

    errors: list[Any] = []
    with transaction.atomic() as block, dorm.inline():
        add(5)
        elsewhere()
        block.set_rollback(True)
    assert isinstance(errors[0], dorm.MixedWorldsError)
    assert "TestClient" in str(errors[0]) and "httpx.AsyncClient" in str(errors[0])
    assert database.count("things") == 0


def raised(function: Any) -> BaseException | None:
    try:
        asyncio.run(function())
    except dorm.MixedWorldsError as error:
        return error
    return None
