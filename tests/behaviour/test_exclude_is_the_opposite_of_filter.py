"""exclude() keeps exactly the rows that filter() with the same conditions does not find, NULLs and joins or not."""

from __future__ import annotations

import pytest

from behaviour.bookshop import Author, Book, Country
from dorm import F, Q

CASES = [
    (Author, Q(age=36), [1, 3, 7]),
    (Author, Q(age=None), [2, 8]),
    (Author, Q(age__gt=36), [4, 6]),
    (Author, Q(age__in=[]), []),
    (Author, Q(age__in=[36, None]), [1, 3, 7]),
    (Author, Q(email__contains="x"), [1, 3, 4, 6, 8]),
    (Author, Q(age=F("country__population")), []),
    (Author, Q(age__lt=F("mentor__age")), [7]),
    (Author, Q(country__population__gt=10), [3, 4, 7, 8]),
    (Author, Q(country__population=None), [2, 5, 6]),
    (Author, Q(mentor__mentor__name="Ada"), [4]),
    (Author, Q(books__title="Alpha"), [1]),
    (Author, Q(books=None), [3, 5, 8]),
    (Author, Q(books__isnull=True), [3, 5, 8]),
    (Author, Q(books__isnull=False), [1, 2, 4, 6, 7]),
    (Author, Q(books__price=None), [1, 3, 5, 6, 8]),
    (Author, Q(books__price__isnull=True), [1, 3, 5, 6, 8]),
    (Author, Q(books__publisher=None), [2, 3, 5, 6, 8]),
    (Author, Q(books__tags__name="sci"), [1, 4]),
    (Author, Q(books__tags__isnull=True), [2, 3, 5, 7, 8]),
    (Author, Q(books__reviews__stars=5), [1, 4]),
    (Author, Q(profile=None), [3, 5, 6, 8]),
    (Author, Q(profile__isnull=False), [1, 2, 4, 7]),
    (Author, Q(profile__badge__isnull=True), [2, 3, 5, 6, 7, 8]),
    (Author, Q(profile__score=None), [2, 3, 5, 6, 8]),
    (Author, Q(profile__score__gt=1), [1, 4]),
    (Author, Q(students__age=36), [1, 4]),
    (Author, Q(memberships__role="lead"), [1, 4]),
    (Author, Q(pk__in=Book.objects.filter(pages=100).values("author")), [1, 4]),
    (Author, Q(pk__in=Author.objects.none()), []),
    (Author, Q(books__in=Book.objects.none()), []),
    (Author, Q(books__in=Book.objects.filter(pages=100)), [1, 4]),
    (Book, Q(tags=None), [3, 7]),
    (Book, Q(tags__parent=None), [1, 2, 3, 4, 5, 7]),
    (Book, Q(coauthors__country=None), [1, 2, 4, 5, 6, 7]),
    (Book, Q(coauthors__age=36), [3, 4]),
    (Book, Q(sequel=None), [2, 3, 5, 6, 7]),
    (Book, Q(prequel__isnull=True), [1, 3, 4, 6, 7]),
    (Book, Q(prequel__title="Alpha"), [2]),
    (Country, Q(authors__books__reviews__stars=5), [1, 3]),
    (Country, Q(authors__books__reviews__stars=None), [1, 2, 3, 4, 5]),
]


@pytest.mark.parametrize("negated", [False, True], ids=["exclude", "filter-not"])
async def test_exclude_is_the_opposite_of_filter(shop, mode, negated):
    for model, condition, found in CASES:
        everything = sorted(await mode.fetch(model.objects.order_by().values_list("pk", flat=True)))
        kept = model.objects.filter(condition).order_by().values_list("pk", flat=True)
        left = model.objects.filter(~condition) if negated else model.objects.exclude(condition)
        assert sorted(set(await mode.fetch(kept))) == found, (model, condition)
        assert sorted(await mode.fetch(left.order_by().values_list("pk", flat=True))) == [
            key for key in everything if key not in found
        ], (model, condition)
