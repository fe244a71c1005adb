"""``QueryState``: the description of a query and nothing else.

Frozen. Chain methods make changed copies; the compiler reads it; ``shape()`` splits it into a hashable structure (the
key of its plan) and a flat list of values.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NoReturn

from dorm.expressions.base import Expression
from dorm.expressions.values import Slot
from dorm.query.describe.predicates import Predicate


class FilterStep:
    """One call of ``filter()`` or ``exclude()``, whose conditions share their multi-valued joins.

    :ivar shared: whether it also shares those of the step before.
    """

    __slots__ = ("predicate", "shared")

    def __init__(self, predicate: Predicate, shared: bool = False) -> None:
        self.predicate = predicate
        self.shared = shared

    def shape(self, values: list[Any]) -> Hashable:
        """The predicate's shape."""
        shape = self.predicate.shape(values)
        return ("shared", shape) if self.shared else shape

    def slotted(self, slots: Any) -> FilterStep:
        return FilterStep(self.predicate.slotted(slots), self.shared)


class AnnotateStep:
    """One annotation, in its place among the filters: it reads the joins made before it, as in Django."""

    __slots__ = ("expression", "name")

    def __init__(self, name: str, expression: Expression) -> None:
        self.name = name
        self.expression = expression

    def shape(self, values: list[Any]) -> Hashable:
        return ("annotate", self.name, self.expression.shape(values))

    def slotted(self, slots: Any) -> AnnotateStep:
        return AnnotateStep(self.name, self.expression.slotted(slots))


class Mark:
    """A position among the steps: ``values()`` selects over relations, or a side of ``one | other`` begins or ends.

    :ivar kind: ``"select"``, ``"left"``, ``"right"`` or ``"end"``.
    :ivar connector: of the two sides: ``AND``, ``OR`` or ``XOR``.
    """

    __slots__ = ("connector", "kind")

    def __init__(self, kind: str, connector: str = "") -> None:
        self.kind = kind
        self.connector = connector

    def shape(self, values: list[Any]) -> Hashable:
        return (self.kind, self.connector)

    def slotted(self, slots: Any) -> Mark:
        return self


def sharing(steps: tuple[Any, ...]) -> tuple[Any, ...]:
    """``steps`` with the first filter (of each side of a fork) sharing the joins of the filter before it."""
    made: list[Any] = []
    waiting = True
    starts: list[bool] = []
    for step in steps:
        if isinstance(step, FilterStep) and waiting:
            made.append(FilterStep(step.predicate, shared=True))
            waiting = False
            continue
        if isinstance(step, Mark) and step.kind == "left":
            starts.append(waiting)
        elif isinstance(step, Mark) and step.kind == "right":
            waiting = starts[-1]
        elif isinstance(step, Mark) and step.kind == "end":
            starts.pop()
            waiting = False
        made.append(step)
    return tuple(made)


class Slots:
    """Numbers the values of a state while it is copied for compilation."""

    __slots__ = ("samples",)

    def __init__(self) -> None:
        self.samples: list[Any] = []

    def take(self, value: Any, field: Any) -> Slot:
        """The slot of the next value."""
        self.samples.append(value)
        return Slot(len(self.samples) - 1, value, field)


