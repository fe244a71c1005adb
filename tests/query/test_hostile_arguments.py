"""Whatever is handed to the public verbs and constructors: it works, or an error of the documented kinds says why not."""

from __future__ import annotations

import random
import time

import pytest

import dorm
from dorm import Exists, ExpressionWrapper, F, Func, Max, OuterRef, Prefetch, Q, RawSQL, Subquery, Value, exceptions
from dorm.db.connection import get_connection
from dorm.expressions import Case, When
from dorm.functions import Cast, Coalesce, Collate, Concat, Extract, Left, Replace, Substr, Trunc


class Target(dorm.Model):
    name = dorm.CharField(max_length=20, unique=True)
    n = dorm.IntegerField(default=1)
    data = dorm.JSONField(default=dict)
    day = dorm.DateField(null=True)
    parent = dorm.ForeignKey("self", null=True, on_delete=dorm.CASCADE, related_name="kids")


pytestmark = pytest.mark.models([Target])
rows = Target.objects
TREE = tuple(kind for kind in vars(exceptions).values() if isinstance(kind, type) and issubclass(kind, Exception))
DOCUMENTED = (*TREE, TypeError, ValueError, NotImplementedError)
TEXTS = [
    "",
    "__",
    "__n",
    "n__",
    "a\x00b",
    "\udc80",
    "é\u202e",
    "a b",
    '"',
    "'; DROP",
    "%s",
    "%",
    "?",
    "-n",
    "ſ",
    "x" * 5000,
]
NAMES = [
    "name",
    "n",
    "kids",
    "pk",
    "kids__name",
    "n__gt__gt",
    "data__\x00",
    "data__\udc80",
    "name__regex",
    "parent__parent",
]
NUMBERS = [-1, 0, 1, 2**31, 2**63, 2**70, -(2**70), 1.5, float("nan"), True]
OTHERS = [None, b"x", [], [1], ["n"], {}, {"a": 1}, (), (1,), object(), set(), range(3), slice(1, 2), int, Target]
QUERIES = [F("n"), F("kids"), Q(n=1), Value("x"), Value(None), Max("n"), rows.all(), rows.values("n")]
BAD = [*TEXTS, *NAMES, *NUMBERS, *OTHERS, *QUERIES]
VERBS = {
    "filter by name": lambda v: list(rows.filter(**{v: 1})),
    "filter": lambda v: list(rows.filter(v)),
    "filter by value": lambda v: list(rows.filter(name=v)),
    "filter by number": lambda v: list(rows.filter(n=v)),
    "filter by order": lambda v: list(rows.filter(name__gt=v)),
    "filter by list": lambda v: list(rows.filter(n__in=v)),
    "filter by range": lambda v: list(rows.filter(n__range=(v, v))),
    "filter by document": lambda v: list(rows.filter(data__a=v)),
    "filter by key": lambda v: list(rows.filter(**{f"data__{v}": 1})),
    "filter by day": lambda v: list(rows.filter(day__year=v)),
    "filter by relation": lambda v: list(rows.filter(parent=v)),
    "exclude": lambda v: list(rows.exclude(kids=v)),
    "order_by": lambda v: list(rows.order_by(v)),
    "values": lambda v: list(rows.values(v)),
    "values_list": lambda v: list(rows.values_list(v, flat=True)),
    "annotate": lambda v: list(rows.annotate(x=v)),
    "annotate as": lambda v: list(rows.annotate(**{v: F("n")})),
    "aggregate": lambda v: rows.aggregate(v),
    "aggregate as": lambda v: rows.aggregate(**{v: Max("n")}),
    "only": lambda v: list(rows.only(v)),
    "defer": lambda v: list(rows.defer(v)),
    "select_related": lambda v: list(rows.select_related(v)),
    "prefetch_related": lambda v: list(rows.prefetch_related(v)),
    "Prefetch": lambda v: list(rows.prefetch_related(Prefetch("kids", v))),
    "Prefetch to": lambda v: list(rows.prefetch_related(Prefetch("kids", to_attr=v))),
    "distinct": lambda v: list(rows.distinct(v)),
    "in_bulk": lambda v: rows.in_bulk([v]),
    "in_bulk by": lambda v: rows.in_bulk([1], field_name=v),
    "iterator": lambda v: list(rows.iterator(chunk_size=v)),
    "streaming": lambda v: list(get_connection().execute_streaming("SELECT 1", chunk_size=v)),
    "using": lambda v: list(rows.using(v)),
    "slice": lambda v: list(rows.all()[:v]),
    "latest": lambda v: rows.latest(v),
    "get": lambda v: rows.get(pk=v),
    "get_or_create": lambda v: rows.get_or_create(name="q", defaults=v),
    "update_or_create": lambda v: rows.update_or_create(name="a", defaults=v),
    "update": lambda v: rows.update(n=v),
    "create": lambda v: rows.create(name=v),
    "bulk_create": lambda v: rows.bulk_create([Target(name="b")], batch_size=v),
    "bulk_update": lambda v: rows.bulk_update([rows.first()], v),
    "raw": lambda v: list(rows.raw(v)),
    "raw with": lambda v: list(rows.raw(f"SELECT * FROM {Target._meta.db_table} WHERE name = %s", [v])),
    "raw as": lambda v: list(rows.raw(f"SELECT * FROM {Target._meta.db_table}", translations=v)),
    "execute": lambda v: get_connection().execute(v),
    "union": lambda v: list(rows.union(v)),
    "or": lambda v: list(rows.all() | v),
    "explain": lambda v: rows.explain(format=v),
    "F": lambda v: list(rows.annotate(x=F(v))),
    "Func": lambda v: list(rows.annotate(x=Func("n", function=v))),
    "Func by template": lambda v: list(rows.annotate(x=Func("n", function="ABS", template=v))),
    "Func joined": lambda v: list(
        rows.annotate(x=Func("n", "n", function="MAX", template="%(function)s", arg_joiner=v))
    ),
    "Func of a type": lambda v: list(rows.annotate(x=Func("n", function="ABS", output_field=v))),
    "Value": lambda v: list(rows.annotate(x=Value(v))),
    "RawSQL": lambda v: list(rows.annotate(x=RawSQL(v, ()))),
    "Case": lambda v: list(rows.annotate(x=Case(When(v, then=1), default=v))),
    "Subquery": lambda v: list(rows.annotate(x=Subquery(v))),
    "Exists": lambda v: list(rows.filter(Exists(v))),
    "OuterRef": lambda v: list(rows.filter(Exists(rows.filter(n=OuterRef(v))))),
    "ExpressionWrapper": lambda v: list(rows.annotate(x=ExpressionWrapper(v, output_field=dorm.TextField()))),
    "Cast": lambda v: list(rows.annotate(x=Cast("n", v))),
    "sum": lambda v: list(rows.annotate(x=F("n") + v)),
    "Coalesce": lambda v: list(rows.annotate(x=Coalesce("n", v))),
    "Concat": lambda v: list(rows.annotate(x=Concat("name", v))),
    "Left": lambda v: list(rows.annotate(x=Left("name", v))),
    "Substr": lambda v: list(rows.annotate(x=Substr("name", v, v))),
    "Replace": lambda v: list(rows.annotate(x=Replace("name", v))),
    "Trunc": lambda v: list(rows.annotate(x=Trunc("day", v))),
    "Extract": lambda v: list(rows.annotate(x=Extract("day", v))),
    "Collate": lambda v: list(rows.annotate(x=Collate("name", v))),
    "Max where": lambda v: rows.aggregate(x=Max("n", filter=v)),
    "Q": lambda v: list(rows.filter(Q(n=1, _connector=v))),
    "save": lambda v: rows.first().save(update_fields=v),
    "refresh": lambda v: rows.first().refresh_from_db(fields=v),
}


