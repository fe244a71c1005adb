"""Finding the session of the current scope.

The scope of synchronous code is the thread, that of asynchronous code the task.
"""

from __future__ import annotations

import threading
import weakref
from asyncio import _get_running_loop
from typing import TYPE_CHECKING, Any

from sqlalchemy import Dialect as SQLAlchemyDialect

from dorm.conf.settings import settings
from dorm.db import bridge, engines, mixing
from dorm.db.blocks import Block, Transaction, open_block
from dorm.db.session import Session
from dorm.db.task_session import TaskSession, async_block
from dorm.db.thread_session import ThreadSession
from dorm.exceptions import ImproperlyConfigured, TransactionManagementError

if TYPE_CHECKING:
    from dorm.db.engines import Database

__all__ = [
    "Session",
    "TaskSession",
    "ThreadSession",
    "async_block",
    "dialect_for",
    "forget_sync",
    "forget_thread_session",
    "open_aliases",
    "refuse_to_close",
    "session",
    "sync_block",
    "sync_session",
]


class _Threads(threading.local):
    """The sessions of each thread, by alias."""

    def __init__(self) -> None:
        self.sessions: dict[str, ThreadSession] = {}


_threads = _Threads()
_loops: weakref.WeakKeyDictionary[Any, dict[str, TaskSession]] = weakref.WeakKeyDictionary()
_all_sync: weakref.WeakSet[ThreadSession] = weakref.WeakSet()
_all_async: weakref.WeakSet[TaskSession] = weakref.WeakSet()
# Whether this process has run async verbs: until then, synchronous code need not look for their blocks.
_both_worlds = False


def session(alias: str = "default") -> Session:
    """The session of the current scope. Raises ``ImproperlyConfigured`` for an unknown alias."""
    current_greenlet = bridge.current_greenlet
    if current_greenlet is not None:
        current = current_greenlet()
        if current.__class__ is bridge.greenlet_class and not current.inline:
            return _task_session(alias)
    try:
        found = _threads.sessions[alias]
    except KeyError:
        found = _open_thread_session(alias)
    block = found.innermost
    if block is None:
        if not bridge.inline_used and (not _both_worlds or _get_running_loop() is None):
            return found
    elif not _both_worlds and not bridge.inline_used and found.view.get() is block:
        return found
    return _of_this_context(found)


def sync_session(alias: str = "default") -> ThreadSession:
    """The synchronous session of this thread, also from inside the bridge."""
    found = _threads.sessions.get(alias)
    return found if found is not None else _open_thread_session(alias)


def sync_block(alias: str) -> Block | None:
    """The innermost synchronous block of this thread that is open in the current context."""
    known = _threads.sessions.get(alias)
    if known is None:
        return None
    view = open_block(alias)
    if view is not None:
        where = view.transaction.session
        if not where.asynchronous and where.thread == threading.get_ident():
            return view
    return known.innermost if _get_running_loop() is not None and _is_around(known.innermost) else None


def open_aliases() -> list[str]:
    """The aliases on which a transaction is open, sync or async, in any thread, task or context."""
    found = {known.alias for known in list(_all_sync) if known.innermost is not None}
    found.update(known.alias for known in list(_all_async) if known.open and not known.is_over())
    return sorted(found)


def refuse_to_close(what: str, *, asynchronous: bool, alias: str | None = None, everywhere: bool = False) -> None:
    """Refuses to close connections under an open block, whose work would be lost and whose later statements committed.

    :raises TransactionManagementError: when a sync block is open in any thread, or an async one in the running loop
        (with ``everywhere``, in any loop).
    """
    loop = _get_running_loop()
    open_here: list[Session]
    if asynchronous:
        open_here = [
            known
            for known in list(_all_async)
            if (known.loop() is loop or (everywhere and not known.is_over())) and any(map(_is_atomic, known.open))
        ]
    else:
        open_here = [
            known
            for known in list(_all_sync)
            if known.innermost is not None and _is_atomic(known.innermost.transaction)
        ]
    names = sorted({known.alias for known in open_here if alias is None or known.alias == alias})
    if names:
        raise TransactionManagementError(
            f"{what} was called while an atomic block is open on {', '.join(map(repr, names))}: its work would be lost, and "
            "what follows in it would be committed. Leave the block first."
        )


