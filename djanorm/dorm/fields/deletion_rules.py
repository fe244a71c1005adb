"""``on_delete``: what happens to referring rows when the row they refer to is deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class DeletionRule:
    """One rule. Distinct, comparable and importable by name, so that migrations can write it down.

    :ivar name: as it is written in models (``"CASCADE"``).
    :ivar clause: the SQL clause of the foreign key's ON DELETE, or None for the database's default (NO ACTION).
    :ivar collects: whether deleting must look at the referring rows in Python.
    """

    __slots__ = ("clause", "collects", "name")

    def __init__(self, name: str, clause: str | None, collects: bool = True) -> None:
        self.name, self.clause, self.collects = name, clause, collects

    @property
    def __name__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return self.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeletionRule) and self.name == other.name and self._value() == other._value()

    def __hash__(self) -> int:
        return hash(self.name)

    def _value(self) -> object:
        return None

    def __reduce__(self) -> tuple[object, ...]:
        return (_by_name, (self.name,))

    def __copy__(self) -> DeletionRule:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> DeletionRule:
        return self

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """The import path that names the rule (no call)."""
        return (f"dorm.{self.name}", [], {})


class SetValue(DeletionRule):
    """``SET(value)``: referring columns get ``value``, or what it returns when it is callable."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        super().__init__("SET", None)
        self.value = value

    def resolve(self) -> object:
        """The value to write."""
        return self.value() if callable(self.value) else self.value

    def _value(self) -> object:
        return self.value

    def __repr__(self) -> str:
        return f"SET({self.value!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return (SetValue, (self.value,))

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return ("dorm.SET", [self.value], {})


CASCADE = DeletionRule("CASCADE", "CASCADE")
PROTECT = DeletionRule("PROTECT", None)
SET_NULL = DeletionRule("SET_NULL", "SET NULL")
SET_DEFAULT = DeletionRule("SET_DEFAULT", None)
DO_NOTHING = DeletionRule("DO_NOTHING", None, collects=False)
RESTRICT = DeletionRule("RESTRICT", "RESTRICT")


def SET(value: Any | Callable[[], object]) -> SetValue:  # noqa: N802
    """A rule that writes ``value`` (called if callable) into referring columns."""
    return SetValue(value)


_RULES = {rule.name: rule for rule in (CASCADE, PROTECT, SET_NULL, SET_DEFAULT, DO_NOTHING, RESTRICT)}


def _by_name(name: str) -> DeletionRule:
    return _RULES[name]
