"""Subquery, Exists and OuterRef: correlated, self-correlated, two deep, over relations, in every place."""

from __future__ import annotations

import pytest

from behaviour.bookshop import Author, Book, Review, Tag
from behaviour.cases import keys_are, rows_are
from dorm import Case, Coalesce, Count, Exists, F, FieldError, OuterRef, Q, Subquery, Sum, Value, When


def longest(column="pages"):
    return Subquery(Book.objects.filter(author=OuterRef("pk")).order_by("-pages").values(column)[:1])


own_books = Book.objects.filter(author=OuterRef("pk"))
CONDITIONS = [
    (lambda: Author.objects.filter(Exists(own_books)), [1, 2, 4, 6, 7]),
    (lambda: Author.objects.filter(~Exists(own_books)), [3, 5, 8]),
    (lambda: Author.objects.exclude(Exists(own_books)), [3, 5, 8]),
    (lambda: Author.objects.filter(Exists(own_books) | Q(age=36)), [1, 2, 3, 4, 6, 7]),
    (lambda: Author.objects.filter(Exists(own_books) & ~Exists(Review.objects.filter(reviewer=OuterRef("pk")))), [4]),
    # Self-correlated: somebody else of the same age; the mentor's age.
    (
        lambda: Author.objects.filter(Exists(Author.objects.filter(age=OuterRef("age")).exclude(pk=OuterRef("pk")))),
        [1, 3, 7],
    ),
    (
        lambda: Author.objects.filter(age__lt=Subquery(Author.objects.filter(pk=OuterRef("mentor")).values("age")[:1])),
        [7],
    ),
    (lambda: Author.objects.filter(age=Subquery(Author.objects.filter(pk=OuterRef("mentor")).values("age"))), [3]),
    # Two deep: books reviewed by the person we look for.
    (
        lambda: Author.objects.filter(
            Exists(
                Book.objects.filter(
                    Exists(Review.objects.filter(book=OuterRef("pk"), reviewer=OuterRef(OuterRef("pk"))))
                )
            )
        ),
        [1, 2, 3, 6, 7],
    ),
    (
        lambda: Author.objects.filter(
            Exists(
                own_books.filter(
                    Exists(Review.objects.filter(book=OuterRef("pk"), reviewer__mentor=OuterRef(OuterRef("pk"))))
                )
            )
        ),
        [1, 4],
    ),
    # Relations inside OuterRef.
    (
        lambda: Book.objects.filter(
            Exists(Review.objects.filter(book=OuterRef("pk"), reviewer=OuterRef("author__mentor")))
        ),
        [3],
    ),
    (
        lambda: Book.objects.filter(
            Exists(Review.objects.filter(book=OuterRef("pk"), stars__gt=OuterRef("author__profile__score")))
        ),
        [1, 2, 4],
    ),
    (lambda: Book.objects.filter(Exists(Tag.objects.filter(books=OuterRef("pk"), name="sci"))), [1, 2, 5]),
    (lambda: Book.objects.filter(~Exists(Tag.objects.filter(books=OuterRef("pk")).exclude(name="sci"))), [2, 3, 7]),
    (lambda: Author.objects.annotate(b=longest()).filter(b__gt=100), [1, 2, 7]),
]
VALUES = [
    (
        lambda: Author.objects.annotate(b=longest("title")).order_by("pk").values_list("b", flat=True)[:4],
        ["Beta", "beta", None, "Gamma"],
    ),
    (
        lambda: Author.objects.annotate(b=Coalesce(longest(), 0)).order_by("-b", "pk").values_list("pk", "b")[:3],
        [(7, 400), (2, 300), (1, 200)],
    ),
    (
        lambda: (
            Author.objects.annotate(b=longest())
            .annotate(c=F("b") + F("age"))
            .order_by("pk")
            .values_list("c", flat=True)[:4]
        ),
        [236, None, None, 150],
    ),
    (
        lambda: (
            Author.objects.annotate(p=longest("published"))
            .filter(p__year__gte=2000)
            .order_by("pk")
            .values_list("pk", "p__year")
        ),
        [(1, 2001), (4, 2000)],
    ),
    (
        lambda: Author.objects.order_by(longest().desc(nulls_last=True), "pk").values_list("pk", flat=True),
        [7, 2, 1, 4, 6, 3, 5, 8],
    ),
    (lambda: Author.objects.order_by(Exists(own_books), "pk").values_list("pk", flat=True), [3, 5, 8, 1, 2, 4, 6, 7]),
    (
        lambda: (
            Book.objects.annotate(
                n=Subquery(
                    Review.objects.filter(book=OuterRef("pk")).values("book").annotate(n=Count("pk")).values("n")
                )
            )
            .order_by("pk")
            .values_list("n", flat=True)
        ),
        [3, 1, 1, 2, 1, 1, None],
    ),
    (
        lambda: (
            Book.objects.annotate(n=Count("reviews"), e=Exists(Review.objects.filter(book=OuterRef("pk"), stars__gt=3)))
            .order_by("pk")
            .values_list("n", "e")[:4]
        ),
        [(3, True), (1, False), (1, False), (2, True)],
    ),
    (
        lambda: (
            Book.objects.annotate(
                w=Case(When(Exists(Review.objects.filter(book=OuterRef("pk"))), then=Value("y")), default=Value("n"))
            )
            .order_by("pk")
            .values_list("w", flat=True)
        ),
        ["y", "y", "y", "y", "y", "y", "n"],
    ),
]


