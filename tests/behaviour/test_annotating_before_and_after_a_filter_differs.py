"""Django: `annotate().filter()` aggregates over everything, `filter().annotate()` over what the filter left."""

from __future__ import annotations

from behaviour.bookshop import Author, Book
from behaviour.cases import rows_are
from dorm import Count, Sum

CASES = [
    (
        lambda: (
            Author.objects.filter(books__pages__gt=50)
            .annotate(n=Count("books"), s=Sum("books__pages"))
            .order_by("pk")
            .values_list("pk", "n", "s")
        ),
        [(1, 2, 300), (2, 1, 300), (4, 1, 100), (7, 1, 400)],
    ),
    (
        lambda: (
            Author.objects.annotate(n=Count("books")).filter(books__pages=100).order_by("pk").values_list("pk", "n")
        ),
        [(1, 2), (4, 2)],
    ),
    (
        lambda: Book.objects.filter(tags__name="sci").annotate(n=Count("tags")).order_by("pk").values_list("pk", "n"),
        [(1, 1), (2, 1), (5, 1)],
    ),
    (
        lambda: Book.objects.annotate(n=Count("tags")).filter(tags__name="sci").order_by("pk").values_list("pk", "n"),
        [(1, 3), (2, 1), (5, 2)],
    ),
    (
        lambda: (
            Book.objects.values("author")
            .filter(pages__gt=100)
            .annotate(n=Count("pk"))
            .order_by("author")
            .values_list("author", "n")
        ),
        [(1, 1), (2, 1), (7, 1)],
    ),
]


async def test_annotating_before_and_after_a_filter_differs(shop, mode):
    await rows_are(mode, CASES)
