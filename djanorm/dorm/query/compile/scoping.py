"""The conditions of registered scopes, where a table comes into a statement.

They are asked for while a statement is compiled, so that no appearance of a table can be forgotten; which models were asked
about is remembered with the plan, and their conditions belong to its key.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.selectable import FromClause

from dorm.exceptions import FieldError
from dorm.expressions.references import ColumnRef
from dorm.expressions.subqueries import Subquery
from dorm.fields.related import ForeignKey
from dorm.fields.relations import Hop
from dorm.meta.options import Options
from dorm.query.compile.clauses import Clauses
from dorm.query.compile.joins import Joins
from dorm.query.compile.scope import Scope
from dorm.query.describe.names import Names
from dorm.query.describe.parts import Slots
from dorm.query.describe.predicates import Predicate
from dorm.query.describe.state import FilterStep, QueryState


class Scoping:
    """The conditions on the tables of one statement while it is compiled.

    :param condition: from a model to the resolved condition on its rows, None for no condition.
    :param asked: gets the models that are asked about, in that order.
    :param slots: takes the values of the conditions.
    """

    def __init__(self, condition: Callable[[Options], Predicate | None], asked: list[Options], slots: Slots) -> None:
        self._asked = asked
        self._condition = condition
        self._slots = slots
        self._known: dict[Options, Predicate | None] = {}
        self._inside: set[Options] = set()

    def condition(self, options: Options) -> Predicate | None:
        """The condition on the rows of a model, with slots for its values; inside of itself it does not hold."""
        if options in self._inside:
            return None
        if options not in self._known:
            self._asked.append(options)
            found = self._condition(options)
            self._known[options] = None if found is None else found.parameterized(self._slots)
        return self._known[options]

    @contextmanager
    def inside(self, options: Options) -> Generator[None, None, None]:
        """Inside, the condition on the rows of this model is being built."""
        self._inside.add(options)
        try:
            yield
        finally:
            self._inside.discard(options)


def restriction(scope: Scope, options: Options, table: Any, far: ForeignKey[Any] | None = None) -> Any:
    """The condition on an appearance of a table, as an element; None when there is none.

    :param far: of a junction, the foreign key to the other side. A link to a hidden row is hidden, because a key of the
        other side is compared and counted here, without a join to it. A junction with a condition decides by that alone.
    """
    asked = _of_the_row(scope, options, table)
    return _of_the_other_side(scope, table, far) if asked is None and far is not None else asked


def _of_the_other_side(scope: Scope, table: Any, far: ForeignKey[Any]) -> Any:
    target = far.target_field
    options = target.model._meta
    scoping = scope.compilation.scoping
    if scoping is None or scoping.condition(options) is None:
        return None
    keys = QueryState(options)
    select = ((target.name, Names(keys).reference(target.name)),)
    own = _over(scope, options, table)
    members, _ = own.compile_subquery(keys.evolve(row="tuple", select=select, order=()), "members")
    return table.c[far.column].in_(members)


def _of_the_row(scope: Scope, options: Options, table: Any) -> Any:
    """The condition of a model on its row, as an element; None when there is none.

    One about the row alone stands there as it is. Any other is a membership: joins of its own would repeat rows.
    """
    scoping = scope.compilation.scoping
    condition = None if scoping is None else scoping.condition(options)
    if scoping is None or condition is None:
        return None
    with scoping.inside(options):
        own = _over(scope, options, table)
        if is_about_the_row(condition):
            element = Clauses(own).build(condition).sql
        else:
            keys = QueryState(options).with_step(FilterStep(condition))
            select = (("pk", Names(keys).reference("pk")),)
            members, _ = own.compile_subquery(keys.evolve(row="tuple", select=select, order=()), "members")
            element = table.c[options.pk.column].in_(members)
    if isinstance(element, bool):
        return None if element else sa.false()
    return element


def _over(scope: Scope, options: Options, table: FromClause) -> Scope:
    """A scope in which names mean the columns of one table that stands in the statement already."""
    made = object.__new__(type(scope))
    made.__dict__.update(scope.__dict__)
    made.state = QueryState(options)
    made.opts = options
    made.parent = scope
    made.joins = Joins(table, scope.compilation.table_names)
    made.reuse = None
    made.views = {}
    made._prefix = ()
    made._is_part = False
    made._own_annotations = True
    made._touched = set()
    made._lenient = 0
    return made


def is_about_the_row(condition: Predicate) -> bool:
    """Whether a condition reads nothing but the columns of its row."""
    nodes = [node for expression in condition.expressions() for node in expression.flatten()]
    return not any(isinstance(n, Subquery) or (isinstance(n, ColumnRef) and n.path.hops) for n in nodes)


def may_be_absent(scope: Scope, hop: Hop) -> bool:
    """Whether a join may find no row: where the relation allows it, and where a scope hides rows."""
    if hop.nullable or hop.multiple:
        return True
    scoping = scope.compilation.scoping
    return scoping is not None and scoping.condition(hop.target) is not None


def resolved(options: Options, condition: object) -> Predicate:
    """A condition on the rows of a model, with its names looked up.

    :raises FieldDoesNotExist: for a name that the model does not have.
    :raises FieldError: for one about groups of rows.
    """
    predicate = Names(QueryState(options)).predicate(condition)
    if predicate.contains_aggregate:
        raise FieldError(
            f"The scope of {options.object_name} compares an aggregate, and a row has none: {condition!r}."
        )
    return predicate