def _is_atomic(transaction: Transaction) -> bool:
    top = transaction.top
    return top is not None and not (transaction.manual and top.parent is None)


def dialect_for(alias: str = "default") -> SQLAlchemyDialect:
    """The SQLAlchemy dialect that statements for an alias are compiled with; opens no connection."""
    return engines.get(alias).dialect


def _open_thread_session(alias: str) -> ThreadSession:
    found = _threads.sessions[alias] = _new_thread_session(engines.get(alias))
    return found


def _new_thread_session(database: Database) -> ThreadSession:
    found = ThreadSession(database)
    _all_sync.add(found)
    return found


def _task_session(alias: str) -> TaskSession:
    loop = _get_running_loop()
    sessions = _loops.get(loop)
    if sessions is None:
        sessions = _loops[loop] = {}
    found = sessions.get(alias)
    if found is None:
        found = _open_task_session(sessions, alias)
    view = open_block(alias)
    if view is not None and not view.transaction.session.asynchronous:
        raise mixing.async_inside_sync(alias, view)
    return found


def _open_task_session(sessions: dict[str, TaskSession], alias: str) -> TaskSession:
    global _both_worlds
    _both_worlds = True
    found = sessions[alias] = TaskSession(engines.get(alias))
    _all_async.add(found)
    return found


def _of_this_context(found: ThreadSession) -> ThreadSession:
    """The synchronous session of this context, where a thread serves several: tasks, or calls of a thread pool.

    Each has its own transaction. Raises when the context has one open that synchronous code here cannot join.
    """
    view, loop, inline = open_block(found.alias), _get_running_loop(), bridge.in_inline()
    if view is not None:
        where = view.transaction.session
        if where.asynchronous:
            if loop is not None and where.loop() is loop:
                raise mixing.sync_inside_async(found.alias)
            view = None
        elif where.thread == threading.get_ident():
            found = where
        elif inline:
            raise mixing.inline_elsewhere(found.alias)
        else:
            view = None
    if inline and loop is not None:
        mixing.take_turn(found, view)
        return found
    if view is not None or (loop is not None and _is_around(found.innermost)):
        return found
    while found.innermost is not None:
        if found.spare is None:
            found.spare = _new_thread_session(found.database)
        found = found.spare
    return found


def _is_around(block: Block | None) -> bool:
    """Whether a block without an owner is open, one opened outside the loop that now runs in this thread."""
    return block is not None and block.owner is None


def forget_thread_session(alias: str) -> None:
    """Closes the connections that this thread holds on an alias."""
    found = _threads.sessions.pop(alias, None)
    if found is not None:
        found.close()


def forget_sync() -> None:
    """Closes the connections of this thread; other threads notice the loss of their session at their next statement."""
    global _threads
    for found in list(_threads.sessions.values()):
        found.close()
    _threads = _Threads()


def forget_all() -> None:
    """Forgets every session; the pools close their connections."""
    global _threads, _loops
    _threads = _Threads()
    _loops = weakref.WeakKeyDictionary()


def forget_inherited() -> None:
    """In the child of a fork: sets the parent's sessions aside, untouched."""
    _inherited.append((_threads, _loops))
    forget_all()


_inherited: list[object] = []


@settings.before_change
def _refuse_inside_transactions(names: set[str]) -> None:
    """Refuses new DATABASES inside a transaction: it would be lost, and the block's later statements would commit."""
    if "DATABASES" not in names:
        return
    aliases = open_aliases()
    if aliases:
        raise ImproperlyConfigured(
            f"DATABASES cannot be changed while a transaction is open on {', '.join(map(repr, aliases))}: leave the "
            "atomic block, or end manual mode, first."
        )


engines.on_drop(forget_all)
engines.on_fork(forget_inherited)
