"""What joins several related rows gives a row more than once, wherever rows are counted, aggregated or sliced."""

from __future__ import annotations

import pytest

import dorm
from dorm import Count, F, Max, Q, Sum


class Writer(dorm.Model):
    name = dorm.CharField(max_length=20)
    age = dorm.IntegerField(null=True)
    mentor = dorm.ForeignKey("self", dorm.SET_NULL, null=True, related_name="pupils")


class Essay(dorm.Model):
    title = dorm.CharField(max_length=20)
    score = dorm.IntegerField()
    writer = dorm.ForeignKey(Writer, dorm.CASCADE, related_name="essays")


class Printer(dorm.Model):
    name = dorm.CharField(max_length=20)
    town = dorm.CharField(max_length=20)

    class Meta:
        ordering = ("name",)


pytestmark = pytest.mark.models([Writer, Essay, Printer])
W = Writer.objects


@pytest.fixture
def writers(database):
    ann = W.create(name="Ann", age=40)
    bob = W.create(name="Bob", age=30, mentor=ann)
    W.create(name="Cleo", age=30, mentor=ann)
    W.create(name="Dan", mentor=bob)
    Essay.objects.create(title="a", score=1, writer=ann)
    Essay.objects.create(title="b", score=2, writer=ann)
    Essay.objects.create(title="c", score=1, writer=bob)


TITLE = F("essays__title")
REPEATED = [
    lambda: W.values("name", "essays__title"),
    lambda: W.values_list("name", TITLE),
    lambda: W.values_list("essays__title", flat=True),
    lambda: W.annotate(t=TITLE),
    lambda: W.annotate(t=TITLE).values("name"),
    lambda: W.alias(t=TITLE),
    lambda: W.annotate(t=TITLE).order_by("t"),
    lambda: W.order_by("essays__score"),
    lambda: W.order_by(F("essays__score") + 1),
    lambda: W.order_by("essays__score").distinct(),
    lambda: W.annotate(n=Count("pupils")).order_by("essays__score"),
    lambda: W.annotate(n=Count("pupils")).annotate(t=TITLE),
    lambda: W.annotate(n=Count("pupils")).annotate(t=TITLE).values("name"),
]


async def test_the_number_of_rows_is_the_number_of_rows(writers, mode):
    for build in REPEATED:
        line = f"the case of line {build.__code__.co_firstlineno}"
        assert len(await mode.fetch(build())) == 5, line
        assert await mode.call(build(), "count") == 5, line
        assert await mode.call(build()[:100], "count") == 5, line
        assert await mode.call(build()[1:4], "count") == 3, line
        assert await mode.call(build()[4:], "exists") is True, line
        assert await mode.call(build()[5:], "exists") is False, line
        assert await mode.call(build(), "aggregate", n=Count("pk")) == {"n": 5}, line


async def test_an_order_that_distinct_rows_or_groups_see_counts(writers, mode):
    for rows, number in [
        (W.values("age").order_by("name").distinct(), 4),
        (W.values("age").order_by("age").distinct(), 3),
        (W.values("age").distinct(), 3),
        (W.values("age").annotate(n=Count("pk")).order_by("name"), 4),
        (W.values("age").annotate(n=Count("pk")).order_by("age"), 3),
        (W.order_by("mentor__name").distinct(), 4),
    ]:
        assert len(await mode.fetch(rows.all())) == number
        assert await mode.call(rows.all(), "count") == number
        assert await mode.call(rows.all(), "aggregate", n=Count("*")) == {"n": number}


async def test_a_slice_inside_a_condition_is_the_slice_of_its_rows(writers, mode):
    first = W.annotate(t=TITLE).order_by("pk")[:3]
    assert [row.name for row in await mode.fetch(first)] == ["Ann", "Ann", "Bob"]
    for inner in (first.values("pk"), first):
        assert await mode.fetch(W.filter(pk__in=inner).order_by("pk").values_list("name", flat=True)) == ["Ann", "Bob"]


async def test_aggregates_share_the_relation_that_repeats_the_rows(writers, mode):
    assert await mode.call(W.annotate(t=TITLE), "aggregate", n=Count("essays"), s=Sum("essays__score")) == {
        "n": 3,
        "s": 4,
    }
    assert await mode.call(W.values("name", "essays__title"), "aggregate", a=Sum("age")) == {"a": 140}


def test_a_queryset_that_repeats_nothing_is_counted_without_a_join(writers, queries):
    with queries() as log:
        W.annotate(m=F("mentor__name")).order_by("mentor__name").count()
        W.annotate(t=TITLE).exists()
        W.annotate(t=TITLE).update(age=1)
    assert not any("JOIN" in text for text in log.sql)


