"""Bound values, verbatim SQL, and the slots that take the place of values in a plan."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Hashable, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dorm.expressions import base
from dorm.expressions.base import Built, Expression, field_key
from dorm.expressions.type_names import stated_field
from dorm.utils.patterns import lazy_pattern

if TYPE_CHECKING:
    from dorm.expressions.contract import FieldAlgebra, FieldLike, Names, Scope, Slots

# Python type -> name of the field class that converts results of that type
NATURAL_FIELDS: dict[type, str] = {
    bool: "BooleanField",
    int: "BigIntegerField",
    float: "FloatField",
    str: "CharField",
    Decimal: "DecimalField",
    datetime.datetime: "DateTimeField",
    datetime.date: "DateField",
    datetime.time: "TimeField",
    datetime.timedelta: "DurationField",
    uuid.UUID: "UUIDField",
    bytes: "BinaryField",
}


class Value(Expression):
    """A bound parameter.

    :param value: any Python value; None becomes NULL, or JSON null with ``output_field=JSONField()``.
    :param output_field: the field that converts it; derived from the value's type when left out.
    """

    anatomy = ("value",)

    def __init__(self, value: object, output_field: object = None) -> None:
        self.value = value
        self.output_field = stated_field(output_field)

    def resolve(self, names: Names) -> Expression:
        field = self.output_field
        return self if field is None or self.value is None else Prepared(field.get_prep_value(self.value), field)

    def cache_key(self, values: list[object]) -> Hashable:
        if self.value is None:
            return (Value, None, field_key(self.output_field))
        values.append(self.value)
        return (Value, type(self.value), field_key(self.output_field))

    def parameterized(self, slots: Slots) -> Expression:
        if self.value is None:
            return self
        return slots.take(self.value, self.output_field)

    def build(self, scope: Scope) -> Built:
        if self.value is None:
            null = getattr(self.output_field, "typed_null", None)
            return Built(sa.null(), self.output_field) if null is None else scope.bound(null, self.output_field)
        return scope.bound(self.value, self.output_field)

    def derived_field(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> FieldLike:
        return types.natural_field(self.value)

    def assigned(self, field: FieldLike) -> Expression:
        if self.output_field is not None or self.value is None:
            return self
        return Prepared(field.get_prep_value(self.value), field)

    @property
    def identity(self) -> tuple[object, ...]:
        value = self.value if _hashable(self.value) else repr(self.value)
        return (Value, type(self.value), value, base.field_key(self.output_field))

    def __repr__(self) -> str:
        return f"Value({self.value!r})"


class Prepared(Value):
    """A value that its field has already prepared, so that it is not prepared again."""

    def resolve(self, names: Names) -> Expression:
        return self


class Slot(Expression):
    """The placeholder of one value in a plan: number ``index`` among the collected values."""

    anatomy = ("index",)

    def __init__(self, index: int, sample: Any, output_field: object) -> None:
        self.index = index
        self.sample = sample
        self.output_field = output_field

    def resolve(self, names: Names) -> Expression:
        return self

    def parameterized(self, slots: Slots) -> Expression:
        return self

    def __bool__(self) -> bool:
        # the compiler tests limits for presence: a slot used as LIMIT must be true even for 0
        return True

    def derived_field(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> FieldLike:
        return types.natural_field(self.sample)

    def build(self, scope: Scope) -> Built:
        return scope.slot(self, self.output_field)

    def assigned(self, field: FieldLike) -> Expression:
        return Slot(self.index, self.sample, field) if self.output_field is None else self


class RawSQL(Expression):
    """Verbatim SQL with bound parameters.

    :param sql: text with ``%s`` placeholders; never build it from user input.
    :param params: the values, one per placeholder.
    """

    anatomy = ("sql", "params")

    def __init__(self, sql: str, params: Any = (), output_field: object = None) -> None:
        if not isinstance(sql, str):
            raise TypeError(f"RawSQL() takes text, not {type(sql).__name__}.")
        self.sql = sql
        self.params = tuple(v if isinstance(v, Expression) else Value(v) for v in params)
        self.output_field = stated_field(output_field)
        wanted = sql.replace("%%", "").count("%s")
        if self.params and wanted != len(self.params):
            raise ValueError(f"RawSQL has {wanted} placeholders but {len(self.params)} parameters: {sql!r}")

    def derived_field(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> FieldLike | None:
        # the parameters do not tell the type of the results
        return None

    def build(self, scope: Scope) -> Built:
        pieces: list[object] = [self.sql]
        if self.params:
            params = iter(self.params)
            pieces = [self._piece(text, params, scope) for text in _MARKERS.split(self.sql)]
        scope.reaches_out = True  # the text may refer to a table of an enclosing query
        return Built(scope.verbatim(pieces, self.output_field), self.output_field)

    @staticmethod
    def _piece(text: str, params: Iterator[Expression], scope: Scope) -> object:
        if text != "%s":
            return "%" if text == "%%" else text
        return next(params).build(scope).sql


_MARKERS = lazy_pattern("(%%|%s)")


def _hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


base.make.value = Value
base.make.prepared = Prepared
