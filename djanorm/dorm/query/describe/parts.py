"""The parts of a query's description: each declared once, with all that anybody needs to know of it.

``QueryState`` takes its defaults from here, its key (``cache_key``), the copy that is compiled (``slot``), its stable
identity and its words. What is not declared here cannot be part of a key: a query that carries it is compiled each
time.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple, Protocol, Self

from dorm.expressions.values import Slot
from dorm.meta.options import Options

KeyOf = Callable[[Any, list[Any]], Hashable]
Parameterized = Callable[[Any, "Slots"], Any]


class Slots:
    """Numbers the values of a state while it is copied for compilation."""

    __slots__ = ("samples",)

    def __init__(self) -> None:
        self.samples: list[object] = []

    def take(self, value: object, field: object) -> Slot:
        """The slot of the next value."""
        self.samples.append(value)
        return Slot(len(self.samples) - 1, value, field)


class Described(Protocol):
    """A description inside another one: a branch of a set operation."""

    def cache_key(self, values: list[object]) -> Hashable:
        """The structure as a hashable key; the values are appended to ``values``."""
        ...

    def parameterized(self, slots: Slots) -> Self:
        """A copy in which every value is a numbered slot."""
        ...


class Part(NamedTuple):
    """One part of a description. Parts are immutable, so that copies of a description share them.

    :ivar name: the attribute of ``QueryState``.
    :ivar default: what it is when nobody has said anything.
    :ivar cache_key: from the part to what stands for it in the key of a plan, its values being appended to a list; None
        for a part that stands there as it is.
    :ivar slot: from the part to a copy with slots in the place of values, taken in the order of ``cache_key``; None for
        a part without values.
    :ivar apart: for a part outside the key, the reason; empty for all others.
    :ivar stable: whether the identity of the query depends on it.
    :ivar words: what introduces it in words; empty for one that is told in another way.
    """

    name: str
    default: Any
    cache_key: KeyOf | None = None
    slot: Parameterized | None = None
    apart: str = ""
    stable: bool = True
    words: str = ""


def parts_of(shape: tuple[object, ...]) -> tuple[Options, tuple[object, ...], dict[str, object]]:
    """The model, the steps and the other parts of a query, from its shape."""
    options, steps, *rest = shape
    assert isinstance(options, Options)
    assert isinstance(steps, tuple)
    named: dict[str, object] = {}
    for part in rest:
        assert isinstance(part, tuple)
        named[part[0]] = part[1]
    return options, steps, named


# -- how they enter a key
# ------------------------------------------------------------------------------------------------


def _key_of_terms(terms: Any, values: list[Any]) -> Hashable:
    return terms if terms is None or isinstance(terms, bool) else tuple([term.cache_key(values) for term in terms])


def _key_of_named(terms: Any, values: list[Any]) -> Hashable:
    return None if terms is None else tuple([(name, expression.cache_key(values)) for name, expression in terms])


def _key_of_one(part: Any, values: list[Any]) -> Hashable:
    return None if part is None else part.cache_key(values)


def _key_of_low(low: int, values: list[object]) -> Hashable:
    if not low:
        return False
    values.append(low)
    return True


def _key_of_high(high: int | None, values: list[object]) -> Hashable:
    # what the database gets is a number of rows; the plan turns the two bounds into it
    if high is None:
        return False
    values.append(high)
    return True


def _key_of_combined(combined: tuple[str, bool, tuple[Described, ...]] | None, values: list[object]) -> Hashable:
    if combined is None:
        return None
    operator, every, states = combined
    return (operator, every, tuple([state.cache_key(values) for state in states]))


# -- how they are copied for compilation
# ---------------------------------------------------------------------------------


def _parameterized_terms(terms: Any, slots: Slots) -> Any:
    return terms if terms is None or isinstance(terms, bool) else tuple(term.parameterized(slots) for term in terms)


def _parameterized_named(terms: Any, slots: Slots) -> Any:
    return None if terms is None else tuple((name, expression.parameterized(slots)) for name, expression in terms)


def _parameterized_one(part: Any, slots: Slots) -> Any:
    return None if part is None else part.parameterized(slots)


def _parameterized_low(low: int, slots: Slots) -> int | Slot:
    return slots.take(low, None) if low else 0


def _parameterized_high(high: int | None, slots: Slots) -> Slot | None:
    return None if high is None else slots.take(high, None)


def _parameterized_combined(combined: tuple[str, bool, Sequence[Described]] | None, slots: Slots) -> object:
    if combined is None:
        return None
    operator, every, states = combined
    return (operator, every, tuple(state.parameterized(slots) for state in states))


PARTS: tuple[Part, ...] = (
    # the steps stand first in every key, and so do their values
    Part("steps", (), apart="the key begins with them"),
    Part("annotations", {}, apart="they are the annotations among the steps, by name"),
    Part("selected", None, words="carrying"),
    Part("order", None, _key_of_terms, _parameterized_terms, words="ordered by"),
    Part("reversed", False, words="reversed"),
    Part("distinct", False, _key_of_terms, _parameterized_terms, words="distinct"),
    Part("low", 0, _key_of_low, _parameterized_low, words="with an offset"),
    Part("high", None, _key_of_high, _parameterized_high, words="with a limit"),
    Part("partition", None, _key_of_one, _parameterized_one, words="sliced for each"),
    Part("row", "instance", words="as rows of kind"),
    Part("select", None, _key_of_named, _parameterized_named, words="selecting"),
    Part("select_related", (), words="joining"),
    Part("only", None, words="only"),
    Part("defer", frozenset(), words="deferring"),
    Part("prefetch", (), apart="what is prefetched is asked for by queries of its own"),
    Part("lock", None, words="locking"),
    Part("empty", False, words="matching nothing"),
    Part("group", None, words="grouped by"),
    Part("combined", None, _key_of_combined, _parameterized_combined),
    Part("narrows_branches", False, words="whose branches select only that"),
    Part("aggregates", None, _key_of_named, _parameterized_named, words="computing"),
    Part("assignments", None, _key_of_named, _parameterized_named, words="setting"),
    Part("sticky", False, apart="it is about the next filter, and leaves its mark on that"),
    Part("using", None, stable=False),
)
KEYED: dict[str, KeyOf | None] = {part.name: part.cache_key for part in PARTS if not part.apart}
APART = frozenset(("opts", *(part.name for part in PARTS if part.apart)))
PARAMETERIZED: dict[str, Parameterized] = {part.name: part.slot for part in PARTS if part.slot is not None}
