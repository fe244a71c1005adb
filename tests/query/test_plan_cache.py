"""What stands in the key of a plan, what does not, and what is never cached."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import dorm
from dorm import Case, Count, F, Q, Value, When
from dorm.functions import Coalesce, Func
from dorm.meta.registry import Registry
from dorm.query.run.pipeline import sql_of
from dorm.query.run.plan_cache import PlanCache, plans


class Author(dorm.Model):
    name = dorm.CharField(max_length=20, null=True)
    age = dorm.IntegerField(null=True)
    data = dorm.JSONField(null=True)


class Book(dorm.Model):
    title = dorm.CharField(max_length=20)
    author = dorm.ForeignKey(Author, on_delete=dorm.CASCADE, related_name="books", null=True)


pytestmark = pytest.mark.models([Author, Book])


class Shifted(Func):
    """A function with state that it does not name in its anatomy."""

    function = "coalesce"

    def __init__(self, name: str, shift: int) -> None:
        super().__init__(name, 0)
        self.shift = shift

    def element(self, scope: Any, arguments: list[Any]) -> Any:
        return super().element(scope, arguments) + self.shift


class Stated(Func):
    """The same, naming it."""

    function = "coalesce"
    anatomy = (*Func.anatomy, "shift")

    def __init__(self, name: str, shift: int) -> None:
        self.shift = shift
        super().__init__(name, 0)

    def element(self, scope: Any, arguments: list[Any]) -> Any:
        return super().element(scope, arguments) + self.shift


class Plain(Func):
    function = "abs"


class Negated(Func):
    function = "abs"

    def element(self, scope: Any, arguments: list[Any]) -> Any:
        return -super().element(scope, arguments)


@pytest.fixture
def lite():
    """Two aliases that nobody connects to."""
    dorm.configure(
        DATABASES={
            "default": {"ENGINE": "sqlite", "NAME": ":memory:"},
            "second": {"ENGINE": "sqlite", "NAME": "elsewhere.sqlite3"},
        }
    )
    plans.clear()


@pytest.fixture
def counted(database):
    plans.clear()
    return plans


def shape(queryset: Any) -> Any:
    return queryset.state.cache_key([])


def inside(key: Any) -> Iterator[Any]:
    yield key
    if isinstance(key, tuple | frozenset | list):
        for part in key:
            yield from inside(part)


# -- hits --------------------------------------------------------------------------------------------------------------


def test_another_key_is_a_hit(counted):
    one, two = (Author.objects.create(name=name) for name in "ab")
    plans.clear()
    assert Author.objects.get(pk=one.pk).name == "a"
    assert (counted.hits, counted.misses, len(counted)) == (0, 1, 1)
    assert Author.objects.get(pk=two.pk).name == "b"
    assert (counted.hits, counted.misses, len(counted)) == (1, 1, 1)


def test_every_verb_has_a_plan_of_its_own(counted):
    assert list(Author.objects.filter(age=1)) == []
    assert Author.objects.filter(age=1).count() == 0
    assert not Author.objects.filter(age=1).exists()
    assert Author.objects.filter(age=1).aggregate(n=Count("pk")) == {"n": 0}
    assert (counted.hits, counted.misses) == (0, 4)
    assert list(Author.objects.filter(age=2)) == []
    assert Author.objects.filter(age=2).count() == 0
    assert not Author.objects.filter(age=2).exists()
    assert Author.objects.filter(age=2).aggregate(n=Count("pk")) == {"n": 0}
    assert (counted.hits, counted.misses) == (4, 4)


def test_a_second_insert_update_and_delete_hit(counted):
    for number in range(3):
        made = Author.objects.create(name=f"{number}")
        made.name = "x"
        made.save()
        Author.objects.filter(pk=made.pk).update(age=number)
        Book.objects.filter(pk=number).delete()
    assert counted.hits == 2 * counted.misses


def test_bulk_creation_of_another_number_of_rows_hits(counted):
    Author.objects.bulk_create([Author(name="a"), Author(name="b")])
    misses = counted.misses
    Author.objects.bulk_create([Author(name=str(n)) for n in range(7)])
    assert counted.misses == misses
    assert Author.objects.count() == 9


def test_an_async_verb_uses_the_plans_of_the_sync_one(counted):
    import asyncio

    from dorm.db.connection import close_all_async

    Author.objects.create(name="a")
    assert Author.objects.get(name="a").name == "a"
    hits = counted.hits

    async def body() -> None:
        assert (await Author.objects.aget(name="a")).name == "a"
        await close_all_async()

    asyncio.run(body())
    assert counted.hits == hits + 1


# -- the key -----------------------------------------------------------------------------------------------------------

SECRET = "s3cr3t value"
NUMBER = 918273645


@pytest.mark.parametrize(
    "make",
    [
        lambda: Author.objects.filter(name=SECRET),
        lambda: Author.objects.exclude(name__in=[SECRET, "b"]),
        lambda: Author.objects.filter(Q(name__contains=SECRET) | ~Q(age=NUMBER)),
        lambda: Author.objects.filter(age__range=(NUMBER, NUMBER)),
        lambda: Author.objects.filter(age__gt=F("age") + NUMBER),
        lambda: Author.objects.filter(data__a__b=SECRET),
        lambda: Author.objects.filter(data={"a": SECRET}),
        lambda: Author.objects.filter(pk__in=Book.objects.filter(title=SECRET).values("author")),
        lambda: Author.objects.annotate(x=Value(SECRET)),
        lambda: Author.objects.annotate(x=Coalesce("name", Value(SECRET))).filter(x__startswith=SECRET),
        lambda: Author.objects.annotate(x=Case(When(name=SECRET, then=Value(NUMBER)), default=Value(NUMBER))),
        lambda: Author.objects.annotate(n=Count("books", filter=Q(books__title=SECRET))).filter(n=NUMBER),
        lambda: Author.objects.order_by(Coalesce("name", Value(SECRET))),
        lambda: Author.objects.values_list("pk", x=F("age") + NUMBER),
        lambda: Author.objects.all()[NUMBER : NUMBER + 1],
        lambda: Author.objects.filter(name=SECRET).union(Author.objects.filter(age=NUMBER)),
        lambda: Author.objects.filter(Coalesce("name", Value(SECRET)) == SECRET),
    ],
)
def test_values_never_stand_in_the_key(lite, make):
    values: list[Any] = []
    key = make().state.cache_key(values)
    assert SECRET not in str(key)
    assert not any(isinstance(part, str | int) and part in {SECRET, NUMBER} for part in inside(key))
    hash(key)
    assert any(SECRET in repr(value) or str(NUMBER) in repr(value) for value in values)


@pytest.mark.parametrize("negated", [False, True])
def test_the_length_of_a_list_is_not_in_the_key(lite, negated):
    def rows(length: int) -> Any:
        return (Author.objects.exclude if negated else Author.objects.filter)(age__in=range(length))

    assert shape(rows(1)) == shape(rows(2)) == shape(rows(5000))
    one, many = sql_of(rows(1).state, "default"), sql_of(rows(5000).state, "default")
    assert one[0] == many[0]
    assert len(plans) == 1


def test_the_length_of_a_list_beside_a_json_path_is_not_in_the_key(lite):
    def rows(*items: Any) -> Any:
        return Author.objects.filter(data__a__in=items)

    assert shape(rows(1)) == shape(rows("1")) == shape(rows(1, None, "1", [2], True))
    assert shape(rows(None)) == shape(rows()) != shape(rows(1))


def test_an_empty_list_has_another_shape_and_no_statement(lite):
    assert shape(Author.objects.filter(age__in=[])) != shape(Author.objects.filter(age__in=[1]))
    assert sql_of(Author.objects.filter(age__in=[]).state, "default") == ("", ())


def test_a_list_of_nothing_but_none_is_an_empty_one(lite):
    assert shape(Author.objects.filter(age__in=[None])) == shape(Author.objects.filter(age__in=[]))


DIFFERENT: dict[str, Any] = {
    "all": lambda: Author.objects.all(),
    "value": lambda: Author.objects.filter(name="a"),
    "none": lambda: Author.objects.filter(name=None),
    "isnull": lambda: Author.objects.filter(name__isnull=True),
    "not null": lambda: Author.objects.filter(name__isnull=False),
    "exclude": lambda: Author.objects.exclude(name="a"),
    "other lookup": lambda: Author.objects.filter(name__iexact="a"),
    "other field": lambda: Author.objects.filter(age=1),
    "column": lambda: Author.objects.filter(age=F("id")),
    "and": lambda: Author.objects.filter(Q(name="a") & Q(age=1)),
    "or": lambda: Author.objects.filter(Q(name="a") | Q(age=1)),
    "xor": lambda: Author.objects.filter(Q(name="a") ^ Q(age=1)),
    "not or": lambda: Author.objects.filter(~(Q(name="a") | Q(age=1))),
    "chained": lambda: Author.objects.filter(books__title="a").filter(books__id=1),
    "together": lambda: Author.objects.filter(books__title="a", books__id=1),
    "json text": lambda: Author.objects.filter(data__a="1"),
    "json number": lambda: Author.objects.filter(data__a=1),
    "json truth": lambda: Author.objects.filter(data__a=True),
    "json null": lambda: Author.objects.filter(data__a=None),
    "json list": lambda: Author.objects.filter(data__a=[1]),
    "json in": lambda: Author.objects.filter(data__a__in=[1, "1"]),
    "json in a column": lambda: Author.objects.filter(data__a__in=[1, F("name")]),
    "json range": lambda: Author.objects.filter(data__a__range=(1, 2)),
    "json range of text": lambda: Author.objects.filter(data__a__range=("1", "2")),
    "other key": lambda: Author.objects.filter(data__b="1"),
    "value int": lambda: Author.objects.annotate(x=Value(1)),
    "value float": lambda: Author.objects.annotate(x=Value(1.0)),
    "value bool": lambda: Author.objects.annotate(x=Value(True)),
    "value text": lambda: Author.objects.annotate(x=Value("1")),
    "value none": lambda: Author.objects.annotate(x=Value(None)),
    "value none typed": lambda: Author.objects.annotate(x=Value(None, dorm.IntegerField())),
    "value typed": lambda: Author.objects.annotate(x=Value(1, dorm.FloatField())),
    "value digits": lambda: Author.objects.annotate(x=Value(1, dorm.DecimalField(max_digits=5, decimal_places=1))),
    "value more digits": lambda: Author.objects.annotate(x=Value(1, dorm.DecimalField(max_digits=6, decimal_places=2))),
    "other name": lambda: Author.objects.annotate(y=Value(1)),
    "alias": lambda: Author.objects.alias(x=Value(1)),
    "stated 1": lambda: Author.objects.annotate(x=Stated("age", 1)),
    "stated 2": lambda: Author.objects.annotate(x=Stated("age", 2)),
    "plain": lambda: Author.objects.annotate(x=Plain("age")),
    "negated": lambda: Author.objects.annotate(x=Negated("age")),
    "called": lambda: Author.objects.annotate(x=Func("age", function="abs")),
    "called other": lambda: Author.objects.annotate(x=Func("age", function="sign")),
    "count": lambda: Author.objects.annotate(x=Count("books")),
    "count distinct": lambda: Author.objects.annotate(x=Count("books", distinct=True)),
    "count filter": lambda: Author.objects.annotate(x=Count("books", filter=Q(books__title="a"))),
    "ordered": lambda: Author.objects.order_by("name"),
    "falling": lambda: Author.objects.order_by("-name"),
    "nulls first": lambda: Author.objects.order_by(F("name").asc(nulls_first=True)),
    "nulls last": lambda: Author.objects.order_by(F("name").asc(nulls_last=True)),
    "unordered": lambda: Author.objects.order_by(),
    "reversed": lambda: Author.objects.order_by("name").reverse(),
    "distinct": lambda: Author.objects.distinct(),
    "head": lambda: Author.objects.all()[:3],
    "tail": lambda: Author.objects.all()[3:],
    "middle": lambda: Author.objects.all()[3:6],
    "dicts": lambda: Author.objects.values("name"),
    "tuples": lambda: Author.objects.values_list("name"),
    "flat": lambda: Author.objects.values_list("name", flat=True),
    "named": lambda: Author.objects.values_list("name", named=True),
    "two": lambda: Author.objects.values("name", "age"),
    "only": lambda: Author.objects.only("name"),
    "defer": lambda: Author.objects.defer("name"),
    "lock": lambda: Author.objects.select_for_update(),
    "lock flag": lambda: Author.objects.select_for_update(skip_locked=True),
    "using": lambda: Author.objects.using("second"),
    "union": lambda: Author.objects.order_by("name").union(Author.objects.filter(age=1)),
    "union all": lambda: Author.objects.order_by("name").union(Author.objects.filter(age=1), all=True),
    "difference": lambda: Author.objects.order_by("name").difference(Author.objects.filter(age=1)),
    "other model": lambda: Book.objects.all(),
    "related": lambda: Book.objects.select_related("author"),
    "everything related": lambda: Book.objects.select_related(),
}


def test_what_changes_the_statement_changes_the_key(lite):
    found: dict[Any, str] = {}
    for name, make in DIFFERENT.items():
        key = shape(make())
        assert key not in found, f"{name!r} has the shape of {found[key]!r}"
        found[key] = name


@pytest.mark.parametrize("name", DIFFERENT)
def test_the_same_description_made_twice_has_the_same_key(lite, name):
    assert shape(DIFFERENT[name]()) == shape(DIFFERENT[name]())


def test_another_database_has_plans_of_its_own(lite):
    sql_of(Author.objects.all().state, "default")
    sql_of(Author.objects.all().state, "second")
    assert (plans.hits, plans.misses) == (0, 2)


def test_prefetching_does_not_change_the_key(lite):
    assert shape(Author.objects.all()) == shape(Author.objects.prefetch_related("books"))


def test_bounds_of_a_slice_are_values(lite):
    head = shape(Author.objects.all()[:3])
    assert head == shape(Author.objects.all()[: 10**6])
    assert shape(Author.objects.all()[2:3]) == shape(Author.objects.all()[7:70])
    assert sql_of(Author.objects.all()[2:5].state, "default")[1] == (3, 2)
    assert sql_of(Author.objects.all()[7:70].state, "default")[1] == (63, 7)


def test_a_redefined_model_meets_no_plan_of_its_predecessor(database):
    def define(kind: Any) -> Any:
        return type("Fleeting", (dorm.Model,), {"__module__": __name__, "label": kind})

    first = define(dorm.CharField(max_length=5))
    dorm.create_tables(first)
    first.objects.create(label="7")
    assert first.objects.get(pk=1).label == "7"
    dorm.drop_tables(first)
    second = define(dorm.IntegerField())
    dorm.create_tables(second)
    second.objects.create(label=7)
    found = second.objects.get(pk=1)
    assert (type(found), found.label) == (second, 7)
    dorm.drop_tables(second)


# -- what is never cached ----------------------------------------------------------------------------------------------


def test_a_function_with_hidden_state_is_compiled_each_time(counted):
    Author.objects.create(age=10)
    counted.clear()
    assert [Author.objects.annotate(x=Shifted("age", n)).get().x for n in (1, 2, 3)] == [11, 12, 13]
    assert (counted.hits, counted.misses, counted.uncacheable, len(counted)) == (0, 0, 3, 0)


def test_hidden_state_anywhere_in_the_query_keeps_it_out_of_the_cache(counted):
    author = Author.objects.create(age=10)
    counted.clear()
    for number in (1, 2):
        wanted = Author.objects.annotate(x=Coalesce(Shifted("age", number), 0)).filter(x=10 + number)
        assert list(wanted) == [author]
        assert Book.objects.filter(author__in=wanted).count() == 0
        assert list(Author.objects.order_by(Shifted("age", number))) == [author]
        assert Author.objects.aggregate(s=dorm.Sum(Shifted("age", number))) == {"s": 10 + number}
    assert counted.uncacheable == 8
    assert len(counted) == 0


def test_a_function_with_hidden_state_on_the_left_is_compiled_each_time(counted):
    author = Author.objects.create(age=10)
    counted.clear()
    for number in (1, 2):
        assert list(Author.objects.filter(Shifted("age", number) == 10 + number)) == [author]
        assert list(Author.objects.filter(Shifted("age", number) > 10 + number)) == []


def test_state_that_is_named_is_cached_with_the_state_in_the_key(counted):
    Author.objects.create(age=10)
    counted.clear()
    assert [Author.objects.annotate(x=Stated("age", n)).get().x for n in (1, 2, 1)] == [11, 12, 11]
    assert (counted.hits, counted.misses, counted.uncacheable) == (1, 2, 0)


def test_values_on_the_left_of_a_comparison_are_bound(counted):
    low, high = Author.objects.create(), Author.objects.create(age=5)
    assert list(Author.objects.filter(Coalesce("age", Value(3)) >= 4)) == [high]
    assert list(Author.objects.filter(Coalesce("age", Value(7)) >= 6)) == [low]
    assert list(Author.objects.filter((F("age") + 2).between(7, 8))) == [high]
    assert list(Author.objects.exclude(Coalesce("age", Value(3)) == 3)) == [high]


# -- the size ----------------------------------------------------------------------------------------------------------


class Item:
    def __init__(self) -> None:
        self.used = False


HOME = Registry()


def filled(capacity: int, *keys: Any) -> PlanCache:
    HOME.bump()
    cache = PlanCache(capacity)
    for key in keys:
        cache.put(HOME, key, Item())
    return cache


def test_a_full_cache_drops_what_came_first():
    cache = filled(3, "a", "b", "c", "d")
    assert len(HOME.compiled) == 3
    assert cache.get(HOME, "a") is None
    assert all(cache.get(HOME, key) is not None for key in "bcd")


def test_a_plan_that_was_used_gets_a_second_chance():
    cache = filled(3, "a", "b", "c")
    cache.get(HOME, "a")
    cache.put(HOME, "d", Item())
    assert cache.get(HOME, "b") is None
    assert cache.get(HOME, "a") is not None


def test_a_second_chance_is_given_once():
    cache = filled(3, "a", "b", "c")
    cache.get(HOME, "a")
    for key in "def":
        cache.put(HOME, key, Item())
    assert cache.get(HOME, "a") is None
    assert len(HOME.compiled) == 3


def test_a_cache_whose_plans_are_all_used_still_makes_room():
    cache = filled(2, "a", "b")
    cache.get(HOME, "a")
    cache.get(HOME, "b")
    cache.put(HOME, "c", Item())
    assert len(HOME.compiled) == 2
    assert cache.get(HOME, "c") is not None


def test_a_plan_put_again_replaces_the_old_one():
    cache = filled(3, "a", "b")
    again = Item()
    cache.put(HOME, "b", again)
    assert cache.get(HOME, "b") is again
    assert len(HOME.compiled) == 2


def test_counters_count_and_clear():
    cache = filled(2, "a")
    cache.get(HOME, "a")
    cache.get(HOME, "b")
    assert (cache.hits, cache.misses) == (1, 1)
    cache.clear()
    assert (cache.hits, cache.misses, cache.uncacheable, len(HOME.compiled)) == (0, 0, 0, 0)


def test_the_cache_of_the_process_stays_bounded(lite, monkeypatch):
    monkeypatch.setattr(plans, "capacity", 10)
    for number in range(50):
        sql_of(Author.objects.annotate(**{f"x{number}": F("age")}).state, "default")
    assert len(plans) == 10


def test_other_settings_forget_the_plans(lite):
    sql_of(Author.objects.all().state, "default")
    assert len(plans) == 1
    dorm.configure(USE_TZ=True)
    assert len(plans) == 0
    dorm.configure(USE_TZ=False)


# -- threads -----------------------------------------------------------------------------------------------------------


def test_threads_that_share_a_crowded_cache_get_their_own_rows(database, monkeypatch):
    from dorm.db.connection import close_all

    Author.objects.bulk_create([Author(name=f"n{n}", age=n) for n in range(20)])
    monkeypatch.setattr(plans, "capacity", 4)
    plans.clear()
    start = threading.Barrier(6)

    def work(number: int) -> list[Any]:
        wrong: list[Any] = []
        start.wait()
        for turn in range(30):
            n = (number * 7 + turn) % 20
            results = [
                Author.objects.get(age=n).name,
                Author.objects.values_list("name", flat=True).get(age__in=[n]),
                Author.objects.annotate(**{f"x{turn % 9}": F("age") + number})
                .values_list(f"x{turn % 9}", flat=True)
                .get(age=n)
                - number,
                Author.objects.filter(age__lt=n).count(),
            ]
            if results != [f"n{n}", f"n{n}", n, n]:
                wrong.append((n, results))
        close_all()
        return wrong

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(6))) == [[]] * 6
    assert len(plans) <= 4
