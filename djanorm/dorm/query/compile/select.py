"""From a state to a SELECT: steps replayed in order, then columns, grouping, order and limits."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import elements

from dorm.exceptions import UnsupportedFeature
from dorm.expressions.base import Unshapable
from dorm.expressions.references import AnnotationRef, ColumnRef
from dorm.expressions.values import Slot
from dorm.lookups.documents import KeyTransform
from dorm.query.compile import aggregate_subqueries, partition, related_columns
from dorm.query.compile.layout import Layout, Output
from dorm.query.compile.replay import Replay
from dorm.query.compile.result_types import free_number
from dorm.query.compile.scope import SELECTED, Scope
from dorm.query.describe.fan_out import multiplies, shown_and_sorted
from dorm.query.describe.ordering import effective_order, is_constant, order_elements
from dorm.query.describe.state import FilterStep, QueryState

# the uses of a query that return its values
SELECTING = frozenset(("rows", "scalar", "members", "inner"))


class Select:
    """One SELECT being assembled.

    :param use: ``"rows"``, ``"scalar"``, ``"members"``, ``"exists"``, ``"keys"`` or ``"inner"``.
    """

    def __init__(self, scope: Scope, use: str) -> None:
        self.scope = scope
        self.state: QueryState = scope.state
        self.use = use
        self.columns: list[Any] = []
        self.where: list[Any] = []
        self.having: list[Any] = []
        self.layout: Layout | None = None
        self.ordered = False
        self.ordering_terms: tuple[Any, ...] = effective_order(self.state)
        self.built: dict[str, Any] = {}
        self._beside: list[Any] = []
        self._computed: dict[Any, Any] = {}
        self.scope.isolated = aggregate_subqueries.find_isolated(self.scope)

    # -- conditions ------------------------------------------------------------------------------------------------

    def replay(self, *, annotations: bool, multiplying: bool = True) -> None:
        """Replays filters and annotations in the order written; joins are created in that order.

        :param annotations: build those that rows carry; those that are referred to are built in any case.
        :param multiplying: build those that fan rows out.
        """
        wanted = _referred(self.state)
        if annotations:
            wanted.update(filter(self._is_selected, self.state.annotations))
        if self.groups and any(self.state.annotations[name].contains_aggregate for name in wanted):
            wanted |= self._making_groups()
        if self.state.steps:
            Replay(self, wanted, multiplying).run()

    def _making_groups(self) -> set[str]:
        """The annotations that affect the groups: aggregates see the rows that other annotations join, read or not."""
        return {
            name
            for name, expression in self.state.annotations.items()
            if multiplies(expression) or any(id(node) not in self.scope.isolated for node in _aggregates_in(expression))
        }

    def _is_selected(self, name: str) -> bool:
        if self.state.row != "instance" or self.state.select is not None:
            return any(
                isinstance(expression, AnnotationRef) and expression.name == name
                for _, expression in self.state.select or ()
            )
        return self._is_annotated(name)

    def _is_annotated(self, name: str) -> bool:
        """Whether ``name`` comes from ``annotate()`` rather than ``alias()``."""
        return self.state.selected is None or name in self.state.selected

    @property
    def groups(self) -> bool:
        """Whether the rows are groups."""
        return self.state.group is not None

    @property
    def groups_values(self) -> bool:
        """Whether the rows are groups of equal values rather than objects."""
        return self.state.group is not None and self.state.group != "pk"

    def join_rows(self) -> None:
        """Create the joins of selected values and of the order that fan rows out, without their columns."""
        shown, sorting = shown_and_sorted(self.state)
        with self.scope.reading(SELECTED):
            self._join(shown)
        with self.scope.reusing(None):
            self._join(sorting)

    def _join(self, expressions: list[Any]) -> None:
        for expression in expressions:
            if multiplies(expression):
                expression.build(self.scope)

    # -- columns ---------------------------------------------------------------------------------------------------

    def select_rows(self) -> None:
        """Add the columns of ordinary results."""
        state = self.state
        if state.row == "instance":
            outputs, blocks = related_columns.columns_of(self.scope, self.columns)
            self.layout = Layout("instance", state.opts, tuple(outputs), tuple(blocks), self._annotations())
        else:
            self.layout = Layout(state.row, state.opts, self._selected_values())

    def _annotations(self) -> tuple[Output, ...]:
        outputs: list[Output] = []
        for name in self.state.annotations:
            if not self._is_selected(name):
                continue
            built = self.built[name]
            outputs.append(self._add(name, built, label=f"a{len(outputs)}_{len(self.columns)}", reference=name))
        return tuple(outputs)

    def _selected_values(self) -> tuple[Output, ...]:
        outputs: list[Output] = []
        for name, expression in self.state.select or ():
            if isinstance(expression, AnnotationRef) and expression.name in self.built:
                built = self.built[expression.name]
                reference: str | None = expression.name
            else:
                with self.scope.reading(SELECTED):
                    built = expression.build(self.scope)
                reference = None
            outputs.append(self._add(name, built, label=f"c{len(outputs)}", reference=reference))
            shape = _shape(expression)
            if shape is not None and isinstance(self.columns[-1], sa.Label):
                self._computed[shape] = self.columns[-1]
        return tuple(outputs)

    def label_of(self, expression: Any) -> Any:
        """The label of the selected column that holds ``expression``, None when it is not selected as a computed one."""
        if isinstance(expression, AnnotationRef):
            return self.scope.labels.get(expression.name)
        return self._computed.get(_shape(expression)) if self._computed else None

    def _add(self, name: str, built: Any, label: str, reference: str | None = None) -> Output:
        element = built.sql
        if reference is not None or not isinstance(element, sa.Column):
            element = element.label(label)
            if reference is not None:
                self.scope.labels[reference] = element
        self.columns.append(element)
        computed = not isinstance(built.sql, sa.Column)
        return Output(name, free_number(built.field) if computed else built.field, built.sql.type)

    # -- the statement ---------------------------------------------------------------------------------------------

    def finish(self, *, ordered: bool = True, limited: bool = True) -> Any:
        """The SQLAlchemy statement."""
        state = self.state
        self.ordered = ordered
        shown = len(self.columns)
        order, hidden = order_elements(self) if ordered else ([], [])
        self.columns.extend(hidden)
        key = partition.key_of(self)
        if key is not None and not any(key is column for column in self.columns):
            self.columns.append(key)
        group = self._group_by(hidden) if self.groups else []
        self.scope.compilation.grouped |= self.groups
        if hidden and self.layout is not None and state.partition is None:
            self.layout = self.layout._replace(hidden=len(hidden))
        select = sa.select(*self.columns).select_from(self.scope.joins.from_clause())
        if self.where:
            select = select.where(*self.where)
        if group:
            select = select.group_by(*group)
        if self.having:
            select = select.having(*self.having)
        if state.distinct is True:
            select = select.distinct()
        elif state.distinct:
            select = self._distinct_on(select, state.distinct, key)
        if order and (key is None or isinstance(state.distinct, tuple)):
            first = [] if key is None else [key]
            select = select.order_by(*first, *[term.directed(element) for term, element in order])
        if limited and key is None:
            select = with_slice(select, state, self.scope.compilation)
        if state.lock is not None and self.use == "rows":
            select = self._locked(select)
        if key is not None:
            return self._limited_per_key(select, key, order, shown)
        if self.scope.parent is not None:
            select = self.scope.correlated(select)
        if hidden and self.use in ("scalar", "members"):
            return sa.select(*list(select.subquery().c)[:shown])
        return select

    def _limited_per_key(self, select: Any, key: Any, order: list[Any], shown: int) -> Any:
        state, bind = self.state, self.scope.compilation.bind
        low = bind(_source(state.low), sa.BigInteger()) if state.low else None
        high = None if state.high is None else bind(_source(state.high), sa.BigInteger())
        return partition.sliced(select, key, order, shown, low, high)

    def _distinct_on(self, select: Any, terms: tuple[Any, ...], key: Any) -> Any:
        if not self.scope.features.distinct_on:
            raise UnsupportedFeature(self.scope.features.vendor, "DISTINCT ON fields", "use distinct() without fields")
        with self.scope.reusing(None):
            labels = [self.label_of(term) for term in terms]
            columns = [
                term.build(self.scope).sql if label is None else self._place(label)
                for term, label in zip(terms, labels, strict=True)
            ]
            first = [] if key is None else [key]
            return self.scope.hooks.distinct_on(select, first + columns)

    def _locked(self, select: Any) -> Any:
        assert self.state.lock is not None
        tables = []
        for name in self.state.lock[3]:
            if name == "self":
                tables.append(self.scope.joins.root.table)
            else:
                item = self.state.opts.names[name]
                tables.append(self.scope.joins.follow(item.hops(), None).table)
        return self.scope.hooks.lock(select, self.state.lock, tables)

    def _group_by(self, hidden: list[Any]) -> list[Any]:
        """The terms of GROUP BY: the key (other columns depend on it), or what values() selected.

        :param hidden: the columns that were selected only for sorting.
        """
        state, scope = self.state, self.scope
        terms: list[Any] = []
        if state.group == "pk":
            if not any(id(a) not in scope.isolated for a in _aggregates(state)) and not any(
                join.hop.multiple for join in scope.joins.joins
            ):
                self.where.extend(self.having)
                self.having = []
                return []
            root = scope.joins.root.table
            terms.append(root.c[state.opts.pk.column])
            for join in related_columns.joined_for_columns(self):
                terms.extend(join.table.c[f.column] for f in join.hop.target.concrete_fields)
        else:
            for item in state.group:
                terms.append(self._group_term(item))
        for name in state.annotations:
            expression = state.annotations[name]
            if name in scope.labels and not expression.contains_aggregate and _depends(expression):
                if state.group == "pk" or name not in state.group:
                    terms.append(self._place(scope.labels[name]))
            elif state.group == "pk" and name in self.built and multiplies(expression) and self._is_annotated(name):
                if not expression.contains_aggregate:
                    terms.append(self.built[name].sql)
        for name in state.annotations:
            if name in self.built and state.annotations[name].contains_aggregate:
                with scope.reading(name):
                    terms.extend(self.columns_beside(state.annotations[name]))
        terms.extend(self._selected_columns())
        if self.groups_values:
            terms.extend(self._place(label) for label in hidden)
        terms = _unique(terms + self._order_columns() + self._beside)
        # TRUE and FALSE, or the numbers they are written as, would be read as positions of columns
        terms = [sa.cast(term, sa.Boolean()) if is_constant(term) else term for term in terms]
        if scope.parent is None or scope.features.groups_by_outer_columns:
            return terms
        return [self._placed(term, hidden) for term in terms]

    def _placed(self, term: Any, hidden: list[Any]) -> Any:
        """``term`` as a separate column, which may contain references to enclosing queries."""
        if self.is_own(term) or (isinstance(term, elements.ColumnClause) and term.is_literal):
            return term
        column = term.label(f"g{len(hidden)}")
        hidden.append(column)
        self.columns.append(column)
        return self._place(column)

    def is_own(self, element: Any) -> bool:
        """Whether ``element`` is a plain column of this query's tables."""
        joins = self.scope.joins
        tables = [joins.root.table, *(join.table for join in joins.joins)]
        return isinstance(element, sa.Column) and any(element.table is table for table in tables)

    def group_beside(self, *terms: Any) -> None:
        """Further terms of GROUP BY."""
        self._beside += terms

    def _place(self, label: Any) -> Any:
        """A selected column by its position. (A name would refer to a column of the table that has the same one.)"""
        place = next(n for n, column in enumerate(self.columns, 1) if column is label)
        return sa.literal_column(str(place))

    def _selected_columns(self) -> list[Any]:
        """Columns that values() selects beside the groups."""
        if self.state.row == "instance":
            return []
        grouped = self.state.group if isinstance(self.state.group, tuple) else ()
        beside = (expression for name, expression in self.state.select or () if name not in grouped)
        with self.scope.reading(SELECTED):
            return [c for expression in beside for c in self.columns_beside(expression)]

    def columns_beside(self, expression: Any) -> list[Any]:
        """The columns, and values in documents, that an expression with aggregates reads outside of them: they belong
        to the groups.
        """
        if hasattr(expression, "build_here"):
            return []
        if isinstance(expression, ColumnRef | KeyTransform):
            return [expression.build(self.scope).sql]
        if isinstance(expression, AnnotationRef):
            if self._is_grouped_by(expression):
                return []
            with self.scope.reading(expression.name):
                return self.columns_beside(expression.target)
        return [column for child in expression.children() for column in self.columns_beside(child)]

    def _is_grouped_by(self, reference: AnnotationRef) -> bool:
        if reference.contains_aggregate:
            return False
        selected = self.use in SELECTING and self._is_selected(reference.name)
        return selected or (self.groups_values and reference.name in self.state.group)

    def _group_term(self, name: str) -> Any:
        scope = self.scope
        if name in scope.state.annotations:
            label = scope.labels.get(name)
            return self._place(label) if label is not None else scope.annotation(name).sql
        selected = dict(self.state.select or ()).get(name)
        expression = scope.names.reference(name) if selected is None else selected
        label = self.label_of(expression)
        if label is not None:
            return self._place(label)
        with scope.reading(SELECTED):
            return expression.build(scope).sql

    def _order_columns(self) -> list[Any]:
        """Columns that ORDER BY reads, which PostgreSQL wants in the groups."""
        columns = []
        # a selected column may belong to another row: that of the join that values() created
        computed = [e.identity for _, e in self.state.select or () if not isinstance(e, ColumnRef)]
        selected = [] if self.state.row == "instance" else computed
        for term in self.ordering_terms if self.ordered else ():
            expression = term.expression
            if expression.identity in selected:
                continue
            if not self.groups_values or term.contains_aggregate:
                with self.scope.reusing(None):
                    columns += self.columns_beside(expression)
            elif isinstance(expression, ColumnRef):
                with self.scope.reusing(None):
                    columns.append(expression.build(self.scope).sql)
        return columns


