"""Plans: a query shape, compiled.

What may be cached, what may not, and why
-----------------------------------------

A plan is the compiled statement of one *shape*: the structure of a query without its values. Its key holds

* the use (rows, count, exists, aggregate), the database alias, the model's ``Options`` object itself and the version of
  its registry, which grows with every model and every field: plans die with the models they were made for;
* every lookup object, path, annotation, order term and flag, as they stand in the state;
* of a value only what the SQL depends on: that it is None (``IS NULL``), that a list is empty (no query at all), the
  kind of a JSON value, the type of a bare value in an expression. Never the value, and never the length of a list.

Values travel beside the key as a flat tuple, in the order in which the shape is walked. While a plan is compiled the
state is copied with a numbered slot in the place of each value, so a parameter knows its position however often and
wherever the compiler renders it.

An expression that carries state which its ``anatomy`` does not name raises ``Uncacheable``, and so does a part of the state
that the table of parts does not declare: such a query is compiled each time and cached never, rather than wrongly. The cache
is bounded, evicts the least recently used plans, and counts hits and misses.

The identity of a query, by which statements are counted outside the process, derives from the same shape: see
``describe/identity.py``.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from dorm import scopes
from dorm.db.execution import Statement
from dorm.exceptions import FieldError
from dorm.expressions.base import Uncacheable
from dorm.query.compile import aggregation, compiler
from dorm.query.compile.layout import Layout
from dorm.query.compile.replay import EmptyResult
from dorm.query.compile.scope import Compilation
from dorm.query.compile.scoping import Scoping
from dorm.query.describe.identity import QuerySource
from dorm.query.describe.parts import Slots
from dorm.query.describe.state import QueryState
from dorm.query.run import scoped_plans
from dorm.query.run.hydrate import make_hydrator
from dorm.query.run.plan_cache import plans
from dorm.query.run.scoped_plans import InForce
from dorm.query.run.statements import Binder, compile_statement
from dorm.utils.bounds import too_deep

if TYPE_CHECKING:
    from dorm.db.engines import Database
    from dorm.db.session import Session

USES = {**compiler.USES, "aggregate": aggregation.aggregate}
WRITING = frozenset({"update", "update returning", "delete"})


class Plan:
    """A compiled shape.

    :ivar statement: what the session executes; None when no row can match.
    :ivar bind: from the values of a state to the parameters of the statement; None when they are the same.
    :ivar hydrate: from the driver's rows to the rows of the queryset.
    :ivar owned: the same for the rows of a prefetch, by `ParentKey`; built when first needed.
    """

    __slots__ = ("bind", "hydrate", "layout", "owned", "statement", "used")

    def __init__(self, statement: Statement | None, bind: Binder | None, hydrate: Any, layout: Layout | None) -> None:
        self.statement = statement
        self.bind = bind
        self.hydrate = hydrate
        self.layout = layout
        self.owned: dict[object, Any] = {}
        self.used = False


EMPTY = Plan(None, None, lambda rows: [], None)


def plan_for(state: QueryState, alias: str, use: str, engine: Database | Session) -> tuple[Plan, list[object]]:
    """The plan of a state, compiled when it is new, and the values to bind.

    :param engine: the alias's database or a session of it; it says dialect and features.
    """
    if scopes.active:
        state, conditions = scoped_plans.in_force(state)
        if conditions is not None:
            return _scoped_plan_for(state, alias, use, engine, conditions)
    values: list[Any] = []
    try:
        key = (use, alias, state.opts.registry.version, state.cache_key(values))
    except Uncacheable:
        plans.uncacheable += 1
        return compile_plan(state, alias, use, engine)
    except RecursionError as problem:
        raise too_deep() from problem
    plan = plans.get(state.opts.registry, key)
    if plan is None:
        plan, _ = compile_plan(state, alias, use, engine, key[-1])
        plans.put(state.opts.registry, key, plan)
    return plan, values


def _scoped_plan_for(
    state: QueryState, alias: str, use: str, engine: Database | Session, conditions: InForce
) -> tuple[Plan, list[Any]]:
    """The same under the conditions that registered scopes put on tables."""
    values: list[Any] = []
    try:
        key = ("scoped", use, alias, state.opts.registry.version, state.cache_key(values))
        plan = scoped_plans.find(state.opts.registry, key, conditions, values)
    except Uncacheable:
        plans.uncacheable += 1
        return compile_plan(state, alias, use, engine, None, conditions)
    except RecursionError as problem:
        raise too_deep() from problem
    if plan is not None:
        return plan, values
    plan, values = compile_plan(state, alias, use, engine, key[-1], conditions)
    scoped_plans.remember(state.opts.registry, key, conditions, plan)
    return plan, values


def shape_of(state: QueryState) -> Hashable:
    """The structure of a state, None when it cannot be a key."""
    try:
        return state.cache_key([])
    except Uncacheable:
        return None


def compile_plan(
    state: QueryState,
    alias: str,
    use: str,
    engine: Database | Session,
    shape: Hashable = None,
    conditions: InForce | None = None,
) -> tuple[Plan, list[object]]:
    """A newly compiled plan, and the values to bind: those of ``state``, then those of the conditions on its tables.

    :raises FieldError: for a query that is nested too deeply to be compiled.
    """
    try:
        return _compile(state, alias, use, engine, shape, conditions)
    except RecursionError as problem:
        raise too_deep() from problem
    except SQLAlchemyError as problem:
        raise FieldError(f"This query of {state.opts.object_name} cannot be written in SQL: {problem}") from problem


def _compile(
    state: QueryState, alias: str, use: str, engine: Database | Session, shape: Hashable, conditions: InForce | None
) -> tuple[Plan, list[object]]:
    slots = Slots()
    parameterized = state.parameterized(slots)
    if state.empty:
        return EMPTY, slots.samples
    compilation = Compilation(engine.dialect, engine.features, alias)
    if conditions is not None:
        compilation.restrict_by(Scoping(conditions.condition, conditions.asked, slots))
    try:
        made = USES[use](compilation, parameterized)
    except EmptyResult:
        return EMPTY, slots.samples
    hydrate = None if made.layout is None else make_hydrator(made.layout, engine.dialect, alias)
    writes = use in WRITING or (state.lock is not None and use == "rows")
    kind = "write" if writes else "read"
    if conditions is not None:
        shape = conditions.beside(shape)
    statement, bind = compile_statement(
        made.sql, compilation, kind, QuerySource(use, state.opts, shape), len(slots.samples)
    )
    return Plan(statement, bind, hydrate, made.layout), slots.samples
