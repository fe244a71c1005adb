"""Row fan-out: which parts of a query duplicate rows, because they join a multi-valued relation.

Such a join changes the number of rows, so it is created whenever rows are counted, aggregated or sliced, even if its
columns are not read. Aggregates do not fan out: their groups are the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dorm.expressions.base import Expression
from dorm.expressions.references import ColumnRef
from dorm.query.describe.ordering import effective_order
from dorm.query.describe.state import AnnotateStep, FilterStep, Mark

if TYPE_CHECKING:
    from dorm.query.describe.state import QueryState


def multiplies(expression: Expression) -> bool:
    """Whether reading ``expression`` may join several related rows."""
    if isinstance(expression, ColumnRef):
        return bool(expression.path.multiple)
    return not hasattr(expression, "build_here") and any(multiplies(child) for child in expression.children())


def rows_multiply(state: QueryState) -> bool:
    """Whether annotations, selected values or the order of ``state`` may duplicate rows."""
    parts = [step.expression for step in state.steps if isinstance(step, AnnotateStep)]
    shown, sorting = shown_and_sorted(state)
    return any(multiplies(part) for part in (*parts, *shown, *sorting))


def shown_and_sorted(state: QueryState) -> tuple[list[Expression], list[Expression]]:
    """The expressions that rows select and are ordered by, for which joins are created."""
    selected = () if state.row == "instance" else state.select or ()
    return [expression for _, expression in selected], [term.expression for term in effective_order(state)]


def order_tells_apart(state: QueryState) -> bool:
    """Whether the order adds rows: it joins several related rows, or DISTINCT or groups see its columns."""
    terms = effective_order(state)
    if any(multiplies(term.expression) for term in terms):
        return True
    sees_columns = state.distinct is True or isinstance(state.group, tuple)
    return bool(terms) and state.row != "instance" and sees_columns


def keeps_rows(state: QueryState, expression: Expression) -> bool:
    """Whether a slice keeps the same rows when ``expression`` is added as an annotation."""
    if multiplies(expression):
        return False
    if state.row != "instance":
        return not expression.contains_aggregate and not state.distinct and not isinstance(state.group, tuple)
    if not expression.contains_aggregate or state.group == "pk":
        return True
    # an aggregate merges the duplicates that a condition or the order produces
    filters = [e for step in state.steps if isinstance(step, FilterStep) for e in step.predicate.expressions()]
    return not state.distinct and not rows_multiply(state) and not any(multiplies(part) for part in filters)


def selecting(state: QueryState, row: str, select: tuple[tuple[str, Expression], ...]) -> QueryState:
    """``state`` with other selected values; multi-valued relations that they read are joined at this step.

    :param row: the kind of row, see :class:`QueryState`.
    """
    changes: dict[str, object] = {"row": row, "select": select, "select_related": ()}
    if any(isinstance(expression, ColumnRef) and multiplies(expression) for _, expression in select):
        before = (step for step in state.steps if not isinstance(step, Mark) or step.kind != "select")
        changes["steps"] = (*before, Mark("select"))
    return state.evolve(**changes)
