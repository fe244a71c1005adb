"""PostgreSQL's spelling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from dorm.dialects.sql.base import SqlHooks, is_kind, names_of
from dorm.exceptions import NotSupportedError

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


def _text(value: str) -> Any:
    return sa.literal(value, sa.Text()) if ":" in value or "%" in value else sa.literal_column(f"'{_quoted(value)}'")


def _quoted(value: str) -> str:
    return value.replace("'", "''")


class PostgresqlHooks(SqlHooks):
    """PostgreSQL 13 and later."""

    def as_text(self, element: Any, field: Any) -> Any:
        # the text of an address of the network ends with its mask
        if is_kind(field, "GenericIPAddressField"):
            return sa.func.host(element)
        return super().as_text(element, field)

    def text_function(self, name: str, arguments: list[Any]) -> Any:
        """A function of text by its name here."""
        if name == "trim":
            name = "btrim"
        return getattr(sa.func, name)(*arguments)

    def number_function(self, name: str, arguments: list[Any]) -> Any:
        """A function of numbers by its name here."""
        if name in ("log", "mod"):
            arguments = [sa.cast(argument, sa.Numeric()) for argument in arguments]
        return getattr(sa.func, name)(*arguments)

    def arithmetic(self, operator: str, left: Any, right: Any, field: Any) -> Any:
        if operator == "^":
            return sa.func.power(left.sql, right.sql)
        names = names_of(left, right)
        if operator == "%" and "FloatField" in names:
            remainder = sa.func.mod(sa.cast(left.sql, sa.Numeric()), sa.cast(right.sql, sa.Numeric()))
            return sa.cast(remainder, sa.Double())
        if operator == "-" and names == ("DateField", "DateField"):
            # two dates differ by a number of days there; here by a duration
            days = left.sql.op("-", return_type=sa.Integer())(right.sql)
            return sa.func.make_interval(sa.literal_column("0"), sa.literal_column("0"), sa.literal_column("0"), days)
        return None

    def round(self, element: Any, precision: Any, field: Any) -> Any:
        return sa.func.round(sa.cast(element, sa.Numeric()), precision)

    def averaged(self, element: Any, floating: bool) -> Any:
        return sa.cast(element, sa.Double()) if floating else element

    def now(self, use_tz: bool) -> Any:
        now = sa.func.statement_timestamp()
        return now if use_tz else now.op("AT TIME ZONE")(sa.literal_column("'UTC'"))

    def date_part(self, part: str, element: Any, zone: str | None, duration: bool) -> Any:
        element = self._local(element, zone)
        found: Any = sa.func.date_part(sa.literal_column(f"'{_PARTS[part]}'"), element)
        if part == "second":
            found = sa.func.floor(found)
        found = sa.cast(found, sa.Integer())
        return found + sa.literal_column("1") if part == "week_day" else found

    def date_trunc(self, unit: str, element: Any, kind: str, zone: str | None) -> Any:
        element = self._local(element, zone)
        if unit == "date":
            return sa.cast(element, sa.Date())
        if unit == "time":
            return sa.cast(element, sa.Time())
        if kind == "time":
            base = sa.cast(sa.literal_column("'2000-01-01'"), sa.Date()).op("+")(sa.cast(element, sa.Time()))
            return sa.cast(sa.func.date_trunc(sa.literal_column(f"'{unit}'"), base), sa.Time())
        found: Any = sa.func.date_trunc(sa.literal_column(f"'{unit}'"), element)
        if kind == "date":
            return sa.cast(found, sa.Date())
        return found.op("AT TIME ZONE")(sa.literal_column(f"'{_quoted(zone)}'")) if zone else found

    @staticmethod
    def _local(element: Any, zone: str | None) -> Any:
        return element.op("AT TIME ZONE")(sa.literal_column(f"'{_quoted(zone)}'")) if zone else element

    def member(self, left: Any, bound: Callable[..., Any], item: Any) -> Any:
        return left == sa.any_(bound(postgresql.ARRAY(item)))

    def _steps(self, keys: tuple[str, ...]) -> Any:
        items = ",".join('"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"' for key in keys)
        return sa.literal("{" + items + "}", sa.Text()).op("::")(sa.literal_column("text[]"))

    def json_value(self, document: Any, keys: tuple[str, ...]) -> Any:
        return document.op("#>", return_type=_JSONB)(self._steps(keys))

    def json_form(self, document: Any, keys: tuple[str, ...], form: str) -> Any:
        """A value inside a document as text, or as a number when it is one."""
        text = document.op("#>>", return_type=sa.Text())(self._steps(keys))
        if form == "text":
            return text
        value = self.json_value(document, keys)
        is_number = sa.func.jsonb_typeof(value) == sa.literal_column("'number'")
        return sa.case((is_number, sa.cast(text, sa.Numeric())))

    def json_is_null(self, document: Any, keys: tuple[str, ...]) -> Any:
        return sa.func.jsonb_typeof(self.json_value(document, keys)) == sa.literal_column("'null'")

    def json_present(self, document: Any, keys: tuple[str, ...]) -> Any:
        return self.json_value(document, keys).is_not(None)

    def json_compare(
        self, document: Any, keys: tuple[str, ...], kind: str, operate: Any, bound: Callable[[Any], Any]
    ) -> Any:
        """Compare as JSONB, where kinds differ by themselves."""
        value = self.json_value(document, keys)
        other = bound(sa.JSON())
        return value.operate(operate, sa.cast(other, _JSONB))

    def json_equal(self, document: Any, other: Any) -> Any:
        return document == sa.cast(other, _JSONB)

    def json_has_key(self, document: Any, key: Any) -> Any:
        return sa.func.jsonb_exists(document, key)

    def insert(self, table: Any) -> Any:
        return postgresql.insert(table)

    def distinct_on(self, select: Any, columns: list[Any]) -> Any:
        return select.ext(postgresql.distinct_on(*columns))

    def lock(self, select: Any, lock: tuple[Any, ...], of: list[Any]) -> Any:
        no_wait, skip_locked, key, _ = lock
        return select.with_for_update(nowait=no_wait, skip_locked=skip_locked, key_share=key, of=of or None)

    def explain(self, sql: str, analyze: bool, format: str | None, verbose: bool) -> str:
        options = []
        if analyze:
            options += ["ANALYZE", "BUFFERS"]
        if verbose:
            options.append("VERBOSE")
        if format is not None:
            if format.lower() not in ("text", "json", "yaml", "xml"):
                raise NotSupportedError(f"EXPLAIN knows the formats text, json, yaml and xml, not {format!r}.")
            options.append(f"FORMAT {format.upper()}")
        return f"EXPLAIN ({', '.join(options)}) {sql}" if options else f"EXPLAIN {sql}"
