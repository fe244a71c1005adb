"""Places in the queue for a connection: one class for threads, one for tasks."""

from __future__ import annotations

import asyncio
import threading
from asyncio import _get_running_loop
from typing import Any, TypeAlias

from dorm.db import bridge


class ThreadPlace:
    """The place of a thread in the queue."""

    __slots__ = ("_gate", "given")

    def __init__(self) -> None:
        self.given: Any = None
        self._gate = threading.Lock()
        self._gate.acquire()

    def wait(self, limit: float) -> bool:
        """Waits for :meth:`give`, at most ``limit`` seconds. Returns whether it was called."""
        return self._gate.acquire(timeout=min(limit, threading.TIMEOUT_MAX))

    def give(self, what: object) -> None:
        """Ends the waiting, from any thread."""
        self.given = what
        self._gate.release()


class TaskPlace:
    """The place of a task in the queue; it waits inside the bridge."""

    __slots__ = ("_future", "_loop", "given")

    def __init__(self) -> None:
        self.given: Any = None
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[None] = self._loop.create_future()

    def wait(self, limit: float) -> bool:
        """See :meth:`ThreadPlace.wait`."""
        timer = self._loop.call_later(limit, self._end)
        try:
            bridge.wait(self._future)
        finally:
            timer.cancel()
        return self.given is not None

    def give(self, what: object) -> None:
        """See :meth:`ThreadPlace.give`."""
        self.given = what
        if _get_running_loop() is self._loop:
            self._end()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        if not self._future.done():
            self._future.set_result(None)


Place: TypeAlias = ThreadPlace | TaskPlace
