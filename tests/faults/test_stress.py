"""Random work of many tasks and threads under cancellations, killed connections and small pools keeps its promises.

DORM_STRESS_SECONDS makes it long (``nox -s stress``), DORM_STRESS_SEED repeats a run.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import threading
import time
from typing import Any

import pytest

import dorm
from dorm import transaction
from dorm.db import engines
from dorm.db.connection import close_all, close_all_async

SECONDS = float(os.environ.get("DORM_STRESS_SECONDS", "2"))
SEED = int(os.environ.get("DORM_STRESS_SEED", "20"))
TASKS = 12
THREADS = 4


class Row(dorm.Model):
    key = dorm.IntegerField(unique=True)
    part = dorm.IntegerField(default=0)


pytestmark = [pytest.mark.models([Row]), pytest.mark.timeout(SECONDS * 10 + 120)]


class Refused(Exception):
    """Undoes a block on purpose."""


class Ledger:
    """What was acknowledged, what was refused, and what nobody can know, by key."""

    def __init__(self) -> None:
        self.kept: set[int] = set()
        self.refused: set[int] = set()
        self.steps: dict[str, int] = {}
        self._next = 0
        self._lock = threading.Lock()

    def key(self) -> int:
        with self._lock:
            self._next += 1
            return self._next

    def step(self, who: str) -> None:
        self.steps[who] = self.steps.get(who, 0) + 1

    def check(self, database: Any) -> None:
        there = {key for (key,) in database.rows(f'SELECT key FROM "{Row._meta.db_table}"')}
        assert not self.kept - there, "acknowledged rows are lost"
        assert not self.refused & there, "refused rows were kept"


@pytest.fixture
def small(database: Any) -> Any:
    if database.vendor == "postgresql":
        keys = {"MIN_POOL_SIZE": 0, "MAX_POOL_SIZE": 3, "POOL_TIMEOUT": 30}
        dorm.configure(DATABASES={"default": {**database.entry, **keys}}, RETRY_BACKOFF=0.001)
    return database


def kill_one(database: Any, chance: random.Random) -> None:
    """Ends one session of the test's own database."""
    if database.vendor == "postgresql":
        database.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND backend_type = 'client backend' ORDER BY md5(pid::text || ?) LIMIT 1",
            str(chance.random()),
        )


def quiet(database: Any, pool: Any) -> None:
    """Every connection is back and idle, and the server knows of no others."""
    stats = pool.stats()
    assert not stats["open"] or stats["requests_waiting"] == 0
    if database.vendor == "postgresql":
        for _ in range(100):
            states = database.sessions()
            alive = [
                link for link in pool._idle if link.quick_check()
            ]  # one killed at the end is found by its borrower
            if len(states) == len(alive):
                break
            time.sleep(0.02)
        assert set(states) <= {"idle"}
        assert len(states) == len(alive) <= 3
        assert len(pool._idle) == len(pool._links) == pool._places


async def write(ledger: Ledger, chance: random.Random) -> None:
    key = ledger.key()
    await Row.objects.acreate(key=key)
    ledger.kept.add(key)


async def blocks(ledger: Ledger, chance: random.Random) -> None:
    first, inner, refuse = ledger.key(), ledger.key(), chance.random() < 0.4
    try:
        async with transaction.aatomic():
            await Row.objects.acreate(key=first)
            with contextlib.suppress(Refused):
                async with transaction.aatomic():
                    await Row.objects.acreate(key=inner)
                    raise Refused
            await Row.objects.aupdate_or_create(key=first, defaults={"part": 1})
            if refuse:
                raise Refused
    except Refused:
        ledger.refused.update((first, inner))
    else:
        ledger.kept.add(first)
        ledger.refused.add(inner)


async def side_by_side(ledger: Ledger, chance: random.Random) -> None:
    keys = [ledger.key() for _ in range(3)]
    async with transaction.aatomic():
        await asyncio.gather(*(Row.objects.aget_or_create(key=key) for key in keys))
    ledger.kept.update(keys)


async def read(ledger: Ledger, chance: random.Random) -> None:
    async for _ in Row.objects.order_by("key").values_list("key", flat=True)[:50].aiterator(chunk_size=7):
        if chance.random() < 0.02:
            break


WORK = (write, write, blocks, side_by_side, read)


async def one_step(ledger: Ledger, chance: random.Random) -> None:
    """Some work, cut off at a random moment now and then."""
    work = chance.choice(WORK)
    limit = chance.random() * 0.02 if chance.random() < 0.3 else None
    with contextlib.suppress(dorm.DatabaseError, TimeoutError):
        async with asyncio.timeout(limit):
            await work(ledger, chance)


async def test_tasks(small: Any) -> None:
    ledger, end = Ledger(), time.monotonic() + SECONDS
    chance = random.Random(SEED)

    async def work(number: int) -> None:
        mine = random.Random(SEED * 1000 + number)
        while time.monotonic() < end:
            await one_step(ledger, mine)
            ledger.step(f"task {number}")

    async def kill() -> None:
        while time.monotonic() < end:
            await asyncio.sleep(0.2)
            await asyncio.to_thread(kill_one, small, chance)

    async with asyncio.TaskGroup() as group:
        for number in range(TASKS):
            group.create_task(work(number))
        group.create_task(kill())
    await asyncio.sleep(0.05)
    ledger.check(small)
    assert ledger.kept
    assert len(ledger.steps) == TASKS, "somebody starved"
    assert await Row.objects.acount() >= len(ledger.kept)
    with contextlib.suppress(dorm.DatabaseError):
        await asyncio.gather(*(Row.objects.aexists() for _ in range(6)))
    quiet(small, engines.get("default").async_pool())
    await close_all_async()


def sync_step(ledger: Ledger, chance: random.Random) -> None:
    first, second, kind = ledger.key(), ledger.key(), chance.random()
    try:
        if kind < 0.3:
            Row.objects.create(key=first)
            ledger.kept.add(first)
        elif kind < 0.8:
            with transaction.atomic():
                Row.objects.create(key=first)
                with transaction.atomic():
                    Row.objects.update_or_create(key=second)
                if kind < 0.5:
                    raise Refused
            ledger.kept.update((first, second))
        else:
            rows: Any = Row.objects.values_list("key", flat=True)[:30].iterator(chunk_size=5)
            with contextlib.closing(rows):
                for _ in rows:
                    if chance.random() < 0.05:
                        break
    except Refused:
        ledger.refused.update((first, second))
    except dorm.DatabaseError:
        pass  # nobody knows what became of it


def test_threads(small: Any) -> None:
    ledger, end = Ledger(), time.monotonic() + SECONDS
    problems: list[BaseException] = []

    def work(number: int) -> None:
        mine = random.Random(SEED * 1000 + number)
        try:
            while time.monotonic() < end:
                sync_step(ledger, mine)
                ledger.step(f"thread {number}")
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=[number]) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    chance = random.Random(SEED)
    while time.monotonic() < end:
        time.sleep(0.2)
        kill_one(small, chance)
    for thread in threads:
        thread.join(60)
    assert problems == []
    ledger.check(small)
    assert ledger.kept
    assert len(ledger.steps) == THREADS, "somebody starved"
    for _ in range(4):
        Row.objects.exists()
    quiet(small, engines.get("default").sync_pool)
    close_all()
