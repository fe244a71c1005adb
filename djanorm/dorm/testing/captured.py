"""``capture_on_commit_callbacks()``: access to commit callbacks in a test whose transaction never commits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dorm.db import bridge
from dorm.db.blocks import Transaction
from dorm.db.transactions import home
from dorm.exceptions import AtomicBlockError


class capture_on_commit_callbacks:  # noqa: N801 - reads as a verb, and has Django's name
    """``with capture_on_commit_callbacks() as callbacks:``, or ``async with``, inside the transaction of a test.

    ``callbacks`` is a list that holds, when the block has ended, the ``on_commit`` callbacks registered in it that were
    not dropped by a rollback. ``execute=True`` runs them then, and those that they register, as after a commit; an
    error of one is raised. Coroutine functions need ``async with``.

    :raises AtomicBlockError: without an open transaction, where callbacks run by themselves.
    """

    def __init__(self, *, using: str = "default", execute: bool = False) -> None:
        self.using = using
        self.execute = execute
        self._callbacks: list[Callable[[], object]] = []
        self._transaction: Transaction | None = None
        self._mark = 0

    def _begin(self) -> list[Callable[[], object]]:
        block = home(self.using).block
        if block is None:
            raise AtomicBlockError(
                f"capture_on_commit_callbacks() needs an open transaction on alias {self.using!r}, the one that the test "
                "rolls back: use it inside 'with dorm.testing.rolled_back():'"
            )
        self._transaction = block.transaction
        self._mark = len(block.transaction.commit_callbacks)
        self._callbacks = []
        return self._callbacks

    def _end(self) -> None:
        transaction = self._transaction
        assert transaction is not None
        waiting = transaction.commit_callbacks
        if not self.execute:
            self._callbacks += waiting[self._mark :]
            return
        while len(waiting) > self._mark:
            callback = waiting.pop(self._mark)
            self._callbacks.append(callback)
            result = callback()
            if asyncio.iscoroutine(result):
                bridge.wait(result)

    def __enter__(self) -> list[Callable[[], object]]:
        return self._begin()

    def __exit__(self, kind: object, failure: BaseException | None, trace: object) -> None:
        if failure is None:
            self._end()

    async def __aenter__(self) -> list[Callable[[], object]]:
        return await bridge.run_async(self._begin)

    async def __aexit__(self, kind: object, failure: BaseException | None, trace: object) -> None:
        if failure is None:
            await bridge.run_async(self._end)


acapture_on_commit_callbacks = capture_on_commit_callbacks
