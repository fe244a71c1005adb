"""Manual mode: statements wait for commit() or rollback() (CN-07 to CN-10)."""

from __future__ import annotations

from dorm.db.blocks import Block, Transaction
from dorm.db.session import Session
from dorm.db.transactions import close_block, commit, finish, is_manual_bottom, roll_back, rolled_back


def set_autocommit(here: Session, flag: bool) -> None:
    """True: each statement commits by itself; False: statements wait for commit() or rollback() (CN-07 to CN-09)."""
    block = here.block
    if block is not None and not is_manual_bottom(block):
        raise RuntimeError(f"set_autocommit() cannot be called inside an atomic block (alias {here.alias!r})")
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
        here.set_block(bottom)


def end_manual(here: Session, *, keep: bool) -> None:
    """Commits or rolls back what manual mode has collected; nothing to do outside it (CN-10)."""
    block = here.block
    if block is None:
        return
    if not is_manual_bottom(block):
        what = "commit()" if keep else "rollback()"
        raise RuntimeError(f"{what} cannot be called inside an atomic block (alias {here.alias!r}); leave the block")
    transaction = block.transaction
    refused = rolled_back(transaction) if keep and transaction.broken is not None else None
    keep = keep and refused is None
    try:
        if keep:
            commit(here, transaction)
        else:
            roll_back(here, transaction)
    except BaseException:
        finish(here, transaction, committed=False)
        raise
    finish(here, transaction, committed=keep)
    if refused is not None:
        raise refused
