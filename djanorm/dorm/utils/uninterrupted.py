"""Waiting that a cancellation does not interrupt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


def succeeded(cancellation: BaseException) -> bool:
    """Whether the work that :func:`to_the_end` waited for had succeeded when the cancellation was raised."""
    return vars(cancellation).get(_SUCCEEDED, False)


_SUCCEEDED = "dorm_work_succeeded"


class _Held(asyncio.Future[None]):
    """The future a task waits for meanwhile; a cancellation, however often repeated, is only recorded."""

    asked = False
    limit = 0.0

    def cancel(self, msg: object = None) -> bool:
        if not self.asked:
            self.asked = True
            self.get_loop().call_later(self.limit, self.end)
        return True

    def end(self, _: object = None) -> None:
        if not self.done():
            self.set_result(None)


async def to_the_end(awaitable: Awaitable[T], limit: float) -> T:
    """The result of ``awaitable``; waits for it even if the task is cancelled meanwhile.

    The cancellation is raised when the work is done, or ``limit`` seconds after it arrived; an error of the work wins.
    """
    work = asyncio.ensure_future(awaitable)
    if work.done():
        return work.result()
    held = _Held(loop=work.get_loop())
    held.limit = limit
    work.add_done_callback(held.end)
    try:
        await held
    finally:
        if not work.done():
            work.cancel()
    if not held.asked:
        return work.result()
    if work.done() and not work.cancelled():
        failure = work.exception()
        if failure is not None:
            raise failure
    # of exactly this class: asyncio.timeout() accepts no subclass
    cancellation = asyncio.CancelledError()
    vars(cancellation)[_SUCCEEDED] = work.done() and not work.cancelled()
    raise cancellation
