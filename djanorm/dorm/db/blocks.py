"""What is remembered about an open transaction: its connection, its blocks, what to do at its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Transaction:
    """A transaction of one scope on one alias; in manual mode, the series of transactions until the mode ends.

    ``began`` says whether BEGIN was sent: that waits for the first statement. ``broken`` holds the error after which
    no statement is taken any more, ``failed_sql`` the statement that raised it, and ``told`` whether somebody has heard of
    it since. ``top`` is the innermost open block, of whichever task.
    """

    __slots__ = (
        "began",
        "broken",
        "commit_callbacks",
        "dedicated",
        "failed_sql",
        "link",
        "manual",
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
        self.commit_callbacks: list[Callable[[], Any]] = []
        self.rollback_callbacks: list[Callable[[], Any]] = []
        self.turn: Any = None
        self.write_turn = False
        self.waiting_for_top: list[Any] = []

    def mark_broken(self, error: BaseException, sql: str | None = None, *, told: bool = False) -> None:
        """No statement is taken any more, because of ``error``; the first one counts."""
        if self.broken is None:
            self.broken = error
            self.failed_sql = sql
            self.told = told

    def mend(self) -> None:
        """What failed has been undone: statements are taken again."""
        self.broken = self.failed_sql = None
        self.told = False

    def next_savepoint(self) -> str:
        """A name that this transaction has not used yet."""
        self.savepoint_number += 1
        return f"dorm_{self.savepoint_number}"


class Block:
    """One ``atomic`` block, or the bottom of manual mode."""

    __slots__ = (
        "closed",
        "commit_mark",
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
        self.commit_mark = len(transaction.commit_callbacks)
        self.rollback_mark = len(transaction.rollback_callbacks)