def with_slice(select: Any, state: QueryState, compilation: Any) -> Any:
    """``select`` with the slice of ``state``."""
    low, high = state.low, state.high
    if high is not None:
        source = _source(high) if not low else f"max({_source(high)} - {_source(low)}, 0)"
        select = select.limit(compilation.bind(source, sa.BigInteger(), ""))
    if low:
        select = select.offset(compilation.bind(_source(low), sa.BigInteger(), ""))
    return select


def _referred(state: QueryState) -> set[str]:
    """The annotations that conditions, order terms, results and other annotations refer to."""
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
        for node in waiting.pop().flatten():
            if isinstance(node, AnnotationRef) and node.name not in found:
                found.add(node.name)
                waiting.append(state.annotations[node.name])
    return found


def _source(bound: Any) -> str:
    return f"v[{bound.index}]" if isinstance(bound, Slot) else repr(int(bound))


def _aggregates(state: Any) -> list[Any]:
    return [node for expression in state.annotations.values() for node in _aggregates_in(expression)]


def _aggregates_in(expression: Any) -> list[Any]:
    return [node for node in expression.flatten() if hasattr(node, "build_here")]


def _depends(expression: Any) -> bool:
    """Whether the value changes from row to row (a constant need not be grouped by)."""
    return any(True for _ in expression.flatten())


def _shape(expression: Any) -> Any:
    """A key that is equal for equal expressions; None for an expression that has none."""
    try:
        return expression.shape([])
    except Unshapable:
        return None


def _unique(terms: list[Any]) -> list[Any]:
    found: list[Any] = []
    for term in terms:
        if not any(term is other or str(term) == str(other) for other in found):
            found.append(term)
    return found
