"""Transactions and tasks."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

import pytest

from dorm import transaction
from dorm.db import bridge
from dorm.db.connection import close_all_async, get_async_connection
from dorm.db.sessions import session

INSERT = "INSERT INTO things (id, name) VALUES (%s, %s)"


async def insert(number: int, name: str = "x") -> None:
    await get_async_connection().execute_write(INSERT, [number, name])


async def count() -> int:
    return (await get_async_connection().execute("SELECT COUNT(*) FROM things"))[0][0]


@pytest.fixture(autouse=True)
def table(sql: Any) -> None:
    """The table of the tests exists."""


async def test_child_tasks_take_part_in_the_open_block(database: Any) -> None:
    with pytest.raises(KeyError):
        async with transaction.aatomic():
            await asyncio.gather(*(insert(number) for number in range(20)))
            assert await count() == 20
            raise KeyError
    assert database.count("things") == 0
    await close_all_async()


async def test_a_child_started_before_the_block_stays_outside(database: Any) -> None:
    await count()
    go, done = asyncio.Event(), asyncio.Event()

    async def child() -> int:
        await go.wait()
        seen = await count()
        done.set()
        return seen

    task = asyncio.create_task(child())
    await asyncio.sleep(0)
    async with transaction.aatomic():
        await insert(1)
        go.set()
        await done.wait()
    assert await task == 0
    await close_all_async()


async def test_a_child_that_outlives_the_block_commits_by_itself(database: Any) -> None:
    go = asyncio.Event()

    async def child() -> None:
        await go.wait()
        await insert(2)

    async with transaction.aatomic():
        await insert(1)
        task = asyncio.create_task(child())
    go.set()
    await task
    assert database.count("things") == 2
    await close_all_async()


async def test_two_tasks_cannot_both_open_an_inner_block(database: Any) -> None:
    async def nested(number: int) -> None:
        async with transaction.aatomic():
            await insert(number)
            await asyncio.sleep(0.01)

    async with transaction.aatomic():
        first = asyncio.create_task(nested(1), name="first")
        second = asyncio.create_task(nested(2), name="second")
        results = await asyncio.gather(first, second, return_exceptions=True)
    problem = next(result for result in results if result is not None)
    assert isinstance(problem, RuntimeError)
    assert "'first'" in str(problem)
    assert "'second'" in str(problem)
    assert database.rows("SELECT id FROM things") == [(1,)]
    await close_all_async()


async def test_a_lone_child_may_open_an_inner_block(database: Any) -> None:
    async def nested() -> None:
        async with transaction.aatomic():
            await insert(2)
            raise KeyError

    async with transaction.aatomic():
        await insert(1)
        with pytest.raises(KeyError):
            await asyncio.wait_for(nested(), 10)
    assert database.rows("SELECT id FROM things") == [(1,)]
    await close_all_async()


async def test_statements_of_the_parent_wait_for_the_inner_block_of_a_child(database: Any) -> None:
    opened = asyncio.Event()

    async def nested() -> None:
        async with transaction.aatomic():
            await insert(2)
            opened.set()
            await asyncio.sleep(0.05)
            raise KeyError

    async with transaction.aatomic():
        task = asyncio.create_task(nested())
        await opened.wait()
        await insert(1)
        with pytest.raises(KeyError):
            await task
    assert database.rows("SELECT id FROM things") == [(1,)]
    await close_all_async()


async def test_verbs_of_several_statements_are_not_mixed_up(database: Any) -> None:
    """The block a verb opens for itself is no block of the user's task."""

    def verb(number: int) -> None:
        from dorm.db import transactions
        from dorm.db.execution import Statement

        mark = "?" if session().vendor == "sqlite" else "%s"
        with transactions.atomic("default"):
            session().run(Statement(f"INSERT INTO things (id) VALUES ({mark})", "write"), (number,))
            if number % 2:
                raise KeyError(number)

    async with transaction.aatomic():
        for number in range(4):
            try:
                await bridge.run_async(verb, number)
            except KeyError:
                assert number % 2
    assert database.rows("SELECT id FROM things ORDER BY id") == [(0,), (2,)]
    await close_all_async()


async def test_a_grandchild_may_work_inside_the_childs_block(database: Any) -> None:
    async def nested() -> None:
        async with transaction.aatomic():
            await asyncio.gather(insert(1), insert(2))

    async with transaction.aatomic():
        await asyncio.create_task(nested())
    assert database.count("things") == 2
    await close_all_async()


async def test_leaving_the_outer_block_first_is_an_error_and_undoes_all(database: Any) -> None:
    opened, go = asyncio.Event(), asyncio.Event()

    async def nested() -> None:
        async with transaction.aatomic():
            await insert(2)
            opened.set()
            await go.wait()

    with pytest.raises(RuntimeError, match="still open"):
        async with transaction.aatomic():
            await insert(1)
            task = asyncio.create_task(nested())
            await opened.wait()
    go.set()
    with pytest.raises(RuntimeError, match="ended before this one"):
        await task
    assert database.count("things") == 0
    assert await count() == 0
    await close_all_async()


async def test_unrelated_tasks_have_transactions_of_their_own(database: Any) -> None:
    async def work(number: int) -> None:
        async with transaction.aatomic():
            await insert(number)
            await asyncio.sleep(0.002)
            if number % 2:
                raise ValueError
            assert await count() >= 1

    results = await asyncio.gather(*(work(number) for number in range(12)), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), ValueError] * 6
    assert database.rows("SELECT id FROM things ORDER BY id") == [(number,) for number in range(0, 12, 2)]
    await close_all_async()


@pytest.mark.only("sqlite")
async def test_writers_of_one_file_wait_in_order_and_readers_do_not_wait(database: Any) -> None:
    order: list[str] = []
    began = asyncio.Event()

    async def long() -> None:
        async with transaction.aatomic():
            await insert(1)
            began.set()
            await asyncio.sleep(0.2)
            order.append("long")

    async def writer(number: int) -> None:
        await began.wait()
        await insert(number)
        order.append(f"writer {number}")

    async def reader() -> None:
        await began.wait()
        assert await count() == 0
        order.append("reader")

    await asyncio.gather(long(), writer(2), writer(3), reader())
    assert order == ["reader", "long", "writer 2", "writer 3"]
    await close_all_async()


async def test_more_tasks_than_connections(database: Any) -> None:
    async def work(number: int) -> int:
        await insert(number)
        return await count()

    await asyncio.gather(*(work(number) for number in range(60)))
    assert database.count("things") == 60
    assert get_async_connection().pool_stats()["open"]
    await close_all_async()


async def test_an_empty_context_is_outside_every_block(database: Any) -> None:
    async with transaction.aatomic():
        await insert(1)
        loop = asyncio.get_running_loop()
        assert await loop.create_task(count(), context=contextvars.Context()) == 0
    await close_all_async()


async def test_synchronous_blocks_of_two_tasks_are_two_transactions(database: Any) -> None:
    """`with atomic()` across an await does not leak into other tasks."""
    from dorm.db.connection import get_connection

    opened, go = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        with transaction.atomic():
            get_connection().execute_write(INSERT, [1, "a"])
            opened.set()
            await go.wait()
            raise KeyError

    task = asyncio.create_task(first())
    await opened.wait()
    assert not transaction.in_atomic_block()
    assert get_connection().execute("SELECT COUNT(*) FROM things")[0][0] == 0
    go.set()
    with pytest.raises(KeyError):
        await task
    assert database.count("things") == 0
