"""``&``, ``|`` and ``^`` of querysets: one condition of two, with slices, with all rows and with none."""

from __future__ import annotations

import pytest

import dorm
from behaviour.cases import keys_are, refused_without_sql, rows_are
from dorm import Count, F


class Hut(dorm.Model):
    name = dorm.CharField(max_length=10)
    beds = dorm.IntegerField(null=True)

    class Meta:
        ordering = ["name"]


class Guest(dorm.Model):
    hut = dorm.ForeignKey(Hut, on_delete=dorm.CASCADE, related_name="guests")


pytestmark = pytest.mark.models([Hut, Guest])
H = Hut.objects


@pytest.fixture
def huts(database):
    made = [H.create(name=name, beds=beds) for name, beds in (("a", 10), ("b", 20), ("c", None), ("d", 20))]
    for hut, guests in zip(made, (2, 0, 1, 1), strict=True):
        for _ in range(guests):
            Guest.objects.create(hut=hut)


def first(low: int, high: int):
    return H.order_by("pk")[low:high]


async def test_all_rows_and_none_are_conditions_too(huts, mode):
    await keys_are(
        mode,
        [
            (lambda: H.all() ^ H.filter(beds__gt=15), [1, 3]),
            (lambda: H.filter(beds__gt=15) ^ H.all(), [1, 3]),
            (lambda: H.all() ^ H.all(), []),
            (lambda: H.exclude(beds__gt=15) ^ H.all(), [2, 4]),
            (lambda: H.all() | H.filter(beds__gt=15), [1, 2, 3, 4]),
            (lambda: H.all() & H.filter(beds__gt=15), [2, 4]),
            (lambda: H.none() | H.filter(pk=1), [1]),
            (lambda: H.none() ^ H.filter(pk=1), [1]),
            (lambda: H.filter(pk=1) ^ H.none(), [1]),
            (lambda: H.filter(pk=1) & H.none(), []),
        ],
    )


async def test_no_rows_go_with_distinct_ones(huts, mode):
    await keys_are(
        mode,
        [
            (lambda: H.distinct() | H.none(), [1, 2, 3, 4]),
            (lambda: H.none() | H.distinct(), [1, 2, 3, 4]),
            (lambda: H.none() ^ H.distinct(), [1, 2, 3, 4]),
            (lambda: H.distinct() & H.none(), []),
            (lambda: H.distinct() & H.filter(beds=20).distinct(), [2, 4]),
        ],
    )


async def test_a_slice_is_combined_by_the_keys_of_its_rows(huts, mode):
    await keys_are(
        mode,
        [
            (lambda: first(0, 1) | first(2, 4), [1, 3, 4]),
            (lambda: first(0, 3) ^ first(1, 4), [1, 4]),
            (lambda: first(0, 2) | H.filter(pk=4), [1, 2, 4]),
            (lambda: H.filter(pk=4) | first(0, 2), [1, 2, 4]),
            (lambda: first(0, 2) ^ H.all(), [3, 4]),
            (lambda: (first(0, 2) | H.filter(pk=4)).filter(beds=20), [2, 4]),
            (lambda: H.order_by("-pk")[:1] | H.filter(pk=1), [1, 4]),
            (lambda: H.distinct()[:1] | H.filter(pk=3), [1, 3]),
            (lambda: H.annotate(n=Count("guests")).order_by("-n")[:1] | H.filter(pk=3), [1, 3]),
        ],
    )
    assert await mode.call(first(0, 2) | H.filter(pk=4), "count") == 3
    await rows_are(
        mode, [(lambda: first(0, 1).values_list("name") | H.filter(pk=4).values_list("name"), [("a",), ("d",)])]
    )


async def test_the_order_is_that_of_the_right_side_where_it_has_one(huts, mode):
    await rows_are(
        mode,
        [
            (lambda: (H.filter(pk__lt=3) | H.filter(pk=4).order_by("-pk")).values_list("pk", flat=True), [4, 2, 1]),
            (lambda: (H.filter(pk__lt=3).order_by("-pk") | H.filter(pk=4)).values_list("pk", flat=True), [4, 2, 1]),
            (lambda: (H.filter(pk__lt=3).order_by("-pk") & H.order_by("pk")).values_list("pk", flat=True), [1, 2]),
        ],
    )


