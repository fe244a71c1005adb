"""Plain column types that differ between databases: the SQLAlchemy type, and its variants by SQLAlchemy's dialect names.

One place, so that the fields themselves name no database. Everything here is data for DDL and casts; conversions of values
ask the ``Features`` record (``fields/types.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

POSTGRESQL = "postgresql"
SQLITE = "sqlite"


class UnsupportedArray(sa.types.UserDefinedType[Any]):
    """Stands in for an array where the database has none: compiling its DDL raises."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        raise NotImplementedError(
            "ArrayField needs a database with arrays, such as PostgreSQL; use JSONField elsewhere."
        )


def integer_column(plain: TypeEngine[Any]) -> TypeEngine[Any]:
    """An integer of any width; INTEGER on SQLite, where only that name makes an automatic row number."""
    return plain.with_variant(sa.Integer(), SQLITE)


def float_column() -> TypeEngine[Any]:
    """DOUBLE PRECISION; REAL on SQLite, which is as wide there."""
    return sa.Double().with_variant(sa.REAL(), SQLITE)


def boolean_column() -> TypeEngine[Any]:
    """BOOLEAN; INTEGER on SQLite."""
    return sa.Boolean().with_variant(sa.Integer(), SQLITE)


def json_column() -> TypeEngine[Any]:
    """JSONB; TEXT on SQLite, where a column declared JSON would turn the text ``123`` into a number."""
    return sa.JSON().with_variant(postgresql.JSONB(), POSTGRESQL).with_variant(sa.Text(), SQLITE)


def uuid_column() -> TypeEngine[Any]:
    """UUID; 36 characters on SQLite."""
    return sa.Uuid().with_variant(sa.String(36), SQLITE)


def interval_column() -> TypeEngine[Any]:
    """INTERVAL; integer microseconds on SQLite."""
    return sa.Interval().with_variant(sa.BigInteger(), SQLITE)


def address_column() -> TypeEngine[Any]:
    """INET on PostgreSQL; text elsewhere."""
    return sa.String(39).with_variant(postgresql.INET(), POSTGRESQL)


def caseless_column() -> TypeEngine[Any]:
    """CITEXT on PostgreSQL; text with a collation that folds ASCII on SQLite."""
    return sa.Text().with_variant(postgresql.CITEXT(), POSTGRESQL).with_variant(sa.Text(collation="NOCASE"), SQLITE)


def enum_column(values: Sequence[str], name: str, plain: TypeEngine[Any]) -> TypeEngine[Any]:
    """A named enumeration type on PostgreSQL; ``plain`` elsewhere."""
    return plain.with_variant(postgresql.ENUM(*values, name=name), POSTGRESQL)


def array_column(item: TypeEngine[Any], dimensions: int) -> TypeEngine[Any]:
    """An array of ``item`` on PostgreSQL; elsewhere a type whose DDL raises ``NotImplementedError``."""
    native = item._variant_mapping.get(POSTGRESQL, item)
    return UnsupportedArray().with_variant(postgresql.ARRAY(native, dimensions=dimensions), POSTGRESQL)