@pytest.mark.parametrize("verb", VERBS)
def test_an_argument_works_or_is_refused_in_words(database, verb):
    rows.create(name="a")
    chosen = random.Random(verb).sample(BAD, 24)
    started = time.process_time()
    for value in chosen:
        try:
            with dorm.transaction.atomic():
                VERBS[verb](value)
        except DOCUMENTED as problem:
            assert str(problem) or isinstance(problem, dorm.Model.DoesNotExist), (verb, value)
    assert time.process_time() - started < 20


@pytest.mark.parametrize(
    "ask",
    [
        lambda: rows.in_bulk([1], field_name="kids"),
        lambda: rows.in_bulk([1], field_name="n"),
        lambda: Func("n", function="__"),
        lambda: Func("n", function="__n"),
        lambda: Func("n", function="a.__b"),
        lambda: Func("n", function="a b"),
        lambda: list(rows.iterator(chunk_size=2**70)),
        lambda: list(rows.iterator(chunk_size=2**31)),
        lambda: list(rows.iterator(chunk_size=0)),
        lambda: list(get_connection().execute_streaming("SELECT 1", chunk_size=2**70)),
    ],
)
def test_an_argument_outside_of_what_is_possible_is_of_the_tree_and_a_value_error(database, ask):
    with pytest.raises(dorm.FieldError) as caught:
        ask()
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) > 20
