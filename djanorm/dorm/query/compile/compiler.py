"""From a parameterized state to an SQLAlchemy statement, for each use of a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.sql.selectable import FromClause

from dorm.aggregates import Aggregate
from dorm.dialects.elements import AnySelect, Element
from dorm.exceptions import FieldError
from dorm.expressions.base import Built, Expression
from dorm.expressions.references import AnnotationRef, ColumnRef, F
from dorm.expressions.values import Slot
from dorm.fields.relations import Hop
from dorm.meta.options import Options
from dorm.query.compile import aggregate_subqueries, clauses, scoping
from dorm.query.compile.clauses import RightSide
from dorm.query.compile.layout import Layout, Output, Statement
from dorm.query.compile.replay import EmptyResult
from dorm.query.compile.scope import Compilation, Scope, names_of_column
from dorm.query.compile.select import Select, with_slice
from dorm.query.describe.fan_out import order_tells_apart, rows_multiply
from dorm.query.describe.names import Names
from dorm.query.describe.predicates import Predicate
from dorm.query.describe.state import QueryState

if TYPE_CHECKING:
    from dorm.aggregates import Aggregate
    from dorm.expressions.contract import FieldLike
    from dorm.fields.base import Field
    from dorm.fields.related import ForeignKey

ONE: Any = sa.literal_column("1")


class QueryScope(Scope):
    """The scope that can compile conditions, aggregates and subqueries."""

    def __init__(
        self, compilation: Compilation, state: QueryState, parent: Scope | None = None, *, table: Any = None
    ) -> None:
        super().__init__(compilation, state, parent, table=table)
        self.separate_aggregates = aggregate_subqueries.find_separate(state)

    def compare(self, operator: str, left: Built, right: RightSide) -> Element:
        """``left operator right``."""
        return clauses.compare(self, operator, left, right)

    def member(self, left: Built, right: RightSide) -> object:
        """``left IN (…)`` with the whole list as one parameter."""
        return clauses.member(self, left, right)

    def condition_value(self, predicate: Predicate) -> Built:
        """A condition as a value."""
        return clauses.condition_value(self, predicate)

    def json_compare(self, operator: str, left: Expression, right: RightSide, position: int = 0) -> object:
        """A document, or a value inside one, compared with part ``position`` of the right side."""
        return clauses.json_compare(self, operator, left, right, position)

    def json_member(self, left: Expression, right: RightSide) -> Element:
        """Whether a value inside a document is one of several."""
        return clauses.json_member(self, left, right)

    def json_absent(self, left: Expression, absent: bool) -> Element:
        """Whether the key is missing."""
        return clauses.json_absent(self, left, absent)

    def aggregates_apart(self, reference: AnnotationRef) -> set[int]:
        """The ids of the aggregates behind a reference that a subquery computes again."""
        return aggregate_subqueries.aggregates_apart(self.state, reference)

    def restriction(
        self, options: Options, table: sa.FromClause, far: ForeignKey[Any] | None = None
    ) -> sa.ColumnElement[bool] | None:
        """What scopes ask of an appearance of a table."""
        return scoping.restriction(self, options, table, far)

    def may_be_absent(self, hop: Hop) -> bool:
        """Whether a join may find no row."""
        return scoping.may_be_absent(self, hop)

    def separate_aggregate(self, aggregate: Aggregate) -> Built | None:
        """The aggregate as a subquery when it needs one, else None."""
        if id(aggregate) in self.separate_aggregates and not self._is_part:
            return aggregate_subqueries.build_separate(self, aggregate)
        return None

    def compile_subquery(self, state: QueryState, use: str, field: Any = None) -> tuple[Any, Any]:
        """A subquery's SELECT, and the field of its one column."""
        here = self.compilation.alias
        if state.using is not None and here is not None and state.using != here:
            raise ValueError(
                f"Subqueries aren't allowed across different databases: '{state.using}' inside a query of '{here}'. Force "
                "the inner query to be evaluated using list(inner_query)."
            )
        if use == "exists":
            return exists_select(self.compilation, state, self), None
        if state.combined is not None:
            if state.row == "instance":
                name = _compared_field(state, field).attname
                narrows = _is_union(state) and not state.is_sliced
                state = state.evolve(row="tuple", select=((name, F(name)),), narrows_branches=narrows)
            statement = combined_rows(self.compilation, state, self)
            return _single(statement.sql, statement.layout, True, use, self.compilation)
        if state.row == "instance":
            state = _one_column(state, field)
        _require_one(state)
        if not state.is_sliced and not isinstance(state.distinct, tuple):
            state = state.evolve(order=())
        select = Select(QueryScope(self.compilation, state, self), use)
        select.gather_or_match_nothing(annotations=True, multiplying=state.is_sliced)
        select.select_rows()
        statement = select.finish()
        return _single(statement.sql, statement.layout, _nullable(self, state), use, self.compilation)


