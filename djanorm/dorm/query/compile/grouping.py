"""GROUP BY: the groups of a query and their terms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.sql import elements

from dorm.dialects.elements import Element
from dorm.expressions.base import Expression
from dorm.expressions.ordering import OrderBy
from dorm.expressions.references import AnnotationRef, ColumnRef
from dorm.lookups.documents import KeyTransform
from dorm.query.compile.columns import Columns
from dorm.query.compile.gathered import Gathered
from dorm.query.compile.order import is_constant
from dorm.query.compile.scope import SELECTED, Scope
from dorm.query.describe.annotations import is_annotated, is_selected
from dorm.query.describe.fan_out import multiplies

# the uses of a query that return its values
SELECTING = frozenset(("rows", "scalar", "members", "inner"))


class Groups:
    """The groups of a query, if it has any.

    :param use: what the query is compiled for, see `Select`.
    :ivar any: whether the rows are groups.
    :ivar of_values: whether they are groups of equal values rather than objects.
    """

    __slots__ = ("_names", "_selecting", "any", "of_values", "scope")

    def __init__(self, scope: Scope, use: str) -> None:
        group = scope.state.group
        self.scope = scope
        self.any = group is not None
        self.of_values = group is not None and group != "pk"
        self._names: tuple[str, ...] = group if isinstance(group, tuple) else ()
        self._selecting = use in SELECTING

    def columns_beside(self, expression: Expression) -> list[Element]:
        """The columns, and values in documents, that an expression with aggregates reads outside of them: they belong
        to the groups.
        """
        if is_aggregate(expression):
            return []
        if isinstance(expression, ColumnRef | KeyTransform):
            return [expression.build(self.scope).sql]
        if isinstance(expression, AnnotationRef):
            if self._are_by(expression):
                return []
            with self.scope.reading(expression.name):
                return self.columns_beside(expression.target)
        return [column for child in expression.children() for column in self.columns_beside(child)]

    def _are_by(self, reference: AnnotationRef) -> bool:
        """Whether GROUP BY has the annotation as a term."""
        if reference.contains_aggregate:
            return False
        selected = self._selecting and is_selected(self.scope.state, reference.name)
        return selected or reference.name in self._names

    def terms(self, gathered: Gathered, columns: Columns, order: Sequence[OrderBy]) -> list[Any]:
        """The terms of GROUP BY: the key (other columns depend on it), or what ``values()`` selected.

        :param columns: those that the query selects; what only sorts the rows belongs to groups of values.
        :param order: the terms of ORDER BY.
        """
        terms = [self._value(name, columns) for name in self._names] if self.of_values else self._keys(columns)
        terms += self._annotations(gathered, columns)
        terms += self._beside_aggregates(gathered)
        terms += self._beside_selected()
        if self.of_values:
            terms += [columns.place_of(label) for label in columns.hidden]
        return _unique([*terms, *self._beside_order(order), *gathered.beside])

    def made_by(self) -> set[str]:
        """The annotations that affect the groups: aggregates see the rows that other annotations join, read or not."""
        separate = self.scope.separate_aggregates
        return {
            name
            for name, expression in self.scope.state.annotations.items()
            if multiplies(expression) or any(id(node) not in separate for node in aggregates_in(expression))
        }

    def are_the_rows(self) -> bool:
        """Whether each group is one row of the table: of its key, over no other rows, without an aggregate of its own."""
        aggregates = (node for e in self.scope.state.annotations.values() for node in aggregates_in(e))
        joins = self.scope.joins.joins
        return (
            not self.of_values
            and all(id(node) in self.scope.separate_aggregates for node in aggregates)
            and not any(join.hop.multiple for join in joins)
        )

    def _keys(self, columns: Columns) -> list[Any]:
        """The key of the rows, and the columns of the related rows that come with them."""
        root = self.scope.joins.root.table
        related = [join.table.c[f.column] for join in columns.related for f in join.hop.target.concrete_fields]
        return [root.c[self.scope.opts.pk.column], *related]

    def _value(self, name: str, columns: Columns) -> object:
        """One of the values that make a group."""
        scope = self.scope
        if name in scope.state.annotations:
            label = columns.annotation(name)
            return columns.place_of(label) if label is not None else scope.annotation(name).sql
        selected = dict(scope.state.select or ()).get(name)
        expression = scope.names.reference(name) if selected is None else selected
        label = columns.label_of(expression)
        if label is not None:
            return columns.place_of(label)
        with scope.reading(SELECTED):
            return expression.build(scope).sql

    def _annotations(self, gathered: Gathered, columns: Columns) -> list[Any]:
        """The annotations without aggregates that change from row to row, or that fan rows out."""
        terms = []
        for name, expression in self.scope.state.annotations.items():
            if expression.contains_aggregate:
                continue
            label = columns.annotation(name)
            if label is not None and _depends(expression):
                if name not in self._names:
                    terms.append(columns.place_of(label))
            elif not self.of_values and name in gathered.built and self._fans_out(name, expression):
                terms.append(gathered.built[name].sql)
        return terms

    def _fans_out(self, name: str, expression: Expression) -> bool:
        return multiplies(expression) and is_annotated(self.scope.state, name)

    def _beside_aggregates(self, gathered: Gathered) -> list[object]:
        """The columns that annotations with aggregates read beside them."""
        terms: list[object] = []
        for name, expression in self.scope.state.annotations.items():
            if name in gathered.built and expression.contains_aggregate:
                with self.scope.reading(name):
                    terms += self.columns_beside(expression)
        return terms

    def _beside_selected(self) -> list[object]:
        """The columns that ``values()`` selects beside the groups."""
        state = self.scope.state
        if state.row == "instance":
            return []
        beside = (expression for name, expression in state.select or () if name not in self._names)
        with self.scope.reading(SELECTED):
            return [c for expression in beside for c in self.columns_beside(expression)]

    def _beside_order(self, order: Iterable[OrderBy]) -> list[Any]:
        """The columns that ORDER BY reads, which PostgreSQL wants in the groups."""
        state = self.scope.state
        columns: list[Any] = []
        # a selected column may belong to another row: that of the join that values() created
        computed = [e.identity for _, e in state.select or () if not isinstance(e, ColumnRef)]
        selected = [] if state.row == "instance" else computed
        for term in order:
            expression = term.expression
            if expression.identity in selected:
                continue
            with self.scope.reusing(None):
                if not self.of_values or term.contains_aggregate:
                    columns += self.columns_beside(expression)
                elif isinstance(expression, ColumnRef):
                    columns.append(expression.build(self.scope).sql)
        return columns


class GroupBy(NamedTuple):
    """GROUP BY, WHERE and HAVING.

    :ivar terms: of GROUP BY; none where each group is one row.
    :ivar hidden: columns that are selected only to group by them.
    """

    terms: Sequence[Element]
    where: Sequence[Any]
    having: Sequence[Any]
    hidden: Sequence[Any] = ()


def group_by(groups: Groups, gathered: Gathered, columns: Columns, order: Sequence[OrderBy]) -> GroupBy:
    """The groups of a query, and the conditions on its rows and its groups."""
    if not groups.any:
        return GroupBy((), gathered.where, gathered.having)
    if groups.are_the_rows():
        return GroupBy((), (*gathered.where, *gathered.having), ())
    # TRUE and FALSE, or the numbers they are written as, would be read as positions of columns
    terms = [
        sa.cast(term, sa.Boolean()) if is_constant(term) else term for term in groups.terms(gathered, columns, order)
    ]
    scope = groups.scope
    if scope.parent is None or scope.features.groups_by_outer_columns:
        return GroupBy(terms, gathered.where, gathered.having)
    return _without_outer_columns(scope, terms, columns, gathered)


def _without_outer_columns(scope: Scope, terms: list[Any], columns: Columns, gathered: Gathered) -> GroupBy:
    """Terms that may read the queries around this one, as columns of the result, by their positions."""
    hidden: list[Any] = []
    placed = []
    for term in terms:
        if scope.joins.owns(term) or (isinstance(term, elements.ColumnClause) and term.is_literal):
            placed.append(term)
            continue
        hidden.append(term.label(f"g{len(columns.hidden) + len(hidden)}"))
        placed.append(sa.literal_column(str(len(columns) + len(hidden))))
    return GroupBy(placed, gathered.where, gathered.having, hidden)


def is_aggregate(expression: Expression) -> bool:
    """Whether ``expression`` is computed over the rows of a group."""
    return hasattr(expression, "build_here")


def aggregates_in(expression: Expression) -> list[Any]:
    """The aggregates inside ``expression``."""
    return [node for node in expression.flatten() if is_aggregate(node)]


def _depends(expression: Expression) -> bool:
    """Whether the value changes from row to row (a constant need not be grouped by)."""
    return any(True for _ in expression.flatten())


def _unique(terms: list[object]) -> list[Any]:
    found: list[Any] = []
    for term in terms:
        if not any(term is other or str(term) == str(other) for other in found):
            found.append(term)
    return found
