"""Transactions: ``with atomic():``, ``async with aatomic():``, savepoints, and callbacks at the end.

Synchronous and asynchronous code use separate connections: an async verb inside ``atomic`` is refused, and so is a
synchronous one inside ``aatomic``.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
import threading
import weakref
from asyncio import _get_running_loop
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, ParamSpec, Self, TypeVar, TypeVarTuple, cast, overload

from dorm.db import manual_mode
from dorm.db.blocks import Block, open_block
from dorm.db.bridge import run_async
from dorm.db.callbacks import aon_commit, aon_rollback, on_commit, on_rollback
from dorm.db.repeating import arepeated, repeated
from dorm.db.session import Session
from dorm.db.sessions import session
from dorm.db.transactions import (
    enter,
    get_rollback,
    in_atomic_block,
    leave,
    mark_for_rollback_on_error,
    savepoint,
    savepoint_commit,
    savepoint_rollback,
    set_rollback,
)
from dorm.exceptions import TransactionManagementError

__all__ = [
    "TransactionManagementError",
    "aatomic",
    "acommit",
    "aget_autocommit",
    "aget_rollback",
    "amark_for_rollback_on_error",
    "aon_commit",
    "aon_rollback",
    "arollback",
    "arun_in_transaction",
    "asavepoint",
    "asavepoint_commit",
    "asavepoint_rollback",
    "aset_autocommit",
    "aset_rollback",
    "atomic",
    "commit",
    "get_autocommit",
    "get_rollback",
    "in_atomic_block",
    "mark_for_rollback_on_error",
    "on_commit",
    "on_rollback",
    "rollback",
    "run_in_transaction",
    "savepoint",
    "savepoint_commit",
    "savepoint_rollback",
    "set_autocommit",
    "set_rollback",
]

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _Opened:
    """A block that a context object has opened: the session and the thread it was opened in, and the generator that
    holds it.
    """

    __slots__ = ("block", "generator", "session", "thread")

    def __init__(self, where: Session, block: Block) -> None:
        self.session = where
        self.block = block
        self.thread = threading.get_ident()
        self.generator: Any = None


class _Context:
    """A context object: reusable, re-entrant, and usable by several threads and tasks at once."""

    __slots__ = ("_opened", "durable", "retry", "savepoint", "using")

    def __init__(self, using: str, durable: bool, savepoint: bool, retry: int = 0) -> None:
        if not isinstance(retry, int) or retry < 0:
            raise ValueError(f"retry is the number of further attempts, 0 or more, not {retry!r}")
        self.using = using
        self.retry = retry
        self.durable = durable
        self.savepoint = savepoint
        # the blocks that each thread or task has opened with this object
        self._opened: dict[Any, list[_Opened]] = {}

    def set_rollback(self, rollback: bool = True) -> None:
        """Makes the block roll back at its end without an exception, or not.

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
            key = next(iter(self._opened))  # exited in another task than it was entered in, as fixtures do
        stack = self._opened.get(key)
        if stack is None:
            raise RuntimeError("this atomic block was not entered here: it was left in another thread or task")
        opened = stack.pop()
        if not stack:
            del self._opened[key]
        return opened

    def _may_be_entered(self) -> None:
        if self.retry:
            raise TypeError(
                "retry= needs something that can run again, and a `with` block runs once: decorate a function with "
                "atomic(retry=…) or aatomic(retry=…), or use run_in_transaction(function, retry=…)"
            )

    def _open(self) -> _Opened:
        where = session(self.using)
        return _Opened(where, enter(where, savepoint=self.savepoint, durable=self.durable))

    @staticmethod
    def _close(opened: _Opened, failure: BaseException | None) -> None:
        leave(opened.session, opened.block, failure, told=True)


def _scope() -> Any:
    """The thread or task that uses the context object."""
    return asyncio.current_task() if _get_running_loop() is not None else threading.get_ident()


