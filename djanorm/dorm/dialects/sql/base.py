"""The standard spelling of SQL, which the classes of the databases refine.

Elements in and out are SQLAlchemy's. Nothing here knows models or fields.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.operators import OperatorType

from dorm.dialects.contract import Bound, Column, IndexParts, Lock, Operand, RightHand, Rows, Selecting, Typed
from dorm.dialects.elements import Element, SqlType
from dorm.dialects.kinds import Kind
from dorm.exceptions import UnsupportedFeature

LIKE_ESCAPE = "\\"


class LikePattern(sa.types.TypeDecorator[str]):
    """Binds a text as a LIKE pattern in which the text's own wildcards mean themselves.

    :param position: where the text stands: ``"any"``, ``"start"`` or ``"end"``.
    """

    impl = sa.Text
    cache_ok = True

    def __init__(self, position: str) -> None:
        super().__init__()
        self.position = position

    def bind_processor(self, dialect: sa.Dialect) -> Any:
        before = "" if self.position == "start" else "%"
        after = "" if self.position == "end" else "%"

        def process(value: str) -> str:
            escaped = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            return f"{before}{escaped}{after}"

        return process


class JsonText(sa.types.TypeDecorator[object]):
    """Binds a Python value as the text of a JSON value."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: object, dialect: sa.Dialect) -> str:
        try:
            return json.dumps(value)
        except RecursionError as problem:
            raise ValueError("The document is nested too deeply to be written as JSON.") from problem


def kind_of(field: Typed | None) -> Kind:
    """What the values of a field are to a database; :attr:`Kind.OTHER` of an unknown field."""
    return Kind.OTHER if field is None else field.kind


def kinds_of(left: Operand, right: Operand) -> tuple[Kind, Kind]:
    """The kinds of two operands."""
    return kind_of(left.field), kind_of(right.field)


