"""Blocks: opening, closing, savepoints, and what runs at the end of a transaction.

Written once, as synchronous code on the session of the current scope; ``aatomic`` runs it in the bridge.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from time import monotonic
from typing import Any

from dorm.db import bridge, errors
from dorm.db.blocks import Block, Owner, Transaction
from dorm.db.session import Session, what_failed
from dorm.db.sessions import async_block, session
from dorm.dialects.contract import Link
from dorm.exceptions import AtomicBlockError, DatabaseError, TransactionManagementError
from dorm.utils.uninterrupted import succeeded

logger = logging.getLogger("dorm.transaction")
EndedHook = Callable[[str, float, str], None]
_ended_hooks: list[EndedHook] = []


def add_ended_hook(hook: EndedHook) -> EndedHook:
    """Calls ``hook(alias, seconds, outcome)`` after each transaction; the outcome is "commit" or "rollback"."""
    _ended_hooks.append(hook)
    return hook


def remove_ended_hook(hook: EndedHook) -> None:
    """Undoes :func:`add_ended_hook`."""
    _ended_hooks[:] = [known for known in _ended_hooks if known != hook]


# ------------------------------------------------------------------------------------------------- opening and closing


def enter(here: Any, *, savepoint: bool = True, durable: bool = False, patient: bool = False) -> Block:
    """Opens a block: a transaction, which begins with its first statement, or a savepoint inside one.

    :param patient: wait until other tasks have closed theirs, as the short blocks of the library's verbs do.
    """
    outer = here.block
    if patient and outer is not None:
        here.await_top(outer.transaction, outer)
        outer = here.block
    owner = here.owner()
    if outer is None:
        here.check_scope()
        if owner is not None and not here.asynchronous and not bridge.in_inline():
            logger.debug("a synchronous atomic block was opened in a running event loop; it does not cover async verbs")
        transaction = Transaction(here)
        block = transaction.top = Block(transaction, None, None, owner)
        block.inline = bridge.in_inline()
        if here.asynchronous:
            here.open.add(transaction)
        here.set_block(block)
    else:
        if durable:
            if not _is_of_the_test(outer):
                raise RuntimeError(f"a durable atomic block on alias {here.alias!r} must be the outermost one")
        transaction = outer.transaction
        _check_owner(here, transaction, outer, owner)
        # becomes the top block before anything waits, so that no other task opens a block meanwhile
        block = transaction.top = Block(transaction, outer, None, owner)
        here.set_block(block)
        if savepoint:
            try:
                block.savepoint = _savepoint(here, transaction)
            except BaseException:
                close_block(here, transaction, block)
                raise
    return block


def leave(here: Session, block: Block, failure: BaseException | None, *, told: bool = False) -> None:
    """Closes a block: keeps its work when ``failure`` is None and nothing else forbids it, rolls it back otherwise.

    :param told: the opener of the block knows that without a savepoint its failure also rolls back the outer block.
    """
    transaction = block.transaction
    if block.closed:
        if failure is None:
            raise RuntimeError(
                f"the outer block of alias {here.alias!r} ended before this one; its work was rolled back with it"
            )
        return
    unfinished = transaction.top is not block
    if unfinished:
        _close_inner(transaction, block)
    try:
        if block.parent is None:
            _leave_outermost(here, transaction, block, failure, unfinished)
        else:
            _leave_inner(here, transaction, block, failure, unfinished, told)
    finally:
        close_block(here, transaction, block)


def _is_of_the_test(outer: Block) -> bool:
    """Whether a block is the one around a test in inline mode, to be rolled back: it was opened outside that mode."""
    return outer.parent is None and not outer.inline and bridge.in_inline()


def _leave_outermost(
    here: Session, transaction: Transaction, block: Block, failure: BaseException | None, unfinished: bool
) -> None:
    close_block(here, transaction, block)
    end(here, transaction, keep=failure is None and not block.undo and not unfinished, failure=failure)
    if unfinished and failure is None:
        raise _out_of_order(here)


def end(here: Session, transaction: Transaction, *, keep: bool, failure: BaseException | None = None) -> None:
    """Commits or rolls back a whole transaction and runs its callbacks.

    :param keep: commit; a transaction that a failed statement has broken is rolled back all the same, and that is
        raised.
    :param failure: the exception that leaves the block. An error of the rollback must not replace it.
    """
    refused = None
    if keep and transaction.broken is not None:
        keep, refused = False, rolled_back(transaction)
    interruption = None
    try:
        if keep:
            interruption = commit(here, transaction)
        else:
            roll_back(here, transaction)
    except BaseException as problem:
        finish(here, transaction, committed=False)
        if failure is None or not isinstance(problem, DatabaseError):
            raise
        _report_unfinished(here, problem)
        return
    finish(here, transaction, committed=keep)
    if refused is not None:
        raise refused
    if interruption is not None:
        raise interruption


def _leave_inner(
    here: Session,
    transaction: Transaction,
    block: Block,
    failure: BaseException | None,
    unfinished: bool,
    told: bool,
) -> None:
    parent = block.parent
    assert parent is not None
    keep = failure is None and not block.undo and not unfinished
    refused: BaseException | None = None
    if keep and transaction.broken is not None:
        keep, refused = False, rolled_back(transaction)
    if block.savepoint is None:
        if failure is not None or unfinished:
            transaction.mark_broken(failure or _out_of_order(here), told=told)
        elif block.undo:
            parent.undo = True
    elif keep:
        _release(here, transaction, block.savepoint)
    else:
        try:
            _undo_to(here, transaction, block.savepoint)
        except DatabaseError as problem:
            here.note_failure(transaction, problem)
            if failure is None:
                raise
            _report_unfinished(here, problem)
        _run_undone(transaction, block.commit_mark, block.rollback_mark)
    if refused is not None:
        raise refused
    if unfinished and failure is None:
        raise _out_of_order(here)


def _report_unfinished(here: Session, problem: DatabaseError) -> None:
    text = errors.without_secrets(f"{type(problem).__name__}: {problem}")
    logger.warning(
        "rolling back on alias %r failed (%s); the database undoes the transaction when its connection ends",
        here.alias,
        text,
    )


def close_block(here: Any, transaction: Transaction, block: Block) -> None:
    """Removes a block from the top and wakes waiting tasks."""
    if block.closed:
        return
    block.closed = True
    transaction.top = block.parent
    here.set_block(block.parent)
    if block.parent is None and here.asynchronous:
        here.open.discard(transaction)
    transaction.tell_waiting()


def _close_inner(transaction: Transaction, block: Block) -> None:
    """Closes the blocks inside ``block`` that another task, or a wrong order of exits, left open."""
    top = transaction.top
    while top is not None and top is not block:
        top.closed = top.cut = True
        top = top.parent


def _check_owner(here: Session, transaction: Transaction, outer: Block, owner: Owner) -> None:
    """Checks that a savepoint is opened in the innermost open block, and not by two tasks at once."""
    top = transaction.top
    if top is outer or top is None or top.owner is owner:
        return
    raise RuntimeError(
        f"{_task_name(owner)} cannot open an atomic block on alias {here.alias!r}: {_task_name(top.owner)} has one open "
        "in the same transaction, and savepoints of concurrent tasks cannot be told apart. Open the blocks one after "
        "the other, or start the task outside the outer block."
    )


def _task_name(task: Owner) -> str:
    return f"task {task.get_name()!r}" if isinstance(task, asyncio.Task) else "this code"


def _out_of_order(here: Session) -> RuntimeError:
    return RuntimeError(
        f"an atomic block on alias {here.alias!r} was left while a block inside it was still open; everything in it was "
        "rolled back"
    )


def rolled_back(transaction: Transaction) -> TransactionManagementError | None:
    """The error for a commit that is refused because a statement of the transaction failed.

    None when a statement was refused since then, which told of it.
    """
    if transaction.told:
        return None
    if isinstance(transaction.broken, TransactionManagementError):
        return transaction.broken
    error = TransactionManagementError(
        f"the transaction could not be committed and was rolled back, because {what_failed(transaction)}. Let the error "
        "leave the block, or put what may fail into an inner block.",
        sqlstate="25P02",
    )
    error.__cause__ = transaction.broken
    return error


# --------------------------------------------------------------------------------------------------- ending
# transactions


def commit(here: Session, transaction: Transaction) -> BaseException | None:
    """Sends COMMIT, when there is a transaction to commit.

    :returns: a cancellation, or the exception of a signal handler, that arrived during the COMMIT without stopping it:
        to be raised after the callbacks of the commit have run.
    """
    with here.turn(transaction):  # a task of the block may be about to begin
        link = transaction.link
        if link is None:
            return None
        if link.lost or link.failed or not link.in_transaction:
            if not link.lost:
                link.roll_back()
            raise _nothing_to_commit(here, link)
        try:
            here.control(transaction, "COMMIT", "finish")
        except BaseException as error:
            if _was_committed(link, error):
                return error
            link.roll_back()
            raise
    return None


def _nothing_to_commit(here: Session, link: Link) -> TransactionManagementError:
    """The error for a transaction that is gone although none of its statements has reported a failure."""
    what = "its connection was lost or closed" if link.lost else "something that used its connection failed or ended it"
    return TransactionManagementError(
        f"the transaction of alias {here.alias!r} could not be committed, because {what}; nothing of it is kept. Run the "
        "whole block again."
    )


def _was_committed(link: Link, error: BaseException) -> bool:
    """Whether the database has committed although ``error`` came out of the COMMIT."""
    if isinstance(error, asyncio.CancelledError):
        return succeeded(error)
    return not isinstance(error, DatabaseError) and not link.lost and not link.in_transaction


def roll_back(here: Session, transaction: Transaction) -> None:
    """Sends ROLLBACK, when there is a transaction to undo."""
    with here.turn(transaction):
        link = transaction.link
        if link is not None and not link.lost and link.in_transaction:
            here.control(transaction, "ROLLBACK", "finish")


def finish(here: Session, transaction: Transaction, *, committed: bool) -> None:
    """Gives the connection back and runs the callbacks of the end."""
    link, transaction.link = transaction.link, None
    began, transaction.began = transaction.began, False
    transaction.wrote = False
    transaction.number = None
    transaction.mend()
    seconds = monotonic() - transaction.started if began else 0.0
    after = transaction.commit_callbacks if committed else transaction.rollback_callbacks[::1]
    transaction.commit_callbacks, transaction.rollback_callbacks = [], []
    transaction.savepoint_marks = {}
    try:
        if link is not None:
            here.release_from(transaction, link)
    finally:  # the transaction has ended, whatever happens to its connection
        for hook in tuple(_ended_hooks) if began else ():
            hook(here.alias, seconds, "commit" if committed else "rollback")
        run_callbacks(after)


def run_callbacks(callbacks: Iterable[Callable[[], object]]) -> None:
    """Runs all callbacks, in order; a cancellation that arrives meanwhile is raised afterwards."""
    interruption: BaseException | None = None
    for callback in callbacks:
        try:
            result = callback()
            if asyncio.iscoroutine(result):
                bridge.wait_to_the_end(result)
        except Exception:
            logger.exception("a callback at the end of a transaction failed")
        except BaseException as error:
            interruption = interruption or error
    if interruption is not None:
        raise interruption


def _run_undone(transaction: Transaction, commit_mark: int, rollback_mark: int) -> None:
    """After a rollback to a savepoint: drops the commit callbacks registered since, and runs the rollback callbacks."""
    del transaction.commit_callbacks[commit_mark:]
    undone = transaction.rollback_callbacks[rollback_mark:]
    del transaction.rollback_callbacks[rollback_mark:]
    run_callbacks(undone)


# ------------------------------------------------------------------------------------------------------------
# savepoints


def _savepoint(here: Session, transaction: Transaction) -> str:
    with here.turn(transaction):
        here.link_of(transaction)
        name = transaction.next_savepoint()
        try:
            here.control(transaction, f"SAVEPOINT {name}")
        except BaseException as error:
            # a cancelled SAVEPOINT may or may not exist; going back to it is harmless either way
            here.note_failure(transaction, error)
            raise
    return name


def _release(here: Session, transaction: Transaction, name: str) -> None:
    if transaction.link is None or not transaction.link.in_transaction:
        return
    with here.turn(transaction):
        try:
            here.control(transaction, f"RELEASE SAVEPOINT {name}", "finish")
        except BaseException as error:
            here.note_failure(transaction, error)
            raise


def _undo_to(here: Session, transaction: Transaction, name: str) -> None:
    link = transaction.link
    if link is None or link.lost or not link.in_transaction:
        return
    with here.turn(transaction):
        here.control(transaction, f"ROLLBACK TO SAVEPOINT {name}", "finish")
        here.control(transaction, f"RELEASE SAVEPOINT {name}", "finish")
        transaction.mend()


def _atomic_block(here: Session, what: str) -> tuple[Session, Block]:
    block = here.block
    if block is None or is_manual_bottom(block):
        raise AtomicBlockError(f"{what} needs an open atomic block on alias {here.alias!r}")
    return here, block


def savepoint(using: str = "default") -> str:
    """Sets a savepoint in the open block. Returns its id. Raises ``RuntimeError`` outside a block."""
    here, block = _atomic_block(session(using), "savepoint()")
    transaction = block.transaction
    name = _savepoint(here, transaction)
    transaction.savepoint_marks[name] = (
        block,
        len(transaction.commit_callbacks),
        len(transaction.rollback_callbacks),
    )
    return name


def savepoint_commit(sid: str, using: str = "default") -> None:
    """Keeps what happened since the savepoint. Raises ``ValueError`` for an id not set in the open block."""
    here, block = _atomic_block(session(using), "savepoint_commit()")
    _known(block, sid)
    _release(here, block.transaction, sid)
    _forget_from(block.transaction, sid)


def savepoint_rollback(sid: str, using: str = "default") -> None:
    """Undoes what happened since the savepoint. Raises ``ValueError`` for an id not set in the open block."""
    here, block = _atomic_block(session(using), "savepoint_rollback()")
    _, commit_mark, rollback_mark = _known(block, sid)
    transaction = block.transaction
    _undo_to(here, transaction, sid)
    _forget_from(transaction, sid)
    _run_undone(transaction, commit_mark, rollback_mark)


def _known(block: Block, sid: str) -> tuple[Block, int, int]:
    mark = block.transaction.savepoint_marks.get(sid)
    if mark is None or mark[0] is not block:
        raise ValueError(f"{sid!r} is not a savepoint of the open atomic block")
    return mark


def _forget_from(transaction: Transaction, sid: str) -> None:
    """Forgets a savepoint and all that were set after it."""
    names = list(transaction.savepoint_marks)
    for name in names[names.index(sid) :]:
        del transaction.savepoint_marks[name]


# ------------------------------------------------------------------------------------------------------- inside a block


class atomic:  # noqa: N801 - a context manager that reads as a word
    """``with atomic(alias):`` on the session of the current scope, sync or async; for internal use.

    Costs one object. With ``savepoint=False`` it sets no savepoint inside an open transaction, so a failure rolls back
    all of it.
    """

    __slots__ = ("_block", "_savepoint", "_session")

    def __init__(self, alias: str, savepoint: bool = True) -> None:
        self._session = session(alias)
        self._savepoint = savepoint
        self._block: Block | None = None

    def __enter__(self) -> Block:
        block = self._block = enter(self._session, savepoint=self._savepoint, patient=True)
        return block

    def __exit__(self, kind: object, failure: BaseException | None, trace: object) -> None:
        block = self._block
        assert block is not None
        leave(self._session, block, failure)


class ensure:  # noqa: N801 - as above
    """``with ensure(alias):`` opens a transaction when none is open, and does nothing otherwise."""

    __slots__ = ("_block", "_session")

    def __init__(self, alias: str) -> None:
        self._session = session(alias)
        self._block: Block | None = None

    def __enter__(self) -> None:
        if self._session.block is None:
            self._block = enter(self._session)

    def __exit__(self, kind: object, failure: BaseException | None, trace: object) -> None:
        if self._block is not None:
            leave(self._session, self._block, failure)


@contextmanager
def whole(using: str) -> Generator[Transaction, None, None]:
    """A statement of the library and all that belongs to it, kept or undone together.

    A transaction when none is open, a savepoint inside one. A statement that fails breaks the transaction around the
    savepoint, as it does by itself; an exception of another kind undoes what is inside and no more.
    """
    here = session(using)
    outer = here.transaction
    broken: tuple[BaseException, str | None] | None = None
    try:
        with atomic(using) as block:
            transaction = block.transaction
            try:
                yield transaction
            except BaseException:
                if transaction.broken is not None:
                    broken = transaction.broken, transaction.failed_sql
                raise
    finally:
        if outer is not None and broken is not None:
            outer.mark_broken(*broken)
            here.reconsider()


def home(using: str) -> Session:
    """The session whose block a plain function such as ``on_commit`` means.

    In a coroutine, outside the bridge, that is the open ``aatomic`` of the context; in a thread, the thread's own.
    """
    if not bridge.in_bridge():
        block = async_block(using)
        if block is not None:
            return block.transaction.session
    return session(using)


def in_atomic_block(using: str = "default") -> bool:
    """Whether an atomic block, sync or async, is open on the alias in the current scope; manual mode does not count."""
    block = home(using).block
    return block is not None and not (block.parent is None and block.transaction.manual)


def in_async_block(using: str = "default") -> bool:
    """Whether the current context has an ``aatomic`` open on the alias."""
    return async_block(using) is not None


def set_rollback(rollback: bool = True, using: str | None = None) -> None:
    """Makes the innermost open block roll back at its end without an exception, or not.

    ``False`` also lets statements in again after one has failed, for a block that mends the damage itself; where the
    database has aborted the transaction, only a rollback to a savepoint does.
    """
    here, block = _atomic_block(home(using or "default"), "set_rollback()")
    block.undo = rollback
    transaction = block.transaction
    link = transaction.link
    if not rollback and (link is None or (not (link.failed or link.lost) and link.in_transaction)):
        transaction.mend()
        here.reconsider()


def get_rollback(using: str | None = None) -> bool:
    """Whether the innermost open block is going to be rolled back at its end."""
    _, block = _atomic_block(home(using or "default"), "get_rollback()")
    return block.undo or block.transaction.broken is not None


@contextmanager
def set_right(using: str) -> Generator[None, None, None]:
    """After a statement of the library that failed without effect: lets statements in again.

    When the block ends normally, so that the failure is raised after all, the transaction is broken by it as before.
    """
    here = session(using)
    transaction = here.transaction
    if transaction is None or transaction.broken is None:
        yield
        return
    failure, sql = transaction.broken, transaction.failed_sql
    transaction.mend()
    here.reconsider()
    yield
    transaction.mark_broken(failure, sql)
    here.reconsider()


@contextmanager
def mark_for_rollback_on_error(using: str | None = None) -> Generator[None, None, None]:
    """Marks the open transaction broken when an exception leaves this context; opens no block (as in Django 5.2)."""
    here = home(using or "default")
    try:
        yield
    except Exception as error:
        transaction = here.transaction
        if transaction is not None and here.block is not None and not is_manual_bottom(here.block):
            transaction.mark_broken(error, told=True)
            here.reconsider()
        raise


def is_manual_bottom(block: Block) -> bool:
    """Whether the block is manual mode itself rather than an atomic block."""
    return block.parent is None and block.transaction.manual
