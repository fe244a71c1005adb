"""Assigning values to fields: conversion, and keeping keys and related instances consistent.

Construction and attribute assignment share these functions. A value whose class a field
lists in `exact_types` is kept as it is; expressions are kept for the statement that will store them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dorm.db import routers
from dorm.db.masking import shown
from dorm.exceptions import ValidationError
from dorm.expressions.base import Expression, is_operand
from dorm.expressions.paths import PathOperators
from dorm.meta.older_classes import older_class_hint
from dorm.models.state import state_of
from dorm.query.write.related_keys import forget_reverse, key_of

if TYPE_CHECKING:
    from dorm.fields.base import Field
    from dorm.fields.instances import Instance

Setter = Callable[[Any, Any], None]


def keyed_by(name: str, error: ValidationError) -> ValidationError:
    """The same error, keyed by the field it is about."""
    return ValidationError({name: error}, code=error.code)


def is_expression(value: object) -> bool:
    """Whether ``value`` is an expression that the database computes."""
    return isinstance(value, (Expression, PathOperators))


def exact_types(field: Field) -> tuple[type, ...]:
    """The classes whose values the field keeps as they are."""
    return field.exact_types if field.choice_enum is None else (field.choice_enum,)


def converter(field: Field) -> Callable[[object], object]:
    """The conversion of one field, with its errors keyed by the field's name.

    The function lets None and expressions pass and raises `ValidationError` for values that the field refuses.
    """
    to_python = field.to_python if field.choice_enum is None else field.converted
    name = field.name

    def convert(value: object) -> Any:
        if value is None:
            return None
        if isinstance(value, Expression):
            return value
        if isinstance(value, PathOperators):
            return value.as_expression()
        try:
            return to_python(value)
        except ValidationError as error:
            raise keyed_by(name, error) from error

    return convert


def key_converter(field: Field) -> Callable[[Any], Any]:
    """The conversion of a foreign key's column, which takes what the target's key takes.

    Which classes need no conversion is known once the target exists, and may change when it is redefined.
    """
    convert, relation = converter(field), field.remote_field
    known_target = None
    exact: frozenset[type] = frozenset()

    def convert_key(value: int) -> object:
        nonlocal known_target, exact
        if relation.model is not known_target:
            known_target, exact = relation.model, frozenset(field.exact_types)
        return value if value.__class__ in exact else convert(value)

    return convert_key


def setters_of(fields: list[Field]) -> dict[str, Setter]:
    """The functions behind ``instance.<name> = value``, by every name that has one."""
    setters: dict[str, Setter] = {}
    for field in fields:
        if field.is_relation:
            setters[field.attname] = _key_setter(field)
            setters[field.name] = relation_setter(field)
        else:
            setters[field.attname] = _plain_setter(field)
    return setters


def _plain_setter(field: Field) -> Setter:
    name, convert = field.attname, converter(field)
    exact = frozenset(exact_types(field))

    def assign(instance: object, value: object) -> None:
        if value.__class__ not in exact:
            value = convert(value)
        instance.__dict__[name] = value

    return assign


def _key_setter(field: Field) -> Setter:
    name, attname, convert = field.name, field.attname, key_converter(field)

    def assign_key(instance: Instance, value: object) -> None:
        value = convert(value)
        values = instance.__dict__
        known = values.get(attname)
        # comparing an expression gives a condition, not a boolean
        if name in values and (known.__class__ is not value.__class__ or known != value):
            del values[name]
        values[attname] = value

    return assign_key


def relation_setter(field: Any) -> Setter:
    """The function behind ``book.author = x``: an instance, None, or a raw key."""
    name, attname = field.name, field.attname
    assign_key = _key_setter(field)

    def assign_relation(instance: Instance, value: Instance | None) -> None:
        values = instance.__dict__
        if value is None:
            forget_reverse(field, instance)
            values[attname] = values[name] = None
            return
        if not hasattr(value, "_meta"):
            if is_operand(value):
                raise TypeError(
                    f"{type(instance).__name__}.{name} takes an instance of {field.target_model().__name__} or its key, not "
                    f"{value!r}. Let the database compute the key: {type(instance).__name__.lower()}.{attname} = …"
                )
            assign_key(instance, value)
            return
        _check_related(field, instance, value)
        values[attname] = key_of(field, value)
        values[name] = value
        if field.one_to_one and (accessor := field.remote_field.accessor_name()) is not None:
            value.__dict__[accessor] = instance

    return assign_relation


def _check_related(field: Any, instance: Instance, value: Instance) -> None:
    """Refuse an instance of the wrong model, or of another database."""
    related = field.target_model()
    if not isinstance(value, related._meta.concrete_model):
        place = f"{type(instance).__name__}.{field.name}"
        raise ValueError(
            f"{place} takes an instance of {related.__name__} or its key, not {shown(field.name, value)} of "
            f"{type(value).__name__}.{older_class_hint(related, value, place)}"
        )
    check_aliases(instance, value, f"{type(instance).__name__}.{field.name}")


def check_aliases(instance: Any, value: Any, place: str) -> None:
    """Refuse to relate instances of two databases, unless a router allows it.

    An instance that is not stored yet is assigned to the database of the other one.

    :raises ValueError: naming both aliases.
    """
    adding, mine = state_of(instance)
    _, theirs = state_of(value)
    if mine == theirs or theirs is None:
        return
    if mine is None:
        if adding and theirs != "default":
            instance._state.db = routers.db_for_write(type(instance), instance=value)
        return
    if not routers.allow_relation(value, instance):
        raise ValueError(
            f"{place} is in database {mine!r} and cannot refer to {value!r} of database {theirs!r}. Load or save it "
            f"there first, or let a router's allow_relation() accept the pair."
        )