def _single(
    statement: Any, layout: Layout | None, nullable: bool, use: str, compilation: Compilation
) -> tuple[Any, Any]:
    assert layout is not None
    if len(layout.outputs) != 1:
        names = ", ".join(output.name for output in layout.outputs)
        raise ValueError(f"A subquery must select exactly one column, and this one selects several: {names}.")
    if use == "members" and nullable:
        # a NULL among the members would make NOT IN unknown for every row
        column = next(iter(statement.subquery(fresh_name(compilation)).c))
        statement = sa.select(column).where(column.is_not(None))
    return statement, layout.outputs[0].field


def _require_one(state: QueryState) -> None:
    selected = state.select or ()
    if len(selected) != 1:
        names = ", ".join(name for name, _ in selected)
        raise ValueError(
            f"A subquery must select exactly one column, and this one selects {len(selected)} ({names}): name one "
            "with values('name')."
        )


def fresh_name(compilation: Compilation) -> str:
    """An unused name for a subquery of the statement."""
    number = 0
    while f"u{number}" in compilation.table_names:
        number += 1
    compilation.table_names.add(f"u{number}")
    return f"u{number}"


def _nullable(scope: Scope, state: QueryState) -> bool:
    assert state.select is not None
    _, expression = state.select[0]
    if not isinstance(expression, ColumnRef):
        return True
    return expression.path.field.null or any(scope.may_be_absent(hop) for hop in expression.path.hops)


def _one_column(state: QueryState, field: Field | None) -> QueryState:
    """An instance query as the column that ``field`` is compared with."""
    own = _compared_field(state, field)
    name = "pk" if own is state.opts.pk else own.name
    return state.evolve(row="tuple", select=((name, Names(state).reference(name)),), select_related=())


def _compared_field(state: QueryState, field: FieldLike | None) -> Any:
    """The field by which instances are compared with ``field``: the key it points at, else the primary key."""
    target = getattr(field, "target_field", None) if field is not None and field.remote_field is not None else None
    return next((own for own in state.opts.concrete_fields if own is target), state.opts.pk)


# -- the uses ----------------------------------------------------------------------------------------------------------


def rows(compilation: Compilation, state: QueryState, parent: Scope | None = None) -> Statement:
    """The rows of a queryset."""
    if state.combined is not None:
        return combined_rows(compilation, state, parent)
    select = Select(QueryScope(compilation, state, parent), "rows")
    select.gather(annotations=True)
    select.select_rows()
    return select.finish()


def exists_select(compilation: Compilation, state: QueryState, parent: Scope | None = None) -> Any:
    """``SELECT 1`` for each row of a queryset."""
    state = state.evolve(lock=None)
    combined = state.combined is not None
    if combined or _groups_values(state) or (state.is_sliced and (state.distinct or rows_multiply(state))):
        inner = rows(compilation, state, parent).sql
        return sa.select(ONE).select_from(inner.subquery(fresh_name(compilation)))
    select = Select(QueryScope(compilation, state, parent), "exists")
    gather = select.gather if parent is None else select.gather_or_match_nothing
    gather(annotations=state.group is not None, multiplying=False)
    select.select(ONE)
    return select.finish(ordered=False).sql


def _groups_values(state: QueryState) -> bool:
    return state.group is not None and state.group != "pk"


def exists(compilation: Compilation, state: QueryState) -> Statement:
    """One row when the queryset has any."""
    statement = exists_select(compilation, state)
    if state.high is None:
        statement = statement.limit(sa.literal_column("1"))
    return Statement(statement, Layout("flat", state.opts, (Output("exists", None, None),)))


def count(compilation: Compilation, state: QueryState) -> Statement:
    """The number of rows of the queryset."""
    layout = Layout("flat", state.opts, (Output("count", None, None),))
    state = state.evolve(lock=None)
    plain = state.combined is None and not state.distinct and not state.is_sliced and state.group is None
    if plain:
        select = Select(QueryScope(compilation, state), "count")
        select.gather(annotations=False)
        select.join_rows()
        select.select(sa.func.count())
        return Statement(select.finish(ordered=False).sql, layout)
    inner = _inner(compilation, state)
    return Statement(sa.select(sa.func.count()).select_from(inner.subquery(fresh_name(compilation))), layout)


