"""``OrderBy``: an expression with a direction and a place for NULL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dorm.expressions import base
from dorm.expressions.base import Built, Expression

if TYPE_CHECKING:
    from dorm.expressions.contract import Scope


class OrderBy(Expression):
    """One term of ``order_by()`` (as in Django 5.2).

    :param nulls_first: NULLs before all other values; only True or None, as in Django.
    :param nulls_last: NULLs after them. With neither, the database decides.
    :raises ValueError: when both are asked for, or either is False.
    """

    anatomy = ("expression", "descending", "nulls_first", "nulls_last")

    def __init__(
        self,
        expression: object,
        descending: bool = False,
        nulls_first: bool | None = None,
        nulls_last: bool | None = None,
    ) -> None:
        if nulls_first and nulls_last:
            raise ValueError("nulls_first and nulls_last are mutually exclusive")
        if nulls_first is False or nulls_last is False:
            raise ValueError("nulls_first and nulls_last values must be True or None.")
        self.expression = base.as_argument(expression)
        self.descending = descending
        self.nulls_first = nulls_first
        self.nulls_last = nulls_last
        self._refresh_flags()

    def build(self, scope: Scope) -> Built:
        inner = self.expression.build(scope)
        return Built(self.directed(inner.sql), inner.field)

    def directed(self, element: Any) -> Any:
        """``element`` with the direction of this term."""
        ordered = sa.desc(element) if self.descending else sa.asc(element)
        if self.nulls_first:
            ordered = ordered.nulls_first()
        elif self.nulls_last:
            ordered = ordered.nulls_last()
        return ordered

    def reverse_ordering(self) -> OrderBy:
        """The same term the other way round, NULLs included."""
        return OrderBy(
            self.expression,
            not self.descending,
            True if self.nulls_last else None,
            True if self.nulls_first else None,
        )

    def asc(self, *, nulls_first: bool | None = None, nulls_last: bool | None = None) -> OrderBy:
        return OrderBy(self.expression, False, nulls_first, nulls_last)

    def desc(self, *, nulls_first: bool | None = None, nulls_last: bool | None = None) -> OrderBy:
        return OrderBy(self.expression, True, nulls_first, nulls_last)


base.make.ordering = OrderBy
