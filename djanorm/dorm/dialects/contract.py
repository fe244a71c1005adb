"""The contract of a dialect, on one page: everything that the library asks of a database.

A dialect is one object, a :class:`Dialect`. It brings along

* what the database can do: a :class:`Features` record, for the version of the server where that matters;
* how it is spoken to: a :class:`Connector` opens connections, a :class:`Link` is an open one, a :class:`Stream` hands out rows
  in portions;
* how it spells what SQL does not say the same way everywhere: a :class:`Spelling`;
* what its errors mean.

``dorm.dialects.sqlite`` and ``dorm.dialects.postgresql`` are two of them, checked against these protocols by the type checkers.
One of another package is found by its entry point in the group ``dorm.dialects``, or registered with
``dorm.dialects.register()``; ``docs/how-to/a-dialect-of-your-own.md`` builds one.

Whatever a database cannot do raises :class:`dorm.exceptions.UnsupportedFeature`, which names the database, what it lacks and an
alternative.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from sqlalchemy import Dialect as SQLAlchemyDialect
from sqlalchemy.engine import Engine as SQLAlchemyEngine
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.sql.schema import Constraint, Table
from sqlalchemy.sql.selectable import FromClause, Select

from dorm.conf.engines import Engine
from dorm.conf.entries import DatabaseSettings
from dorm.dialects.elements import Element, SqlType
from dorm.dialects.features import Features
from dorm.dialects.kinds import Kind
from dorm.dialects.schema_parts import Column, IndexParts
from dorm.exceptions import DatabaseError

__all__ = [
    "Bound", "Column", "Connector", "Dialect", "Element", "Features", "IndexParts", "Link", "Lock", "Operand", "Params",
    "RightHand", "Rows", "Selecting", "Spelling", "SqlType", "Stream", "Typed", "Version", "Wait",
]  # fmt: skip

Version: TypeAlias = "tuple[int, ...]"
"""The release of a server, such as ``(16, 2)``."""
Rows: TypeAlias = "list[tuple[Any, ...]]"
Params: TypeAlias = "Sequence[object] | None"
"""The parameters of one statement, in the order of its placeholders."""
Wait: TypeAlias = "Callable[[Awaitable[Any]], Any]"
"""Waits for an awaitable, inside an async verb."""
Bound: TypeAlias = "Callable[[SqlType], Element]"
"""The right side of a condition as a parameter of a type."""
Selecting: TypeAlias = "Select[Any]"
"""A SELECT, whatever its columns."""
Lock: TypeAlias = "tuple[bool, bool, bool, tuple[str, ...]]"
"""How rows are locked: ``(no_wait, skip_locked, no_key, of)``."""


# -------------------------------------------------------------------------------------------------------------- the whole


class Dialect(Protocol):
    """One database."""

    @property
    def engine(self) -> Engine:
        """Its names in settings and URLs, and the port of its server."""
        ...

    def features(self, server_version: Version | None = None) -> Features:
        """What it can do; without a version, what is assumed of a server that nobody has met.

        The version is that of the settings (``SERVER_VERSION``), else that of the first connection. Statements that were
        compiled before stay in use: of those, assume what every supported version can do.
        """
        ...

    def sqlalchemy_dialect(self) -> SQLAlchemyDialect:
        """A dialect of SQLAlchemy to compile with. Needs no driver and no connection."""
        ...

    def spelling(self, features: Features) -> Spelling:
        """How it spells; called for each statement that is compiled."""
        ...

    def connector(self, settings: DatabaseSettings) -> Connector:
        """Opens the connections of one alias; connects to nothing yet.

        :raises ImproperlyConfigured: for OPTIONS that it does not know.
        """
        ...

    def is_driver_error(self, error: BaseException) -> bool:
        """Whether its driver raised it."""
        ...

    def translate(self, error: BaseException) -> DatabaseError:
        """The library's error for one of its driver; neither may print a value of a row."""
        ...

    def is_transient(self, error: BaseException) -> bool:
        """Whether another attempt may succeed: a lock, a lost connection."""
        ...

    def proves_not_run(self, error: BaseException) -> bool:
        """Whether the statement that failed so cannot have changed anything."""
        ...

    def means_closed(self, error: BaseException) -> bool:
        """Whether the connection was closed behind the link's back, so that another one is needed."""
        ...


# --------------------------------------------------------------------------------------------------------- connections


