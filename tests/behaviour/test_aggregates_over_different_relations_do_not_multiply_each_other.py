"""AG-07: two multi-valued relations in one query never give wrong totals silently."""

from __future__ import annotations

import pytest

from behaviour.bookshop import Author, Book, Publisher
from behaviour.cases import rows_are
from dorm import Avg, Count, Max, Min, Q, Sum

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


@pytest.mark.xfail(
    reason="annotate() still multiplies a sum over the row itself by the rows of a joined relation", strict=False
)
async def test_a_column_of_the_row_itself_is_summed_once_beside_a_relation(shop, mode):
    sums = await mode.call(Book.objects, "aggregate", s=Sum("pages"), n=Count("tags", distinct=True))
    assert sums == {"s": 1150, "n": 6}
    ada = await mode.call(Author.objects.annotate(a=Sum("age"), n=Count("books")), "get", name="Ada")
    assert (ada.a, ada.n) == (36, 2)
