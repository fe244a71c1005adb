"""Changing the queries inside a query: its subqueries, and the branches of a set operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dorm.expressions.base import Expression
from dorm.expressions.conditional import Condition
from dorm.expressions.subqueries import Subquery
from dorm.lookups.base import Right
from dorm.query.describe.predicates import Junction, Leaf, Predicate, Term
from dorm.query.describe.state import AnnotateStep, FilterStep, QueryState

Change = Callable[[QueryState], QueryState]
_TERMS = ("order", "distinct")
_NAMED = ("select", "aggregates", "assignments")


def changed(state: QueryState, change: Change) -> QueryState:
    """``state`` after ``change``, which every query inside it went through before; itself when nothing has changed."""
    return change(_inside(state, change))


def changed_inside(expression: Expression, change: Change) -> Expression:
    """An expression after ``change`` of every query inside it; itself when nothing has changed."""
    made: Expression = _expression(expression, change)
    return made


def _inside(state: QueryState, change: Change) -> QueryState:
    changes: dict[str, object] = {}
    steps = tuple([_step(step, change) for step in state.steps])
    if any(new is not old for new, old in zip(steps, state.steps, strict=True)):
        changes["steps"] = steps
        changes["annotations"] = {s.name: s.expression for s in steps if isinstance(s, AnnotateStep)}
    for name, value in state.__dict__.items():
        if name in _TERMS and isinstance(value, tuple):
            terms = tuple([_expression(t, change) if isinstance(t, Expression) else t for t in value])
            if any(new is not old for new, old in zip(terms, value, strict=True)):
                changes[name] = terms
        elif name in _NAMED and value is not None:
            named = tuple([(key, _expression(expression, change)) for key, expression in value])
            if any(new[1] is not old[1] for new, old in zip(named, value, strict=True)):
                changes[name] = named
        elif name == "partition" and value is not None:
            changes[name] = _expression(value, change)
        elif name == "combined" and value is not None:
            operator, every, states = value
            changes[name] = (operator, every, tuple([changed(branch, change) for branch in states]))
    return state.evolve(**changes) if changes else state


def _step(step: Any, change: Change) -> Any:
    if isinstance(step, FilterStep):
        predicate = _predicate(step.predicate, change)
        return step if predicate is step.predicate else FilterStep(predicate, step.shared)
    if isinstance(step, AnnotateStep):
        expression = _expression(step.expression, change)
        return step if expression is step.expression else AnnotateStep(step.name, expression)
    return step


def _expression(expression: Any, change: Change) -> Any:
    if isinstance(expression, Subquery):
        state = changed(expression.state, change)
        return expression if state is expression.state else expression.over(state)
    if isinstance(expression, Condition):
        predicate = _predicate(expression.predicate, change)
        return expression if predicate is expression.predicate else expression.of(predicate)
    return expression.rebuilt(lambda child: _expression(child, change))


def _predicate(predicate: Predicate, change: Change) -> Predicate:
    if isinstance(predicate, Junction):
        children = tuple([_predicate(child, change) for child in predicate.children])
        if all(new is old for new, old in zip(children, predicate.children, strict=True)):
            return predicate
        return Junction(children, predicate.connector, predicate.negated)
    if isinstance(predicate, Leaf):
        left, right = _expression(predicate.left, change), predicate.right
        parts = tuple([_expression(part, change) for part in right.expressions])
        if left is predicate.left and all(new is old for new, old in zip(parts, right.expressions, strict=True)):
            return predicate
        return Leaf(left, predicate.lookup, Right(right.variant, right.values, parts))
    assert isinstance(predicate, Term)
    expression = _expression(predicate.expression, change)
    return predicate if expression is predicate.expression else Term(expression)
