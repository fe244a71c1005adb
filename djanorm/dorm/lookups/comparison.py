"""Comparisons of values: exact, gt, in, range, isnull …"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa

from dorm.expressions.base import Built, Expression, are_values, as_operand, is_operand
from dorm.expressions.subqueries import Subquery
from dorm.expressions.values import RawSQL
from dorm.lookups.base import EVERYTHING, INTEGER_LIMIT, NOTHING, NULL, Lookup, Right, is_fraction, require_iterable

if TYPE_CHECKING:
    from dorm.dialects.elements import Element
    from dorm.expressions.contract import ComparingScope, FieldLike


class Exact(Lookup):
    """Equal; None means IS NULL."""

    lookup_name = "exact"

    def read_none(self, field: FieldLike) -> Right:
        return NULL

    def read(self, field: FieldLike, value: object) -> Right:
        right = super().read(field, value)
        if right.expressions and isinstance(right.expressions[0], Subquery):
            _one_row(right.expressions[0], self.lookup_name)
        return right

    def build(self, scope: ComparingScope, left: Built, right: Any) -> Element:
        if right.variant == "null":
            return left.sql.is_(None)
        return scope.compare("=", left, right)


class NotEqual(Exact):
    """Not equal; None means IS NOT NULL."""

    lookup_name = "ne"

    def read_fraction(self, value: object) -> Right:
        return EVERYTHING

    def read_out_of_range(self, value: int) -> Right:
        return EVERYTHING

    def build(self, scope: ComparingScope, left: Built, right: Any) -> Element:
        if right.variant == "null":
            return left.sql.is_not(None)
        return scope.compare("<>", left, right)


class _Ordered(Lookup):
    operator: ClassVar[str]

    def read_fraction(self, value: Any) -> Right:
        # x > 39.3 means x > 39, x >= 39.3 means x >= 40; the same for < and <= the other way round
        return Right("value", (math.floor(value) if self.operator in (">", "<=") else math.ceil(value),))

    def read_out_of_range(self, value: int) -> Right:
        return EVERYTHING if (value > 0) == (self.operator[0] == "<") else NOTHING

    def build(self, scope: ComparingScope, left: Built, right: object) -> Element:
        return scope.compare(self.operator, left, right)


class GreaterThan(_Ordered):
    """Greater."""

    lookup_name = "gt"
    operator = ">"


class GreaterThanOrEqual(_Ordered):
    """Greater or equal."""

    lookup_name = "gte"
    operator = ">="


class LessThan(_Ordered):
    """Less."""

    lookup_name = "lt"
    operator = "<"


class LessThanOrEqual(_Ordered):
    """Less or equal."""

    lookup_name = "lte"
    operator = "<="


class Range(Lookup):
    """Between two bounds, both included."""

    lookup_name = "range"

    def read(self, field: FieldLike, value: object) -> Right:
        bounds = require_iterable(self.lookup_name, value)
        if len(bounds) != 2:
            raise ValueError(f"The lookup 'range' needs exactly two bounds, not {len(bounds)}.")
        if any(bound is None for bound in bounds):
            raise ValueError("The bounds of 'range' must not be None; use gte or lte for one bound.")
        return self.read_bounds(field, bounds)

    def read_bounds(self, field: FieldLike, bounds: list[Any]) -> Right:
        """The right-hand side for two bounds, neither of which is None."""
        if any(is_operand(bound) for bound in bounds):
            parts = tuple(as_operand(b) if is_operand(b) else self.beside(field, b) for b in bounds)
            return Right("expression", (), parts)
        bounds = [
            (math.ceil, math.floor)[n](bound) if is_fraction(field, bound) else bound for n, bound in enumerate(bounds)
        ]
        low, high = (self.prepare(field, bound) for bound in bounds)
        if low.__class__ is int and high.__class__ is int:
            if low >= INTEGER_LIMIT or high < -INTEGER_LIMIT:
                return NOTHING
            low, high = max(low, -INTEGER_LIMIT), min(high, INTEGER_LIMIT - 1)
        return Right("value", (low, high))

    def build(self, scope: ComparingScope, left: Built, right: Any) -> Element:
        low, high = (right.sql(left.field, position=n) for n in (0, 1))
        return sa.between(left.sql, low, high)


def _are_ready(field: FieldLike, items: Any) -> bool:
    """Whether values can be bound as they stand: all of types that ``field`` takes, and no integer too large."""
    kinds = set(map(type, items))
    if not kinds or not kinds.issubset(field.exact_types):
        return False
    if int not in kinds:
        return True
    return kinds == {int} and min(items) >= -INTEGER_LIMIT and max(items) < INTEGER_LIMIT


class In(Lookup):
    """Member of a list, of a queryset's rows, or of those of a ``RawSQL``."""

    lookup_name = "in"

    def read(self, field: FieldLike, value: object) -> Right:
        if is_operand(value) and not isinstance(value, list | tuple | set):
            return self._computed(as_operand(value))
        items = require_iterable(self.lookup_name, value)
        plain = are_values(items)
        if plain and field is not None and _are_ready(field, items):
            return Right("list", (items,))
        if not plain and any(is_operand(item) for item in items):
            parts = tuple(as_operand(i) if is_operand(i) else self.beside(field, i) for i in items if i is not None)
            return Right(("expressions", len(parts)), (), parts)
        return self._prepared(field, items)

    def _computed(self, expression: Expression) -> Right:
        """The rows of a subquery, or one value that is computed, such as ``OuterRef`` or ``F``."""
        if isinstance(expression, Subquery):
            if expression.state.empty:
                return NOTHING
            _one_column(expression, self.lookup_name)
            return Right("subquery", (), (expression,))
        if isinstance(expression, RawSQL):
            return Right("raw", (), (expression,))
        return Right(("expressions", 1), (), (expression,))

    def _prepared(self, field: Any, items: Any) -> Right:
        """Values, each as the field prepares it; those that no row can have are left out."""
        prepared = [self.prepare(field, i) for i in items if i is not None and not is_fraction(field, i)]
        kinds = set(map(type, prepared))
        if kinds == {int}:
            prepared = [item for item in prepared if -INTEGER_LIMIT <= item < INTEGER_LIMIT]
        if not prepared:
            return NOTHING
        if isinstance(prepared[0], list) or (field is None and len(kinds) > 1):
            # lists in a list would need equal lengths to be an array, and values of several types cannot be one: bind
            # them one by one
            return Right(("values", len(prepared)), tuple(prepared))
        return Right("list", (prepared,))

    def build(self, scope: ComparingScope, left: Built, right: Any) -> Any:
        if right.variant == "subquery":
            return left.sql.in_(right.select())
        if right.variant == "raw":
            return left.sql.op("IN", is_comparison=True)(right.sql(None))
        if right.variant == "list":
            return scope.member(left, right)
        return left.sql.in_([right.sql(left.field, position=n) for n in range(right.variant[1])])


