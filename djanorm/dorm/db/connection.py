"""Handles, closing, health and pool statistics: the public names around connections."""

from __future__ import annotations

from dorm.db import bridge, engines
from dorm.db.handles import AsyncConnection, Connection, get_async_connection, get_connection
from dorm.db.health import ahealth_check, health_check, pool_stats
from dorm.db.sessions import forget_sync, refuse_to_close

__all__ = [
    "AsyncConnection",
    "Connection",
    "aconnection_for",
    "ahealth_check",
    "close_all",
    "close_all_async",
    "connection_for",
    "get_async_connection",
    "get_connection",
    "health_check",
    "pool_stats",
    "reset_connections",
]

connection_for = get_connection
aconnection_for = get_async_connection


def close_all() -> None:
    """Closes the synchronous connections and pools of every alias; later use opens new ones.

    While an atomic block is open in any thread: ``TransactionManagementError``, and nothing is closed.
    """
    refuse_to_close("close_all()", asynchronous=False)
    forget_sync()
    for database in engines.known():
        database.close_sync()


async def close_all_async() -> None:
    """Closes the asynchronous pools of the running loop, and of loops that have ended; later use reopens."""
    refuse_to_close("close_all_async()", asynchronous=True)
    if any(database.has_async_pools for database in engines.known()):
        await bridge.run_async(_close_async)


def _close_async() -> None:
    for database in engines.known():
        database.close_async()


def reset_connections() -> None:
    """Closes all sync and async connections, without waiting, and forgets the databases; later use recreates them."""
    refuse_to_close("reset_connections()", asynchronous=False)
    refuse_to_close("reset_connections()", asynchronous=True, everywhere=True)
    engines.drop_all()
