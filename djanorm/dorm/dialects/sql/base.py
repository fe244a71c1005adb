"""The standard spelling of SQL, which the classes of the databases refine.

Elements in and out are SQLAlchemy's. Nothing here knows models or fields.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from dorm.dialects.contract import Column, IndexParts, Typed
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

    def bind_processor(self, dialect: Any) -> Any:
        before = "" if self.position == "start" else "%"
        after = "" if self.position == "end" else "%"

        def process(value: Any) -> Any:
            escaped = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            return f"{before}{escaped}{after}"

        return process


class JsonText(sa.types.TypeDecorator[Any]):
    """Binds a Python value as the text of a JSON value."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str:
        try:
            return json.dumps(value)
        except RecursionError as problem:
            raise ValueError("The document is nested too deeply to be written as JSON.") from problem


def kind_of(field: Typed | None) -> Kind:
    """What the values of a field are to a database; :attr:`Kind.OTHER` of an unknown field."""
    return Kind.OTHER if field is None else field.kind


def kinds_of(left: Any, right: Any) -> tuple[Kind, Kind]:
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

    def column_type(self, column: Column) -> TypeEngine[Any]:
        """The standard type of a column."""
        return column.plain

    def index_arguments(self, parts: IndexParts) -> Mapping[str, object]:
        """Nothing: the rest of an index is left out, or refused before."""
        return {}

    def exclusion_constraint(
        self, pairs: Sequence[tuple[Any, str]], method: str, condition: Any, options: Mapping[str, Any]
    ) -> Any:
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

    def as_text(self, element: Any, field: Any) -> Any:
        """``element`` cast to text."""
        return sa.cast(element, sa.Text())

    def text_forms(self, element: Any, field: Any) -> list[Any]:
        """The text forms of a value, in each of which a fragment may be searched."""
        return [self.as_text(element, field)]

    def text_function(self, name: str, arguments: list[Any]) -> Any:
        return getattr(sa.func, name)(*arguments)

    def matches(self, text: Any, right: Any, position: str, ignore_case: bool) -> Any:
        """``text`` contains, starts with or ends with the right side."""
        if right.is_value:
            pattern = right.bound(LikePattern(position))
        else:
            escaped = right.text()
            for character in ("\\", "%", "_"):
                literal: Any = sa.literal_column("'" + character + "'")
                replacement: Any = sa.literal_column("'\\" + character + "'")
                escaped = sa.func.replace(escaped, literal, replacement)
            percent: Any = sa.literal_column("'%'")
            pattern = escaped
            if position != "start":
                pattern = percent.op("||")(pattern)
            if position != "end":
                pattern = pattern.op("||")(percent)
        if ignore_case:
            text, pattern = sa.func.upper(text), sa.func.upper(pattern)
        return text.like(pattern, escape=LIKE_ESCAPE)

    def equals_ignoring_case(self, text: Any, right: Any) -> Any:
        return sa.func.upper(text) == sa.func.upper(right)

    def regex(self, text: Any, pattern: Any, ignore_case: bool) -> Any:
        return text.op("~*" if ignore_case else "~", is_comparison=True)(pattern)

    # -- numbers ---------------------------------------------------------------------------------------------------

    def number_function(self, name: str, arguments: list[Any]) -> Any:
        return getattr(sa.func, name)(*arguments)

    def arithmetic(self, operator: str, left: Any, right: Any, field: Any) -> Any:
        """An operator that needs more than its symbol, else None."""
        return None

    def round(self, element: Any, precision: Any, field: Any) -> Any:
        return sa.func.round(element, precision)

    def extreme(self, name: str, elements: list[Any]) -> Any:
        return getattr(sa.func, name)(*elements)

    def cast(self, element: Any, source: Any, field: Any) -> Any:
        return sa.cast(element, field.sql_type())

    def computed_decimal(self, element: Any) -> Any:
        """A computed decimal in the form in which decimals are compared."""
        return element

    def averaged(self, element: Any, floating: bool) -> Any:
        """A mean, as a floating point number when asked."""
        return element

    def spread(self, name: str, element: Any) -> Any:
        return getattr(sa.func, name)(element)

    def random(self) -> Any:
        """The term of ``order_by("?")``."""
        return sa.func.random()

    # -- time ------------------------------------------------------------------------------------------------------

    def now(self, use_tz: bool) -> Any:
        return sa.func.current_timestamp()

    def midnight(self, element: Any) -> Any:
        """A date as the moment that it is compared as."""
        return element

    def date_part(self, part: str, element: Any, zone: str | None, duration: bool) -> Any:
        raise self.unsupported("parts of dates", "read the part in Python")

    def date_trunc(self, unit: str, element: Any, kind: Kind, zone: str | None) -> Any:
        raise self.unsupported("cutting dates and moments down to a unit", "compare with the bounds of the unit")

    # -- lists and documents ---------------------------------------------------------------------------------------

    def member(self, left: Any, bound: Callable[..., Any], item: Any) -> Any:
        """``left`` is one of the values of a list that is bound as one parameter."""
        raise self.unsupported("a list as one parameter", "combine conditions: Q(…) | Q(…)")

    def json_value(self, document: Any, keys: tuple[str, ...]) -> Any:
        """The value at the end of ``keys`` as a document, NULL where there is none; the document itself without keys."""
        raise self.unsupported("values inside documents", "keep the value in a column of its own")

    def json_form(self, document: Any, keys: tuple[str, ...], form: str) -> Any:
        """The value as ``"number"``, ``"boolean"`` or ``"text"`` when it is one, else NULL; ``"any"`` as some text."""
        raise self.unsupported("values inside documents", "keep the value in a column of its own")

    def json_is_null(self, document: Any, keys: tuple[str, ...]) -> Any:
        """Whether the value is JSON's null. False, and not NULL, where there is none."""
        raise self.unsupported("null inside documents", "keep the value in a column of its own")

    def json_present(self, document: Any, keys: tuple[str, ...]) -> Any:
        """Whether there is a value."""
        raise self.unsupported("keys of documents", "keep the value in a column of its own")

    def json_compare(
        self, document: Any, keys: tuple[str, ...], kind: str, operate: Any, bound: Callable[[Any], Any]
    ) -> Any:
        """The value compared with a bound one; values of another ``kind`` do not match, whatever the operator."""
        raise self.unsupported("comparing values inside documents", "keep the value in a column of its own")

    def json_pair(self, left: Any, right: Any, operate: Any, ordered: bool) -> Any:
        """Two documents compared; ordered, only numbers, booleans and texts do, each among themselves."""
        raise self.unsupported("comparing documents", "compare them in Python")

    def json_member(self, document: Any, keys: tuple[str, ...], bound: Callable[[Any], Any]) -> Any:
        """The value equals one of a list that is bound as one parameter, each by its own kind."""
        raise self.unsupported(
            "looking a value inside a document up in a list", "keep the value in a column of its own"
        )

    def json_equal(self, document: Any, other: Any) -> Any:
        return document == other

    def json_contains(self, document: Any, part: Any) -> Any:
        """Whether a document contains another one: the keys of objects and the elements of lists, at every level."""
        raise self.unsupported("containment of documents", "compare the keys one by one")

    def json_has_key(self, document: Any, key: Any) -> Any:
        """Whether an object has the key, a list has it as an element, or the document is that very text."""
        raise self.unsupported("keys of documents", "keep the value in a column of its own")

    def of_type(self, element: Any, type_: Any) -> Any:
        """A value chosen among several of ``type_``, as that type."""
        return sa.type_coerce(element, type_)

    def sort_keys(self, element: Any, is_document: bool) -> tuple[Any, ...]:
        """The elements by which rows are sorted when they are to be sorted by ``element``."""
        return (element,)

    # -- statements ------------------------------------------------------------------------------------------------

    def insert(self, table: Any) -> Any:
        return sa.insert(table)

    inserted: sa.ColumnElement[bool] | None = None

    def on_conflict(self, insert: Any, unique: Sequence[Any], updated: Sequence[str]) -> Any:
        """``ON CONFLICT``, which some databases have; what :meth:`insert` made has to know it."""
        if not hasattr(insert, "on_conflict_do_nothing"):
            raise self.unsupported("INSERT of rows that may exist", "look for them first, in a transaction")
        elements = list(unique) or None
        if not updated:
            return insert.on_conflict_do_nothing(index_elements=elements)
        return insert.on_conflict_do_update(
            index_elements=elements, set_={name: insert.excluded[name] for name in updated}
        )

    def typed_parameter(self, parameter: Any, type_: Any, dialect: Any) -> Any:
        """A parameter in a list of rows, written so that its column has the type ``type_``, NULL or not."""
        return parameter

    def arrays_as_rows(self, names: Sequence[str], types: Sequence[Any], dialect: Any) -> Any:
        """A table made of one array per column, with the number of the row as its last column.

        :param names: those of the parameters.
        :param types: those of the arrays' elements. The values are sent as they are.
        """
        raise self.unsupported("arrays as rows", "send the values row by row")

    def distinct_on(self, select: Any, columns: list[Any]) -> Any:
        """A SELECT of the first row for each value of the columns."""
        raise self.unsupported("DISTINCT ON fields", "use distinct() without fields")

    def lock(self, select: Any, lock: tuple[Any, ...], of: list[Any]) -> Any:
        """A SELECT with row locks: ``(no_wait, skip_locked, key, of)``."""
        return select

    def explain(self, analyze: bool, format: str | None, options: dict[str, bool]) -> str:
        """The EXPLAIN clause to put before a statement.

        :raises ValueError: for a format or an option that the database does not have.
        """
        raise self.unsupported("plans of queries", "ask the database's own tools")

    def plan_text(self, rows: Sequence[tuple[Any, ...]]) -> str:
        """The columns of each row of the plan, one row per line."""
        return "\n".join(" ".join(str(part) for part in row) for row in rows)


def unknown_options(names: Iterable[str], database: str, known: Iterable[str]) -> ValueError:
    """The error for options of EXPLAIN that a database does not have."""
    have = ", ".join(known)
    return ValueError(f"Unknown options: {', '.join(sorted(names))}. {database}'s EXPLAIN has {have or 'none'}.")


def unknown_format(name: str, database: str, known: Iterable[str]) -> ValueError:
    """The error for a format that a database does not show plans in."""
    return ValueError(f"{name} is not a recognized format. {database} shows plans as {', '.join(known)}.")
