"""The standard spelling, which the databases' own classes refine.

Elements in and out are SQLAlchemy's. Nothing here knows models or fields.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

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


def names_of(left: Any, right: Any) -> tuple[str, str]:
    """The names of the field classes of two operands."""
    return type(left.field).__name__, type(right.field).__name__


def is_kind(field: Any, name: str) -> bool:
    """Whether a field is of the named class, or of one made from it."""
    return any(cls.__name__ == name for cls in type(field).__mro__)


class SqlHooks:
    """What is spelled differently, one method each."""

    # -- text ------------------------------------------------------------------------------------------------------

    def as_text(self, element: Any, field: Any) -> Any:
        """``element`` cast to text."""
        return sa.cast(element, sa.Text())

    def text_forms(self, element: Any, field: Any) -> list[Any]:
        """The texts in which a fragment of a value may be looked for."""
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
        """An operator that needs more than its sign, else None."""
        return None

    def round(self, element: Any, precision: Any, field: Any) -> Any:
        return sa.func.round(element, precision)

    def extreme(self, name: str, elements: list[Any]) -> Any:
        return getattr(sa.func, name)(*elements)

    def cast(self, element: Any, source: Any, field: Any) -> Any:
        return sa.cast(element, field.sql_type())

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

    def date_part(self, part: str, element: Any, zone: str | None, duration: bool) -> Any:
        raise NotImplementedError

    def date_trunc(self, unit: str, element: Any, kind: str, zone: str | None) -> Any:
        raise NotImplementedError

    # -- lists and documents ---------------------------------------------------------------------------------------

    def member(self, left: Any, bound: Callable[..., Any], item: Any) -> Any:
        """``left`` is one of the values of a list that is bound as one parameter."""
        raise NotImplementedError

    def json_value(self, document: Any, keys: tuple[str, ...]) -> Any:
        raise NotImplementedError

    def json_form(self, document: Any, keys: tuple[str, ...], form: str) -> Any:
        raise NotImplementedError

    def json_form_for(self, field: Any) -> str:
        """How a value inside a document is read to be compared with something of a field's type."""
        return "number" if type(field).__name__.endswith(("IntegerField", "FloatField", "DecimalField")) else "text"

    def json_is_null(self, document: Any, keys: tuple[str, ...]) -> Any:
        raise NotImplementedError

    def json_present(self, document: Any, keys: tuple[str, ...]) -> Any:
        raise NotImplementedError

    def json_compare(
        self, document: Any, keys: tuple[str, ...], kind: str, operate: Any, bound: Callable[[Any], Any]
    ) -> Any:
        raise NotImplementedError

    def json_equal(self, document: Any, other: Any) -> Any:
        return document == other

    def json_has_key(self, document: Any, key: Any) -> Any:
        raise NotImplementedError

    # -- statements ------------------------------------------------------------------------------------------------

    def insert(self, table: Any) -> Any:
        """An INSERT that knows ON CONFLICT."""
        return sa.insert(table)

    def distinct_on(self, select: Any, columns: list[Any]) -> Any:
        """A SELECT of the first row for each value of the columns."""
        raise NotImplementedError

    def lock(self, select: Any, lock: tuple[Any, ...], of: list[Any]) -> Any:
        """A SELECT with row locks: ``(no_wait, skip_locked, key, of)``."""
        return select

    def explain(self, sql: str, analyze: bool, format: str | None, verbose: bool) -> str:
        return f"EXPLAIN {sql}"


def path_text(keys: tuple[str, ...]) -> str:
    """A JSON path such as ``$."a"[0]``; a key of digits addresses an array element."""
    text = "$"
    for key in keys:
        if key.isdigit():
            text += f"[{key}]"
        elif '"' in key and not set(key) & set(".["):
            # SQLite reads a quoted label up to the next quote, whatever stands before it
            text += f".{key}"
        else:
            quoted = key.replace("\\", "\\\\").replace('"', '\\"')
            text += f'."{quoted}"'
    return text
