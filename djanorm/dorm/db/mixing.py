"""Sync and async code around one transaction: which mixtures are refused, and how inline tasks take turns.

Synchronous and asynchronous code have separate connections. A verb that cannot join the transaction open around it is
refused, never run on another connection.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from dorm.db import bridge
from dorm.db.blocks import Block, Owner
from dorm.exceptions import MixedWorldsError


def sync_inside_async(alias: str) -> MixedWorldsError:
    """The error for a synchronous verb on the loop's thread while the context has an ``aatomic`` open."""
    return MixedWorldsError(
        f"a synchronous verb was called inside an open aatomic() block on alias {alias!r}: it would run on another "
        "connection, outside the block, and keep the event loop from going on. Await the a* form of the verb, run the "
        "synchronous code on the block's connection with 'await dorm.run(function, …)', load relations beforehand with "
        "select_related(), prefetch_related() or 'await obj.aload(…)', or use the inline mode, 'with dorm.inline():', "
        "around both."
    )


def async_inside_sync(alias: str, block: Block) -> MixedWorldsError:
    """The error for an async verb while the context has a synchronous block open."""
    what = "manual mode" if block.parent is None and block.transaction.manual else "an open synchronous atomic() block"
    return MixedWorldsError(
        f"an async verb was awaited inside {what} on alias {alias!r}: it would run on another connection, outside the "
        "transaction. Open the block with 'async with transaction.aatomic():', call the synchronous form of the verb, run "
        "the synchronous code as a whole with 'await dorm.run(function, …)', or use the inline mode, "
        "'with dorm.inline():', around both."
    )


def inline_elsewhere(alias: str) -> MixedWorldsError:
    """The error for a verb in another thread than that of the inline block whose context it inherited."""
    return MixedWorldsError(
        f"inline mode has a transaction of alias {alias!r} open in another thread, whose connection cannot be used in "
        f"thread {threading.current_thread().name!r}: the code here would not see its rows, and what it writes would stay. "
        "Test clients that run the application in a thread of their own, such as Starlette's TestClient, cannot share "
        "the transaction of a test: use httpx.AsyncClient(transport=httpx.ASGITransport(app=app)), which runs it in the "
        "test's own event loop, and 'async def' endpoints; or commit, and empty the tables after the test."
    )


def take_turn(session: Any, view: Block | None) -> None:
    """Inline, all tasks share one connection: waits until no other task has a block open in it.

    :param view: the innermost open block of this context. A task started inside a block shares it.
    :raises RuntimeError: where waiting is impossible, or takes longer than POOL_TIMEOUT.
    """
    task = asyncio.current_task()
    while (top := session.innermost) is not None:
        owner = top.owner
        if owner is None or owner is task or owner.done() or top is view:
            return
        _wait_for(session, top, task)


def _wait_for(session: Any, top: Block, task: Owner) -> None:
    limit = session.database.settings.pool_timeout
    future = asyncio.get_running_loop().create_future()
    top.transaction.waiting_for_top.append(future)
    name = task.get_name() if task is not None else "this code"
    text = (
        f"task {top.owner.get_name()!r} has an atomic block open on alias {session.alias!r}, and inline mode has one "
        f"connection for all tasks: {name!r} "
    )
    if not bridge.can_wait():
        raise RuntimeError(f"{text}cannot use it meanwhile. Await the a* form of the verb, which waits for its turn.")
    if not bridge.wait(_within(future, limit)):
        raise RuntimeError(
            f"{text}has waited for its turn for {limit:g} s. If one of them waits for the other, they cannot share a "
            "connection: run this test without inline mode."
        )


async def _within(future: asyncio.Future[None], limit: float) -> bool:
    done, _ = await asyncio.wait({future}, timeout=limit)
    return bool(done)
