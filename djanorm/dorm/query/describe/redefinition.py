"""Redefined annotations: existing references keep referring to the old definition, as in Django."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dorm.expressions.base import Expression
from dorm.expressions.conditional import Condition
from dorm.expressions.references import AnnotationRef
from dorm.lookups.base import Right
from dorm.query.describe.predicates import Junction, Leaf, Predicate, Term
from dorm.query.describe.state import AnnotateStep, FilterStep, QueryState


def redefined(state: QueryState, name: str, expression: Expression) -> tuple[QueryState, Expression]:
    """``state`` with the annotation ``name`` renamed, and the new definition with its references to it updated.

    Order terms are names, and follow the new one.
    """
    hidden = hidden_name(name, state.annotations)
    moved = _expression(expression, name, AnnotationRef(hidden, state.annotations[name]))
    return set_aside(state, name, hidden), moved


def hidden_name(name: str, taken: Iterable[str]) -> str:
    """A hidden name for the annotation ``name``: users cannot write it, and it is not among ``taken``."""
    return f"{name} {sum(other.startswith(f'{name} ') for other in taken)}"


def set_aside(state: QueryState, name: str, hidden: str) -> QueryState:
    """``state`` with the annotation ``name`` under a hidden name, so that rows do not carry it."""
    old = AnnotationRef(hidden, state.annotations[name])

    def moved(part: Any) -> Any:
        return _expression(part, name, old)

    changes: dict[str, object] = {
        "steps": tuple(_step(step, name, old) for step in state.steps),
        "annotations": {hidden if n == name else n: moved(value) for n, value in state.annotations.items()},
        "selected": tuple(n for n in (state.annotations if state.selected is None else state.selected) if n != name),
    }
    if state.select is not None:
        changes["select"] = tuple((n, moved(value)) for n, value in state.select)
    if isinstance(state.group, tuple):
        changes["group"] = tuple(hidden if n == name else n for n in state.group)
    return state.evolve(**changes)


def _step(step: object, name: str, old: AnnotationRef) -> object:
    if isinstance(step, FilterStep):
        return FilterStep(_predicate(step.predicate, name, old), step.shared)
    if isinstance(step, AnnotateStep):
        return AnnotateStep(old.name if step.name == name else step.name, _expression(step.expression, name, old))
    return step


def _expression(expression: Expression, name: str, old: AnnotationRef) -> Expression:
    if not any(isinstance(node, AnnotationRef) and node.name == name for node in expression.flatten()):
        return expression
    if isinstance(expression, AnnotationRef):
        return old
    if isinstance(expression, Condition):
        made = Condition(expression.condition)
        made.__dict__.update(expression.__dict__)
        made.predicate = _predicate(expression.predicate, name, old)
        return made
    return expression.rebuilt(lambda child: _expression(child, name, old))


def _predicate(predicate: Predicate, name: str, old: AnnotationRef) -> Predicate:
    if isinstance(predicate, Junction):
        children = tuple(_predicate(child, name, old) for child in predicate.children)
        return Junction(children, predicate.connector, predicate.negated)
    if isinstance(predicate, Leaf):
        right = predicate.right
        expressions = tuple(_expression(part, name, old) for part in right.expressions)
        left = _expression(predicate.left, name, old)
        return Leaf(left, predicate.lookup, Right(right.variant, right.values, expressions))
    assert isinstance(predicate, Term)
    return Term(_expression(predicate.expression, name, old))
