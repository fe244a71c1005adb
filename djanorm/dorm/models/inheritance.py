"""What a model inherits from its parents: options, fields, managers.

Python's own order of classes decides. A name in a class body, whether it is a field, a method or None, hides the
inherited attribute of that name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dorm.exceptions import ImproperlyConfigured

# Options that describe one class or one table, and are not inherited from an abstract parent implicitly.
OWN_OPTIONS = frozenset({"abstract", "db_table", "proxy"})
# What a proxy inherits from its concrete model: how rows are ordered and read, not the structure of the table.
PROXY_OPTIONS = frozenset({"ordering", "get_latest_by", "read_only", "default_manager_name", "base_manager_name"})


def concrete_parent(name: str, bases: tuple[type, ...], proxy: bool) -> type | None:
    """The model whose table the new class shares, if it is a proxy; None for a class with its own table.

    :raises TypeError: when a model other than a proxy inherits from a concrete one, and when a proxy has no concrete
        parent, or several.
    """
    found: list[type[Any]] = []
    for base in bases:
        options = base.__dict__.get("_meta")
        if options is not None and not options.abstract and options.concrete_model not in found:
            found.append(options.concrete_model)
    if not found and proxy:
        raise TypeError(f"{name} is a proxy and needs one concrete model to stand for among its parents.")
    if found and not proxy:
        parent = found[0].__name__
        raise TypeError(
            f"{name} cannot inherit from {parent}, which has a table of its own: make {parent} abstract, relate "
            f"{name} to it with a OneToOneField, or share its table with proxy=True."
        )
    if len(found) > 1:
        raise TypeError(f"{name} is a proxy of several models: {', '.join(model.__name__ for model in found)}.")
    return found[0] if found else None


def options_of(
    name: str, namespace_meta: object, keywords: dict[str, object], bases: tuple[type, ...]
) -> dict[str, object]:
    """The options of a new class: class keywords, then ``Meta``, then what abstract parents set.

    ``Meta`` may inherit from a parent's, in Python's way; ``abstract`` counts only where it is written.

    :raises ImproperlyConfigured: when ``Meta`` is not a class.
    """
    if namespace_meta is not None and not isinstance(namespace_meta, type):
        raise ImproperlyConfigured(f"{name}.Meta is {namespace_meta!r}; Meta is the class that holds the options.")
    options: dict[str, Any] = {}
    for base in reversed(_model_parents(bases)):
        given = base.__dict__["_meta_options"]
        wanted = given.keys() - OWN_OPTIONS if base.__dict__["_meta"].abstract else given.keys() & PROXY_OPTIONS
        options.update({name: given[name] for name in given if name in wanted})
    if namespace_meta is not None:
        own = _attributes(namespace_meta)
        if "abstract" not in namespace_meta.__dict__:
            own.pop("abstract", None)
        options.update(own)
    options.update(keywords)
    return options


def _attributes(meta: type) -> dict[str, object]:
    found: dict[str, Any] = {}
    for cls in reversed(meta.__mro__):
        if cls is not object:
            found.update({name: value for name, value in vars(cls).items() if not name.startswith("_")})
    return found


def _model_parents(bases: tuple[type, ...]) -> list[type]:
    return [base for base in bases if "_meta_options" in base.__dict__]


def inherited_members(cls: type, kind: str) -> Iterator[tuple[str, Any]]:
    """The declarations of abstract parents that the class does not hide, nearest parent first.

    :param kind: ``"_declared_fields"`` or ``"_declared_managers"``.
    """
    hidden = set(cls.__dict__["_body_names"])
    for parent in cls.__mro__[1:]:
        body = parent.__dict__.get("_body_names")
        if body is None:
            hidden.update(vars(parent))
            continue
        for name, member in parent.__dict__[kind].items():
            if name not in hidden:
                yield name, member
        hidden.update(body)


def check_field_name(model: type, name: str, reserved: frozenset[str]) -> None:
    """Refuse names that would clash with lookups or with the model's own methods.

    :raises ImproperlyConfigured: naming the field.
    """
    where = f"{model.__module__}.{model.__qualname__}.{name}"
    if name.endswith("_"):
        raise ImproperlyConfigured(f"The field {where} ends in an underscore, which lookups use as their separator.")
    if "__" in name:
        raise ImproperlyConfigured(f"The field {where} contains '__', which lookups use as their separator.")
    if name == "pk":
        raise ImproperlyConfigured(f"The field {where}: 'pk' always means the primary key; choose another name.")
    if name in reserved:
        raise ImproperlyConfigured(f"The field {where} would hide Model.{name}; choose another name.")
