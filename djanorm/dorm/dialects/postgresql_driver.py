"""psycopg's connections, with waits that always end with a stopped server, whatever interrupts them.

psycopg asks the server to stop when a task is cancelled or Ctrl-C is pressed, and gives up when that happens a second
time, as cancel scopes do; for other exceptions, such as those of signal handlers, it does nothing. The statement would
then continue, and be committed, after its caller was told that it had been cancelled.
"""

from __future__ import annotations

import asyncio
import traceback
from typing import Any

from dorm.utils.caches import remembered
from dorm.utils.optional import require
from dorm.utils.uninterrupted import to_the_end

STOP_LIMIT = 5.0
"""Seconds for the server to stop a statement; the connection is closed otherwise."""
BUSY = 1  # libpq's transaction status ACTIVE


@remembered(1)
def connection_classes() -> tuple[Any, Any]:
    """The sync and async connection classes; imports psycopg."""
    psycopg = require("psycopg", extra="postgresql", purpose="the postgresql engine")
    waiting = psycopg.waiting

    class Connection(psycopg.Connection):  # type: ignore[name-defined, misc]
        def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return psycopg.Connection.wait(self, gen, *args, **kwargs)
            except psycopg.Error:
                raise
            except BaseException:
                if self.pgconn.transaction_status == BUSY:
                    self._stop(gen)
                raise

        def command(self, sql: str) -> None:
            """Runs one statement without a result, bypassing the driver's management of prepared statements."""
            with self.lock:
                self.wait(self._exec_command(sql))

        def _stop(self, gen: Any) -> None:
            try:
                self.cancel_safe(timeout=STOP_LIMIT)
                waiting.wait(gen, self.pgconn.socket, timeout=STOP_LIMIT)
            except psycopg.errors.QueryCanceled:
                pass  # as expected
            except psycopg.Error:
                self.pgconn.finish()  # it did not stop; what interrupted the caller is what surfaces
            except BaseException:
                self.pgconn.finish()
                raise

    class AsyncConnection(psycopg.AsyncConnection):  # type: ignore[name-defined, misc]
        @classmethod
        async def connect(cls, *args: Any, **kwargs: Any) -> Any:
            try:
                return await super().connect(*args, **kwargs)
            except asyncio.CancelledError as error:
                # a variable in that frame holds the half-open session, which lives as long as the error is kept
                traceback.clear_frames(error.__traceback__)
                raise

        async def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            try:
                return await waiting.wait_async(gen, self.pgconn.socket, interval=interval, timeout=timeout)
            except asyncio.CancelledError:
                if self.pgconn.transaction_status == BUSY:
                    await to_the_end(self._stop(gen), 3 * STOP_LIMIT)
                raise

        async def command(self, sql: str) -> None:
            async with self.lock:
                await self.wait(self._exec_command(sql))

        async def _stop(self, gen: Any) -> None:
            try:
                await self.cancel_safe(timeout=STOP_LIMIT)
                await waiting.wait_async(gen, self.pgconn.socket, timeout=STOP_LIMIT)
            except psycopg.errors.QueryCanceled:
                pass  # as expected
            except psycopg.Error:
                self.pgconn.finish()  # it did not stop; what interrupted the caller is what surfaces
            except BaseException:
                self.pgconn.finish()
                raise

    return Connection, AsyncConnection
