"""`Q(rel__a=…) & ~Q(rel__b=…)` in one filter() asks for one related row that has a and has not b, as in Django."""

from __future__ import annotations

from behaviour.bookshop import Author, Book, Club
from behaviour.cases import keys_are
from dorm import F, Q

CASES = [
    (lambda: Author.objects.filter(Q(books__pages=100) & ~Q(books__pages=200)), [1, 4]),
    (lambda: Author.objects.filter(Q(books__pages=100), ~Q(books__pages=200)), [1, 4]),
    (lambda: Author.objects.filter(books__pages=100).filter(~Q(books__pages=200)), [4]),
    (lambda: Author.objects.filter(books__pages=100).exclude(books__pages=200), [4]),
    # what it is compared with may be any of several rows
    (lambda: Author.objects.filter(Q(books__pages=100) & ~Q(books__pages__gt=F("clubs__pk") + 150)), [1, 4]),
    (lambda: Author.objects.filter(books__pages=100).filter(~Q(books__pages__gt=F("clubs__pk") + 150)), [4]),
]


async def test_a_negated_condition_beside_a_positive_one_speaks_of_the_same_row(shop, mode):
    await keys_are(mode, CASES)


async def test_a_related_manager_excludes_by_its_own_link(shop, mode):
    chess = await mode.call(Club.objects, "get", name="Chess")
    alpha = await mode.call(Book.objects, "get", title="Alpha")
    # Çelik leads the other club, and is a plain member of this one.
    ordinary = chess.members.exclude(memberships__role="lead").order_by("pk")
    assert [one.name for one in await mode.fetch(ordinary)] == ["Bob", "Çelik"]
    leading = chess.members.filter(memberships__role="lead")
    assert [one.name for one in await mode.fetch(leading)] == ["Ada"]
    # Beside this book `sci` has one of 200 pages; the link in question is the one to Alpha.
    tags = alpha.tags.exclude(books__pages=200).order_by("pk")
    assert [one.name for one in await mode.fetch(tags)] == ["sci", "fi", "space"]
