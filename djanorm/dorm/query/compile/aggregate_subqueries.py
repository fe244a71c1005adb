"""Aggregates over several multi-valued relations: each is computed over its own rows.

Joined side by side, two such relations multiply each other's rows, and every sum with them (Django returns the
product). Here such an aggregate becomes a correlated subquery instead. With a single joined relation, an aggregate over
the row itself sees the joined rows, as in Django.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dorm.aggregates import Aggregate
from dorm.exceptions import FieldError, NotSupportedError
from dorm.expressions.base import Built
from dorm.expressions.references import AnnotationRef, ColumnRef
from dorm.query.compile.scope import Scope, same_hops
from dorm.query.describe.fan_out import rows_multiply
from dorm.query.describe.predicates import Junction, Leaf, Predicate
from dorm.query.describe.state import AnnotateStep, FilterStep, QueryState

if TYPE_CHECKING:
    from dorm.query.describe.state import QueryState

Chain = tuple[Any, ...]


def find_separate(state: QueryState) -> set[int]:
    """The ids of the aggregates of this query that must be computed in a subquery.

    :raises NotSupportedError: when one does and the rows are grouped by ``values()``, where it cannot have one.
    """
    chains = [(node, chain_of(node)) for node in _annotated_aggregates(state)]
    followed = [chain for _, chain in chains if chain]
    filtered = _filtered_chains(state) if followed else []
    if len(different(followed + filtered)) < 2:
        return set()
    wanting = [aggregate for aggregate, chain in chains if _is_multiplied(aggregate, chain, filtered)]
    if wanting and state.group != "pk":
        raise NotSupportedError(
            f"{wanting[0]!r} and the other relations of this query multiply each other's rows within the groups of "
            "values(). Use distinct=True, or one query per relation."
        )
    return {id(aggregate) for aggregate in wanting}


def _annotated_aggregates(state: QueryState) -> list[Aggregate]:
    """The aggregates inside the annotations."""
    steps = (step for step in state.steps if isinstance(step, AnnotateStep) and step.expression.contains_aggregate)
    return [node for step in steps for node in step.expression.flatten() if isinstance(node, Aggregate)]


def _is_multiplied(aggregate: Aggregate, chain: Chain, filtered: list[Chain]) -> bool:
    """Whether the joins of other chains change what ``aggregate`` computes over its own ``chain``."""
    return counts_each_row(aggregate) and not any(_along(chain, other) for other in filtered)


def counts_each_row(aggregate: Aggregate) -> bool:
    """Whether a row that comes twice changes the result."""
    return aggregate.counts_rows and not aggregate.distinct


def aggregates_apart(state: QueryState, reference: AnnotationRef) -> set[int]:
    """The ids of the aggregates behind an annotation that a subquery refers to.

    A subquery is evaluated before the groups exist (or, on SQLite, cannot see them), so it computes these aggregates
    again.

    :raises FieldError: when the value would differ, because of what else the query joins or groups by.
    """
    filtered = _filtered_chains(state)
    found = _aggregates_behind(state, reference)
    for aggregate in found:
        chain = chain_of(aggregate)
        joined = any(same_hops(chain, other) for other in filtered)
        if not chain or joined or state.group != "pk" or rows_multiply(state):
            raise FieldError(
                f"OuterRef({reference.name!r}) refers to {aggregate!r}, an aggregate of the groups of this query, which a "
                "subquery cannot see. Compute it in the subquery, or filter in a second query."
            )
    return set(map(id, found))


def _aggregates_behind(state: QueryState, reference: AnnotationRef) -> list[Aggregate]:
    """The aggregates that an annotation is computed from, through other annotations too."""
    found: list[Aggregate] = []
    waiting = [state.annotations[reference.name]]
    while waiting:
        for node in waiting.pop().flatten():
            if isinstance(node, AnnotationRef):
                waiting.append(state.annotations[node.name])
            elif isinstance(node, Aggregate):
                found.append(node)
    return found


def chain_of(aggregate: Aggregate) -> Chain:
    """The hops up to the last multi-valued one that an aggregate follows; empty for the row itself."""
    return _longest(aggregate.source_expressions) or _longest(() if aggregate.filter is None else (aggregate.filter,))


def _along(chain: Chain, other: Chain) -> bool:
    """Whether one chain is a prefix of the other, so that both are about the same related row."""
    shared = min(len(chain), len(other))
    return shared > 0 and same_hops(chain[:shared], other[:shared])


def _longest(parts: Any) -> Chain:
    longest: Chain = ()
    for part in parts:
        for node in part.flatten():
            hops: Chain = ()
            if isinstance(node, ColumnRef):
                hops = _multiple(node)
            elif isinstance(node, AnnotationRef):
                hops = _longest([node.target])
            longest = max(longest, hops, key=len)
    return longest


def _multiple(column: ColumnRef) -> Chain:
    """The hops of a column up to the last multi-valued one."""
    if not column.path.multiple:
        return ()
    hops = column.path.hops
    return hops[: max(i for i, hop in enumerate(hops) if hop.multiple) + 1]


def chains_of(state: QueryState) -> list[Chain]:
    """The different multi-valued relations that the results of ``aggregate()`` follow; empty for the rows themselves."""
    chains = []
    for _, expression in state.aggregates or ():
        for node in expression.flatten():
            if isinstance(node, Aggregate):
                chain = chain_of(node)
                if chain or counts_each_row(node):
                    chains.append(chain)
    return different(chains)


def different(chains: Iterable[Chain]) -> list[Chain]:
    """The chains without repetitions."""
    found: list[Chain] = []
    for chain in chains:
        if not any(same_hops(chain, other) for other in found):
            found.append(chain)
    return found


def _filtered_chains(state: QueryState) -> list[Chain]:
    chains: list[Chain] = []
    for step in state.steps:
        if isinstance(step, FilterStep):
            _collect(step.predicate, False, chains)
    return chains


def _collect(node: Predicate, negated: bool, chains: list[Chain]) -> None:
    if isinstance(node, Junction):
        for child in node.children:
            _collect(child, negated or node.negated, chains)
    elif isinstance(node, Leaf) and not negated and not isinstance(node.right.variant, bool):
        for part in node.left.flatten():
            if isinstance(part, ColumnRef) and part.path.multiple:
                chains.append(_multiple(part))


def _leaves(aggregate: Aggregate, prefix: Chain) -> bool:
    """Whether a part of the aggregate follows a relation that does not start with ``prefix``."""
    for part in aggregate.children():
        for node in part.flatten():
            while isinstance(node, AnnotationRef):
                node = node.target
            if isinstance(node, ColumnRef) and node.path.hops and not same_hops(node.path.hops[: len(prefix)], prefix):
                return True
    return False


def build_separate(scope: Scope, aggregate: Aggregate) -> Built:
    """The aggregate as a correlated subquery."""
    hops = _longest(aggregate.source_expressions)
    prefix = hops[: next((i for i, hop in enumerate(hops) if hop.multiple), -1) + 1]
    if len(prefix) > 1 or _leaves(aggregate, prefix):
        # start again from the row itself: the groups of the outer query have no columns of the tables joined there
        prefix = ()
    with scope.reusing(None):
        outer = scope.joins.follow(prefix[:-1], None)
    inner = scope.rerooted(prefix, own_annotations=True)
    correlation = inner.correlation(prefix, outer)
    restricting = inner.restricting()
    with inner.reusing(None):
        built = aggregate.build_here(inner)
    rows = sa.select(built.sql).select_from(inner.joins.from_clause()).where(correlation, *restricting)
    select = inner.correlated(rows)
    element: Any = select.scalar_subquery()
    if built.field is not None:
        element = sa.type_coerce(element, built.field.sql_type())
    return Built(element, built.field)
