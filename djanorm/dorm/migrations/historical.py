"""Models made from plain data: what a model was like at some point of a project's history.

They live in a registry of their own, so the models that the program declares are neither seen nor touched. They are models
in full: querysets, saving, deletion and relations work as they do for declared ones, in sync and async code.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dorm.exceptions import ImproperlyConfigured
from dorm.fields.base import Field
from dorm.meta.registry import Registry
from dorm.models.base import Model
from dorm.models.manager import BaseManager, Manager
from dorm.models.metaclass import ModelBase
from dorm.utils.suggest import hint

# options that say which class it is, rather than what it is like
_OF_THE_CLASS = frozenset({"abstract", "app_label", "registry"})


@dataclass(frozen=True)
class ModelState:
    """One model as plain data. It may be used any number of times; nothing of it is changed.

    :param app_label: the label of its app.
    :param name: the name of the class.
    :param fields: the fields by name, in order, the key included. Relations name their target: ``"app.Model"``, a bare name
        of the same app, ``"self"``.
    :param options: what ``class Meta`` would say.
    :param bases: parents: labels of other models of the state (of the concrete one for a proxy, of an abstract one), and
        plain classes whose methods the model has.
    :param managers: the managers by name, in order; ``objects`` when there is none.
    """

    app_label: str
    name: str
    fields: Mapping[str, Field[Any]] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    bases: Sequence[str | type[object]] = ()
    managers: Mapping[str, BaseManager[object]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """``"app.Model"``."""
        return f"{self.app_label}.{self.name}"

    @classmethod
    def from_model(cls, model: type[Model]) -> ModelState:
        """The model as it is now. What abstract parents gave it becomes its own; methods stay behind, those of plain parents
        excepted. Managers come along when their class has ``use_in_migrations = True``, as in Django 5.2.

        :raises ImproperlyConfigured: for an abstract model, which has no table to remember.
        """
        options = model._meta
        if options.abstract:
            raise ImproperlyConfigured(f"{options.label} is abstract: take the states of its concrete children.")
        given: dict[str, object] = {name: value for name, value in options.given.items() if name not in _OF_THE_CLASS}
        return cls(
            app_label=options.app_label,
            name=options.object_name,
            fields={} if options.proxy else {each.name: _detached(each, model) for each in options.fields},
            options=given,
            bases=tuple(_bases_of(model)),
            managers=_managers_of(model),
        )


def historical(state: Iterable[ModelState], *, name: str | None = None) -> Registry:
    """The models of a state, in a new registry; ``registry.get_model("app", "Model")`` gives one of them.

    The states may come in any order. Nothing of the default registry is touched, and the models go with the registry.

    :param name: the name of the registry, which pickles of its models need.
    :raises ImproperlyConfigured: for two models of one label, a parent or the target of a relation that the state does not
        have, parents in a circle, and for what any class statement would raise.
    """
    registry = Registry(name)
    waiting: dict[str, ModelState] = {}
    for each in state:
        if waiting.setdefault(each.label.lower(), each) is not each:
            raise ImproperlyConfigured(f"The state has two models {each.label}.")
    labels = [each.label for each in waiting.values()]
    made: dict[str, type[object]] = {}
    places = itertools.count()
    while waiting:
        ready = [label for label, each in waiting.items() if all(base in made for base in _labels_of(each))]
        if not ready:
            raise _without_parents(waiting, labels)
        for label in ready:
            made[label] = _class_of(waiting.pop(label), made, registry, places)
    registry.settle()
    for relation in registry.pending:
        registry.require(relation)
    return registry


def _labels_of(state: ModelState) -> list[str]:
    return [base.lower() for base in state.bases if isinstance(base, str)]


def _without_parents(waiting: Mapping[str, ModelState], labels: list[str]) -> ImproperlyConfigured:
    for state in waiting.values():
        for base in state.bases:
            if isinstance(base, str) and base.lower() not in map(str.lower, labels):
                return ImproperlyConfigured(
                    f"{state.label} inherits from {base!r}, but the state has no such model. {hint(base, labels)}"
                )
    circle = ", ".join(state.label for state in waiting.values())
    return ImproperlyConfigured(f"The parents of these models lead in a circle: {circle}.")


def _class_of(
    state: ModelState, made: Mapping[str, type[object]], registry: Registry, places: Iterator[int]
) -> type[object]:
    bases = [made[base.lower()] if isinstance(base, str) else base for base in state.bases]
    if not any(isinstance(base, ModelBase) for base in bases):
        bases.append(Model)
    options = {**state.options, "app_label": state.app_label, "registry": registry}
    attributes: dict[str, object] = {
        # no module of that name exists, so a pickle does not take a declared class for this one
        "__module__": f"{state.app_label}.historical",
        "__qualname__": state.name,
        "Meta": type("Meta", (), options),
    }
    for name, given in state.fields.items():
        attributes[name] = copied = given.clone()
        # fields stand in the order of the state, whenever each of them was made
        copied.creation_counter = next(places)
    for name, manager in state.managers.items():
        attributes[name] = copy.copy(manager)
    made_class: type[object] = ModelBase(state.name, tuple(bases), attributes)
    return made_class


def _detached(given: Field, model: type[Model]) -> Field:
    """An equal field that belongs to no model and refers to others by label."""
    _, _, args, kwargs = given.deconstruct()
    target = getattr(given, "to", None)
    if isinstance(target, str) and target in ("self", model.__name__):
        kwargs["to"] = "self"
    return type(given)(*args, **kwargs)


def _bases_of(model: type) -> Iterable[str | type[object]]:
    """The concrete parent by label, and the plain classes, those of abstract parents included; each once."""
    found: dict[str | type[object], None] = {}
    for base in model.__bases__:
        options = base.__dict__.get("_meta")
        if options is None:
            if not isinstance(base, ModelBase):
                found[base] = None
        elif options.abstract:
            found.update(dict.fromkeys(_bases_of(base)))
        else:
            found[options.label] = None
    return found


def _managers_of(model: type[Model]) -> dict[str, BaseManager[object]]:
    options = model._meta
    kept: dict[str, BaseManager[object]] = {}
    for manager in options.managers:
        if getattr(manager, "use_in_migrations", False):
            kept[manager.name] = copy.copy(manager)
        elif manager.name in (options.default_manager_name, options.base_manager_name):
            # the options name it, so there must be one
            kept[manager.name] = Manager()
    first = options.managers[0]
    if kept and first.name not in kept:
        # the first manager is the default one: a special manager must not take its place
        kept = {first.name: Manager(), **kept}
    return kept
