"""``QueryState``: the description of a query and nothing else.

Frozen. Chain methods make changed copies; the compiler reads it; ``cache_key()`` splits it into a hashable structure
(the key of its plan) and a flat list of values.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NoReturn

from dorm.expressions.base import Expression, Uncacheable
from dorm.query.describe.parts import APART, KEYED, PARAMETERIZED, PARTS, Slots
from dorm.query.describe.predicates import Predicate


class FilterStep:
    """One call of ``filter()`` or ``exclude()``, whose conditions share their multi-valued joins.

    :ivar shared: whether it also shares those of the step before.
    """

    __slots__ = ("predicate", "shared")

    def __init__(self, predicate: Predicate, shared: bool = False) -> None:
        self.predicate = predicate
        self.shared = shared

    def cache_key(self, values: list[object]) -> Hashable:
        """The predicate's cache key."""
        shape = self.predicate.cache_key(values)
        return ("shared", shape) if self.shared else shape

    def parameterized(self, slots: Any) -> FilterStep:
        return FilterStep(self.predicate.parameterized(slots), self.shared)


class AnnotateStep:
    """One annotation, in its place among the filters: it reads the joins made before it, as in Django."""

    __slots__ = ("expression", "name")

    def __init__(self, name: str, expression: Expression) -> None:
        self.name = name
        self.expression = expression

    def cache_key(self, values: list[object]) -> Hashable:
        return ("annotate", self.name, self.expression.cache_key(values))

    def parameterized(self, slots: Any) -> AnnotateStep:
        return AnnotateStep(self.name, self.expression.parameterized(slots))


class Mark:
    """A position among the steps: ``values()`` selects over relations, or a side of ``one | other`` begins or ends.

    :ivar kind: ``"select"``, ``"left"``, ``"right"`` or ``"end"``.
    :ivar connector: of the two sides: ``AND``, ``OR`` or ``XOR``.
    """

    __slots__ = ("connector", "kind")

    def __init__(self, kind: str, connector: str = "") -> None:
        self.kind = kind
        self.connector = connector

    def cache_key(self, values: list[object]) -> Hashable:
        return (self.kind, self.connector)

    def parameterized(self, slots: Slots) -> Mark:
        return self


def sharing(steps: tuple[object, ...]) -> tuple[object, ...]:
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
    # the defaults stand in the table of parts
    steps: tuple[Any, ...]
    annotations: dict[str, Expression]
    selected: tuple[str, ...] | None
    order: tuple[Any, ...] | None
    reversed: bool
    distinct: bool | tuple[Any, ...]
    low: int
    high: int | None
    partition: Expression | None
    row: str
    select: tuple[tuple[str, Expression], ...] | None
    select_related: tuple[str, ...] | bool
    only: frozenset[str] | None
    defer: frozenset[str]
    prefetch: tuple[Any, ...]
    lock: tuple[Any, ...] | None
    empty: bool
    group: Any
    combined: tuple[str, bool, tuple[QueryState, ...]] | None
    narrows_branches: bool
    aggregates: tuple[tuple[str, Expression], ...] | None
    assignments: tuple[tuple[str, Expression], ...] | None
    sticky: bool
    using: str | None
    is_queryset_value = True

    def __init__(self, opts: Any) -> None:
        self.__dict__["opts"] = opts

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"QueryState is frozen: {name!r} cannot be set.")

    def __repr__(self) -> str:
        return f"<query of {self.opts.label}>"

    def evolve(self, **changes: object) -> QueryState:
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

    def cache_key(self, values: list[Any]) -> Hashable:
        """The structure as a hashable key; the values are appended to ``values``.

        :raises Uncacheable: when a part of it cannot be a key, or is not among the declared parts; such a query is
            compiled each time.
        """
        data = self.__dict__
        opts = data["opts"]
        steps = tuple([step.cache_key(values) for step in data.get("steps", ())])
        if len(data) == 2 and steps:
            return (opts, steps)
        parts: list[object] = [opts, steps]
        for name, value in data.items():
            if name in KEYED:
                read = KEYED[name]
                parts.append((name, value if read is None else read(value, values)))
            elif name not in APART:
                raise Uncacheable(f"'{name}' is no declared part of a query")
        return tuple(parts)

    def parameterized(self, slots: Slots) -> QueryState:
        """A copy in which every value is a numbered slot, in the order of :meth:`cache_key`."""
        changes: dict[str, object] = {}
        steps = tuple(step.parameterized(slots) for step in self.steps)
        changes["steps"] = steps
        changes["annotations"] = {s.name: s.expression for s in steps if isinstance(s, AnnotateStep)}
        for name, value in self.__dict__.items():
            if name in PARAMETERIZED:
                changes[name] = PARAMETERIZED[name](value, slots)
        return self.evolve(**changes)


for _part in PARTS:
    setattr(QueryState, _part.name, _part.default)
