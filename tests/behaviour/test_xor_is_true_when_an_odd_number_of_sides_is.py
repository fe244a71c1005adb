"""Django: `Q(a) ^ Q(b)` and `qs1 ^ qs2` find what one side finds and the other does not; NULL counts as false."""

from __future__ import annotations

from behaviour.bookshop import Author
from behaviour.cases import keys_are
from dorm import Q

CASES = [
    (lambda: Author.objects.filter(Q(age=36) ^ Q(country__name="Norge")), [3, 7]),
    (lambda: Author.objects.exclude(Q(age=36) ^ Q(country__name="Norge")), [1, 2, 4, 5, 6, 8]),
    (lambda: Author.objects.filter(Q(age=36) ^ Q(active=True)), [2, 3, 4, 6, 8]),
    (lambda: Author.objects.filter(Q(age=36) ^ Q(country__name="Norge") ^ Q(active=True)), [1, 2, 3, 4, 6, 8]),
    (lambda: (Author.objects.filter(age=36) ^ Author.objects.filter(pk__in=[1, 2])).order_by("pk"), [2, 3, 7]),
]


async def test_xor_is_true_when_an_odd_number_of_sides_is(shop, mode):
    await keys_are(mode, CASES)
