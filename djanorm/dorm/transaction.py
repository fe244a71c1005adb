"""Transactions: ``with atomic():``, ``async with aatomic():``, savepoints, and callbacks at the end (TX-01 to TX-20).

The synchronous and the asynchronous world have separate connections: an ``atomic`` block does not cover async verbs, nor
the other way round (TX-10).
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from asyncio import _get_running_loop
from collections.abc import Callable
from typing import Any, ParamSpec, Self, TypeVar, cast, overload

from dorm.db.blocks import Block
from dorm.db.bridge import run_async
from dorm.db.callbacks import aon_commit, aon_rollback, on_commit, on_rollback
from dorm.db.session import Session
from dorm.db.sessions import session
from dorm.db.transactions import (
    enter,
    in_atomic_block,
    leave,
    savepoint,
    savepoint_commit,
    savepoint_rollback,
    set_rollback,
)

__all__ = [
    "aatomic",
    "aon_commit",
    "aon_rollback",
    "asavepoint",
    "asavepoint_commit",
    "asavepoint_rollback",
    "atomic",
    "in_atomic_block",
    "on_commit",
    "on_rollback",
    "savepoint",
    "savepoint_commit",
    "savepoint_rollback",
    "set_rollback",
]

P = ParamSpec("P")
T = TypeVar("T")


class _Opened:
    """A block that a context object has opened, with the session it was opened on."""

    __slots__ = ("block", "session")

    def __init__(self, where: Session, block: Block) -> None:
        self.session = where
        self.block = block


class _Context:
    """A context object: reusable, re-entrant, and usable by several threads and tasks at once (TX-05)."""

    __slots__ = ("_opened", "durable", "savepoint", "using")

    def __init__(self, using: str, durable: bool, savepoint: bool) -> None:
        self.using = using
        self.durable = durable
        self.savepoint = savepoint
        # the blocks that each thread or task has opened with this object
        self._opened: dict[Any, list[_Opened]] = {}

    def set_rollback(self, rollback: bool = True) -> None:
        """Makes the block roll back at its end without an exception, or not (TX-17).

        Raises ``RuntimeError`` when the block is not open here.
        """
        opened = self._opened.get(_scope()) or next(iter(self._opened.values()), None)
        if not opened:
            raise RuntimeError("set_rollback() needs the block to be open")
        opened[-1].block.undo = rollback

    def _push(self, opened: _Opened) -> None:
        self._opened.setdefault(_scope(), []).append(opened)

    def _pop(self) -> _Opened:
        key = _scope()
        if key not in self._opened and len(self._opened) == 1:
            key = next(iter(self._opened))  # left in another task than it was entered in, as fixtures do
        stack = self._opened[key]
        opened = stack.pop()
        if not stack:
            del self._opened[key]
        return opened

    def _open(self) -> _Opened:
        where = session(self.using)
        return _Opened(where, enter(where, savepoint=self.savepoint, durable=self.durable))

    @staticmethod
    def _close(opened: _Opened, failure: BaseException | None) -> None:
        leave(opened.session, opened.block, failure, told=True)


def _scope() -> Any:
    """What tells the users of one context object apart."""
    return asyncio.current_task() if _get_running_loop() is not None else threading.get_ident()


class _Atomic(_Context):
    """See :func:`atomic`."""

    __slots__ = ()

    def __enter__(self) -> Self:
        self._push(self._open())
        return self

    def __exit__(self, kind: object, failure: BaseException | None, trace: object) -> None:
        self._close(self._pop(), failure)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        _refuse_lazy(function, "atomic", "aatomic")

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            opened = self._open()
            try:
                result = function(*args, **kwargs)
            except BaseException as failure:
                self._close(opened, failure)
                raise
            self._close(opened, None)
            return result

        return call


class _AsyncAtomic(_Context):
    """See :func:`aatomic`."""

    __slots__ = ()

    async def __aenter__(self) -> Self:
        self._push(await run_async(self._open))
        return self

    async def __aexit__(self, kind: object, failure: BaseException | None, trace: object) -> None:
        await run_async(self._close, self._pop(), failure)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        if not inspect.iscoroutinefunction(function):
            raise TypeError(f"@aatomic needs an `async def` function; for {_name(function)} use @atomic")

        @functools.wraps(function)
        async def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            opened = await run_async(self._open)
            try:
                result = await function(*args, **kwargs)
            except BaseException as failure:
                await run_async(self._close, opened, failure)
                raise
            await run_async(self._close, opened, None)
            return result

        return cast(Callable[P, T], call)


@overload
def atomic(using: Callable[P, T], /) -> Callable[P, T]: ...
@overload
def atomic(using: str = "default", *, durable: bool = False, savepoint: bool = True) -> _Atomic: ...
def atomic(using: Any = "default", *, durable: bool = False, savepoint: bool = True) -> Any:
    """A block whose statements on one alias are committed together, or rolled back by any exception (TX-01, TX-03).

    A context manager, or a decorator with or without parentheses: ``with atomic():``, ``@atomic``,
    ``@atomic("replica")``. Inside an open block it is a savepoint, or with ``savepoint=False`` just a part of it.
    ``durable=True`` raises ``RuntimeError`` unless the block is outermost (TX-18). Decorating a coroutine or generator
    function raises ``TypeError`` (TX-06).
    """
    if callable(using):
        return _Atomic("default", durable, savepoint)(using)
    return _Atomic(using, durable, savepoint)


@overload
def aatomic(using: Callable[P, T], /) -> Callable[P, T]: ...
@overload
def aatomic(using: str = "default", *, durable: bool = False, savepoint: bool = True) -> _AsyncAtomic: ...
def aatomic(using: Any = "default", *, durable: bool = False, savepoint: bool = True) -> Any:
    """A block like :func:`atomic` for async code, by ``async with`` or as a decorator of ``async def`` (TX-02).

    The block belongs to the task; tasks started inside share it, one statement at a time. A block that such a task
    opens while another task has one open inside raises ``RuntimeError`` (TX-08, TX-09).
    """
    if callable(using):
        return _AsyncAtomic("default", durable, savepoint)(using)
    return _AsyncAtomic(using, durable, savepoint)


async def asavepoint(using: str = "default") -> str:
    """:func:`savepoint` for async code."""
    return await run_async(savepoint, using)


async def asavepoint_commit(sid: str, using: str = "default") -> None:
    """:func:`savepoint_commit` for async code."""
    await run_async(savepoint_commit, sid, using)


async def asavepoint_rollback(sid: str, using: str = "default") -> None:
    """:func:`savepoint_rollback` for async code."""
    await run_async(savepoint_rollback, sid, using)


def _refuse_lazy(function: Any, name: str, other: str) -> None:
    if not callable(function):
        raise TypeError(f"@{name} decorates functions, not {type(function).__name__}")
    if inspect.iscoroutinefunction(function):
        raise TypeError(f"{_name(function)} is a coroutine function: @{name} would commit before it runs; use @{other}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"{_name(function)} is a generator: @{name} would commit before it runs; open a block inside it"
        )


def _name(function: Any) -> str:
    return getattr(function, "__qualname__", type(function).__name__)
