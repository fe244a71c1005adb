"""Two multi-valued relations in one query never give wrong totals silently."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations

import pytest

from behaviour.bookshop import Author, Book, Publisher
from behaviour.cases import rows_are
from dorm import Avg, Count, F, Max, Min, NotSupportedError, Q, Sum

CASES = [
    (
        lambda: Author.objects.annotate(n=Count("books"), r=Count("reviews")).order_by("pk").values_list("n", "r"),
        [(2, 2), (1, 2), (0, 1), (2, 0), (0, 0), (1, 1), (1, 1), (0, 0)],
    ),
    (
        lambda: (
            Author.objects.annotate(p=Sum("books__pages"), s=Sum("reviews__stars"), a=Avg("books__pages"))
            .order_by("pk")
            .values_list("p", "s", "a")[:4]
        ),
        [(300, 6, 150.0), (300, 8, 300.0), (None, 1, None), (150, None, 75.0)],
    ),
    (
        lambda: (
            Publisher.objects.annotate(s=Sum("sale__amount"), b=Count("books"), m=Min("books__title"))
            .order_by("pk")
            .values_list("s", "b", "m")
        ),
        [(50, 2, "Alpha"), (5, 1, "Beta"), (7, 1, "Delta"), (None, 0, None), (None, 1, "Back\\slash")],
    ),
    (
        lambda: (
            Book.objects.annotate(t=Count("tags"), c=Count("coauthors"), r=Max("reviews__stars"))
            .order_by("pk")
            .values_list("t", "c", "r")
        ),
        [(3, 2, 5), (1, 0, 3), (0, 1, 1), (2, 2, 5), (2, 0, 2), (1, 2, None), (0, 0, None)],
    ),
    (
        lambda: (
            Author.objects.annotate(
                big=Count("books", filter=Q(books__pages__gt=100)),
                good=Count("reviews", filter=Q(reviews__stars__gt=3)),
            )
            .order_by("pk")
            .values_list("big", "good")[:2]
        ),
        [(1, 1), (1, 1)],
    ),
    # A filter's join beside the aggregate of another relation.
    (
        lambda: (
            Author.objects.filter(reviews__stars__gt=0)
            .annotate(s=Sum("books__pages"))
            .order_by("pk")
            .values_list("pk", "s")
        ),
        [(1, 300), (2, 300), (3, None), (6, 0)],
    ),
    (
        lambda: (
            Author.objects.annotate(n=Count("students"))
            .filter(n__gt=0, books__isnull=False)
            .distinct()
            .order_by("pk")
            .values_list("pk", "n")
        ),
        [(1, 2), (2, 1), (4, 2)],
    ),
]


async def test_aggregates_over_different_relations_do_not_multiply_each_other(shop, mode):
    await rows_are(mode, CASES)


async def test_aggregate_too_counts_each_relation_by_itself(shop, mode):
    assert await mode.call(Author.objects, "aggregate", b=Count("books"), r=Count("reviews")) == {"b": 7, "r": 7}
    sums = await mode.call(Author.objects, "aggregate", p=Sum("books__pages"), s=Sum("reviews__stars"))
    assert sums == {"p": 1150, "s": 19}


OF_THE_ROW = {
    "years": Sum("age"),
    "twice": Sum(F("age") * 2),
    "mean": Avg("rating"),
    "population": Sum("country__population"),
    "rows": Count("*"),
    "key": Count("pk"),
}
OVER_BOOKS = {
    "long": Count("pk", filter=Q(books__pages__gt=100)),
    "written": Count("books"),
    "pages": Sum("books__pages"),
    "longest": Max("books__pages"),
}
OVER_OTHERS = {
    "reviewed": Count("reviews"),
    "different": Count("reviews__stars", distinct=True),
    "tags": Count("books__tags"),
    "default": Sum("reviews__stars", default=0),
}
ALL = OF_THE_ROW | OVER_BOOKS | OVER_OTHERS


def _annotated(rows, names):
    return rows.annotate(**{name: ALL[name] for name in names}).order_by("pk").values_list("pk", *names)


async def test_every_aggregate_gives_beside_others_what_it_gives_alone(shop, mode):
    """In pairs and all at once, on all rows and on rows that a condition on the row chose."""
    for rows in (Author.objects.all(), Author.objects.filter(age__gt=1)):
        alone = {name: await mode.fetch(_annotated(rows, [name])) for name in ALL}
        for names in [*permutations(OVER_BOOKS | OVER_OTHERS, 2), tuple(ALL), tuple(reversed(ALL))]:
            both = await mode.fetch(_annotated(rows, names))
            for position, name in enumerate(names, 1):
                assert [(row[0], row[position]) for row in both] == alone[name], (name, names)


async def test_beside_one_relation_the_columns_of_the_row_are_summed_over_the_joined_rows(shop, mode):
    """As Django does, whose sums of the row and of one relation add up over the same rows."""
    ada = await mode.call(Author.objects.annotate(a=Sum("age"), p=Sum("books__pages")), "get", name="Ada")
    assert (ada.a, ada.p) == (2 * 36, 300)
    both = Author.objects.annotate(both=Sum("age") + Sum("books__pages"), one=Sum(F("age") + F("books__pages")))
    ada = await mode.call(both, "get", name="Ada")
    assert ada.both == ada.one == 2 * 36 + 300
    assert await mode.call(Author.objects, "aggregate", s=Sum("rating"), n=Count("books")) == {
        "s": Decimal("19.26"),
        "n": 7,
    }


async def test_conditions_and_order_see_the_same_totals(shop, mode):
    both = Author.objects.annotate(a=Sum("age"), n=Count("books"), r=Count("reviews"))
    assert await mode.fetch(both.filter(a=36, n=2).values_list("name", flat=True)) == ["Ada"]
    oldest = both.filter(n__gt=0, a__gt=0).order_by("-a", "pk")
    assert await mode.fetch(oldest.values_list("a", flat=True)[:2]) == [61, 50]
    assert await mode.call(both.filter(a__gt=0), "count") == await mode.call(Author.objects.filter(age__gt=0), "count")
    through = Author.objects.annotate(p=F("books__pages")).annotate(s=Sum("p"), r=Count("reviews"))
    assert await mode.fetch(through.filter(name="Ada").values_list("s", "r").distinct()) == [(300, 2)]


def test_totals_within_groups_that_would_be_multiplied_are_refused(shop):
    """A group of several rows has no place for a subquery per row: an error says so instead of a multiplied total."""
    with pytest.raises(NotSupportedError, match="multiply each other's rows"):
        list(Author.objects.values("country").annotate(b=Count("books"), r=Count("reviews")))
