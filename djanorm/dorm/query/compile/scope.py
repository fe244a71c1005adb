"""The compiler's scope: one SELECT (or subquery) while it is built.

Expressions ask it for columns, annotations, outer columns and bound values. What all scopes of one statement share (the
dialect, the names of tables, the bound parameters) is the :class:`Compilation`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause

from dorm.dialects.elements import AnySelect
from dorm.dialects.sql import hooks_for
from dorm.exceptions import FieldError
from dorm.expressions.base import Built, Expression
from dorm.expressions.conditional import Condition
from dorm.expressions.values import Slot
from dorm.fields.relations import Hop
from dorm.fields.types import StoredType
from dorm.meta.options import Options
from dorm.query.compile import result_types
from dorm.query.compile.joins import Join, Joins, fresh_table
from dorm.query.compile.verbatim import Verbatim
from dorm.query.describe.paths import Path
from dorm.query.describe.predicates import Predicate

if TYPE_CHECKING:
    from dorm.dialects.elements import Element
    from dorm.expressions.contract import FieldLike
    from dorm.fields.base import Field
    from dorm.fields.related import ForeignKey
    from dorm.query.describe.state import QueryState

# the view of the values that values() selects; annotations cannot have this name
SELECTED = ""


class Conditions(Protocol):
    """What is asked about the conditions that registered scopes put on tables; see ``compile/scoping.py``."""

    def condition(self, options: Options) -> Predicate | None:
        """The condition on the rows of a model."""
        ...

    def inside(self, options: Options) -> AbstractContextManager[None]:
        """Inside, the condition on the rows of this model is being built."""
        ...


class Compilation:
    """What the scopes of one statement share.

    :ivar literal: whether values are written out instead of bound (constraints).
    :ivar binds: parameter name -> Python source that computes it from the values tuple ``v``.
    :ivar columns: parameter name -> names of the column it is compared with, for masking; "" for a number of rows.
    :ivar doubts: parameter name -> further names that it may belong to, besides all in the statement.
    :ivar mentioned: the names of fields whose columns have other names.
    :ivar grouped: whether any of its queries has groups.
    """

    literal = False
    # what is asked about the conditions on tables; None where no scope is in force
    scoping: Conditions | None = None

    def __init__(self, dialect: Any, features: Any, alias: str | None = None) -> None:
        self.alias = alias
        self.dialect = dialect
        self.features = features
        self.hooks = hooks_for(features)
        self.table_names: set[str] = set()
        self.binds: dict[str, str] = {}
        self.columns: dict[str, str] = {}
        self.doubts: dict[str, str] = {}
        self.mentioned: set[str] = set()
        self.grouped = False
        self._parameters: dict[Any, Any] = {}
        self._near = ""
        self._alone = False

    @contextmanager
    def attributing_to(self, names: str, *, alone: bool = False) -> Generator[None, None, None]:
        """Inside the block, parameters with no known column are logged under these names (too, or only)."""
        previous = self._near, self._alone
        self._near, self._alone = f"{self._near} {names}", alone
        try:
            yield
        finally:
            self._near, self._alone = previous

    def bind(self, source: str, type_: Any, column: str | None = None) -> Element:
        """A parameter computed by ``source`` from the values ``v``; the same one for the same source.

        :param column: the names of the column that it is compared with or written to; None if unknown.
        """
        key = (source, _type_key(type_))
        made = self._parameters.get(key)
        again = made is not None
        if made is None:
            made = self._parameters[key] = sa.bindparam(f"p{len(self.binds)}", type_=type_)
            self.binds[made.key] = source
        if column is None and self._alone:
            column = self._near
        name = made.key
        if column is None or (again and name not in self.columns):
            known = self.columns.pop(name, "")
            self.doubts[name] = f"{self.doubts.get(name, '')} {known} {column or self._near}".strip()
        else:
            self.columns[name] = f"{self.columns[name]} {column}" if self.columns.get(name) else column
        return made

    def restrict_by(self, conditions: Conditions) -> None:
        """From now on, tables that join the statement come with the conditions of registered scopes."""
        self.scoping = conditions

    def note_groups(self) -> None:
        """Some query of the statement has groups."""
        self.grouped = True

    def clear(self) -> None:
        """Forget the tables and parameters of a statement that is compiled again."""
        self.table_names.clear()
        self.binds.clear()
        self._parameters.clear()

    def about(self, names: Sequence[str], text: str) -> tuple[str | None, ...]:
        """The columns that each parameter of the finished statement may belong to, see ``Statement.columns``."""
        beside = " ".join(self.mentioned)
        return tuple([self.columns.get(name, self._in_doubt(name, beside, text)) for name in names])

    def _in_doubt(self, name: str, beside: str, text: str) -> str | None:
        names = f"{self.doubts.get(name, '')} {beside}".strip()
        return f"{names} {text}" if names else None


def _type_key(type_: object) -> object:
    """A key that is equal for types that bind values alike."""
    if type_ is None or isinstance(type_, StoredType):
        return id(type_)
    return (type(type_), repr([item for item in vars(type_).items() if not item[0].startswith("_")]))


class Scope(result_types.ResultTypes):
    """One query being built.

    :param state: the parameterized description.
    :param parent: the surrounding scope, for subqueries.
    :ivar reaches_out: whether it reads a row of the enclosing scope.
    :ivar views: the joins that each annotation sees: those of its own step.
    """

    def __init__(self, compilation: Compilation, state: Any, parent: Scope | None = None, *, table: Any = None) -> None:
        self.compilation = compilation
        self.features = compilation.features
        self.hooks = compilation.hooks
        self.state = state
        self.opts = state.opts
        self.parent = parent
        self.joins = self.joins_from(self.opts, table)
        self.reuse: set[Join] | None = None
        self.views: dict[str, list[Join]] = {}
        self.reaches_out = False
        self.separate_aggregates: set[int] = set()
        self._touched: set[Join] = set()
        self._lenient = 0
        self._prefix: tuple[Any, ...] = ()
        self._is_part = False
        self._own_annotations = True

    # -- columns ---------------------------------------------------------------------------------------------------

    def column(self, path: Path) -> Built:
        """The column at the end of a path; joins are created as needed."""
        hops = path.hops
        if self._prefix:
            count = len(self._prefix)
            if not same_hops(hops[:count], self._prefix):
                assert self.parent is not None
                self.reaches_out = True
                return self.parent.column(path)
            hops = hops[count:]
        join = self.joins.follow(hops, self.reuse)
        if not self._lenient:
            self._touched.add(join)
        if path.field.name != path.field.column:
            self.compilation.mentioned.add(path.field.name)
        return Built(join.table.c[path.field.column], path.field)

    def annotation(self, name: str) -> Built:
        """An annotation of this query, built again over the joins of its own step."""
        if not self._own_annotations and self.parent is not None:
            self.reaches_out = True
            return self.parent.annotation(name)
        expression = self.state.annotations.get(name)
        if expression is None:
            raise FieldError(f"Cannot resolve '{name}': the query has no such annotation here.")
        with self.reading(name):
            return expression.build(self)

    @contextmanager
    def reading(self, name: str) -> Generator[None, None, None]:
        """Inside the block, paths see the joins of the annotation ``name``, or of ``values()`` for SELECTED."""
        with self.reusing(None), self.joins.seeing(self.views.get(name)):
            yield

    def outer(self, name: str, depth: int) -> Built:
        """A name of an enclosing query."""
        scope: Scope | None = self
        for _ in range(depth):
            scope = scope.surrounding() if scope is not None else None
        if scope is None:
            raise ValueError(
                "This queryset contains a reference to an outer query and may only be used in a subquery: "
                f"OuterRef({name!r}) belongs inside Subquery() or Exists()."
            )
        from_outer = scope.names.reference(name)
        apart = scope.aggregates_apart(from_outer) if from_outer.contains_aggregate else set()
        with scope.separating(apart), scope.lenient():
            return from_outer.build(scope)

    def aggregates_apart(self, reference: Any) -> set[int]:
        """The ids of the aggregates behind a reference that a subquery computes again; implemented by the compiler."""
        raise NotImplementedError

    @contextmanager
    def separating(self, aggregates: set[int]) -> Generator[None, None, None]:
        """Inside the block, the aggregates with these ids become subqueries as well."""
        previous = self.separate_aggregates
        self.separate_aggregates = previous | aggregates
        try:
            yield
        finally:
            self.separate_aggregates = previous

    def keep_view(self, name: str) -> None:
        """From now on, the annotation ``name`` sees the joins that there are at this step."""
        self.views[name] = list(self.joins.seen)

    def surrounding(self) -> Scope | None:
        """The scope of the enclosing query; a rerooted scope belongs to the query it was made for."""
        scope: Scope | None = self
        while scope is not None and scope._is_part:
            scope = scope.parent
        return scope.parent if scope is not None else None

    @property
    def names(self) -> Any:
        """The resolver of this query's names."""
        return result_types.names_of(self.state)

    @contextmanager
    def reusing(self, joins: set[Join] | None) -> Generator[None, None, None]:
        """Share these multi-valued joins, or any with None."""
        previous, self.reuse = self.reuse, joins
        try:
            yield
        finally:
            self.reuse = previous

    @contextmanager
    def lenient(self) -> Generator[None, None, None]:
        """Inside the block, columns may be NULL without making the condition unknown: it rejects no NULL of theirs."""
        self._lenient += 1
        try:
            yield
        finally:
            self._lenient -= 1

    @contextmanager
    def collecting(self) -> Generator[set[Join], None, None]:
        """The joins whose columns are read strictly inside the block."""
        previous, self._touched = self._touched, set()
        lenient, self._lenient = self._lenient, 0
        try:
            yield self._touched
        finally:
            self._touched = previous
            self._lenient = lenient

    # -- subqueries ------------------------------------------------------------------------------------------------

    def rerooted(self, prefix: tuple[Hop, ...], *, own_annotations: bool = False) -> Scope:
        """A scope for the rows at the end of ``prefix``, whose last hop becomes a correlated condition.

        :param prefix: hops from this scope's rows; empty for another view of the same row.
        :param own_annotations: annotations read the joins of the new scope, not those of this one.
        """
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        made.parent = self
        made._prefix = prefix
        made._is_part = True
        made._own_annotations = own_annotations
        made.joins = made.joins_from(made.row_options())
        made.views = {}
        made.reuse = set()
        made.reaches_out = False
        made._touched = set()
        made._lenient = 0
        return made

    def joins_from(self, options: Options, table: FromClause | None = None) -> Joins:
        """The joins that start at a table of its own for the rows of a model: ``table``, or that of the model."""
        names = self.compilation.table_names
        restrict = None if self.compilation.scoping is None else self.restriction
        return Joins(fresh_table(options.query_table if table is None else table, names), names, restrict)

    def row_options(self) -> Options:
        """The model of the rows: of the query, or of what a rerooted scope starts at."""
        return self._prefix[-1].target if self._is_part and self._prefix else self.opts

    def restricting(self) -> list[ColumnElement[bool]]:
        """The conditions that a scope puts on the rows; each SELECT takes them among its own."""
        rerooted = self._is_part and self._prefix
        return self.joins.restriction(self.row_options(), self._prefix[-1].far if rerooted else None)

    def restriction(
        self, options: Options, table: FromClause, far: ForeignKey[Any] | None = None
    ) -> ColumnElement[bool] | None:
        """What the scope of a model asks of an appearance of its table; the compiler's scope knows how."""
        raise NotImplementedError

    def may_be_absent(self, hop: Hop) -> bool:
        """Whether a join may find no row; the compiler's scope knows what hides rows."""
        raise NotImplementedError

    def correlation(self, prefix: tuple[Any, ...], outer_join: Join) -> Any:
        """The condition that ties a rerooted scope to its outer row."""
        if not prefix:
            key = self.opts.pk.column
            return self.joins.root.table.c[key] == outer_join.table.c[key]
        hop = prefix[-1]
        return self.joins.root.table.c[hop.target_field.column] == outer_join.table.c[hop.source_field.column]

    def correlated(self, select: Any) -> Any:
        """A SELECT inside another one: all tables but its own belong to enclosing queries."""
        return select.correlate_except(self.joins.root.table, *(join.table for join in self.joins.joins))

    def scalar(self, state: QueryState) -> tuple[object, object]:
        """A subquery's SELECT of one column, and that column's field."""
        return self.compile_subquery(state, "scalar")

    def members(self, state: QueryState, field: Field) -> AnySelect:
        """A subquery's SELECT for use with IN."""
        return self.compile_subquery(state, "members", field)[0]

    def exists(self, state: QueryState) -> Element | None:
        """An EXISTS condition over a subquery."""
        if state.empty:
            return sa.false()
        return self.compile_subquery(state, "exists")[0].exists()

    def compile_subquery(self, state: QueryState, use: str, field: FieldLike | None = None) -> tuple[Any, Any]:
        """A subquery's SELECT and the field of its one column; implemented by the compiler."""
        raise NotImplementedError

    def attributing_to(self, names: str) -> Any:
        """See :meth:`Compilation.attributing_to`."""
        return self.compilation.attributing_to(names)

    # -- values ----------------------------------------------------------------------------------------------------

    def slot(self, slot: Slot, field: Field | None) -> Built:
        """A bound parameter for a slot."""
        field = field or self.natural_field(slot.sample)
        type_ = self.bind_type(field) if field is not None else None
        return Built(self.compilation.bind(f"v[{slot.index}]", type_), field)

    def bound(self, value: Any, field: Field) -> Built:
        """A bound parameter with a constant value."""
        field = field or self.natural_field(value)
        return Built(sa.bindparam(None, value, type_=self.bind_type(field) if field else None, unique=True), field)

    def bound_beside(self, expression: Any, field: Field) -> Built:
        """A bare value with the type of the other operand, if that type can hold it."""
        sample = expression.sample if isinstance(expression, Slot) else expression.value
        if not self.can_hold(field, sample):
            return expression.build(self)
        if isinstance(expression, Slot):
            return self.slot(expression, field)
        return expression.build(self) if sample is None else self.bound(sample, field)

    def typed(self, expression: Expression, built: Built, field: Field) -> Element:
        """``built``, or the same bare value with the type of ``field``."""
        if field is not None and self.is_bare_value(expression):
            return self.bound_beside(expression, field).sql
        return built.sql

    def comparable(self, built: Built) -> Built:
        """``built`` in the form in which it is compared."""
        plain = isinstance(built.sql, sa.Column | sa.BindParameter)
        if plain or self.compilation.literal or not self.is_decimal(built.field):
            return built
        return built._replace(sql=self.hooks.computed_decimal(built.sql))

    def verbatim(self, pieces: list[object], field: Field | None) -> Element:
        """Text with elements in between, as one element in parentheses."""
        return Verbatim(pieces, field.sql_type() if field is not None else sa.types.NULLTYPE)

    def truth(self, condition: Expression) -> Element:
        """A boolean expression as a condition."""
        if isinstance(condition, Condition):
            return self.condition_value(condition.predicate).sql
        return condition.build(self).sql

    def condition_value(self, predicate: Any) -> Built:
        """A condition as a value; implemented by the compiler."""
        raise NotImplementedError


def same_hops(a: tuple[Hop, ...], b: tuple[Hop, ...]) -> bool:
    """Whether two sequences of hops lead to the same joins."""
    return len(a) == len(b) and all(
        x.source_field is y.source_field and x.target_field is y.target_field for x, y in zip(a, b, strict=True)
    )


def names_of_column(field: Field) -> str:
    """The names that a value of a column belongs to, for masking: the column's, and the field's if it differs."""
    return field.column if field.column == field.name else f"{field.column} {field.name}"
