"""Random chains of filters, exclusions, annotations and values against an evaluation in Python, duplicates included.

A row is an author beside the books that the steps have joined, the latest last; a book that is missing is None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_library import MODELS, Author, populate

from dorm import F, Max, Q

pytestmark = pytest.mark.models(MODELS)


@dataclass(frozen=True)
class Leaf:
    """``path=value`` or ``path__in=[…]``."""

    path: str
    value: Any

    def q(self) -> Q:
        name = f"{self.path}__in" if isinstance(self.value, list) else self.path
        return Q(**{name: self.value})

    def holds(self, author: Any, book: Any) -> bool:
        found = read(author, book, self.path)
        return found in self.value if isinstance(self.value, list) else found == self.value

    @property
    def of_books(self) -> bool:
        return self.path.startswith("books")


@dataclass(frozen=True)
class Node:
    """Conditions joined by ``&`` or ``|``, or one negated by ``~``."""

    sign: str
    parts: tuple[Any, ...]

    def q(self) -> Q:
        parts = [part.q() for part in self.parts]
        return ~parts[0] if self.sign == "~" else parts[0] & parts[1] if self.sign == "&" else parts[0] | parts[1]


def opposite(condition: Any) -> Any:
    """The negation, as ``~`` makes it: that of a negation is what it negates."""
    negated = isinstance(condition, Node) and condition.sign == "~"
    return condition.parts[0] if negated else Node("~", (condition,))


def read(author: Any, book: Any, path: str) -> Any:
    here = author
    for name in path.split("__"):
        here = book if name == "books" else None if here is None else getattr(here, name)
    return here


class Step:
    """One ``filter()``: which of its conditions are about the row it joins, and whether it joins one."""

    def __init__(self, condition: Any) -> None:
        self.joins = False
        self.condition = self._placed(condition, False)

    def _placed(self, part: Any, below_not: bool) -> Any:
        """The condition with ``(leaf, any book)`` for leaves: a negated one is about any book unless one is joined."""
        if isinstance(part, Node):
            return Node(part.sign, tuple(self._placed(child, below_not or part.sign == "~") for child in part.parts))
        every = part.of_books and below_not and not self.joins
        self.joins |= part.of_books and not every
        return (part, every)

    def holds(self, author: Any, book: Any, part: Any = None) -> bool:
        part = self.condition if part is None else part
        if isinstance(part, Node):
            found = [self.holds(author, book, child) for child in part.parts]
            return not found[0] if part.sign == "~" else all(found) if part.sign == "&" else any(found)
        leaf, every = part
        if every:
            related = BOOKS[author.pk] or ([None] if leaf.value is None else [])
            return any(leaf.holds(author, one) for one in related)
        return leaf.holds(author, book)


BOOKS: dict[int, list[Any]] = {}

LEAVES = (
    Leaf("name", "a"),
    Leaf("name", "c"),
    Leaf("boss__name", "b"),
    Leaf("books__title", "b1"),
    Leaf("books__title", "b3"),
    Leaf("books__title", ["b2", "b4"]),
    Leaf("books__title", []),
    Leaf("books__pages", 10),
    Leaf("books__pages", None),
)
conditions = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(
        st.builds(opposite, inner),
        st.builds(lambda sign, one, two: Node(sign, (one, two)), st.sampled_from("&|"), inner, inner),
    ),
    max_leaves=4,
)
PATHS = ("name", "boss__name", "books__title", "books__pages")
steps = st.one_of(
    st.tuples(st.just("filter"), conditions),
    st.tuples(st.just("exclude"), conditions),
    st.tuples(st.just("annotate"), st.sampled_from(PATHS)),
    st.tuples(st.just("where"), st.sampled_from(PATHS), st.sampled_from(("a", "b1", 10))),
)


class World:
    """The rows that a chain has left: an author, its joined books, and the annotations."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, tuple[Any, ...], tuple[Any, ...]]] = [(a, (), ()) for a in Author.objects.all()]

    def join(self) -> None:
        self.rows = [(a, (*books, b), xs) for a, books, xs in self.rows for b in BOOKS[a.pk] or [None]]

    def look(self, path: str) -> None:
        """A further annotation, of the latest book or of any."""
        if path.startswith("books") and not any(books for _, books, _ in self.rows[:1]):
            self.join()
        self.rows = [(a, books, (*xs, read(a, books[-1] if books else None, path))) for a, books, xs in self.rows]

    def filter(self, condition: Any) -> None:
        step = Step(condition)
        if step.joins:
            self.join()
        self.rows = [row for row in self.rows if step.holds(row[0], row[1][-1] if step.joins else None)]


def both(changes: list[Any]) -> tuple[Any, World]:
    """The queryset and the rows of a chain."""
    queryset, world = Author.objects.all(), World()
    for number, (verb, what, *value) in enumerate(changes):
        if verb in ("filter", "exclude"):
            queryset = getattr(queryset, verb)(what.q())
            world.filter(what if verb == "filter" else Node("~", (what,)))
            continue
        if not world.rows:
            # nothing tells any more which books were joined
            continue
        queryset = queryset.annotate(**{f"x{number}": F(what)})
        world.look(what)
        if verb == "where" and isinstance(value[0], int) == what.endswith("pages"):
            queryset = queryset.filter(**{f"x{number}": value[0]})
            world.rows = [row for row in world.rows if row[2][-1] == value[0]]
    return queryset, world


def test_chains_give_the_rows_that_python_gives(database):
    populate()
    BOOKS.clear()
    for author in Author.objects.all():
        BOOKS[author.pk] = list(author.books.all())

    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(changes=st.lists(steps, max_size=4), path=st.sampled_from(PATHS))
    def check(changes: list[Any], path: str) -> None:
        queryset, world = both(changes)
        assert sorted(row.name for row in queryset) == sorted(a.name for a, _, _ in world.rows)
        assert queryset.count() == len(world.rows)
        names = list(queryset.state.annotations)
        found = sorted(map(repr, queryset.values_list("name", *names)))
        assert found == sorted(repr((a.name, *xs)) for a, _, xs in world.rows)
        if world.rows:
            world.look(path)
            latest = sorted(repr((a.name, xs[-1])) for a, _, xs in world.rows)
            assert sorted(map(repr, queryset.values_list("name", path))) == latest
            assert sorted(map(repr, queryset.annotate(last=F(path)).values_list("name", "last"))) == latest
            most = max((xs[-1] for _, _, xs in world.rows if xs[-1] is not None), default=None)
            assert queryset.aggregate(most=Max(path)) == {"most": most}

    check()
