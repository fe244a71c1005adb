"""Plain column types that differ between databases: what a column holds, and its standard type.

Each dialect names the type that it gives such a column (``Spelling.column_type``). Everything here is data for DDL and casts;
conversions of values ask the ``Features`` record (``fields/types.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dorm.dialects.columns import ColumnType, UnsupportedArray
from dorm.dialects.kinds import Kind
from dorm.utils.lazy import lazy_import

if TYPE_CHECKING:
    from dorm.dialects import contract
else:
    contract = lazy_import("dorm.dialects.contract", globals())

if TYPE_CHECKING:
    from dorm.dialects.elements import SqlType


def integer_column(plain: SqlType) -> SqlType:
    """An integer of the width of ``plain``."""
    return ColumnType(contract.Column(Kind.INTEGER, plain))


def float_column() -> SqlType:
    """A floating point number of double precision."""
    return ColumnType(contract.Column(Kind.FLOAT, sa.Double()))


def boolean_column() -> SqlType:
    """A truth value."""
    return ColumnType(contract.Column(Kind.BOOLEAN, sa.Boolean()))


def json_column() -> SqlType:
    """A JSON document."""
    return ColumnType(contract.Column(Kind.JSON, sa.JSON()))


def uuid_column() -> SqlType:
    """A UUID."""
    return ColumnType(contract.Column(Kind.UUID, sa.Uuid()))


def interval_column() -> SqlType:
    """A duration."""
    return ColumnType(contract.Column(Kind.DURATION, sa.Interval()))


def address_column() -> SqlType:
    """An IPv4 or IPv6 address."""
    return ColumnType(contract.Column(Kind.ADDRESS, sa.String(39)))


def caseless_column() -> SqlType:
    """Text that is compared without case."""
    return ColumnType(contract.Column(Kind.TEXT, sa.Text(), caseless=True))


def enum_column(values: Sequence[str], name: str, plain: SqlType) -> SqlType:
    """An enumeration, by a type of its own called ``name`` where the database has such types."""
    return ColumnType(contract.Column(Kind.ENUM, plain, values=tuple(values), type_name=name))


def array_column(item: SqlType, dimensions: int) -> SqlType:
    """An array of ``item``; DDL raises ``NotSupportedError`` where there are no arrays."""
    return ColumnType(contract.Column(Kind.ARRAY, UnsupportedArray(), item=item, dimensions=dimensions))
