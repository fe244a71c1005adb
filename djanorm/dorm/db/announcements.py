"""Announcing a write: before its statement, after it, and when its transaction has ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Generator, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TypeVar

from dorm.db import transactions
from dorm.db.blocks import Transaction
from dorm.db.execution import Statement
from dorm.db.sessions import session
from dorm.db.write_events import Kind, Origin, Phase, Rows, Subscription, Want, WriteEvent, subscriptions

Result = TypeVar("Result")
Keys = tuple[Hashable, ...]
_Reached = set[tuple[int, int]]
"""The subscriptions that were told of events, both by identity."""
# the verb that calls other verbs to do its work
_verb: ContextVar[Origin | None] = ContextVar("dorm_writing_verb", default=None)


class Asked:
    """The origins of rows that one statement deletes: those named by the caller, and others that go with them."""

    __slots__ = ("keys", "verb")

    def __init__(self, verb: Origin, keys: Container[Hashable]) -> None:
        self.verb: Origin = verb
        self.keys = keys

    def origin_of(self, key: Hashable) -> Origin:
        return self.verb if key in self.keys else "cascade"


@contextmanager
def written_by(origin: Origin) -> Generator[None, None, None]:
    """Inside the block, writes come from ``origin``, whichever verbs run them; those of a cascade keep their origin."""
    token = _verb.set(origin)
    try:
        yield
    finally:
        _verb.reset(token)


class Announcement:
    """One write that has subscribers.

    :ivar want: what any of the subscribers asked for.
    """

    __slots__ = ("alias", "asked", "fields", "heard", "kind", "model", "origin", "sql", "transaction", "want")

    def __init__(
        self,
        heard: tuple[Subscription, ...],
        model: type | None,
        kind: Kind,
        alias: str,
        origin: Origin | Asked,
        fields: tuple[str, ...] = (),
        transaction: Transaction | None = None,
        sql: str | None = None,
    ) -> None:
        self.heard = heard
        self.model = model
        self.kind: Kind = kind
        self.alias = alias
        self.asked = origin if isinstance(origin, Asked) else None
        self.origin: Origin = origin.verb if isinstance(origin, Asked) else origin
        self.fields = fields
        self.transaction = transaction
        self.sql = sql
        self.want: frozenset[Want] = frozenset().union(*(one.want for one in heard))

    def before(self, keys: Keys | None, old: Rows | None = None) -> None:
        """Announce that the statement is about to run; an exception of a receiver is a veto."""
        for event in self._events("before", keys, None, old, None):
            self._tell(event, set())

    def after(
        self,
        keys: Keys | None,
        *,
        values: Rows | None = None,
        old: Rows | None = None,
        inserted: frozenset[Hashable] | None = None,
    ) -> None:
        """Announce that the statement has run, and arrange for the end of the transaction to be announced.

        When a receiver raises, those after it hear neither of the write nor of its end.
        """
        events = list(self._events("after", keys, values, old, inserted))
        reached: _Reached = set()
        committed: list[Callable[[], object]]
        committed = [partial(one.tell_end, event, "committed") for event in events for one in self.heard]
        if self.transaction is not None:
            rolled_back = [partial(_tell_undone, one, event, reached) for event in events for one in self.heard]
            self.transaction.commit_callbacks += committed
            self.transaction.rollback_callbacks += rolled_back
        for event in events:
            self._tell(event, reached)
        if self.transaction is None:
            transactions.run_callbacks(committed)

    def _tell(self, event: WriteEvent, reached: _Reached) -> None:
        # writes of a receiver have their own origin
        token = _verb.set(None)
        try:
            for one in self.heard:
                reached.add((id(one), id(event)))
                one.tell(event)
        finally:
            _verb.reset(token)

    def _events(
        self,
        phase: Phase,
        keys: Keys | None,
        values: Rows | None,
        old: Rows | None,
        inserted: frozenset[Hashable] | None,
    ) -> Iterator[WriteEvent]:
        """The event, or one for each origin of its rows."""
        number = None if self.transaction is None else self.transaction.identity()
        for origin, part in self._by_origin(keys):
            yield WriteEvent(
                phase,
                self.kind,
                self.model,
                self.alias,
                part,
                self.fields,
                origin,
                number,
                self._wanted("values", values, part),
                self._wanted("old", old, part),
                self.sql,
                inserted,
            )

    def _wanted(self, want: Want, rows: Rows | None, keys: Keys | None) -> Rows | None:
        if want not in self.want:
            return None
        return {key: rows[key] for key in keys or () if key in rows} if rows else {}

    def _by_origin(self, keys: Keys | None) -> list[tuple[Origin, Keys | None]]:
        if self.asked is None:
            return [(_through_verb(self.origin), keys)]
        parts: dict[Origin, list[Hashable]] = {}
        for key in keys or ():
            parts.setdefault(_through_verb(self.asked.origin_of(key)), []).append(key)
        return [(name, tuple(part)) for name, part in parts.items()]


def _tell_undone(one: Subscription, event: WriteEvent, reached: _Reached) -> Awaitable[object] | None:
    """Tell a receiver that a write was undone, if it was told of the write."""
    return one.tell_end(event, "rolled_back") if (id(one), id(event)) in reached else None


def _through_verb(origin: Origin) -> Origin:
    """The origin of the verb that the user called: the one that ``written_by`` names, except for cascades."""
    verb = _verb.get()
    return origin if verb is None or origin == "cascade" else verb


def raw(alias: str, statement: Statement, run: Callable[[], Result]) -> Result:
    """Run hand-written SQL, and announce it when it may write rows.

    One INSERT, UPDATE or DELETE and its listeners are kept or undone together. Scripts, schema changes and calls may
    end transactions or forbid them, so they run as they would without listeners.
    """
    heard = heard_of_raw(statement)
    if not heard:
        return run()
    if statement.kind != "write":
        here = session(alias)
        return _told(Announcement(heard, None, "raw", alias, "raw", (), here.transaction, statement.sql), run)
    with transactions.whole(alias) as transaction:
        return _told(Announcement(heard, None, "raw", alias, "raw", (), transaction, statement.sql), run)


def raw_rows(alias: str, statement: Statement, rows: Iterator[Result]) -> Iterator[Result]:
    """The rows of hand-written SQL that is streamed; where it may write, its listeners are told when it begins and ends."""
    heard = heard_of_raw(statement)
    return _streamed(heard, alias, statement, rows) if heard else rows


def heard_of_raw(statement: Statement) -> tuple[Subscription, ...]:
    """The subscribers of a hand-written statement; none for one that only reads, as far as its text shows."""
    if not subscriptions.active or statement.kind in ("read", "control"):
        return ()
    return subscriptions.hearing(None, "raw")


def _told(announcement: Announcement, run: Callable[[], Result]) -> Result:
    announcement.before(None)
    result = run()
    announcement.after(None)
    return result


def _streamed(
    heard: tuple[Subscription, ...], alias: str, statement: Statement, rows: Iterator[Result]
) -> Iterator[Result]:
    announcement = Announcement(heard, None, "raw", alias, "raw", (), session(alias).transaction, statement.sql)
    announcement.before(None)
    try:
        yield from rows
    except GeneratorExit:
        # whoever read the rows has seen enough of them; they are written all the same
        announcement.after(None)
        raise
    announcement.after(None)
