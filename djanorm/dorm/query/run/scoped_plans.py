"""Plans of queries on which registered scopes put conditions.

Which tables a statement reads is known when it has been compiled, so a plan is found in two steps: the shape of the query
leads to the models whose conditions were asked for, and these conditions, as they are now, lead to the plan. Their shapes
belong to its key, their values follow those of the query. So a plan serves all tenants, and one that was compiled for other
conditions is never found.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from dorm import scopes
from dorm.expressions.base import Expression, Uncacheable
from dorm.meta.options import Options
from dorm.meta.registry import Registry
from dorm.query.compile.scope import Compilation
from dorm.query.compile.scoping import Scoping, resolved
from dorm.query.describe.nested import changed, changed_inside
from dorm.query.describe.parts import Slots
from dorm.query.describe.predicates import Predicate
from dorm.query.describe.state import QueryState
from dorm.query.run.plan_cache import plans


class InForce:
    """The conditions of the registered scopes for one run of one statement. Each is asked for once.

    :ivar asked: the models whose conditions were asked for while the statement was compiled.
    """

    __slots__ = ("_known", "_registrations", "asked")

    def __init__(self, registrations: tuple[scopes.Registration, ...]) -> None:
        self.asked: list[Options] = []
        self._registrations = registrations
        self._known: dict[Options, Predicate | None] = {}

    def condition(self, options: Options) -> Predicate | None:
        """The resolved condition on the rows of a model, None for no condition."""
        known = self._known
        if options not in known:
            condition = scopes.condition_on(options, self._registrations)
            known[options] = None if condition is None else resolved(options, condition)
        return known[options]

    def cache_key(self, models: tuple[Options, ...], values: list[Any]) -> Hashable:
        """The conditions on some models as a key; their values are appended to ``values``.

        :raises Uncacheable: when one of them cannot be a key.
        """
        found = [(options, self.condition(options)) for options in models]
        return tuple([(options, None if c is None else c.cache_key(values)) for options, c in found])

    def beside(self, shape: Hashable) -> Hashable:
        """The shape of a query with those of the conditions on its tables, for its identity; None when one has no shape."""
        told = [options for options in self.asked if self.condition(options) is not None]
        if not told or not isinstance(shape, tuple):
            return shape
        try:
            return (*shape, ("scopes", self.cache_key(tuple(told), [])))
        except Uncacheable:
            return None


class Asked:
    """For one shape: the lists of models whose conditions were asked for while it was compiled.

    There are several only where a condition decides what else is joined, as one that no row can meet does.
    """

    __slots__ = ("lists", "used")

    def __init__(self) -> None:
        self.lists: tuple[tuple[Options, ...], ...] = ()
        self.used = False

    def add(self, models: tuple[Options, ...]) -> None:
        """One more list."""
        self.lists += (models,)


def in_force(state: QueryState) -> tuple[QueryState, InForce | None]:
    """A query as registered functions prepare it, and the conditions that hold for it; None where nothing is in force."""
    registrations = scopes.in_force()
    if not registrations:
        return state, None
    for known in registrations:
        if known.prepares:
            state = changed(state, known.function)
    return state, InForce(registrations)


def put_in_force(compilation: Compilation, slots: Slots) -> Callable[[Expression], Expression]:
    """Lets the registered scopes hold for a statement that is compiled for one call only.

    :returns: what prepares the expressions in it.
    """
    registrations = scopes.in_force()
    if registrations:
        conditions = InForce(registrations)
        compilation.restrict_by(Scoping(conditions.condition, conditions.asked, slots))

    def prepared(expression: Expression) -> Expression:
        for known in registrations:
            expression = changed_inside(expression, known.function) if known.prepares else expression
        return expression

    return prepared


def find(registry: Registry, key: Hashable, conditions: InForce, values: list[Any]) -> Any:
    """The plan of a query under these conditions, None when there is none yet. The values of the conditions are added.

    :raises Uncacheable: when a condition cannot be a key.
    """
    asked = plans.get(registry, ("asked", key))
    for models in () if asked is None else asked.lists:
        more: list[Any] = []
        plan = plans.get(registry, (key, conditions.cache_key(models, more)))
        if plan is not None:
            values += more
            return plan
    return None


def remember(registry: Registry, key: Hashable, conditions: InForce, plan: Any) -> None:
    """Keeps the plan of a query for the conditions that it was compiled under."""
    models = tuple(conditions.asked)
    try:
        full = (key, conditions.cache_key(models, []))
    except Uncacheable:
        plans.uncacheable += 1
        return
    asked = plans.get(registry, ("asked", key)) or Asked()
    if models not in asked.lists:
        asked.add(models)
        plans.put(registry, ("asked", key), asked)
    plans.put(registry, full, plan)
