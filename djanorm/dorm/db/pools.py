"""The pool of one alias in one world: SQLAlchemy's pool, with the idle connections kept at hand.

SQLAlchemy's pool makes connections, keeps their number below the limit and lets callers wait. Connections that become
idle do not travel back to it as long as nobody waits there: they lie on a stack in front, where borrowing and returning
cost a pop and an append. A caller first looks at the stack, then announces itself as waiting, looks again and only then
turns to the pool behind; whoever returns a connection appends it and then looks for announcements. So no connection
can lie on the stack while somebody waits behind it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any

from sqlalchemy.engine import Engine

from dorm.conf.entries import DatabaseSettings
from dorm.db.through_sqlalchemy import prepare

FRESH = 1.0
"""Seconds of idleness after which the liveness check makes a round trip."""
TRIM = 5.0
"""Seconds between looks at connections that nobody needs any more."""


class Pool:
    """Connections of one alias. ``make`` turns a checked-out SQLAlchemy connection into a link."""

    def __init__(
        self,
        settings: DatabaseSettings,
        vendor: str,
        engine: Callable[[], Engine],
        make: Callable[[Any], Any],
        *,
        place: str,
        size: int,
        least: int,
        check: bool,
        announce: bool,
    ) -> None:
        self.settings = settings
        self.vendor = vendor
        self.place = place
        self.size = size
        self.least = least
        self.check = check
        self.closed = False
        self.process = os.getpid()
        self._announce = announce
        self._make_engine = engine
        self._make = make
        self._engine: Engine | None = None
        self._idle: deque[Any] = deque()
        self._links: set[Any] = set()
        self._outside: set[Any] = set()
        self._waiting = 0
        self._opened = False
        self._lock = threading.Lock()
        self._trimmed = monotonic()
        self.opened_count = self.lost_count = self.error_count = self.queued_count = self.failed_requests = 0

    @property
    def engine(self) -> Engine:
        """The SQLAlchemy engine, made when first asked for."""
        engine = self._engine
        if engine is None:
            with self._lock:
                engine = self._engine
                if engine is None:
                    engine = self._engine = self._make_engine()
                    prepare(engine)
        return engine

    # --------------------------------------------------------------------------------------------- borrow and return

    def acquire(self) -> Any:
        """A connection that is alive as far as the checks asked for can tell."""
        idle = self._idle
        while idle:
            try:
                link = idle.pop()
            except IndexError:
                break
            if self._usable(link):
                return link
            self._lose(link)
        return self._acquire_slowly()

    def release(self, link: Any) -> None:
        """Takes a connection back; it must be outside any transaction."""
        now = monotonic()
        link.idle_since = now
        if self.closed:
            self.discard(link)
            return
        self._idle.append(link)
        if self._waiting:
            self._pass_on()
        elif now - self._trimmed > TRIM:
            self._trim(now)

    def discard(self, link: Any) -> None:
        """Closes a connection instead of keeping it."""
        counted = link in self._links
        self._links.discard(link)
        self._outside.discard(link)
        fairy, link.fairy = link.fairy, None
        try:
            link.close()
        finally:
            if counted and fairy is not None:
                fairy.invalidate()

    def abandon(self, link: Any) -> None:
        """Like :meth:`discard`, without waiting for anything."""
        counted = link in self._links
        self._links.discard(link)
        self._outside.discard(link)
        link.abandon()
        fairy, link.fairy = link.fairy, None
        if counted and fairy is not None:
            fairy.detach()

    def dedicated(self) -> Any:
        """A connection outside the pool: it leaves its place there to others."""
        fairy = self.engine.raw_connection()
        try:
            link = self._make(fairy)
        except BaseException:
            fairy.invalidate()
            raise
        fairy.detach()
        self._outside.add(link)
        return link

    # ----------------------------------------------------------------------------------------------- open and close

    def open(self, target: int | None = None) -> int:
        """Opens connections until there are ``target`` (default: the minimum), at most the limit; their number."""
        wanted = min(self.least if target is None else target, self.size)
        borrowed: list[Any] = []
        self._announce_opening()
        try:
            while len(self._links) < wanted:
                borrowed.append(self._from_behind())
        finally:
            for link in borrowed:
                self.release(link)
        return len(self._links)

    def close(self) -> None:
        """Closes idle connections and those outside the pool now, borrowed ones when they come back."""
        self.closed = True
        while self._idle:
            self.discard(self._idle.pop())
        for link in tuple(self._outside):
            self.abandon(link)
        for link in [link for link in self._links if link.fairy is None]:  # passed on, and taken by nobody
            self._links.discard(link)
            link.close()
        if self._engine is not None:
            self._engine.dispose()
        self._announce_closing()

    def drop(self) -> None:
        """Closes every connection without waiting: their loop is gone, or the process ends."""
        self.closed = True
        self._idle.clear()
        for link in (*self._links, *self._outside):
            self.abandon(link)
        self._announce_closing()

    def stats(self) -> dict[str, Any]:
        """Counters under the names psycopg's pool uses (CN-11); never blocks, opens nothing."""
        if not self._opened or self.closed:
            return {"open": False, "vendor": self.vendor}
        total = len(self._links)
        # what was passed on and then not taken lies in SQLAlchemy's pool
        idle = len(self._idle) + sum(link.fairy is None for link in tuple(self._links))
        return {
            "open": True,
            "vendor": self.vendor,
            "min_size": self.least,
            "max_size": self.size,
            "pool_min": self.least,
            "pool_max": self.size,
            "pool_size": total,
            "pool_available": idle,
            "in_use": max(total - idle, 0),
            "requests_waiting": self._waiting,
            "requests_queued": self.queued_count,
            "requests_errors": self.failed_requests,
            "connections_num": self.opened_count,
            "connections_errors": self.error_count,
            "connections_lost": self.lost_count,
        }

    # ---------------------------------------------------------------------------------------------------- internals

    def _usable(self, link: Any) -> bool:
        now = monotonic()
        if now >= link.expires or now - link.idle_since > self.settings.max_idle:
            return False
        if not self.check:
            return True
        if now - link.idle_since > FRESH or not link.quick_check():
            return self._probed(link)
        return True

    def _probed(self, link: Any) -> bool:
        # a waiting probe may be cancelled: the connection is in no list then and must not be lost
        try:
            return link.probe()
        except BaseException:
            self.abandon(link)
            raise

    def _acquire_slowly(self) -> Any:
        if self.closed:
            raise RuntimeError("the pool is closed")
        first = not self._opened
        self._announce_opening()
        self._waiting += 1
        try:
            while self._idle:
                try:
                    link = self._idle.pop()
                except IndexError:
                    break
                if self._usable(link):
                    return link
                self._lose(link)
            if len(self._links) >= self.size:
                self.queued_count += 1
            link = self._from_behind()
        except BaseException:
            self.failed_requests += 1
            raise
        finally:
            self._waiting -= 1
        if first and self.least > 1:
            try:
                self.open()
            except BaseException:
                self.release(link)
                raise
        return link

    def _from_behind(self) -> Any:
        """A connection of SQLAlchemy's pool: one that came back there, a new one, or the next to come back."""
        fairy = self.engine.raw_connection()
        known = fairy.info.get("link")
        if known is not None and known.raw is fairy.driver_connection:
            known.fairy = fairy
            if self._usable(known):
                return known
            self._lose(known)
            return self._from_behind()
        try:
            link = self._make(fairy)
        except BaseException:
            self.error_count += 1
            fairy.invalidate()
            raise
        now = monotonic()
        link.born = link.idle_since = now
        link.expires = now + self.settings.max_lifetime
        fairy.info["link"] = link
        self.opened_count += 1
        self._links.add(link)
        return link

    def _pass_on(self) -> None:
        """Hands an idle connection to whoever waits behind."""
        try:
            link = self._idle.popleft()
        except IndexError:
            return
        fairy, link.fairy = link.fairy, None
        fairy.close()

    def _lose(self, link: Any) -> None:
        self.lost_count += 1
        self.discard(link)

    def _trim(self, now: float) -> None:
        """Closes the longest idle connections above the minimum once they pass MAX_IDLE or MAX_LIFETIME."""
        self._trimmed = now
        while len(self._links) > self.least and self._idle:
            link = self._idle[0]
            if now - link.idle_since <= self.settings.max_idle and now < link.expires:
                return
            try:
                link = self._idle.popleft()
            except IndexError:
                return
            self.discard(link)

    def _announce_opening(self) -> None:
        if self._opened:
            return
        self._opened = True
        if not self._announce:
            return
        logger = logging.getLogger(f"dorm.db.lifecycle.{self.vendor}")
        logger.info(
            "%s pool of %r opens: min_size=%d max_size=%d timeout=%gs check=%s",
            self.place,
            self.settings.alias,
            self.least,
            self.size,
            self.settings.pool_timeout,
            self.check,
        )
        logger.debug(
            "%s pool of %r connects to database %s at %s:%d",
            self.place,
            self.settings.alias,
            self.settings.name,
            self.settings.host,
            self.settings.port,
        )

    def _announce_closing(self) -> None:
        if self._opened and self._announce:
            logger = logging.getLogger(f"dorm.db.lifecycle.{self.vendor}")
            logger.info("%s pool of %r closed", self.place, self.settings.alias)
        self._opened = False