def _inner(compilation: Compilation, state: QueryState) -> AnySelect:
    """The rows of a queryset, with only the columns needed to tell them apart."""
    if state.combined is not None:
        return combined_rows(compilation, state, None).sql
    keep_order = needs_order(state)
    if state.row == "instance":
        annotations = tuple(
            (name, Names(state).reference(name))
            for name in (state.annotations if state.selected is None else state.selected)
            if state.distinct or state.group is not None
        )
        key = (("pk", Names(state).reference("pk")),)
        state = state.evolve(row="tuple", select=key + annotations, select_related=())
    select = Select(QueryScope(compilation, state), "inner")
    select.gather(annotations=True)
    select.select_rows()
    return select.finish(ordered=keep_order).sql


def needs_order(state: QueryState) -> bool:
    """Whether the order affects which rows are returned."""
    return state.is_sliced or isinstance(state.distinct, tuple) or order_tells_apart(state)


# -- set operations ----------------------------------------------------------------------------------------------------

_SET_OPERATIONS: dict[tuple[str, bool], Any] = {
    ("union", False): sa.union,
    ("union", True): sa.union_all,
    ("intersection", False): sa.intersect,
    ("difference", False): sa.except_,
}


def combined_rows(compilation: Compilation, state: QueryState, parent: Scope | None) -> Statement:
    """The rows of a set operation: the branches in a subquery, order and slice around it."""
    assert state.combined is not None
    operator, every, states = state.combined
    if state.narrows_branches:
        states = _narrowed(state, states)
    branches: list[Any] = []
    layout: Layout | None = None
    for number, branch in enumerate(states):
        try:
            statement = _branch(compilation, branch, parent, layout)
        except EmptyResult:
            if operator == "intersection" or (operator == "difference" and number == 0):
                raise
            continue
        layout = layout or statement.layout
        if len(_all_outputs(layout)) != len(_all_outputs(statement.layout)):
            raise TypeError("The branches of a set operation must select the same number of columns.")
        branches.append(statement.sql)
    if not branches or layout is None:
        raise EmptyResult
    if len(branches) > 1:
        inner = _SET_OPERATIONS[operator, every](*branches).subquery(fresh_name(compilation))
    else:
        inner = branches[0].subquery(fresh_name(compilation))
        if not every:
            # a set operation removes duplicates even when the other side is known to be empty
            inner = sa.select(*inner.c).distinct().subquery(fresh_name(compilation))
    return _around(compilation, state, inner, layout)


def _all_outputs(layout: Layout | None) -> tuple[Output, ...]:
    assert layout is not None
    return layout.outputs + layout.annotations


def _narrowed(state: QueryState, states: tuple[QueryState, ...]) -> tuple[QueryState, ...]:
    """The branches, restricted to the columns that a set operation of instances selects and is ordered by."""
    if any(branch.row != "instance" or branch.distinct or (branch.combined and branch.is_sliced) for branch in states):
        return states
    selected: Any = state.select or ()
    names = tuple(dict.fromkeys([*(source.name for _, source in selected), *(term.name for term in state.order or ())]))
    found = []
    for branch in states:
        reference = F if branch.combined else Names(branch).reference
        select = tuple((name, reference(name)) for name in names)
        found.append(branch.evolve(row="tuple", select=select, select_related=(), narrows_branches=_is_union(branch)))
    return tuple(found)


def _is_union(state: QueryState) -> bool:
    return state.combined is not None and state.combined[0] == "union"


def _branch(compilation: Compilation, state: QueryState, parent: Scope | None, first: Layout | None) -> Statement:
    """One queryset of a set operation.

    :param first: the columns of the queryset before it; instances have theirs in the same order.
    """
    nested = state.combined is not None
    if not state.is_sliced and not nested and not isinstance(state.distinct, tuple):
        state = state.evolve(order=())
    if state.empty:
        raise EmptyResult
    statement = rows(compilation, state.evolve(lock=None, select_related=()), parent)
    columns = list(statement.sql.selected_columns)
    places = _places(statement.layout, first)
    if state.is_sliced or nested or places != sorted(places):
        assert statement.layout is not None
        inner = statement.sql.subquery(fresh_name(compilation))
        columns = [list(inner.c)[place] for place in places]
        labelled = [column.label(f"c{n}") for n, column in enumerate(columns)]
        return Statement(sa.select(*labelled), statement.layout._replace(hidden=0))
    labelled = [_unlabelled(column).label(f"c{n}") for n, column in enumerate(columns)]
    return Statement(statement.sql.with_only_columns(*labelled, maintain_column_froms=True), statement.layout)


