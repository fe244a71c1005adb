"""The databases of the settings: one object per alias, created when first used."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any

from sqlalchemy import Dialect as SQLAlchemyDialect
from sqlalchemy.engine import Engine
from sqlalchemy.pool import PoolProxiedConnection

from dorm.conf.entries import DatabaseSettings, normalise
from dorm.conf.keys import mask_text
from dorm.conf.settings import settings
from dorm.db import bridge
from dorm.db.pools import Pool
from dorm.db.queues import Place, TaskPlace, ThreadPlace
from dorm.dialects import registry
from dorm.dialects.contract import Connector, Dialect, Features, Link, Spelling, Version
from dorm.exceptions import ImproperlyConfigured
from dorm.utils.suggest import hint


class Database:
    """One alias: its settings, its dialect, its pools. Opens nothing until asked for a connection."""

    def __init__(self, alias: str, entry: DatabaseSettings) -> None:
        self.alias = alias
        self.settings = entry
        self.backend: Dialect = registry.for_engine(entry.engine)
        self.features: Features = self.backend.features(entry.server_version)
        self.vendor: str = self.features.vendor
        self.spelling: Spelling = self.backend.spelling(self.features)
        self.connector: Connector = self.backend.connector(entry)
        # SQLAlchemy's, to compile with
        self.dialect: SQLAlchemyDialect = registry.compiling_for(self.backend, self.features)
        self._version_known = entry.server_version is not None
        self._sessions: weakref.WeakSet[Any] = weakref.WeakSet()
        self._sync_pool: Pool | None = None
        self._loop_pools: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Pool] = weakref.WeakKeyDictionary()
        self._strong_pools: list[tuple[weakref.ref[asyncio.AbstractEventLoop], Pool]] = []
        self._lock = threading.Lock()
        # the alias names another database by now; code that still uses this one gets connections that are not pooled
        self._dropped = False

    # ------------------------------------------------------------------------------------------------------- pools

    @property
    def sync_pool(self) -> Pool:
        """The pool of the synchronous connections."""
        pool = self._sync_pool
        if pool is None or pool.closed:
            with self._lock:
                pool = self._sync_pool
                if pool is None or pool.closed:
                    pool = self._sync_pool = self._pool(
                        self.connector.engine, self.connector.link, ThreadPlace, asynchronous=False
                    )
        return pool

    def async_pool(self) -> Pool:
        """The pool of the running loop; also drops the pools of loops that have ended."""
        loop = asyncio.get_running_loop()
        pool = self._loop_pools.get(loop)
        if pool is None or pool.closed:
            self.drop_dead_loops()
            pool = self._pool(
                self.connector.async_engine,
                lambda fairy: self.connector.async_link(fairy, bridge.wait, bridge.wait_to_the_end),
                TaskPlace,
                asynchronous=True,
            )
            with self._lock:
                self._loop_pools[loop] = pool
                self._strong_pools.append((weakref.ref(loop), pool))
        return pool

    def _pool(
        self,
        engine: Callable[[], Engine],
        make: Callable[[PoolProxiedConnection], Link],
        line: Callable[[], Place],
        *,
        asynchronous: bool,
    ) -> Pool:
        pooled = self.features.pooled

        def met(fairy: PoolProxiedConnection) -> Link:
            link = make(fairy)
            if not self._version_known:
                self._meet(link.server_version)
            return link

        pool = Pool(
            self.settings,
            self.vendor,
            engine,
            met,
            line,
            place="async" if asynchronous else "sync",
            size=self.connector.limit(asynchronous),
            least=self.settings.min_pool_size if pooled else 0,
            check=self.settings.pool_check or not pooled,
            announce=pooled,
        )
        pool.retired = self._dropped
        return pool

    def attend(self, session: object) -> None:
        """A session of this database, which is told when more is known about it."""
        with self._lock:
            self._sessions.add(session)

    def _meet(self, version: Version | None) -> None:
        """Told the release of the server by the first connection that knows it."""
        if version is None:
            return
        with self._lock:
            self._version_known = True
            features = self.backend.features(version)
            if features == self.features:
                return
            self.features = features
            self.spelling = self.backend.spelling(features)
            self.dialect = registry.compiling_for(self.backend, features)
            for session in self._sessions:
                session.features, session.dialect = features, self.dialect

    def drop_dead_loops(self) -> None:
        """Closes, without waiting, the connections of loops that have ended."""
        with self._lock:
            dead = [(loop, pool) for loop, pool in self._strong_pools if _is_gone(loop)]
            self._strong_pools = [pair for pair in self._strong_pools if pair not in dead]
        for _, pool in dead:
            pool.drop()

    def pool_stats(self, asynchronous: bool) -> dict[str, object]:
        """Counters of the pool of this thread's loop, or of the synchronous one; opens nothing."""
        if asynchronous:
            loop = asyncio._get_running_loop()
            pool = self._loop_pools.get(loop) if loop is not None else None
            if pool is None:
                pool = next((p for loop_, p in reversed(self._strong_pools) if not _is_gone(loop_)), None)
        else:
            pool = self._sync_pool
        if pool is None:
            return {"open": False, "vendor": self.vendor}
        stats = pool.stats()
        if not self.features.pooled:
            return {"open": stats["open"], "vendor": self.vendor}
        return stats

    @property
    def never_opened(self) -> bool:
        """Whether no connection has ever been asked for."""
        return self._sync_pool is None and not self._strong_pools

    @property
    def has_async_pools(self) -> bool:
        return bool(self._strong_pools)

    # ------------------------------------------------------------------------------------------------------- closing

    def close_sync(self) -> None:
        """Closes the synchronous pool."""
        pool, self._sync_pool = self._sync_pool, None
        if pool is not None:
            pool.close()

    def close_async(self) -> None:
        """Closes the pool of the running loop, and drops those of loops that are gone. Runs inside the bridge."""
        self.drop_dead_loops()
        loop = asyncio.get_running_loop()
        pool = self._loop_pools.pop(loop, None)
        with self._lock:
            self._strong_pools = [pair for pair in self._strong_pools if pair[1] is not pool]
        if pool is not None:
            pool.close()

    def drop(self, *, borrowed: bool = False) -> None:
        """Closes everything at once, without waiting, because the database is being reconfigured.

        Synchronous connections that are in use are closed when they come back, or now with ``borrowed``.
        """
        with self._lock:
            self._dropped = True
            pools = [pool for _, pool in self._strong_pools]
            self._strong_pools = []
            self._loop_pools.clear()
        for pool in pools:
            pool.drop()
        if borrowed and self._sync_pool is not None:
            self._sync_pool.drop()
        self.close_sync()
        self.connector.close()


