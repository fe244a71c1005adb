"""A query has an identity: the same in every process, for every value, and another one for every other structure."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import dorm
from dorm import Case, Count, Exists, F, OuterRef, Q, Sum, Value, When
from dorm.db import hooks
from dorm.db.execution import Statement
from dorm.expressions.base import Uncacheable
from dorm.expressions.references import ColumnRef
from dorm.expressions.values import RawSQL
from dorm.functions import Func, Upper
from dorm.query.describe.base import with_state
from dorm.query.describe.identity import QuerySource, Unwritable, written
from dorm.query.describe.names import Names
from dorm.query.describe.parts import PARTS
from dorm.query.describe.predicates import NO_CONDITION
from dorm.query.describe.state import AnnotateStep, FilterStep, QueryState
from dorm.signals import post_query, pre_query


class Writer(dorm.Model):
    name = dorm.CharField(max_length=20)
    age = dorm.IntegerField(default=0)
    password = dorm.CharField(max_length=20, default="")


class Novel(dorm.Model):
    title = dorm.CharField(max_length=20)
    writer = dorm.ForeignKey(Writer, on_delete=dorm.CASCADE, related_name="novels")
    themes: Any = dorm.ManyToManyField("Theme")


class Theme(dorm.Model):
    name = dorm.CharField(max_length=20)


pytestmark = pytest.mark.models([Writer, Novel, Theme])
W = Writer.objects


class Loose(Func):
    """A function with a part that its anatomy does not name."""

    function = "coalesce"

    def __init__(self, name: str) -> None:
        super().__init__(name, 0)
        self.extra = object()


def reference(name: str) -> Any:
    return Names(QueryState(Writer._meta)).reference(name)


# another value of each part than its default
MUTATIONS: dict[str, Any] = {
    "steps": (FilterStep(NO_CONDITION),),
    "selected": ("n",),
    "order": W.order_by("age").state.order,
    "reversed": True,
    "distinct": True,
    "low": 3,
    "high": 9,
    "partition": reference("age"),
    "row": "dict",
    "select": W.values("age").state.select,
    "select_related": ("writer",),
    "only": frozenset(("age",)),
    "defer": frozenset(("age",)),
    "lock": (False, False, False, ()),
    "empty": True,
    "group": "pk",
    "combined": W.all().union(W.filter(age=1)).state.combined,
    "narrows_branches": True,
    "aggregates": (("n", reference("age")),),
    "assignments": (("age", reference("age")),),
    "using": "other",
}
BARE = QueryState(Writer._meta)


def identity_of(state: QueryState) -> str:
    return QuerySource("rows", Writer._meta, state.cache_key([])).identity("")


def test_the_table_declares_every_part_once_and_nothing_else():
    names = [part.name for part in PARTS]
    assert len(set(names)) == len(names)
    assert set(names) | {"opts"} == set(QueryState.__annotations__)
    assert {part.name for part in PARTS if part.apart} | set(MUTATIONS) == set(names) | {"steps"}


@pytest.mark.parametrize("name", MUTATIONS)
def test_every_part_changes_the_key_and_all_but_the_alias_the_identity(name):
    changed = BARE.evolve(**{name: MUTATIONS[name]})
    assert changed.cache_key([]) != BARE.cache_key([])
    assert (identity_of(changed) != identity_of(BARE)) is (name != "using")


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_a_part_at_its_default_is_as_if_nobody_had_set_it(part):
    assert identity_of(BARE.evolve(**{part.name: part.default})) == identity_of(BARE)


@pytest.mark.parametrize("part", [part for part in PARTS if part.cache_key is not None], ids=lambda part: part.name)
def test_a_part_with_a_shape_of_its_own_takes_as_many_slots_as_it_gives_values(part):
    state = BARE.evolve(**{part.name: MUTATIONS[part.name]})
    values: list[Any] = []
    state.cache_key(values)
    taken: list[Any] = []

    class Counting:
        def take(self, value: Any, field: Any) -> Any:
            taken.append(value)
            return value

    state.parameterized(Counting())  # type: ignore[arg-type]
    assert taken == values
    assert part.slot is not None


def test_a_part_that_is_not_declared_is_no_part_of_a_key_but_stops_there_being_one():
    for tenant in ("t1", "t2"):
        with pytest.raises(Uncacheable, match="'tenant' is no declared part"):
            BARE.evolve(tenant=tenant).cache_key([])
        with pytest.raises(Uncacheable):
            BARE.with_step(FilterStep(NO_CONDITION)).evolve(tenant=tenant).cache_key([])
        with pytest.raises(Uncacheable):
            W.filter(pk__in=with_state(W, BARE.evolve(tenant=tenant)).values("pk")).state.cache_key([])


def test_steps_and_their_order_count():
    name = AnnotateStep("n", ColumnRef(reference("name").path))
    assert identity_of(BARE.with_step(name)) != identity_of(BARE)
    one, other = W.filter(age=1).filter(name="x"), W.filter(name="x").filter(age=1)
    assert one.query.identity != other.query.identity
    assert one.query.identity != W.filter(age=1, name="x").query.identity


def test_the_order_in_which_other_parts_were_set_does_not():
    one = W.order_by("age").distinct().using("default")
    assert one.query.identity == W.using(None).distinct().order_by("age").query.identity


SAME: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "values": (lambda: W.filter(age=1, name="a"), lambda: W.filter(age=2, name="b")),
    "the length of a list": (lambda: W.filter(age__in=[1]), lambda: W.filter(age__in=[1, 2, 3])),
    "bounds of a slice": (lambda: W.all()[2:5], lambda: W.all()[7:9]),
    "values in expressions": (lambda: W.annotate(n=F("age") + 1), lambda: W.annotate(n=F("age") + 2)),
    "values in subqueries": (
        lambda: W.filter(Exists(Novel.objects.filter(writer=OuterRef("pk"), title="a"))),
        lambda: W.filter(Exists(Novel.objects.filter(writer=OuterRef("pk"), title="b"))),
    ),
    "prefetches": (lambda: W.all(), lambda: W.prefetch_related("novels")),
}
OTHER: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "None": (lambda: W.filter(age=1), lambda: W.filter(age=None)),
    "the lookup": (lambda: W.filter(age__gt=1), lambda: W.filter(age__gte=1)),
    "the field": (lambda: W.filter(age=1), lambda: W.filter(id=1)),
    "the model": (lambda: W.all(), lambda: Novel.objects.all()),
    "a negation": (lambda: W.filter(age=1), lambda: W.exclude(age=1)),
    "a connector": (lambda: W.filter(Q(age=1) | Q(name="")), lambda: W.filter(Q(age=1) & Q(name=""))),
    "a function": (lambda: W.annotate(n=Upper("name")), lambda: W.annotate(n=Count("name"))),
    "a name": (lambda: W.annotate(n=Upper("name")), lambda: W.annotate(m=Upper("name"))),
    "an order": (lambda: W.order_by("age"), lambda: W.order_by("-age")),
    "a model in a subquery": (
        lambda: W.filter(pk__in=W.values("pk")),
        lambda: W.filter(pk__in=Novel.objects.values("pk")),
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_what_one_query_asks_again_is_the_same_query(database, name):
    one, other = SAME[name]
    assert one().query.identity == other().query.identity
    assert one().query.describe() == other().query.describe()


@pytest.mark.parametrize("name", OTHER)
def test_what_asks_for_something_else_is_another_query(database, name):
    one, other = OTHER[name]
    assert one().query.identity != other().query.identity
    assert one().query.describe() != other().query.describe()


def test_a_query_without_a_key_has_an_identity_too(database):
    one = W.filter(age=1).annotate(n=Loose("age"))
    assert one.query.identity == W.filter(age=2).annotate(n=Loose("age")).query.identity
    assert one.query.identity != W.annotate(n=Loose("age")).query.identity
    assert one.query.describe().startswith("rows of test_query_identity.Writer: SQL select ")


def test_a_query_that_matches_nothing_has_one_too(database):
    assert W.none().query.identity not in ("", W.all().query.identity)
    assert W.none().query.describe() == "select test_query_identity.Writer matching nothing"


def test_an_identity_is_short_text_and_holds_no_value(database):
    identity = W.filter(password="hunter2").query.identity
    assert len(identity) == 16
    assert set(identity) <= set("0123456789abcdef")
    assert "hunter2" not in W.filter(password="hunter2").query.describe()
    assert "hunter2" not in W.annotate(n=Value("hunter2")).query.describe()
    raw = W.annotate(n=RawSQL("coalesce(password, 'hunter2')", output_field=dorm.CharField()))
    assert "SQL (coalesce ( password , ? ))" in raw.query.describe()
    assert "hunter2" not in Statement("select 'hunter2' -- hunter2").describe()


def test_what_has_no_name_elsewhere_is_never_written():
    for thing in (object(), lambda: 0, [object()], (1, object())):
        with pytest.raises(Unwritable):
            written(thing)


PROGRAM = """
import dorm
from dorm import Case, Count, Exists, F, OuterRef, Q, Sum, Value, When
from dorm.functions import Coalesce, Upper
dorm.configure(DATABASES={"default": {"ENGINE": "sqlite", "NAME": ":memory:"}, "b": {"ENGINE": "sqlite", "NAME": ":memory:"}})
class A(dorm.Model):
    name = dorm.CharField(max_length=9); age = dorm.IntegerField(null=True); data = dorm.JSONField(null=True)
    class Meta: app_label = "p"
