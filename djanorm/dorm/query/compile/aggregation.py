"""``aggregate()``: one row of results over all rows of a queryset, over a slice of them, or over groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dorm.aggregates import Aggregate
from dorm.exceptions import FieldError
from dorm.expressions.base import Built
from dorm.expressions.references import ColumnRef
from dorm.fields.relations import Hop
from dorm.query.compile import aggregate_subqueries
from dorm.query.compile.aggregate_subqueries import counts_each_row, different
from dorm.query.compile.compiler import QueryScope, fresh_name, needs_order
from dorm.query.compile.joins import fresh_table
from dorm.query.compile.layout import Layout, Output, Statement
from dorm.query.compile.scope import Compilation
from dorm.query.compile.select import Select
from dorm.query.describe.names import Names
from dorm.query.describe.state import QueryState

if TYPE_CHECKING:
    from dorm.dialects.elements import Element
    from dorm.expressions.base import Expression


class OverRows(QueryScope):
    """The scope of ``aggregate()`` over the rows of a subquery: their columns become columns of the subquery.

    A multi-valued relation that the rows themselves do not follow is joined outside, so that it neither repeats rows of
    a slice nor enters the groups of an annotation.

    :ivar select: the subquery, still growing.
    :ivar name: its name.
    :ivar apart: whether each aggregate gets its own SELECT over the rows.
    """

    def __init__(
        self, compilation: Compilation, state: QueryState, select: Select, name: str, *, may_split: bool = True
    ) -> None:
        super().__init__(compilation, state.evolve(steps=()))
        self.state = state
        self.select = select
        self.name = name
        chains = (chain for _, e in state.aggregates or () for chain in self._chains(e))
        self.apart = may_split and len(different(chains)) > 1
        self._outside: dict[Any, tuple[Any, Any]] = {}

    def _chains(self, expression: Expression) -> Any:
        """The chains of hops that the aggregates inside ``expression`` join outside the rows."""
        for node in expression.flatten():
            if isinstance(node, Aggregate):
                hops = [n.path.hops for part in node.children() for n in part.flatten() if isinstance(n, ColumnRef)]
                chain = max((h for h in hops if self._leaves(h) is not None), key=len, default=())
                if chain or counts_each_row(node):
                    yield chain

    def _leaves(self, hops: tuple[Hop, ...]) -> int | None:
        """The index of the hop that leads outside the rows, if there is one."""
        joins, grouped = self.select.scope.joins, self.select.groups.any
        return next(
            (n for n, hop in enumerate(hops) if hop.multiple and (grouped or not joins.has(hops[: n + 1], None))), None
        )

    def _expose(self, built: Built, grouping: bool) -> Built:
        label = self.select.expose(built, grouping=grouping)
        type_ = built.field.sql_type() if built.field is not None else built.sql.type
        return Built(sa.literal_column(f"{self.name}.{label}", type_), built.field)

    def column(self, path: Any) -> Built:
        at = self._leaves(path.hops)
        inner = self.select.scope
        with inner.reusing(None):
            if at is None:
                return self._expose(inner.column(path), grouping=True)
            hop = path.hops[at]
            key = tuple((id(h.source_field), id(h.target_field)) for h in path.hops[: at + 1])
            if key not in self._outside:
                own = inner.joins.follow(path.hops[:at]).table.c[hop.source_field.column]
                self._join(key, hop, self._expose(Built(own, hop.source_field), grouping=True).sql)
        for hop in path.hops[at + 1 :]:
            source = self._outside[key][0].c[hop.source_field.column]
            key = (*key, (id(hop.source_field), id(hop.target_field)))
            if key not in self._outside:
                self._join(key, hop, source)
        return Built(self._outside[key][0].c[path.field.column], path.field)

    def _join(self, key: object, hop: Any, source: Any) -> None:
        table = fresh_table(hop.target.query_table, self.compilation.table_names)
        scope = self.select.scope
        asked = None if scope.compilation.scoping is None else scope.restriction(hop.target, table, hop.far)
        tie = table.c[hop.target_field.column] == source
        self._outside[key] = (table, tie if asked is None else sa.and_(tie, asked))

    def annotation(self, name: str) -> Built:
        grouping = not self.state.annotations[name].contains_aggregate
        return self._expose(self.select.scope.annotation(name), grouping)

    def separate_aggregate(self, aggregate: Any) -> Built | None:
        if not self.apart:
            return None
        part = OverRows(self.compilation, self.state, self.select, self.name, may_split=False)
        built = aggregate.build_here(part)
        return built._replace(sql=sa.type_coerce(part.over(built.sql).scalar_subquery(), built.sql.type))

    def over(self, *columns: Element) -> Any:
        """A SELECT of ``columns`` from the rows and the tables joined to them."""
        clause: Any = sa.table(self.name)
        for table, condition in self._outside.values():
            clause = clause.outerjoin(table, condition)
        return sa.select(*columns).select_from(clause)


def aggregate(compilation: Compilation, state: QueryState) -> Statement:
    """One row with the results of ``aggregate()``."""
    assert state.aggregates is not None
    from_rows = (
        state.combined is not None
        or state.is_sliced
        or bool(state.distinct)
        or state.group is not None
        or any(expression.contains_aggregate for expression in state.annotations.values())
    )
    if from_rows:
        return _aggregate_over_subquery(compilation, state)
    if len(aggregate_subqueries.chains_of(state)) > 1:
        return _aggregate_apart(compilation, state)
    select = _over_table(compilation, state)
    outputs: list[Output] = []
    with select.scope.reusing(None):
        for name, expression in state.aggregates:
            built = expression.build(select.scope)
            select.select(built.sql.label(f"c{len(outputs)}"))
            outputs.append(Output(name, built.field, built.sql.type))
    statement = select.finish(ordered=False, limited=False).sql
    return Statement(statement, Layout("dict", state.opts, tuple(outputs)))


def _over_table(compilation: Compilation, state: QueryState) -> Select:
    """The rows that are aggregated, without columns yet."""
    select = Select(QueryScope(compilation, state), "aggregate")
    select.gather(annotations=False)
    select.join_rows()
    return select


def _aggregate_apart(compilation: Compilation, state: QueryState) -> Statement:
    """Aggregates over several multi-valued relations, each over its own joins."""
    columns, outputs = [], []
    for number, (name, expression) in enumerate(state.aggregates or ()):
        select = _over_table(compilation, state)
        with select.scope.reusing(None):
            built = expression.build(select.scope)
        select.select(built.sql)
        inner = select.finish(ordered=False, limited=False).sql.scalar_subquery()
        columns.append(sa.type_coerce(inner, built.sql.type).label(f"c{number}"))
        outputs.append(Output(name, built.field, built.sql.type))
    return Statement(sa.select(*columns), Layout("dict", state.opts, tuple(outputs)))


def _aggregate_over_subquery(compilation: Compilation, state: QueryState) -> Statement:
    if state.combined is not None:
        raise FieldError("aggregate() after a set operation is not supported; aggregate each queryset on its own.")
    keep_order = needs_order(state)
    if state.row == "instance":
        key = (("pk", Names(state).reference("pk")),)
        inner_state = state.evolve(row="tuple", select=key, select_related=())
    else:
        inner_state = state
    select = Select(QueryScope(compilation, inner_state), "inner")
    select.gather(annotations=True)
    select.select_rows()
    select.join_rows()
    outer = OverRows(compilation, state, select, fresh_name(compilation))
    columns, outputs = [], []
    for number, (alias, expression) in enumerate(state.aggregates or ()):
        built = expression.build(outer)
        columns.append(built.sql.label(f"c{number}"))
        outputs.append(Output(alias, built.field, built.sql.type))
    statement: Any = sa.select(*columns) if outer.apart else outer.over(*columns)
    statement = statement.add_cte(select.finish(ordered=keep_order).sql.cte(outer.name))
    return Statement(statement, Layout("dict", state.opts, tuple(outputs)))
