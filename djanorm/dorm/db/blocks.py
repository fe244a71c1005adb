"""The state of an open transaction: its connection, its blocks, the callbacks for its end."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeAlias

Owner: TypeAlias = "asyncio.Task[Any] | None"
"""The task that opened a block; None in code without one."""
_numbers = itertools.count(1)


class Transaction:
    """A transaction of one scope on one alias; in manual mode, the series of transactions until the mode ends.

    ``began`` says whether BEGIN was sent, which happens with the first statement. ``broken`` is the error after which
    further statements are refused, ``failed_sql`` the statement that raised it, and ``told`` whether a caller has been
    told of it since. ``top`` is the innermost open block, of any task.
    """

    __slots__ = (
        "began",
        "broken",
        "commit_callbacks",
        "dedicated",
        "failed_sql",
        "link",
        "manual",
        "number",
        "rollback_callbacks",
        "savepoint_marks",
        "savepoint_number",
        "session",
        "started",
        "told",
        "top",
        "turn",
        "waiting_for_top",
        "write_turn",
        "wrote",
    )

    def __init__(self, session: Any, *, manual: bool = False) -> None:
        self.session = session
        self.manual = manual
        self.link: Any = None
        self.dedicated = False
        self.began = False
        self.broken: BaseException | None = None
        self.failed_sql: str | None = None
        self.told = False
        self.started = 0.0
        self.top: Block | None = None
        self.savepoint_number = 0
        self.savepoint_marks: dict[str, tuple[Block, int, int]] = {}
        self.commit_callbacks: list[Callable[[], object]] = []
        self.rollback_callbacks: list[Callable[[], object]] = []
        self.turn: Any = None
        self.write_turn = False
        self.wrote = False
        self.waiting_for_top: list[asyncio.Future[None]] = []
        self.number: int | None = None

    def identity(self) -> int:
        """A number that no other transaction of this process has, until this one ends."""
        if self.number is None:
            self.number = next(_numbers)
        return self.number

    def mark_broken(self, error: BaseException, sql: str | None = None, *, told: bool = False) -> None:
        """From now on statements are refused because of ``error``; the first error is kept."""
        if self.broken is None:
            self.broken = error
            self.failed_sql = sql
            self.told = told

    def mend(self) -> None:
        """The failure has been rolled back: statements are accepted again."""
        self.broken = self.failed_sql = None
        self.told = False

    def tell_waiting(self) -> None:
        """Wake the tasks that wait for a block to be closed, so that they check again."""
        waiting, self.waiting_for_top = self.waiting_for_top, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def next_savepoint(self) -> str:
        """A savepoint name that this transaction has not used yet."""
        self.savepoint_number += 1
        return f"dorm_{self.savepoint_number}"


class Block:
    """One ``atomic`` block, or the bottom of manual mode."""

    __slots__ = (
        "closed",
        "commit_mark",
        "cut",
        "inline",
        "owner",
        "parent",
        "rollback_mark",
        "savepoint",
        "transaction",
        "undo",
    )

    def __init__(self, transaction: Transaction, parent: Block | None, savepoint: str | None, owner: Any) -> None:
        self.transaction = transaction
        self.parent = parent
        self.savepoint = savepoint
        self.owner = owner
        self.undo = False
        self.closed = False
        # whether it was closed because an enclosing block ended
        self.cut = False
        # whether the outermost block was opened in inline mode
        self.inline = False
        self.commit_mark = len(transaction.commit_callbacks)
        self.rollback_mark = len(transaction.rollback_callbacks)

    def is_inside(self, outer: Block) -> bool:
        """Whether this block is ``outer`` or was opened inside it."""
        block: Block | None = self
        while block is not None:
            if block is outer:
                return True
            block = block.parent
        return False


# The innermost block that a context has opened, per alias: set, never reset by token, so that child tasks inherit it
# and cannot change it for their parents.
_views: dict[str, ContextVar[Block | None]] = {}


def view_of(alias: str) -> ContextVar[Block | None]:
    """The variable that holds the innermost block of an alias, as this context has opened or inherited it."""
    found = _views.get(alias)
    if found is None:
        made: ContextVar[Block | None] = ContextVar(f"dorm_block_{alias}", default=None)
        found = _views.setdefault(alias, made)
    return found


def open_block(alias: str) -> Block | None:
    """The innermost block of the context that is still open, sync or async, in any thread."""
    view = _views.get(alias)
    block = None if view is None else view.get()
    while block is not None and block.closed:
        block = block.parent
    return block
