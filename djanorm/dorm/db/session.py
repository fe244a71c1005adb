"""Sessions: how statements of the current scope reach a database.

A session belongs to an alias, and is either synchronous or asynchronous. :func:`session` finds the one of the current
scope: the thread's, or inside an async verb the event loop's, which tells its tasks apart by a ``ContextVar``. All of
its methods work inside and outside a transaction and raise the library's errors only.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from dorm.conf.environment import SLOW_QUERY_EXPLAIN, SLOW_QUERY_MS
from dorm.db import errors, hooks, logs, retry, slow
from dorm.db.blocks import Block, Owner, Transaction
from dorm.db.cleanup import close_blocks
from dorm.db.engines import Database
from dorm.db.execution import NamedValues, Statement, ends_transaction
from dorm.db.pools import Pool
from dorm.db.session_errors import already_begun, left_open
from dorm.db.through_sqlalchemy import borrowed_connection, send_with_events
from dorm.exceptions import DatabaseError, InvalidArgument, TransactionManagementError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

    from dorm.dialects.contract import Link, Stream

Rows = list[tuple[Any, ...]]
Params = Sequence[object] | NamedValues | None
Result = TypeVar("Result")
DEBUG = 10
SHOWN_SQL = 200
LARGEST_CHUNK = 2**31 - 1
ANYTHING = ""
"""What an unknown tool does on a connection."""
THROUGH_SQLALCHEMY = Statement("a connection lent to SQLAlchemy")
LEAVING_TRACES = frozenset({"control", "other"})


class Session:
    """Runs the statements of one scope on one alias; the subclasses say what a scope is."""

    asynchronous = False

    def __init__(self, database: Database) -> None:
        self.database = database
        self.alias = database.alias
        self.vendor = database.vendor
        self.features = database.features
        self.dialect = database.dialect
        database.attend(self)
        self.logger = logs.logger_for(database.vendor)
        self._debug = self.logger.isEnabledFor
        self._pool: Pool | None = None
        self._event_source: Engine | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.alias!r} ({self.vendor})>"

    # ------------------------------------------------------------------------------------------ what a scope defines

    @property
    def pool(self) -> Pool:
        """The pool that connections are borrowed from."""
        raise NotImplementedError

    @property
    def block(self) -> Block | None:
        """The innermost open block of this scope."""
        raise NotImplementedError

    def set_block(self, block: Block | None) -> None:
        """Makes ``block`` the innermost one of this scope."""
        raise NotImplementedError

    def reconsider(self) -> None:
        """Called when the transaction was marked broken, or mended, other than by a statement."""

    def owner(self) -> Owner:
        """The task that opens a block now, for error messages and checks."""
        raise NotImplementedError

    def borrow(self, statement: Statement | None) -> Link:
        """A connection for one statement; None for a statement or transaction of unknown kind."""
        raise NotImplementedError

    def give_back(self, link: Link, statement: Statement | None) -> None:
        """Returns the connection that :meth:`borrow` gave for the statement."""
        raise NotImplementedError

    def pause(self, seconds: float) -> None:
        """Waits before another attempt."""
        raise NotImplementedError

    @contextmanager
    def turn(self, transaction: Transaction) -> Generator[None, None, None]:
        """Holds the connection of a shared transaction for one statement."""
        yield

    def await_top(self, transaction: Transaction, outer: Block) -> None:
        """Waits until no other task has a block open inside ``outer``."""

    def check_scope(self) -> None:
        """Raises when a block of this scope was closed from outside: later statements must not commit by themselves."""

    def forsake(self, block: Block) -> None:
        """Abandons a transaction whose scope has ended, without waiting; the database rolls it back."""
        transaction = block.transaction
        close_blocks(transaction)
        link, transaction.link = transaction.link, None
        transaction.began = False
        if link is not None:
            link.pool.abandon(link)

    @contextmanager
    def lend(self, link: Link) -> Generator[None, None, None]:
        """Makes the statements of hooks run, unobserved, on the connection whose statement they observe."""
        raise NotImplementedError

    def lent(self) -> Link | None:
        """The connection that was lent to the hook that is running."""
        raise NotImplementedError

    def pin(self, pinned: bool) -> None:
        """Keeps one connection outside the pool for this scope, or stops doing so."""
        raise NotImplementedError

    # ---------------------------------------------------------------------------------------------------- properties

    @property
    def engine(self) -> Engine:
        """The SQLAlchemy engine behind the connections; of an async engine, its synchronous façade."""
        return self.pool.engine

    @property
    def transaction(self) -> Transaction | None:
        """The open transaction of this scope."""
        block = self.block
        return None if block is None else block.transaction

    @property
    def in_transaction(self) -> bool:
        """Whether statements do not commit by themselves: inside an atomic block, or in manual mode."""
        return self.block is not None

    # ---------------------------------------------------------------------------------------------------- statements

    def fetch(self, statement: Statement, params: Params = None) -> Rows:
        """The rows of a reading statement, as the driver gives them."""
        return self.perform("fetch", statement, params)

    def fetch_returning(self, statement: Statement, params: Params = None) -> Rows:
        """The rows of a writing statement with RETURNING."""
        return self.perform("fetch", statement, params)

    def run(self, statement: Statement, params: Params = None) -> int:
        """Runs a statement. Returns the number of rows it changed."""
        return self.perform("run", statement, params)

    def run_many(self, statement: Statement, rows: Sequence[Sequence[object]]) -> int:
        """Runs a statement once per row of parameters, in one transaction. Returns the total number of changed rows."""
        if not rows:
            return 0
        return self.perform("run_many", statement, rows, many=True)

    def fetch_named(self, statement: Statement, params: Params = None) -> tuple[tuple[str, ...], Rows, int]:
        """Runs a statement. Returns column names, rows (none without a result), and the number of changed rows."""
        return self.perform("fetch_named", statement, params)

    def script(self, sql: str) -> None:
        """Runs several statements without parameters."""
        self.perform("script", Statement(sql, "other", hand_written=True), None)

    def perform(
        self, verb: str, statement: Statement, params: Params, many: bool = False, first_attempt: int = 1
    ) -> Any:
        """Calls one method of a link on the connection of this scope, retrying where that is safe."""
        transaction = self.transaction
        if transaction is not None:
            return self._inside(transaction, verb, statement, params, many)
        attempt = first_attempt
        while True:
            sent = False
            try:
                link = self.borrow(statement)
                sent = True
                try:
                    try:
                        result = self._send(link, verb, statement, params, many)
                    except DatabaseError as error:
                        if link.in_transaction or not link.forget_plan(error.__cause__):
                            raise
                        result = self._send(link, verb, statement, params, many)
                    if statement.kind in LEAVING_TRACES and link.in_transaction and link is not self.lent():
                        raise left_open(statement)
                except BaseException as failure:
                    self._give_back_failed(link, statement, failure)
                    raise
                self.give_back(link, statement)
                return result
            except Exception as error:
                problem = self.translated(error)
                if not self._may_try_again(problem, statement, sent, attempt):
                    if problem is error:
                        raise
                    raise problem from problem.__cause__
                delay = retry.delay_after(attempt)
                retry.announce(problem, attempt, retry.attempts_allowed(), delay)
            self.pause(delay)
            attempt += 1

    def _inside(self, transaction: Transaction, verb: str, statement: Statement, params: Params, many: bool) -> Any:
        with self.turn(transaction):
            link = self.link_of(transaction)
            try:
                try:
                    result = self._send(link, verb, statement, params, many)
                except DatabaseError as error:
                    if not link.forget_plan(error.__cause__) or not self._begins_anew(transaction, statement):
                        raise
                    result = self._send(link, verb, statement, params, many)
                finally:
                    if statement.kind != "read" or statement.hand_written:
                        transaction.wrote = True
            except BaseException as error:
                self.note_failure(transaction, error, statement)
                raise
            if statement.source is None:
                self._note_end(transaction, statement, verb == "script" and result)
            return result

    def _note_end(self, transaction: Transaction, statement: Statement, ended: bool = False) -> None:
        """After hand-written SQL: notes if it has ended the transaction under an open block."""
        if ended or not transaction.link.in_transaction or ends_transaction(statement.sql):
            problem = TransactionManagementError(
                f"the transaction of alias {self.alias!r} was ended inside its atomic block by hand-written SQL: "
                f"{_shortened(statement.sql)}. What follows would not belong to it. Leave the block to end it, or go back "
                "to a savepoint with an inner block or savepoint_rollback()."
            )
            self.note_failure(transaction, problem, statement)

    def _begins_anew(self, transaction: Transaction, statement: Statement) -> bool:
        """Rolls back and begins again, if that loses nothing: no write, no lock, no savepoint, no snapshot."""
        link = transaction.link
        if transaction.wrote or transaction.savepoint_number or statement.hand_written:
            return False
        self.control(transaction, "ROLLBACK", "finish")
        self.control(transaction, self.database.connector.begin)
        return not link.keeps_snapshot()

    def stream(self, statement: Statement, params: Params, chunk_size: int) -> Generator[Rows, None, None]:
        """The rows in lists of at most ``chunk_size``, without holding more of them in memory.

        Inside a transaction it uses that connection, else a separate one. Closing the iterator frees it.
        Raises ``InvalidArgument`` for a ``chunk_size`` below 1, or too large for a cursor.
        """
        if not 1 <= chunk_size <= LARGEST_CHUNK:
            raise InvalidArgument(f"chunk_size must be at least 1 and at most {LARGEST_CHUNK}, not {chunk_size}")
        return self._stream(statement, params, chunk_size)

    def _stream(self, statement: Statement, params: Params, chunk_size: int) -> Generator[Rows, None, None]:
        transaction = self.transaction
        if transaction is not None:
            yield from self._stream_inside(transaction, statement, params, chunk_size)
            return
        link, opened = self._open_stream(statement, params, chunk_size)
        try:
            while True:
                rows = self._step(opened.next)
                if link is not None and opened.detached:
                    self.give_back(link, statement)
                    link = None
                if not rows:
                    return
                yield rows
        finally:
            self._end_stream(link, opened, statement)

    def _open_stream(self, statement: Statement, params: Params, chunk_size: int) -> tuple[Link | None, Stream]:
        attempt = 1
        while True:
            try:
                link = self.borrow(statement)
                try:
                    return link, self._send(link, "open_stream", statement, params, False, (chunk_size, False))
                except BaseException as failure:
                    self._give_back_failed(link, statement, failure)
                    raise
            except Exception as error:
                problem = self.translated(error)
                if not self._may_try_again(problem, statement, True, attempt):
                    raise problem from problem.__cause__
                delay = retry.delay_after(attempt)
                retry.announce(problem, attempt, retry.attempts_allowed(), delay)
            self.pause(delay)
            attempt += 1

    def _end_stream(self, link: Link | None, opened: Stream, statement: Statement) -> None:
        try:
            opened.close()
        except BaseException as problem:
            if link is not None:
                self._give_back_failed(link, statement, problem)
            raise self.translated(problem) from problem
        if link is not None:
            self.give_back(link, statement)

    def _stream_inside(
        self, transaction: Transaction, statement: Statement, params: Params, chunk_size: int
    ) -> Generator[Rows, None, None]:
        with self.turn(transaction):
            link = self.link_of(transaction)
            try:
                opened = self._send(link, "open_stream", statement, params, False, (chunk_size, True))
            except BaseException as error:
                self.note_failure(transaction, error, statement)
                raise
            if statement.source is None:
                self._note_end(transaction, statement)
        try:
            while True:
                with self.turn(transaction):
                    if transaction.link is not link:
                        raise TransactionManagementError("the transaction in which this stream was opened has ended")
                    try:
                        rows = self._step(opened.next)
                    except BaseException as error:
                        self.note_failure(transaction, error, statement)
                        raise
                if not rows:
                    return
                yield rows
        finally:
            if transaction.link is link:
                with self.turn(transaction):
                    self._step(opened.close)
            else:
                opened.forget()

    def _step(self, function: Callable[[], Result]) -> Result:
        try:
            return function()
        except Exception as error:
            problem = self.translated(error)
            if problem is error:
                raise
            raise problem from problem.__cause__

    @contextmanager
    def sa_connection(self) -> Generator[Connection, None, None]:
        """A SQLAlchemy ``Connection`` on this scope's connection, for DDL and tools.

        Transactions belong to the scope: inside a block its statements are part of the block, elsewhere each commits by
        itself; ``begin()``, ``commit()`` and ``rollback()`` of the SQLAlchemy object are accepted and do nothing.
        """
        transaction = self.transaction
        if transaction is not None:
            with self.turn(transaction):
                link = self.link_of(transaction)
            try:
                link.note(ANYTHING)
                with borrowed_connection(self, link, partial(self._note_end, transaction)) as connection:
                    yield connection
                self._note_end(transaction, THROUGH_SQLALCHEMY)
            except BaseException as error:
                problem = self.translated(error)
                if isinstance(problem, DatabaseError) or link.failed or link.lost or not link.in_transaction:
                    self.note_failure(transaction, problem)
                self._raise_translated(error)
            return
        try:
            link = self.borrow(None)
            try:
                link.note(ANYTHING)
                with borrowed_connection(self, link) as connection:
                    yield connection
            except BaseException as error:
                self._give_back_failed(link, None, error)
                raise
            self.give_back(link, None)
        except BaseException as error:
            self._raise_translated(error)

    def warm_up(self, target: int | None = None) -> int:
        """Opens connections of the pool up to ``target``. Returns how many are open."""
        try:
            return self.pool.open(target)
        except Exception as error:
            raise self.translated(error) from error

    # --------------------------------------------------------------------------------------------------- transactions

    def link_of(self, transaction: Transaction) -> Link:
        """The connection of an open transaction, which begins now if it had not.

        Raises when the transaction is broken.
        """
        if transaction.broken is not None:
            raise self._broken(transaction)
        if not transaction.began:
            self._begin(transaction)
        return transaction.link

    def _begin(self, transaction: Transaction) -> None:
        """Takes a connection and begins the transaction; nothing has run yet, so this may be retried."""
        statement = Statement(self.database.connector.begin, "control")
        attempt = 1
        while True:
            try:
                if transaction.link is None:
                    transaction.link = self.borrow_for(transaction)
                if transaction.link.in_transaction:
                    raise already_begun(self.alias)
                transaction.began = True  # hooks of this very statement may run others
                self._send(transaction.link, "control", statement, None, False)
                break
            except BaseException as error:
                self._abandon_begin(transaction)
                problem = self.translated(error)
                if not isinstance(error, Exception) or not self._may_try_again(problem, statement, False, attempt):
                    if problem is error:
                        raise
                    raise problem from problem.__cause__
                delay = retry.delay_after(attempt)
                retry.announce(problem, attempt, retry.attempts_allowed(), delay)
            self.pause(delay)
            attempt += 1
        transaction.started = monotonic()
        self.transaction_began(transaction)

    def _abandon_begin(self, transaction: Transaction) -> None:
        link, transaction.link = transaction.link, None
        transaction.began = False
        if link is not None:
            # a cancelled BEGIN may still be on its way to a connection that works in a thread
            self.release_from(transaction, link, clean=False)

    def borrow_for(self, transaction: Transaction) -> Link:
        """A connection for a transaction; in manual mode, one outside the pool."""
        if transaction.manual and self.features.pooled:
            transaction.dedicated = True
            return self.pool.dedicated()
        return self.borrow(None)

    def release_from(self, transaction: Transaction, link: Link, *, clean: bool = True) -> None:
        """Returns the connection of a transaction that has ended or could not begin."""
        if transaction.dedicated:
            transaction.dedicated = False
            link.pool.discard(link)
            return
        if not clean or link.lost or link.in_transaction:
            self._give_back_failed(link, None, None)
        else:
            self.give_back(link, None)

    def control(self, transaction: Transaction, sql: str, verb: str = "control") -> None:
        """Sends a transaction control statement on the transaction's connection, reported like any other statement."""
        self._send(transaction.link, verb, Statement(sql, "control"), None, False)

    def transaction_began(self, transaction: Transaction) -> None:
        """Called when BEGIN has succeeded."""

    def note_failure(self, transaction: Transaction, error: BaseException, statement: Statement | None = None) -> None:
        """Notes that a statement failed: on every database, the transaction refuses further statements."""
        if transaction.link is not None:
            transaction.link.settle()
            transaction.mark_broken(error, None if statement is None else statement.sql)

    def _broken(self, transaction: Transaction) -> BaseException:
        transaction.told = True
        cause = transaction.broken
        lost = transaction.link is not None and transaction.link.lost
        text = (
            "the connection of this transaction was lost; nothing of it is kept. Run the whole block again."
            if lost
            else f"this transaction is broken until it is rolled back, because {what_failed(transaction)}. Let the error "
            "leave the block, or put statements that may fail into an inner atomic() block."
        )
        error = TransactionManagementError(text, sqlstate="25P02")
        error.__cause__ = cause
        return error

    # ------------------------------------------------------------------------------------------------------- sending

    def _send(
        self, link: Link, verb: str, statement: Statement, params: Params, many: bool, extra: tuple[object, ...] = ()
    ) -> Any:
        """Runs one statement on one connection, with hooks, timing, logs and translated errors.

        All statements pass here.
        """
        if statement.hand_written:
            link.note(statement.sql)
        call = None
        if hooks.active and self.lent() is None:
            call = hooks.Call(self, statement, params, many)
            with self.lend(link):
                hooks.before(call)
        failure: BaseException | None = None
        started = perf_counter()
        try:
            if self._has_events():
                result = send_with_events(self, link, verb, statement, params, many, extra)
            else:
                result = getattr(link, verb)(statement.sql, params, *extra)
            if call is not None:
                call.result = result
            return result
        except BaseException as problem:
            error = failure = self.translated(problem)
            if error is problem:
                raise
            raise error from error.__cause__
        finally:
            elapsed = (perf_counter() - started) * 1000
            self._report(call, link, statement, params, many, elapsed, failure)

    def _report(
        self,
        call: hooks.Call | None,
        link: Link,
        statement: Statement,
        params: Params,
        many: bool,
        elapsed: float,
        error: BaseException | None,
    ) -> None:
        if self._debug(DEBUG):
            logs.log_statement(self.logger, statement, params, many, elapsed, error)
        limit = SLOW_QUERY_MS()
        if limit is not None and elapsed >= limit:
            logs.log_slow(self.logger, statement, params, many, elapsed)
            if error is None and statement.kind == "read" and not many and SLOW_QUERY_EXPLAIN():
                slow.explain(self, link, statement, params)
        if call is not None:
            call.elapsed_ms = elapsed
            call.error = error
            with self.lend(link):
                hooks.after(call)

    def _has_events(self) -> bool:
        """Whether the SQLAlchemy engine's events have listeners."""
        source = self._event_source
        if source is None:
            source = self._event_source = self.engine
        return source._has_events

    def translated(self, error: BaseException) -> Any:
        return errors.translate(error, alias=self.alias)

    def _raise_translated(self, error: BaseException) -> NoReturn:
        problem = self.translated(error)
        if problem is error:
            raise error
        raise problem from problem.__cause__

    def _may_try_again(self, error: DatabaseError, statement: Statement, sent: bool, attempt: int) -> bool:
        if attempt >= retry.attempts_allowed() or not retry.is_transient(error):
            return False
        if not sent or statement.kind == "read":
            return True
        cause = error.__cause__
        return cause is not None and retry.proves_not_run(cause)

    def _put_back(self, link: Link) -> None:
        """Returns a connection whose session hand-written SQL may have changed: after a reset, or else not at all."""
        try:
            clean = link.reset()
        except BaseException:
            link.pool.abandon(link)
            raise
        if clean:
            link.pool.release(link)
        else:
            link.pool.discard(link)

    def _give_back_failed(self, link: Link, statement: Statement | None, problem: BaseException | None) -> None:
        """Returns a connection after a failure, cleaned up or replaced."""
        raise NotImplementedError


def what_failed(transaction: Transaction) -> str:
    """What broke a transaction, for messages: the error and the statement that raised it."""
    cause = transaction.broken
    if isinstance(cause, TransactionManagementError):
        return str(cause).removesuffix(".")
    text = f"{type(cause).__name__}: {cause}".removesuffix(".")
    if transaction.failed_sql is None:
        return f"an earlier part of it failed ({text})"
    return f"an earlier statement failed ({text}): {_shortened(transaction.failed_sql)}"


def _shortened(sql: str) -> str:
    text = errors.without_secrets(" ".join(sql.split()))
    return text if len(text) <= SHOWN_SQL else f"{text[:SHOWN_SQL]}…"
