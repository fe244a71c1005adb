"""Random programs of blocks, failures and cancellations against a model that knows what each must keep.

Seeded, and bounded to a few seconds; DORM_STRESS_SECONDS sets another length.
"""

from __future__ import annotations

import asyncio
import os
import random
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

import pytest

import dorm
from dorm import transaction
from dorm.db.connection import close_all_async, get_connection

SECONDS = float(os.environ.get("DORM_STRESS_SECONDS", "2"))
WORKERS = 6


class Mark(dorm.Model):
    number = dorm.IntegerField(unique=True)


pytestmark = [pytest.mark.models([Mark]), pytest.mark.timeout(60 + 4 * SECONDS)]


class Given(Exception):
    """The failure of a random program."""


class Numbers:
    """Numbers that nobody else writes, and those that must be there in the end."""

    def __init__(self, worker: int) -> None:
        self.next = worker
        self.kept: set[int] = set()
        self.told: set[int] = set()

    def take(self) -> int:
        self.next += WORKERS
        return self.next


def sync_block(chance: random.Random, numbers: Numbers, depth: int = 0) -> set[int]:
    """A block with statements and blocks inside; the numbers it keeps if the blocks around it do."""
    mine: set[int] = set()
    with transaction.atomic():
        for _ in range(chance.randint(1, 3)):
            what = chance.random()
            if what < 0.55 or depth > 2:
                number = numbers.take()
                Mark.objects.create(number=number)
                transaction.on_commit(lambda number=number: numbers.told.add(number))
                mine.add(number)
            elif what < 0.85:
                try:
                    mine |= sync_block(chance, numbers, depth + 1)
                except (Given, dorm.DatabaseError):
                    pass
            elif what < 0.93:
                Mark.objects.raw("SELECT nothing")[0]
            else:
                raise Given
    return mine


async def async_block(chance: random.Random, numbers: Numbers, depth: int = 0) -> set[int]:
    """The same, awaited."""
    mine: set[int] = set()
    async with transaction.aatomic():
        for _ in range(chance.randint(1, 3)):
            what = chance.random()
            if what < 0.5 or depth > 2:
                number = numbers.take()
                await Mark.objects.acreate(number=number)
                transaction.on_commit(lambda number=number: numbers.told.add(number))
                mine.add(number)
            elif what < 0.8:
                try:
                    mine |= await async_block(chance, numbers, depth + 1)
                except (Given, dorm.DatabaseError):
                    pass
            elif what < 0.88:
                with pytest.raises(dorm.MixedWorldsError):
                    Mark.objects.count()
            elif what < 0.95:
                await asyncio.sleep(0)
            else:
                raise Given
    return mine


def rows() -> set[int]:
    return {row[0] for row in get_connection().execute("SELECT number FROM test_transactions_under_stress_mark")}


def test_threads_keep_exactly_what_their_blocks_kept(database: Any) -> None:
    until = monotonic() + SECONDS

    def work(worker: int) -> Numbers:
        chance, numbers = random.Random(worker), Numbers(worker)
        while monotonic() < until:
            try:
                numbers.kept |= sync_block(chance, numbers)
            except (Given, dorm.DatabaseError):
                pass
            assert not transaction.in_atomic_block()
        return numbers

    with ThreadPoolExecutor(WORKERS) as pool:
        found = list(pool.map(work, range(WORKERS)))
    kept = set().union(*[numbers.kept for numbers in found])
    assert rows() == kept == set().union(*[numbers.told for numbers in found])


async def test_cancelled_tasks_are_told_exactly_what_was_committed(database: Any) -> None:
    until = monotonic() + SECONDS

    async def work(worker: int) -> Numbers:
        chance, numbers = random.Random(worker), Numbers(worker)
        while monotonic() < until:
            task = asyncio.create_task(async_block(chance, numbers))
            if chance.random() < 0.4:
                await asyncio.wait({task}, timeout=chance.random() * 0.02)
                task.cancel()
            await asyncio.wait({task})
            if not task.cancelled() and task.exception() is None:
                numbers.kept |= task.result()
            elif not task.cancelled():
                assert isinstance(task.exception(), Given | dorm.DatabaseError)
        return numbers

    found = await asyncio.gather(*[work(worker) for worker in range(WORKERS)])
    told = set().union(*[numbers.told for numbers in found])
    assert set().union(*[numbers.kept for numbers in found]) <= told
    assert rows() == told
    await close_all_async()
