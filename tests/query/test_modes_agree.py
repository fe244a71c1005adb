"""One program text, the same results: sync, async and inline, on both databases."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest

import dorm
from dorm import Avg, Case, Count, Exists, F, Max, Min, OuterRef, Prefetch, Q, Subquery, Sum, Value, When
from dorm.functions import Coalesce, Concat, Lower, Upper


class Press(dorm.Model):
    name = dorm.CharField(max_length=20, unique=True)


class Writer(dorm.Model):
    name = dorm.CharField(max_length=20, unique=True)
    age = dorm.IntegerField(null=True)
    press = dorm.ForeignKey(Press, on_delete=dorm.CASCADE, null=True, related_name="writers")

    class Meta:
        ordering = ["name"]


class Topic(dorm.Model):
    word = dorm.CharField(max_length=20)


class Novel(dorm.Model):
    title = dorm.CharField(max_length=20)
    pages = dorm.IntegerField(default=0)
    day = dorm.DateField(null=True)
    writer = dorm.ForeignKey(Writer, on_delete=dorm.CASCADE, related_name="novels")
    topics = dorm.ManyToManyField(Topic, related_name="novels")


pytestmark = pytest.mark.models([Press, Writer, Topic, Novel])

DAY = datetime.date(2024, 12, 31)


def world() -> None:
    press = Press.objects.create(name="Faber")
    ada, bob, _ = Writer.objects.bulk_create(
        [Writer(name="Ada", age=36, press=press), Writer(name="Bob", age=None), Writer(name="Cy", age=20, press=press)]
    )
    one, two, three = Novel.objects.bulk_create(
        [
            Novel(title="One", pages=100, day=DAY, writer=ada),
            Novel(title="Two", pages=250, day=DAY.replace(year=2023), writer=ada),
            Novel(title="Three", pages=100, writer=bob),
        ]
    )
    sea, war = Topic.objects.bulk_create([Topic(word="sea"), Topic(word="war")])
    one.topics.add(sea, war)
    two.topics.add(sea)
    three.topics.add(war)


def names(rows: list[Any]) -> list[str]:
    return [getattr(row, "name", getattr(row, "title", None)) for row in rows]


def plain(rows: list[Any]) -> list[Any]:
    return [tuple(row) if isinstance(row, tuple) else row for row in rows]


Writers, Novels = Writer.objects, Novel.objects

# label: (queryset, what to make of its rows, the result)
QUERYSETS: dict[str, tuple[Callable[[], Any], Callable[[list[Any]], Any], Any]] = {
    "the manager itself": (lambda: Writers.all(), names, ["Ada", "Bob", "Cy"]),
    "filter": (lambda: Writers.filter(age__gte=20), names, ["Ada", "Cy"]),
    "exclude keeps NULL": (lambda: Writers.exclude(age=36), names, ["Bob", "Cy"]),
    "or promotes": (lambda: Writers.filter(Q(press__name="Faber") | Q(name="Bob")), names, ["Ada", "Bob", "Cy"]),
    "many rows": (lambda: Writers.filter(novels__pages__gte=100), names, ["Ada", "Ada", "Bob"]),
    "distinct": (lambda: Writers.filter(novels__pages__gte=100).distinct(), names, ["Ada", "Bob"]),
    "one call": (lambda: Novels.filter(topics__word="sea", topics__id__lt=2).order_by("id"), names, ["One", "Two"]),
    "two calls": (lambda: Novels.filter(topics__word="sea").filter(topics__word="war"), names, ["One"]),
    "exclude many": (lambda: Novels.exclude(topics__word="war"), names, ["Two"]),
    "reverse absent": (lambda: Writers.filter(novels=None), names, ["Cy"]),
    "in a subquery": (lambda: Writers.filter(novels__in=Novels.filter(pages=250)), names, ["Ada"]),
    "in an empty list": (lambda: Writers.filter(pk__in=[]), names, []),
    "none": (lambda: Writers.none().filter(age=1), names, []),
    "order": (lambda: Writers.order_by(F("age").desc(nulls_last=True)), names, ["Ada", "Cy", "Bob"]),
    "order over a relation": (lambda: Novels.order_by("-writer__name", "pages", "id"), names, ["Three", "One", "Two"]),
    "reverse": (lambda: Writers.reverse(), names, ["Cy", "Bob", "Ada"]),
    "slice": (lambda: Writers.all()[1:3], names, ["Bob", "Cy"]),
    "slice of a slice": (lambda: Writers.all()[1:][1:2], names, ["Cy"]),
    "date part": (lambda: Novels.filter(day__year=2024), names, ["One"]),
    "dicts": (
        lambda: Novels.order_by("id").values("title", "writer__name"),
        plain,
        [
            {"title": "One", "writer__name": "Ada"},
            {"title": "Two", "writer__name": "Ada"},
            {"title": "Three", "writer__name": "Bob"},
        ],
    ),
    "tuples": (lambda: Writers.values_list("name", "age"), plain, [("Ada", 36), ("Bob", None), ("Cy", 20)]),
    "flat": (lambda: Writers.values_list("age", flat=True), plain, [36, None, 20]),
    "named": (
        lambda: Writers.values_list("name", named=True),
        lambda rows: [row.name for row in rows],
        ["Ada", "Bob", "Cy"],
    ),
    "computed": (lambda: Novels.order_by("id").values_list(x=F("pages") + 1), plain, [(101,), (251,), (101,)]),
    "annotation": (
        lambda: Writers.annotate(n=Count("novels")),
        lambda rows: [(row.name, row.n) for row in rows],
        [("Ada", 2), ("Bob", 1), ("Cy", 0)],
    ),
    "having": (lambda: Writers.annotate(n=Count("novels")).filter(n__gte=1, age=36), names, ["Ada"]),
    "two aggregates": (
        lambda: Writers.annotate(n=Count("novels__topics"), total=Sum("novels__pages")),
        lambda rows: [(row.n, row.total) for row in rows],
        [(3, 350), (1, 100), (0, None)],
    ),
    "groups": (
        lambda: Novels.values("pages").annotate(n=Count("pk")).order_by("pages"),
        plain,
        [{"pages": 100, "n": 2}, {"pages": 250, "n": 1}],
    ),
    "alias": (lambda: Writers.alias(n=Count("novels")).filter(n=0), names, ["Cy"]),
    "case": (
        lambda: Writers.annotate(x=Case(When(age__gt=30, then=Value("old")), default=Lower("name"))),
        lambda rows: [row.x for row in rows],
        ["old", "bob", "cy"],
    ),
    "functions": (
        lambda: Writers.values_list(Upper("name"), Coalesce("age", 0), Concat("name", Value("-"), "press__name")),
        plain,
        [("ADA", 36, "Ada-Faber"), ("BOB", 0, "Bob-"), ("CY", 20, "Cy-Faber")],
    ),
    "subquery": (
        lambda: Writers.annotate(
            best=Subquery(Novels.filter(writer=OuterRef("pk")).order_by("-pages").values("title")[:1])
        ).values_list("best", flat=True),
        plain,
        ["Two", "Three", None],
    ),
    "exists": (lambda: Writers.filter(~Exists(Novels.filter(writer=OuterRef("pk")))), names, ["Cy"]),
    "select_related": (
        lambda: Novels.select_related("writer__press").order_by("id"),
        lambda rows: [(row.writer.name, row.writer.press and row.writer.press.name) for row in rows],
        [("Ada", "Faber"), ("Ada", "Faber"), ("Bob", None)],
    ),
    "only": (lambda: Novels.only("title").order_by("id"), names, ["One", "Two", "Three"]),
    "raw-like values": (
        lambda: Novels.order_by("id").values_list("day", flat=True),
        plain,
        [DAY, DAY.replace(year=2023), None],
    ),
    "union": (
        lambda: Writers.filter(age=36).union(Writers.filter(age=20)).order_by("-name"),
        names,
        ["Cy", "Ada"],
    ),
    "difference": (lambda: Writers.all().difference(Writers.filter(age=36)).order_by("name"), names, ["Bob", "Cy"]),
    "intersection": (lambda: Writers.filter(age__gt=1).intersection(Writers.filter(age__lt=30)), names, ["Cy"]),
    "either queryset": (lambda: Writers.filter(age=36) | Writers.filter(age=20), names, ["Ada", "Cy"]),
}


async def test_every_way_to_evaluate_gives_the_same_rows(database, mode):
    world()
    wrong: list[Any] = []
    for label, (make, read, wanted) in QUERYSETS.items():
        ways = {
            "at once": read(await mode.fetch(make())),
            "row by row": read(await mode.iterate(make())),
            "streamed": read(await mode.stream(make(), chunk_size=2)),
            "count": await mode.call(make(), "count"),
            "exists": await mode.call(make(), "exists"),
        }
        expected = {**dict.fromkeys(ways, wanted), "count": len(wanted), "exists": bool(wanted)}
        wrong += [(label, way, found) for way, found in ways.items() if found != expected[way]]
        cached = make()
        first = await mode.fetch(cached)
        if read(await mode.iterate(cached)) != wanted or await mode.call(cached, "count") != len(first):
            wrong.append((label, "cached"))
    assert wrong == []


async def test_prefetched_relations_arrive_in_every_mode(database, mode, queries):
    world()
    wanted = Prefetch("novels", Novels.filter(pages=100).order_by("title"), to_attr="short")
    with queries() as log:
        rows = await mode.fetch(Writers.prefetch_related(wanted, "novels__topics"))
        found = [
            (
                row.name,
                names(row.short),
                [sorted(topic.word for topic in novel.topics.all()) for novel in row.novels.all()],
            )
            for row in rows
        ]
    assert [(name, short, sorted(words)) for name, short, words in found] == [
        ("Ada", ["One"], [["sea"], ["sea", "war"]]),
        ("Bob", ["Three"], [["war"]]),
        ("Cy", [], []),
    ]
    assert log.count == 4


# verb, its queryset, arguments, what to make of the result, the result
READS: list[tuple[str, Callable[[], Any], tuple[Any, ...], dict[str, Any], Callable[[Any], Any], Any]] = [
    ("get", lambda: Writers, (), {"name": "Ada"}, lambda row: row.age, 36),
    ("get", lambda: Writers, (Q(age=20),), {}, lambda row: row.name, "Cy"),
    ("get_or_none", lambda: Writers, (), {"name": "Nobody"}, lambda row: row, None),
    ("first", lambda: Writers, (), {}, lambda row: row.name, "Ada"),
    ("last", lambda: Writers, (), {}, lambda row: row.name, "Cy"),
    ("first", lambda: Writers.filter(age=1), (), {}, lambda row: row, None),
    ("latest", lambda: Novels.filter(day__isnull=False), ("day",), {}, lambda row: row.title, "One"),
    ("earliest", lambda: Novels.filter(day__isnull=False), ("day",), {}, lambda row: row.title, "Two"),
    ("count", lambda: Novels.filter(topics__word="sea"), (), {}, int, 2),
    ("exists", lambda: Writers.filter(age__gt=99), (), {}, bool, False),
    (
        "aggregate",
        lambda: Novels,
        (),
        {"n": Count("pk"), "most": Max("pages"), "least": Min("day"), "mean": Avg("pages"), "total": Sum("pages")},
        dict,
        {"n": 3, "most": 250, "least": DAY.replace(year=2023), "mean": 150.0, "total": 450},
    ),
    ("aggregate", lambda: Novels.order_by("id")[:2], (Sum("pages"),), {}, dict, {"pages__sum": 350}),
    ("in_bulk", lambda: Writers, (["Ada", "Zed"],), {"field_name": "name"}, lambda found: {k: v.age for k, v in found.items()}, {"Ada": 36}),
    ("values", lambda: Writers.filter(age=36), ("name",), {}, list, [{"name": "Ada"}]),
    ("values_list", lambda: Writers, ("name",), {"flat": True}, list, ["Ada", "Bob", "Cy"]),
    ("raw", lambda: Writers, ("SELECT * FROM test_modes_agree_writer WHERE age > %s", [30]), {}, names, ["Ada"]),
]  # fmt: skip


async def test_reading_verbs_agree(database, mode):
    world()
    wrong = []
    for verb, target, args, kwargs, read, wanted in READS:
        found = read(await mode.call(target(), verb, *args, **kwargs))
        if found != wanted:
            wrong.append((verb, found, wanted))
    assert wrong == []
    ada = await mode.call(Writers, "get", name="Ada")
    assert await mode.call(Writers.filter(age=36), "contains", ada) is True
    assert await mode.call(Writers.filter(age=20), "contains", ada) is False
    assert "novel" in (await mode.call(Novels.filter(pages=1), "explain")).lower()


async def test_reading_verbs_fail_alike(database, mode):
    world()
    with pytest.raises(Writer.DoesNotExist, match="Writer matching query does not exist"):
        await mode.call(Writers, "get", name="Nobody")
    with pytest.raises(Writer.MultipleObjectsReturned, match="more than one Writer"):
        await mode.call(Writers, "get", press__name="Faber")
    with pytest.raises(Writer.MultipleObjectsReturned):
        await mode.call(Writers, "get_or_none", age__gt=1)
    with pytest.raises(Novel.DoesNotExist):
        await mode.call(Novels.filter(pages=1), "latest", "day")
    with pytest.raises(ValueError, match="unique"):
        await mode.call(Writers, "in_bulk", [1], field_name="age")


async def test_writing_verbs_agree(database, mode):
    world()
    made = await mode.call(Writers, "create", name="Dot", age=1)
    assert (made.pk, await mode.call(Writers, "count")) == (4, 4)
    again, created = await mode.call(Writers, "get_or_create", name="Dot", defaults={"age": lambda: 99})
    assert (again.age, created) == (1, False)
    eve, created = await mode.call(Writers, "get_or_create", name="Eve", defaults={"age": lambda: 99})
    assert (eve.age, created) == (99, True)
    existed, found = await mode.call(Writers, "exists_or_create", name="Eve")
    assert (existed, found) == (True, eve)
    eve, created = await mode.call(Writers, "update_or_create", name="Eve", defaults={"age": 98})
    assert (eve.age, created) == (98, False)
    fay, created = await mode.call(
        Writers, "update_or_create", name="Fay", defaults={"age": 1}, create_defaults={"age": 5}
    )
    assert (fay.age, created) == (5, True)
    assert await mode.call(Writers.filter(name__in=["Eve", "Fay"]), "update", age=F("age") + 1) == 2
    assert await mode.call(Writers.values_list("age", flat=True), "get", name="Fay") == 6
    eve.age = 50
    await mode.call(eve, "save")
    await mode.call(fay, "refresh_from_db")
    assert fay.age == 6
    rows = await mode.call(Writers, "bulk_create", [Writer(name="Gus"), Writer(name="Hal")])
    assert [row.pk for row in rows] == [rows[0].pk, rows[0].pk + 1]
    for row in rows:
        row.age = row.pk
    assert await mode.call(Writers, "bulk_update", rows, ["age"]) == 2
    upserted = await mode.call(Writers, "upsert", [Writer(name="Hal", age=7), Writer(name="Ida", age=8)], ["name"])
    assert [row.name for row in upserted] == ["Hal", "Ida"]
    assert upserted[0].pk == rows[1].pk
    assert await mode.call(eve, "delete") == (1, {"test_modes_agree.Writer": 1})
    total, numbers = await mode.call(Writers.filter(name="Ada"), "delete")
    assert (total, numbers["test_modes_agree.Novel"], numbers["test_modes_agree.Writer"]) == (
        3,
        2,
        1,
    )  # junction rows go uncounted
    assert await mode.fetch(Writers.values_list("name", "age")) == [
        ("Bob", None), ("Cy", 20), ("Dot", 1), ("Fay", 6), ("Gus", rows[0].pk), ("Hal", 7), ("Ida", 8),
    ]  # fmt: skip


async def test_related_managers_agree(database, mode):
    world()
    ada = await mode.call(Writers, "get", name="Ada")
    assert await mode.call(ada.novels, "count") == 2
    four = await mode.call(ada.novels, "create", title="Four", pages=4)
    assert four.writer_id == ada.pk
    assert names(await mode.fetch(ada.novels.order_by("pages"))) == ["Four", "One", "Two"]
    sea = await mode.call(Topic.objects, "get", word="sea")
    await mode.call(four.topics, "add", sea)
    assert await mode.call(sea.novels, "count") == 3
    await mode.call(four.topics, "set", [])
    assert await mode.call(four.topics, "exists") is False
    await mode.call(sea.novels, "clear")
    assert await mode.call(Topic.objects.filter(novels=None), "count") == 1


async def test_a_transaction_that_fails_leaves_nothing_in_every_mode(database, mode):
    world()
    with pytest.raises(RuntimeError):
        async with mode.atomic():
            await mode.call(Writers, "create", name="Zed")
            assert await mode.call(Writers, "count") == 4
            raise RuntimeError
    assert await mode.call(Writers, "count") == 3
