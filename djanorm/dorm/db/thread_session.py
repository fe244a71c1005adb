"""The synchronous session: the statements of one thread.

It keeps the state of an open transaction in attributes. For a database in a file it also keeps the thread's one
connection, to which statements go directly when there are no observers.
"""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from asyncio import _get_running_loop
from collections.abc import Callable, Generator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from dorm.conf.environment import SLOW_QUERY_MS
from dorm.db import hooks, retry
from dorm.db.blocks import Block, Owner, Transaction, view_of
from dorm.db.cleanup import Held, close_blocks, close_held, watch_thread
from dorm.db.engines import Database
from dorm.db.execution import Statement
from dorm.db.pools import Pool
from dorm.db.session import DEBUG, Params, Rows, Session
from dorm.dialects.contract import Link


class ThreadSession(Session):
    """The synchronous session of one thread."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.innermost: Block | None = None
        self.view = view_of(self.alias)
        self.thread = threading.get_ident()
        # the session of code that works in this thread while the block of another context is open in it
        self.spare: ThreadSession | None = None
        self._sticky = not self.features.pooled
        self._link: Any = None
        # the link's execute() while statements may go straight to it
        self._straight: Callable[..., Any] | None = None
        self._pinned: Any = None
        self._lent: Link | None = None
        self._held: Held = []
        watch_thread(self)
        weakref.finalize(self, close_held, self._held)

    @property
    def pool(self) -> Pool:
        pool = self._pool
        if pool is None or pool.closed:
            pool = self._pool = self.database.sync_pool
            self._event_source = None
        return pool

    @property
    def block(self) -> Block | None:
        return self.innermost

    def set_block(self, block: Block | None) -> None:
        self.innermost = block
        self.view.set(block)
        if self._sticky:
            self._aim()

    def _aim(self) -> None:
        """Allows the fast path if the thread's connection is open and no BEGIN is outstanding."""
        if not self._sticky:
            return
        link, block = self._link, self.innermost
        ready = block is None or (block.transaction.began and block.transaction.broken is None)
        self._straight = link.execute if link is not None and ready else None

    def reconsider(self) -> None:
        self._aim()

    def transaction_began(self, transaction: Transaction) -> None:
        if not self._sticky:
            self._hold(transaction.link)
        self._aim()

    def note_failure(self, transaction: Transaction, error: BaseException, statement: Statement | None = None) -> None:
        super().note_failure(transaction, error, statement)
        self._aim()

    def release_from(self, transaction: Transaction, link: Link, *, clean: bool = True) -> None:
        if not self._sticky and self._pinned is None:
            self._held.clear()
        super().release_from(transaction, link, clean=clean)
        self._aim()

    @property
    def transaction(self) -> Transaction | None:
        block = self.innermost
        return None if block is None else block.transaction

    @property
    def in_transaction(self) -> bool:
        return self.innermost is not None

    def owner(self) -> Owner:
        return None if _get_running_loop() is None else asyncio.current_task()

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    # ------------------------------------------------------------------------------------------------ connections

    def borrow(self, statement: Statement | None) -> Link:
        if self._sticky:
            link = self._link
            if link is None:
                link = self._link = self.pool.acquire()
                self._hold(link)
                self._aim()
            return link
        if self._lent is not None and not self._lent.lost:
            return self._lent
        if self._pinned is not None:
            return self._pinned_link()
        return self.pool.acquire()

    def give_back(self, link: Link, statement: Statement | None) -> None:
        if not self._sticky and link is not self._pinned and link is not self._lent:
            if link.marked:
                self._put_back(link)
            else:
                link.pool.release(link)

    def _give_back_failed(self, link: Link, statement: Statement | None, problem: BaseException | None) -> None:
        if link is self._lent:
            return  # the session that lent the connection closes it
        try:
            link.settle()
            usable = not link.lost and (problem is None or not self.database.backend.means_closed(problem))
            if usable and link.in_transaction:
                link.roll_back()
        except BaseException:
            self._drop(link)
            raise
        if usable:
            self.give_back(link, statement)
        else:
            self.pool.doubt()
            self._drop(link)

    @contextmanager
    def lend(self, link: Link) -> Generator[None, None, None]:
        outer, block = self._lent, self.innermost
        self._lent = link
        if not link.in_transaction:
            self.set_block(None)
        try:
            yield
        finally:
            self._lent = outer
            self.set_block(block)

    def lent(self) -> Link | None:
        return self._lent

    def end(self) -> None:
        """The thread has ended: rolls back what it left open."""
        block, self.innermost = self.innermost, None
        if block is not None:
            close_blocks(block.transaction)
        close_held(self._held)

    def forsake(self, block: Block) -> None:
        link = block.transaction.link
        if link is not None and link is self._link:
            self._link = self._straight = None
        self._held.clear()
        super().forsake(block)
        self.set_block(None)

    def _drop(self, link: Link) -> None:
        if link is self._link:
            self._link = self._straight = None
        if link is self._pinned:
            self._pinned = None
        self._held.clear()
        link.pool.discard(link)

    def _hold(self, link: Link) -> None:
        self._held[:] = [(link.pool, link)]

    def _pinned_link(self) -> Link:
        link = self._pinned
        if link is True or link.lost or not link.quick_check():
            if link is not True:
                link.pool.abandon(link)
            link = self._pinned = self.pool.dedicated()
            self._hold(link)
        return link

    def pin(self, pinned: bool) -> None:
        if self._sticky or bool(self._pinned) == pinned:
            return
        link, self._pinned = self._pinned, True if pinned else None
        if link is not None and link is not True:
            self._held.clear()
            link.pool.discard(link)

    def close(self) -> None:
        """Closes the connections this thread holds; later use opens new ones."""
        link, self._link = self._link, None
        self._straight = None
        self._held.clear()
        if link is not None:
            link.pool.discard(link)
        self.pin(False)
        if self.spare is not None:
            self.spare.close()

    # --------------------------------------------------------------------------------------------------- fast path

    def fetch(self, statement: Statement, params: Params = None) -> Rows:
        straight = self._straight
        if straight is None or hooks.active or self._debug(DEBUG) or self._has_events():
            return self.perform("fetch", statement, params)
        started = perf_counter()
        try:
            rows = straight(statement.sql, params or ()).fetchall()
        except Exception as error:
            return self._again("fetch", statement, params, error)
        limit = SLOW_QUERY_MS()
        if limit is not None:
            elapsed = (perf_counter() - started) * 1000
            if elapsed >= limit:
                self._report(None, self._link, statement, params, False, elapsed, None)
        return rows

    fetch_returning = fetch

    def run(self, statement: Statement, params: Params = None) -> int:
        straight = self._straight
        if straight is None or hooks.active or self._debug(DEBUG) or self._has_events():
            return self.perform("run", statement, params)
        started = perf_counter()
        try:
            changed = straight(statement.sql, params or ()).rowcount
        except Exception as error:
            return self._again("run", statement, params, error)
        limit = SLOW_QUERY_MS()
        if limit is not None:
            elapsed = (perf_counter() - started) * 1000
            if elapsed >= limit:
                self._report(None, self._link, statement, params, False, elapsed, None)
        return changed

    def _again(self, verb: str, statement: Statement, params: Params, error: Exception) -> Any:
        """After a failure on the fast path: raises, or repeats the statement on the slow path."""
        problem = self.translated(error)
        block = self.innermost
        if block is not None:
            self.note_failure(block.transaction, problem, statement)
        else:
            self._give_back_failed(self._link, statement, error)
            if self._may_try_again(problem, statement, True, 1):
                delay = retry.delay_after(1)
                retry.announce(problem, 1, retry.attempts_allowed(), delay)
                self.pause(delay)
                return self.perform(verb, statement, params, first_attempt=2)
        if problem is error:
            raise error
        raise problem from problem.__cause__
