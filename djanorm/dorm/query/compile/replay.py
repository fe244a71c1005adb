"""Replaying the steps of a query in order: conditions become clauses, and each step creates its own joins.

``one | other`` is represented by marks around its two sides. Each side sees only its own joins, as in a separate query;
if the other side has created a join of the same kind, both share it, since one related row suffices for either.
"""

from __future__ import annotations

from typing import Any

from dorm.expressions.conditions import AND, XOR
from dorm.query.compile.clauses import Clause, Clauses, combined
from dorm.query.compile.joins import Join
from dorm.query.compile.scope import SELECTED
from dorm.query.describe.fan_out import multiplies
from dorm.query.describe.predicates import Junction, Predicate
from dorm.query.describe.state import AnnotateStep, FilterStep, Mark


class EmptyResult(Exception):
    """Raised while compiling a query that cannot match any row."""


class _Fork:
    """The two sides of ``one | other`` while they are replayed.

    :ivar seen: the joins that both sides see.
    :ivar spare: the spare joins of the enclosing fork.
    :ivar shared: the joins that the first filter of either side may share if it is sticky.
    :ivar clauses: the conditions of the side being replayed.
    :ivar first: the condition of the first side.
    :ivar first_seen: the joins that it saw.
    :ivar late: whether a condition is about groups.
    :ivar columns: the columns that the conditions read, for GROUP BY.
    """

    def __init__(self, connector: str, joins: Any, shared: set[Join]) -> None:
        self.connector = connector
        self.seen: list[Join] = list(joins.seen)
        self.spare: list[Join] = list(joins.spare)
        self.shared = shared
        self.clauses: list[Clause] = []
        self.first = Clause(True)
        self.first_seen: list[Join] = []
        self.late = False
        self.columns: list[Any] = []


class Replay:
    """The replay of the steps of one SELECT.

    :param wanted: the names of the annotations to build.
    :param multiplying: whether to build the annotations that fan rows out, wanted or not.
    """

    def __init__(self, select: Any, wanted: set[str], multiplying: bool) -> None:
        self.select = select
        self.scope = select.scope
        self.wanted = wanted
        self.multiplying = multiplying
        self._shared: set[Join] = set()
        self._forks: list[_Fork] = []

    def run(self) -> None:
        """Replay all steps.

        :raises EmptyResult: when the query cannot match any row.
        """
        for step in self.select.state.steps:
            if isinstance(step, FilterStep):
                self._filter(step)
            elif isinstance(step, AnnotateStep):
                self._annotate(step)
            elif step.kind == "select":
                self._choose()
            else:
                self._fork(step)

    def _filter(self, step: FilterStep) -> None:
        if not step.shared:
            self._shared = set()
        alone = all(fork.connector == AND for fork in self._forks)
        # the operands of XOR must be true or false, never unknown
        negated = None if any(fork.connector == XOR for fork in self._forks) else False
        with self.scope.reusing(self._shared):
            for node in _conjuncts(step.predicate):
                clauses = Clauses(self.scope)
                clauses.conjunct = alone
                clause = clauses.build(node, negated)
                late = node.contains_aggregate and self.select.groups
                columns: list[Any] = []
                if late or (self._forks and self.select.groups):
                    columns = [*clauses.ties, *(c for e in clauses.read for c in self.select.columns_beside(e))]
                self._add(clause, late, columns)

    def _add(self, clause: Clause, late: bool, columns: list[Any]) -> None:
        """Add a condition to the side of the innermost fork that is being replayed."""
        fork = next((fork for fork in reversed(self._forks) if fork.connector != AND), None)
        if fork is not None:
            fork.clauses.append(clause)
            fork.late |= late
            fork.columns += columns
        elif clause.sql is False:
            raise EmptyResult
        elif clause.sql is not True:
            (self.select.having if late else self.select.where).append(clause.sql)
            if late:
                self.select.group_beside(*columns)
            else:
                self.scope.joins.demand(clause.demands)

    def _annotate(self, step: AnnotateStep) -> None:
        if step.name in self.wanted or (self.multiplying and multiplies(step.expression)):
            with self.scope.reusing(None):
                self.select.built[step.name] = step.expression.build(self.scope)
        self.scope.views[step.name] = list(self.scope.joins.seen)

    def _choose(self) -> None:
        """Fix the joins of the values that ``values()`` selects over multi-valued relations."""
        if self.multiplying:
            with self.scope.reusing(None):
                for _, expression in self.select.state.select or ():
                    if multiplies(expression):
                        expression.build(self.scope)
        self.scope.views[SELECTED] = list(self.scope.joins.seen)

    def _fork(self, mark: Mark) -> None:
        joins = self.scope.joins
        if mark.kind == "left":
            self._forks.append(_Fork(mark.connector, joins, self._shared))
            return
        fork = self._forks[-1]
        if mark.kind == "right":
            fork.first, fork.clauses = combined(AND, fork.clauses), []
            fork.first_seen, joins.seen = joins.seen, list(fork.seen)
            # with AND the sides may be about different related rows
            own = [join for join in fork.first_seen if join not in fork.seen]
            joins.spare += [j for j in own if fork.connector != AND or not j.hop.multiple]
            self._shared = fork.shared
            return
        self._forks.pop()
        joins.seen = fork.first_seen + [join for join in joins.seen if join not in fork.first_seen]
        joins.spare = [join for join in joins.spare if join in fork.spare]
        self._shared = fork.shared
        if fork.connector != AND:
            both = combined(fork.connector, [fork.first, combined(AND, fork.clauses)])
            self._add(both, fork.late, fork.columns)


def _conjuncts(node: Predicate) -> list[Predicate]:
    if isinstance(node, Junction) and node.connector == AND and not node.negated:
        return [part for child in node.children for part in _conjuncts(child)]
    return [node]
