"""Health checks."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from time import perf_counter
from typing import Any

from dorm.db import bridge, engines, errors
from dorm.db.execution import Statement
from dorm.db.sessions import forget_thread_session, session

PROBE = Statement("SELECT 1", "read")


def health_check(alias: str = "default", timeout: float = 5.0, deep: bool = False) -> dict[str, Any]:
    """Whether an alias answers ``SELECT 1`` within ``timeout`` seconds, waiting for a connection included.

    ``{"status": "ok", "alias", "elapsed_ms"}``, or ``"status": "error"`` with ``"error": "Class: message"``; with
    ``deep`` also ``"pool"``. Never raises; holds no secrets; serialisable as JSON.
    """
    started = perf_counter()
    outcome: list[BaseException | None] = []
    done = threading.Event()

    def work() -> None:
        try:
            _probe(alias)
            outcome.append(None)
        except Exception as problem:
            outcome.append(problem)
        finally:
            done.set()
            forget_thread_session(alias)

    # In a separate thread: the limit must hold even when connecting hangs or the pool is full.
    threading.Thread(target=work, name=f"dorm-health-{alias}", daemon=True).start()
    answered = done.wait(timeout)
    return _status(alias, started, outcome[0] if answered else _late(timeout), deep, asynchronous=False)


async def ahealth_check(alias: str = "default", timeout: float = 5.0, deep: bool = False) -> dict[str, Any]:
    """:func:`health_check` on the asynchronous connections."""
    if bridge.in_inline():
        return await asyncio.get_running_loop().run_in_executor(None, health_check, alias, timeout, deep)
    started = perf_counter()
    # An empty context: the check must not wait inside a transaction of the caller.
    task = asyncio.get_running_loop().create_task(bridge.run_async(_probe, alias), context=contextvars.Context())
    await asyncio.wait({task}, timeout=timeout)
    problem: BaseException | None
    if task.done():
        problem = task.exception()
    else:
        task.cancel()
        task.add_done_callback(_consume)
        problem = _late(timeout)
    return _status(alias, started, problem, deep, asynchronous=True)


def pool_stats(alias: str = "default") -> dict[str, Any]:
    """Counters of an alias's pool: of the running loop's when it is open, else the synchronous one's.

    With ``alias`` and ``has_pool``; ``{"alias", "status": "uninitialised"}`` before first use.
    """
    database = engines.peek(alias)
    if database is None:
        return {"alias": alias, "status": "uninitialised"}
    stats = database.pool_stats(asynchronous=True) if bridge.in_running_loop() else {"open": False}
    if not stats["open"]:
        stats = database.pool_stats(asynchronous=False)
    if not stats["open"] and database.never_opened:
        return {"alias": alias, "status": "uninitialised"}
    return {"alias": alias, "has_pool": database.features.pooled, **stats}


def _probe(alias: str) -> None:
    session(alias).fetch(PROBE)


def _late(timeout: float) -> TimeoutError:
    return TimeoutError(f"no answer within {timeout:g} s")


def _consume(task: asyncio.Task[object]) -> None:
    if not task.cancelled():
        task.exception()


def _status(
    alias: str, started: float, problem: BaseException | None, deep: bool, *, asynchronous: bool
) -> dict[str, Any]:
    status: dict[str, Any] = {
        "status": "ok" if problem is None else "error",
        "alias": alias,
        "elapsed_ms": round((perf_counter() - started) * 1000, 3),
    }
    if problem is not None:
        text = " ".join(errors.without_secrets(str(problem)).split())
        status["error"] = f"{type(problem).__name__}: {text}"
    if deep:
        database = engines.peek(alias)
        status["pool"] = {} if database is None else database.pool_stats(asynchronous)
    return status
