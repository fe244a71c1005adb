"""The errors that sessions raise, and their messages."""

from __future__ import annotations

from dorm.db.execution import Statement
from dorm.db.masking import masked_sql
from dorm.exceptions import OperationalError, TransactionManagementError


def left_open(statement: Statement) -> TransactionManagementError:
    """The error for hand-written SQL that begins a transaction outside any block."""
    return TransactionManagementError(
        f"{masked_sql(statement.sql).strip()[:60]!r} left a transaction open outside any block; it was rolled back. Use "
        "transaction.atomic(), or set_autocommit(False) with commit() and rollback()."
    )


def already_begun(alias: str) -> TransactionManagementError:
    """The error for a block that a hook opens at the end of a transaction."""
    return TransactionManagementError(
        f"a block cannot be opened on alias {alias!r} while its transaction is about to end, as in a receiver of pre_query "
        "that watches COMMIT or ROLLBACK. Leave out such statements there, or use post_query."
    )


def too_long_for_lock(alias: str, seconds: float) -> OperationalError:
    """The error for a task that waited too long for its turn to write."""
    return OperationalError(
        f"database is locked: another task has kept a transaction of alias {alias!r} open for {seconds:g} s"
    )
