"""Names inside expressions (``F("author__age")``, ``OuterRef("pk")``) and the references they resolve to."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from dorm.expressions import base
from dorm.expressions.base import Built, Expression
from dorm.expressions.conditions import Q

if TYPE_CHECKING:
    from dorm.expressions.contract import Names, Scope, Slots


class F(Expression):
    """A column, a relation path or an annotation, by name (as in Django 5.2).

    :param name: ``"age"``, ``"author__age"``, ``"pk"``, or the name of an annotation.
    """

    anatomy: ClassVar[tuple[str, ...]] = ("name",)

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"F() takes the name of a field, not {name!r}.")
        self.name = name

    def resolve(self, names: Names) -> Expression:
        return names.reference(self.name)

    def __repr__(self) -> str:
        return f"F({self.name!r})"

    # comparisons of a plain name are ordinary lookups, so that they share joins and plans with them

    def _lookup(self, lookup: str, value: Any) -> Q:
        return Q(**{f"{self.name}__{lookup}": value})

    def __lt__(self, other: object) -> Q:
        return self._lookup("lt", other)

    def __le__(self, other: object) -> Q:
        return self._lookup("lte", other)

    def __gt__(self, other: object) -> Q:
        return self._lookup("gt", other)

    def __ge__(self, other: object) -> Q:
        return self._lookup("gte", other)

    def between(self, low: object, high: object) -> Q:
        return self._lookup("range", (low, high))

    def isnull(self, value: bool = True) -> Q:
        return self._lookup("isnull", value)


class ColumnRef(Expression):
    """A resolved path to a column. Only the resolver creates it."""

    strict = True

    def __init__(self, path: Any) -> None:
        self.path = path
        self.output_field = path.field

    def resolve(self, names: Names) -> Expression:
        return self

    def parameterized(self, slots: Slots) -> Expression:
        return self

    def cache_key(self, values: list[Any]) -> Hashable:
        return self.path.key

    @property
    def identity(self) -> tuple[Any, ...]:
        return (ColumnRef, self.path.key)

    def build(self, scope: Scope) -> Built:
        return scope.column(self.path)

    def __repr__(self) -> str:
        return f"F({self.path.name!r})"


def weight(expression: Expression) -> int:
    """The number of parts the expression has in the statement."""
    return sum(node.weight if isinstance(node, AnnotationRef) else 1 for node in expression.flatten())


class AnnotationRef(Expression):
    """A reference to an annotation of the same query. Only the resolver creates it."""

    anatomy = ("name",)
    strict = False

    def __init__(self, name: str, target: Expression) -> None:
        self.name = name
        self.target = target
        self._weight: int | None = None
        self.output_field = None
        self.contains_aggregate = target.contains_aggregate
        self.contains_window = target.contains_window

    @property
    def weight(self) -> int:
        """The number of parts of the annotation, which the statement repeats at each reference."""
        known = self._weight
        if known is None:
            known = self._weight = weight(self.target)
        return known

    def resolve(self, names: Names) -> Expression:
        return self

    def parameterized(self, slots: Slots) -> Expression:
        return self

    def cache_key(self, values: list[object]) -> Hashable:
        return ("annotation", self.name)

    def operands(self) -> Sequence[Expression]:
        return (self.target,)

    def build(self, scope: Scope) -> Built:
        return scope.annotation(self.name)

    def __repr__(self) -> str:
        return f"F({self.name!r})"


class OuterRef(F):
    """A name of the query that surrounds a ``Subquery`` or ``Exists`` (as in Django 5.2)."""

    contains_outer = True

    def __init__(self, name: str | OuterRef) -> None:
        self.depth = 1
        if isinstance(name, OuterRef):
            self.depth = name.depth + 1
            name = name.name
        super().__init__(name)

    anatomy = ("name", "depth")

    def resolve(self, names: Names) -> Expression:
        return self

    def parameterized(self, slots: Slots) -> Expression:
        return self

    def build(self, scope: Scope) -> Built:
        return scope.outer(self.name, self.depth)

    def __repr__(self) -> str:
        return "OuterRef(" * self.depth + repr(self.name) + ")" * self.depth


base.make.reference = F
