"""The asynchronous session: the statements of the tasks of one event loop.

It finds the open blocks of the current task in the context, which child tasks inherit.
"""

from __future__ import annotations

import asyncio
import weakref
from asyncio import _get_running_loop
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, TypeVar

from dorm.db import bridge, hooks
from dorm.db.blocks import Block, Owner, Transaction, open_block, view_of
from dorm.db.engines import Database
from dorm.db.execution import Statement
from dorm.db.pools import Pool
from dorm.db.session import Session
from dorm.db.session_errors import too_long_for_lock
from dorm.db.turns import Turn
from dorm.dialects.contract import Link
from dorm.exceptions import TransactionManagementError


class TaskSession(Session):
    """The asynchronous session of one event loop, for all of its tasks. Its methods run inside the bridge."""

    asynchronous = True

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.loop = weakref.ref(asyncio.get_running_loop())
        self._view = view_of(self.alias)
        # the transactions of its tasks that have not ended
        self.open: set[Transaction] = set()
        # One writer at a time: tasks queue here instead of polling for the file's lock.
        self._writes = None if self.features.pooled else Turn()

    @property
    def pool(self) -> Pool:
        pool = self._pool
        if pool is None or pool.closed:
            pool = self._pool = self.database.async_pool()
            self._event_source = None
        return pool

    @property
    def block(self) -> Block | None:
        block = self._view.get()
        while block is not None and (block.closed or block.transaction.session is not self):
            block = block.parent
        return block

    @property
    def transaction(self) -> Transaction | None:
        block = self.block
        if block is not None:
            return block.transaction
        self.check_scope()
        return None

    def check_scope(self) -> None:
        left = self._view.get()
        if left is not None and left.cut and left.transaction.session is self and left.owner is asyncio.current_task():
            raise _ended_around(self.alias)

    def set_block(self, block: Block | None) -> None:
        self._view.set(block)

    def is_over(self) -> bool:
        """Whether the loop has ended, and with it everything that was open."""
        loop = self.loop()
        return loop is None or loop.is_closed()

    def owner(self) -> Owner:
        return asyncio.current_task()

    def pause(self, seconds: float) -> None:
        bridge.wait(asyncio.sleep(seconds))

    # ------------------------------------------------------------------------------------------------ connections

    def borrow(self, statement: Statement | None) -> Link:
        if hooks.active:
            link = self.lent()
            if link is not None:
                return link
        pin = _pins.get().get(self.alias)
        if pin is not None and pin.owner is asyncio.current_task():
            return pin.link_for(self)
        if self._writes is not None and statement is not None and statement.kind != "read":
            self._take_write_turn()
            try:
                return self.pool.acquire()
            except BaseException:
                self._writes.leave()
                raise
        return self.pool.acquire()

    def give_back(self, link: Link, statement: Statement | None) -> None:
        if hooks.active and link is self.lent():
            return
        if self._writes is not None and statement is not None and statement.kind != "read":
            self._writes.leave()
        pin = _pins.get().get(self.alias)
        if pin is None or pin.link is not link:
            if link.marked:
                self._put_back(link)
            else:
                link.pool.release(link)

    def _give_back_failed(self, link: Link, statement: Statement | None, problem: BaseException | None) -> None:
        if hooks.active and link is self.lent():
            return  # the session that lent the connection closes it
        try:
            link.settle()
            if link.lost:
                self.pool.doubt()
                self._drop(link, statement)
                return
            if link.in_transaction:
                link.roll_back()
        except BaseException:
            if link.lost or link.in_transaction:
                self._drop(link, statement)
            else:  # cancelled again meanwhile, but done nevertheless
                self.give_back(link, statement)
            raise
        self.give_back(link, statement)

    def _drop(self, link: Link, statement: Statement | None) -> None:
        if self._writes is not None and statement is not None and statement.kind != "read":
            self._writes.leave()
        pin = _pins.get().get(self.alias)
        if pin is not None and pin.link is link:
            pin.link = None
        link.pool.abandon(link)

    def _take_write_turn(self) -> None:
        limit = self.database.settings.pool_timeout
        assert self._writes is not None
        if not self._writes.take(limit):
            raise too_long_for_lock(self.alias, limit)

    def borrow_for(self, transaction: Transaction) -> Link:
        if self._writes is None or not self.database.connector.exclusive or (hooks.active and self.lent() is not None):
            return super().borrow_for(transaction)
        self._take_write_turn()
        transaction.write_turn = True
        try:
            return super().borrow_for(transaction)
        except BaseException:
            self._leave_write_turn(transaction)
            raise

    def release_from(self, transaction: Transaction, link: Link, *, clean: bool = True) -> None:
        try:
            super().release_from(transaction, link, clean=clean)
        finally:
            self._leave_write_turn(transaction)

    def _leave_write_turn(self, transaction: Transaction) -> None:
        if transaction.write_turn and self._writes is not None:
            transaction.write_turn = False
            self._writes.leave()

    def pin(self, pinned: bool) -> None:
        if not self.features.pooled:
            return
        pin = _pins.get().get(self.alias)
        if pinned and (pin is None or pin.owner is not asyncio.current_task()):
            _pins.set(_with(_pins.get(), self.alias, _Pin(self, asyncio.current_task())))
        elif not pinned and pin is not None:
            _pins.set(_with(_pins.get(), self.alias, None))
            if pin.owner is asyncio.current_task() and pin.link is not None:
                link, pin.link = pin.link, None
                link.pool.discard(link)

    # ------------------------------------------------------------------------------------------- shared transactions

    @contextmanager
    def turn(self, transaction: Transaction) -> Generator[None, None, None]:
        """One statement at a time, and only while no other task has an inner block open."""
        if hooks.active and transaction.link is not None and self.lent() is transaction.link:
            yield  # called by a hook of the statement that holds the turn
            return
        block = self.block
        turn = transaction.turn
        if turn is None:
            turn = transaction.turn = Turn()
        while True:
            turn.take()
            top = transaction.top
            if top is block or block is None or _belongs(top, block):
                break
            turn.leave()
            if block.closed:
                block = self._around(transaction)
            else:
                self._wait_for_top(transaction)
        try:
            yield
        finally:
            turn.leave()

    def _around(self, transaction: Transaction) -> Block:
        """The nearest open block around one that ended while this task waited."""
        block = self.block
        if block is None or block.transaction is not transaction:
            raise TransactionManagementError(
                f"the transaction of alias {self.alias!r} ended before this statement had its turn, so it did not run. Await "
                "the tasks of a block before the block ends."
            )
        return block

    def await_top(self, transaction: Transaction, outer: Block) -> None:
        while not outer.closed:
            top = transaction.top
            if top is None or top is outer or top.owner is asyncio.current_task():
                return
            self._wait_for_top(transaction)
        self._around(transaction)

    def _wait_for_top(self, transaction: Transaction) -> None:
        future = asyncio.get_running_loop().create_future()
        transaction.waiting_for_top.append(future)
        bridge.wait(_await(future))

    # ------------------------------------------------------------------------------------------------ hooks, endings

    @contextmanager
    def lend(self, link: Link) -> Generator[None, None, None]:
        loan = _Loan(link)
        outer, block = _loans.get(), self._view.get()
        _loans.set(_with(outer, self.alias, loan))
        if block is not None and not link.in_transaction:
            self._view.set(None)
        try:
            yield
        finally:
            loan.link = None  # tasks started by the hook that outlive it no longer have the connection
            _loans.set(outer)
            self._view.set(block)

    def lent(self) -> Link | None:
        loan = _loans.get().get(self.alias)
        return None if loan is None or loan.link is None or loan.link.lost else loan.link

    def forsake(self, block: Block) -> None:
        super().forsake(block)
        self.open.discard(block.transaction)
        self._leave_write_turn(block.transaction)


