"""Resolving the target of a relation (a class, a name, a function) to a model."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol

from dorm.exceptions import ImproperlyConfigured
from dorm.fields.instances import Instance
from dorm.meta.app_labels import known_label
from dorm.utils.suggest import hint

if TYPE_CHECKING:
    from dorm.fields.base import Field


class ModelsByLabel(Protocol):
    """What a registry knows.

    :ivar by_label: the concrete models.
    :ivar abstract_by_label: the abstract ones.
    """

    by_label: dict[str, Any]
    abstract_by_label: dict[str, Any]


class Unknown(Exception):
    """No such model exists, or not yet."""


class Ambiguous(Exception):
    """A bare name that several apps define."""


def resolve_reference(
    registry: ModelsByLabel, field: Field, reference: Any, newcomer: type[Instance] | None = None
) -> Any:
    """The model class that ``reference`` names, as seen from ``field``.

    :param newcomer: a model whose class statement is still running: its name is not bound in its module yet, so a
        function that looks for it there fails by that very name.
    :raises Unknown: when there is none yet.
    :raises Ambiguous: when a bare name belongs to several apps, none of them the field's own.
    :raises ImproperlyConfigured: when a function returns something other than a model.
    """
    if isinstance(reference, type):
        return _model(registry, field, reference)
    if isinstance(reference, str):
        return field.model if reference == "self" else _named(registry, field, reference)
    try:
        return _model(registry, field, reference())
    except NameError as problem:
        if newcomer is not None and problem.name == newcomer.__name__ and reference.__module__ == newcomer.__module__:
            return newcomer
        raise Unknown(str(problem)) from problem
    except AttributeError as problem:
        if not isinstance(problem.obj, type(sys)):
            raise
        if (
            newcomer is not None
            and problem.name == newcomer.__name__
            and getattr(problem.obj, "__name__", "") == newcomer.__module__
        ):
            return newcomer
        raise Unknown(str(problem)) from problem


def unknown_text(registry: ModelsByLabel, reference: Any, problem: Unknown) -> str:
    """The message about a missing target; built only when it will be shown."""
    if not isinstance(reference, str):
        return f"what a function gives, but calling it fails: {problem}."
    models = registry.by_label
    candidates = list(models) if "." in reference else [model._meta.object_name for model in models.values()]
    return f"{reference!r}, but no such model is defined. {hint(reference, candidates)}"


def _model(registry: ModelsByLabel, field: Field, value: object) -> type[Instance]:
    meta = getattr(value, "_meta", None)
    if not (isinstance(value, type) and issubclass(value, Instance)) or meta is None:
        raise ImproperlyConfigured(f"{field.label} refers to {value!r}, which is no model.")
    if meta.registry is not registry:
        raise ImproperlyConfigured(
            f"{field.label} belongs to {registry!r} and refers to the class {meta.label} of {meta.registry!r}: a relation "
            f"stays within one registry. Write {meta.label!r} to mean the model of that name in its own registry, or give "
            "both models the same registry."
        )
    return value


def _named(registry: ModelsByLabel, field: Any, name: str) -> Any:
    models: dict[str, Any] = registry.by_label
    name = known_label(name)
    app, _, model_name = name.rpartition(".")
    if app:
        found = models.get(name)
        if found is None:
            # "payments.Order" may stand for "shop.payments.Order", and Django's labels fold case
            folded = name.lower()
            close = [
                m for label, m in models.items() if label.lower() == folded or label.lower().endswith(f".{folded}")
            ]
            found = close[0] if len(close) == 1 else None
    else:
        found = models.get(f"{field.model._meta.app_label}.{model_name}")
        if found is None:
            matches = [model for model in models.values() if model._meta.object_name == model_name]
            if len(matches) > 1:
                labels = ", ".join(sorted(model._meta.label for model in matches))
                raise Ambiguous(
                    f"{field.label} refers to {name!r}, which is ambiguous: {labels}. Write the app's label too."
                )
            found = matches[0] if matches else None
    if found is not None:
        return found
    for label, model in registry.abstract_by_label.items():
        if label == name or (
            not app and model._meta.object_name == name and model._meta.app_label == field.model._meta.app_label
        ):
            return model
    raise Unknown(name)
