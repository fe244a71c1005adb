"""Waiting for one's turn, first come first served, inside the bridge."""

from __future__ import annotations

import asyncio
from collections import deque

from dorm.db import bridge


class Turn:
    """A lock for tasks of one loop that is handed over in order. Taking a free one costs an attribute test."""

    __slots__ = ("taken", "waiting")

    def __init__(self) -> None:
        self.taken = False
        self.waiting: deque[asyncio.Future[None]] = deque()

    def take(self, limit: float | None = None) -> bool:
        """Waits for the turn, at most ``limit`` seconds. Returns whether it was obtained."""
        if not self.taken:
            self.taken = True
            return True
        return self._queue(limit)

    def _queue(self, limit: float | None) -> bool:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        try:
            bridge.wait(_within(future, limit))
        except BaseException as problem:
            if future.done() and not future.cancelled():
                self.leave()  # the turn was handed over at the same moment: pass it on
            else:
                future.cancel()
            if isinstance(problem, TimeoutError):
                return False
            raise
        return True

    def leave(self) -> None:
        """Hands the turn to the next in line."""
        while self.waiting:
            future = self.waiting.popleft()
            if not future.done():
                future.set_result(None)
                return
        self.taken = False


async def _within(future: asyncio.Future[None], limit: float | None) -> None:
    if limit is None:
        await future
    else:
        done, _ = await asyncio.wait({future}, timeout=limit)
        if not done:
            raise TimeoutError
