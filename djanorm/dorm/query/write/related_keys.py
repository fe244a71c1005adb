"""The keys that foreign keys take from the instances assigned to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dorm.meta.options import Options


def key_of(field: Any, related: object) -> Any:
    """The value of the foreign key ``field`` for ``related``; None while that has no key.

    A column of ``related`` that was deferred is loaded.
    """
    attname = field.target_field.attname
    values = related.__dict__
    return values[attname] if attname in values else getattr(related, attname)


def settle(instance: object, relations: Iterable[Any], verb: str) -> None:
    """Update foreign keys from the instances assigned to them, right before they are written.

    An instance that was saved after it was assigned gives its key now; one whose key differs by now is dropped from the
    cache.

    :param relations: the foreign keys that will be written.
    :param verb: the method that writes them, for the error.
    :raises ValueError: for an instance that is not saved.
    """
    values = instance.__dict__
    for field in relations:
        related = values.get(field.name)
        if related is None:
            continue
        key = key_of(field, related)
        if key is None and related.pk is None:
            forget_reverse(field, instance)
            raise ValueError(
                f"{type(instance).__name__}.{verb}() prohibited to prevent data loss due to unsaved related object "
                f"{field.name!r}: save the {type(related).__name__} first."
            )
        known = values.get(field.attname)
        if known is None or known == "":
            values[field.attname] = key
        elif known != key:
            del values[field.name]


def forget_refused(opts: Any, instances: Iterable[Any]) -> None:
    """Remove instances that could not be stored from the one-to-one caches of the instances they refer to."""
    relations = [field for field in opts.concrete_fields if field.one_to_one]
    if relations:
        for instance in instances:
            if instance._state.adding:
                for field in relations:
                    forget_reverse(field, instance)


def forget_half_made(opts: Options, values: dict[str, Any]) -> None:
    """Remove the instance that could not be created from ``values`` from their one-to-one caches."""
    for field in opts.concrete_fields:
        related = values.get(field.name) if field.one_to_one else None
        made = getattr(related, "__dict__", {}).get(field.remote_field.accessor_name()) if related is not None else None
        if made is not None and made._state.adding:
            forget_reverse(field, made)


def forget_reverse(field: Any, instance: Any) -> None:
    """Remove ``instance`` from the one-to-one cache of the instance that its ``field`` refers to."""
    if not field.one_to_one:
        return
    related = instance.__dict__.get(field.name)
    accessor = field.remote_field.accessor_name()
    if related is not None and accessor is not None and related.__dict__.get(accessor) is instance:
        del related.__dict__[accessor]