class Connector(Protocol):
    """Opens the connections of one alias, for synchronous and for asynchronous code."""

    @property
    def begin(self) -> str:
        """The statement that begins a transaction."""
        ...

    @property
    def exclusive(self) -> bool:
        """Whether a transaction holds the write lock from its first statement to its end."""
        ...

    def limit(self, asynchronous: bool) -> int:
        """The most connections that one pool may hold."""
        ...

    def engine(self) -> SQLAlchemyEngine:
        """The synchronous engine. It keeps no connections and ends no transactions."""
        ...

    def async_engine(self) -> SQLAlchemyEngine:
        """The asynchronous engine, as its synchronous façade.

        :raises ImportError: when the asynchronous driver is missing, naming what to install.
        """
        ...

    def link(self, fairy: PoolProxiedConnection) -> Link:
        """The link for a new connection of :meth:`engine`, set up."""
        ...

    def async_link(self, fairy: PoolProxiedConnection, wait: Wait, to_the_end: Wait) -> Link:
        """The link for a new connection of :meth:`async_engine`.

        :param wait: waits for an awaitable; the wait may be cancelled.
        :param to_the_end: waits for an awaitable even when the task is cancelled meanwhile.
        """
        ...

    def close(self) -> None:
        """Lets go of what outlives the pools, such as a database in memory."""
        ...


