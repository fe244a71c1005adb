"""Which annotations of a query its rows carry, and which others something in it refers to."""

from __future__ import annotations

from typing import Any

from dorm.expressions.base import Expression
from dorm.expressions.references import AnnotationRef
from dorm.query.describe.state import FilterStep, QueryState


def is_annotated(state: QueryState, name: str) -> bool:
    """Whether ``name`` comes from ``annotate()`` rather than ``alias()``."""
    return state.selected is None or name in state.selected


def is_selected(state: QueryState, name: str) -> bool:
    """Whether rows carry the annotation ``name``."""
    if state.row == "instance" and state.select is None:
        return is_annotated(state, name)
    selected = (expression for _, expression in state.select or ())
    return any(isinstance(expression, AnnotationRef) and expression.name == name for expression in selected)


def referred(state: QueryState) -> set[str]:
    """The names of annotations that conditions, order terms, results and other annotations refer to."""
    if not state.annotations:
        return set()
    waiting: list[Any] = []
    for step in state.steps:
        if isinstance(step, FilterStep):
            waiting.extend(step.predicate.expressions())
    waiting.extend(state.order or ())
    waiting.extend(expression for _, expression in (*(state.aggregates or ()), *(state.assignments or ())))
    found: set[str] = set()
    while waiting:
        for name in _names_in(waiting.pop()) - found:
            found.add(name)
            waiting.append(state.annotations[name])
    return found


def _names_in(expression: Expression) -> set[str]:
    return {node.name for node in expression.flatten() if isinstance(node, AnnotationRef)}
