"""The bridge between async and sync code: synchronous code that waits without blocking the event loop.

An async verb runs the synchronous implementation in a greenlet. Where that code has to wait, :func:`wait` hands the
awaitable to the coroutine that started the greenlet and continues with the result. This is the protocol SQLAlchemy's
async adapters use, so they work inside as well. The only module that imports greenlet, and only when first needed.

In *inline* mode the async verbs run on the synchronous connection of the thread instead: ``create()`` and
``await acreate()`` then share one connection and one transaction.
"""

from __future__ import annotations

import sys
import threading
from asyncio import _get_running_loop
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextvars import ContextVar
from types import FrameType
from typing import Any, Self, TypeVar

from dorm import signals
from dorm.utils.optional import require
from dorm.utils.uninterrupted import to_the_end

T = TypeVar("T")

greenlet_class: Any = None
current_greenlet: Callable[[], Any] | None = None
_inline: ContextVar[bool | None] = ContextVar("dorm_inline", default=None)
_inline_everywhere = False
inline_used = False


class _Missing:
    """Stands in for greenlet in an installation without it."""


class _Job:
    """One run of a function in a worker."""

    __slots__ = ("args", "error", "function", "kwargs", "result")

    def __init__(self, function: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.result: Any = None
        self.error: BaseException | None = None


class _Idle(threading.local):
    """Greenlets of this thread that wait for a job. A new greenlet costs several times as much as a kept one."""

    def __init__(self) -> None:
        self.workers: list[Any] = []


def _load() -> Any:
    """Imports greenlet and creates our greenlet class."""
    global greenlet_class, current_greenlet
    greenlet = require("greenlet", extra="sqlite", purpose="the async API")

    class BridgeGreenlet(greenlet.greenlet):  # type: ignore[name-defined, misc]
        # SQLAlchemy's await_() recognises greenlets that may wait by this attribute.
        __sqlalchemy_greenlet_provider__ = True
        inline = False

        def run(self, job: _Job) -> None:
            while True:
                try:
                    job.result = job.function(*job.args, **job.kwargs)
                except BaseException as error:
                    job.error = error
                job = self.parent.switch(_FINISHED)

    greenlet_class = BridgeGreenlet
    current_greenlet = greenlet.getcurrent
    return BridgeGreenlet


_FINISHED: object = object()
_idle = _Idle()
KEPT_WORKERS = 32


def in_bridge() -> bool:
    """Whether this code runs inside an async verb, on async connections."""
    if current_greenlet is None:
        return False
    current = current_greenlet()
    return current.__class__ is greenlet_class and not current.inline


def can_wait() -> bool:
    """Whether :func:`wait` works here: inside an async verb, inline ones included."""
    return current_greenlet is not None and current_greenlet().__class__ is greenlet_class


def waiting_frame() -> FrameType | None:
    """The innermost frame of the code that waits for the async verb that runs here; None outside of one."""
    return current_greenlet().parent.gr_frame if can_wait() and current_greenlet is not None else None


def in_running_loop() -> bool:
    """Whether an event loop is running in this thread."""
    return _get_running_loop() is not None


def wait(awaitable: Awaitable[T]) -> T:
    """The result of an awaitable, from synchronous code inside an async verb.

    Raises ``RuntimeError`` elsewhere, naming the ways out.
    """
    if not can_wait():
        close = getattr(awaitable, "close", None)
        if close is not None:
            close()
        raise RuntimeError(
            "this needs the event loop but does not run inside an async verb. Use the a* form of the method, run "
            "synchronous code with `await dorm.run(function, …)`, or call it without a running loop."
        )
    assert current_greenlet is not None
    return current_greenlet().parent.switch(awaitable)


def wait_to_the_end(awaitable: Awaitable[T], limit: float = 10.0) -> T:
    """Like :func:`wait`, for work that must not be interrupted, such as ending a transaction.

    A cancellation that arrives meanwhile is raised when the work is done, or after ``limit`` seconds.
    """
    return wait(to_the_end(awaitable, limit))


async def run_async(function: Callable[..., T], /, *args: object, **kwargs: object) -> T:
    """Runs ``function(*args, **kwargs)`` so that it may wait. Returns its result or raises its exception.

    In inline mode it runs on the synchronous connection instead, also when greenlet is not installed.
    """
    kind = greenlet_class or _load_for_run()
    inline_now = inline_used and in_inline()
    if kind is None:
        if not inline_now:
            _load()
        return function(*args, **kwargs)
    assert current_greenlet is not None
    driver = current_greenlet()
    job = _Job(function, args, kwargs)
    workers = _idle.workers
    worker = workers.pop() if workers else kind()
    worker.parent = driver
    worker.gr_context = driver.gr_context
    worker.inline = inline_now
    result = worker.switch(job)
    while result is not _FINISHED:
        try:
            value = await result
        except BaseException:
            result = worker.throw(*sys.exc_info())
        else:
            result = worker.switch(value)
    if len(workers) < KEPT_WORKERS:
        worker.gr_context = None
        workers.append(worker)
    # the idle worker still refers to its last job
    outcome, error = job.result, job.error
    job.function, job.args, job.kwargs, job.result, job.error = _nothing, (), {}, None, None
    if error is not None:
        try:
            raise error
        finally:
            del error, outcome
    return outcome


def _nothing() -> None:
    """The job of an idle worker."""


def _load_for_run() -> Any:
    try:
        return _load()
    except ImportError:
        return None


def iterate_chunks(factory: Callable[[], Iterator[list[T]]]) -> AsyncGenerator[T, None]:
    """The items of the lists that the synchronous iterator ``factory()`` yields; one trip through the bridge per list.

    Leaving early, an exception or a cancellation closes the iterator.
    """
    return _InlineItems(factory) if inline_used and in_inline() else _items(factory)


async def _items(factory: Callable[[], Iterator[list[T]]]) -> AsyncGenerator[T, None]:
    iterator = await run_async(factory)
    advance = iterator.__next__
    try:
        while True:
            chunk = await run_async(_next, advance)
            if chunk is _END:
                return
            for item in chunk:
                yield item
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            await run_async(close)


class _InlineItems(AsyncGenerator[T, None]):
    """The same in inline mode, where an abandoned iterator has to be closed at once.

    The event loop closes an abandoned async generator when it runs next, and inline nothing waits for the loop. The
    iterator in here ends, like any synchronous one, with its last reference.
    """

    def __init__(self, factory: Callable[[], Iterator[list[T]]]) -> None:
        self._factory: Callable[[], Iterator[list[T]]] | None = factory
        self._iterator: Iterator[list[T]] = iter(())
        self._chunk: Iterator[T] = iter(())

    async def asend(self, value: None) -> T:
        if self._factory is not None:
            factory, self._factory = self._factory, None
            self._iterator = await run_async(factory)
        for item in self._chunk:
            return item
        chunk = await run_async(_next, self._iterator.__next__)
        if chunk is _END:
            raise StopAsyncIteration
        self._chunk = iter(chunk)
        return await self.asend(value)

    async def athrow(self, *error: Any) -> T:
        self._factory, self._chunk = None, iter(())
        iterator, self._iterator = self._iterator, iter(())
        close = getattr(iterator, "close", None)
        if close is not None:
            await run_async(close)
        raise error[0]


_END: object = object()


def _next(advance: Callable[[], object]) -> Any:
    # StopIteration must not leave a greenlet: it would end the coroutine around it
    try:
        return advance()
    except StopIteration:
        return _END


# -------------------------------------------------------------------------------------------------------------- inline


def in_inline() -> bool:
    """Whether async verbs run on the synchronous connection here."""
    here = _inline.get()
    return _inline_everywhere if here is None else here


class inline:  # noqa: N801 - reads as a verb in `with dorm.inline():`
    """Within ``with inline():`` or ``async with inline():`` async verbs run on the synchronous connection.

    It applies to this context and to the tasks started inside. ``inline(False)`` switches it off again for a part.
    `enable` switches it on for the whole process, as a notebook wants it.
    """

    def __init__(self, active: bool = True) -> None:
        self.active = active
        self._outer: list[bool | None] = []

    def __enter__(self) -> Self:
        global inline_used
        inline_used = True
        self._outer.append(_inline.get())
        _inline.set(self.active)
        return self

    def __exit__(self, *_: object) -> None:
        _inline.set(self._outer.pop())

    @staticmethod
    def enable() -> None:
        """Inline mode from here on, wherever no block says otherwise: in a notebook's first cell."""
        set_inline(True)

    @staticmethod
    def disable() -> None:
        """Takes `enable` back."""
        set_inline(False)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        self.__exit__()


def set_inline(active: bool) -> None:
    """Inline mode for the whole process, where no :class:`inline` block says otherwise. For notebooks and tests."""
    global _inline_everywhere, inline_used
    _inline_everywhere = active
    inline_used = inline_used or active


class _Awaiter:
    """How signals await coroutine receivers from synchronous code."""

    ready = staticmethod(can_wait)
    wait = staticmethod(wait)


signals.set_awaiter(_Awaiter)
