"""Hooks may run statements themselves: on the connection they watch, without waiting for anything, and unwatched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import dorm
from dorm.db.connection import close_all_async, get_async_connection, get_connection
from dorm.db.sessions import session


class Noted(dorm.Model):
    text = dorm.CharField(max_length=400)


class Watched(dorm.Model):
    name = dorm.CharField(max_length=40, unique=True)


pytestmark = pytest.mark.models([Noted, Watched])


@pytest.fixture
def small(database: Any) -> Any:
    """One connection is all there is."""
    if database.vendor == "postgresql":
        dorm.configure(
            DATABASES={"default": {**database.entry, "MIN_POOL_SIZE": 0, "MAX_POOL_SIZE": 1, "POOL_TIMEOUT": 3}}
        )
    return database


@pytest.fixture
def watching() -> Iterator[Callable[..., None]]:
    """Connects a receiver to both signals until the test ends."""
    connected: list[Any] = []

    def watch(receiver: Any) -> None:
        for signal in (dorm.pre_query, dorm.post_query):
            signal.connect(receiver)
            connected.append((signal, receiver))

    yield watch
    for signal, receiver in connected:
        signal.disconnect(receiver)


def note(sender: str, sql: str, **_: Any) -> None:
    """On the session of the scope that runs the statement, sync or async."""
    Noted.objects.create(text=sql[:400])


async def anote(sender: str, sql: str, **_: Any) -> None:
    await Noted.objects.acreate(text=sql[:400])


async def anote_twice(sender: str, sql: str, **_: Any) -> None:
    await asyncio.gather(Noted.objects.acreate(text=sql[:400]), Noted.objects.acount())


async def anote_in_a_block(sender: str, sql: str, **_: Any) -> None:
    await Noted.objects.aupdate_or_create(text=sql[:400])


RECEIVERS = pytest.mark.parametrize("receiver", [note, anote, anote_twice, anote_in_a_block])


@RECEIVERS
@pytest.mark.parametrize("block", [False, True])
async def test_a_hook_of_async_verbs_runs_statements(
    small: Any, watching: Any, receiver: Any, block: bool, caplog: Any
) -> None:
    watching(receiver)
    async with asyncio.timeout(8):
        if block:
            async with dorm.transaction.aatomic():
                await Watched.objects.acreate(name="a")
                async with dorm.transaction.aatomic():
                    await Watched.objects.aupdate_or_create(name="b")
        else:
            await Watched.objects.acreate(name="a")
            await Watched.objects.aupdate_or_create(name="b")
    assert await Watched.objects.acount() == 2
    noted = {text async for text in Noted.objects.values_list("text", flat=True)}
    assert any("INSERT" in text for text in noted)
    assert any("COMMIT" in text for text in noted)
    assert ("about to end" in caplog.text) == (receiver is anote_in_a_block)
    assert not any(Noted._meta.db_table in text for text in noted if text.startswith("INSERT"))
    await close_all_async()


@pytest.mark.parametrize("block", [False, True])
def test_a_hook_of_sync_verbs_runs_statements(small: Any, watching: Any, block: bool) -> None:
    watching(note)
    if block:
        with dorm.transaction.atomic():
            Watched.objects.create(name="a")
            Watched.objects.update_or_create(name="b")
    else:
        Watched.objects.create(name="a")
        Watched.objects.update_or_create(name="b")
    assert sorted(Watched.objects.values_list("name", flat=True)) == ["a", "b"]
    noted = list(Noted.objects.values_list("text", flat=True))
    assert any("INSERT" in text for text in noted)
    assert any("COMMIT" in text for text in noted)


async def test_a_hook_of_a_failed_statement_leaves_its_error_alone(small: Any, mode: Any, watching: Any) -> None:
    await mode.call(Watched.objects, "create", name="a")
    watching(note)
    with pytest.raises(dorm.UniqueViolation):
        await mode.call(Watched.objects, "create", name="a")
    assert await mode.call(Watched.objects, "count") == 1


async def test_a_task_that_a_hook_leaves_behind_uses_a_connection_of_its_own(database: Any, watching: Any) -> None:
    left: list[asyncio.Task[Any]] = []

    async def later() -> int:
        await asyncio.sleep(0.05)
        return await Watched.objects.acount()

    async def start(sender: str, sql: str, **_: Any) -> None:
        left.append(asyncio.create_task(later()))

    watching(start)
    await Watched.objects.acreate(name="a")
    dorm.pre_query.disconnect(start)
    dorm.post_query.disconnect(start)
    assert await asyncio.gather(*left) == [1] * len(left)
    await close_all_async()


def test_hooks_see_sqlalchemys_statements_and_may_run_others(small: Any, watching: Any) -> None:
    import sqlalchemy

    watching(note)
    with session().sa_connection() as connection:
        assert connection.execute(sqlalchemy.text("SELECT 7")).scalar() == 7
    assert Noted.objects.filter(text="SELECT 7").count() == 2
    assert get_connection().execute("SELECT 1") == [(1,)]


async def test_streams_are_watched_by_hooks_that_query(database: Any, watching: Any) -> None:
    watching(anote)
    async with asyncio.timeout(8):
        assert [row async for row in get_async_connection().execute_streaming("SELECT 1")] == [(1,)]
    assert await Noted.objects.filter(text="SELECT 1").acount() == 2
    await close_all_async()