def _is_gone(reference: weakref.ref[asyncio.AbstractEventLoop]) -> bool:
    loop = reference()
    return loop is None or loop.is_closed()


_databases: dict[str, Database] = {}
_lock = threading.RLock()
_on_drop: list[Callable[[], None]] = []
_on_fork: list[Callable[[], None]] = []


def on_drop(callback: Callable[[], None]) -> Callable[[], None]:
    """Calls ``callback()`` before the databases are dropped, so that holders of connections release them."""
    _on_drop.append(callback)
    return callback


def on_fork(callback: Callable[[], None]) -> Callable[[], None]:
    """Calls ``callback()`` in the child of a fork, where inherited connections must be forgotten, not closed."""
    _on_fork.append(callback)
    return callback


def get(alias: str) -> Database:
    """The database of an alias. Raises ``ImproperlyConfigured`` when there is none, or its entry is wrong."""
    database = _databases.get(alias)
    if database is None:
        database = _make(alias)
    return database


def _make(alias: str) -> Database:
    settings.ensure()
    with _lock:
        if alias in _databases:
            return _databases[alias]
        databases = settings.get("DATABASES") or {}
        if not databases:
            raise ImproperlyConfigured(
                f"DATABASES is empty, so there is no alias {alias!r}. Call dorm.configure(DATABASES="
                f"{{{alias!r}: {{'ENGINE': 'sqlite', 'NAME': 'app.db'}}}})."
            )
        if alias not in databases:
            raise ImproperlyConfigured(f"DATABASES has no alias {mask_text(repr(alias))}. {hint(alias, databases)}")
        database = _databases[alias] = Database(alias, normalise(alias, databases[alias]))
        return database


def known() -> list[Database]:
    """The databases in use so far."""
    return list(_databases.values())


def peek(alias: str) -> Database | None:
    """The database of an alias when it is already in use."""
    return _databases.get(alias)


def drop_all(*, borrowed: bool = False) -> None:
    """Closes every connection, sync and async, and forgets the databases; later use creates them again."""
    for callback in tuple(_on_drop):
        callback()
    with _lock:
        databases = list(_databases.values())
        _databases.clear()
    for database in databases:
        database.drop(borrowed=borrowed)


def _settings_changed(names: set[str]) -> None:
    if "DATABASES" in names:
        drop_all()


settings.on_change(_settings_changed)

_inherited: list[object] = []


def _after_fork_in_child() -> None:
    # Closing an inherited connection would end the parent's session: keep the objects, use new ones.
    global _lock
    _lock = threading.RLock()
    _inherited.append(dict(_databases))
    _databases.clear()
    for callback in tuple(_on_fork):
        callback()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
atexit.register(drop_all, borrowed=True)
