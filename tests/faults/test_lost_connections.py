"""Connections that break."""

from __future__ import annotations

from typing import Any

import pytest

import dorm
from dorm import transaction

pytestmark = pytest.mark.only("postgresql")
CUT = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture(autouse=True)
def table(database: Any) -> None:
    database.run("CREATE TABLE lost (id INTEGER PRIMARY KEY)")


async def insert(mode: Any, number: int) -> int:
    return await mode.settle(mode.connection().execute_write("INSERT INTO lost VALUES (%s)", [number]))


async def test_a_connection_lost_in_a_block_fails_the_block_only(database: Any, mode: Any) -> None:
    seen: list[str] = []
    with pytest.raises(dorm.OperationalError):
        async with mode.atomic():
            transaction.on_rollback(lambda: seen.append("rolled back"))
            await insert(mode, 1)
            database.run(CUT)
            await insert(mode, 2)
    assert seen == ["rolled back"]
    assert database.count("lost") == 0
    assert await insert(mode, 3) == 1
    async with mode.atomic():
        await insert(mode, 4)
    assert database.count("lost") == 2


async def test_later_statements_of_the_block_say_what_happened(database: Any, mode: Any) -> None:
    with pytest.raises(dorm.TransactionManagementError, match="was lost; nothing of it is kept"):
        async with mode.atomic():
            await insert(mode, 1)
            database.run(CUT)
            with pytest.raises(dorm.OperationalError):
                await insert(mode, 2)
            await insert(mode, 3)
    assert await insert(mode, 4) == 1


async def test_a_connection_lost_before_the_commit_is_an_error(database: Any, mode: Any) -> None:
    with pytest.raises(dorm.DatabaseError):
        async with mode.atomic():
            await insert(mode, 1)
            database.run(CUT)
    assert database.count("lost") == 0
    assert await insert(mode, 2) == 1


async def test_an_inner_block_cannot_save_a_lost_connection(database: Any, mode: Any) -> None:
    with pytest.raises(dorm.DatabaseError):
        async with mode.atomic():
            await insert(mode, 1)
            with pytest.raises(dorm.OperationalError):
                async with mode.atomic():
                    database.run(CUT)
                    await insert(mode, 2)
            await insert(mode, 3)
    assert database.count("lost") == 0


async def test_manual_mode_starts_again_after_a_loss(database: Any, mode: Any) -> None:
    connection = mode.connection()
    await mode.settle(connection.set_autocommit(False))
    try:
        await insert(mode, 1)
        database.run(CUT)
        with pytest.raises(dorm.OperationalError):
            await insert(mode, 2)
        await mode.settle(connection.rollback())
        await insert(mode, 3)
        await mode.settle(connection.commit())
    finally:
        await mode.settle(connection.set_autocommit(True))
    assert database.rows("SELECT id FROM lost") == [(3,)]


async def test_the_connection_of_explicit_autocommit_is_replaced(database: Any, mode: Any) -> None:
    connection = mode.connection()
    await mode.settle(connection.set_autocommit(True))
    await insert(mode, 1)
    database.run(CUT)
    assert await mode.settle(connection.execute("SELECT COUNT(*) FROM lost")) == [(1,)]
    await insert(mode, 2)
    await mode.settle(connection.set_autocommit(False))
    await mode.settle(connection.set_autocommit(True))
    assert database.count("lost") == 2


async def test_a_stream_that_breaks_raises_and_frees_its_connection(database: Any, mode: Any) -> None:
    for number in range(20):
        await insert(mode, number)
    connection = mode.connection()
    with pytest.raises(dorm.OperationalError):
        rows = connection.execute_streaming("SELECT id FROM lost", chunk_size=2)
        if hasattr(rows, "__aiter__"):
            async for row in rows:
                database.run(CUT) if row[0] == 0 else None
        else:
            for row in rows:
                database.run(CUT) if row[0] == 0 else None
    assert await insert(mode, 100) == 1
    stats = connection.pool_stats()
    assert stats["pool_available"] == stats["pool_size"]


@pytest.mark.parametrize("inner", [False, True])
async def test_the_exception_of_the_user_surfaces_although_the_rollback_fails(
    database: Any, mode: Any, inner: bool
) -> None:
    seen: list[str] = []
    with pytest.raises(KeyError, match="of the user"):
        async with mode.atomic():
            transaction.on_rollback(lambda: seen.append("rolled back"))
            await insert(mode, 1)
            if inner:
                async with mode.atomic():
                    await insert(mode, 2)
                    database.run(CUT)
                    raise KeyError("of the user")
            database.run(CUT)
            raise KeyError("of the user")
    assert (seen, database.count("lost")) == (["rolled back"], 0)
    assert await insert(mode, 3) == 1


async def test_a_block_whose_inner_block_was_lost_takes_nothing_more(database: Any, mode: Any) -> None:
    with pytest.raises(dorm.TransactionManagementError, match="was lost; nothing of it is kept"):
        async with mode.atomic():
            await insert(mode, 1)
            with pytest.raises(KeyError):
                async with mode.atomic():
                    await insert(mode, 2)
                    database.run(CUT)
                    raise KeyError
            await insert(mode, 3)
    assert database.count("lost") == 0
