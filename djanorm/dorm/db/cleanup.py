"""Closing what threads and tasks leave open when they end: connections of transactions, of manual mode, pinned ones."""

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
    """A finalizer that lives as long as its thread."""


class _Threads(threading.local):
    """The sessions of each thread. They may outlive it, in a circle with their open blocks."""

    def __init__(self) -> None:
        self.sessions: weakref.WeakSet[Any] = weakref.WeakSet()
        self.end = _End()
        weakref.finalize(self.end, _end_sessions, self.sessions)


def watch_thread(session: object) -> None:
    """Ends the session when the current thread ends."""
    _threads.sessions.add(session)


def close_held(held: Held) -> None:
    """Closes, without waiting, the connections that no pool closes."""
    while held:
        pool, link = held.pop()
        if pool.process == os.getpid():
            pool.abandon(link)


def _end_sessions(sessions: weakref.WeakSet[Any]) -> None:
    for session in list(sessions):
        session.end()


_threads = _Threads()


def watch_task(session: object, block: Block) -> None:
    """Ends manual mode, with what it has not committed, when the task that began it ends."""
    if isinstance(block.owner, asyncio.Task):
        block.owner.add_done_callback(partial(_forsake, session, block))


def _forsake(session: Any, block: Block, _task: object) -> None:
    if not block.closed:
        session.forsake(block)


def close_blocks(transaction: Transaction) -> None:
    """Marks all blocks of the transaction closed and wakes the tasks that wait for it."""
    while transaction.top is not None:
        transaction.top.closed = True
        transaction.top = transaction.top.parent
    transaction.tell_waiting()
