"""Resolved conditions: the tree that ``filter()`` and ``exclude()`` store.

Every node knows its cache key and values from its creation, so that a chained queryset computes its key without walking
a node twice.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

from dorm.expressions.base import Expression, Uncacheable
from dorm.expressions.conditions import AND
from dorm.lookups.base import Right

if TYPE_CHECKING:
    from dorm.expressions.contract import Slots


class Predicate:
    """Base of the nodes.

    :ivar key: the node's cache key, or None when it is uncacheable.
    :ivar values: the bound values, in the order of the slots.
    """

    __slots__ = ("contains_aggregate", "contains_outer", "key", "values")

    key: Hashable
    values: tuple[Any, ...]
    contains_aggregate: bool
    contains_outer: bool

    def cache_key(self, values: list[object]) -> Hashable:
        """The cache key; the values are appended to ``values``.

        :raises Uncacheable: when the node has none.
        """
        if self.key is None:
            raise Uncacheable
        values.extend(self.values)
        return self.key

    def parameterized(self, slots: Slots) -> Predicate:
        """A copy in which every value is a numbered slot."""
        raise NotImplementedError

    def expressions(self) -> Iterator[Expression]:
        """The expressions in this node and below."""
        raise NotImplementedError


class Leaf(Predicate):
    """``left <lookup> right``."""

    __slots__ = ("left", "lookup", "right")

    def __init__(self, left: Expression, lookup: Any, right: Right) -> None:
        self.left = left
        self.lookup = lookup
        self.right = right
        self.contains_aggregate = left.contains_aggregate or any(e.contains_aggregate for e in right.expressions)
        self.contains_outer = left.contains_outer or any(e.contains_outer for e in right.expressions)
        values: list[Any] = []
        try:
            left_key = left.cache_key(values)
            values.extend(right.values)
            self.key = (lookup, left_key, right.variant, tuple([e.cache_key(values) for e in right.expressions]))
            self.values = tuple(values)
        except Uncacheable:
            self.key = None
            self.values = ()

    @classmethod
    def of_value(cls, left: Expression, lookup: object, right: Right, key: Hashable) -> Leaf:
        """The common case, a column and one plain value, with the cache key already known."""
        made = object.__new__(cls)
        made.left = left
        made.lookup = lookup
        made.right = right
        made.key = key
        made.values = right.values
        made.contains_aggregate = left.contains_aggregate
        made.contains_outer = left.contains_outer
        return made

    def parameterized(self, slots: Any) -> Leaf:
        made = object.__new__(Leaf)
        made.left = self.left.parameterized(slots)
        made.lookup = self.lookup
        values = tuple(slots.take(value, None) for value in self.right.values)
        made.right = Right(self.right.variant, values, tuple(e.parameterized(slots) for e in self.right.expressions))
        made.contains_aggregate = self.contains_aggregate
        made.contains_outer = self.contains_outer
        made.key = None
        made.values = ()
        return made

    def expressions(self) -> Iterator[Expression]:
        yield self.left
        yield from self.right.expressions


class Term(Predicate):
    """A boolean expression that stands alone: ``Exists(…)``, a boolean annotation, a ``Case``."""

    __slots__ = ("expression",)

    def __init__(self, expression: Expression) -> None:
        self.expression = expression
        self.contains_aggregate = expression.contains_aggregate
        self.contains_outer = expression.contains_outer
        values: list[Any] = []
        try:
            self.key = ("term", expression.cache_key(values))
            self.values = tuple(values)
        except Uncacheable:
            self.key = None
            self.values = ()

    def parameterized(self, slots: Slots) -> Term:
        return Term(self.expression.parameterized(slots))

    def expressions(self) -> Iterator[Expression]:
        yield self.expression


class Junction(Predicate):
    """Nodes joined by AND, OR or XOR, possibly negated."""

    __slots__ = ("children", "connector", "negated")

    def __init__(self, children: tuple[Predicate, ...], connector: str, negated: bool) -> None:
        self.children = children
        self.connector = connector
        self.negated = negated
        self.contains_aggregate = any(child.contains_aggregate for child in children)
        self.contains_outer = any(child.contains_outer for child in children)
        keys = tuple([child.key for child in children])
        self.key = None if None in keys else (connector, negated, keys)
        self.values = tuple([value for child in children for value in child.values])

    def parameterized(self, slots: Slots) -> Junction:
        return Junction(tuple(child.parameterized(slots) for child in self.children), self.connector, self.negated)

    def expressions(self) -> Iterator[Expression]:
        for child in self.children:
            yield from child.expressions()


NO_CONDITION = Junction((), AND, False)


def joined(parts: list[Predicate], connector: str, negated: bool) -> Predicate:
    """``parts`` joined by AND, OR or XOR. Empty ones, such as ``Q()``, restrict nothing, negated or not."""
    kept = tuple([part for part in parts if not isinstance(part, Junction) or part.children])
    if not kept:
        return NO_CONDITION
    return kept[0] if len(kept) == 1 and not negated else Junction(kept, connector, negated)
