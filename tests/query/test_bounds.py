"""No input costs minutes, or the whole stack: what no database could run is refused where it is written."""

from __future__ import annotations

import functools
import time

import pytest

import dorm
from dorm import F, Max, Q, Value
from dorm.expressions import Case, When
from dorm.functions import Lower
from dorm.utils.bounds import DEPTH, NAMED, PARTS, STEPS


class Knot(dorm.Model):
    name = dorm.CharField(max_length=20)
    n = dorm.IntegerField(default=1)
    data = dorm.JSONField(default=dict)
    parent = dorm.ForeignKey("self", null=True, on_delete=dorm.CASCADE, related_name="kids")


pytestmark = pytest.mark.models([Knot])
rows = Knot.objects
UP = "__".join(["parent"] * 5000)
DOWN = "__".join(["kids"] * 5000)


def nested(depth, inner=None):
    made = Q(n=1)
    for number in range(depth):
        made = Q(~made, n=number)
    return made


def annotated(number, make):
    found = rows.annotate(x0=F("n"))
    for at in range(1, number):
        found = found.annotate(**{f"x{at}": make(f"x{at - 1}")})
    return found


def repeated(times, change, start):
    return functools.reduce(lambda made, _: change(made), range(times), start)


REFUSED = {
    "a path": lambda: rows.filter(**{f"{UP}__n": 1}),
    "a path down": lambda: rows.filter(**{f"{DOWN}__n": 1}),
    "a path of nothing": lambda: rows.filter(**{"__".join(["zz"] * 5000): 1}),
    "a path in exclude": lambda: rows.exclude(**{f"{DOWN}__n": 1}),
    "a path in a document": lambda: rows.filter(**{f"data__{DOWN}": 1}),
    "a path beside annotations": lambda: rows.annotate(x=F("n")).filter(**{f"x__{UP}": 1}),
    "an order": lambda: rows.order_by(f"-{UP}__n"),
    "a value": lambda: rows.values(f"{UP}__n"),
    "a reference": lambda: rows.annotate(x=F(f"{UP}__n")),
    "an aggregate": lambda: rows.aggregate(x=Max(f"{DOWN}__n")),
    "a joined object": lambda: rows.select_related(UP),
    "a prefetch": lambda: rows.prefetch_related(DOWN),
    "a column": lambda: rows.only(f"{UP}__n"),
    "underscores": lambda: rows.filter(**{"_" * 100_000: 1}),
    "a name": lambda: rows.filter(**{"n" * 1_000_000: 1}),
    "annotations": lambda: functools.reduce(
        lambda found, at: found.annotate(**{f"x{at}": F("n") + at}), range(3000), rows.all()
    ),
    "annotations at once": lambda: rows.annotate(**{f"x{at}": F("n") + at for at in range(3000)}),
    "columns": lambda: rows.values_list(*[F("n") + at for at in range(5000)]),
    "aggregates": lambda: rows.aggregate(**{f"x{at}": Max(F("n") + at) for at in range(3000)}),
    "annotations of annotations": lambda: annotated(600, lambda name: F(name) + 1),
    "annotations that double": lambda: annotated(60, lambda name: F(name) + F(name)),
    "conditions in conditions": lambda: rows.filter(nested(900)),
    "conditions that double": lambda: rows.filter(repeated(60, lambda q: Q(q, ~q), Q(n=1))),
    "conditions that double side by side": lambda: rows.filter(repeated(60, lambda q: q | q, Q(n=1))),
    "arithmetic": lambda: rows.annotate(x=repeated(5000, lambda e: e + 1, F("n"))),
    "arithmetic that doubles": lambda: rows.annotate(x=repeated(60, lambda e: e + e, F("n"))),
    "functions": lambda: rows.annotate(x=repeated(900, Lower, F("name"))),
    "functions in an order": lambda: rows.order_by(repeated(900, Lower, F("name"))),
    "functions in a condition": lambda: rows.filter(name=repeated(900, Lower, F("name"))),
    "functions in an update": lambda: rows.update(name=repeated(900, Lower, F("name"))),
    "cases in cases": lambda: rows.annotate(
        x=repeated(900, lambda e: Case(When(n=1, then=e), default=Value(0)), Value(1))
    ),
    "subqueries in subqueries": lambda: repeated(900, lambda qs: rows.filter(pk__in=qs.values("pk")), rows.all()),
    "unions of unions": lambda: repeated(300, lambda qs: qs.union(rows.filter(n=2)), rows.filter(n=1)),
    "documents": lambda: rows.filter(data=repeated(50_000, lambda value: [value], 1)),
    "documents in documents": lambda: rows.filter(data__x__in=[repeated(50_000, lambda value: [value], 1)]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_database_could_run_is_refused_in_time(database, case):
    started = time.process_time()
    with pytest.raises((dorm.FieldError, dorm.ValidationError, ValueError)) as caught:
        list(REFUSED[case]())
    assert time.process_time() - started < 20
    assert 20 < len(str(caught.value)) < 1000


def test_what_people_write_is_far_inside_the_bounds(database):
    Knot.objects.create(name="a", n=1)
    # a function call, a comparison and a condition take a handful of Python's thousand stack frames each
    assert len(rows.filter(nested(25))) in (0, 1)
    assert [made.x for made in rows.annotate(x=repeated(25, Lower, F("name")))] == ["a"]
    assert [made.x for made in rows.annotate(x=repeated(40, lambda e: e + 1, F("n")))] == [41]
    assert rows.filter(functools.reduce(lambda q, at: q | Q(n=at), range(500), Q())).count() == 1
    assert rows.filter(**{"__".join(["parent"] * 20) + "__n": 1}).count() == 0
    assert len(rows.annotate(**{f"x{at}": F("n") + at for at in range(300)})) == 1
    assert [made.x for made in rows.annotate(x=Case(*[When(n=at, then=Value(at)) for at in range(500)]))] == [1]
    assert rows.filter(n__in=list(range(100_000))).count() == 1


def test_depth_and_size_of_conditions_are_known_from_the_start():
    flat = functools.reduce(lambda q, at: q | Q(n=at), range(1000), Q(n=-1))
    assert flat.depth == 2
    assert (~flat & Q(n=1)).depth == 3
    assert flat.size <= PARTS
    assert nested(DEPTH - 1).depth == DEPTH
    with pytest.raises(dorm.FieldError, match="nested too deeply"):
        nested(DEPTH)
    assert STEPS < NAMED < PARTS