class B(dorm.Model):
    a = dorm.ForeignKey(A, on_delete=dorm.CASCADE, related_name="bs")
    class Meta: app_label = "p"
q = A.objects
for one in (
    q.all(), q.only("name", "age"), q.defer("name", "age"), q.filter(data__x__y=1), q.filter(name__icontains="x"),
    q.annotate(n=Count("bs", filter=Q(bs__id=1))).filter(n__gt=1), q.order_by("-age")[:3], q.select_related(),
    q.annotate(u=Coalesce(Upper("name"), Value("x"), output_field=dorm.CharField(max_length=5))),
    q.annotate(k=Case(When(age=1, then=Value(1)), default=Value(2))), q.filter(Exists(B.objects.filter(a=OuterRef("pk")))),
    q.values("age").annotate(s=Sum("age")), q.filter(age=1).union(q.filter(age=2)), q.select_for_update(),
):
    print(one.query.identity, one.using("b").query.identity, one.query.describe())
"""


def test_every_process_and_every_alias_says_the_same():
    source = str(Path(dorm.__file__).parent.parent)
    told = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": source},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    lines = [line.split(" ", 2) for line in told[0].splitlines()]
    assert told[0] == told[1]
    assert len({here for here, _, _ in lines}) == len(lines) == 14
    assert all(here == there for here, there, _ in lines)
    assert not any("0x" in words for _, _, words in lines)


# -- every statement has one, and whoever asks is told --------------------------------------------------------------------


@pytest.fixture
def calls():
    """What a hook is told of each statement."""
    seen: list[tuple[str, str, str, int | None, str]] = []

    def after(call: hooks.Call) -> None:
        seen.append((call.identity, call.describe(), call.alias, call.rows, str(call.origin)))

    hooks.add_after(after)
    yield seen
    hooks.remove(after)


LABEL = "test_query_identity"


async def test_every_verb_says_what_it_does(database, mode, calls):
    writer = await mode.call(W, "create", name="a", age=1)
    writer.age = 2
    await mode.call(writer, "save")
    await mode.call(W, "bulk_create", [Writer(name="b"), Writer(name="c")])
    await mode.call(W.filter(age=9), "update", age=3)
    await mode.call(W.all(), "update", age=F("age") + 1)
    await mode.call(W, "create", name=Upper(Value("x")))
    await mode.call(W, "bulk_update", [writer], ["age"])
    await mode.call(W.filter(age=0), "count")
    await mode.call(W.all(), "exists")
    await mode.call(W, "aggregate", s=Sum("age"))
    await mode.call(Novel.objects.filter(title="x"), "delete")
    said = [words.replace(f"{LABEL}.", "") for _, words, _, _, _ in calls if not words.startswith("SQL")]
    assert said == [
        "insert Writer setting name, age, password returning id",
        "update Writer setting name, age, password by id",
        "insert Writer setting name, age, password returning id",
        "update Writer where age exact ? setting age = ?",
        "update Writer setting age = Combined(age, +, ?)",
        "insert Writer setting name = Upper(?) setting age = ? setting password = ?",
        "update Writer of many rows, setting age",
        "select the number of Writer where age exact ?",
        "select whether there are Writer",
        "select aggregates over Writer computing s = Sum(age)",
        "select Novel where title exact ? as rows of kind flat selecting pk",
    ]
    assert [rows for _, words, _, rows, _ in calls if not words.startswith("SQL")] == [1, 1, 2, 0, 3, 1, 1, 1, 1, 1, 0]
    assert {alias for _, _, alias, _, _ in calls} == {"default"}
    # the next frame outside the package is that of the fixture which calls the verb
    assert {origin.partition(":")[0] for *_, origin in calls} <= {__file__, str(Path(inspect.getfile(type(mode))))}
    assert calls[0][0] == calls[2][0]


async def test_the_origin_is_the_line_that_waits_for_an_async_verb(database, calls):
    await W.filter(age=1).acount()
    assert calls[-1][-1].startswith(f"{__file__}:")
    assert calls[-1][-1].endswith(" in test_the_origin_is_the_line_that_waits_for_an_async_verb")
    async for _ in W.all():
        pass
    assert calls[-1][-1].endswith(" in test_the_origin_is_the_line_that_waits_for_an_async_verb")


def test_the_origin_names_file_line_and_function(database, calls):
    list(W.all())
    file, _, rest = calls[-1][-1].rpartition(":")
    assert file == __file__
    assert rest.endswith(" in test_the_origin_names_file_line_and_function")


def test_raw_sql_and_control_statements_are_told_by_their_text(database, calls):
    table = Writer._meta.db_table
    list(W.raw(f"SELECT * FROM {table}  WHERE age IN (%s, %s) -- one\n AND name = 'x'", [1, 2]))
    list(W.raw(f"select * from {table} where age in (%s) and name = 'y'", [1]))
    assert calls[0][:2] == calls[1][:2]
    assert calls[0][1] == f"SQL select * from {table} where age in ( ? ) and name = ?"
    calls.clear()
    with dorm.transaction.atomic():
        for _ in range(2):
            with dorm.transaction.atomic():
                W.count()
    told = [words for _, words, *_ in calls]
    assert told.count("SQL savepoint ?") == told.count("SQL release savepoint ?") == 2
    assert [rows for _, words, _, rows, _ in calls if "savepoint" in words] == [None] * 4


def test_receivers_get_what_they_name_and_others_what_they_always_got(database):
    plain: list[dict[str, Any]] = []
    asked: list[dict[str, Any]] = []

    def before(sender: Any, **told: Any) -> None:
        plain.append(told)

    def after(
        sender: Any, identity: str, description: str, alias: str, origin: Any, rows: int, call: Any, **told: Any
    ) -> None:
        asked.append({**told, "call": (call.identity, call.rows), "identity": identity, "rows": rows, "alias": alias})
        asked[-1] |= {"description": description, "origin": origin}

    pre_query.connect(before)
    post_query.connect(after)
    try:
        queryset = W.filter(age=1)
        list(queryset)
    finally:
        pre_query.disconnect(before)
        post_query.disconnect(after)
    assert [set(told) for told in plain] == [{"sql", "params"}]
    (told,) = asked
    assert told.keys() - {"call", "identity", "rows", "alias", "description", "origin"} == {
        "sql",
        "params",
        "elapsed_ms",
        "error",
    }
    assert told["identity"] == queryset.query.identity
    assert told["call"] == (queryset.query.identity, 0)
    assert told["description"] == f"select {LABEL}.Writer where age exact ?"
    assert (told["alias"], told["rows"]) == ("default", 0)
    assert told["origin"].file == __file__


def test_a_bound_method_is_told_too(database):
    class Collector:
        def __init__(self) -> None:
            self.seen: list[str] = []

        def note(self, sender: Any, identity: str, **told: Any) -> None:
            self.seen.append(identity)

    collector = Collector()
    post_query.connect(collector.note)
    W.count()
    post_query.disconnect(collector.note)
    assert len(collector.seen) == 1


def test_a_signal_that_somebody_sends_without_a_statement_asks_for_nothing():
    seen: list[Any] = []

    def after(sender: Any, identity: str = "none", **told: Any) -> None:
        seen.append((identity, told))

    post_query.connect(after)
    post_query.send("sqlite", sql="x")
    post_query.disconnect(after)
    assert seen == [("none", {"sql": "x"})]


def test_nobody_who_does_not_ask_pays(database, monkeypatch):
    def refuse(*_: Any) -> Any:
        raise AssertionError("computed though nobody asked")

    monkeypatch.setattr(QuerySource, "identity", refuse)
    monkeypatch.setattr(QuerySource, "describe", refuse)
    monkeypatch.setattr(hooks, "origin", refuse)
    seen = []

    def after(sender: Any, sql: str, **told: Any) -> None:
        seen.append(sql)

    post_query.connect(after)
    list(W.annotate(k=Case(When(age=1, then=Value(1)), default=Value(2))))
    post_query.disconnect(after)
    assert len(seen) == 1
