"""Random queries: a recipe says the structure, a seed says the values.

The same recipe cooked with two seeds gives two querysets of one shape. `holds` is what a filter means, said in Python:
a comparison with NULL is false, its negation is true, and below a NOT a relation of several rows means "any of them".
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

import dorm
from dorm import Case, Count, Exists, F, Max, OuterRef, Q, Subquery, Sum, Value, When
from dorm.functions import Coalesce, Concat, Upper


class Room(dorm.Model):
    rank = dorm.IntegerField(null=True)


class Maker(dorm.Model):
    name = dorm.CharField(max_length=20)
    age = dorm.IntegerField(null=True)
    city = dorm.CharField(max_length=20, null=True)
    room = dorm.ForeignKey(Room, on_delete=dorm.CASCADE, null=True)


class Tag(dorm.Model):
    label = dorm.CharField(max_length=20)
    weight = dorm.IntegerField(null=True)


class Thing(dorm.Model):
    title = dorm.CharField(max_length=20, null=True)
    amount = dorm.IntegerField(null=True)
    day = dorm.DateField(null=True)
    active = dorm.BooleanField(default=True)
    maker = dorm.ForeignKey(Maker, on_delete=dorm.CASCADE, related_name="things")
    other = dorm.ForeignKey(Maker, on_delete=dorm.CASCADE, null=True, related_name="more_things")
    tags = dorm.ManyToManyField(Tag, related_name="things")


MODELS = [Room, Maker, Tag, Thing]
TEXTS = ("", "a", "A", "ab", "Ab", "100%", "_", "\\", "ä", "Ä", "'", '"')
START = datetime.date(2023, 12, 30)


def populate() -> None:
    """A small world with NULLs, missing relations and shared tags."""
    chance = random.Random(7)
    rooms = Room.objects.bulk_create([Room(rank=rank) for rank in (None, 0, 1, 2)])
    makers = Maker.objects.bulk_create(
        [
            Maker(
                name=chance.choice(TEXTS),
                age=chance.choice((None, 0, 1, 2, 3)),
                city=chance.choice((None, *TEXTS)),
                room=chance.choice((None, *rooms)),
            )
            for _ in range(6)
        ]
    )
    tags = Tag.objects.bulk_create(
        [Tag(label=chance.choice(TEXTS), weight=chance.choice((None, 0, 1, 2))) for _ in range(5)]
    )
    things = Thing.objects.bulk_create(
        [
            Thing(
                title=chance.choice((None, *TEXTS)),
                amount=chance.choice((None, -1, 0, 1, 2, 3)),
                day=chance.choice((None, *(START + datetime.timedelta(days=n) for n in range(5)))),
                active=chance.random() < 0.5,
                maker=chance.choice(makers),
                other=chance.choice((None, *makers)),
            )
            for _ in range(24)
        ]
    )
    for thing in things:
        thing.tags.set(chance.sample(tags, chance.choice((0, 0, 1, 2, 3))))


# -- values ------------------------------------------------------------------------------------------------------------

VALUES: dict[str, Callable[[random.Random], Any]] = {
    "int": lambda chance: chance.randint(-2, 4),
    "text": lambda chance: chance.choice(TEXTS),
    "day": lambda chance: START + datetime.timedelta(days=chance.randint(-1, 6)),
    "bool": lambda chance: chance.random() < 0.5,
    "year": lambda chance: chance.choice((2023, 2024)),
    "month": lambda chance: chance.choice((1, 12)),
    "huge": lambda chance: chance.choice((2**63, 2**70)),
    "-huge": lambda chance: -chance.choice((2**63 + 1, 2**70)),
}


def value(kind: str, chance: random.Random) -> Any:
    """A value of a kind; ``x*`` is a list, ``x2`` a pair."""
    if kind.endswith("*"):
        return [VALUES[kind[:-1]](chance) for _ in range(chance.choice((1, 2, 3, 40)))]
    if kind.endswith("2"):
        return tuple(sorted(VALUES[kind[:-1]](chance) for _ in range(2)))
    return VALUES[kind](chance)


# -- conditions --------------------------------------------------------------------------------------------------------

PATHS: dict[str, str] = {
    "title": "text",
    "amount": "int",
    "day": "day",
    "active": "bool",
    "maker__name": "text",
    "maker__age": "int",
    "maker__city": "text",
    "maker__room__rank": "int",
    "other__name": "text",
    "other__age": "int",
    "other__room__rank": "int",
    "tags__label": "text",
    "tags__weight": "int",
}
RELATIONS = ("maker", "other", "tags", "other__room", "maker__room")
ORDERED = ("gt", "gte", "lt", "lte")
LOOKUPS: dict[str, tuple[tuple[str, str], ...]] = {
    "int": (
        *((name, "int") for name in ("exact", "ne", *ORDERED)),
        *((name, huge) for name in ("exact", *ORDERED) for huge in ("huge", "-huge")),
        ("in", "int*"),
        ("range", "int2"),
    ),
    "text": (
        *((name, "text") for name in ("exact", "ne", "iexact", "contains", "icontains", "startswith", "endswith")),
        *((name, "text") for name in ("istartswith", "iendswith")),
        ("in", "text*"),
    ),
    "day": (
        *((name, "day") for name in ("exact", "ne", *ORDERED)),
        *((f"year{name}", "year") for name in ("", "__gte", "__lt")),
        ("month", "month"),
        ("month__in", "month*"),
        ("in", "day*"),
        ("range", "day2"),
    ),
    "bool": (("exact", "bool"), ("ne", "bool"), ("in", "bool*")),
}


@dataclass(frozen=True)
class Leaf:
    """``path__lookup=value``.

    :ivar kind: of the value; ``"none"``, ``"empty"``, ``"null?"`` and ``"not null?"`` have none, ``"F:…"`` is a column.
    """

    path: str
    lookup: str
    kind: str


@dataclass(frozen=True)
class Node:
    """Conditions joined by ``&``, ``|`` or ``^``, or one negated by ``~``."""

    sign: str
    children: tuple[Any, ...]


def _leaves() -> Iterator[Leaf]:
    for path, kind in PATHS.items():
        for lookup, wanted in LOOKUPS[kind]:
            yield Leaf(path, lookup, wanted)
        yield Leaf(path, "in", "empty")
        if not path.startswith("tags"):
            yield Leaf(path, "exact", "none")
            yield Leaf(path, "isnull", "null?")
            yield Leaf(path, "isnull", "not null?")
    for other in ("maker__age", "other__age", "maker__room__rank"):
        for lookup in ("exact", "gt", "lte"):
            yield Leaf("amount", lookup, f"F:{other}")
            yield Leaf("amount", lookup, f"F+:{other}")
    for path in RELATIONS:
        yield Leaf(path, "isnull", "null?")
        yield Leaf(path, "isnull", "not null?")


LEAVES = tuple(_leaves())


def trees(leaves: Any) -> Any:
    """Conditions made of these leaves."""
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(lambda child: Node("~", (child,)), inner),
            st.builds(
                lambda sign, parts: Node(sign, tuple(parts)),
                st.sampled_from("&|"),
                st.lists(inner, min_size=2, max_size=3),
            ),
            st.builds(lambda parts: Node("^", tuple(parts)), st.lists(leaves, min_size=2, max_size=2)),
        ),
        max_leaves=5,
    )


conditions = trees(st.sampled_from(LEAVES))
# below a NOT, a computed right-hand side that is NULL leaves the condition unknown, in Django as here
predictable = trees(st.sampled_from([leaf for leaf in LEAVES if not leaf.kind.startswith("F+")]))


@dataclass
class Filled:
    """A condition with its values filled in."""

    leaf: Leaf
    value: Any


def fill(condition: Any, chance: random.Random) -> Any:
    """The condition with a value in each leaf."""
    if isinstance(condition, Node):
        return Node(condition.sign, tuple(fill(child, chance) for child in condition.children))
    kind = condition.kind
    fixed = {"none": None, "empty": [], "null?": True, "not null?": False}
    if kind in fixed:
        return Filled(condition, fixed[kind])
    if kind.startswith("F:"):
        return Filled(condition, None)
    if kind.startswith("F+:"):
        return Filled(condition, chance.randint(-2, 2))
    return Filled(condition, value(kind, chance))


def as_q(condition: Any, prefix: str = "") -> Q:
    """The condition as a ``Q``."""
    if isinstance(condition, Filled):
        leaf = condition.leaf
        right = condition.value
        if leaf.kind.startswith("F:"):
            right = F(prefix + leaf.kind[2:])
        elif leaf.kind.startswith("F+:"):
            right = F(prefix + leaf.kind[3:]) + right
        return Q(**{f"{prefix}{leaf.path}__{leaf.lookup}": right})
    parts = [as_q(child, prefix) for child in condition.children]
    if condition.sign == "~":
        return ~parts[0]
    made = parts[0]
    for part in parts[1:]:
        made = made & part if condition.sign == "&" else made | part if condition.sign == "|" else made ^ part
    return made


# -- what they mean ----------------------------------------------------------------------------------------------------

TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "exact": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
    "in": lambda a, b: a in b,
    "range": lambda a, b: b[0] <= a <= b[1],
    "iexact": lambda a, b: a.lower() == b.lower(),
    "contains": lambda a, b: b in a,
    "icontains": lambda a, b: b.lower() in a.lower(),
    "startswith": lambda a, b: a.startswith(b),
    "endswith": lambda a, b: a.endswith(b),
    "istartswith": lambda a, b: a.lower().startswith(b.lower()),
    "iendswith": lambda a, b: a.lower().endswith(b.lower()),
    "year": lambda a, b: a.year == b,
    "year__gte": lambda a, b: a.year >= b,
    "year__lt": lambda a, b: a.year < b,
    "month": lambda a, b: a.month == b,
    "month__in": lambda a, b: a.month in b,
}


@dataclass(frozen=True)
class Row:
    """A thing beside one of its tags, as a join delivers them."""

    thing: Thing
    tag: Tag | None
    tags: tuple[Tag, ...]

    def read(self, path: str) -> Any:
        """The value at the end of a path; None when it leads nowhere."""
        here: Any = self.thing
        for step in path.split("__"):
            here = self.tag if step == "tags" else None if here is None else getattr(here, step)
        return here


def leaf_holds(filled: Filled, row: Row) -> bool:
    leaf = filled.leaf
    if leaf.path == "tags":
        return (not row.tags) == filled.value
    left = row.read(leaf.path)
    if leaf.lookup == "isnull":
        return (left is None) == filled.value
    if leaf.kind == "none":
        return left is None
    right = filled.value
    if leaf.kind.startswith("F"):
        other = row.read(leaf.kind.partition(":")[2])
        right = None if other is None else other if leaf.kind[1] == ":" else other + right
        if right is None:
            return False
    return left is not None and TESTS[leaf.lookup](left, right)


def holds(condition: Any, row: Row, below_not: bool = False) -> bool:
    """Whether the condition is true for a row."""
    if isinstance(condition, Filled):
        if below_not and condition.leaf.path.startswith("tags__"):
            return any(leaf_holds(condition, Row(row.thing, tag, row.tags)) for tag in row.tags)
        return leaf_holds(condition, row)
    sign = condition.sign
    results = [holds(child, row, below_not or sign == "~") for child in condition.children]
    if sign == "~":
        return not results[0]
    return all(results) if sign == "&" else any(results) if sign == "|" else sum(results) % 2 == 1


def is_ambiguous(condition: Any) -> bool:
    """Whether a relation of several rows stands both below a NOT and beside one.

    In one ``filter()`` the negated condition is then about the row that the other one joined, as in Django, and which
    comes first matters; `holds` knows nothing of that.
    """
    places = set(_places(condition, False))
    return len(places) == 2


def _places(condition: Any, below_not: bool) -> Iterator[bool]:
    if isinstance(condition, Node):
        for child in condition.children:
            yield from _places(child, below_not or condition.sign == "~")
    elif condition.path.startswith("tags"):
        yield below_not


def matching(steps: list[Any], things: list[Thing], tags: dict[int, tuple[Tag, ...]]) -> set[int]:
    """The keys of the things for which each step holds, beside some tag each."""
    return {
        thing.pk
        for thing in things
        if all(any(holds(step, Row(thing, tag, tags[thing.pk])) for tag in tags[thing.pk] or (None,)) for step in steps)
    }


# -- whole querysets ---------------------------------------------------------------------------------------------------

ANNOTATIONS: dict[str, Callable[[random.Random], Any]] = {
    "plus": lambda chance: F("amount") + chance.randint(1, 9),
    "minus": lambda chance: chance.randint(1, 9) - F("maker__age"),
    "filled": lambda chance: Coalesce("amount", Value(chance.randint(1, 9))),
    "joined": lambda chance: Concat("title", Value(value("text", chance)), "maker__name"),
    "upper": lambda chance: Upper("maker__city"),
    "constant": lambda chance: Value(value("text", chance)),
    "nothing": lambda chance: Value(None, dorm.IntegerField()),
    "grown": lambda chance: Q(maker__age__gte=chance.randint(0, 3)),
    "case": lambda chance: Case(
        When(amount__gt=chance.randint(0, 2), then=Value(chance.randint(1, 9))),
        When(maker__age__in=value("int*", chance), then=F("maker__age")),
        default=Value(chance.randint(1, 9)),
    ),
    "tag_count": lambda chance: Count("tags"),
    "heavy": lambda chance: Count("tags", filter=Q(tags__weight__gte=chance.randint(0, 2)), distinct=True),
    "total": lambda chance: Sum("tags__weight", default=chance.randint(0, 3)),
    "most": lambda chance: Max("tags__weight"),
    "has": lambda chance: Exists(Tag.objects.filter(things=OuterRef("pk"), weight__lte=chance.randint(0, 2))),
    "first": lambda chance: Subquery(
        Tag.objects.filter(things=OuterRef("pk"), label__contains=value("text", chance)).order_by("pk").values("pk")[:1]
    ),
}
FILTERS_ON: dict[str, Callable[[random.Random], dict[str, Any]]] = {
    "plus": lambda chance: {"plus__gt": chance.randint(0, 5)},
    "filled": lambda chance: {"filled__in": value("int*", chance)},
    "joined": lambda chance: {"joined__icontains": value("text", chance)},
    "case": lambda chance: {"case__lte": F("amount") + chance.randint(0, 3)},
    "grown": lambda chance: {"grown": True},
    "tag_count": lambda chance: {"tag_count__gte": chance.randint(0, 2)},
    "heavy": lambda chance: {"heavy": chance.randint(0, 2)},
    "total": lambda chance: {"total__range": value("int2", chance)},
    "has": lambda chance: {"has": True},
    "first": lambda chance: {"first__isnull": False},
}
# conditions with an expression on the left
COMPARISONS: tuple[Callable[[random.Random], Any], ...] = (
    lambda chance: Coalesce("amount", Value(chance.randint(0, 3))) >= chance.randint(0, 3),
    lambda chance: (F("amount") + chance.randint(0, 3)).between(*value("int2", chance)),
    lambda chance: Upper(Concat("title", Value(value("text", chance)))) > value("text", chance),
    lambda chance: Q(Coalesce("maker__age", "amount", Value(9)) < F("amount") * chance.randint(2, 5)),
    lambda chance: Exists(Tag.objects.filter(things=OuterRef("pk"), weight=chance.randint(0, 2))),
    lambda chance: ~Exists(Thing.objects.filter(maker=OuterRef("maker"), amount__gt=OuterRef("amount"))),
    lambda chance: Q(maker__in=Maker.objects.filter(age__in=value("int*", chance))),
)
ORDERS: dict[str, Callable[[random.Random], list[Any]]] = {
    "key": lambda chance: ["pk"],
    "falling": lambda chance: ["-amount", "pk"],
    "over": lambda chance: ["maker__name", "-maker__room__rank", "pk"],
    "computed": lambda chance: [(F("amount") * chance.randint(2, 5)).desc(nulls_last=True), "pk"],
    "nothing": lambda chance: [],
}
SHAPES: dict[str, Callable[[Any, random.Random], Any]] = {
    "instances": lambda rows, chance: rows,
    "related": lambda rows, chance: rows.select_related("maker__room", "other"),
    "only": lambda rows, chance: rows.only("title", "maker"),
    "defer": lambda rows, chance: rows.defer("title", "day"),
    "dicts": lambda rows, chance: rows.values("pk", "title", "maker__name"),
    "tuples": lambda rows, chance: rows.values_list("pk", "amount", "other"),
    "flat": lambda rows, chance: rows.values_list("pk", flat=True),
    "computed": lambda rows, chance: rows.values_list("pk", extra=F("amount") + chance.randint(1, 5)),
}


@dataclass(frozen=True)
class Recipe:
    """A queryset without its values."""

    steps: tuple[tuple[str, Any], ...]
    annotations: tuple[str, ...]
    filters_on: frozenset[str]
    compared: tuple[int, ...]
    order: str
    shape: str
    sliced: str
    flags: frozenset[str]
    combined: str

    def cook(self, seed: int) -> Any:
        """The queryset with the values of a seed."""
        chance = random.Random(seed)
        rows = self._branch(chance)
        if self.combined == "nothing":
            return self._finished(rows, chance)
        rows = rows.values_list("pk", "amount")
        other = self._branch(chance).values_list("pk", "amount")
        if self.combined == "union all":
            made = rows.union(other, all=True)
        else:
            made = getattr(rows, self.combined)(other)
        return self._cut(made.order_by("-pk"), chance)

    def _branch(self, chance: random.Random) -> Any:
        rows: Any = Thing.objects.all()
        for verb, condition in self.steps:
            rows = getattr(rows, verb)(as_q(fill(condition, chance)))
        for name in self.annotations:
            rows = rows.annotate(**{name: ANNOTATIONS[name](chance)})
            if name in self.filters_on and name in FILTERS_ON:
                rows = rows.filter(**FILTERS_ON[name](chance))
        for number in self.compared:
            rows = rows.filter(COMPARISONS[number](chance))
        return rows

    def _finished(self, rows: Any, chance: random.Random) -> Any:
        rows = rows.order_by(*ORDERS[self.order](chance))
        rows = SHAPES[self.shape](rows, chance)
        if "distinct" in self.flags and self.order in {"key", "nothing"}:
            rows = rows.distinct()
        if "reverse" in self.flags:
            rows = rows.reverse()
        return self._cut(rows, chance)

    def _cut(self, rows: Any, chance: random.Random) -> Any:
        low, high = chance.randint(1, 3), chance.randint(4, 9)
        cuts = {"nothing": rows, "head": rows[:high], "tail": rows[low:], "middle": rows[low:high]}
        return cuts[self.sliced]


recipes = st.builds(
    Recipe,
    steps=st.lists(st.tuples(st.sampled_from(("filter", "exclude")), conditions), max_size=3).map(tuple),
    annotations=st.lists(st.sampled_from(sorted(ANNOTATIONS)), unique=True, max_size=3).map(tuple),
    filters_on=st.frozensets(st.sampled_from(sorted(FILTERS_ON)), max_size=4),
    compared=st.lists(st.integers(0, len(COMPARISONS) - 1), max_size=1).map(tuple),
    order=st.sampled_from(sorted(ORDERS)),
    shape=st.sampled_from(sorted(SHAPES)),
    sliced=st.sampled_from(("nothing", "head", "tail", "middle")),
    flags=st.frozensets(st.sampled_from(("distinct", "reverse"))),
    combined=st.sampled_from(("nothing",) * 6 + ("union", "union all", "intersection", "difference")),
)
seeds = st.integers(0, 2**16)
