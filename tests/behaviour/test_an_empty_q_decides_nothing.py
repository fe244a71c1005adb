"""EX-02, OPEN-05: `Q()` is no condition, so it neither adds nor removes rows, wherever it stands; its negation matches nothing."""

from __future__ import annotations

from behaviour.bookshop import Author
from behaviour.cases import keys_are
from dorm import Q

EVERYBODY = [1, 2, 3, 4, 5, 6, 7, 8]
CASES = [
    (lambda: Author.objects.filter(Q()), EVERYBODY),
    (lambda: Author.objects.filter(Q() | Q(age=36)), [1, 3, 7]),
    (lambda: Author.objects.filter(Q(age=36) | Q()), [1, 3, 7]),
    (lambda: Author.objects.filter(Q() & Q(age=36)), [1, 3, 7]),
    (lambda: Author.objects.filter(Q(Q(), age=36)), [1, 3, 7]),
    (lambda: Author.objects.filter(Q(Q() | Q(), age=36)), [1, 3, 7]),
    (lambda: Author.objects.exclude(), EVERYBODY),
]


async def test_an_empty_q_decides_nothing(shop, mode):
    await keys_are(mode, CASES)


async def test_the_negation_of_an_empty_q_matches_nothing(shop, mode):
    assert await mode.call(Author.objects.filter(~Q()), "count") == 0
    assert await mode.call(Author.objects.filter(~Q() | Q(age=36)), "count") == 3
