"""The terms of ORDER BY: from ``order_by()`` or ``Meta.ordering`` to elements."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from dorm.aggregates import Aggregate
from dorm.exceptions import FieldError
from dorm.expressions.base import as_operand, is_operand
from dorm.expressions.ordering import OrderBy
from dorm.fields.types import JSONType
from dorm.functions.numbers import Random
from dorm.query.names import Names


class RandomOrder(Random):
    """``order_by("?")``."""


def resolve_term(names: Names, term: Any) -> OrderBy:
    """One argument of ``order_by()``.

    :raises FieldDoesNotExist: for an unknown name.
    :raises TypeError: for something that cannot order rows.
    """
    if isinstance(term, str):
        annotated = names.state.annotations
        cache = names.opts.query_cache
        key = ("order", term)
        if not annotated and key in cache:
            return cache[key]
        made = _named_term(names, term)
        if not annotated:
            cache[key] = made
        return made
    if isinstance(term, OrderBy):
        return _checked(term.resolve(names))
    if not is_operand(term):
        raise FieldError(f"order_by() takes names and expressions, not {term!r}.")
    return _checked(OrderBy(as_operand(term)).resolve(names))


def _checked(term: Any) -> OrderBy:
    for node in term.flatten():
        if isinstance(node, Aggregate):
            raise FieldError(
                "Using an aggregate in order_by() without also including it in annotate() is not allowed: "
                f"{term.expression!r}"
            )
    return term


def _named_term(names: Names, term: str) -> OrderBy:
    if term == "?":
        return OrderBy(RandomOrder())
    descending = term.startswith("-")
    name = term[1:] if descending else term
    if not name:
        raise FieldError(f"order_by() got {term!r}, which names nothing.")
    return OrderBy(names.reference(name), descending)


def meta_order(opts: Any) -> tuple[OrderBy, ...]:
    """``Meta.ordering``, resolved once per model."""
    cache = opts.query_cache
    found = cache.get("meta_order")
    if found is None:
        names = Names(_Bare(opts))
        found = cache["meta_order"] = tuple(resolve_term(names, term) for term in opts.ordering)
    return found


class _Bare:
    """The least a resolver of names needs."""

    annotations: dict[str, Any] = {}
    using = None

    def __init__(self, opts: Any) -> None:
        self.opts = opts


def effective_order(state: Any) -> tuple[OrderBy, ...]:
    """The terms that order the rows of ``state``, with ``reverse()`` applied."""
    terms = state.order
    if terms is None:
        grouped = state.group is not None and state.group != "pk"
        terms = () if grouped or not state.opts.ordering else meta_order(state.opts)
    if not terms and state.partition is not None:
        # rows that are numbered must come in some order, and be the same ones each time
        return (resolve_term(Names(state), "pk"),)
    return tuple(term.reverse_ordering() for term in terms) if state.reversed else terms


def order_elements(select: Any) -> tuple[list[tuple[OrderBy, Any]], list[Any]]:
    """The terms of ORDER BY with their elements, and the columns to be selected only to sort by them.

    DISTINCT wants what sorts the rows among the columns, and so does a query around this one. So do groups: a parameter in
    ORDER BY is another one than the same value in GROUP BY, so that the database sees two expressions unless both refer to a
    column of the result.
    """
    scope = select.scope
    elements: list[tuple[OrderBy, Any]] = []
    hidden: list[Any] = []
    prefix = "o" if select.state.partition is None else "order "
    for term in select.ordering_terms:
        expression = term.expression
        if isinstance(expression, RandomOrder):
            elements.append((term, scope.hooks.random()))
            continue
        label = select.label_of(expression)
        if label is None:
            with scope.reusing(None):
                element = expression.build(scope).sql
        else:
            element = label.element
        for key in scope.hooks.sort_keys(element, isinstance(element.type, JSONType)):
            if label is not None and key is element:
                key = label
            elif _is_hidden(select, term, key, label is not None):
                key = key.label(f"{prefix}{len(hidden)}")
                hidden.append(key)
            elements.append((term, key))
    return elements, hidden


def _is_hidden(select: Any, term: OrderBy, key: Any, labelled: bool) -> bool:
    """Whether ``key`` has to become a column for the rows to be sorted by it."""
    state = select.state
    if state.partition is None:
        if labelled:
            return False
        if select.groups_values and not isinstance(key, sa.Column) and not term.contains_aggregate:
            return True
        if state.distinct is not True:
            return False
    return not any(key is column for column in select.columns)
