"""ORDER BY: from resolved terms to elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.sql import elements as sql

from dorm.dialects.elements import Element, Label
from dorm.expressions.ordering import OrderBy
from dorm.fields.types import JSONType
from dorm.query.compile.columns import Columns
from dorm.query.compile.scope import Scope
from dorm.query.describe.ordering import RandomOrder


class Order(NamedTuple):
    """The order of the rows.

    :ivar terms: the terms of ORDER BY, each with its element.
    :ivar hidden: the columns to select only for sorting.
    """

    terms: Sequence[tuple[OrderBy, object]] = ()
    hidden: Sequence[Any] = ()

    def directed(self) -> list[Any]:
        """The elements of ORDER BY."""
        return [term.directed(element) for term, element in self.terms]


def order_by(scope: Scope, terms: Sequence[OrderBy], columns: Columns, *, of_values: bool) -> Order:
    """The order of the rows of ``scope``.

    DISTINCT and an enclosing query require the sort expressions among the columns. So do groups: a parameter in ORDER
    BY differs from one with the same value in GROUP BY, so the database sees two expressions unless both refer to a
    column of the result.

    :param columns: those that the query selects otherwise.
    :param of_values: whether the rows are groups of equal values.
    """
    found: list[tuple[OrderBy, Any]] = []
    hidden: list[Any] = []
    prefix = "o" if scope.state.partition is None else "order "
    for term in terms:
        label = None if isinstance(term.expression, RandomOrder) else columns.label_of(term.expression)
        for key in _keys(scope, term, label):
            element = key
            if label is not None and key is label.element:
                element = label
            elif _is_hidden(scope, columns, term, key, label is not None, of_values):
                element = key.label(f"{prefix}{len(hidden)}")
                hidden.append(element)
            found.append((term, element))
    return Order(found, hidden)


def _keys(scope: Scope, term: OrderBy, label: Label | None) -> Sequence[Element]:
    """The elements that sort the rows by ``term``; none for a constant.

    :param label: the selected column that holds its expression, if there is one.
    """
    expression = term.expression
    if isinstance(expression, RandomOrder):
        return (scope.hooks.random(),)
    if label is not None:
        element = label.element
    else:
        with scope.reusing(None):
            element = expression.build(scope).sql
        if is_constant(element):
            return ()
    return scope.hooks.sort_keys(element, isinstance(element.type, JSONType))


def is_constant(element: object) -> bool:
    """Whether ``element`` is a constant keyword, which sorts nothing; a number would be the position of a column."""
    while isinstance(element, sa.TypeCoerce | sql.Grouping):
        element = element.element if isinstance(element, sql.Grouping) else element.clause
    return isinstance(element, sql.True_ | sql.False_ | sql.Null)


def _is_hidden(scope: Scope, columns: Columns, term: OrderBy, key: Any, labelled: bool, of_values: bool) -> bool:
    """Whether ``key`` must be selected so that rows can be sorted by it."""
    state = scope.state
    if isinstance(term.expression, RandomOrder):
        return False
    if state.partition is None:
        if labelled:
            return False
        if of_values and not scope.joins.owns(key) and not term.contains_aggregate:
            return True
        if state.distinct is not True:
            return False
    return not columns.has(key)
