"""Choices: pairs of value and label, and enumerations that carry labels (Django's ``TextChoices`` and friends)."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum, EnumMeta
from typing import TYPE_CHECKING, Any


class ChoicesMeta(EnumMeta):
    """Adds labels: a member is written ``NAME = value, "Label"``, or without a label, which is then made from the name."""

    def __new__(metacls, name: str, bases: tuple[type, ...], namespace: Any, **kwargs: Any) -> ChoicesMeta:
        labels: list[str] = []
        for key in namespace._member_names:
            value = namespace[key]
            if isinstance(value, (list, tuple)) and len(value) > 1 and isinstance(value[-1], str):
                *rest, label = value
                plain = tuple(rest) if len(rest) > 1 else rest[0]
            else:
                plain, label = value, key.replace("_", " ").title()
            labels.append(label)
            # the enum's own dictionary refuses to set a member twice
            dict.__setitem__(namespace, key, plain)
        made: Any = super().__new__(metacls, name, bases, namespace, **kwargs)
        for member, label in zip(made.__members__.values(), labels, strict=True):
            member._label_ = label
        return enum.unique(made) if made.__members__ else made

    def __contains__(cls, member: object) -> bool:
        if not isinstance(member, Enum):
            return any(each.value == member for each in _members(cls))
        return super().__contains__(member)

    @property
    def names(cls) -> list[str]:
        """The members' names, with ``__empty__`` first when the class has an empty label."""
        return (["__empty__"] if hasattr(cls, "__empty__") else []) + [member.name for member in _members(cls)]

    @property
    def choices(cls) -> list[tuple[Any, str]]:
        """Pairs for a field's ``choices``; ``__empty__ = "label"`` adds a first pair for None."""
        label = getattr(cls, "__empty__", None)
        empty = [] if label is None else [(None, label)]
        return empty + [(member.value, member.label) for member in _members(cls)]

    @property
    def labels(cls) -> list[str]:
        return [label for _, label in cls.choices]

    @property
    def values(cls) -> list[Any]:
        return [value for value, _ in cls.choices]


def _members(cls: Any) -> list[Any]:
    return list(cls)


class Choices(Enum, metaclass=ChoicesMeta):
    """Base of enumerations with labels; mix in the value type, or use :class:`TextChoices` or :class:`IntegerChoices`."""

    if TYPE_CHECKING:
        _label_: str

    @enum.property
    def label(self) -> str:
        """The label for people."""
        return self._label_

    @property
    def do_not_call_in_templates(self) -> bool:
        return True

    def __str__(self) -> str:
        return str(self.value)

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}.{self._name_}"


class IntegerChoices(int, Choices):
    """Choices whose values are integers."""


class TextChoices(str, Choices):
    """Choices whose values are text; ``auto()`` gives the member's name."""

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[object]) -> str:
        return name


def enum_of(choices: object) -> type[Enum] | None:
    """The enumeration given as ``choices``, if it was one."""
    return choices if isinstance(choices, type) and issubclass(choices, Enum) else None


#: The entry for "nothing chosen" in a list of choices.
BLANK_CHOICE = (("", "---------"),)


class LateChoices(Sequence[tuple[Any, Any]]):
    """The choices that a function returns; it is called each time they are read.

    :ivar func: the function.
    """

    __slots__ = ("func",)

    def __init__(self, func: Callable[[], Any]) -> None:
        self.func = func

    def _pairs(self) -> list[tuple[object, object]]:
        return list(normalize_choices(self.func()) or ())

    def __iter__(self) -> Iterator[tuple[object, object]]:
        return iter(self._pairs())

    def __len__(self) -> int:
        return len(self._pairs())

    def __getitem__(self, index: Any) -> Any:
        return self._pairs()[index]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, LateChoices):
            return self.func == other.func
        return self._pairs() == other

    def __hash__(self) -> int:
        return hash(self.func)


def normalize_choices(choices: object) -> list[tuple[object, object]] | LateChoices | None:
    """Choices as a list of pairs (a group is a pair of its name and a list); a callable is called when they are read.

    :raises ValueError: for anything else.
    """
    if choices is None:
        return None
    enumeration = enum_of(choices)
    if enumeration is not None:
        if isinstance(enumeration, ChoicesMeta):
            return list(ChoicesMeta.choices.__get__(enumeration))
        return [(member.value, member.name.replace("_", " ").title()) for member in enumeration]
    if callable(choices):
        return LateChoices(choices)
    pairs = choices.items() if isinstance(choices, Mapping) else choices
    if isinstance(pairs, str) or not isinstance(pairs, Iterable):
        raise ValueError(f"choices must be pairs of value and label, a mapping or an enumeration, not {choices!r}.")
    return [_pair(pair, choices) for pair in pairs]


def _pair(pair: Any, choices: Any) -> tuple[Any, Any]:
    if isinstance(pair, str) or not isinstance(pair, Iterable) or len(pair := tuple(pair)) != 2:
        raise ValueError(f"choices must be pairs of value and label, not {pair!r} in {choices!r}.")
    value, label = pair
    if isinstance(label, Mapping):
        label = list(label.items())
    return (value, [tuple(each) for each in label]) if isinstance(label, (list, tuple)) else (value, label)


def flat_choices(choices: Any) -> list[tuple[object, object]]:
    """Pairs of value and label with groups dissolved; a callable is asked now."""
    flat: list[tuple[Any, Any]] = []
    for value, label in choices or ():
        flat.extend(label if isinstance(label, list) else [(value, label)])
    return flat


def with_blank(
    choices: Iterable[tuple[object, object]], blank: Iterable[tuple[object, object]]
) -> list[tuple[object, object]]:
    """The choices, after ``blank`` unless an empty value is among them."""
    pairs = list(choices)
    return pairs if any(value in ("", None) for value, _ in flat_choices(pairs)) else [*blank, *pairs]