class Link(Protocol):
    """An open connection, in the hands of one user at a time. Outside ``BEGIN`` every statement commits by itself.

    Its methods raise the driver's errors. An asynchronous link has the same methods and waits inside them, so that
    everything above it is written once. ``dorm.dialects.base.BaseLink`` has what most databases have in common.
    """

    fairy: PoolProxiedConnection
    pool: Any
    """The pool it belongs to; set by the pool, as the three times below."""
    born: float
    expires: float
    idle_since: float
    marked: bool
    """Whether hand-written SQL may have changed the session, so that :meth:`reset` is due before the next user."""
    concurrent_reads: bool
    """Whether an open stream lets other connections write."""

    @property
    def server_version(self) -> Version | None:
        """The release of the server, as far as it is known without asking."""
        ...

    @property
    def driver_connection(self) -> Any:
        """The driver's own object."""
        ...

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, as the driver or the server knows."""
        ...

    @property
    def failed(self) -> bool:
        """Whether the transaction takes no statement any more until it is rolled back."""
        ...

    @property
    def lost(self) -> bool:
        """Whether the connection is gone."""
        ...

    def fetch(self, sql: str, params: Params) -> Rows:
        """The rows of a statement."""
        ...

    def run(self, sql: str, params: Params) -> int:
        """The number of rows a statement changed."""
        ...

    def run_many(self, sql: str, rows: Sequence[Sequence[object]]) -> int:
        """Runs a statement once per row of parameters; the number of rows changed in all."""
        ...

    def fetch_named(self, sql: str, params: Params) -> tuple[tuple[str, ...], Rows, int]:
        """The names of the columns, the rows, and the number of changed rows, of any statement."""
        ...

    def script(self, sql: str, params: None = None) -> bool:
        """Runs several statements. Returns whether they have ended the open transaction."""
        ...

    def open_stream(self, sql: str, params: Params, size: int, in_transaction: bool) -> Stream:
        """Runs a reading statement whose rows are fetched in portions of ``size``."""
        ...

    def control(self, sql: str, params: None = None) -> object:
        """Begins and ends transactions and savepoints."""
        ...

    def finish(self, sql: str, params: None = None) -> object:
        """As :meth:`control`, to the end whatever interrupts it."""
        ...

    def roll_back(self) -> None:
        """Ends a transaction if there is one."""
        ...

    def settle(self) -> None:
        """Called when a verb was interrupted: nothing may run on the connection any more."""
        ...

    def note(self, sql: str) -> None:
        """Told of hand-written SQL before it runs; raises for what cannot run like a statement."""
        ...

    def reset(self) -> bool:
        """Undoes what hand-written SQL may have left in the session. Returns whether that worked."""
        ...

    def forget_plan(self, error: BaseException | None) -> bool:
        """Whether a statement failed only because it had been prepared for a table that has changed since."""
        ...

    def keeps_snapshot(self) -> bool:
        """Whether the reads of the open transaction belong together, so that a new one cannot stand in for it."""
        ...

    def quick_check(self) -> bool:
        """Whether it looks alive, without a round trip."""
        ...

    def probe(self) -> bool:
        """Whether it is alive: a round trip."""
        ...

    def close(self) -> object:
        """Ends the connection."""
        ...

    def abandon(self) -> object:
        """Ends it without waiting, and without an event loop."""
        ...


class Stream(Protocol):
    """The rows of one statement, in portions."""

    @property
    def detached(self) -> bool:
        """Whether the connection is no longer needed."""
        ...

    def next(self) -> Rows:
        """The next portion; empty at the end."""
        ...

    def forget(self) -> None:
        """Told that the connection serves somebody else by now: nothing may be sent on it."""
        ...

    def close(self) -> None:
        """Frees what it holds, and ends a transaction that was begun for it."""
        ...


# ------------------------------------------------------------------------------------------------------------ spelling


class Typed(Protocol):
    """A field, as far as a spelling looks at one."""

    @property
    def kind(self) -> Kind:
        """What its values are."""
        ...

    def sql_type(self) -> SqlType:
        """The type that binds and reads its values."""
        ...


class Operand(Protocol):
    """An expression with the field of its values; of an unknown type the field is None."""

    @property
    def sql(self) -> Element:
        """The expression."""
        ...

    @property
    def field(self) -> Typed | None:
        """The field of its values."""
        ...


class RightHand(Protocol):
    """What stands to the right of a lookup of text."""

    @property
    def is_value(self) -> bool:
        """Whether it is a value, and not an expression."""
        ...

    def bound(self, type: SqlType) -> Element:
        """The value as a parameter of a type."""
        ...

    def text(self) -> Element:
        """The value or the expression as text."""
        ...


class Spelling(Protocol):
    """How a database spells what SQL does not say the same way everywhere.

    ``dorm.dialects.sql.SqlHooks`` has the standard spelling and raises for what has none: a dialect inherits from it and
    overrides what differs. What SQLAlchemy's own compiler can say differently (``FILTER``, ``NULLS FIRST``, names of types) is
    said by the compiler of :meth:`Dialect.sqlalchemy_dialect`.
    """

    # ---- schema

    def column_type(self, column: Column) -> SqlType:
        """The type of a column in DDL and in casts."""
        ...

    def index_arguments(self, parts: IndexParts) -> Mapping[str, object]:
        """Keyword arguments of ``sqlalchemy.Index`` and ``UniqueConstraint``; what makes no index slower or wrong is left out."""
        ...

    def exclusion_constraint(
        self,
        pairs: Sequence[tuple[Element, str]],
        method: str,
        condition: Element | None,
        options: Mapping[str, object],
    ) -> Constraint:
        """A constraint of SQLAlchemy that no two rows may break whose expressions compare so.

        :param options: keyword arguments of the constraint: its name, its deferral.
        """
        ...

    def binary_literal(self, value: bytes) -> str:
        """Bytes as a literal."""
        ...

    def table_exists(self, table: str) -> tuple[str, tuple[object, ...]]:
        """A query, with its parameters, that has a row if there is such a table or view."""
        ...

    def table_columns(self, table: str) -> tuple[str, tuple[object, ...]]:
        """A query, with its parameters, for ``(name, type, not null, default, primary key)`` of the columns of a table."""
        ...

    # ---- text

    def as_text(self, element: Element, field: Typed | None) -> Element:
        """``element`` cast to text."""
        ...

    def text_forms(self, element: Element, field: Typed | None) -> list[Element]:
        """The texts in which a fragment of a value may be looked for."""
        ...

    def text_function(self, name: str, arguments: list[Element]) -> Element:
        """A function of text, by its name on PostgreSQL."""
        ...

    def matches(self, text: Element, right: RightHand, position: str, ignore_case: bool) -> Element:
        """``text`` contains (``"any"``), starts with (``"start"``) or ends with (``"end"``) the right side."""
        ...

    def equals_ignoring_case(self, text: Element, right: Element) -> Element:
        """Two texts are equal but for case."""
        ...

    def regex(self, text: Element, pattern: Element, ignore_case: bool) -> Element:
        """``text`` matches a regular expression somewhere."""
        ...

    # ---- numbers

    def number_function(self, name: str, arguments: list[Element]) -> Element:
        """A function of numbers, by its name on PostgreSQL."""
        ...

    def arithmetic(self, operator: str, left: Operand, right: Operand, field: Typed | None) -> Element | None:
        """What an operator becomes that needs more than its sign; None where the sign will do."""
        ...

    def round(self, element: Element, precision: Element, field: Typed | None) -> Element:
        """``element`` rounded to a number of places."""
        ...

    def extreme(self, name: str, elements: list[Element]) -> Element:
        """The ``"greatest"`` or ``"least"`` of several values."""
        ...

    def cast(self, element: Element, source: Typed | None, field: Typed) -> Element:
        """``element`` as the type of ``field``."""
        ...

    def computed_decimal(self, element: Element) -> Element:
        """A computed decimal as it is compared with others."""
        ...

    def averaged(self, element: Element, floating: bool) -> Element:
        """A mean, as a floating point number when asked."""
        ...

    def spread(self, name: str, element: Element) -> Element:
        """``stddev_pop``, ``stddev_samp``, ``var_pop`` or ``var_samp``."""
        ...

    def random(self) -> Element:
        """The term of ``order_by("?")``."""
        ...

    # ---- time

    def now(self, use_tz: bool) -> Element:
        """The moment at which the statement began."""
        ...

    def midnight(self, element: Element) -> Element:
        """A date as it is compared with moments."""
        ...

    def date_part(self, part: str, element: Element, zone: str | None, duration: bool) -> Element:
        """A part of a date, time, moment or duration as an integer; ``week_day`` counts from Sunday, 1."""
        ...

    def date_trunc(self, unit: str, element: Element, kind: Kind, zone: str | None) -> Element:
        """The start of the unit; ``kind`` is that of the result."""
        ...

    # ---- lists and documents

    def member(self, left: Element, bound: Bound, item: SqlType) -> Element:
        """``left`` is one of the values of a list that is bound as one parameter, whatever its length.

        :param bound: a function of a type: the list as a parameter of that type.
        :param item: the type of its values.
        """
        ...

    def json_value(self, document: Element, keys: tuple[str, ...]) -> Element:
        """The value at the end of ``keys`` as a document, NULL where there is none; the document itself without keys."""
        ...

    def json_form(self, document: Element, keys: tuple[str, ...], form: str) -> Element:
        """The value as ``"number"``, ``"boolean"`` or ``"text"`` when it is one, else NULL; ``"any"`` as some text."""
        ...

    def json_is_null(self, document: Element, keys: tuple[str, ...]) -> Element:
        """Whether the value is JSON's null. False, and not NULL, where there is none."""
        ...

    def json_present(self, document: Element, keys: tuple[str, ...]) -> Element:
        """Whether there is a value."""
        ...

    def json_compare(
        self, document: Element, keys: tuple[str, ...], kind: str, operate: OperatorType, bound: Bound
    ) -> Element:
        """The value compared with a bound one; values of another ``kind`` do not match, whatever the operator."""
        ...

    def json_pair(self, left: Element, right: Element, operate: OperatorType, ordered: bool) -> Element:
        """Two documents compared; ordered, only numbers, booleans and texts do, each among themselves."""
        ...

    def json_member(self, document: Element, keys: tuple[str, ...], bound: Bound) -> Element:
        """The value equals one of a list that is bound as one parameter, each by its own kind."""
        ...

    def json_equal(self, document: Element, other: Element) -> Element:
        """Two documents are equal, whatever the order of their keys."""
        ...

    def json_contains(self, document: Element, part: Element) -> Element:
        """Whether a document contains another one: the keys of objects and the elements of lists, at every level."""
        ...

    def json_has_key(self, document: Element, key: Element) -> Element:
        """Whether an object has the key, a list has it as an element, or the document is that very text."""
        ...

    def of_type(self, element: Element, type_: SqlType) -> Element:
        """What was chosen among several values of ``type_``."""
        ...

    def sort_keys(self, element: Element, is_document: bool) -> tuple[Element, ...]:
        """The elements by which rows are sorted when they are to be sorted by ``element``."""
        ...

    # ---- statements

    def insert(self, table: Table) -> Insert:
        """An INSERT of SQLAlchemy."""
        ...

    def on_conflict(self, insert: Insert, unique: Sequence[Element], updated: Sequence[str]) -> Insert:
        """The INSERT, which leaves rows alone that exist already, or updates them.

        :param insert: what :meth:`insert` made.
        :param unique: the columns whose values decide whether a row exists; empty for any unique constraint.
        :param updated: the names of the columns that take the new values; empty to leave the row alone.
        """
        ...

    @property
    def inserted(self) -> Element | None:
        """What an upsert returns of each row: true for one that it inserted, false for one that it updated.

        None where the database cannot tell: rows are looked up before then.
        """
        ...

    def typed_parameter(self, parameter: Element, type_: SqlType, dialect: SQLAlchemyDialect) -> Element:
        """A parameter in a list of rows, written so that its column has the type ``type_``, NULL or not."""
        ...

    def arrays_as_rows(self, names: Sequence[str], types: Sequence[SqlType], dialect: SQLAlchemyDialect) -> FromClause:
        """A table made of one array per column, with the number of the row as its last column.

        :param names: those of the parameters.
        :param types: those of the arrays' elements. The values are sent as they are.
        """
        ...

    def distinct_on(self, select: Selecting, columns: list[Element]) -> Selecting:
        """A SELECT of the first row for each value of the columns."""
        ...

    def lock(self, select: Selecting, lock: Lock, of: list[FromClause]) -> Selecting:
        """A SELECT with row locks: ``(no_wait, skip_locked, no_key, of)``."""
        ...

    def explain(self, analyze: bool, format: str | None, options: dict[str, bool]) -> str:
        """What stands before a statement whose plan is wanted.

        :raises ValueError: for a format or an option that the database does not have.
        """
        ...

    def plan_text(self, rows: Rows) -> str:
        """The rows of a plan as text, a line per step."""
        ...
