"""``Case``, ``When``, and conditions used as values."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import Grouping

from dorm.expressions import base
from dorm.expressions.base import Built, Expression, as_argument, as_operand, require_condition
from dorm.expressions.conditions import Q
from dorm.expressions.type_names import stated_field

if TYPE_CHECKING:
    from dorm.dialects.elements import Element
    from dorm.expressions.contract import FieldAlgebra, FieldLike, Names, Scope


class Condition(Expression):
    """A ``Q`` as an expression: ``annotate(grown=Q(age__gte=18))``."""

    def __init__(self, condition: Q) -> None:
        self.condition = condition
        self.predicate: Any = None

    def resolve(self, names: Any) -> Expression:
        made = Condition(self.condition)
        made.predicate = names.predicate(self.condition)
        made.contains_aggregate = made.predicate.contains_aggregate
        made.contains_outer = made.predicate.contains_outer
        return made

    def operands(self) -> Sequence[Expression]:
        return ()

    def children(self) -> Any:
        return iter(()) if self.predicate is None else self.predicate.expressions()

    def cache_key(self, values: list[Any]) -> Hashable:
        return (Condition, self.predicate.cache_key(values))

    def parameterized(self, slots: Any) -> Expression:
        return self.of(self.predicate.parameterized(slots))

    def of(self, predicate: Any) -> Condition:
        """The same expression with another resolved condition."""
        made = Condition(self.condition)
        made.__dict__.update(self.__dict__)
        made.predicate = predicate
        return made

    def derived_field(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> FieldLike:
        return types.field_named("BooleanField")

    @property
    def identity(self) -> tuple[object, ...]:
        return (Condition, repr(self.condition))

    def build(self, scope: Scope) -> Built:
        return scope.condition_value(self.predicate)

    def __repr__(self) -> str:
        return repr(self.condition)


class When(Expression):
    """One branch of a ``Case``.

    :param condition: a ``Q`` or boolean expression, or lookups as keywords (paths allowed).
    :param then: the value of the branch; a bare ``str`` names a field, text needs ``Value``.
    :raises TypeError: without a condition or without ``then``.
    :raises ValueError: for an empty ``Q()``.
    """

    anatomy = ("condition", "then")

    def operands(self) -> Sequence[Expression]:
        return (self.then,)

    def __init__(self, condition: Any = None, *, then: object = ..., **lookups: Any) -> None:
        if then is ...:
            raise TypeError("When() needs then=: the value of this branch.")
        if lookups:
            condition = Q(**lookups) if condition is None else Q(condition, **lookups)
        if condition is None:
            raise TypeError("When() needs a condition: a Q object, a boolean expression, or lookups as keywords.")
        if isinstance(condition, Q) and not condition.children:
            raise ValueError("An empty Q() can't be used as a When() condition.")
        require_condition(condition, "The condition of When()")
        self.condition = as_operand(condition)
        self.then = as_argument(then)
        self._refresh_flags()

    def assigned(self, field: FieldLike) -> When:
        made = copy(self)
        made.then = self.then.assigned(field)
        return made


class Case(Expression):
    """``CASE WHEN … THEN … ELSE … END``: the first branch whose condition holds.

    :param whens: at least one :class:`When`.
    :param default: the value when no branch holds; None gives NULL.
    :raises TypeError: without branches, or for an argument that is not a ``When``.
    """

    anatomy = ("whens", "default")

    def __init__(self, *whens: When, default: object = None, output_field: object = None) -> None:
        for when in whens:
            if not isinstance(when, When):
                raise TypeError(f"Case() takes When objects, not {when!r}.")
        self.whens = whens
        self.default = as_argument(default)
        self.output_field = stated_field(output_field)
        self._refresh_flags()

    def derived_field(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> FieldLike | None:
        return types.common_field(fields, self)

    def build(self, scope: Scope) -> Built:
        if not self.whens:
            return self.default.build(scope)
        with scope.lenient():
            branches = [when.then.build(scope) for when in self.whens]
            default = self.default.build(scope)
            field = self.field_of(scope, [*(branch.field for branch in branches), default.field])
            whens = [
                (scope.truth(when.condition), scope.typed(when.then, branch, field))
                for when, branch in zip(self.whens, branches, strict=True)
            ]
            element: Element = sa.case(*whens, else_=scope.typed(self.default, default, field))
            if field is not None:
                element = scope.hooks.of_type(element, field.sql_type())
        return Built(element, field)

    def assigned(self, field: FieldLike) -> Expression:
        made = copy(self)
        made.output_field = kept = self.output_field or field
        made.whens = tuple(when.assigned(kept) for when in self.whens)
        made.default = self.default.assigned(kept)
        return super(Case, made).assigned(field)


class Negation(Expression):
    """``~F("active")``: the opposite of a boolean value; NULL stays NULL (Django 5.2)."""

    anatomy = ("expression",)
    strict = True

    def __init__(self, expression: Expression) -> None:
        self.expression = expression
        self._refresh_flags()

    def operands(self) -> Sequence[Expression]:
        return ()

    def resolve(self, names: Names) -> Expression:
        made = super().resolve(names)
        assert isinstance(made, Negation)
        if not made.expression.conditional:
            raise TypeError(
                f"Cannot negate non-conditional expressions: {self.expression!r} is neither true nor false."
            )
        return made

    def derived_field(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> FieldLike:
        return types.field_named("BooleanField")

    def build(self, scope: Scope) -> Built:
        inner = self.expression.build(scope)
        # NOT binds less tightly than a comparison of its result
        return Built(Grouping(sa.not_(inner.sql)), scope.field_named("BooleanField"))


base.make.condition = Condition
base.make.negation = Negation
