"""The joins of one query: which tables, in which order, and whether each is inner or outer.

A join starts as LEFT OUTER if its row may be missing. It becomes INNER when a condition is null-rejecting for it, that
is, can only be true if the row exists. AND is null-rejecting for the joins of any of its parts, OR for those of all of
them, a negation for none. (Django reaches the same joins by promoting and demoting them while it builds.)

Which of several joins of one relation a path uses follows Django: each ``filter()`` creates its own joins, and
everything else reads the latest visible one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.selectable import FromClause

from dorm.dialects.elements import Element
from dorm.fields.relations import Hop


class Join:
    """One joined table."""

    __slots__ = ("condition", "hop", "inner", "number", "parent", "table")

    def __init__(self, table: Any, parent: Join | None, hop: Any, number: int) -> None:
        self.table = table
        self.parent = parent
        self.hop = hop
        self.number = number
        self.inner = False
        # what the scope of its model asks of its rows, None for nothing
        self.condition: Any = None

    def makes(self, parent: Join, hop: Hop) -> bool:
        """Whether this is the join of ``hop`` from ``parent``."""
        mine = self.hop
        return self.parent is parent and mine.source_field is hop.source_field and mine.target_field is hop.target_field

    def make_inner(self) -> None:
        """Make it, and those that lead to it, inner joins."""
        if not self.inner:
            self.inner = True
            if self.parent is not None:
                self.parent.make_inner()

    def outer(self) -> bool:
        """Whether it is a LEFT OUTER JOIN."""
        if self.parent is None or self.inner:
            return False
        return self.hop.nullable or self.hop.multiple or self.condition is not None or self.parent.outer()


class Joins:
    """The join tree of one scope.

    :param root: the base table (or alias).
    :param names: table names taken in this statement, shared by its subqueries.
    :param restrict: from a model, its table and `Hop.far` to what scopes ask of the rows; None where none is in force.
    :ivar unrestricted: whether the WHERE clause still lacks what the scope of the base table asks.
    :ivar joins: all of them, in the order of the FROM clause.
    :ivar seen: those visible to paths, the latest last.
    :ivar spare: those of the other side of ``one | other``, each of which a path may reuse instead of creating one.
    """

    __slots__ = ("_names", "_restrict", "joins", "root", "seen", "spare", "unrestricted")

    def __init__(self, root: Any, names: set[str], restrict: Callable[[Any, Any, Any], Any] | None = None) -> None:
        self._names = names
        self._restrict = restrict
        self.unrestricted = restrict is not None
        self.root = Join(root, None, None, 0)
        self.joins: list[Join] = []
        self.seen: list[Join] = []
        self.spare: list[Join] = []

    def follow(self, hops: tuple[Hop, ...], reuse: set[Join] | None = None, start: Join | None = None) -> Join:
        """The join at the end of ``hops``: the latest of each relation, created if there is none.

        :param reuse: the multi-valued joins that may be shared (those of the same ``filter()`` call); None: any.
        """
        here = start or self.root
        for hop in hops:
            found = self._find(here, hop, reuse)
            if found is None:
                found = self._taken_over(here, hop) or self._made(here, hop)
                self.seen.append(found)
            if reuse is not None and hop.multiple:
                reuse.add(found)
            here = found
        return here

    def has(self, hops: tuple[Hop, ...], reuse: set[Join] | None) -> bool:
        """Whether these hops are joined already, multi-valued ones among ``reuse`` (None: any)."""
        here: Join | None = self.root
        for hop in hops:
            here = self._find(here, hop, reuse) if here is not None else None
        return here is not None

    def _find(self, parent: Join, hop: Hop, reuse: set[Join] | None) -> Join | None:
        for join in reversed(self.seen):
            if join.makes(parent, hop) and (not hop.multiple or reuse is None or join in reuse):
                return join
        return None

    def _taken_over(self, parent: Join, hop: Hop) -> Join | None:
        found = next((join for join in reversed(self.spare) if join.makes(parent, hop)), None)
        if found is not None:
            self.spare.remove(found)
        return found

    def _made(self, parent: Join, hop: Hop) -> Join:
        made = Join(self.fresh(hop.target.query_table), parent, hop, len(self.joins) + 1)
        self.joins.append(made)
        if self._restrict is not None:
            made.condition = self._restrict(hop.target, made.table, hop.far)
        return made

    def restriction(self, options: Any, far: Any = None) -> list[Any]:
        """What the scope of the base table asks of its rows, for the WHERE clause; ``options`` are those of its model."""
        self.unrestricted = False
        found = None if self._restrict is None else self._restrict(options, self.root.table, far)
        return [] if found is None else [found]

    @contextmanager
    def seeing(self, seen: list[Join] | None) -> Generator[None, None, None]:
        """Inside the block, paths see the joins in ``seen``; None changes nothing."""
        if seen is None:
            yield
            return
        before = self.seen, self.spare
        self.seen, self.spare = seen, []
        try:
            yield
        finally:
            self.seen, self.spare = before

    def fresh(self, table: Any) -> FromClause:
        """``table`` itself, or an alias when its name is taken in this statement."""
        return fresh_table(table, self._names)

    def make_inner(self, joins: Any) -> None:
        """Turn these joins, and those that lead to them, into INNER joins."""
        for join in joins:
            join.make_inner()

    def owns(self, element: object) -> bool:
        """Whether ``element`` is a column of one of these tables, as it stands."""
        tables = [self.root.table, *(join.table for join in self.joins)]
        return isinstance(element, sa.Column) and any(element.table is table for table in tables)

    def turn(self, before: list[Join], shares_multiple: bool) -> list[Join]:
        """Begin the other side of ``one | other``; what the first one joined is spare for it.

        :param before: the joins that both sides see.
        :param shares_multiple: whether both sides may be about the same one of several related rows.
        :returns: the joins that the first side saw.
        """
        first, self.seen = self.seen, list(before)
        self.spare += [join for join in first if join not in before and (shares_multiple or not join.hop.multiple)]
        return first

    def meet(self, first: list[Join], spare: list[Join]) -> None:
        """End ``one | other``: what follows sees the joins of both sides.

        :param first: those that the first side saw.
        :param spare: those that were spare before.
        """
        self.seen = first + [join for join in self.seen if join not in first]
        self.spare = [join for join in self.spare if join in spare]

    def from_clause(self, limit: set[Join] | None = None) -> Any:
        """The FROM clause."""
        assert not self.unrestricted, "a SELECT that leaves out the scope of its table"
        clause = self.root.table
        for join in self.joins:
            clause = sa.join(clause, join.table, self.on_clause(join), isouter=join.outer())
        return clause

    @staticmethod
    def on_clause(join: Join) -> Element:
        """The condition of a join."""
        hop = join.hop
        assert join.parent is not None
        tie = join.table.c[hop.target_field.column] == join.parent.table.c[hop.source_field.column]
        return tie if join.condition is None else sa.and_(tie, join.condition)


def fresh_table(table: Any, names: set[str]) -> FromClause:
    """``table`` itself, or an alias when its name is taken."""
    name = table.name
    if name not in names:
        names.add(name)
        return table
    number = 2
    while f"{name}_{number}" in names:
        number += 1
    alias = f"{name}_{number}"[-63:]
    names.add(alias)
    return table.alias(alias)
