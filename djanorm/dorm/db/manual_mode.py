"""Manual mode: statements wait for commit() or rollback()."""

from __future__ import annotations

from dorm.db.blocks import Block, Transaction
from dorm.db.cleanup import watch_task
from dorm.db.session import Session
from dorm.db.task_session import TaskSession
from dorm.db.transactions import close_block, end, is_manual_bottom
from dorm.exceptions import AtomicBlockError


def set_autocommit(here: Session, flag: bool) -> None:
    """True: each statement commits by itself; False: statements wait for commit() or rollback()."""
    block = here.block
    if block is not None and not is_manual_bottom(block):
        raise AtomicBlockError(
            f"set_autocommit() was called inside an atomic block (alias {here.alias!r}). This is forbidden when an 'atomic' "
            "block is active."
        )
    if flag:
        if block is None:
            here.pin(True)
            return
        end_manual(here, keep=False)
        close_block(here, block.transaction, block)
    elif block is None:
        here.pin(False)
        transaction = Transaction(here, manual=True)
        bottom = transaction.top = Block(transaction, None, None, here.owner())
        if isinstance(here, TaskSession):
            here.open.add(transaction)
        here.set_block(bottom)
        watch_task(here, bottom)


def end_manual(here: Session, *, keep: bool) -> None:
    """Commits or rolls back the open transaction of manual mode; does nothing outside manual mode."""
    block = here.block
    if block is None:
        return
    if not is_manual_bottom(block):
        what = "commit()" if keep else "rollback()"
        raise AtomicBlockError(
            f"{what} cannot be called inside an atomic block (alias {here.alias!r}): the block ends when it is left. This "
            "is forbidden when an 'atomic' block is active."
        )
    end(here, block.transaction, keep=keep)
