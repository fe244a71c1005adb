"""The conditions of one filter() share a join of a multi-valued relation; each further filter() joins anew."""

from __future__ import annotations

from behaviour.bookshop import Author, Book, Club, Country
from behaviour.cases import keys_are
from dorm import F, Q

CASES = [
    (lambda: Country.objects.filter(authors__age=36, authors__name="Ada"), [1]),
    (lambda: Country.objects.filter(authors__age=36, authors__name="Çelik"), []),
    (lambda: Country.objects.filter(authors__age=36).filter(authors__name="Çelik"), [3]),
    (lambda: Author.objects.filter(Q(books__title="Alpha") & Q(books__title="Beta")), []),
    (lambda: Author.objects.filter(books__title="Alpha").filter(books__title="Beta"), [1]),
    (lambda: Author.objects.filter(Q(books__title="Alpha"), Q(books__pages=200)), []),
    (lambda: Book.objects.filter(tags__name="sci", tags__parent=None), [1, 2, 5]),
    (lambda: Book.objects.filter(tags__name="fi", tags__parent=None), []),
    (lambda: Book.objects.filter(tags__name="sci").filter(tags__name="fi"), [1]),
    (lambda: Book.objects.filter(Q(tags__name="sci") | Q(tags__name="fi")), [1, 1, 2, 5]),
    (lambda: Book.objects.filter(coauthors=F("author")), [6]),
    (lambda: Book.objects.filter(coauthors__age=F("author__age")), [6]),
    (lambda: Author.objects.filter(clubs__name="Go", clubs__memberships__role="lead").distinct(), [1, 4]),
    (lambda: Author.objects.filter(memberships__club__name="Go", memberships__role="lead"), [4]),
    (lambda: Club.objects.filter(memberships__role="lead", memberships__author__name="Ada"), [1]),
    (lambda: Club.objects.filter(memberships__role="lead").filter(memberships__author__name="Ada"), [1, 2]),
]


async def test_conditions_of_one_filter_speak_of_one_related_row(shop, mode):
    await keys_are(mode, CASES)
