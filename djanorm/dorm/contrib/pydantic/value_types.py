"""Which Python type a model's field has in a schema."""

from __future__ import annotations

import datetime
import decimal
import types
import uuid
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any, Final, Literal

from dorm.contrib.pydantic.constraints import constraints_of
from dorm.contrib.pydantic.library import Field, WrapSerializer, WrapValidator
from dorm.dialects import Kind

#: The kind decides; a field of none of them may hold anything.
PLAIN: Final[Mapping[Kind, Any]] = {
    Kind.BOOLEAN: bool,
    Kind.INTEGER: int,
    Kind.FLOAT: float,
    Kind.DECIMAL: decimal.Decimal,
    Kind.TEXT: str,
    Kind.ADDRESS: str,
    Kind.DATETIME: datetime.datetime,
    Kind.DATE: datetime.date,
    Kind.TIME: datetime.time,
    Kind.DURATION: datetime.timedelta,
    Kind.UUID: uuid.UUID,
    Kind.BINARY: bytes,
    Kind.HSTORE: dict[str, str | None],
}


def value_type(field: Any) -> Any:
    """The type of one value that is not None: of the target's key for a relation, of the members for choices."""
    while field.is_relation:
        field = field.target_field
    if field.kind is Kind.ENUM:
        return field.enum_cls
    if field.kind is Kind.ARRAY:
        return list_of(_element_type(field.base_field))
    plain = PLAIN.get(field.kind, Any)
    return plain if field.choices is None else _chosen_type(field, plain)


def is_enumerated(field: Any) -> bool:
    """Whether the type lists every value, so that no other constraint is needed."""
    return field.choices is not None or field.kind is Kind.ENUM


def nullable(made: Any) -> Any:
    """``made | None``."""
    return made if made is Any else made | None


def or_left_out(annotation: Any) -> object:
    """``annotation`` for a value that the database or the library supplies: every row has one, a payload may omit it.

    None stands for a value that does not exist yet. The type itself is not nullable, so clients need not expect null.
    """
    return Annotated[annotation, WrapValidator(_unless_none), WrapSerializer(_unless_none)]


def _unless_none(value, handler):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - a stated type would be the schema's
    return None if value is None else handler(value)


def list_of(made: object) -> object:
    """``list[made]``, for a type that is known only at run time."""
    return types.GenericAlias(list, (made,))


def _element_type(field: Any) -> Any:
    made = value_type(field)
    return described(field, nullable(made) if field.null else made, made, {})


def described(field: Any, annotation: Any, made: Any, details: dict[str, Any]) -> Any:
    """``annotation`` with the field's constraints and ``details`` as arguments of one ``Field``.

    One, because early releases of Pydantic 2 read the first of several and forget the others.
    """
    free = field.is_relation or is_enumerated(field)
    limits, others = ({}, []) if free else constraints_of(field, made)
    annotation = Annotated[annotation, Field(**limits, **details)]
    for other in others:
        annotation = Annotated[annotation, other]
    return annotation


def _chosen_type(field: Any, plain: Any) -> Any:
    """The enumeration given as choices, else a Literal of the values; blank text stays possible."""
    blank = field.blank and plain is str
    if field.choice_enum is not None:
        return field.choice_enum | Literal[""] if blank else field.choice_enum
    values = [value for value, _ in field.flatchoices if value is not None]
    if blank and "" not in values:
        values.append("")
    if not values or not all(isinstance(value, (str, int, bytes, bool, Enum)) for value in values):
        return plain
    literal: Any = Literal
    return literal[tuple(values)]
