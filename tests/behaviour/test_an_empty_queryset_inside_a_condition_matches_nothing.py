"""`none()` and empty lists stay empty under OR, NOT, annotations and aggregates."""

from __future__ import annotations

import pytest

from behaviour.bookshop import Author, Book, Review
from behaviour.cases import keys_are, rows_are
from dorm import Case, Coalesce, Count, Exists, Q, Subquery, Sum, Value, When

EVERYBODY = [1, 2, 3, 4, 5, 6, 7, 8]
CASES = [
    (lambda: Author.objects.filter(Q(pk__in=Author.objects.none()) | Q(age=36)), [1, 3, 7]),
    (lambda: Author.objects.filter(Q(pk__in=[]) | Q(age=36)), [1, 3, 7]),
    (lambda: Author.objects.filter(Q(pk__in=Author.objects.none()) & Q(age=36)), []),
    (lambda: Author.objects.exclude(pk__in=Author.objects.none()), EVERYBODY),
    (lambda: Author.objects.exclude(pk__in=[]), EVERYBODY),
    (lambda: Author.objects.exclude(Q(pk__in=[]) | Q(age=36)), [2, 4, 5, 6, 8]),
    (lambda: Author.objects.filter(~Q(pk__in=[]) & Q(age=36)), [1, 3, 7]),
    (lambda: Author.objects.filter(books__in=Book.objects.none()), []),
    (lambda: Author.objects.exclude(books__in=Book.objects.none()), EVERYBODY),
    (lambda: Author.objects.exclude(books__in=[]), EVERYBODY),
    (lambda: Author.objects.filter(Exists(Book.objects.none())), []),
    (lambda: Author.objects.filter(~Exists(Book.objects.none())), EVERYBODY),
    (lambda: Author.objects.exclude(pk__in=[None]), EVERYBODY),
]
nothing = Review.objects.none
VALUES = [
    (lambda: Book.objects.annotate(x=Subquery(nothing().values("stars"))).values_list("x", flat=True), [None] * 7),
    (
        lambda: Book.objects.annotate(x=Coalesce(Subquery(nothing().values("stars")), 5)).values_list("x", flat=True),
        [5] * 7,
    ),
    (lambda: Book.objects.annotate(x=Exists(nothing())).values_list("x", flat=True), [False] * 7),
    (lambda: Book.objects.annotate(x=~Exists(nothing())).values_list("x", flat=True), [True] * 7),
    (lambda: Book.objects.annotate(x=Q(pk__in=[])).values_list("x", flat=True), [False] * 7),
    (lambda: Book.objects.annotate(n=Count("pk", filter=Q(pk__in=[]))).values_list("n", flat=True), [0] * 7),
    (
        lambda: Book.objects.annotate(x=Case(When(pk__in=[], then=Value(1)), default=Value(2))).values_list(
            "x", flat=True
        ),
        [2] * 7,
    ),
]


async def test_an_empty_queryset_inside_a_condition_matches_nothing(shop, mode):
    await keys_are(mode, CASES)


async def test_an_empty_queryset_inside_an_expression_is_null(shop, mode):
    await rows_are(mode, VALUES)


async def test_an_empty_queryset_never_asks_the_database(shop, mode, queries):
    nobody = Author.objects.none().filter(age=1).exclude(name="x").order_by("name").distinct()
    with queries() as log:
        assert await mode.fetch(nobody) == []
        assert await mode.call(nobody, "count") == 0
        assert await mode.call(nobody, "exists") is False
        assert await mode.call(nobody, "first") is None
        assert await mode.call(nobody, "update", age=1) == 0
        assert await mode.call(nobody, "delete") == (0, {})
        assert await mode.call(nobody, "in_bulk", [1, 2]) == {}
        assert await mode.call(nobody, "aggregate", n=Count("pk"), s=Sum("age"), d=Sum("age", default=7)) == {
            "n": 0,
            "s": None,
            "d": 7,
        }
        with pytest.raises(Author.DoesNotExist):
            await mode.call(nobody, "get")
        assert await mode.fetch(Author.objects.filter(pk__in=[])) == []
        assert await mode.fetch(Author.objects.none().values_list("name", flat=True)) == []
    assert log.sql == []
