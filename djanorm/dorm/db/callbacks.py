"""Callbacks for the end of a transaction: after the commit, or after a rollback."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from dorm.db import bridge
from dorm.db.task_session import async_block
from dorm.db.transactions import home


def on_commit(callback: Callable[[], object], using: str = "default") -> None:
    """Calls ``callback()`` after the outermost commit, in order; at once when no block is open.

    Dropped when its block or savepoint is rolled back. Errors are logged on ``dorm.transaction``. A coroutine function
    is awaited, in async code.
    """
    _check_callable(callback, "on_commit")
    block = home(using).block
    if block is None:
        result = callback()
        if asyncio.iscoroutine(result):
            bridge.wait(result)
    else:
        block.transaction.commit_callbacks.append(callback)


def on_rollback(callback: Callable[[], object], using: str = "default") -> None:
    """Calls ``callback()`` after the block, or one around it, is rolled back; ignored outside a block."""
    _check_callable(callback, "on_rollback")
    block = home(using).block
    if block is not None:
        block.transaction.rollback_callbacks.append(callback)


class Registered:
    """The result of ``aon_commit``: awaiting it outside a block runs the callback, inside a block it does nothing."""

    __slots__ = ("_callback",)

    def __init__(self, callback: Callable[[], object] | None) -> None:
        self._callback = callback

    def __await__(self) -> Any:
        return self._run().__await__()

    async def _run(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            result = callback()
            if isinstance(result, Awaitable):
                await result


def aon_commit(callback: Callable[[], object], using: str = "default") -> Registered:
    """Like :func:`on_commit` for coroutine functions, which are awaited at the commit.

    Outside a block nothing runs until the result is awaited.
    """
    _check_callable(callback, "aon_commit")
    block = async_block(using) or home(using).block
    if block is None:
        return Registered(callback)
    block.transaction.commit_callbacks.append(callback)
    return Registered(None)


def aon_rollback(callback: Callable[[], object], using: str = "default") -> Registered:
    """Like :func:`on_rollback` for coroutine functions, which are awaited after the rollback."""
    _check_callable(callback, "aon_rollback")
    block = async_block(using) or home(using).block
    if block is not None:
        block.transaction.rollback_callbacks.append(callback)
    return Registered(None)


def _check_callable(callback: object, what: str) -> None:
    if not callable(callback):
        raise TypeError(f"{what}() takes a function without arguments, not {type(callback).__name__}")
