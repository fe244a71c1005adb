"""Turning a class statement into a model: collects fields and options, installs descriptors, registers the class.

Annotations are ignored: they are for type checkers.
"""

from __future__ import annotations

import copy
import copyreg
import inspect
import pickle
import sys
from typing import TYPE_CHECKING, Any

from dorm.exceptions import ImproperlyConfigured, MultipleObjectsReturned, ObjectDoesNotExist
from dorm.fields.relations import Relation
from dorm.meta.checks import reserved_names
from dorm.meta.options import OPTION_NAMES, Options
from dorm.meta.registry import registry, registry_named
from dorm.models import inheritance
from dorm.models.accessors import ManyToManyForward, install_reverse, remove_reverse
from dorm.models.assignment import setters_of
from dorm.models.construction import forget_constructor
from dorm.models.descriptors import ForwardRelation, PlainColumn
from dorm.models.manager import BaseManager, Manager
from dorm.models.shortcuts import install_shortcuts
from dorm.query.queryset import QuerySet
from dorm.signals import class_prepared
from dorm.utils.lazy import lazy_import
from dorm.utils.suggest import hint

if TYPE_CHECKING:
    from dorm.fields.base import Field
    from dorm.fields.instances import Instance
    from dorm.models import deletion
    from dorm.models.deletion import Collector
else:
    deletion = lazy_import("dorm.models.deletion", globals())


class ModelBase(type):
    """The metaclass of `Model`."""

    _body_names: frozenset[str]
    _declared_fields: dict[str, Any]
    _declared_managers: dict[str, Any]
    _default_manager: Any
    _base_manager: Any
    _meta_options: dict[str, Any]
    _meta: Any
    _setters: dict[str, Any]

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **keywords: Any) -> Any:
        if not any(isinstance(base, ModelBase) for base in bases):
            return super().__new__(mcs, name, bases, namespace, **keywords)
        own_options = {key: keywords.pop(key) for key in list(keywords) if key in OPTION_NAMES}
        if keywords and not _takes_keywords(bases):
            unknown = next(iter(keywords))
            raise ImproperlyConfigured(f"{name}: there is no option {unknown!r}. {hint(unknown, OPTION_NAMES)}")
        meta = namespace.get("Meta")
        options = inheritance.options_of(name, meta, own_options, bases)
        parent = inheritance.concrete_parent(name, bases, bool(options.get("proxy")))
        fields = {key: value for key, value in namespace.items() if _joins(value)}
        plain = {key: value for key, value in namespace.items() if key not in fields}
        cls = super().__new__(mcs, name, bases, plain, **keywords)
        cls._body_names = frozenset(namespace)
        cls._declared_fields = fields
        cls._declared_managers = {key: value for key, value in namespace.items() if _is_manager(value)}
        cls._meta_options = options
        cls._meta = Options(cls, options, concrete_model=parent)
        cls._add_exceptions()
        cls._add_fields(parent)
        cls._meta.prepare()
        if not cls._meta.abstract:
            if parent is None:
                cls._setters = setters_of(list(cls._meta.concrete_fields))
            cls._add_managers()
        cls._meta.registry.register(cls)
        if not cls._meta.abstract:
            class_prepared.send(cls)
        return cls

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **keywords: Any) -> None:
        super().__init__(name, bases, namespace)

    def add_to_class(cls, name: str, value: Any) -> None:
        """Add an attribute to the class, as if its body had defined it."""
        if not _joins(value):
            setattr(cls, name, value)
            return
        value.contribute_to_class(cls, name)
        cls._install(value)
        cls._setters = setters_of(list(cls._meta.concrete_fields))
        registry = cls._meta.registry
        registry.field_added(cls, value)
        for model in (cls, *registry.proxies_of(cls)):
            model._meta.follow_concrete_model()
            forget_constructor(model)

    def collector(cls) -> type[Collector]:
        """The class that deletes rows of the model by the rules of the relations to it."""
        return deletion.Collector

    def relation_linked(cls, relation: Relation) -> None:
        """A relation to this model has both ends: the class gets its reverse side."""
        install_reverse(relation)

    def relation_unlinked(cls, relation: Relation) -> None:
        """A relation to this model disappears: its reverse side goes."""
        remove_reverse(relation)

    def _add_exceptions(cls) -> None:
        """Add the model's `DoesNotExist` and `MultipleObjectsReturned`, derived from those of the parents."""
        for name, root in (("DoesNotExist", ObjectDoesNotExist), ("MultipleObjectsReturned", MultipleObjectsReturned)):
            parents = tuple(base.__dict__[name] for base in cls.__bases__ if "_meta_options" in base.__dict__)
            members = {
                "__module__": cls.__module__,
                "__qualname__": f"{cls.__qualname__}.{name}",
                "__reduce__": _reduce_exception,
                "_model": cls,
            }
            setattr(cls, name, type(name, parents or (root,), members))

    def _add_fields(cls, parent: type[Any] | None) -> None:
        """Add own fields and copies of inherited ones: the implicit key first, the rest in the order of declaration."""
        found: dict[str, Any] = dict(cls._declared_fields)
        reserved = reserved_names(cls)
        for name in found:
            inheritance.check_field_name(cls, name, reserved)
        if parent is not None:
            if found:
                raise ImproperlyConfigured(f"{cls.__name__} is a proxy and cannot add fields ({', '.join(found)}).")
            return
        for name, field in inheritance.inherited_members(cls, "_declared_fields"):
            if name not in found:
                found[name] = field.clone() if hasattr(field, "clone") else copy.copy(field)
        if not cls._meta.abstract and not any(getattr(field, "primary_key", False) for field in found.values()):
            if "id" in found:
                raise ImproperlyConfigured(f"{cls.__name__}.id is no primary key: give one field primary_key=True.")
            cls._add_field("id", cls._meta.implicit_key())
        for name, field in sorted(found.items(), key=lambda item: getattr(item[1], "creation_counter", 0)):
            cls._add_field(name, field)

    def _add_field(cls, name: str, field: Any) -> None:
        field.contribute_to_class(cls, name)
        cls._install(field)

    def _install(cls, field: Field) -> None:
        """Install the descriptors of a field on the class, and the methods that belong to it."""
        if getattr(field, "many_to_many", False):
            setattr(cls, field.name, ManyToManyForward(field))
        elif getattr(field, "is_relation", False) and getattr(field, "concrete", False):
            setattr(cls, field.name, ForwardRelation(field))
            setattr(cls, field.attname, PlainColumn(field))
        elif getattr(field, "concrete", False):
            if field.name not in cls.__dict__:
                setattr(cls, field.name, field)
            install_shortcuts(cls, field)

    def _add_managers(cls) -> None:
        """Add the managers of the body, then those of parents; `objects` when there is none.

        A manager binds itself to the class it is read on, so inherited ones serve every child.
        """
        managers = dict(cls._declared_managers)
        for name, manager in inheritance.inherited_members(cls, "_declared_managers"):
            managers.setdefault(name, manager)
        if not managers:
            # recorded like a declared one, so that proxies inherit it
            managers["objects"] = cls._declared_managers["objects"] = Manager()
        for name, manager in managers.items():
            _stand(cls, name, manager)
        options = cls._meta
        options.managers = [manager.__get__(None, cls) for manager in managers.values()]
        options.default_manager = _chosen(cls, managers, options.default_manager_name, next(iter(managers.values())))
        options.base_manager = _chosen(cls, managers, options.base_manager_name, BaseManager())
        cls._default_manager, cls._base_manager = options.default_manager, options.base_manager