async def test_subqueries_select_rows(shop, mode):
    await keys_are(mode, CONDITIONS)


async def test_subqueries_give_values(shop, mode):
    await rows_are(mode, VALUES)


async def test_subqueries_are_aggregated(shop, mode):
    reviewed = Exists(Review.objects.filter(book=OuterRef("pk")))
    assert await mode.call(Book.objects, "aggregate", n=Count("pk", filter=reviewed)) == {"n": 6}
    best = Subquery(
        Review.objects.filter(book=OuterRef("pk"), stars__isnull=False).order_by("-stars").values("stars")[:1]
    )
    assert await mode.call(Book.objects.annotate(best=best), "aggregate", s=Sum("best")) == {"s": 16}


async def test_subqueries_set_columns(shop, mode):
    age = Subquery(Author.objects.filter(pk=OuterRef("author")).values("age"))
    assert await mode.call(Book.objects.filter(author__age__isnull=False), "update", pages=age) == 6
    assert await mode.fetch(Book.objects.order_by("pk").values_list("pages", flat=True)) == [
        36,
        36,
        300,
        50,
        50,
        61,
        36,
    ]
    made = await mode.call(
        Book.objects, "create", title="x", author_id=1, pages=Subquery(Author.objects.filter(pk=4).values("age"))
    )
    assert (await mode.call(Book.objects, "get", pk=made.pk)).pages == 50


async def test_an_outer_reference_needs_something_outside(shop, mode, queries):
    with queries() as log, pytest.raises(ValueError, match="[Ss]ubquery|OuterRef"):
        await mode.fetch(Author.objects.filter(age=OuterRef("pk")))
    assert log.count == 0


counted = Author.objects.annotate(k=Count("books"))
of_that_key = Tag.objects.filter(pk=OuterRef("k"))


async def test_a_subquery_refers_to_an_aggregate_of_its_outer_query(shop, mode):
    await keys_are(
        mode,
        [
            (lambda: counted.filter(Exists(of_that_key)), [1, 2, 4, 6, 7]),
            (lambda: counted.filter(~Exists(of_that_key)), [3, 5, 8]),
            (lambda: counted.filter(Exists(of_that_key) | Q(pk=3)), [1, 2, 3, 4, 6, 7]),
            (lambda: counted.filter(k=2).filter(Exists(of_that_key)), [1, 4]),
            (lambda: counted.annotate(x=Exists(of_that_key)).filter(x=False), [3, 5, 8]),
            (lambda: counted.alias(j=F("k") * 3).filter(Exists(Tag.objects.filter(pk=OuterRef("j")))), [1, 2, 4, 6, 7]),
            (lambda: counted.filter(pk__in=Tag.objects.filter(pk__gte=OuterRef("k")).values("pk")), [2, 3, 4, 5, 6]),
        ],
    )
    named = counted.annotate(t=Subquery(of_that_key.values("name"))).order_by("pk")
    await rows_are(mode, [(lambda: named.values_list("k", "t")[:3], [(2, "fi"), (1, "sci"), (0, None)])])
    assert await mode.call(counted.filter(Exists(of_that_key)), "count") == 5


async def test_an_aggregate_that_a_condition_cannot_see_is_refused(shop, mode, queries):
    with queries() as log:
        for rows in (
            Author.objects.filter(books__pages=100).annotate(k=Count("books")).filter(Exists(of_that_key)),
            Author.objects.values("age").annotate(k=Count("books")).filter(Exists(of_that_key)),
            Author.objects.annotate(k=Count("pk")).filter(Exists(of_that_key)),
        ):
            with pytest.raises(FieldError, match="a subquery cannot see"):
                await mode.fetch(rows)
        for condition in (Q(age=Count("books")), Q(pk=1) | Q(age__lt=Count("books")), ~Q(age=Sum("books__pages"))):
            with pytest.raises(FieldError, match="needs it as an annotation"):
                Author.objects.filter(condition)
    assert log.count == 0
