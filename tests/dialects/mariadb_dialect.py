"""A third dialect, built from the documented contract alone: MariaDB, which compiles and connects to nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects.mysql import mariadb
from sqlalchemy.types import TypeEngine

from dorm.conf.engines import Engine
from dorm.conf.entries import DatabaseSettings
from dorm.dialects.contract import Column, Connector, Dialect, Features, IndexParts, Typed, Version
from dorm.dialects.kinds import Kind
from dorm.dialects.sql.base import JsonText, SqlHooks
from dorm.exceptions import DatabaseError, UnsupportedFeature

FEATURES = Features(
    vendor="mariadb",
    display_name="MariaDB",
    native_uuid=False,
    native_json=False,
    native_arrays=False,
    native_boolean=False,
    native_decimal=True,
    native_datetime=True,
    native_interval=False,
    native_nan=False,
    max_parameters=65535,
    supports_returning=True,
    list_parameter=True,
    unnest_insert=False,
    update_from_values=False,
    distinct_on=False,
    joins_exists=False,
    names_shared_parameters=False,
    groups_by_outer_columns=False,
    row_locks=True,
    failed_statement_breaks_transaction=False,
    deferrable_constraints=False,
    identity_columns=False,
    add_foreign_key_later=True,
    extensions=False,
    covering_indexes=False,
    partial_indexes=False,
    expression_indexes=False,
    exclusion_constraints=False,
    nulls_not_distinct=False,
    pooled=True,
)
BEFORE_10_5 = replace(FEATURES, supports_returning=False)
PARTS = {
    "year": "year",
    "quarter": "quarter",
    "month": "month",
    "day": "day",
    "hour": "hour",
    "minute": "minute",
    "second": "second",
}
UNITS = {
    "year": "%Y-01-01 00:00:00", "month": "%Y-%m-01 00:00:00", "day": "%Y-%m-%d 00:00:00", "hour": "%Y-%m-%d %H:00:00",
    "minute": "%Y-%m-%d %H:%i:00", "second": "%Y-%m-%d %H:%i:%s",
}  # fmt: skip
NAMES = {"strpos": "instr", "chr": "char", "random": "rand", "btrim": "trim"}

_Base: Any = mariadb.loader("pymysql")


class _Compiler(_Base.statement_compiler):
    """What SQLAlchemy's compiler says for MySQL, and MariaDB does not know."""

    def visit_funcfilter(self, funcfilter: Any, **options: Any) -> str:
        call = funcfilter.func
        argument = next(iter(call.clauses))
        distinct = getattr(argument, "operator", None) is sa.sql.operators.distinct_op
        inner = argument.element if distinct else argument
        chosen = sa.case((funcfilter.criterion, inner))
        return self.process(getattr(sa.func, call.name)(chosen.distinct() if distinct else chosen), **options)

    def visit_nulls_first_op_unary_modifier(self, unary: Any, operator: Any, **options: Any) -> str:
        return self._nulls(unary, "DESC", options)

    def visit_nulls_last_op_unary_modifier(self, unary: Any, operator: Any, **options: Any) -> str:
        return self._nulls(unary, "ASC", options)

    def _nulls(self, unary: Any, direction: str, options: dict[str, Any]) -> str:
        bare = self.process(unary.element.element, **options)
        return f"{bare} IS NULL {direction}, {self.process(unary.element, **options)}"


class _Types(_Base.type_compiler_cls):
    """Moments have microseconds."""

    def visit_DATETIME(self, type_: Any, **options: Any) -> str:
        return "DATETIME(6)"

    def visit_TIME(self, type_: Any, **options: Any) -> str:
        return "TIME(6)"


class _SQLAlchemy(_Base):
    statement_compiler = _Compiler
    type_compiler_cls = _Types
    supports_statement_cache = True
    insert_returning = True


