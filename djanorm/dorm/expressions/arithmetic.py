"""Operators between expressions, and the type of their results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.sql.elements import Grouping

from dorm.expressions import base
from dorm.expressions.base import Built, Expression
from dorm.expressions.type_names import required_field

if TYPE_CHECKING:
    from dorm.dialects.elements import Element
    from dorm.expressions.contract import FieldAlgebra, FieldLike, Scope


class Combined(Expression):
    """``left operator right``; arithmetic keeps NULL, as SQL does."""

    anatomy = ("left", "operator", "right")
    strict = True

    def __init__(self, operator: str, left: Expression, right: Expression, output_field: object = None) -> None:
        self.operator = operator
        self.left = left
        self.right = right
        self.output_field = output_field
        self._refresh_flags()

    def build(self, scope: Scope) -> Built:
        return self._built(scope, self.output_field is None)

    def build_unchecked(self, scope: Scope) -> Built:
        return self._built(scope, False)

    def _built(self, scope: Scope, checked: bool) -> Built:
        left, right = self._sides(scope, checked)
        # a bare Python number combines with any other number
        if checked and not (scope.is_bare_value(self.left) or scope.is_bare_value(self.right)):
            scope.check_precision(self.operator, left.field, right.field, self)
        field = self.field_of(scope, (left.field, right.field))
        special = scope.hooks.arithmetic(self.operator, left, right, field)
        if special is not None:
            return Built(special, field)
        element = _grouped(left.sql).op(self.operator, return_type=field.sql_type() if field else None)(
            _grouped(right.sql)
        )
        return Built(element, field)

    def derived_field(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> FieldLike:
        left, right = fields
        if types.is_bare_value(self.right) and left is not None:
            right = types.field_beside(self.right, left)
        elif types.is_bare_value(self.left) and right is not None:
            left = types.field_beside(self.left, right)
        return types.arithmetic_field(self.operator, left, right, self)

    def _sides(self, scope: Scope, checked: bool) -> tuple[Built, Built]:
        # a bare value takes the type of the other operand, so that the database sees one type
        left = self.left.build(scope) if checked else self.left.build_unchecked(scope)
        right = self.right.build(scope) if checked else self.right.build_unchecked(scope)
        if scope.is_bare_value(self.right) and left.field is not None:
            right = scope.bound_beside(self.right, left.field)
        elif scope.is_bare_value(self.left) and right.field is not None:
            left = scope.bound_beside(self.left, right.field)
        return left, right

    def __repr__(self) -> str:
        return f"({self.left!r} {self.operator} {self.right!r})"


def _grouped(element: Element) -> Element:
    return Grouping(element) if isinstance(element, sa.BinaryExpression) else element


class ExpressionWrapper(Expression):
    """An expression with a stated type (Django 5.2).

    :param expression: any expression or condition.
    :param output_field: the field that says the type of its results: a field, a field class or the name of a type.
    :raises ImproperlyConfigured: for anything else.
    """

    anatomy = ("expression",)

    def __init__(self, expression: object, output_field: object) -> None:
        self.expression = base.as_argument(expression)
        self.output_field = required_field(output_field, "ExpressionWrapper()")
        self._refresh_flags()

    @property
    def strict(self) -> bool:  # type: ignore[override] # ty: ignore[incompatible-property-override]
        return self.expression.strict

    def build(self, scope: Scope) -> Built:
        inner = self.expression.build_unchecked(scope)
        return Built(sa.type_coerce(inner.sql, self.output_field.sql_type()), self.output_field)


def _combine(operator: str, left: Expression, right: Expression) -> Combined:
    return Combined(operator, left, right)


base.make.combined = _combine
