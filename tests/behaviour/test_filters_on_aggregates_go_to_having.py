"""Conditions on aggregates mix with ordinary ones under AND, OR and NOT, also over joined columns."""

from __future__ import annotations

from behaviour.bookshop import Author, Book
from behaviour.cases import rows_are
from dorm import Avg, Count, F, Max, Q, Sum

counted = Author.objects.annotate(n=Count("books"))
per_author = Book.objects.values("author").annotate(n=Count("pk")).order_by("author")


def keys(queryset):
    return queryset.order_by("pk").values_list("pk", flat=True)


CASES = [
    (lambda: keys(counted.filter(n__gt=1)), [1, 4]),
    (lambda: keys(counted.filter(n=0)), [3, 5, 8]),
    (lambda: keys(counted.exclude(n=0)), [1, 2, 4, 6, 7]),
    (lambda: keys(counted.exclude(n=2, age=36)), [2, 3, 4, 5, 6, 7, 8]),
    (lambda: keys(counted.filter(Q(n__gt=1) | Q(age=36))), [1, 3, 4, 7]),
    (lambda: keys(counted.filter(~(Q(n__gt=1) | Q(age=36)))), [2, 5, 6, 8]),
    (lambda: keys(counted.filter(Q(n__gt=1) & ~Q(age=36) | Q(name="Eve"))), [4, 6]),
    (lambda: keys(counted.filter(Q(n__gt=1) | Q(country__name="Perú"))), [1, 3, 4]),
    (lambda: keys(counted.filter(Q(n=0) | Q(mentor__age=36), active=True)), [2, 8]),
    (lambda: keys(counted.filter(n=F("pk"))), []),
    (lambda: keys(counted.filter(age__gt=F("n") * 20)), [3, 4, 5, 6, 7]),
    (lambda: keys(counted.filter(n__in=[1, 2])), [1, 2, 4, 6, 7]),
    (lambda: keys(counted.filter(n__range=(1, 1))), [2, 6, 7]),
    (lambda: keys(Author.objects.annotate(total=Sum("books__pages")).filter(total=None)), [3, 5, 8]),
    (lambda: keys(Author.objects.annotate(mean=Avg("books__pages")).filter(mean__lt=100)), [4, 6]),
    (lambda: keys(Author.objects.annotate(last=Max("books__published")).filter(last__year__gte=2001)), [1, 4]),
    (lambda: per_author.filter(n__gt=1), [{"author": 1, "n": 2}, {"author": 4, "n": 2}]),
    (
        lambda: per_author.filter(Q(n__gt=1) | Q(author__age=36)),
        [{"author": 1, "n": 2}, {"author": 4, "n": 2}, {"author": 7, "n": 1}],
    ),
    (lambda: per_author.filter(author__age=36), [{"author": 1, "n": 2}, {"author": 7, "n": 1}]),
    (
        lambda: (
            Book.objects.annotate(best=Max("reviews__stars"))
            .filter(reviews__stars=F("best"))
            .order_by("pk")
            .values_list("title", "best")
        ),
        [("Alpha", 5), ("Beta", 3), ("beta", 1), ("Gamma", 5), ("Delta", 2)],
    ),
]


async def test_filters_on_aggregates_go_to_having(shop, mode):
    await rows_are(mode, CASES)


async def test_counting_and_asking_honour_having(shop, mode):
    assert await mode.call(counted.filter(n__gt=1), "count") == 2
    assert await mode.call(counted.filter(n__gt=1), "exists") is True
    assert await mode.call(counted.filter(n__gt=99), "exists") is False
    assert (await mode.call(counted, "get", n=1, name="Eve")).n == 1
    assert await mode.call(per_author.filter(n__gt=1), "count") == 2


async def test_a_second_join_beside_an_aggregate_does_not_multiply_it(shop, mode):
    found = await mode.fetch(counted.filter(Q(n__gt=1) | Q(books__pages=300)).order_by("pk").values_list("pk", "n"))
    assert sorted(set(found)) == [(1, 2), (2, 1), (4, 2)]
