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

An expression that carries state which its ``anatomy`` does not name raises ``Unshapable``: its query is compiled each
time and cached never, rather than wrongly. The cache is bounded, evicts the least recently used plans, and counts hits
and misses.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from dorm.conf import settings
from dorm.db.execution import NamedStatement, NamedValues, Statement, changes_session
from dorm.exceptions import FieldError
from dorm.expressions.base import Unshapable
from dorm.query.compile import aggregation, compiler
from dorm.query.compile.layout import Layout
from dorm.query.compile.replay import EmptyResult
from dorm.query.compile.scope import Compilation
from dorm.query.describe.state import QueryState, Slots
from dorm.query.run.hydrate import make_hydrator
from dorm.utils.bounds import too_deep
from dorm.utils.codegen import FunctionText, quoted

CAPACITY = 2048

Binder = Callable[[Any], Any]


USES = {**compiler.USES, "aggregate": aggregation.aggregate}


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
        self.owned: dict[Any, Any] = {}
        self.used = False


EMPTY = Plan(None, None, lambda rows: [], None)


class PlanCache:
    """A bounded mapping from shapes to plans. When it is full, plans that were not used recently are evicted first.

    :ivar hits, misses, uncacheable: counters since the last :meth:`clear`.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self._plans: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()
        self.hits = self.misses = self.uncacheable = 0

    def __len__(self) -> int:
        return len(self._plans)

    def get(self, key: Hashable) -> Any:
        """The plan for a key, or None."""
        plan = self._plans.get(key)
        if plan is None:
            self.misses += 1
            return None
        self.hits += 1
        plan.used = True
        return plan

    def put(self, key: Hashable, plan: Any) -> None:
        """Store a plan, evicting others when full: the second chance algorithm, which adds no cost to a hit."""
        with self._lock:
            while len(self._plans) >= self.capacity:
                old, candidate = self._plans.popitem(last=False)
                if candidate.used:
                    candidate.used = False
                    self._plans[old] = candidate
            self._plans[key] = plan

    def clear(self) -> None:
        """Forget all plans and counters."""
        with self._lock:
            self._plans.clear()
            self.hits = self.misses = self.uncacheable = 0


plans = PlanCache()


def _forget(changed: set[str]) -> None:
    if changed & {"DATABASES", "USE_TZ", "TIME_ZONE"}:
        plans.clear()


settings.on_change(_forget)


def plan_for(state: QueryState, alias: str, use: str, engine: Any) -> tuple[Plan, list[Any]]:
    """The plan of a state, compiled when it is new, and the values to bind.

    :param engine: the alias's engine record (``dialect``, ``features``).
    """
    values: list[Any] = []
    try:
        key = (use, alias, state.opts.registry.version, state.shape(values))
    except Unshapable:
        plans.uncacheable += 1
        return compile_plan(state, alias, use, engine)
    except RecursionError as problem:
        raise too_deep() from problem
    plan = plans.get(key)
    if plan is None:
        plan, _ = compile_plan(state, alias, use, engine, identity=key)
        plans.put(key, plan)
    return plan, values


def compile_plan(
    state: QueryState, alias: str, use: str, engine: Any, identity: Hashable = None
) -> tuple[Plan, list[Any]]:
    """A newly compiled plan, and the values of ``state`` to bind.

    :raises FieldError: for a query that is nested too deeply to be compiled.
    """
    try:
        return _compile(state, alias, use, engine, identity)
    except RecursionError as problem:
        raise too_deep() from problem
    except SQLAlchemyError as problem:
        raise FieldError(f"This query of {state.opts.object_name} cannot be written in SQL: {problem}") from problem


def _compile(state: QueryState, alias: str, use: str, engine: Any, identity: Hashable) -> tuple[Plan, list[Any]]:
    slots = Slots()
    slotted = state.slotted(slots)
    if state.empty:
        return EMPTY, slots.samples
    compilation = Compilation(engine.dialect, engine.features, alias)
    try:
        made = USES[use](compilation, slotted)
    except EmptyResult:
        return EMPTY, slots.samples
    locks = state.lock is not None and use == "rows"
    kind = "read" if made.layout is not None and not locks else "write"
    statement, bind = compile_statement(made.sql, compilation, kind, identity, len(slots.samples))
    hydrate = None if made.layout is None else make_hydrator(made.layout, engine.dialect, alias)
    return Plan(statement, bind, hydrate, made.layout), slots.samples


def compile_statement(
    sql: Any,
    compilation: Compilation,
    kind: Any,
    identity: Hashable = None,
    width: int | None = None,
    assigned: Sequence[str] | None = None,
) -> tuple[Statement, Binder | None]:
    """An SQLAlchemy statement as text for the driver, and the function that binds values to it.

    :param width: how many values there will be; when they are the parameters as they stand, no function is needed.
    :param assigned: the columns that an INSERT without values has values for: none of them, to insert nothing but defaults.
    """
    compiled = sql.compile(dialect=compilation.dialect, column_keys=assigned)
    names = list(compiled.positiontup or ())
    processors = compiled._bind_processors
    binder = FunctionText("bind", "parameters of a statement")
    parts: list[str] = []
    for name in names:
        source = compilation.binds.get(name)
        process = processors.get(name)
        if source is None:
            value = compiled.binds[name].effective_value
            if value == 0:
                # the OFFSET that goes with a LIMIT
                compilation.columns[name] = ""
            parts.append(binder.keep(process(value) if process is not None else value, "fixed"))
        elif process is not None:
            parts.append(f"{binder.keep(process, 'process')}({source})")
        else:
            parts.append(source)
    unusual = changes_session(compiled.string)
    if compilation.grouped and compilation.features.names_shared_parameters and len(set(names)) < len(names):
        # a database takes two parameters for two expressions, in GROUP BY and beside it, whatever their values
        first = {name: n for n, name in reversed(list(enumerate(names)))}
        about = compilation.about(list(first), compiled.named)
        statement: Statement = NamedStatement(
            compiled.named, kind, about, identity, names=names, plain=compiled.string, hand_written=unusual
        )
        pairs = ", ".join(f"{quoted(name)}: {parts[n]}" for name, n in first.items())
        binder.lines.append(f"return {binder.keep(NamedValues, 'Named')}({{{pairs}}})")
        return statement, binder.define("v")
    statement = Statement(
        compiled.string, kind, compilation.about(names, compiled.string), identity, hand_written=unusual
    )
    if width in (None, len(parts)) and parts == [f"v[{n}]" for n in range(len(parts))]:
        return statement, None
    binder.lines.append(f"return ({', '.join(parts)}{',' if len(parts) == 1 else ''})")
    return statement, binder.define("v")