async def test_a_slice_is_aggregated_over_its_rows_and_not_over_what_they_join(writers, mode):
    first = W.order_by("name")[:2]
    for rows, aggregates, expected in [
        (first, {"c": Count("essays")}, {"c": 3}),
        (first, {"c": Count("pupils")}, {"c": 3}),
        (first, {"c": Count("essays"), "p": Count("pupils"), "a": Sum("age"), "n": Count("pk")}, {"c": 3, "p": 3, "a": 70, "n": 2}),
        (first, {"c": Count("essays") + Count("pupils") + Sum("age")}, {"c": 76}),
        (first, {"c": Count("essays"), "m": Max("age")}, {"c": 3, "m": 40}),
        (first, {"c": Count("pupils__essays")}, {"c": 1}),
        (first, {"c": Count("essays", filter=Q(essays__score=1))}, {"c": 2}),
        (W.order_by("-name")[:2], {"c": Count("mentor__essays")}, {"c": 3}),
        (W.order_by("-name")[:2], {"c": Count("mentor__essays"), "a": Sum("mentor__age")}, {"c": 3, "a": 70}),
        (W.filter(essays__score=1).order_by("name")[:1], {"c": Count("essays")}, {"c": 1}),
        (W.filter(essays__isnull=False).order_by("essays__score", "pk")[:2], {"c": Count("essays"), "n": Count("pk")}, {"c": 2, "n": 2}),
        (W.values("name").order_by("name")[:1], {"c": Count("essays")}, {"c": 2}),
        (W.order_by("name").distinct()[:2], {"c": Count("essays")}, {"c": 3}),
        (W.order_by("pk").filter(pk=-1)[:2], {"c": Count("essays"), "a": Sum("age")}, {"c": 0, "a": None}),
    ]:  # fmt: skip
        assert await mode.call(rows, "aggregate", **aggregates) == expected, aggregates


async def test_aggregates_of_an_annotation_and_of_a_relation_do_not_multiply_each_other(writers, mode):
    counted = W.annotate(k=Count("essays"))
    for rows, aggregates, expected in [
        (counted, {"c": Count("pupils"), "s": Sum("k")}, {"c": 3, "s": 3}),
        (counted, {"c": Count("essays"), "s": Sum("k")}, {"c": 3, "s": 3}),
        (counted, {"c": Count("pupils")}, {"c": 3}),
        (counted, {"s": Sum(F("k") + F("mentor__age"))}, {"s": 111}),
        (counted, {"s": Sum("mentor__age"), "k": Max("k")}, {"s": 110, "k": 2}),
        (counted.annotate(m=F("mentor__age")), {"s": Sum("m"), "c": Count("pupils")}, {"s": 110, "c": 3}),
        (counted.filter(k__gt=0), {"c": Count("pupils"), "s": Sum("k"), "n": Count("pk")}, {"c": 3, "s": 3, "n": 2}),
        (counted.order_by("-k", "pk")[:1], {"c": Count("pupils"), "s": Sum("k")}, {"c": 2, "s": 2}),
        (counted.order_by("-k", "pk")[:1], {"x": Count("pupils") + Sum("k")}, {"x": 4}),
    ]:
        assert await mode.call(rows, "aggregate", **aggregates) == expected, aggregates


async def test_the_order_of_the_model_keeps_no_equal_values_apart(database, mode):
    for name, town in (("a", "Ulm"), ("b", "Bonn"), ("c", "Ulm")):
        await mode.call(Printer.objects, "create", name=name, town=town)
    towns = Printer.objects.values_list("town", flat=True).distinct()
    assert sorted(await mode.fetch(towns.all())) == ["Bonn", "Ulm"]
    assert await mode.call(towns.all(), "count") == 2
    assert await mode.call(towns.all(), "aggregate", n=Count("*")) == {"n": 2}
    assert len(await mode.fetch(towns[:3])) == 2
    # what is selected sorts, and so does what order_by() asks for
    both = Printer.objects.values_list("town", "name").distinct()
    assert await mode.fetch(both.all()) == [("Ulm", "a"), ("Bonn", "b"), ("Ulm", "c")]
    assert await mode.fetch(Printer.objects.values("name").values_list(F("name")).distinct().reverse()) == [
        ("c",),
        ("b",),
        ("a",),
    ]
    assert await mode.fetch(Printer.objects.values_list("pk", "town").distinct()) != []
    assert await mode.fetch(towns.order_by("name")) == ["Ulm", "Bonn", "Ulm"]
    assert await mode.call(towns.order_by("name"), "count") == 3
