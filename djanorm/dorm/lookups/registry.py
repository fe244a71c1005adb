"""Which lookups and transforms a field has, found along the base classes of the field's class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_lookups: dict[type, dict[str, object]] = {}
_transforms: dict[type, dict[str, object]] = {}

# the common base of all fields; set when the built-in lookups are installed
base_field: Any = None
integer_field: Any = None
# field class -> a function from a step's name to its transform, for fields that accept any name
_any_key: dict[type, Any] = {}

# called after every registration: what was found by name before may be something else now
_watchers: list[Callable[[], None]] = []


def on_change(callback: Callable[[], None]) -> Callable[[], None]:
    """Call ``callback()`` after every registration and removal. Returns it, for use as a decorator."""
    _watchers.append(callback)
    return callback


def _changed() -> None:
    for callback in _watchers:
        callback()


def add_lookup(field_class: type, name: str, lookup: object) -> None:
    """Give ``field_class`` and its subclasses the lookup ``name``."""
    _add(_lookups, field_class, name, lookup)


def add_transform(field_class: type, name: str, transform: object) -> None:
    """Give ``field_class`` and its subclasses the transform ``name``."""
    _add(_transforms, field_class, name, transform)


def any_key(field_class: type, make: object) -> None:
    """Let ``field_class`` take any name as a transform: ``make(name)`` gives it."""
    _any_key[field_class] = make


def remove(field_class: type, name: str) -> None:
    """Take a lookup or transform back; unknown names are ignored."""
    _lookups.get(field_class, {}).pop(name, None)
    _transforms.get(field_class, {}).pop(name, None)
    _changed()


def find_lookup(field_class: type, name: str) -> Any:
    """The lookup ``name`` of ``field_class``, or None."""
    return _find(_lookups, field_class, name)


def find_transform(field_class: type, name: str) -> Any:
    """The transform ``name`` of ``field_class``, or None."""
    found = _find(_transforms, field_class, name)
    if found is None:
        for cls in field_class.__mro__:
            if cls in _any_key:
                return _any_key[cls](name)
    return found


def names_for(field_class: type) -> list[str]:
    """Every lookup and transform of ``field_class``, sorted."""
    found: set[str] = set()
    for table in (_lookups, _transforms):
        for cls in field_class.__mro__:
            found.update(table.get(cls, ()))
    return sorted(found)


def _add(table: dict[type, dict[str, object]], field_class: type, name: str, item: object) -> None:
    table.setdefault(field_class, {})[name] = item
    _changed()


def _find(table: dict[type, dict[str, object]], field_class: type, name: str) -> object:
    for cls in field_class.__mro__:
        found = table.get(cls)
        if found is not None and name in found:
            return found[name]
    return None
