"""Column types that each dialect spells in its own way, asked for when a statement is compiled for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Dialect as SQLAlchemyDialect
from sqlalchemy import Enum
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

from dorm.dialects.elements import SqlType
from dorm.exceptions import UnsupportedFeature
from dorm.utils.lazy import lazy_import

if TYPE_CHECKING:
    from dorm.dialects import registry
    from dorm.dialects.contract import Column
else:
    registry = lazy_import("dorm.dialects.registry", globals())


class ColumnType(TypeDecorator[object]):
    """The type of a column whose name differs between databases: the dialect that compiles it names it.

    :param column: what the column holds, and its type for dialects that know nothing better.
    """

    impl: SqlType | type[SqlType] = TypeEngine
    cache_ok = True

    def __init__(self, column: Column) -> None:
        self.column = column
        # SQLAlchemy creates and drops the type of an enumeration with the tables that use it
        self.impl = Enum(*column.values, name=column.type_name) if column.type_name else column.plain

    def __repr__(self) -> str:
        return repr(self.column.plain)

    def load_dialect_impl(self, dialect: SQLAlchemyDialect) -> SqlType:
        spelling = registry.spelling_of(dialect)
        type_ = self.column.plain if spelling is None else spelling.column_type(self.column)
        if isinstance(type_, UnsupportedArray):
            return UnsupportedArray(registry.features_of(dialect).display_name)
        return type_

    def coerce_compared_value(self, op: OperatorType | None, value: object) -> SqlType:
        return self.column.plain.coerce_compared_value(op, value)


class UnsupportedArray(UserDefinedType[object]):
    """Stands for an array where there are none: asking for its DDL says so."""

    cache_ok = True

    def __init__(self, database: str = "This database") -> None:
        self.database = database

    def get_col_spec(self, **_: object) -> str:
        raise UnsupportedFeature(self.database, "arrays, which ArrayField needs", "use JSONField, or PostgreSQL")


def plain_type(type_: SqlType) -> SqlType:
    """The type by which Python code may decide what values a type gives: that of no database in particular."""
    return type_.column.plain if isinstance(type_, ColumnType) else type_


def resolved_type(type_: SqlType, dialect: SQLAlchemyDialect) -> SqlType:
    """The type itself, or the one that ``dialect`` gives such a column."""
    return type_.load_dialect_impl(dialect) if isinstance(type_, ColumnType) else type_
