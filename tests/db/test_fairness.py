"""Connections are handed out in order of arrival; a model of the pool holds it against random histories."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import dorm
from dorm.conf.entries import normalise
from dorm.db import engines, pools
from dorm.db.connection import close_all, close_all_async, get_async_connection, get_connection
from dorm.db.pools import CLOSED, OPEN, Pool


class Link:
    """A connection that is open or not."""

    born = idle_since = 0.0
    expires = float("inf")

    def __init__(self, number: int) -> None:
        self.number = number
        self.alive = True
        self.open = True

    def quick_check(self) -> bool:
        return self.alive

    probe = quick_check

    def close(self) -> None:
        assert self.open
        self.open = False

    abandon = close


class Fairy:
    def detach(self) -> None:
        """There is no pool behind."""

    invalidate = detach


class Place:
    """A place in the line at which nobody sleeps: the test looks whether something came."""

    given: Any = None

    def give(self, what: Any) -> None:
        assert self.given is None
        self.given = what

    def wait(self, limit: float) -> bool:
        raise Asleep(self)


class Asleep(Exception):
    """Stands for a caller that waits."""


class Engine:
    dialect = None

    def raw_connection(self) -> Fairy:
        return Fairy()

    def dispose(self) -> None:
        """Nothing is kept."""


class Borrowing(RuleBasedStateMachine):
    """What psycopg's and SQLAlchemy's pools promise: a limit, an order, nothing lost, nothing used twice."""

    def __init__(self) -> None:
        super().__init__()
        entry = normalise("default", {"ENGINE": "sqlite", "NAME": "unused.db"})
        self.made: list[Link] = []
        self.size = 3
        engine: Any = Engine()
        self.pool = Pool(
            entry,
            "sqlite",
            lambda: engine,
            self.make,
            Place,
            place="test",
            size=self.size,
            least=0,
            check=True,
            announce=False,
        )  # type: ignore[arg-type] # ty: ignore[invalid-argument-type]
        self.pool._leave_line = self.stay  # type: ignore[method-assign] # ty: ignore[invalid-assignment]
        self.fails = False
        self.out: set[Link] = set()
        self.line: deque[Place] = deque()

    def make(self, _fairy: Any) -> Link:
        if self.fails:
            raise ConnectionError
        link = Link(len(self.made))
        self.made.append(link)
        return link

    def stay(self, place: Place, *, pass_on: bool = False) -> bool:
        """Callers do not leave the line when the test merely stops waiting for them."""
        return False

    def settle(self) -> None:
        """Those at the head of the line whose turn has come take what they were given, in order."""
        while self.line and self.line[0].given is not None:
            given = self.line.popleft().given
            assert given is not CLOSED
            link = self.pool._connect() if given is OPEN else given
            assert link not in self.out
            self.out.add(link)
        assert all(place.given is None for place in self.line), "somebody was passed"

    def teardown(self) -> None:
        self.pool.close()
        assert all(place.given is CLOSED for place in self.line)
        for link in self.out:
            self.pool.release(link)
        assert not any(link.open for link in self.made)

    @rule()
    def borrow(self) -> None:
        waited = bool(self.line)
        try:
            link = self.pool.acquire()
        except Asleep as asleep:
            self.line.append(asleep.args[0])
            self.settle()
            return
        assert not waited, "a newcomer passed somebody who waits"
        assert link.alive
        assert link not in self.out
        self.out.add(link)

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def give_back(self, data: Any) -> None:
        link = data.draw(st.sampled_from(sorted(self.out, key=lambda link: link.number)))
        self.out.discard(link)
        data.draw(st.sampled_from([self.pool.release, self.pool.discard, self.pool.abandon]))(link)
        self.settle()

    @rule()
    def an_idle_connection_dies(self) -> None:
        if self.pool._idle:
            self.pool._idle[-1].alive = False

    @rule()
    def connecting_fails(self) -> None:
        self.fails = True
        try:
            link = self.pool.acquire()
        except ConnectionError:
            return
        except Asleep as asleep:
            self.line.append(asleep.args[0])
        else:
            self.out.add(link)
        finally:
            self.fails = False
            self.settle()

    @precondition(lambda self: self.line)
    @rule(data=st.data())
    def somebody_gives_up(self, data: Any) -> None:
        place = data.draw(st.sampled_from(list(self.line)))
        self.line.remove(place)
        assert Pool._leave_line(self.pool, place) is False
        self.settle()

    @invariant()
    def the_books_are_right(self) -> None:
        alive = [link for link in self.made if link.open]
        assert len(alive) <= self.size
        assert self.pool._places == len(alive) == len(self.pool._links)
        assert self.out | set(self.pool._idle) == set(alive)
        assert not (self.line and (self.pool._idle or self.pool._places < self.size)), "somebody waits for nothing"
        assert self.pool.stats().get("requests_waiting", 0) == len(self.line)


@pytest.fixture(autouse=True)
def _no_engine_to_prepare(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "database" not in request.fixturenames:
        monkeypatch.setattr(pools, "prepare", lambda engine: None)


Borrowing.TestCase.settings = hypothesis_settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_any_history_keeps_the_order_and_loses_nothing() -> None:
    Borrowing.TestCase().runTest()


def shared(before: list[int], after: list[int]) -> tuple[int, int]:
    done = [later - earlier for earlier, later in zip(before, after, strict=True)]
    return min(done), max(done)


@pytest.mark.only("postgresql")
async def test_many_tasks_get_equal_shares_of_a_small_pool(database: Any) -> None:
    dorm.configure(DATABASES={"default": {**database.entry, "MIN_POOL_SIZE": 1, "MAX_POOL_SIZE": 3, "POOL_TIMEOUT": 5}})
    connection = get_async_connection()
    done = [0] * 20
    stop = False

    async def work(number: int) -> None:
        while not stop:
            await connection.execute("SELECT 1")
            done[number] += 1

    tasks = [asyncio.create_task(work(number)) for number in range(20)]
    while sum(done) < 200:
        await asyncio.sleep(0.01)
    before = list(done)
    while sum(done) < sum(before) + 800:
        await asyncio.sleep(0.01)
    least, most = shared(before, done)
    stop = True
    await asyncio.gather(*tasks)
    assert most <= 2 * least
    await close_all_async()


@pytest.mark.only("postgresql")
def test_many_threads_get_equal_shares_of_a_small_pool(database: Any) -> None:
    dorm.configure(
        DATABASES={"default": {**database.entry, "MIN_POOL_SIZE": 1, "MAX_POOL_SIZE": 3, "POOL_TIMEOUT": 20}}
    )
    done = [0] * 12
    stop = threading.Event()
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            while not stop.is_set():
                get_connection().execute("SELECT 1")
                done[number] += 1
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=[number]) for number in range(12)]
    for thread in threads:
        thread.start()
    while min(done) < 5 and not problems:
        time.sleep(0.01)
    before = list(done)
    while sum(done) < sum(before) + 1200 and not problems:
        time.sleep(0.01)
    least, most = shared(before, done)
    stop.set()
    for thread in threads:
        thread.join(30)
    assert problems == []
    assert most <= 5 * least  # who waits for the interpreter is not in the line yet
    close_all()


@pytest.mark.only("postgresql")
async def test_those_who_wait_are_told_when_the_pool_closes(database: Any) -> None:
    dorm.configure(
        DATABASES={"default": {**database.entry, "MIN_POOL_SIZE": 0, "MAX_POOL_SIZE": 1, "POOL_TIMEOUT": 30}}
    )
    connection = get_async_connection()
    holder = asyncio.create_task(connection.execute("SELECT pg_sleep(0.3)"))
    await asyncio.sleep(0.05)
    waiting = [asyncio.create_task(connection.execute("SELECT 1")) for _ in range(3)]
    await asyncio.sleep(0.05)
    started = time.monotonic()
    await close_all_async()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert time.monotonic() - started < 0.2
    text = "the pool of alias 'default' was closed while this waited for a connection. Close pools when their users have finished."
    assert [str(problem) for problem in outcomes] == [text] * 3
    await holder
    assert await connection.execute("SELECT 1") == [(1,)]
    await close_all_async()


@pytest.mark.only("postgresql")
def test_threads_that_wait_are_told_when_the_pool_closes(database: Any) -> None:
    dorm.configure(
        DATABASES={"default": {**database.entry, "MIN_POOL_SIZE": 0, "MAX_POOL_SIZE": 1, "POOL_TIMEOUT": 30}}
    )
    outcomes: list[Any] = []

    def work(sql: str) -> None:
        try:
            outcomes.append(get_connection().execute(sql))
        except dorm.OperationalError as problem:
            outcomes.append(str(problem))

    holder = threading.Thread(target=work, args=["SELECT 1 FROM pg_sleep(0.4)"])
    waiting = threading.Thread(target=work, args=["SELECT 2"])
    holder.start()
    time.sleep(0.1)
    waiting.start()
    time.sleep(0.1)
    close_all()
    waiting.join(0.2)
    assert not waiting.is_alive()
    assert "was closed while this waited" in outcomes[0]
    holder.join()
    assert outcomes[1] == [(1,)]


@pytest.mark.only("postgresql")
def test_a_connection_that_comes_back_to_a_closed_pool_is_closed(database: Any) -> None:
    for _ in range(30):
        get_connection().execute("SELECT 1")
        here = engines.get("default").sync_pool
        link = here.acquire()
        closing = threading.Thread(target=here.close)
        closing.start()
        here.release(link)
        closing.join()
        assert not here._idle
        assert link.raw.closed


async def test_hand_overs_make_no_new_connections(database: Any) -> None:
    connection = get_async_connection()
    await asyncio.gather(*(connection.execute("SELECT 1") for _ in range(400)))
    here = engines.get("default").async_pool()
    assert here.opened_count == len(here._links) <= here.size
    await close_all_async()