class SqlHooks:
    """The SQL that databases spell differently, one method each.

    :param database: the name of the database in messages.
    """

    def __init__(self, database: str = "This database") -> None:
        self.database = database

    def unsupported(self, feature: str, alternative: str) -> UnsupportedFeature:
        """The error for SQL without a standard spelling."""
        return UnsupportedFeature(
            self.database,
            f"a spelling for {feature} ({type(self).__name__})",
            f"{alternative}, or give the database's spelling in a class of its own",
        )

    # -- schema ----------------------------------------------------------------------------------------------------

    def column_type(self, column: Column) -> SqlType:
        """The standard type of a column."""
        return column.plain

    def index_arguments(self, parts: IndexParts) -> Mapping[str, object]:
        """Nothing: the rest of an index is left out, or refused before."""
        return {}

    def exclusion_constraint(
        self,
        pairs: Sequence[tuple[Element, str]],
        method: str,
        condition: Element | None,
        options: Mapping[str, object],
    ) -> sa.Constraint:
        """A constraint of SQLAlchemy that no two rows may break whose expressions compare so."""
        raise self.unsupported("exclusion constraints", "check in a transaction that locks the rows")

    def binary_literal(self, value: bytes) -> str:
        return f"X'{value.hex()}'"

    def table_exists(self, table: str) -> tuple[str, tuple[object, ...]]:
        """A query of the standard's catalogue."""
        return "SELECT 1 FROM information_schema.tables WHERE table_name = %s", (table,)

    def table_columns(self, table: str) -> tuple[str, tuple[object, ...]]:
        """A query, with its parameters, for ``(name, type, not null, default, primary key)`` of the columns of a table."""
        raise self.unsupported("the columns of a table", "use sqlalchemy.inspect()")

    # -- text ------------------------------------------------------------------------------------------------------

    def as_text(self, element: Element, field: Typed | None) -> Element:
        """``element`` cast to text."""
        return sa.cast(element, sa.Text())

    def text_forms(self, element: Element, field: Typed | None) -> list[Element]:
        """The text forms of a value, in each of which a fragment may be searched."""
        return [self.as_text(element, field)]

    def text_function(self, name: str, arguments: list[Element]) -> Element:
        return getattr(sa.func, name)(*arguments)

    def matches(self, text: Element, right: RightHand, position: str, ignore_case: bool) -> Element:
        """``text`` contains, starts with or ends with the right side."""
        if right.is_value:
            pattern = right.bound(LikePattern(position))
        else:
            escaped = right.text()
            for character in ("\\", "%", "_"):
                literal: Element = sa.literal_column("'" + character + "'")
                replacement: Element = sa.literal_column("'\\" + character + "'")
                escaped = sa.func.replace(escaped, literal, replacement)
            percent: Element = sa.literal_column("'%'")
            pattern = escaped
            if position != "start":
                pattern = percent.op("||")(pattern)
            if position != "end":
                pattern = pattern.op("||")(percent)
        if ignore_case:
            text, pattern = sa.func.upper(text), sa.func.upper(pattern)
        return text.like(pattern, escape=LIKE_ESCAPE)

    def equals_ignoring_case(self, text: Element, right: Element) -> Element:
        return sa.func.upper(text) == sa.func.upper(right)

    def regex(self, text: Element, pattern: Element, ignore_case: bool) -> Element:
        return text.op("~*" if ignore_case else "~", is_comparison=True)(pattern)

    # -- numbers ---------------------------------------------------------------------------------------------------

    def number_function(self, name: str, arguments: list[Element]) -> Element:
        return getattr(sa.func, name)(*arguments)

    def arithmetic(self, operator: str, left: Operand, right: Operand, field: Typed | None) -> Element | None:
        """An operator that needs more than its symbol, else None."""
        return None

    def round(self, element: Element, precision: Element, field: Typed | None) -> Element:
        return sa.func.round(element, precision)

    def extreme(self, name: str, elements: list[Element]) -> Element:
        return getattr(sa.func, name)(*elements)

    def cast(self, element: Element, source: Typed | None, field: Typed) -> Element:
        return sa.cast(element, field.sql_type())

    def computed_decimal(self, element: Element) -> Element:
        """A computed decimal in the form in which decimals are compared."""
        return element

    def averaged(self, element: Element, floating: bool) -> Element:
        """A mean, as a floating point number when asked."""
        return element

    def spread(self, name: str, element: Element) -> Element:
        return getattr(sa.func, name)(element)

    def random(self) -> Element:
        """The term of ``order_by("?")``."""
        return sa.func.random()

    # -- time ------------------------------------------------------------------------------------------------------

    def now(self, use_tz: bool) -> Element:
        return sa.func.current_timestamp()

    def midnight(self, element: Element) -> Element:
        """A date as the moment that it is compared as."""
        return element

    def date_part(self, part: str, element: Element, zone: str | None, duration: bool) -> Element:
        raise self.unsupported("parts of dates", "read the part in Python")

    def date_trunc(self, unit: str, element: Element, kind: Kind, zone: str | None) -> Element:
        raise self.unsupported("cutting dates and moments down to a unit", "compare with the bounds of the unit")

    # -- lists and documents ---------------------------------------------------------------------------------------

    def member(self, left: Element, bound: Bound, item: SqlType) -> Element:
        """``left`` is one of the values of a list that is bound as one parameter."""
        raise self.unsupported("a list as one parameter", "combine conditions: Q(…) | Q(…)")

    def json_value(self, document: Element, keys: tuple[str, ...]) -> Element:
        """The value at the end of ``keys`` as a document, NULL where there is none; the document itself without keys."""
        raise self.unsupported("values inside documents", "keep the value in a column of its own")

    def json_form(self, document: Element, keys: tuple[str, ...], form: str) -> Element:
        """The value as ``"number"``, ``"boolean"`` or ``"text"`` when it is one, else NULL; ``"any"`` as some text."""
        raise self.unsupported("values inside documents", "keep the value in a column of its own")

    def json_is_null(self, document: Element, keys: tuple[str, ...]) -> Element:
        """Whether the value is JSON's null. False, and not NULL, where there is none."""
        raise self.unsupported("null inside documents", "keep the value in a column of its own")

    def json_present(self, document: Element, keys: tuple[str, ...]) -> Element:
        """Whether there is a value."""
        raise self.unsupported("keys of documents", "keep the value in a column of its own")

    def json_compare(
        self, document: Element, keys: tuple[str, ...], kind: str, operate: OperatorType, bound: Bound
    ) -> Element:
        """The value compared with a bound one; values of another ``kind`` do not match, whatever the operator."""
        raise self.unsupported("comparing values inside documents", "keep the value in a column of its own")

    def json_pair(self, left: Element, right: Element, operate: OperatorType, ordered: bool) -> Element:
        """Two documents compared; ordered, only numbers, booleans and texts do, each among themselves."""
        raise self.unsupported("comparing documents", "compare them in Python")

    def json_member(self, document: Element, keys: tuple[str, ...], bound: Bound) -> Element:
        """The value equals one of a list that is bound as one parameter, each by its own kind."""
        raise self.unsupported(
            "looking a value inside a document up in a list", "keep the value in a column of its own"
        )

    def json_equal(self, document: Element, other: Element) -> Element:
        return document == other

    def json_contains(self, document: Element, part: Element) -> Element:
        """Whether a document contains another one: the keys of objects and the elements of lists, at every level."""
        raise self.unsupported("containment of documents", "compare the keys one by one")

    def json_has_key(self, document: Element, key: Element) -> Element:
        """Whether an object has the key, a list has it as an element, or the document is that very text."""
        raise self.unsupported("keys of documents", "keep the value in a column of its own")

    def of_type(self, element: Element, type_: SqlType) -> Element:
        """A value chosen among several of ``type_``, as that type."""
        return sa.type_coerce(element, type_)

    def sort_keys(self, element: Element, is_document: bool) -> tuple[Element, ...]:
        """The elements by which rows are sorted when they are to be sorted by ``element``."""
        return (element,)

    # -- statements ------------------------------------------------------------------------------------------------

    def insert(self, table: sa.Table) -> sa.Insert:
        return sa.insert(table)

    inserted: sa.ColumnElement[bool] | None = None

    def on_conflict(self, insert: Any, unique: Sequence[Element], updated: Sequence[str]) -> sa.Insert:
        """``ON CONFLICT``, which some databases have; what :meth:`insert` made has to know it."""
        if not hasattr(insert, "on_conflict_do_nothing"):
            raise self.unsupported("INSERT of rows that may exist", "look for them first, in a transaction")
        elements = list(unique) or None
        if not updated:
            return insert.on_conflict_do_nothing(index_elements=elements)
        return insert.on_conflict_do_update(
            index_elements=elements, set_={name: insert.excluded[name] for name in updated}
        )

    def typed_parameter(self, parameter: Element, type_: SqlType, dialect: sa.Dialect) -> Element:
        """A parameter in a list of rows, written so that its column has the type ``type_``, NULL or not."""
        return parameter

    def arrays_as_rows(self, names: Sequence[str], types: Sequence[SqlType], dialect: sa.Dialect) -> sa.FromClause:
        """A table made of one array per column, with the number of the row as its last column.

        :param names: those of the parameters.
        :param types: those of the arrays' elements. The values are sent as they are.
        """
        raise self.unsupported("arrays as rows", "send the values row by row")

    def distinct_on(self, select: Selecting, columns: list[Element]) -> Selecting:
        """A SELECT of the first row for each value of the columns."""
        raise self.unsupported("DISTINCT ON fields", "use distinct() without fields")

    def lock(self, select: Selecting, lock: Lock, of: list[sa.FromClause]) -> Selecting:
        """A SELECT with row locks: ``(no_wait, skip_locked, key, of)``."""
        return select

    def explain(self, analyze: bool, format: str | None, options: dict[str, bool]) -> str:
        """The EXPLAIN clause to put before a statement.

        :raises ValueError: for a format or an option that the database does not have.
        """
        raise self.unsupported("plans of queries", "ask the database's own tools")

    def plan_text(self, rows: Rows) -> str:
        """The columns of each row of the plan, one row per line."""
        return "\n".join(" ".join(str(part) for part in row) for row in rows)


def unknown_options(names: Iterable[str], database: str, known: Iterable[str]) -> ValueError:
    """The error for options of EXPLAIN that a database does not have."""
    have = ", ".join(known)
    return ValueError(f"Unknown options: {', '.join(sorted(names))}. {database}'s EXPLAIN has {have or 'none'}.")


def unknown_format(name: str, database: str, known: Iterable[str]) -> ValueError:
    """The error for a format that a database does not show plans in."""
    return ValueError(f"{name} is not a recognized format. {database} shows plans as {', '.join(known)}.")
