"""`__in=queryset` is one statement, keeps order and limit, and tells what it cannot take."""

from __future__ import annotations

import pytest

from behaviour.bookshop import Author, Book, Country, Review
from behaviour.cases import keys_are, refused_without_sql
from dorm import Count, Q

CASES = [
    (lambda: Author.objects.filter(pk__in=Book.objects.values("author")), [1, 2, 4, 6, 7]),
    (lambda: Author.objects.filter(pk__in=Book.objects.order_by("-pages").values("author")[:2]), [2, 7]),
    (lambda: Author.objects.filter(books__in=Book.objects.order_by("-pages")[:2]), [2, 7]),
    (lambda: Author.objects.exclude(books__in=Book.objects.order_by("-pages")[:2]), [1, 3, 4, 5, 6, 8]),
    (lambda: Author.objects.filter(mentor__in=Author.objects.filter(age=36)), [2, 3]),
    (lambda: Author.objects.exclude(mentor__in=Author.objects.filter(age=36)), [1, 4, 5, 6, 7, 8]),
    (
        lambda: Author.objects.filter(country__code__in=Country.objects.filter(population__gt=10).values("code")),
        [3, 4, 7, 8],
    ),
    (lambda: Author.objects.filter(pk__in=Author.objects.annotate(n=Count("books")).filter(n__gt=1)), [1, 4]),
    (
        lambda: Author.objects.filter(pk__in=Author.objects.annotate(n=Count("books")).filter(n__gt=1).values("pk")),
        [1, 4],
    ),
    (lambda: Author.objects.filter(Q(pk__in=Book.objects.filter(pages=300).values("author")) | Q(age=17)), [2, 5]),
    (
        lambda: Author.objects.filter(
            pk__in=Author.objects.filter(
                mentor__in=Author.objects.filter(country__in=Country.objects.filter(code="NO"))
            )
        ),
        [2, 3],
    ),
    # NULLs among the values do not empty the opposite.
    (lambda: Author.objects.exclude(pk__in=Review.objects.values("reviewer")), [4, 5, 8]),
    (lambda: Author.objects.exclude(pk__in=Book.objects.values("coauthors")), [3, 5, 7, 8]),
    (lambda: Author.objects.exclude(age__in=Author.objects.filter(pk__gt=1).values("age")), [2, 8]),
    (lambda: Author.objects.filter(pk=Author.objects.order_by("pk").values("pk")[:1]), [1]),
    (lambda: Author.objects.filter(mentor=Author.objects.order_by("pk")[:1]), [2, 3]),
    (
        lambda: Author.objects.filter(
            pk__in=Author.objects.filter(age=36).values("pk").union(Author.objects.filter(age=50).values("pk"))
        ),
        [1, 3, 4, 7],
    ),
]


async def test_a_queryset_is_a_value_of_in(shop, mode, queries):
    with queries() as log:
        await keys_are(mode, CASES)
    assert log.count == len(CASES)


async def test_an_evaluated_queryset_is_still_a_subquery(shop, mode, queries):
    older = Author.objects.filter(age__gt=40)
    await mode.fetch(older)
    with queries() as log:
        assert sorted(book.pk for book in await mode.fetch(Book.objects.filter(author__in=older))) == [4, 5, 6]
    assert log.count == 1
    assert log.sql[0].upper().count("SELECT") == 2


def test_a_queryset_of_another_shape_or_model_is_refused(shop, queries):
    refused_without_sql(
        queries,
        ValueError,
        [
            lambda: Book.objects.filter(author__in=Book.objects.all()),
            lambda: Book.objects.exclude(author__in=Country.objects.filter(code="NO")),
        ],
        "Author",
    )
    with queries() as log, pytest.raises(ValueError, match="one|column"):
        list(Author.objects.filter(pk__in=Author.objects.values("name", "age")))
    assert log.count == 0