def _ended_around(alias: str) -> TransactionManagementError:
    return TransactionManagementError(
        f"the transaction of alias {alias!r} has ended while this task had a block open in it; nothing of the block is kept. "
        "Await the tasks of a block before the block ends."
    )


async def _await(future: asyncio.Future[None]) -> None:
    await future


def _belongs(top: Block | None, block: Block) -> bool:
    """Whether the open block ``top`` was opened by the same task inside ``block``, as a verb's own block is."""
    return top is not None and top.owner is asyncio.current_task() and top.is_inside(block)


class _Loan:
    """A connection that hooks run on while they watch a statement."""

    __slots__ = ("link",)

    def __init__(self, link: Link) -> None:
        self.link: Link | None = link


class _Pin:
    """A connection outside the pool that one task keeps for as long as it runs."""

    __slots__ = ("link", "owner", "session")

    def __init__(self, session: TaskSession, owner: Any) -> None:
        self.session = session
        self.owner = owner
        self.link: Link | None = None
        owner.add_done_callback(self.end)

    def end(self, _task: object) -> None:
        link, self.link = self.link, None
        if link is not None:
            link.pool.abandon(link)

    def link_for(self, session: TaskSession) -> Link:
        if self.link is not None and (self.link.lost or not self.link.quick_check()):
            self.link.pool.abandon(self.link)
            self.link = None
        if self.link is None:
            self.link = session.pool.dedicated()
        return self.link


Kept = TypeVar("Kept")
_EMPTY: Mapping[str, Any] = MappingProxyType({})
_loans: ContextVar[Mapping[str, _Loan]] = ContextVar("dorm_loans", default=_EMPTY)
_pins: ContextVar[Mapping[str, _Pin]] = ContextVar("dorm_pins", default=_EMPTY)


def _with(view: Mapping[str, Kept], alias: str, value: Kept | None) -> Mapping[str, Kept]:
    changed: dict[str, Any] = {**view, alias: value}
    if value is None:
        del changed[alias]
    return changed or _EMPTY


def async_block(alias: str) -> Block | None:
    """The innermost block of the running loop that is open in the current context, whichever task opened it."""
    block = open_block(alias)
    if block is None:
        return None
    where = block.transaction.session
    return block if where.asynchronous and where.loop() is _get_running_loop() else None
