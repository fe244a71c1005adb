"""SQLite's spelling. Functions named ``dorm_…`` are registered on every connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.elements import Grouping

from dorm.dialects.contract import Bound, Column, IndexParts, Lock, Operand, RightHand, Rows, Selecting, Typed
from dorm.dialects.elements import Element, SqlType
from dorm.dialects.kinds import CLOCKS, Kind
from dorm.dialects.sql.base import kind_of, kinds_of, unknown_format, unknown_options
from dorm.dialects.sql.sqlite_documents import SqliteDocuments
from dorm.dialects.sql.sqlite_lists import JsonList
from dorm.exceptions import UnsupportedFeature

_INTEGER = sa.Integer()
_COLUMNS: dict[Kind, SqlType] = {
    Kind.INTEGER: sa.Integer(),
    Kind.FLOAT: sa.REAL(),
    Kind.BOOLEAN: sa.Integer(),
    Kind.JSON: sa.Text(),
    Kind.UUID: sa.String(36),
    # microseconds
    Kind.DURATION: sa.BigInteger(),
}
_FORMATS = {"month": "%m", "day": "%d", "hour": "%H", "minute": "%M", "second": "%S", "year": "%Y"}


class SqliteHooks(SqliteDocuments):
    """SQLite 3.35 and later."""

    def column_type(self, column: Column) -> SqlType:
        """How a column is declared, which decides what a value becomes in it."""
        if column.caseless:
            # a collation that folds ASCII
            return sa.Text(collation="NOCASE")
        # only the name INTEGER makes an automatic row number; a column declared JSON would turn the text 123 into a number
        return _COLUMNS.get(column.kind, column.plain)

    def index_arguments(self, parts: IndexParts) -> Mapping[str, object]:
        return {} if parts.condition is None else {"sqlite_where": parts.condition}

    def table_exists(self, table: str) -> tuple[str, tuple[object, ...]]:
        return "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name = ?", (table,)

    def table_columns(self, table: str) -> tuple[str, tuple[object, ...]]:
        sql = 'SELECT name, type, "notnull" <> 0, dflt_value, pk <> 0 FROM pragma_table_info(?) ORDER BY cid'
        return sql, (table,)

    def as_text(self, element: Element, field: Typed | None) -> Element:
        # stored as numbers here, but their text form is that of databases that know the type
        if kind_of(field) is Kind.BOOLEAN:
            return sa.case((element, sa.literal_column("'true'")), (sa.not_(element), sa.literal_column("'false'")))
        if kind_of(field) is Kind.DURATION:
            return sa.func.dorm_interval(element, type_=sa.Text())
        return super().as_text(element, field)

    def text_forms(self, element: Element, field: Typed | None) -> list[Element]:
        text = self.as_text(element, field)
        if kind_of(field) is not Kind.UUID:
            return [text]
        # UUIDs are text here, and their fragments may be written without hyphens
        hyphen: Element = sa.literal_column("'-'")
        nothing: Element = sa.literal_column("''")
        return [text, sa.func.replace(text, hyphen, nothing)]

    def text_function(self, name: str, arguments: list[Element]) -> Element:
        """A function of text by its name here."""
        if name in ("upper", "lower"):
            return getattr(sa.func, f"dorm_{name}")(*arguments)
        if name == "strpos":
            return sa.func.instr(*arguments)
        if name in ("ascii", "chr"):
            return getattr(sa.func, {"ascii": "unicode", "chr": "char"}[name])(*arguments)
        if name == "right":
            text, length = arguments
            return sa.func.dorm_right(text, length)
        if name == "md5":
            return sa.func.dorm_md5(*arguments)
        return getattr(sa.func, name)(*arguments)

    def matches(self, text: Element, right: RightHand, position: str, ignore_case: bool) -> Element:
        part = right.text()
        if ignore_case:
            text, part = sa.func.dorm_lower(text), sa.func.dorm_lower(part)
        if position == "any":
            return sa.func.instr(text, part) > sa.literal_column("0")
        if position == "start":
            return sa.func.substr(text, sa.literal_column("1"), sa.func.length(part)) == part
        tail = sa.func.substr(text, -sa.func.length(part))
        empty = sa.and_(sa.func.length(part) == sa.literal_column("0"), text.is_not(None))
        return sa.or_(tail == part, empty)

    def equals_ignoring_case(self, text: Element, right: Element) -> Element:
        return sa.func.dorm_lower(text) == sa.func.dorm_lower(right)

    def regex(self, text: Element, pattern: Element, ignore_case: bool) -> Element:
        return (sa.func.dorm_iregexp if ignore_case else sa.func.regexp)(pattern, text, type_=sa.Boolean())

    def number_function(self, name: str, arguments: list[Element]) -> Element:
        return getattr(sa.func, "dorm_random" if name == "random" else name)(*arguments)

    def arithmetic(self, operator: str, left: Operand, right: Operand, field: Typed | None) -> Element | None:
        if operator == "^":
            return sa.func.power(left.sql, right.sql)
        if operator == "#":
            either = left.sql.op("|")(right.sql)
            return either.op("-")(left.sql.op("&")(right.sql))
        kinds = kinds_of(left, right)
        moments = [kind in CLOCKS for kind in kinds]
        if operator in "+-" and Kind.DURATION in kinds and any(moments):
            moment, duration = (left, right) if moments[0] else (right, left)
            sign: Element = sa.literal_column("1" if operator == "+" else "-1")
            return sa.func.dorm_shift(moment.sql, duration.sql.op("*")(sign))
        if operator == "-" and all(moments):
            return sa.func.dorm_difference(left.sql, right.sql)
        if operator == "%" and not {Kind.FLOAT, Kind.DECIMAL}.isdisjoint(kinds):
            return sa.func.mod(left.sql, right.sql)
        if operator == "/" and kind_of(field) is Kind.DECIMAL:
            return left.sql.op("*")(sa.literal_column("1.0")).self_group().op("/")(Grouping(right.sql))
        return None

    def round(self, element: Element, precision: Element, field: Typed | None) -> Element:
        return sa.func.dorm_round(element, precision)

    def extreme(self, name: str, elements: list[Element]) -> Element:
        return getattr(sa.func, {"greatest": "max", "least": "min"}[name])(*elements)

    def spread(self, name: str, element: Element) -> Element:
        return getattr(sa.func, name)(element)

    def cast(self, element: Element, source: Typed | None, field: Any) -> Element:
        """A cast; dates, decimals and booleans are stored as other types."""
        kind = kind_of(field)
        if kind is Kind.DATETIME is kind_of(source):
            return sa.type_coerce(element, field.sql_type())
        if kind in CLOCKS:
            return sa.type_coerce(_stored(sa.func.strftime(_cast_format(kind), element)), field.sql_type())
        if kind is Kind.DECIMAL:
            if field.decimal_places is not None:
                element = sa.func.round(element, sa.literal_column(str(int(field.decimal_places))))
            return sa.type_coerce(sa.cast(element, sa.Numeric()), field.sql_type())
        if kind is Kind.BOOLEAN:
            return sa.cast(element, sa.Integer()) != sa.literal_column("0")
        if kind is Kind.TEXT and source is not None:
            return sa.type_coerce(self.as_text(element, source), field.sql_type())
        return sa.cast(element, field.sql_type())

    def computed_decimal(self, element: Element) -> Element:
        # a float here: 13.05 may be 13.049999999999999, so compare it the way it is read
        return sa.func.dorm_decimal(element, type_=element.type)

    def now(self, use_tz: bool) -> Element:
        # SQLite's 'now' is stable within one statement, a registered function is not; padded to the stored form
        return _stored(sa.func.strftime(_cast_format(Kind.DATETIME), sa.literal_column("'now'")))

    def midnight(self, element: Element) -> Element:
        return element.op("||", return_type=sa.Text())(sa.literal_column("' 00:00:00'")).self_group()

    def date_part(self, part: str, element: Element, zone: str | None, duration: bool) -> Element:
        text: Element = sa.literal_column(f"'{part}'")
        name = sa.literal_column("NULL") if zone is None else sa.literal(zone)
        return sa.func.dorm_date_part(text, element, name, type_=_INTEGER)

    def date_trunc(self, unit: str, element: Element, kind: Kind, zone: str | None) -> Element:
        name = sa.literal_column("NULL") if zone is None else sa.literal(zone)
        return sa.func.dorm_date_trunc(sa.literal_column(f"'{unit}'"), element, sa.literal_column(f"'{kind}'"), name)

    def member(self, left: Element, bound: Bound, item: SqlType) -> Element:
        binary = isinstance(getattr(item, "impl", item), sa.LargeBinary)
        if binary:
            # hex(NULL) is an empty text
            left = sa.case((left.is_not(None), sa.func.hex(left)))
        listed = sa.func.json_each(bound(JsonList(item, _hexadecimal if binary else None)))
        values = listed.table_valued("value", name=None)
        return left.in_(sa.select(values.c.value).correlate(None))

    def insert(self, table: sa.Table) -> sa.Insert:
        return sqlite.insert(table)

    def lock(self, select: Selecting, lock: Lock, of: list[sa.FromClause]) -> Selecting:
        flags = dict(zip(("no_wait", "skip_locked", "no_key", "of"), lock, strict=True))
        for flag, value in flags.items():
            if value:
                raise UnsupportedFeature(
                    self.database,
                    f"select_for_update({flag}={value!r}), because it locks files",
                    "leave it out there, and a transaction waits for its turn",
                )
        return select

    def explain(self, analyze: bool, format: str | None, options: dict[str, bool]) -> str:
        if format is not None and format.lower() != "text":
            raise unknown_format(format, "SQLite", ("text",))
        if options:
            raise unknown_options(options, "SQLite", ())
        # SQLite shows a plan only, it does not measure
        return "EXPLAIN QUERY PLAN"

    def plan_text(self, rows: Rows) -> str:
        """The steps, each indented below the one that it belongs to."""
        depth: dict[object, int] = {}
        lines = []
        for identifier, parent, _, detail in rows:
            depth[identifier] = depth.get(parent, -1) + 1
            lines.append("  " * depth[identifier] + detail)
        return "\n".join(lines)


def _hexadecimal(value: Any) -> str | None:
    return None if value is None else bytes(value).hex().upper()


def _stored(text: Element) -> Element:
    """The stored form has six digits of a second, or none."""
    return sa.func.replace(text, sa.literal_column("'.000000'"), sa.literal_column("''"))


def _cast_format(kind: Kind) -> Element:
    formats = {Kind.DATETIME: "%Y-%m-%d %H:%M:%f000", Kind.DATE: "%Y-%m-%d", Kind.TIME: "%H:%M:%f000"}
    return sa.literal_column(f"'{formats[kind]}'")
