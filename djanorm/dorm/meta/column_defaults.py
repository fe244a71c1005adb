"""Column defaults (``db_default``) as DDL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dorm.constraints import compile_expression
from dorm.dialects.features import Features
from dorm.dialects.sql import hooks_for
from dorm.expressions.base import Expression
from dorm.fields.types import StoredType

if TYPE_CHECKING:
    from dorm.fields.base import Field
    from dorm.meta.options import Options


def server_default(options: Options, field: Field, features: Features) -> Any:
    """The column's DEFAULT: an element that renders as literal SQL, or None when the field has no ``db_default``."""
    if not field.has_db_default():
        return None
    given = field.db_default
    if isinstance(given, Expression):
        nowhere = sa.Table("nowhere", sa.MetaData(info={"features": features}))
        # a DEFAULT other than a literal is put in parentheses: SQLite always requires them, PostgreSQL around operators
        return sa.DefaultClause(
            sa.type_coerce(compile_expression(options, given, nowhere), field.plain_type()).self_group()
        )
    return literal_default(field.sql_type(), field.get_prep_value(given), features)


def literal_default(stored: object, value: object, features: Features) -> object:
    """A plain value, stored the way ``stored`` stores it, as literal SQL."""
    if value is None:
        return sa.text("NULL")
    if isinstance(stored, StoredType):
        encode = stored.encoder(features)
        value = value if encode is None else encode(value)
    if isinstance(value, bool):
        return sa.true() if value else sa.false()
    if isinstance(value, (int, float)):
        return sa.text(repr(value))
    if isinstance(value, bytes):
        return sa.text(hooks_for(features).binary_literal(value))
    # a colon would read as a parameter
    quoted = str(value).replace("'", "''").replace(":", "\\:")
    return sa.text(f"'{quoted}'")
