"""A slice of the rows of each parent, in one statement, for a sliced ``Prefetch`` (as in Django 5.2).

The rows are numbered per parent, in the queryset's order, and those with numbers inside the slice are kept. The
numbering happens in a query around the rows, after DISTINCT and GROUP BY.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dorm.dialects.elements import AnySelect
from dorm.expressions.ordering import OrderBy
from dorm.expressions.references import AnnotationRef
from dorm.query.compile.columns import Columns
from dorm.query.compile.scope import Scope

if TYPE_CHECKING:
    from dorm.dialects.elements import Element


def key_of(scope: Scope, columns: Columns) -> Element | None:
    """The column that identifies the parent of a row; None when the slice is of all rows at once."""
    expression = scope.state.partition
    if isinstance(expression, AnnotationRef):
        return columns.annotation(expression.name)
    if expression is None:
        return None
    with scope.reusing(None):
        return expression.build(scope).sql


def sliced(
    statement: AnySelect, key: Element, order: Sequence[tuple[OrderBy, Any]], shown: int, low: object, high: Any
) -> Any:
    """A SELECT of those rows of ``statement`` whose numbers among the rows of their key are in the slice.

    :param order: the terms that order the rows, each with its element, which ``statement`` selects.
    :param shown: the number of columns, from the left, that the result has.
    :param low: how many rows are left out, as a parameter; None for no row.
    :param high: the number of the last row, as a parameter; None for all.
    """
    # names with spaces cannot clash with names of columns
    rows = statement.subquery()
    terms = [term.directed(_inside(rows, element)) for term, element in order]
    number = sa.func.row_number().over(partition_by=_inside(rows, key), order_by=terms).label("row number")
    *columns, place = sa.select(*list(rows.c)[:shown], number).subquery().c
    taken = sa.select(*columns).order_by(place)
    if low is not None:
        taken = taken.where(place > low)
    return taken if high is None else taken.where(place <= high)


def _inside(rows: Any, element: Element) -> Element:
    """``element`` as a column of the subquery, if that selects it; otherwise unchanged."""
    column = rows.corresponding_column(element)
    return element if column is None else column
