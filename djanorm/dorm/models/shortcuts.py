"""Methods that fields add to their model, as in Django: ``get_<field>_display``, ``get_next_by_<field>`` and its twins.

A method that the class defines itself is left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dorm.db import bridge
from dorm.dialects.kinds import Kind
from dorm.expressions.conditions import Q

if TYPE_CHECKING:
    from dorm.fields.base import Field
    from dorm.fields.instances import Instance


def install_shortcuts(model: type, field: Field) -> None:
    """Add the methods that belong to ``field`` to ``model``."""
    if field.choices is not None:
        _add(model, f"get_{field.name}_display", _display(field))
    if field.kind in (Kind.DATE, Kind.DATETIME) and not field.null:
        for word, forward in (("next", True), ("previous", False)):
            neighbour = _neighbour(field, forward)
            _add(model, f"get_{word}_by_{field.name}", neighbour)
            _add(model, f"aget_{word}_by_{field.name}", _async_wrapper(neighbour))


def _add(model: type, name: str, method: Any) -> None:
    if name not in model.__dict__ and not any(name in base.__dict__ for base in model.__mro__[1:] if _is_users(base)):
        method.__name__ = name
        method.__qualname__ = f"{model.__qualname__}.{name}"
        setattr(model, name, method)


def _is_users(base: type) -> bool:
    """Whether a parent's attributes were written by a user, rather than added here."""
    return "_meta_options" not in base.__dict__


def _display(field: Field) -> Callable[[Any], Any]:
    def display(self: Instance) -> object:
        """The label of the chosen value, or the value itself when it is none of the choices."""
        value = getattr(self, field.attname)
        stored = getattr(value, "value", value)
        for choice, label in field.flatchoices:
            if choice in (value, stored):
                return str(label)
        return value

    return display


def _neighbour(field: Field, forward: bool) -> Callable[..., object]:
    def neighbour(self: Any, **lookups: Any) -> object:
        """The next or previous instance by this date, then by key; `DoesNotExist` at the end."""
        if self.pk is None:
            raise ValueError(f"{self!r} must be saved before its neighbours can be found.")
        operator, sign = ("gt", "") if forward else ("lt", "-")
        value = getattr(self, field.attname)
        beyond = Q(**{f"{field.name}__{operator}": value}) | Q(**{field.name: value, f"pk__{operator}": self.pk})
        queryset = type(self)._default_manager.using(self._state.db).filter(**lookups).filter(beyond)
        found = queryset.order_by(f"{sign}{field.name}", f"{sign}pk").first()
        if found is None:
            raise type(self).DoesNotExist(f"No {type(self).__name__} lies beyond {self!r} by {field.name}.")
        return found

    return neighbour


def _async_wrapper(method: Callable[..., object]) -> Callable[..., object]:
    async def wrapper(self: object, **lookups: object) -> object:
        return await bridge.run_async(method, self, **lookups)

    return wrapper