class IsNull(Lookup):
    """NULL or not."""

    lookup_name = "isnull"
    strict = False

    def read(self, field: FieldLike, value: object) -> Right:
        if not isinstance(value, bool):
            raise ValueError("The QuerySet value for an isnull lookup must be True or False.")
        return Right(value)

    def build(self, scope: ComparingScope, left: Built, right: Any) -> Any:
        return left.sql.is_(None) if right.variant else left.sql.is_not(None)


class IsNotNull(IsNull):
    """The opposite of ``isnull``."""

    lookup_name = "isnotnull"

    def read(self, field: FieldLike, value: object) -> Right:
        return Right(not super().read(field, value).variant)


def _one_row(subquery: Subquery, lookup: str) -> None:
    if not subquery.implicit:
        return
    state = subquery.state
    if state.high is None or state.high - state.low != 1:
        raise ValueError(
            f"The QuerySet value for an {lookup} lookup must be limited to one result using slicing, or wrapped in "
            "Subquery()."
        )
    _one_column(subquery, lookup)


def _one_column(subquery: Subquery, lookup: str) -> None:
    selected = subquery.state.select
    if selected is not None and len(selected) != 1:
        raise ValueError(
            f"The QuerySet value for the '{lookup}' lookup must have 1 selected fields (received {len(selected)}): name "
            "one with values('name')."
        )
