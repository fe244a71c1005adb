"""How a field is stored: the SQLAlchemy type of its column, and the type that binds and reads its values."""

from __future__ import annotations

from enum import Enum
from typing import Any, cast

from sqlalchemy.types import TypeEngine

from dorm.fields.types import CustomType, EnumType, SpelledType


class Stored:
    """The part of a field that knows columns."""

    concrete: bool
    model: Any
    choice_enum: type[Enum] | None
    _sql_types: dict[Any, TypeEngine[Any]]

    def get_db_prep_value(self, value: Any, connection: Any = None, prepared: bool = False) -> Any:
        """Hook for fields of the user's own: the driver's value."""
        return value if prepared else self.get_prep_value(value)

    def get_prep_value(self, value: Any) -> Any:
        raise NotImplementedError

    def column_type(self) -> TypeEngine[Any]:
        """The plain SQLAlchemy type of the column, for DDL and casts; databases that differ are variants of it."""
        raise NotImplementedError(f"{type(self).__name__} says no column type: define column_type() or db_type().")

    def stored_type(self) -> TypeEngine[Any]:
        """The type with its conversions; by default the plain column type."""
        return self.column_type()

    def storage_key(self) -> Any:
        """What the type depends on besides the field itself (settings); types are cached under it."""
        return None

    def sql_type(self) -> TypeEngine[Any]:
        """The SQLAlchemy type that binds and reads this field's values; cached."""
        key = (self.is_free, self.storage_key())
        made = self._sql_types.get(key)
        if made is None:
            made = self._sql_types[key] = self._build_sql_type()
        return made

    @property
    def is_free(self) -> bool:
        """Whether the field belongs to no model, as the output field of an expression does: its values are computed."""
        return self.model is None

    def expression_type(self) -> TypeEngine[Any]:
        """The type of a computed value with this field as its output; like :meth:`sql_type` unless precision matters."""
        return self.sql_type()

    def _build_sql_type(self) -> TypeEngine[Any]:
        made = self._own_column_type() or self.stored_type()
        if self.choice_enum is not None and not isinstance(made, EnumType):
            made = EnumType(made, self.choice_enum)
        if type(self).get_db_prep_value is not Stored.get_db_prep_value:
            made = CustomType(self.plain_type(), self._user_encoder, inner=made)
        return made

    def _user_encoder(self, value: Any) -> Any:
        return self.get_db_prep_value(value, connection=None, prepared=True)

    def _own_column_type(self) -> TypeEngine[Any] | None:
        """The type from a ``db_type()`` that a user's class overrides: SQL text or a SQLAlchemy type."""
        if type(self).db_type is Stored.db_type:
            return None
        own = cast(Any, self.db_type(None))
        if own is None:
            return None
        if isinstance(own, str):
            return SpelledType(own)
        return cast("TypeEngine[Any]", own() if isinstance(own, type) else own)

    def plain_type(self) -> TypeEngine[Any]:
        """The column's type without conversions (DDL, comparison of schemas)."""
        return self._own_column_type() or self.column_type()

    def db_type(self, connection: Any = None) -> str | None:
        """The column type as SQL text for a session or SQLAlchemy dialect; None for fields without a column.

        A field of the user's own may override it with text or a SQLAlchemy type (FLD-12).
        """
        if not self.concrete:
            return None
        dialect = getattr(connection, "dialect", connection)
        return self.column_type().compile(dialect=dialect)

    def rel_db_type(self, connection: Any = None) -> str | None:
        """The type of a column that refers to this one."""
        dialect = getattr(connection, "dialect", connection)
        return self.reference_type().compile(dialect=dialect)

    def reference_type(self) -> TypeEngine[Any]:
        """The plain type of a column that refers to this one; automatic keys give their integer type."""
        return self.plain_type()
