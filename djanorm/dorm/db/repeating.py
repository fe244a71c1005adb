"""Running a whole transaction again after a deadlock or a serialization failure."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from dorm.db import retry
from dorm.db.sessions import session
from dorm.db.transactions import in_atomic_block
from dorm.exceptions import Deadlock, SerializationFailure, TransactionManagementError

T = TypeVar("T")


class _Attempts:
    """How often a transaction has failed, and how long to wait before the next attempt."""

    def __init__(self, using: str, most: int) -> None:
        # inside an open block, only the outermost block could run again
        self.most = 0 if in_atomic_block(using) else most
        self.failed = 0

    def delay_after(self, error: BaseException) -> float | None:
        """Seconds until the next attempt, with jitter so that colliding transactions spread out; None to give up."""
        self.failed += 1
        if self.failed > self.most or not _may_succeed(error):
            return None
        delay = retry.delay_after(self.failed) * (0.5 + random.random())
        retry.announce(error, self.failed, self.most + 1, delay)
        return delay


def _may_succeed(error: BaseException | None) -> bool:
    """Whether the transaction gave way to another one, even if the block swallowed that error and raised another."""
    while isinstance(error, TransactionManagementError):
        error = error.__cause__
    return isinstance(error, (Deadlock, SerializationFailure))


def repeated(work: Callable[[], T], using: str, most: int) -> T:
    """The result of ``work()``, which opens a block on ``using``.

    It is repeated, up to ``most`` times, when it gave way to another transaction.
    """
    attempts = _Attempts(using, most)
    while True:
        try:
            return work()
        except Exception as error:
            delay = attempts.delay_after(error)
            if delay is None:
                raise
        session(using).pause(delay)


async def arepeated(work: Callable[[], Awaitable[T]], using: str, most: int) -> T:
    """:func:`repeated` for coroutine functions."""
    attempts = _Attempts(using, most)
    while True:
        try:
            return await work()
        except Exception as error:
            delay = attempts.delay_after(error)
            if delay is None:
                raise
        await asyncio.sleep(delay)
