"""The default of a schema's field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import dorm
from dorm.contrib.pydantic.library import FACTORIES_TAKE_VALUES, BaseModel

if TYPE_CHECKING:
    from dorm.fields.base import Field


def made_elsewhere(field: Field) -> bool:
    """Whether the library or the database supplies the value of a new row, so that a payload may omit it."""
    return (
        field.filled_by_database
        or getattr(field, "auto_now", False)
        or getattr(field, "auto_now_add", False)
        or (field.has_db_default() and isinstance(field.db_default, dorm.Expression))
        or (field.has_default() and field.default_takes_instance and not FACTORIES_TAKE_VALUES)
    )


def default_of(field: Field) -> dict[str, object]:
    """Arguments for Pydantic's ``Field``: ``default``, ``default_factory``, or none for a value that is required."""
    if field.has_default():
        return _own_default(field)
    if field.has_db_default() and not isinstance(field.db_default, dorm.Expression):
        return {"default": field.converted(field.db_default)}
    if field.null:
        return {"default": None}
    if made_elsewhere(field):
        # a factory, because a default stands in the JSON schema, where the type has no null
        return {"default_factory": _nothing}
    return {"default": ""} if field.blank and field.empty_strings_allowed else {}


def _nothing() -> None:
    return None


def _own_default(field: Field) -> dict[str, object]:
    if not callable(field.default):
        return {"default": field.converted(field.get_default())}
    if not field.default_takes_instance:
        return {"default_factory": lambda: field.converted(field.get_default())}
    if not FACTORIES_TAKE_VALUES:
        return {"default": None}
    return {"default_factory": lambda values: _default_for(field, values)}


def _default_for(field: Field, values: Mapping[str, object]) -> object:
    """The default of a field that looks at the instance: that of an instance with the values validated so far."""
    model = field.model
    columns = {each.name for each in model._meta.concrete_fields if each is not field}
    given = {name: value for name, value in values.items() if name in columns and not isinstance(value, BaseModel)}
    return getattr(model(**given), field.attname)
