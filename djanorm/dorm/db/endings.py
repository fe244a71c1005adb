"""What threads and tasks leave open is closed when they end: connections of transactions, of manual mode, pinned ones."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from functools import partial
from typing import Any

from dorm.db.blocks import Block, Transaction

Held = list[tuple[Any, Any]]


class _End:
    """Dies with its thread."""


class _Threads(threading.local):
    """What the sessions of each thread hold. A session may outlive its thread, in a circle with its open block."""

    def __init__(self) -> None:
        self.held: list[Held] = []
        self.end = _End()
        weakref.finalize(self.end, _close_all, self.held)


def watch_thread(held: Held) -> None:
    """Closes what ``held``, a list of pools and connections, contains when the current thread ends."""
    _threads.held[:] = [other for other in _threads.held if other]
    _threads.held.append(held)


def close_held(held: Held) -> None:
    """Closes, without waiting, connections that nobody else closes."""
    while held:
        pool, link = held.pop()
        if pool.process == os.getpid():
            pool.abandon(link)


def _close_all(everything: list[Held]) -> None:
    for held in everything:
        close_held(held)


_threads = _Threads()


def watch_task(session: Any, block: Block) -> None:
    """Ends manual mode, with what it has not committed, when the task that began it ends (CN-07)."""
    if isinstance(block.owner, asyncio.Task):
        block.owner.add_done_callback(partial(_forsake, session, block))


def _forsake(session: Any, block: Block, _task: object) -> None:
    if not block.closed:
        session.forsake(block)


def close_blocks(transaction: Transaction) -> None:
    """Nothing of the transaction is open any more, and tasks that wait for it are told."""
    while transaction.top is not None:
        transaction.top.closed = True
        transaction.top = transaction.top.parent
    transaction.tell_waiting()
