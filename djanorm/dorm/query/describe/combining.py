"""``one & other``, ``one | other``, ``one ^ other``: two querysets of one model as one condition.

A sliced side, which a condition cannot describe, is included by its keys. Each side keeps its joins and annotations;
the steps that both share, of the queryset that they started from, come once before them.
"""

from __future__ import annotations

from typing import Any

from dorm.exceptions import NotSupportedError
from dorm.expressions.base import Uncacheable, as_operand
from dorm.expressions.conditions import AND, OR, XOR
from dorm.query.describe.base import root_of, with_state
from dorm.query.describe.names import Names
from dorm.query.describe.redefinition import hidden_name, set_aside
from dorm.query.describe.state import AnnotateStep, FilterStep, Mark, QueryState

OPERATORS = {AND: "&", OR: "|", XOR: "^"}


def combined(one: Any, other: Any, connector: str) -> Any:
    """The rows of either side, of both, or of exactly one.

    :param connector: ``AND``, ``OR`` or ``XOR``.
    :raises TypeError: for anything that cannot be combined with ``one``.
    :raises NotSupportedError: when a side is a set operation, which cannot be described by conditions.
    """
    left, right = root_of(one), _partner(one, other, OPERATORS[connector])
    if left.state.empty or right.state.empty:
        return left if left.state.empty is (connector == AND) else right
    states = left.state, right.state
    if connector != AND:
        states = _by_keys(left), _by_keys(right)
    _check(*states)
    count = _in_common(*states, connector)
    mine, theirs = _apart(*states, count)
    marks = [Mark(kind, connector) for kind in ("left", "right", "end")]
    steps = (*mine.steps[:count], marks[0], *mine.steps[count:], marks[1], *theirs.steps[count:], marks[2])
    return with_state(left, _merged(mine, theirs, steps))


def _in_common(left: QueryState, right: QueryState, connector: str) -> int:
    """The number of steps that both sides begin with and share.

    With AND both sides may be about different related rows, so they share nothing, unless that would make an aggregate
    count the rows of both.
    """
    count = next((n for n, pair in enumerate(zip(left.steps, right.steps, strict=False)) if not _same(*pair)), None)
    if count is None:
        count = min(len(left.steps), len(right.steps))
    shared = left.steps[:count]
    # each side chooses what values() selects
    count = next((n for n, step in enumerate(shared) if isinstance(step, Mark) and step.kind == "select"), count)
    aggregates = any(isinstance(step, AnnotateStep) and step.expression.contains_aggregate for step in shared[:count])
    return count if connector != AND or aggregates else 0


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if type(one) is not type(other) or isinstance(one, Mark):
        return False
    values: list[Any] = []
    others: list[Any] = []
    try:
        return one.cache_key(values) == other.cache_key(others) and values == others
    except Uncacheable:
        return False


def _apart(left: QueryState, right: QueryState, count: int) -> tuple[QueryState, QueryState]:
    """Both sides, where a name defined differently keeps its meaning in each; rows carry the left one."""
    common = {step.name for step in left.steps[:count] if isinstance(step, AnnotateStep)}
    for name in [name for name in right.annotations if name in left.annotations and name not in common]:
        hidden = hidden_name(name, [*left.annotations, *right.annotations])
        right = set_aside(right, name, hidden)
    return left, right


def _merged(left: QueryState, right: QueryState, steps: tuple[object, ...]) -> QueryState:
    """``left`` with the annotations of both, and with the order of ``right`` where that has one (Django 5.2)."""
    changes: dict[str, object] = {"steps": steps, "annotations": {**left.annotations, **right.annotations}}
    if left.selected is not None or right.selected is not None:
        shown = [state.annotations if state.selected is None else state.selected for state in (left, right)]
        changes["selected"] = tuple(dict.fromkeys((*shown[0], *shown[1])))
    if left.group is None and right.group == "pk":
        changes["group"] = "pk"
    if right.order:
        changes["order"] = right.order
    return left.evolve(**changes)


def _by_keys(side: Any) -> QueryState:
    """The state of a side; for a slice, a state that selects its rows by key."""
    state: QueryState = side.state
    if not state.is_sliced:
        return state
    if isinstance(state.group, tuple):
        raise TypeError("Cannot combine groups of values() once a slice has been taken: they have no keys.")
    bare = QueryState(state.opts).evolve(using=state.using)
    if state.row != "instance" and not state.annotations:
        bare = bare.evolve(row=state.row, select=state.select)
    names = Names(bare)
    return bare.with_step(FilterStep(names.compare(names.reference("pk"), "in", as_operand(side.values("pk")))))


def _partner(one: Any, other: Any, operator: str) -> Any:
    if not hasattr(other, "get_queryset"):
        raise TypeError(f"A queryset combines with querysets, not with {other!r}.")
    root = root_of(other)
    left, right = root_of(one).state, root.state
    if right.opts is not left.opts:
        raise TypeError(f"Cannot combine querysets of {left.opts.object_name} and {right.opts.object_name}.")
    for state in (left, right):
        if state.combined is not None:
            raise NotSupportedError(
                f"Cannot use {operator} operator with combined queryset: the rows of {state.combined[0]}() are those of no "
                "condition. Combine before, or use union(), intersection() or difference()."
            )
    if left.row != "instance" and not (right.empty or left.empty) and _selected(left) != _selected(right):
        raise TypeError(
            f"Merging querysets of values() must involve the same values in each case: {', '.join(sorted(_selected(left)))} "
            f"and {', '.join(sorted(_selected(right))) or 'none'}."
        )
    return root


def _selected(state: QueryState) -> set[str]:
    return {name for name, _ in state.select or ()}


def _check(left: QueryState, right: QueryState) -> None:
    if left.is_sliced or right.is_sliced:
        raise TypeError("Cannot combine queries once a slice has been taken.")
    if bool(left.distinct) != bool(right.distinct):
        raise TypeError("Cannot combine a unique query with a non-unique query.")
    if left.distinct != right.distinct:
        raise TypeError("Cannot combine queries with different distinct fields.")