async def test_a_condition_on_an_aggregate_keeps_its_groups(huts, mode):
    several = lambda: H.annotate(n=Count("guests")).filter(n__gt=1)  # noqa: E731
    await keys_are(
        mode,
        [
            (lambda: H.filter(name="b") | several(), [1, 2]),
            (lambda: several() | H.filter(name="b"), [1, 2]),
            (lambda: several() ^ H.filter(pk__lt=3), [2]),
            (lambda: H.filter(pk__lt=3) & several(), [1]),
        ],
    )
    hidden = H.filter(name="b") | H.alias(k=F("beds") + 1).filter(k=11)
    assert [vars(row).get("k") for row in await mode.fetch(hidden)] == [None, None]


def test_what_cannot_be_combined_is_refused(huts, queries):
    refused_without_sql(
        queries,
        TypeError,
        [
            lambda: first(0, 1) & first(2, 3),
            lambda: H.all() & first(2, 3),
            lambda: first(0, 1) & H.all(),
        ],
        "Cannot combine queries once a slice has been taken.",
    )
    refused_without_sql(
        queries,
        TypeError,
        [
            lambda: H.distinct() | H.all(),
            lambda: H.all() & H.distinct(),
            lambda: H.distinct("name") & H.distinct("beds"),
            lambda: H.values("name") | H.values("beds"),
            lambda: H.values("name") & H.all(),
            lambda: H.values("beds").annotate(n=Count("pk"))[:1] | H.values("beds", n=F("pk")),
            lambda: H.all() | Guest.objects.all(),
            lambda: H.all() | 3,
        ],
    )


async def test_reversing_outlives_a_new_order(huts, mode):
    await rows_are(
        mode,
        [
            (lambda: H.reverse().order_by("pk").values_list("pk", flat=True), [4, 3, 2, 1]),
            (lambda: H.reverse().order_by("pk").reverse().values_list("pk", flat=True), [1, 2, 3, 4]),
            (lambda: H.reverse().values_list("pk", flat=True), [4, 3, 2, 1]),
            (lambda: H.reverse().order_by("beds", "-pk").filter(beds=20).values_list("pk", flat=True), [2, 4]),
            (
                lambda: H.filter(pk=1).union(H.filter(pk=2)).reverse().order_by("pk").values_list("pk", flat=True),
                [2, 1],
            ),
        ],
    )
    assert (await mode.call(H.reverse(), "first")).pk == 4
    assert (await mode.call(H.reverse(), "last")).pk == 1


BEDS = H.order_by().values_list("beds")


async def test_a_set_with_a_side_known_to_be_empty_has_no_duplicates(huts, mode):
    for rows in (
        BEDS.union(BEDS.none()),
        BEDS.union(BEDS.filter(pk__in=[])),
        BEDS.none().union(BEDS),
        BEDS.none().union(BEDS, BEDS.none()),
        BEDS.difference(BEDS.none()),
        BEDS.difference(BEDS.filter(pk__in=[])),
        BEDS.union(),
        BEDS.union(BEDS.union(BEDS.none(), all=True)),
    ):
        assert sorted(await mode.fetch(rows.all()), key=str) == [(10,), (20,), (None,)]
        assert await mode.call(rows, "count") == 3
    known = BEDS.filter(beds__isnull=False)
    assert await mode.fetch(known.union(known.none()).order_by("-beds")[:2]) == [(20,), (10,)]
    assert len(await mode.fetch(BEDS.union(BEDS.none(), all=True))) == 4
    assert len(await mode.fetch(BEDS.filter(beds=20)[:2].union(BEDS.none()))) == 1
    assert await mode.fetch(BEDS.none().difference(BEDS)) == []
