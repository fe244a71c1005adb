"""Finding the session of the current scope (TX-07, TX-08).

The synchronous world's scope is the thread, the asynchronous world's the task.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from asyncio import _get_running_loop
from typing import Any

from dorm.conf.settings import settings
from dorm.db import bridge, engines
from dorm.db.session import Session
from dorm.db.task_session import TaskSession, async_block
from dorm.db.thread_session import ThreadSession
from dorm.exceptions import ImproperlyConfigured

__all__ = [
    "Session",
    "TaskSession",
    "ThreadSession",
    "async_block",
    "dialect_for",
    "forget_sync",
    "forget_thread_session",
    "open_aliases",
    "open_sync_aliases",
    "peek_sync",
    "session",
    "sync_session",
]


class _Threads(threading.local):
    """The sessions of each thread, by alias."""

    def __init__(self) -> None:
        self.sessions: dict[str, ThreadSession] = {}


_threads = _Threads()
_extra: weakref.WeakKeyDictionary[Any, dict[str, ThreadSession]] = weakref.WeakKeyDictionary()
_loops: weakref.WeakKeyDictionary[Any, dict[str, TaskSession]] = weakref.WeakKeyDictionary()


def session(alias: str = "default") -> Session:
    """The session of the current scope. Raises ``ImproperlyConfigured`` for an unknown alias (CFG-04)."""
    current_greenlet = bridge._current_greenlet
    if current_greenlet is not None:
        current = current_greenlet()
        if current.__class__ is bridge._greenlet_class and not current.inline:
            return _task_session(alias)
    try:
        found = _threads.sessions[alias]
    except KeyError:
        found = _open_thread_session(alias)
    if (found._block is not None or _extra) and _get_running_loop() is not None:
        return _session_in_loop(found)
    return found


def sync_session(alias: str = "default") -> ThreadSession:
    """The synchronous session of this thread, also from inside the bridge."""
    found = _threads.sessions.get(alias)
    return found if found is not None else _open_thread_session(alias)


def peek_sync(alias: str) -> ThreadSession | None:
    """The synchronous session this thread already has."""
    return _threads.sessions.get(alias)


def open_sync_aliases() -> list[str]:
    """The aliases on which this thread, or this task of it, has a synchronous transaction open."""
    return [alias for alias in _threads.sessions if session(alias).block is not None]


def open_aliases() -> list[str]:
    """The aliases on which this thread, a task of it, or the current context has a transaction open, in any world."""
    here = [_threads.sessions, *list(_extra.values())]
    found = {alias for sessions in here for alias, known in sessions.items() if known.block is not None}
    found.update(database.alias for database in engines.known() if async_block(database.alias) is not None)
    return sorted(found)


def dialect_for(alias: str = "default") -> Any:
    """The SQLAlchemy dialect that statements for an alias are compiled with; opens no connection."""
    return engines.get(alias).dialect


def _open_thread_session(alias: str) -> ThreadSession:
    found = ThreadSession(engines.get(alias))
    _threads.sessions[alias] = found
    return found


def _task_session(alias: str) -> TaskSession:
    loop = _get_running_loop()
    sessions = _loops.get(loop)
    if sessions is None:
        sessions = _loops[loop] = {}
    found = sessions.get(alias)
    if found is None:
        found = sessions[alias] = TaskSession(engines.get(alias))
    return found


def _session_in_loop(found: ThreadSession) -> ThreadSession:
    """Tells tasks apart that use synchronous verbs in one thread: each has its own transaction."""
    if bridge.in_inline():
        return found
    task = asyncio.current_task()
    mine = _extra.get(task) if task is not None else None
    if mine is not None and found.alias in mine:
        return mine[found.alias]
    block = found._block
    if block is None or block.owner is None or block.owner is task or task is None:
        return found
    return _extra.setdefault(task, {}).setdefault(found.alias, ThreadSession(found.database))


def forget_thread_session(alias: str) -> None:
    """Closes what this thread holds of an alias."""
    found = _threads.sessions.pop(alias, None)
    if found is not None:
        found.close()


def forget_sync() -> None:
    """Closes what this thread holds; other threads notice at their next statement that their session is gone."""
    global _threads, _extra
    for found in list(_threads.sessions.values()):
        found.close()
    _threads = _Threads()
    _extra = weakref.WeakKeyDictionary()


def forget_all() -> None:
    """Lets go of every session; their connections are closed by their pools."""
    global _threads, _extra, _loops
    _threads = _Threads()
    _extra = weakref.WeakKeyDictionary()
    _loops = weakref.WeakKeyDictionary()


def forget_inherited() -> None:
    """In the child of a fork: the parent's sessions are kept out of the way, untouched."""
    _inherited.append((_threads, _extra, _loops))
    forget_all()


_inherited: list[Any] = []


@settings.before_change
def _refuse_inside_transactions(names: set[str]) -> None:
    """Connections are closed by new entries: an open transaction would be lost, and its block would commit what follows."""
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