class QueryState:
    """The description of a query.

    :ivar opts: ``Options`` of the model that rows belong to.
    :ivar steps: filters, annotations and marks in the order in which they were written.
    :ivar annotations: name to resolved expression, for names later in the chain.
    :ivar selected: names of the annotations that rows carry; None means all.
    :ivar order: None for ``Meta.ordering``, else resolved terms.
    :ivar low, high: the slice.
    :ivar partition: the expression for each value of which the slice is taken separately (a sliced ``Prefetch``); None:
        for all rows at once.
    :ivar row: ``"instance"``, ``"dict"``, ``"tuple"``, ``"flat"`` or ``"named"``.
    :ivar select: ``(name, expression)`` of each selected value, for rows other than instances; None means all fields.
    :ivar group: None, ``"pk"``, or the names that ``values()`` had selected when the first aggregate came.
    :ivar combined: ``(operator, all, states)`` for set operations.
    :ivar narrows_branches: whether ``select`` applies to the branches of a set operation rather than to its result.
    :ivar aggregates: ``(name, expression)`` of each result of ``aggregate()``.
    :ivar assignments: ``(field, expression)`` of each new value of ``update()``.
    :ivar sticky: the next filter shares the joins of the one before (many-to-many managers).
    """

    opts: Any
    steps: tuple[Any, ...] = ()
    annotations: dict[str, Expression] = {}
    selected: tuple[str, ...] | None = None
    order: tuple[Any, ...] | None = None
    reversed: bool = False
    distinct: bool | tuple[Any, ...] = False
    low: int = 0
    high: int | None = None
    partition: Expression | None = None
    row: str = "instance"
    select: tuple[tuple[str, Expression], ...] | None = None
    select_related: tuple[str, ...] | bool = ()
    only: frozenset[str] | None = None
    defer: frozenset[str] = frozenset()
    prefetch: tuple[Any, ...] = ()
    lock: tuple[Any, ...] | None = None
    empty: bool = False
    group: Any = None
    combined: tuple[str, bool, tuple[QueryState, ...]] | None = None
    narrows_branches: bool = False
    aggregates: tuple[tuple[str, Expression], ...] | None = None
    assignments: tuple[tuple[str, Expression], ...] | None = None
    sticky: bool = False
    using: str | None = None
    is_queryset_value = True

    def __init__(self, opts: Any) -> None:
        self.__dict__["opts"] = opts

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"QueryState is frozen: {name!r} cannot be set.")

    def __repr__(self) -> str:
        return f"<query of {self.opts.label}>"

    def evolve(self, **changes: Any) -> QueryState:
        """A copy with some parts changed."""
        made = object.__new__(QueryState)
        data = made.__dict__
        data.update(self.__dict__)
        data.update(changes)
        return made

    def with_step(self, step: Any) -> QueryState:
        """A copy with one more filter or annotation."""
        made = object.__new__(QueryState)
        data = made.__dict__
        data.update(self.__dict__)
        data["steps"] = (*self.steps, step)
        return made

    @property
    def is_sliced(self) -> bool:
        """Whether the query is sliced."""
        low = self.low
        return self.high is not None or not isinstance(low, int) or low > 0

    @property
    def hides_rows(self) -> bool:
        """Whether it may leave out rows of its model."""
        return self.empty or self.is_sliced or any(isinstance(step, FilterStep) for step in self.steps)

    @property
    def contains_outer(self) -> bool:
        """Whether a condition refers to an enclosing query."""
        return any(
            step.predicate.contains_outer if isinstance(step, FilterStep) else step.expression.contains_outer
            for step in self.steps
            if not isinstance(step, Mark)
        )

    def shape(self, values: list[Any]) -> Hashable:
        """The structure as a hashable key; the values are appended to ``values``.

        :raises Unshapable: when a part of it cannot be a key; such a query is compiled each time.
        """
        data = self.__dict__
        opts = data["opts"]
        steps = tuple([step.shape(values) for step in data.get("steps", ())])
        if len(data) == 2 and steps:
            return (opts, steps)
        parts: list[Any] = [opts, steps]
        for name, value in data.items():
            if name in _SHAPED:
                read = _SHAPED[name]
                parts.append((name, value if read is None else read(value, values)))
        return tuple(parts)

    def slotted(self, slots: Slots) -> QueryState:
        """A copy in which every value is a numbered slot, in the order of :meth:`shape`."""
        changes: dict[str, Any] = {}
        steps = tuple(step.slotted(slots) for step in self.steps)
        changes["steps"] = steps
        changes["annotations"] = {s.name: s.expression for s in steps if isinstance(s, AnnotateStep)}
        for name, value in self.__dict__.items():
            if name in _SLOTTED:
                changes[name] = _SLOTTED[name](value, slots)
        return self.evolve(**changes)


def _shape_order(terms: Any, values: list[Any]) -> Hashable:
    return None if terms is None else tuple([term.shape(values) for term in terms])


def _shape_select(terms: Any, values: list[Any]) -> Hashable:
    return None if terms is None else tuple([(name, expression.shape(values)) for name, expression in terms])


def _shape_distinct(distinct: Any, values: list[Any]) -> Hashable:
    return distinct if isinstance(distinct, bool) else tuple([term.shape(values) for term in distinct])


def _shape_low(low: int, values: list[Any]) -> Hashable:
    if not low:
        return False
    values.append(low)
    return True


def _shape_high(high: int | None, values: list[Any]) -> Hashable:
    # the database gets a number of rows, which the plan computes from the two bounds
    if high is None:
        return False
    values.append(high)
    return True


def _shape_partition(partition: Any, values: list[Any]) -> Hashable:
    return None if partition is None else partition.shape(values)


def _shape_combined(combined: Any, values: list[Any]) -> Hashable:
    if combined is None:
        return None
    operator, every, states = combined
    return (operator, every, tuple([state.shape(values) for state in states]))


def _slot_terms(terms: Any, slots: Slots) -> Any:
    return terms if terms is None or isinstance(terms, bool) else tuple(term.slotted(slots) for term in terms)


def _slot_select(terms: Any, slots: Slots) -> Any:
    return None if terms is None else tuple((name, expression.slotted(slots)) for name, expression in terms)


def _slot_low(low: int, slots: Slots) -> Any:
    return slots.take(low, None) if low else 0


def _slot_high(high: int | None, slots: Slots) -> Any:
    return None if high is None else slots.take(high, None)


def _slot_combined(combined: Any, slots: Slots) -> Any:
    if combined is None:
        return None
    operator, every, states = combined
    return (operator, every, tuple(state.slotted(slots) for state in states))


_SHAPED: dict[str, Any] = {
    "selected": None,
    "order": _shape_order,
    "reversed": None,
    "distinct": _shape_distinct,
    "low": _shape_low,
    "high": _shape_high,
    "partition": _shape_partition,
    "row": None,
    "select": _shape_select,
    "select_related": None,
    "only": None,
    "defer": None,
    "lock": None,
    "empty": None,
    "group": None,
    "using": None,
    "combined": _shape_combined,
    "narrows_branches": None,
    "aggregates": _shape_select,
    "assignments": _shape_select,
}
_SLOTTED: dict[str, Any] = {
    "order": _slot_terms,
    "distinct": _slot_terms,
    "low": _slot_low,
    "high": _slot_high,
    "select": _slot_select,
    "combined": _slot_combined,
    "aggregates": _slot_select,
    "assignments": _slot_select,
}
