"""Rows that are no objects stay what they were made to be; plans and references say what they can and cannot."""

from __future__ import annotations

import json

import pytest

import dorm
from behaviour.cases import keys_are, refused_without_sql, rows_are
from dorm import Count, Exists, F, OuterRef


class Site(dorm.Model):
    name = dorm.CharField(max_length=10)


class Cafe(dorm.Model):
    site = dorm.OneToOneField(Site, on_delete=dorm.CASCADE, primary_key=True)
    chairs = dorm.IntegerField()


class Waiter(dorm.Model):
    cafe = dorm.ForeignKey(Cafe, on_delete=dorm.CASCADE, related_name="waiters")
    skills = dorm.ManyToManyField(Site, related_name="skilled")


pytestmark = pytest.mark.models([Site, Cafe, Waiter])
S, C, W = Site.objects, Cafe.objects, Waiter.objects


@pytest.fixture
def cafes(database):
    sites = [S.create(name=name) for name in "pqr"]
    two, three = C.create(site=sites[1], chairs=4), C.create(site=sites[2], chairs=9)
    for cafe, skills in ((two, sites[:2]), (three, sites[1:2])):
        W.create(cafe=cafe).skills.set(skills)
    return database


async def test_one_column_stays_one_column(cafes, mode):
    await rows_are(
        mode,
        [
            (lambda: C.order_by("pk").values_list("chairs", flat=True).annotate(x=F("pk") + 1), [4, 9]),
            (lambda: C.order_by("pk").values_list("chairs", flat=True).annotate(n=Count("waiters")), [4, 9]),
            (lambda: C.values_list("chairs", flat=True).annotate(x=F("pk") + 1).order_by("-x"), [9, 4]),
            (lambda: C.values_list("chairs", flat=True).annotate(x=F("pk") + 1).filter(x__gt=3), [9]),
            (lambda: C.order_by("pk").values_list("chairs").annotate(x=F("pk") + 1), [(4, 3), (9, 4)]),
            (lambda: S.order_by("pk").values_list(flat=True), [1, 2, 3]),
            (lambda: C.order_by("-pk").values_list(flat=True), [3, 2]),
        ],
    )


def test_what_rows_cannot_do_is_refused(cafes, queries):
    refused_without_sql(
        queries,
        TypeError,
        [
            lambda: S.values().only("name"),
            lambda: S.values("name").only("name"),
            lambda: S.values_list("name").only("name"),
            lambda: S.values_list("name", flat=True).defer("name"),
            lambda: S.values().defer("name"),
            lambda: S.values().defer(None),
            lambda: S.values().select_related("cafe"),
        ],
        "after .values() or .values_list()",
    )
    refused_without_sql(queries, ValueError, [lambda: S.values_list("pk", "name", flat=True)], "exactly one field")


async def test_a_key_that_is_a_relation_is_looked_up_among_either_model_s_rows(cafes, mode):
    few = lambda: C.filter(chairs__lt=5)  # noqa: E731
    await keys_are(
        mode,
        [
            (lambda: C.filter(pk__in=C.all()), [2, 3]),
            (lambda: C.filter(pk__in=few()), [2]),
            (lambda: C.filter(site__in=few()), [2]),
            (lambda: C.filter(pk__in=S.filter(name="r")), [3]),
            (lambda: C.filter(site__in=S.filter(name="r")), [3]),
            (lambda: C.exclude(pk__in=few()), [3]),
            (lambda: S.filter(pk__in=few()), [2]),
            (lambda: S.filter(cafe__in=few()), [2]),
            (lambda: S.exclude(pk__in=few()), [1, 3]),
            (lambda: W.filter(cafe__in=few()), [1]),
            (lambda: W.filter(cafe__site__in=few()), [1]),
            (lambda: W.filter(cafe__pk__in=few()), [1]),
            (lambda: C.filter(pk=few()[:1]), [2]),
            (lambda: C.filter(pk__in=[few().get()]) if mode.sync else C.filter(pk__in=[2]), [2]),
        ],
    )


async def test_one_computed_value_is_a_list_of_one(cafes, mode):
    await keys_are(
        mode,
        [
            (lambda: S.filter(Exists(W.filter(skills__in=OuterRef("pk"), cafe__chairs=4))), [1, 2]),
            (lambda: S.filter(Exists(W.filter(skills__in=[OuterRef("pk")], cafe__chairs=4))), [1, 2]),
            (lambda: S.filter(~Exists(W.filter(skills__in=OuterRef("pk")))), [3]),
            (lambda: S.filter(Exists(W.exclude(skills__in=OuterRef("pk")))), [1, 3]),
            (lambda: C.filter(Exists(W.filter(cafe__in=OuterRef("pk"), skills=1))), [2]),
            (lambda: W.filter(pk__in=F("cafe")), []),
            (lambda: W.filter(cafe__in=F("pk") + 1), [1, 2]),
        ],
    )


def test_other_rows_are_no_reference(cafes, queries):
    refused_without_sql(
        queries,
        ValueError,
        [
            lambda: C.filter(pk__in=W.all()),
            lambda: W.filter(cafe__in=W.all()),
            lambda: S.filter(cafe__in=W.all()),
        ],
        'Cannot use QuerySet for "Waiter"',
    )


async def test_a_plan_is_text_in_the_format_that_was_asked_for(cafes, mode):
    rows = S.filter(name="p")
    assert "site" in await mode.call(rows, "explain")
    assert "site" in await mode.call(rows, "explain", format="TEXT")
    assert isinstance(await mode.call(rows, "explain", analyze=True), str)
    if cafes.vendor == "postgresql":
        assert json.loads(await mode.call(rows, "explain", format="json"))[0]["Plan"]["Node Type"] == "Seq Scan"
        measured = json.loads(await mode.call(rows, "explain", format="json", analyze=True))
        assert measured[0]["Plan"]["Actual Rows"] == 1
        assert "<explain" in await mode.call(rows, "explain", format="xml")
        assert "Node Type:" in await mode.call(rows, "explain", format="yaml")
        assert "cost=" not in await mode.call(rows, "explain", costs=False)
        assert "public." in await mode.call(rows, "explain", verbose=True)


def test_options_that_a_database_does_not_have_are_refused(cafes, queries):
    refused_without_sql(
        queries,
        ValueError,
        [lambda: S.all().explain(test=True), lambda: S.all().explain(**{"costs) select 1; --": True})],
        "Unknown options: ",
    )
    refused_without_sql(
        queries, ValueError, [lambda: S.all().explain(format="nope")], "nope is not a recognized format"
    )
    if cafes.vendor == "sqlite":
        refused_without_sql(
            queries, ValueError, [lambda: S.all().explain(costs=False), lambda: S.all().explain(verbose=True)], "SQLite"
        )
        refused_without_sql(queries, ValueError, [lambda: S.all().explain(format="json")], "json is not a recognized")
