"""The bridge and inline mode."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Iterator
from typing import Any

import pytest

import dorm
from dorm import transaction
from dorm.db import bridge
from dorm.db.connection import get_async_connection, get_connection
from dorm.db.sessions import session


async def test_results_and_errors_come_through() -> None:
    assert await bridge.run_async(lambda a, *, b: (a, b), 1, b=2) == (1, 2)
    with pytest.raises(KeyError, match="x"):
        await bridge.run_async({}.__getitem__, "x")


async def test_synchronous_code_can_wait() -> None:
    async def later(value: int) -> int:
        await asyncio.sleep(0)
        return value

    def work() -> int:
        assert bridge.in_bridge()
        return bridge.wait(later(1)) + bridge.wait(later(2))

    assert not bridge.in_bridge()
    assert await bridge.run_async(work) == 3
    assert not bridge.in_bridge()


def test_waiting_elsewhere_says_what_to_do() -> None:
    async def never() -> None:
        raise AssertionError

    with pytest.raises(RuntimeError, match=r"dorm\.run"):
        bridge.wait(never())


async def test_bridges_nest() -> None:
    async def inner() -> str:
        return await bridge.run_async(lambda: bridge.wait(asyncio.sleep(0, "deep")))

    assert await bridge.run_async(lambda: bridge.wait(inner())) == "deep"


async def test_context_variables_are_shared_both_ways() -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable")
    variable.set(1)

    def work() -> int:
        seen = variable.get()
        variable.set(2)
        bridge.wait(asyncio.sleep(0))
        return seen

    assert await bridge.run_async(work) == 1
    assert variable.get() == 2


async def test_many_tasks_use_the_bridge_at_once() -> None:
    def work(number: int) -> int:
        for _ in range(number % 5):
            bridge.wait(asyncio.sleep(0))
        if number % 7 == 0:
            raise ValueError(number)
        return number

    results = await asyncio.gather(*(bridge.run_async(work, n) for n in range(200)), return_exceptions=True)
    assert [r.args[0] if isinstance(r, ValueError) else r for r in results] == list(range(200))


async def test_results_are_not_kept_alive() -> None:
    import gc
    import weakref

    class Thing:
        pass

    thing = await bridge.run_async(Thing)
    reference = weakref.ref(thing)
    del thing
    gc.collect()
    assert reference() is None


async def test_cancellation_arrives_at_the_wait_and_cleanup_may_wait() -> None:
    seen: list[str] = []

    def work() -> None:
        try:
            bridge.wait(asyncio.sleep(60))
        except asyncio.CancelledError:
            seen.append("cancelled")
            bridge.wait(asyncio.sleep(0))
            seen.append("cleaned")
            raise

    task = asyncio.create_task(bridge.run_async(work))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled", "cleaned"]


async def test_work_that_must_end_is_not_cut_short() -> None:
    done: list[int] = []

    async def important() -> None:
        await asyncio.sleep(0.05)
        done.append(1)

    task = asyncio.create_task(bridge.run_async(lambda: bridge.wait_to_the_end(important())))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == [1]


async def test_leaving_an_async_iteration_early_closes_the_iterator() -> None:
    from contextlib import aclosing

    closed: list[bool] = []

    def numbers() -> Iterator[list[int]]:
        try:
            for number in range(10):
                bridge.wait(asyncio.sleep(0))
                yield [number]
        finally:
            bridge.wait(asyncio.sleep(0))
            closed.append(bridge.in_bridge())

    async with aclosing(bridge.iterate_chunks(numbers)) as items:  # type: ignore[type-var]
        async for item in items:
            if item == 3:
                break
    assert closed == [True]


# -------------------------------------------------------------------------------------------------------------- inline


async def test_inline_both_worlds_share_one_transaction(database: Any, sql: Any) -> None:
    insert = "INSERT INTO things (id) VALUES (%s)"
    with dorm.inline(), pytest.raises(KeyError):
        async with transaction.aatomic():
            get_connection().execute_write(insert, [1])
            await get_async_connection().execute_write(insert, [2])
            with transaction.atomic():
                await asyncio.gather(*(get_async_connection().execute_write(insert, [n]) for n in (3, 4)))
            assert (await get_async_connection().execute("SELECT COUNT(*) FROM things"))[0][0] == 4
            assert get_connection().execute("SELECT COUNT(*) FROM things")[0][0] == 4
            raise KeyError
    assert database.count("things") == 0


async def test_inline_can_be_switched_off_for_a_part(database: Any) -> None:
    with dorm.inline():
        assert bridge.in_inline()
        with dorm.inline(False):
            assert not bridge.in_inline()
            assert await bridge.run_async(lambda: session().asynchronous)
        assert not await bridge.run_async(lambda: session().asynchronous)
    assert not bridge.in_inline()
    await dorm.close_all_async()


async def test_inline_still_awaits_coroutine_receivers(database: Any) -> None:
    seen: list[str] = []

    async def receiver(sender: str, sql: str, **_: Any) -> None:
        await asyncio.sleep(0)
        seen.append(sql)

    dorm.post_query.connect(receiver)
    async with dorm.inline():
        await get_async_connection().execute("SELECT 1")
    assert seen == ["SELECT 1"]


def test_inline_for_the_whole_process(database: Any) -> None:
    bridge.set_inline(True)
    try:
        assert asyncio.run(bridge.run_async(lambda: session().asynchronous)) is False
    finally:
        bridge.set_inline(False)


def test_without_greenlet_the_sync_world_and_inline_work(program: Any) -> None:
    done = program(
        """
        import sys
        sys.modules["greenlet"] = None
        import asyncio
        from dorm.conf import configure
        from dorm.db import bridge
        from dorm.db.connection import get_connection, get_async_connection
        configure(DATABASES={"default": {"ENGINE": "sqlite", "NAME": "x.db"}})
        get_connection().execute("SELECT 1")
        async def inline():
            async with bridge.inline():
                print((await get_async_connection().execute("SELECT 7 AS n"))[0]["n"])
        asyncio.run(inline())
        try:
            asyncio.run(get_async_connection().execute("SELECT 1"))
        except ImportError as problem:
            print(problem)
        """,
    )
    assert done.stdout.splitlines()[0] == "7", done.stderr
    assert "the async API needs the package 'greenlet'" in done.stdout


def test_importing_loads_no_driver_and_no_greenlet(program: Any) -> None:
    done = program(
        """
        import sys
        import dorm.transaction, dorm.db.connection, dorm.db.utils, dorm.db.routers
        print(sorted({"psycopg", "aiosqlite", "greenlet", "alembic", "typer", "rich", "pydantic"} & set(sys.modules)))
        """,
    )
    assert done.stdout.strip() == "[]", done.stderr
