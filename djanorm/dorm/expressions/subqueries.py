"""Querysets inside expressions: ``Subquery`` and ``Exists``.

They hold any object with a query state; only the compiler looks inside.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, Self

import sqlalchemy as sa

from dorm.expressions import base
from dorm.expressions.base import Built, Expression
from dorm.expressions.type_names import stated_field

if TYPE_CHECKING:
    from dorm.expressions.contract import FieldAlgebra, FieldLike, Names, Scope, Slots


def state_of(queryset: object) -> Any:
    """The query state of a queryset, manager or expression that holds one.

    :raises TypeError: for anything else.
    """
    if isinstance(queryset, Subquery):
        return queryset.state
    get_queryset = getattr(queryset, "get_queryset", None)
    if get_queryset is None:
        raise TypeError(f"A subquery needs a queryset, not {queryset!r}.")
    return get_queryset().state


class Subquery(Expression):
    """A queryset as one value per row (as in Django 5.2).

    :param queryset: selects one column; slices and order are kept. ``OuterRef`` refers to the surrounding query.
    :param output_field: the field of the results; the selected column's when left out.
    """

    def __init__(self, queryset: object, output_field: object = None) -> None:
        self.state = state_of(queryset)
        self.implicit = False
        self.output_field = stated_field(output_field)

    def children(self) -> Any:
        return iter(())

    def resolve(self, names: Names) -> Expression:
        names.check_subquery(self.state)
        return self

    def derived_field(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> FieldLike | None:
        """The field of the one selected column; for instances, that of their key."""
        state = self.state
        while state.select is None and state.combined is not None:
            state = state.combined[2][0]
        if state.row == "instance":
            return state.opts.pk
        return state.select[0][1].result_field() if state.select else None

    def cache_key(self, values: list[object]) -> Hashable:
        return (type(self), base.field_key(self.output_field), self.state.cache_key(values))

    def parameterized(self, slots: Slots) -> Expression:
        return self.over(self.state.parameterized(slots))

    def over(self, state: object) -> Self:
        """The same expression with another query in it."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        made.state = state
        return made

    def _refresh_flags(self) -> None:
        return

    @property
    def identity(self) -> tuple[object, ...]:
        values: list[object] = []
        try:
            return (type(self), self.state.cache_key(values), repr(values))
        except base.Uncacheable:
            return (type(self), id(self.state))

    def build(self, scope: Scope) -> Built:
        with scope.lenient():
            select, field = scope.scalar(self.state)
        field = self.output_field or field
        element = select.scalar_subquery()
        if field is not None:
            element = sa.type_coerce(element, field.sql_type())
        return Built(element, field)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.state!r})"


class Exists(Subquery):
    """Whether a queryset has a row: a condition, negated by ``~`` (as in Django 5.2)."""

    def field_of(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> FieldLike:
        return types.field_named("BooleanField")

    def result_field(self) -> FieldLike | None:
        return self.field_of(base.make.types, ())

    def build(self, scope: Any) -> Built:
        with scope.lenient():
            return Built(scope.exists(self.state), scope.field_named("BooleanField"))


def _implicit(queryset: object) -> Subquery:
    """A queryset used as a value."""
    made = Subquery(queryset)
    made.implicit = True
    return made


base.make.subquery = _implicit