class MariaDBSpelling(SqlHooks):
    """MariaDB 10.6 and later."""

    def column_type(self, column: Column) -> TypeEngine[Any]:
        own: dict[Kind, TypeEngine[Any]] = {
            Kind.UUID: sa.CHAR(36),
            Kind.DURATION: sa.BigInteger(),
            Kind.JSON: mysql.LONGTEXT(),
            Kind.BOOLEAN: mysql.TINYINT(1),
        }
        return own.get(column.kind, column.plain)

    def index_arguments(self, parts: IndexParts) -> Mapping[str, object]:
        return {} if parts.method is None else {"mysql_using": parts.method}

    def as_text(self, element: Any, field: Typed | None) -> Any:
        return sa.cast(element, sa.CHAR())

    def matches(self, text: Any, right: Any, position: str, ignore_case: bool) -> Any:
        part = right.text()
        if ignore_case:
            text, part = sa.func.lower(text), sa.func.lower(part)
        if position == "any":
            return sa.func.locate(part, text) > sa.literal_column("0")
        side = sa.func.left if position == "start" else sa.func.right
        return side(text, sa.func.char_length(part)) == part

    def regex(self, text: Any, pattern: Any, ignore_case: bool) -> Any:
        flag = sa.literal_column("'(?i)'" if ignore_case else "'(?-i)'")
        return text.op("REGEXP", is_comparison=True)(sa.func.concat(flag, pattern))

    def text_function(self, name: str, arguments: list[Any]) -> Any:
        return getattr(sa.func, NAMES.get(name, name))(*arguments)

    number_function = text_function

    def arithmetic(self, operator: str, left: Any, right: Any, field: Typed | None) -> Any:
        return sa.func.power(left.sql, right.sql) if operator == "^" else None

    def random(self) -> Any:
        return sa.func.rand()

    def now(self, use_tz: bool) -> Any:
        return sa.func.utc_timestamp(sa.literal_column("6"))

    def date_part(self, part: str, element: Any, zone: str | None, duration: bool) -> Any:
        if part == "week":
            return sa.func.week(element, sa.literal_column("3"))
        if part == "week_day":
            return sa.func.dayofweek(element)
        if part not in PARTS:
            raise self.unsupported(f"the part {part!r} of dates", "read the part in Python")
        return sa.extract(PARTS[part], self._local(element, zone))

    def date_trunc(self, unit: str, element: Any, kind: Kind, zone: str | None) -> Any:
        element = self._local(element, zone)
        if unit in ("date", "time"):
            return getattr(sa.func, unit)(element)
        if unit not in UNITS:
            raise self.unsupported(f"cutting moments down to a {unit}", "compare with the bounds of the unit")
        found = sa.func.date_format(element, sa.literal_column(f"'{UNITS[unit]}'"))
        return sa.cast(found, sa.Date() if kind is Kind.DATE else sa.DateTime())

    @staticmethod
    def _local(element: Any, zone: str | None) -> Any:
        return element if zone is None else sa.func.convert_tz(element, sa.literal_column("'UTC'"), sa.literal(zone))

    def member(self, left: Any, bound: Callable[..., Any], item: Any) -> Any:
        text = isinstance(item, sa.String)
        return sa.func.json_contains(bound(JsonText()), sa.func.json_quote(left) if text else sa.cast(left, sa.CHAR()))

    def json_value(self, document: Any, keys: tuple[str, ...]) -> Any:
        return sa.func.json_extract(document, _path(keys)) if keys else document

    def json_form(self, document: Any, keys: tuple[str, ...], form: str) -> Any:
        return sa.func.json_unquote(self.json_value(document, keys))

    def json_present(self, document: Any, keys: tuple[str, ...]) -> Any:
        return sa.func.json_exists(document, _path(keys)) == sa.literal_column("1")

    def insert(self, table: Any) -> Any:
        return mysql.insert(table)

    def on_conflict(self, insert: Any, unique: Sequence[Any], updated: Sequence[str]) -> Any:
        if unique and not updated:
            raise self.unsupported("leaving rows alone by one of several unique keys", "name no unique fields")
        if updated:
            return insert.on_duplicate_key_update({name: insert.inserted[name] for name in updated})
        return insert.prefix_with("IGNORE")

    def lock(self, select: Any, lock: tuple[Any, ...], of: list[Any]) -> Any:
        no_wait, skip_locked, no_key, _ = lock
        if of or no_key:
            raise self.unsupported("select_for_update(of=…) and no_key", "lock all rows of the query")
        return select.with_for_update(nowait=no_wait, skip_locked=skip_locked)

    def explain(self, analyze: bool, format: str | None, options: dict[str, bool]) -> str:
        start = "ANALYZE" if analyze else "EXPLAIN"
        return start if format is None else f"{start} FORMAT={format.upper()}"


def _path(keys: tuple[str, ...]) -> Any:
    return sa.literal("$" + "".join(f"[{key}]" if key.isdigit() else f'."{key}"' for key in keys))


class MariaDB:
    """MariaDB, as far as it can be compiled for."""

    engine = Engine("mariadb", "MariaDB", schemes=("mariadb+pymysql",), port=3306, drivers=("pymysql",))

    def features(self, server_version: Version | None = None) -> Features:
        return BEFORE_10_5 if server_version is not None and server_version < (10, 5) else FEATURES

    def sqlalchemy_dialect(self) -> sa.Dialect:
        made = _SQLAlchemy(paramstyle="format")
        # what SQLAlchemy asks a server for when it first connects
        vars(made).update(server_version_info=(10, 6), default_schema_name="main", _connection_charset="utf8mb4")
        return made

    def spelling(self, features: Features) -> MariaDBSpelling:
        return MariaDBSpelling(features.display_name)

    def connector(self, settings: DatabaseSettings) -> Connector:
        raise UnsupportedFeature(
            "MariaDB", "a driver here", 'record its statements with dorm.testing.Recording("mariadb")'
        )

    def is_driver_error(self, error: BaseException) -> bool:
        return False

    is_transient = proves_not_run = means_closed = is_driver_error

    def translate(self, error: Any) -> DatabaseError:
        return DatabaseError(str(error))


DIALECT: Dialect = MariaDB()
