"""The connection pool of one alias, for sync code or for one event loop: first come, first served.

Idle connections lie on a stack: with no waiters, borrowing is a pop and returning an append. Once a caller has to wait
there is a queue: later callers join its end, and a returned connection goes to its head. A borrower joins the queue
before it checks the stack, and a connection is pushed on the stack before the queue is checked; so no connection can
stay on the stack while a caller waits for one.

SQLAlchemy's engine makes the connections; its pools and psycopg's cost several times as much per statement, and
SQLAlchemy's lets newcomers overtake waiters.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from sqlalchemy.engine import Engine
from sqlalchemy.pool import PoolProxiedConnection

from dorm.conf.entries import DatabaseSettings
from dorm.db.queues import Place
from dorm.db.through_sqlalchemy import prepare
from dorm.exceptions import OperationalError, PoolTimeout

if TYPE_CHECKING:
    from dorm.dialects.contract import Link

FRESH = 1.0
"""Seconds of idleness after which the liveness check makes a round trip."""
TRIM = 5.0
"""Seconds between looks at connections that nobody needs any more."""
OPEN: object = object()
"""Given to somebody who waits: a place at which to open a connection."""
CLOSED: object = object()
"""Given to somebody who waits in vain."""


class Pool:
    """Connections of one alias.

    ``make`` turns a SQLAlchemy connection into a link, ``line`` makes a place in the queue.
    """

    def __init__(
        self,
        settings: DatabaseSettings,
        vendor: str,
        engine: Callable[[], Engine],
        make: Callable[[PoolProxiedConnection], Link],
        line: Callable[[], Place],
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
        # the pool is closed already, so it must not keep connections
        self.retired = False
        self.process = os.getpid()
        self._announce = announce
        self._make_engine = engine
        self._make = make
        self._engine: Engine | None = None
        self._idle: deque[Link] = deque()
        self._queue: deque[Place] = deque()
        self._line = line
        self._links: set[Link] = set()
        self._outside: set[Link] = set()
        self._places = 0  # taken by a connection, or by one that is being opened
        self._doubted = 0.0
        self._opened = False
        # reentrant, because finalizers of dead threads' connections may run at any point
        self._lock = threading.RLock()
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

    def acquire(self) -> Link:
        """A connection that is alive as far as the checks asked for can tell."""
        idle = self._idle
        while idle and not self._queue:
            try:
                link = idle.pop()
            except IndexError:
                break
            if self._usable(link):
                return link
            self._lose(link)
        return self._acquire_slowly()

    def release(self, link: Link) -> None:
        """Takes a connection back; it must be outside any transaction."""
        now = monotonic()
        link.idle_since = now
        self._idle.append(link)
        if self.closed or self.retired:
            self._close_idle()
        elif self._queue:
            self._serve()
        elif now - self._trimmed > TRIM:
            self._trim(now)

    def discard(self, link: Link) -> None:
        """Closes a connection instead of keeping it."""
        counted = self._forget(link)
        try:
            link.close()
        finally:
            if counted:
                self._vacate()

    def abandon(self, link: Link) -> None:
        """Like :meth:`discard`, without waiting for anything."""
        counted = self._forget(link)
        try:
            link.abandon()
        finally:
            if counted:
                self._vacate()

    def doubt(self) -> None:
        """Called when a connection turns out to be dead: idle ones are checked before they are used again."""
        self._doubted = monotonic()

    def dedicated(self) -> Link:
        """A connection outside the pool, which does not take up one of its places."""
        link = self._new()
        self._outside.add(link)
        return link

    # ----------------------------------------------------------------------------------------------- open and close

    def open(self, target: int | None = None) -> int:
        """Opens connections up to ``target`` (default: the minimum), at most the limit. Returns how many are open."""
        wanted = min(self.least if target is None else target, self.size)
        borrowed: list[Link] = []
        self._announce_opening()
        try:
            while self._take_place(wanted):
                borrowed.append(self._connect())
        finally:
            for link in borrowed:
                self.release(link)
        return len(self._links)

    def close(self) -> None:
        """Closes idle connections and those outside the pool now, borrowed ones when they come back."""
        self.closed = True
        self._send_away()
        self._close_idle()
        for link in tuple(self._outside):
            self.abandon(link)
        if self._engine is not None:
            self._engine.dispose()
        self._announce_closing()

    def drop(self) -> None:
        """Closes every connection without waiting: their loop has ended, or the process ends."""
        self.closed = True
        self._send_away()
        self._idle.clear()
        for link in (*self._links, *self._outside):
            self.abandon(link)
        self._announce_closing()

    def stats(self) -> dict[str, object]:
        """Counters under the names psycopg's pool uses; never blocks, opens nothing."""
        if not self._opened or self.closed:
            return {"open": False, "vendor": self.vendor}
        total = len(self._links)
        idle = len(self._idle)
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
            "requests_waiting": len(self._queue),
            "requests_queued": self.queued_count,
            "requests_errors": self.failed_requests,
            "connections_num": self.opened_count,
            "connections_errors": self.error_count,
            "connections_lost": self.lost_count,
        }

    # ---------------------------------------------------------------------------------------------------- internals

    def _usable(self, link: Link) -> bool:
        now = monotonic()
        if now >= link.expires or now - link.idle_since > self.settings.max_idle:
            return False
        if not self.check and link.idle_since >= self._doubted:
            return True
        if now - link.idle_since > FRESH or not link.quick_check():
            return self._probed(link)
        return True

    def _probed(self, link: Link) -> bool:
        # a waiting probe may be cancelled while the connection is in no list: it must not be lost
        try:
            return link.probe()
        except BaseException:
            self.abandon(link)
            raise

    def _acquire_slowly(self) -> Link:
        first = not self._opened
        self._announce_opening()
        try:
            link = self._next()
            if link is None:
                link = self._connect()
            elif not self._usable(link):
                link = self._replaced(link)
        except BaseException:
            self.failed_requests += 1
            raise
        if first and self.least > 1:
            try:
                self.open()
            except BaseException:
                self.release(link)
                raise
        return link

    def _next(self) -> Link | None:
        """The next connection, in order of arrival; None for a place at which the caller opens one."""
        with self._lock:
            if self.closed:
                raise self._is_closed()
            if not self._queue:
                if self._idle:
                    return self._idle.pop()
                if self._take_place(self.size):
                    return None
            place = self._line()
            self._queue.append(place)
            self.queued_count += 1
            self._serve()
        try:
            came = place.wait(self.settings.pool_timeout)
        except BaseException:
            self._leave_line(place, pass_on=True)
            raise
        if not came and not self._leave_line(place):
            raise PoolTimeout(
                f"no connection of alias {self.settings.alias!r} became free within POOL_TIMEOUT "
                f"({self.settings.pool_timeout:g} s). Every connection is in use: raise MAX_POOL_SIZE, or look for "
                "transactions and streams that stay open."
            )
        if place.given is CLOSED:
            raise self._is_closed()
        return None if place.given is OPEN else place.given

    def _leave_line(self, place: Place, *, pass_on: bool = False) -> bool:
        """Takes a place out of the queue. Returns whether it had been given a connection by then."""
        with self._lock:
            if place.given is None:
                self._queue.remove(place)
                return False
        if pass_on and place.given is OPEN:
            self._vacate()
        elif pass_on and place.given is not CLOSED:
            self.release(place.given)
        return True

    def _serve(self) -> None:
        """Gives free connections and places to the waiters, in order."""
        with self._lock:
            while self._queue and not self.closed:
                what: object = OPEN
                try:
                    what = self._idle.pop()
                except IndexError:
                    if not self._take_place(self.size):
                        return
                self._queue.popleft().give(what)

    def _take_place(self, limit: int) -> bool:
        """Reserves a place for a connection that is about to be opened. Returns whether one was free."""
        with self._lock:
            if self._places >= limit:
                return False
            self._places += 1
            return True

    def _vacate(self) -> None:
        with self._lock:
            self._places -= 1
            self._serve()

    def _send_away(self) -> None:
        """Wakes all waiters empty-handed, because the pool is closing."""
        with self._lock:
            while self._queue:
                self._queue.popleft().give(CLOSED)

    def _is_closed(self) -> OperationalError:
        return OperationalError(
            f"the pool of alias {self.settings.alias!r} was closed while this waited for a connection. Close pools "
            "when their users have finished."
        )

    def _connect(self) -> Link:
        """Opens a connection at a place that the caller has taken."""
        try:
            link = self._new()
        except BaseException:
            self.error_count += 1
            self._vacate()
            raise
        now = monotonic()
        link.born = link.idle_since = now
        link.expires = now + self.settings.max_lifetime
        self.opened_count += 1
        self._links.add(link)
        return link

    def _new(self) -> Link:
        fairy = self.engine.raw_connection()
        try:
            link = self._make(fairy)
        except BaseException:
            fairy.invalidate()
            raise
        fairy.detach()
        link.pool = self
        return link

    def _replaced(self, link: Link) -> Link:
        """A new connection at the place of one that cannot be used."""
        self.lost_count += 1
        self._forget(link)
        try:
            link.close()
        except BaseException:
            self._vacate()
            raise
        return self._connect()

    def _forget(self, link: Link) -> bool:
        """Removes a connection from the records. Returns whether it held a place."""
        with self._lock:
            counted = link in self._links
            self._links.discard(link)
            self._outside.discard(link)
        return counted

    def _close_idle(self) -> None:
        while self._idle:
            try:
                link = self._idle.pop()
            except IndexError:
                return
            self.discard(link)

    def _lose(self, link: Link) -> None:
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