class _Atomic(_Context):
    """See :func:`atomic`."""

    __slots__ = ()

    def __enter__(self) -> Self:
        self._may_be_entered()
        self._push(self._open())
        return self

    def __exit__(self, kind: object, failure: BaseException | None, trace: object) -> None:
        opened = self._pop()
        stray = _stray(opened)
        self._close(opened, failure or stray)
        if stray is not None and failure is None:
            raise stray

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        _refuse_lazy(function, "atomic", "aatomic")

        if self.retry:
            once = type(self)(self.using, self.durable, self.savepoint)(function)

            @functools.wraps(function)
            def repeat(*args: P.args, **kwargs: P.kwargs) -> T:
                return repeated(functools.partial(once, *args, **kwargs), self.using, self.retry)

            return repeat

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
        self._may_be_entered()
        frame = sys._getframe(1)
        opened = await run_async(self._open)
        if frame.f_code.co_flags & inspect.CO_ASYNC_GENERATOR:
            _watch(opened, frame)
        self._push(opened)
        return self

    async def __aexit__(self, kind: object, failure: BaseException | None, trace: object) -> None:
        await run_async(self._close, self._pop(), failure)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        if not inspect.iscoroutinefunction(function):
            raise TypeError(f"@aatomic needs an `async def` function; for {_name(function)} use @atomic")

        if self.retry:
            once = type(self)(self.using, self.durable, self.savepoint)(function)

            @functools.wraps(function)
            async def repeat(*args: P.args, **kwargs: P.kwargs) -> Any:
                return await arepeated(functools.partial(once, *args, **kwargs), self.using, self.retry)

            return cast(Callable[P, T], repeat)

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
def atomic(using: str = "default", *, durable: bool = False, savepoint: bool = True, retry: int = 0) -> _Atomic: ...
def atomic(using: Any = "default", *, durable: bool = False, savepoint: bool = True, retry: int = 0) -> Any:
    """A block whose statements on one alias are committed together, or rolled back by any exception.

    A context manager, or a decorator with or without parentheses: ``with atomic():``, ``@atomic``,
    ``@atomic("replica")``. Inside an open block it is a savepoint, or with ``savepoint=False`` just a part of it.
    ``durable=True`` raises ``RuntimeError`` unless the block is outermost. Decorating a coroutine or generator
    function raises ``TypeError``.

    ``retry=3`` runs a decorated function again, up to three times, after a deadlock or a serialization failure; as a
    ``with`` block, which cannot run twice, it raises ``TypeError``. A block is left in the thread that entered it, else
    it is rolled back and ``TransactionManagementError`` is raised.
    """
    if callable(using):
        return _Atomic("default", durable, savepoint, retry)(using)
    return _Atomic(using, durable, savepoint, retry)


@overload
def aatomic(using: Callable[P, T], /) -> Callable[P, T]: ...
@overload
def aatomic(
    using: str = "default", *, durable: bool = False, savepoint: bool = True, retry: int = 0
) -> _AsyncAtomic: ...
def aatomic(using: Any = "default", *, durable: bool = False, savepoint: bool = True, retry: int = 0) -> Any:
    """A block like :func:`atomic` for async code, by ``async with`` or as a decorator of ``async def``.

    The block belongs to the task; tasks started inside share it, one statement at a time. A block that such a task
    opens while another task has one open inside raises ``RuntimeError``. An async generator that holds one must be
    closed by code that leaves it early: ``async with contextlib.aclosing(generator())``.
    """
    if callable(using):
        return _AsyncAtomic("default", durable, savepoint, retry)(using)
    return _AsyncAtomic(using, durable, savepoint, retry)


def run_in_transaction(
    function: Callable[[*Ts], T], *args: *Ts, using: str = "default", retry: int = 3, durable: bool = False
) -> T:
    """Runs ``function(*args)`` in its own block, up to ``retry`` times more after deadlocks and serialization failures.

    Inside an open block it runs once: only the outermost one can run again. Raises the last error.
    """
    if not callable(function):
        raise TypeError(
            f"run_in_transaction() takes a function and its arguments, not {type(function).__name__}: write "
            "run_in_transaction(function, …) without calling the function"
        )
    return _Atomic(using, durable, True, retry)(function)(*args)


async def arun_in_transaction(
    function: Callable[[*Ts], Awaitable[T]], *args: *Ts, using: str = "default", retry: int = 3, durable: bool = False
) -> T:
    """:func:`run_in_transaction` for a coroutine function."""
    if not inspect.iscoroutinefunction(function):
        raise TypeError(
            f"arun_in_transaction() takes an `async def` function and its arguments, not {_name(function)}: a function of "
            "sync verbs runs with `await dorm.run(run_in_transaction, function, …)`"
        )
    return await _AsyncAtomic(using, durable, True, retry)(function)(*args)


def get_autocommit(using: str | None = None) -> bool:
    """Whether each statement of this scope commits by itself: outside blocks and manual mode."""
    return not session(using or "default").in_transaction


