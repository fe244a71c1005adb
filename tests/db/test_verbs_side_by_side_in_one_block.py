"""Verbs of several statements that run at the same time in one transaction take turns."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import dorm
from dorm import transaction
from dorm.db.connection import close_all_async


class Tally(dorm.Model):
    name = dorm.CharField(max_length=20, unique=True)
    number = dorm.IntegerField(default=0)


class Mark(dorm.Model):
    tallies = dorm.ManyToManyField(Tally, related_name="marks")


pytestmark = pytest.mark.models([Tally, Mark])


async def test_verbs_with_savepoints_wait_for_each_other(database: Any) -> None:
    mark = await Mark.objects.acreate()
    async with asyncio.timeout(20), transaction.aatomic():
        await asyncio.gather(
            *(Tally.objects.aupdate_or_create(name=f"n{n % 4}", defaults={"number": n}) for n in range(12)),
            *(Tally.objects.aget_or_create(name=f"m{n % 3}") for n in range(9)),
            Tally.objects.abulk_create([Tally(name=f"b{n}") for n in range(5)], batch_size=2),
        )
        tallies = [tally async for tally in Tally.objects.all()]
        await asyncio.gather(*(mark.tallies.aadd(tally) for tally in tallies))
    assert await Tally.objects.acount() == 12
    assert await mark.tallies.acount() == 12
    await close_all_async()


async def test_one_of_them_may_fail(database: Any) -> None:
    await Tally.objects.acreate(name="taken")
    async with asyncio.timeout(20), transaction.aatomic():
        outcomes = await asyncio.gather(
            Tally.objects.aupdate_or_create(name="a"),
            Tally.objects.aupdate_or_create(name="b", defaults={"name": "taken"}),
            Tally.objects.aupdate_or_create(name="c"),
            return_exceptions=True,
        )
        assert isinstance(outcomes[1], dorm.UniqueViolation)
    assert {name async for name in Tally.objects.values_list("name", flat=True)} == {"taken", "a", "c"}
    await close_all_async()


async def test_those_that_wait_are_told_when_the_block_ends(database: Any) -> None:
    tasks: list[asyncio.Task[Any]] = []

    async def fail() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        async with transaction.aatomic():
            tasks = [asyncio.create_task(Tally.objects.aupdate_or_create(name=f"n{n}")) for n in range(8)]
            await asyncio.gather(*tasks, fail())
    async with asyncio.timeout(10):
        await asyncio.gather(*tasks, return_exceptions=True)
    assert await Tally.objects.acount() == sum(task.exception() is None for task in tasks) == 0
    await close_all_async()


async def test_blocks_of_the_user_in_two_tasks_are_still_refused(database: Any) -> None:
    async def inner(name: str) -> None:
        async with transaction.aatomic():
            await Tally.objects.acreate(name=name)
            await asyncio.sleep(0.05)

    async with transaction.aatomic():
        first, second = await asyncio.gather(inner("a"), inner("b"), return_exceptions=True)
        assert first is None
        assert "cannot open an atomic block" in str(second)
    assert await Tally.objects.acount() == 1
    await close_all_async()
