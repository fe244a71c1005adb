"""The values that a relation may be compared with: instances, raw keys, querysets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dorm.expressions.base import are_values, is_operand
from dorm.meta.older_classes import older_class_hint

if TYPE_CHECKING:
    from dorm.fields.base import Field
    from dorm.fields.instances import Instance
    from dorm.fields.relations import Relation
    from dorm.query.describe.state import QueryState


def key_value(relation: Any, field: Any, value: Any, lookup: str) -> Any:
    """``value`` with every model instance replaced by the key that ``relation`` points at.

    :raises ValueError: for an instance of another model, or an unsaved one.
    """
    if hasattr(value, "get_queryset"):
        _check_queryset(relation, value.get_queryset().state)
    if lookup in ("in", "range") and not is_operand(value) and not isinstance(value, str | bytes):
        value = list(value)
        return value if are_values(value) else [_key(relation, field, item) for item in value]
    return _key(relation, field, value)


def _check_queryset(relation: Relation, state: QueryState) -> None:
    if state.row != "instance":
        return
    target = relation.related_model._meta.concrete_model
    models = [target, relation.model._meta.concrete_model] if _is_key(relation) else [target]
    if not any(_are_related(state.opts.concrete_model, model) for model in models):
        raise ValueError(
            f'Cannot use QuerySet for "{state.opts.object_name}": Use a QuerySet for "{target._meta.object_name}".'
        )


def _are_related(one: type, other: type) -> bool:
    return issubclass(one, other) or issubclass(other, one)


def _key(relation: Relation, field: Field, value: Any) -> object:
    opts = getattr(value, "_meta", None)
    if opts is None or isinstance(value, type):
        return value
    target = relation.related_model
    if not _is_row_of(value, target) and not (_is_key(relation) and _is_row_of(value, relation.model)):
        raise ValueError(
            f"Cannot query {value!r}: '{relation.name}' takes {target._meta.object_name} instances, not "
            f"{opts.object_name}.{older_class_hint(target, value, f'The relation {relation.name!r}')}"
        )
    attribute = _attribute(relation, field, value)
    key = getattr(value, attribute)
    if key is None:
        raise ValueError(f"Model instances passed to related filters must be saved: {value!r} has no {attribute}.")
    return key


def _is_row_of(value: Instance, model: type[Instance]) -> bool:
    return isinstance(value, model._meta.concrete_model) or issubclass(model, type(value))


def _is_key(relation: Relation) -> bool:
    """Whether the relation is its model's primary key, so that it can also be compared with instances of that model."""
    return bool(getattr(relation, "primary_key", False))


def _attribute(relation: Any, field: Any, value: Any) -> str:
    """The attribute of ``value`` that corresponds to the column of ``field``.

    The column may be several keys away from the relation: each may point at a key that is a relation itself.
    """
    link = field
    while link is not None:
        if (link is not field or link.primary_key) and _is_row_of(value, link.model):
            return str(link.attname)
        link = getattr(link, "target_field", None) if link.remote_field is not None else None
    return str(relation.related_model._meta.pk.attname)
