"""Aggregates over several multi-valued relations: each counts its own rows.

Joined side by side, two such relations multiply each other's rows and every sum with them (Django returns the product).
Here an aggregate that would be multiplied is computed by a correlated subquery instead (spec AG-07).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from dorm.aggregates import Aggregate
from dorm.exceptions import NotSupportedError
from dorm.expressions.base import Built
from dorm.expressions.references import ColumnRef
from dorm.query.predicates import Junction, Leaf, Predicate
from dorm.query.scope import Scope, same_hops
from dorm.query.state import AnnotateStep, FilterStep


def find_isolated(scope: Scope) -> set[int]:
    """The ids of the aggregates of this query that need a subquery of their own.

    :raises NotSupportedError: when one does and the rows are grouped by ``values()``, where it cannot have one.
    """
    state = scope.state
    aggregates: list[tuple[Any, tuple[Any, ...]]] = []
    for step in state.steps:
        if isinstance(step, AnnotateStep):
            for node in step.expression.flatten():
                if isinstance(node, Aggregate):
                    aggregates.append((node, node.multi_hops()))
    if not aggregates:
        return set()
    filtered = _filtered_chains(state)
    chains = _different([chain for _, chain in aggregates if chain] + filtered)
    if len(chains) < 2:
        return set()
    wanting = [
        (aggregate, chain)
        for aggregate, chain in aggregates
        if chain and aggregate.counts_rows and not aggregate.distinct and not any(same_hops(chain, f) for f in filtered)
    ]
    if wanting and state.group != "pk":
        raise NotSupportedError(
            f"{wanting[0][0]!r} and the other relations of this query multiply each other's rows within the groups of "
            "values(). Use distinct=True, or one query per relation."
        )
    return {id(aggregate) for aggregate, _ in wanting}


def chains_of(state: Any) -> list[tuple[Any, ...]]:
    """The different multi-valued relations that the results of ``aggregate()`` follow; empty for the rows themselves."""
    chains = []
    for _, expression in state.aggregates or ():
        for node in expression.flatten():
            if isinstance(node, Aggregate):
                hops = node.multi_hops()
                if hops or (node.counts_rows and not node.distinct):
                    chains.append(hops)
    return _different(chains)


def _different(chains: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for chain in chains:
        if not any(same_hops(chain, other) for other in found):
            found.append(chain)
    return found


def _filtered_chains(state: Any) -> list[tuple[Any, ...]]:
    chains: list[tuple[Any, ...]] = []
    for step in state.steps:
        if isinstance(step, FilterStep):
            _collect(step.predicate, False, chains)
    return chains


def _collect(node: Predicate, negated: bool, chains: list[tuple[Any, ...]]) -> None:
    if isinstance(node, Junction):
        for child in node.children:
            _collect(child, negated or node.negated, chains)
    elif isinstance(node, Leaf) and not negated and not isinstance(node.right.variant, bool):
        for part in node.left.flatten():
            if isinstance(part, ColumnRef) and part.path.multiple:
                hops = part.path.hops
                chains.append(hops[: max(i for i, hop in enumerate(hops) if hop.multiple) + 1])


def build_isolated(scope: Scope, aggregate: Any) -> Built:
    """The aggregate as a correlated subquery."""
    hops = aggregate.multi_hops()
    first = next(i for i, hop in enumerate(hops) if hop.multiple)
    prefix = hops[: first + 1]
    with scope.reusing(None):
        outer = scope.joins.follow(prefix[:-1], None)
    inner = scope.rerooted(prefix, outer)
    correlation = inner.correlation(prefix, outer)
    with inner.reusing(None):
        built = aggregate.build_here(inner)
    select = inner.correlated(sa.select(built.sql).select_from(inner.joins.from_clause()).where(correlation))
    element: Any = select.scalar_subquery()
    if built.field is not None:
        element = sa.type_coerce(element, built.field.sql_type())
    return Built(element, built.field)
