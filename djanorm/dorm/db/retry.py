"""Trying again after transient errors."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from dorm.conf.environment import RETRY_ATTEMPTS, RETRY_BACKOFF
from dorm.db import errors
from dorm.dialects import registry
from dorm.exceptions import DatabaseError

T = TypeVar("T")
logger = logging.getLogger("dorm.db")


def is_transient(error: BaseException) -> bool:
    """Whether trying again may help: a lost connection, a locked file. Also for an error already translated."""
    if isinstance(error, DatabaseError) and error.__cause__ is not None:
        error = error.__cause__
    return registry.is_transient(errors.driver_error(error))


def proves_not_run(error: BaseException) -> bool:
    """Whether a statement that failed this way cannot have changed anything."""
    original = errors.driver_error(error)
    return any(
        each.is_driver_error(original) and each.proves_not_run(original) for each in registry.dialects_of(original)
    )


def attempts_allowed() -> int:
    """Total attempts, the first included."""
    return max(1, int(RETRY_ATTEMPTS()))


def delay_after(attempt: int, backoff: float | None = None) -> float:
    """Seconds to wait after the failed attempt of that number, counted from 1."""
    return (RETRY_BACKOFF() if backoff is None else backoff) * 2 ** (attempt - 1)


def announce(error: BaseException, attempt: int, attempts: int, delay: float) -> None:
    """The log line of a retry."""
    text = errors.without_secrets(f"{type(error).__name__}: {error}".strip())
    logger.warning("attempt %d of %d failed (%s); trying again in %.3g s", attempt, attempts, text, delay)


def _most(in_transaction: bool, attempts: int | None) -> int:
    if attempts is not None and attempts < 1:
        raise ValueError(f"attempts counts the first call, so it must be at least 1, not {attempts}.")
    return 1 if in_transaction else (attempts_allowed() if attempts is None else attempts)


def with_transient_retry(
    func: Callable[[], T], *, in_transaction: bool = False, attempts: int | None = None, backoff: float | None = None
) -> T:
    """``func()``, called again after transient errors; other errors, and the last one, are raised.

    ``attempts`` counts the first call (default RETRY_ATTEMPTS), ``backoff`` is in seconds and doubles each time
    (default RETRY_BACKOFF). With ``in_transaction`` it is called once: a transaction cannot be continued.

    :raises ValueError: for ``attempts`` below 1.
    """
    most = _most(in_transaction, attempts)
    attempt = 1
    while True:
        try:
            return func()
        except Exception as error:
            if attempt >= most or not is_transient(error):
                raise
            delay = delay_after(attempt, backoff)
            announce(error, attempt, most, delay)
        time.sleep(delay)
        attempt += 1


async def awith_transient_retry(
    factory: Callable[[], Awaitable[T]],
    *,
    in_transaction: bool = False,
    attempts: int | None = None,
    backoff: float | None = None,
) -> T:
    """Like :func:`with_transient_retry`; ``factory()`` gives a new awaitable for each attempt."""
    most = _most(in_transaction, attempts)
    attempt = 1
    while True:
        try:
            return await factory()
        except Exception as error:
            if attempt >= most or not is_transient(error):
                raise
            delay = delay_after(attempt, backoff)
            announce(error, attempt, most, delay)
        await asyncio.sleep(delay)
        attempt += 1
