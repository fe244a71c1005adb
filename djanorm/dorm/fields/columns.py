"""Plain column types that differ between databases: what a column holds, and its standard type.

Each dialect names the type that it gives such a column (``Spelling.column_type``). Everything here is data for DDL and casts;
conversions of values ask the ``Features`` record (``fields/types.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from dorm.dialects.columns import ColumnType, UnsupportedArray
from dorm.dialects.contract import Column
from dorm.dialects.kinds import Kind


def integer_column(plain: TypeEngine[Any]) -> TypeEngine[Any]:
    """An integer of the width of ``plain``."""
    return ColumnType(Column(Kind.INTEGER, plain))


def float_column() -> TypeEngine[Any]:
    """A floating point number of double precision."""
    return ColumnType(Column(Kind.FLOAT, sa.Double()))


def boolean_column() -> TypeEngine[Any]:
    """A truth value."""
    return ColumnType(Column(Kind.BOOLEAN, sa.Boolean()))


def json_column() -> TypeEngine[Any]:
    """A JSON document."""
    return ColumnType(Column(Kind.JSON, sa.JSON()))


def uuid_column() -> TypeEngine[Any]:
    """A UUID."""
    return ColumnType(Column(Kind.UUID, sa.Uuid()))


def interval_column() -> TypeEngine[Any]:
    """A duration."""
    return ColumnType(Column(Kind.DURATION, sa.Interval()))


def address_column() -> TypeEngine[Any]:
    """An IPv4 or IPv6 address."""
    return ColumnType(Column(Kind.ADDRESS, sa.String(39)))


def caseless_column() -> TypeEngine[Any]:
    """Text that is compared without case."""
    return ColumnType(Column(Kind.TEXT, sa.Text(), caseless=True))


def enum_column(values: Sequence[str], name: str, plain: TypeEngine[Any]) -> TypeEngine[Any]:
    """An enumeration, by a type of its own called ``name`` where the database has such types."""
    return ColumnType(Column(Kind.ENUM, plain, values=tuple(values), type_name=name))


def array_column(item: TypeEngine[Any], dimensions: int) -> TypeEngine[Any]:
    """An array of ``item``; DDL raises ``NotSupportedError`` where there are no arrays."""
    return ColumnType(Column(Kind.ARRAY, UnsupportedArray(), item=item, dimensions=dimensions))