def set_autocommit(autocommit: bool, using: str | None = None) -> None:
    """Begins (False) or ends (True) manual mode, in which statements wait for :func:`commit` or :func:`rollback`.

    Raises ``TransactionManagementError`` inside an atomic block.
    """
    manual_mode.set_autocommit(session(using or "default"), autocommit)


def commit(using: str | None = None) -> None:
    """Commits the open transaction of manual mode; raises ``TransactionManagementError`` inside an atomic block."""
    manual_mode.end_manual(session(using or "default"), keep=True)


def rollback(using: str | None = None) -> None:
    """Rolls back the open transaction of manual mode; raises ``TransactionManagementError`` inside an atomic block."""
    manual_mode.end_manual(session(using or "default"), keep=False)


async def aget_autocommit(using: str | None = None) -> bool:
    """:func:`get_autocommit` for async code."""
    return await run_async(get_autocommit, using)


async def aset_autocommit(autocommit: bool, using: str | None = None) -> None:
    """:func:`set_autocommit` for async code."""
    await run_async(set_autocommit, autocommit, using)


async def acommit(using: str | None = None) -> None:
    """:func:`commit` for async code."""
    await run_async(commit, using)


async def arollback(using: str | None = None) -> None:
    """:func:`rollback` for async code."""
    await run_async(rollback, using)


async def aget_rollback(using: str | None = None) -> bool:
    """:func:`get_rollback` for async code."""
    return await run_async(get_rollback, using)


async def aset_rollback(rollback: bool = True, using: str | None = None) -> None:
    """:func:`set_rollback` for async code."""
    await run_async(set_rollback, rollback, using)


@asynccontextmanager
async def amark_for_rollback_on_error(using: str | None = None) -> AsyncGenerator[None, None]:
    """:func:`mark_for_rollback_on_error` for async code."""
    with mark_for_rollback_on_error(using):
        yield


async def asavepoint(using: str = "default") -> str:
    """:func:`savepoint` for async code."""
    return await run_async(savepoint, using)


async def asavepoint_commit(sid: str, using: str = "default") -> None:
    """:func:`savepoint_commit` for async code."""
    await run_async(savepoint_commit, sid, using)


async def asavepoint_rollback(sid: str, using: str = "default") -> None:
    """:func:`savepoint_rollback` for async code."""
    await run_async(savepoint_rollback, sid, using)


def _stray(opened: _Opened) -> TransactionManagementError | None:
    """The error for a synchronous block that is exited in another thread than it was entered in."""
    if opened.thread != threading.get_ident():
        what = f"in thread {threading.current_thread().name!r}, which did not enter it"
    elif opened.block.owner is None and _get_running_loop() is None and not _is_here(opened):
        what = "in another context than it was entered in"
    else:
        return None
    return TransactionManagementError(
        f"an atomic block on alias {opened.session.alias!r} was left {what}; it was rolled back. Statements in between "
        "did not belong to it either, and may have been committed: a thread pool runs each part of a request where there "
        "is room. Open the block inside the function that needs it, as `with atomic():` or `@atomic`, or make dependency "
        "and endpoint `async def` with aatomic()."
    )


def _is_here(opened: _Opened) -> bool:
    block = open_block(opened.session.alias)
    return block is not None and block.is_inside(opened.block)


def _watch(opened: _Opened, frame: object) -> None:
    """Breaks the block as soon as the async generator that holds it is abandoned; the loop closes it later."""
    loop: Any = asyncio.get_running_loop()
    for generator in list(getattr(loop, "_asyncgens", ())):
        if generator.ag_frame is frame:
            abandon = functools.partial(_abandon, generator.__qualname__, opened.block, opened.session)
            opened.generator = weakref.ref(generator, abandon)
            return


def _abandon(name: str, block: Block, here: Session, _: object) -> None:
    if not block.closed:
        block.transaction.mark_broken(
            TransactionManagementError(
                f"the async generator {name!r} was left before its end, while it held this atomic block, which is rolled "
                f"back. Close it where it is used: 'async with contextlib.aclosing({name}()) as items: async for item in "
                "items: …'"
            )
        )
        here.reconsider()


def _refuse_lazy(function: object, name: str, other: str) -> None:
    if not callable(function):
        raise TypeError(f"@{name} decorates functions, not {type(function).__name__}")
    if inspect.iscoroutinefunction(function):
        raise TypeError(f"{_name(function)} is a coroutine function: @{name} would commit before it runs; use @{other}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"{_name(function)} is a generator: @{name} would commit before it runs; open a block inside it"
        )


def _name(function: object) -> str:
    return getattr(function, "__qualname__", type(function).__name__)
