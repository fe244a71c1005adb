"""How a field is stored: the SQLAlchemy type of its column, and the type that binds and reads its values."""

from __future__ import annotations

import inspect
import reprlib
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, cast

from sqlalchemy.types import TypeEngine

from dorm.db.masking import is_sensitive
from dorm.dialects.kinds import Kind
from dorm.exceptions import FinishedText, ValidationError
from dorm.fields.types import CustomType, EnumType, PreparedType, SpelledType
from dorm.utils.lazy import lazy_import

if TYPE_CHECKING:
    from dorm.dialects import registry
else:
    registry = lazy_import("dorm.dialects.registry", globals())

if TYPE_CHECKING:
    from dorm.dialects.elements import SqlType


class Stored:
    """The part of a field that knows columns."""

    #: What the values are to a database; inherited by every class made from this one.
    kind: Kind = Kind.OTHER
    concrete: bool
    model: Any
    pii: bool
    choice_enum: type[Enum] | None
    #: Whether a value of an instance may be one that the column cannot store.
    refuses_on_write: ClassVar[bool] = False
    name: str
    _hook_takes: tuple[str, ...] | None = None
    _sql_types: dict[Any, SqlType]

    def get_db_prep_value(self, value: Any, connection: object = None, prepared: bool = False) -> Any:
        """Hook for user-defined fields: returns the driver's value. An override may omit the last two parameters.

        :param connection: the SQLAlchemy dialect of the database, whose ``name`` tells which it is.
        """
        return value if prepared else self.get_prep_value(value)

    def get_prep_value(self, value: Any) -> Any:
        raise NotImplementedError

    @property
    def label(self) -> str:
        raise NotImplementedError

    def column_type(self) -> SqlType:
        """The plain SQLAlchemy type of the column, for DDL and casts; databases that differ are variants of it."""
        raise NotImplementedError(f"{type(self).__name__} says no column type: define column_type() or db_type().")

    def stored_type(self) -> SqlType:
        """The type with its conversions; by default the plain column type."""
        return self.column_type()

    def storage_key(self) -> object:
        """What the type depends on besides the field itself (settings): the key under which types are cached."""
        return None

    def sql_type(self) -> SqlType:
        """The SQLAlchemy type that binds and reads this field's values; cached."""
        key = (self.is_free, self.storage_key())
        made = self._sql_types.get(key)
        if made is None:
            made = self._sql_types[key] = self._build_sql_type()
        return made

    def write_type(self) -> SqlType:
        """The type that binds values as they stand on instances; :meth:`sql_type` binds prepared ones. Cached."""
        key = ("write", self.is_free, self.storage_key())
        made = self._sql_types.get(key)
        if made is None:
            made = self._sql_types[key] = self._build_write_type()
        return made

    def _build_write_type(self) -> SqlType:
        made = self.sql_type()
        if not self.refuses_on_write and not self.has_own_preparation():
            return made
        prepare = self._prepared if self.has_own_preparation() else self.storable
        return PreparedType(self.plain_type(), made, prepare, self.unstorable)

    def has_own_preparation(self) -> bool:
        """Whether a user's class overrides ``get_prep_value()``, which then runs for every value sent."""
        for base in type(self).__mro__:
            if "get_prep_value" in base.__dict__:
                return not base.__module__.startswith("dorm.fields.")
        return False

    def has_own_encoding(self) -> bool:
        """Whether a user's class overrides ``get_db_prep_value()``."""
        return type(self).get_db_prep_value is not Stored.get_db_prep_value

    def storable(self, value: object) -> Any:
        """A prepared value that is about to be stored, after a check that the column can hold it.

        :raises ValidationError: with a plain message, for a value that the column would not give back.
        """
        return value

    def to_store(self, value: object) -> Any:
        """A value of an instance, prepared as lookups prepare theirs; None and expressions are left to the database.

        :raises ValidationError: naming the field, for a value that cannot be stored.
        """
        if value is not None and self.has_own_preparation():
            value = self.get_prep_value(value)
        return value if value is None or not self.refuses_on_write else self.checked(value)

    def checked(self, value: object) -> Any:
        """:meth:`storable`, with the field named in what it raises."""
        try:
            return self.storable(value)
        except ValidationError as problem:
            raise self.unstorable(value, problem) from problem

    def _prepared(self, value: object) -> Any:
        value = self.get_prep_value(value)
        return value if value is None else self.storable(value)

    def is_secret(self) -> bool:
        """Whether its values must not appear in messages."""
        return self.pii or is_sensitive(self.name) or is_sensitive(getattr(self, "column", None))

    def unstorable(self, value: object, problem: Exception) -> ValidationError:
        """The error for a value that cannot be stored, keyed by the field's name."""
        shown = f"a value of type {type(value).__name__}" if self.is_secret() else reprlib.repr(value)
        said = "; ".join(problem.messages) if isinstance(problem, ValidationError) else str(problem)
        text = FinishedText(f"{self.label} cannot store {shown}: {said}")
        code = problem.code if isinstance(problem, ValidationError) else "invalid"
        return ValidationError({self.name: ValidationError(text, code=code)}, code=code)

    @property
    def is_free(self) -> bool:
        """Whether the field belongs to no model, as the output field of an expression does: its values are computed."""
        return self.model is None

    def _build_sql_type(self) -> SqlType:
        made = self._own_column_type() or self.stored_type()
        if self.choice_enum is not None and not isinstance(made, EnumType):
            made = EnumType(made, self.choice_enum)
        if self.has_own_encoding():
            made = CustomType(self.plain_type(), self._user_value, inner=made)
        return made

    def _user_value(self, value: Any, connection: Any = None, prepared: bool = True) -> Any:
        """The result of ``get_db_prep_value()``, called with the parameters that the override accepts."""
        if self._hook_takes is None:
            parameters = inspect.signature(self.get_db_prep_value).parameters
            everything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
            self._hook_takes = tuple(name for name in ("connection", "prepared") if everything or name in parameters)
        told = {"connection": connection, "prepared": prepared}
        return self.get_db_prep_value(value, **{name: told[name] for name in self._hook_takes})

    def _own_column_type(self) -> SqlType | None:
        """The type from a ``db_type()`` that a user's class overrides: SQL text or a SQLAlchemy type."""
        if type(self).db_type is Stored.db_type:
            return None
        own = cast(Any, self.db_type(None))
        if own is None:
            return None
        if isinstance(own, str):
            return SpelledType(own)
        return cast("TypeEngine[Any]", own() if isinstance(own, type) else own)

    def plain_type(self) -> SqlType:
        """The column's type without conversions (DDL, comparison of schemas)."""
        return self._own_column_type() or self.column_type()

    def db_type(self, connection: object = None) -> str | None:
        """The column type as SQL text, as a connection or its SQLAlchemy dialect spells it; None without a column.

        A user-defined field may override it to return text or a SQLAlchemy type.
        """
        if not self.concrete:
            return None
        return self.column_type().compile(dialect=_dialect_of(connection))

    def rel_db_type(self, connection: object = None) -> str | None:
        """The type of a column that refers to this one."""
        return self.reference_type().compile(dialect=_dialect_of(connection))

    def reference_type(self) -> SqlType:
        """The plain type of a column that refers to this one; automatic keys give their integer type."""
        return self.plain_type()


def _dialect_of(connection: object) -> Any:
    """The SQLAlchemy dialect of a connection; anything that names its ``vendor`` will do."""
    dialect = getattr(connection, "dialect", connection)
    vendor = getattr(dialect, "vendor", None)
    return dialect if vendor is None else registry.for_engine(vendor).sqlalchemy_dialect()
