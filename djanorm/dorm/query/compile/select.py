"""One SELECT: gather conditions and annotations, choose columns, then order, group and limit."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import sqlalchemy as sa

from dorm.dialects.elements import AnySelect
from dorm.exceptions import UnsupportedFeature
from dorm.expressions.base import Built, Expression
from dorm.expressions.ordering import OrderBy
from dorm.expressions.references import AnnotationRef
from dorm.expressions.values import Slot
from dorm.query.compile import partition, related_columns
from dorm.query.compile.columns import Columns
from dorm.query.compile.gathered import NOTHING
from dorm.query.compile.grouping import Groups, group_by
from dorm.query.compile.layout import Layout, Output, Statement
from dorm.query.compile.order import Order, order_by
from dorm.query.compile.replay import EmptyResult, gather
from dorm.query.compile.scope import SELECTED, Compilation, Scope
from dorm.query.describe.annotations import is_selected
from dorm.query.describe.fan_out import multiplies, shown_and_sorted
from dorm.query.describe.ordering import effective_order
from dorm.query.describe.state import QueryState


class Select:
    """One SELECT on its way: :meth:`gather`, then columns, then :meth:`finish`.

    :param scope: the query; nothing of it is built yet.
    :param use: ``"rows"``, ``"scalar"``, ``"members"``, ``"exists"``, ``"aggregate"`` or ``"inner"``.
    :ivar groups: what its groups are made of.
    """

    def __init__(self, scope: Scope, use: str) -> None:
        self.scope = scope
        self.groups = Groups(scope, use)
        self._use = use
        self._terms: tuple[OrderBy, ...] = effective_order(scope.state)
        self._gathered = NOTHING
        self._columns = Columns()
        self._layout: Layout | None = None

    # -- conditions ------------------------------------------------------------------------------------------------

    def gather(self, *, annotations: bool, multiplying: bool = True) -> None:
        """Replay the steps, see :func:`gather`.

        :raises EmptyResult: when the query cannot match any row.
        """
        asked = self.scope.restricting()
        self._gathered = gather(self.scope, self.groups, annotations=annotations, multiplying=multiplying)
        if asked:
            self._gathered = self._gathered._replace(where=(*asked, *self._gathered.where))

    def gather_or_match_nothing(self, *, annotations: bool, multiplying: bool = True) -> None:
        """The same for a query inside another one: when it cannot match any row, it gets a condition that says so."""
        try:
            self.gather(annotations=annotations, multiplying=multiplying)
        except EmptyResult as nothing:
            self._gathered = nothing.gathered.matching_nothing()
        if self.scope.state.empty:
            self._gathered = self._gathered.matching_nothing()

    def join_rows(self) -> None:
        """Create the joins by which selected values and the order fan rows out, without selecting their columns."""
        shown, sorting = shown_and_sorted(self.scope.state)
        with self.scope.reading(SELECTED):
            self._join(shown)
        with self.scope.reusing(None):
            self._join(sorting)

    def _join(self, expressions: list[Expression]) -> None:
        for expression in expressions:
            if multiplies(expression):
                expression.build(self.scope)

    @property
    def conditions(self) -> list[Any]:
        """The conditions on its rows."""
        return list(self._gathered.where)

    # -- columns ---------------------------------------------------------------------------------------------------

    def select_rows(self) -> None:
        """The columns of ordinary results."""
        state = self.scope.state
        if state.row == "instance":
            instances = related_columns.columns_of(self.scope)
            self._columns.add_instances(instances.columns, instances.joins)
            annotations = self._annotations()
            self._layout = Layout("instance", state.opts, instances.outputs, instances.blocks, annotations)
        else:
            self._layout = Layout(state.row, state.opts, self._selected_values())

    def select(self, element: Any) -> None:
        """One column that is not described by the query's state."""
        self._columns.add(element)

    def expose(self, built: Built, *, grouping: bool) -> str:
        """A column for the query around this one; its name.

        :param grouping: whether the groups, if there are any, are made by it as well.
        """
        label = f"x{len(self._columns)}"
        self._columns.add(built.sql.label(label))
        if grouping and self.groups.any:
            place: object = sa.literal_column(str(len(self._columns)))
            self._gathered = self._gathered._replace(beside=(*self._gathered.beside, place))
        return label

    def _annotations(self) -> tuple[Output, ...]:
        outputs: list[Output] = []
        columns = self._columns
        for name in self.scope.state.annotations:
            if is_selected(self.scope.state, name):
                built = self._gathered.built[name]
                outputs.append(columns.add_annotation(name, built, f"a{len(outputs)}_{len(columns)}"))
        return tuple(outputs)

    def _selected_values(self) -> tuple[Output, ...]:
        outputs: list[Output] = []
        for name, expression in self.scope.state.select or ():
            label = f"c{len(outputs)}"
            if isinstance(expression, AnnotationRef) and expression.name in self._gathered.built:
                built = self._gathered.built[expression.name]
                made = self._columns.add_annotation(expression.name, built, label)
                outputs.append(made._replace(name=name))
                continue
            with self.scope.reading(SELECTED):
                built = expression.build(self.scope)
            outputs.append(self._columns.add_value(name, expression, built, label))
        return tuple(outputs)

    # -- the statement ---------------------------------------------------------------------------------------------

    def finish(self, *, ordered: bool = True, limited: bool = True) -> Statement:
        """The SQLAlchemy statement, and the layout of its columns."""
        scope, state, columns = self.scope, self.scope.state, self._columns
        shown = len(columns)
        terms = self._terms if ordered else ()
        order = order_by(scope, terms, columns, of_values=self.groups.of_values)
        columns.hide(order.hidden)
        key = partition.key_of(scope, columns)
        if key is not None:
            columns.hold(key)
        select = self._grouped(terms)
        select = self._distinct(select, key)
        if key is not None:
            if order.terms and isinstance(state.distinct, tuple):
                select = select.order_by(key, *order.directed())
            return Statement(self._limited_per_key(self._locked(select), key, order, shown), self._layout)
        if order.terms:
            select = select.order_by(*order.directed())
        if limited:
            select = with_slice(select, state, scope.compilation)
        select = self._locked(select)
        if scope.parent is not None:
            select = scope.correlated(select)
        if columns.hidden and self._use in ("scalar", "members"):
            select = sa.select(*list(select.subquery().c)[:shown])
        return Statement(select, self._layout and self._layout._replace(hidden=len(columns.hidden)))

    def _grouped(self, order: tuple[OrderBy, ...]) -> Any:
        """The SELECT with its tables, conditions and groups."""
        groups = group_by(self.groups, self._gathered, self._columns, order)
        self._columns.hide(groups.hidden)
        if self.groups.any:
            self.scope.compilation.note_groups()
        select = sa.select(*self._columns).select_from(self.scope.joins.from_clause())
        if groups.where:
            select = select.where(*groups.where)
        if groups.terms:
            select = select.group_by(*groups.terms)
        return select.having(*groups.having) if groups.having else select

    def _distinct(self, select: AnySelect, key: Hashable) -> AnySelect:
        """The SELECT of different rows, or of the first row for each value of some terms."""
        terms, scope = self.scope.state.distinct, self.scope
        if isinstance(terms, bool) or not terms:
            return select.distinct() if terms and self._use != "exists" else select
        if not scope.features.distinct_on:
            raise UnsupportedFeature(scope.features.display_name, "DISTINCT ON fields", "use distinct() without fields")
        with scope.reusing(None):
            labels = [self._columns.label_of(term) for term in terms]
            columns = [
                term.build(scope).sql if label is None else self._columns.place_of(label)
                for term, label in zip(terms, labels, strict=True)
            ]
        first = [] if key is None else [key]
        return scope.hooks.distinct_on(select, first + columns)

    def _limited_per_key(self, select: AnySelect, key: Any, order: Order, shown: int) -> Any:
        state, bind = self.scope.state, self.scope.compilation.bind
        low = bind(_source(state.low), sa.BigInteger()) if state.low else None
        high = None if state.high is None else bind(_source(state.high), sa.BigInteger())
        return partition.sliced(select, key, order.terms, shown, low, high)

    def _locked(self, select: Any) -> Any:
        lock, scope = self.scope.state.lock, self.scope
        if lock is None or self._use != "rows":
            return select
        tables = []
        for name in lock[3]:
            hops = () if name == "self" else scope.opts.names[name].hops()
            tables.append(scope.joins.follow(hops, None).table)
        return scope.hooks.lock(select, lock, tables)


def with_slice(select: Any, state: QueryState, compilation: Compilation) -> AnySelect:
    """``select`` with the slice of ``state``."""
    low, high = state.low, state.high
    if high is not None:
        source = _source(high) if not low else f"max({_source(high)} - {_source(low)}, 0)"
        select = select.limit(compilation.bind(source, sa.BigInteger(), ""))
    if low:
        select = select.offset(compilation.bind(_source(low), sa.BigInteger(), ""))
    return select


def _source(bound: Any) -> str:
    return f"v[{bound.index}]" if isinstance(bound, Slot) else repr(int(bound))
