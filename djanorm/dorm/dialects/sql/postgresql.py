"""PostgreSQL's spelling."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql import operators
from sqlalchemy.sql.operators import OperatorType

from dorm.dialects.base import TIME_UNITS
from dorm.dialects.columns import ColumnType
from dorm.dialects.contract import Bound, Column, IndexParts, Lock, Operand, Selecting, Typed
from dorm.dialects.elements import Element, SqlType
from dorm.dialects.kinds import Kind
from dorm.dialects.sql.base import JsonText, SqlHooks, kind_of, kinds_of, unknown_format, unknown_options

_PARTS = {
    "year": "year",
    "iso_year": "isoyear",
    "quarter": "quarter",
    "month": "month",
    "week": "week",
    "day": "day",
    "hour": "hour",
    "minute": "minute",
    "second": "second",
    "week_day": "dow",
    "iso_week_day": "isodow",
}
_JSONB = postgresql.JSONB(none_as_null=True)
_COLUMNS: dict[Kind, SqlType] = {Kind.JSON: postgresql.JSONB(), Kind.ADDRESS: postgresql.INET()}
_IMPOSSIBLE = re.compile("[\0\ud800-\udfff]")
_UNSAFE = re.compile(r"[^A-Za-z0-9_]")
_WRITTEN_AS_TEXT = (
    postgresql.INET, postgresql.CIDR, postgresql.MACADDR, postgresql.HSTORE, postgresql.CITEXT, postgresql.ENUM,
    postgresql.ranges.AbstractRange,
)  # fmt: skip
_PLAN_FORMATS = ("text", "json", "yaml", "xml")
_PLAN_OPTIONS = (
    "buffers", "costs", "generic_plan", "memory", "serialize", "settings", "summary", "timing", "verbose", "wal",
)  # fmt: skip
# kind of a value that has an order -> its name for jsonb_typeof()
_ORDERED = {"number": "number", "text": "string", "boolean": "boolean"}


def _text(value: str) -> Element:
    return sa.literal(value, sa.Text()) if ":" in value or "%" in value else sa.literal_column(f"'{_quoted(value)}'")


def _quoted(value: str) -> str:
    return value.replace("'", "''")


def _at(element: Element, zone: str) -> Element:
    # PostgreSQL reads an offset given as text in POSIX style, with the opposite sign
    kind = "INTERVAL " if zone[0] in "+-" else ""
    return element.op("AT TIME ZONE")(sa.literal_column(f"{kind}'{_quoted(zone)}'")).self_group()


def _moment(local: Element, zone: str) -> Element:
    """The first moment at which the clocks of a zone show ``local``; of two, the database itself takes the second."""
    last = _at(local, zone)
    if zone == "UTC" or zone[0] in "+-":
        return last
    day: Element = sa.literal_column("INTERVAL '24 hours'")
    by_the_clock_before = _at(local.op("-")(day).self_group(), zone).op("+")(day).self_group()
    return sa.case((_at(by_the_clock_before, zone) == local, by_the_clock_before), else_=last)


def _key(text: str) -> str:
    """A text literal in which everything but ASCII letters, digits and underscores is escaped.

    For text that PostgreSQL cannot store it is NULL, a path that matches nothing.
    """
    if _IMPOSSIBLE.search(text):
        return "NULL"
    return "E'" + _UNSAFE.sub(lambda found: f"\\U{ord(found[0]):08X}", text) + "'"


def _is_kind(value: Element, kind: str) -> Element:
    return sa.func.jsonb_typeof(value) == _text(_ORDERED[kind])


class JsonTexts(sa.types.TypeDecorator[object]):
    """Binds a list of Python values as an array of the texts of JSON values."""

    impl = postgresql.ARRAY(sa.Text())
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        return [json.dumps(item) for item in value]


class _NamedType(sa.types.UserDefinedType[object]):
    """A type by its name in SQL, without any conversion."""

    cache_ok = False

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: object) -> str:
        return self.name


class PostgresqlHooks(SqlHooks):
    """PostgreSQL 13 and later."""

    def column_type(self, column: Column) -> SqlType:
        """The types that standard SQL does not have."""
        if column.caseless:
            return postgresql.CITEXT()
        if column.kind is Kind.ENUM and column.type_name:
            return postgresql.ENUM(*column.values, name=column.type_name)
        if column.kind is Kind.ARRAY and column.item is not None:
            item = self.column_type(column.item.column) if isinstance(column.item, ColumnType) else column.item
            return postgresql.ARRAY(item, dimensions=column.dimensions)
        return _COLUMNS.get(column.kind, column.plain)

    def index_arguments(self, parts: IndexParts) -> Mapping[str, object]:
        found = {
            "where": parts.condition,
            "include": list(parts.include) or None,
            "ops": dict(parts.operator_classes) if parts.operator_classes else None,
            "using": parts.method,
            "nulls_not_distinct": parts.nulls_distinct is False or None,
        }
        return {f"postgresql_{name}": value for name, value in found.items() if value is not None}

    def exclusion_constraint(
        self,
        pairs: Sequence[tuple[Element, str]],
        method: str,
        condition: Element | None,
        options: Mapping[str, object],
    ) -> postgresql.ExcludeConstraint:
        return postgresql.ExcludeConstraint(*pairs, using=method, where=condition, **options)

    def binary_literal(self, value: bytes) -> str:
        return f"'\\x{value.hex()}'"

    def table_exists(self, table: str) -> tuple[str, tuple[object, ...]]:
        return "SELECT 1 WHERE to_regclass(quote_ident(%s)) IS NOT NULL", (table,)

    def table_columns(self, table: str) -> tuple[str, tuple[object, ...]]:
        sql = (
            "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid), "
            "COALESCE(a.attnum = ANY(i.indkey), false) FROM pg_attribute a "
            "LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
            "LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary "
            "WHERE a.attrelid = to_regclass(quote_ident(%s)) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
        )
        return sql, (table,)

    def as_text(self, element: Element, field: Typed | None) -> Element:
        # the text form of a network address ends with its mask
        if kind_of(field) is Kind.ADDRESS:
            return sa.func.host(element)
        return super().as_text(element, field)

    def text_function(self, name: str, arguments: list[Element]) -> Element:
        """A function of text by its name here."""
        if name == "trim":
            name = "btrim"
        return getattr(sa.func, name)(*arguments)

    def number_function(self, name: str, arguments: list[Element]) -> Element:
        """A function of numbers by its name here."""
        if name in ("log", "mod"):
            arguments = [sa.cast(argument, sa.Numeric()) for argument in arguments]
        return getattr(sa.func, name)(*arguments)

    def arithmetic(self, operator: str, left: Operand, right: Operand, field: Typed | None) -> Element | None:
        if operator == "^":
            return sa.func.power(left.sql, right.sql)
        if operator in ("<<", ">>"):
            # the number of places is an integer of four bytes there, and one of eight is shifted as elsewhere
            return sa.cast(left.sql, sa.BigInteger()).op(operator)(sa.cast(right.sql, sa.Integer()))
        kinds = kinds_of(left, right)
        if operator == "%" and Kind.FLOAT in kinds:
            remainder = sa.func.mod(sa.cast(left.sql, sa.Numeric()), sa.cast(right.sql, sa.Numeric()))
            return sa.cast(remainder, sa.Double())
        if operator == "-" and kinds == (Kind.DATE, Kind.DATE):
            # two dates differ by a number of days there; here by a duration
            days = left.sql.op("-", return_type=sa.Integer())(right.sql)
            return sa.func.make_interval(sa.literal_column("0"), sa.literal_column("0"), sa.literal_column("0"), days)
        return None

    def of_type(self, element: Element, type_: SqlType) -> Element:
        plain = getattr(type_, "plain", type_)
        if isinstance(plain, ColumnType):
            plain = self.column_type(plain.column)
        if isinstance(plain, _WRITTEN_AS_TEXT):
            # PostgreSQL reads two untyped parameters next to each other as text
            return sa.cast(element, type_)
        return super().of_type(element, type_)

    def round(self, element: Element, precision: Element, field: Typed | None) -> Element:
        return sa.func.round(sa.cast(element, sa.Numeric()), precision)

    def averaged(self, element: Element, floating: bool) -> Element:
        return sa.cast(element, sa.Double()) if floating else element

    def now(self, use_tz: bool) -> Element:
        now = sa.func.statement_timestamp()
        return now if use_tz else now.op("AT TIME ZONE")(sa.literal_column("'UTC'"))

    def date_part(self, part: str, element: Element, zone: str | None, duration: bool) -> Element:
        element = self._local(element, zone)
        found: Element = sa.func.date_part(sa.literal_column(f"'{_PARTS[part]}'"), element)
        if part == "second":
            found = sa.func.floor(found)
        found = sa.cast(found, sa.Integer())
        return found + sa.literal_column("1") if part == "week_day" else found

    def date_trunc(self, unit: str, element: Element, kind: Kind, zone: str | None) -> Element:
        moment, element = element, self._local(element, zone)
        if unit == "date":
            return sa.cast(element, sa.Date())
        if unit == "time":
            return sa.cast(element, sa.Time())
        if kind is Kind.TIME:
            base = sa.cast(sa.literal_column("'2000-01-01'"), sa.Date()).op("+")(sa.cast(element, sa.Time()))
            return sa.cast(sa.func.date_trunc(sa.literal_column(f"'{unit}'"), base), sa.Time())
        found: Element = sa.func.date_trunc(sa.literal_column(f"'{unit}'"), element)
        if kind is Kind.DATE:
            return sa.cast(found, sa.Date())
        if zone and unit in TIME_UNITS:
            # an hour that comes twice when clocks are put back stays two hours
            return moment.op("-")(element.op("-")(found).self_group())
        return _moment(found, zone) if zone else found

    @staticmethod
    def _local(element: Element, zone: str | None) -> Element:
        return _at(element, zone) if zone else element

    def member(self, left: Element, bound: Bound, item: SqlType) -> Element:
        return left == sa.any_(bound(postgresql.ARRAY(item)))

    @staticmethod
    def _steps(keys: tuple[str, ...]) -> Element:
        """The keys as literal text: to GROUP BY and ORDER BY, two parameters are never the same expression."""
        return sa.literal_column(f"ARRAY[{', '.join(map(_key, keys))}]::text[]")

    def json_value(self, document: Element, keys: tuple[str, ...]) -> Element:
        return document.op("#>", return_type=_JSONB)(self._steps(keys)) if keys else document

    def json_form(self, document: Element, keys: tuple[str, ...], form: str) -> Element:
        """A value inside a document as a number, a boolean or a string when it is one; with "any" as text in any case."""
        text = document.op("#>>", return_type=sa.Text())(self._steps(keys))
        if form == "any":
            return text
        types: dict[str, Any] = {"number": sa.Numeric(), "text": None, "boolean": sa.Boolean()}
        value = text if types[form] is None else sa.cast(text, types[form])
        return sa.case((_is_kind(self.json_value(document, keys), form), value))

    def json_is_null(self, document: Element, keys: tuple[str, ...]) -> Element:
        kind = sa.func.jsonb_typeof(self.json_value(document, keys))
        return kind.is_not_distinct_from(sa.literal_column("'null'"))

    def json_present(self, document: Element, keys: tuple[str, ...]) -> Element:
        return self.json_value(document, keys).is_not(None)

    def json_compare(
        self, document: Element, keys: tuple[str, ...], kind: str, operate: OperatorType, bound: Bound
    ) -> Element:
        """Equality of JSONB compares kinds too, but its order spans kinds; a condition on the kind prevents that."""
        value = self.json_value(document, keys)
        condition = value.operate(operate, sa.cast(bound(JsonText()), _JSONB))
        return condition if operate is operators.eq else sa.and_(_is_kind(value, kind), condition)

    def json_pair(self, left: Element, right: Element, operate: OperatorType, ordered: bool) -> Element:
        condition = left.operate(operate, right)
        if not ordered:
            return condition
        kinds = sa.func.jsonb_typeof(left), sa.func.jsonb_typeof(right)
        return sa.and_(kinds[0] == kinds[1], kinds[0].in_([_text(name) for name in _ORDERED.values()]), condition)

    def json_member(self, document: Element, keys: tuple[str, ...], bound: Bound) -> Element:
        # as texts: a list inside a list would be one more dimension of the array
        listed = sa.cast(bound(JsonTexts()), postgresql.ARRAY(postgresql.JSONB()))
        return self.json_value(document, keys) == sa.any_(listed)

    def json_equal(self, document: Element, other: Element) -> Element:
        return document == sa.cast(other, _JSONB)

    def json_contains(self, document: Element, part: Element) -> Element:
        return sa.cast(document, _JSONB).op("@>", is_comparison=True)(sa.cast(part, _JSONB))

    def json_has_key(self, document: Element, key: Element) -> Element:
        return sa.func.jsonb_exists(document, key)

    def typed_parameter(self, parameter: Element, type_: SqlType, dialect: sa.Dialect) -> Element:
        written_with_type = parameter.type.dialect_impl(dialect).render_bind_cast
        return parameter if written_with_type else sa.cast(parameter, type_)

    def arrays_as_rows(self, names: Sequence[str], types: Sequence[SqlType], dialect: sa.Dialect) -> sa.FromClause:
        kinds = [_NamedType(dialect.type_compiler_instance.process(type_)) for type_ in types]
        arrays = [sa.bindparam(name, type_=sa.ARRAY(kind)) for name, kind in zip(names, kinds, strict=True)]
        columns = [f"c{number}" for number in range(len(arrays))]
        return sa.func.unnest(*arrays).table_valued(*columns, with_ordinality="place", name="given").render_derived()

    # a row that ON CONFLICT updates was locked for that by this transaction, which leaves its number in the new version
    inserted = sa.literal_column("(xmax = 0)", sa.Boolean)

    def insert(self, table: sa.Table) -> sa.Insert:
        return postgresql.insert(table)

    def distinct_on(self, select: Selecting, columns: list[Element]) -> Selecting:
        return select.ext(postgresql.distinct_on(*columns))

    def lock(self, select: Selecting, lock: Lock, of: list[sa.FromClause]) -> Selecting:
        no_wait, skip_locked, key, _ = lock
        return select.with_for_update(nowait=no_wait, skip_locked=skip_locked, key_share=key, of=of or None)

    def explain(self, analyze: bool, format: str | None, options: dict[str, bool]) -> str:
        if format is not None and format.lower() not in _PLAN_FORMATS:
            raise unknown_format(format, "PostgreSQL", _PLAN_FORMATS)
        unknown = {name for name in options if name.lower() not in _PLAN_OPTIONS}
        if unknown:
            raise unknown_options(unknown, "PostgreSQL", ("analyze", *_PLAN_OPTIONS))
        parts = {"ANALYZE": True, "BUFFERS": True} if analyze else {}
        parts.update((name.upper(), value) for name, value in options.items())
        written = [name if value else f"{name} FALSE" for name, value in parts.items()]
        if format is not None:
            written.append(f"FORMAT {format.upper()}")
        return f"EXPLAIN ({', '.join(written)})" if written else "EXPLAIN"
