"""alias() computes for later calls, and takes no place in the result."""

from __future__ import annotations

from behaviour.bookshop import Book
from behaviour.cases import refused_without_sql, rows_are
from dorm import Count, F, FieldError, Sum

CASES = [
    (
        lambda: Book.objects.alias(n=Count("reviews")).filter(n__gt=1).order_by("pk").values_list("title", flat=True),
        ["Alpha", "Gamma"],
    ),
    (
        lambda: Book.objects.alias(n=Count("reviews")).order_by("-n", "pk").values_list("title", flat=True)[:2],
        ["Alpha", "Gamma"],
    ),
    (
        lambda: (
            Book.objects.alias(n=Count("reviews")).annotate(m=F("n") + 1).order_by("pk").values_list("m", flat=True)
        ),
        [4, 2, 2, 3, 2, 2, 1],
    ),
]


async def test_an_alias_is_not_selected(shop, mode):
    await rows_are(mode, CASES)
    book = await mode.call(Book.objects.alias(n=Count("reviews")), "get", n=3)
    assert book.title == "Alpha"
    assert not hasattr(book, "n")


def test_an_alias_must_be_promoted_before_it_is_selected_or_aggregated(shop, queries):
    counted = Book.objects.alias(n=Count("reviews"))
    attempts = [
        lambda: counted.values("n"),
        lambda: counted.values_list("n", flat=True),
        lambda: counted.aggregate(Sum("n")),
    ]
    refused_without_sql(queries, FieldError, attempts, "annotate")
