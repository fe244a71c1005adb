"""Replaying the steps of a query in order: conditions become clauses, and each step creates its own joins.

``one | other`` is represented by marks around its two sides. Each side sees only its own joins, as in a separate query;
if the other side has created a join of the same kind, both share it, since one related row suffices for either.
"""

from __future__ import annotations

from typing import Any

from dorm.expressions.base import Built
from dorm.expressions.conditions import AND, XOR
from dorm.query.compile.clauses import Clause, Clauses, combined
from dorm.query.compile.gathered import NOTHING, Gathered
from dorm.query.compile.grouping import Groups
from dorm.query.compile.joins import Join, Joins
from dorm.query.compile.scope import SELECTED, Scope
from dorm.query.describe.annotations import is_selected, referred
from dorm.query.describe.fan_out import multiplies
from dorm.query.describe.predicates import Junction, Predicate
from dorm.query.describe.state import AnnotateStep, FilterStep, Mark


class EmptyResult(Exception):
    """Raised while compiling a query that cannot match any row.

    :param gathered: what its steps came to until then.
    """

    def __init__(self, gathered: Gathered = NOTHING) -> None:
        super().__init__()
        self.gathered = gathered


class _Fork:
    """The two sides of ``one | other`` while they are replayed.

    :ivar seen: the joins that both sides see.
    :ivar spare: the spare joins of the enclosing fork.
    :ivar shared: the joins that the first filter of either side may share if it is sticky.
    :ivar first_seen: the joins that the first side saw.
    :ivar late: whether a condition is about groups.
    :ivar columns: the columns that the conditions read, for GROUP BY.
    """

    def __init__(self, connector: str, joins: Joins, shared: set[Join]) -> None:
        self.connector = connector
        self.seen: list[Join] = list(joins.seen)
        self.spare: list[Join] = list(joins.spare)
        self.shared = shared
        self.first_seen: list[Join] = []
        self.late = False
        self.columns: list[Any] = []
        self._clauses: list[Clause] = []
        self._first = Clause(True)

    def add(self, clause: Clause, late: bool, columns: list[Any]) -> None:
        """One more condition of the side that is being replayed."""
        self._clauses.append(clause)
        self.late |= late
        self.columns += columns

    def turn(self, joins: Joins) -> None:
        """Go on with the other side."""
        self._first, self._clauses = combined(AND, self._clauses), []
        # with AND the sides may be about different related rows
        self.first_seen = joins.turn(self.seen, shares_multiple=self.connector != AND)

    def condition(self) -> Clause:
        """What both sides come to."""
        return combined(self.connector, [self._first, combined(AND, self._clauses)])


class Replay:
    """The replay of the steps of one SELECT.

    :param wanted: the names of the annotations to build.
    :param multiplying: whether to build the annotations that fan rows out, wanted or not.
    """

    def __init__(self, scope: Scope, groups: Groups, wanted: set[str], multiplying: bool) -> None:
        self.scope = scope
        self.groups = groups
        self.wanted = wanted
        self.multiplying = multiplying
        self._where: list[Any] = []
        self._having: list[Any] = []
        self._beside: list[Any] = []
        self._built: dict[str, Built] = {}
        self._shared: set[Join] = set()
        self._forks: list[_Fork] = []

    def run(self) -> Gathered:
        """Replay all steps.

        :raises EmptyResult: when the query cannot match any row.
        """
        for step in self.scope.state.steps:
            if isinstance(step, FilterStep):
                self._filter(step)
            elif isinstance(step, AnnotateStep):
                self._annotate(step)
            elif step.kind == "select":
                self._choose()
            else:
                self._fork(step)
        return self._gathered()

    def _gathered(self) -> Gathered:
        return Gathered(self._where, self._having, self._beside, self._built)

    def _filter(self, step: FilterStep) -> None:
        if not step.shared:
            self._shared = set()
        alone = all(fork.connector == AND for fork in self._forks)
        # the operands of XOR must be true or false, never unknown
        negated = None if any(fork.connector == XOR for fork in self._forks) else False
        with self.scope.reusing(self._shared):
            for node in _conjuncts(step.predicate):
                clauses = Clauses(self.scope, conjunct=alone)
                clause = clauses.build(node, negated)
                late = node.contains_aggregate and self.groups.any
                columns: list[Any] = []
                if late or (self._forks and self.groups.any):
                    columns = [*clauses.ties, *(c for e in clauses.read for c in self.groups.columns_beside(e))]
                self._add(clause, late, columns)

    def _add(self, clause: Clause, late: bool, columns: list[Any]) -> None:
        """Add a condition to the side of the innermost fork that is being replayed."""
        fork = next((fork for fork in reversed(self._forks) if fork.connector != AND), None)
        if fork is not None:
            fork.add(clause, late, columns)
        elif clause.sql is False:
            raise EmptyResult(self._gathered())
        elif clause.sql is not True:
            (self._having if late else self._where).append(clause.sql)
            if late:
                self._beside += columns
            else:
                self.scope.joins.make_inner(clause.null_rejecting)

    def _annotate(self, step: AnnotateStep) -> None:
        if step.name in self.wanted or (self.multiplying and multiplies(step.expression)):
            with self.scope.reusing(None):
                self._built[step.name] = step.expression.build(self.scope)
        self.scope.keep_view(step.name)

    def _choose(self) -> None:
        """Fix the joins of the values that ``values()`` selects over multi-valued relations."""
        if self.multiplying:
            with self.scope.reusing(None):
                for _, expression in self.scope.state.select or ():
                    if multiplies(expression):
                        expression.build(self.scope)
        self.scope.keep_view(SELECTED)

    def _fork(self, mark: Mark) -> None:
        joins = self.scope.joins
        if mark.kind == "left":
            self._forks.append(_Fork(mark.connector, joins, self._shared))
            return
        fork = self._forks[-1]
        self._shared = fork.shared
        if mark.kind == "right":
            fork.turn(joins)
            return
        self._forks.pop()
        joins.meet(fork.first_seen, fork.spare)
        if fork.connector != AND:
            self._add(fork.condition(), fork.late, fork.columns)


def gather(scope: Scope, groups: Groups, *, annotations: bool, multiplying: bool = True) -> Gathered:
    """Replays filters and annotations in the order written; joins are created in that order.

    :param annotations: build those that rows carry; those that something else refers to are built in any case.
    :param multiplying: build those that fan rows out.
    :raises EmptyResult: when the query cannot match any row.
    """
    state = scope.state
    if not state.steps:
        return NOTHING
    wanted = referred(state)
    if annotations:
        wanted.update(name for name in state.annotations if is_selected(state, name))
    if groups.any and any(state.annotations[name].contains_aggregate for name in wanted):
        wanted |= groups.made_by()
    return Replay(scope, groups, wanted, multiplying).run()


def _conjuncts(node: Predicate) -> list[Predicate]:
    if isinstance(node, Junction) and node.connector == AND and not node.negated:
        return [part for child in node.children for part in _conjuncts(child)]
    return [node]