def _places(layout: Layout | None, first: Layout | None) -> list[int]:
    """The columns of ``layout`` in the order of those of ``first``, if these are columns of instances."""
    outputs = _all_outputs(layout)
    if first is None or first.row != "instance":
        return list(range(len(outputs)))
    named = {output.name: place for place, output in enumerate(outputs)}
    return [named[output.name] for output in _all_outputs(first)]


def _unlabelled(column: Element) -> Element:
    return column.element if isinstance(column, sa.Label) else column


def _around(compilation: Compilation, state: QueryState, inner: FromClause, layout: Layout) -> Statement:
    outputs = _all_outputs(layout)
    position: dict[str, int] = {}
    for number, output in enumerate(outputs):
        position.setdefault(output.name, number)
        if output.field is not None and getattr(output.field, "name", None):
            position.setdefault(output.field.name, number)
    if state.opts.pk.attname in position:
        position.setdefault("pk", position[state.opts.pk.attname])
    chosen = outputs
    numbers = list(range(len(outputs)))
    row = layout.row
    if state.select is not None:
        numbers = [_position(position, name) for name, _ in state.select]
        chosen = tuple(outputs[n]._replace(name=name) for n, (name, _) in zip(numbers, state.select, strict=True))
        row = state.row
        layout = Layout(row, state.opts, chosen)
    elif state.row != "instance":
        layout = layout._replace(row=state.row)
    columns = [sa.type_coerce(inner.c[f"c{n}"], inner.c[f"c{n}"].type).label(f"c{n}") for n in numbers]
    select = sa.select(*columns).select_from(inner)
    order = []
    for term in state.order or ():
        column = inner.c[f"c{_position(position, term.name)}"]
        order.append((term.reverse_ordering() if state.reversed else term).directed(column))
    if order:
        select = select.order_by(*order)
    select = with_slice(select, state, compilation)
    return Statement(select, layout)


def _position(position: dict[str, int], name: str) -> int:
    try:
        return position[name]
    except KeyError:
        raise FieldError(
            f"'{name}' is not among the columns of this set operation: {', '.join(sorted(position))}."
        ) from None


# -- writing -----------------------------------------------------------------------------------------------------------


class Written(NamedTuple):
    """What an UPDATE or DELETE is about.

    :ivar where: the conditions on the rows of ``table``.
    :ivar scope: for the expressions of new values.
    """

    table: Any
    where: list[Any]
    scope: Scope


def _written(compilation: Compilation, state: QueryState) -> Written:
    """The rows of an UPDATE or DELETE; conditions that need joins go through a key subquery."""
    if not (state.is_sliced or state.distinct or state.group is not None):
        select = Select(QueryScope(compilation, state), "write")
        select.gather(annotations=False, multiplying=False)
        if not select.scope.joins.joins:
            return Written(select.scope.joins.root.table, select.conditions, select.scope)
        compilation.clear()
    scope = QueryScope(compilation, QueryState(state.opts).evolve(annotations=state.annotations))
    key = Names(state).reference("pk")
    keys = state.evolve(row="tuple", select=(("pk", key),), select_related=(), assignments=None, prefetch=())
    inner, _ = scope.compile_subquery(keys, "members")
    table = scope.joins.root.table
    return Written(table, [table.c[state.opts.pk.column].in_(inner)], scope)


def update(compilation: Compilation, state: QueryState) -> Statement:
    """The UPDATE of the rows of a queryset."""
    table, where, scope = _written(compilation, state)
    assigned = {}
    for name, expression in state.assignments or ():
        field = state.opts.get_field(name)
        names = names_of_column(field)
        if isinstance(expression, Slot):
            element = compilation.bind(f"v[{expression.index}]", field.sql_type(), names)
        else:
            with scope.attributing_to(names):
                element = clauses.beside(scope, expression.build(scope), field)
        assigned[table.c[field.column]] = element
    if scope.joins.joins:
        raise FieldError("Joined field references are not permitted in this query.")
    return Statement(sa.update(table).where(*where).values(assigned), None)


def update_returning(compilation: Compilation, state: QueryState) -> Statement:
    """The UPDATE of the rows of a queryset, which gives their keys back."""
    key = state.opts.pk
    made: Any = update(compilation, state).sql
    layout = Layout("flat", state.opts, (Output("pk", key, None),))
    return Statement(made.returning(made.table.c[key.column]), layout)


def delete(compilation: Compilation, state: QueryState) -> Statement:
    """The DELETE of the rows of a queryset."""
    rows = _written(compilation, state)
    return Statement(sa.delete(rows.table).where(*rows.where), None)


USES = {
    "rows": rows,
    "count": count,
    "exists": exists,
    "update": update,
    "update returning": update_returning,
    "delete": delete,
}