def _takes_keywords(bases: tuple[type, ...]) -> bool:
    """Whether a parent has its own `__init_subclass__`, for which class keywords may be meant."""
    return any("__init_subclass__" in vars(cls) for base in bases for cls in base.__mro__ if cls is not object)


def _joins(value: object) -> bool:
    """Whether a class attribute is a field or another object with `contribute_to_class`."""
    return (
        not inspect.isclass(value) and hasattr(type(value), "contribute_to_class") and not isinstance(value, QuerySet)
    )


def _is_manager(value: object) -> bool:
    return isinstance(value, QuerySet) and value._is_manager


def _stand(cls: type, name: str, manager: object) -> None:
    """Attach a manager to the class; one made by `QuerySet.as_manager` has no `contribute_to_class`."""
    hook = getattr(manager, "contribute_to_class", None)
    if hook is None:
        setattr(cls, name, manager)
    else:
        hook(cls, name)


def _chosen(cls: type[Any], managers: dict[str, Any], name: str | None, otherwise: object) -> Any:
    if name is None:
        return otherwise
    if name not in managers:
        raise ImproperlyConfigured(
            f"{cls.__name__} has no manager {name!r}, which its Meta names; it has {', '.join(managers)}."
        )
    return managers[name]


def _reduce_exception(error: Any) -> Any:
    return _restore_exception, (error._model, type(error).__name__, error.args)


def _restore_exception(model: type[Instance], name: str, args: tuple[object, ...]) -> Exception:
    return getattr(model, name)(*args)


def _reduce_class(cls: Any) -> Any:
    """Pickles a model class that cannot be imported by name, such as one defined in a function, by the registry."""
    found = sys.modules.get(cls.__module__)
    for part in cls.__qualname__.split("."):
        found = getattr(found, part, None)
    if found is not cls and "_meta_options" in cls.__dict__:
        options = cls._meta
        if options.registry is registry:
            return _model_of, (options.label,)
        if options.registry.name is None:
            raise pickle.PicklingError(
                f"{options.label} cannot be pickled: it belongs to a registry without a name, where a pickle could not find "
                "it again. Make the registry as Registry(name), or pickle values instead of instances."
            )
        return _model_of, (options.label, options.registry.name)
    return cls.__qualname__


def _model_of(label: str, registry_name: str | None = None) -> type[Instance]:
    return (registry if registry_name is None else registry_named(registry_name)).get_model(label)


copyreg.pickle(ModelBase, _reduce_class)
