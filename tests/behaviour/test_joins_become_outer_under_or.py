"""A join that only one side of an OR needs must not drop the rows the other side finds."""

from __future__ import annotations

from behaviour.bookshop import Author, Book, Country
from behaviour.cases import keys_are
from dorm import Q

CASES = [
    (lambda: Author.objects.filter(Q(country__name="Norge") | Q(mentor__name="Ada")), [1, 2, 3]),
    (lambda: Author.objects.filter(Q(country__name="Norge") | ~Q(mentor__name="Ada")), [1, 4, 5, 6, 7, 8]),
    (lambda: Author.objects.filter(~Q(country__name="Norge") | ~Q(mentor__name="Ada")), [1, 2, 3, 4, 5, 6, 7, 8]),
    (lambda: Author.objects.filter(~(Q(country__name="Norge") | Q(mentor__name="Ada"))), [4, 5, 6, 7, 8]),
    (lambda: Author.objects.filter(Q(country__name="Norge") | Q(age=36, profile__score__gt=0)), [1]),
    (lambda: Author.objects.filter(Q(age=61) | Q(country__population__gt=1)).filter(country__name="Perú"), [3, 4]),
    (lambda: Author.objects.filter(Q(age=61) | Q(country__population__gt=1)), [1, 3, 4, 6, 7, 8]),
    (lambda: Country.objects.filter(Q(authors__isnull=True) | Q(publishers__name="Alfa")).distinct(), [1, 5]),
    (lambda: Country.objects.filter(Q(authors__age=36) | Q(publishers__name="Empty")).distinct(), [1, 3, 4]),
    (lambda: Book.objects.filter(Q(sequel__title="Beta") | Q(prequel__title="Gamma")), [1, 5]),
    (lambda: Book.objects.filter(Q(publisher__country__name="Norge") | Q(title="beta")), [1, 3, 4]),
    (lambda: Book.objects.filter(Q(tags__name="love") | Q(pages=400)).distinct(), [4, 5, 7]),
]


async def test_joins_become_outer_under_or(shop, mode):
    await keys_are(mode, CASES)


async def test_a_condition_that_every_row_must_meet_keeps_its_inner_join(shop, mode, queries):
    with queries() as log:
        await mode.fetch(Author.objects.filter(country__name="Norge"))
        await mode.fetch(Author.objects.filter(Q(country__name="Norge") & Q(country__population=5)))
    assert log.containing("OUTER JOIN") == []
    assert all(sql.upper().count(" JOIN ") == 1 for sql in log.sql)
