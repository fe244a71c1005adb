"""`Q()` is no condition: alone, negated or nested it neither adds nor removes rows."""

from __future__ import annotations

from behaviour.bookshop import Author
from behaviour.cases import keys_are, rows_are
from dorm import Case, Count, Q, Value, When

EVERYBODY = [1, 2, 3, 4, 5, 6, 7, 8]
CASES = [
    (lambda: Author.objects.filter(Q()), EVERYBODY),
    (lambda: Author.objects.filter(~Q()), EVERYBODY),
    (lambda: Author.objects.exclude(Q()), EVERYBODY),
    (lambda: Author.objects.exclude(~Q()), EVERYBODY),
    (lambda: Author.objects.exclude(Q(Q(), ~Q(~Q()))), EVERYBODY),
    (lambda: Author.objects.exclude(Q() | Q(), Q() ^ Q()), EVERYBODY),
    (lambda: Author.objects.exclude(), EVERYBODY),
    (lambda: Author.objects.filter(Q() | Q(age=36)), [1, 3, 7]),
    (lambda: Author.objects.filter(Q(age=36) | Q()), [1, 3, 7]),
    (lambda: Author.objects.filter(~Q() | Q(age=36)), [1, 3, 7]),
    (lambda: Author.objects.filter(Q(age=36) | ~Q()), [1, 3, 7]),
    (lambda: Author.objects.filter(Q(~Q()) | Q(age=36)), [1, 3, 7]),
    (lambda: Author.objects.filter(Q(Q()) ^ Q(age=36)), [1, 3, 7]),
    (lambda: Author.objects.filter(Q() & Q(age=36)), [1, 3, 7]),
    (lambda: Author.objects.filter(~Q() & Q(age=36)), [1, 3, 7]),
    (lambda: Author.objects.filter(Q(Q(), age=36)), [1, 3, 7]),
    (lambda: Author.objects.filter(~Q(), age=36), [1, 3, 7]),
    (lambda: Author.objects.filter(~~Q(), ~Q(Q()), age=36), [1, 3, 7]),
    (lambda: Author.objects.filter(Q(Q() | Q(), age=36)), [1, 3, 7]),
    (lambda: Author.objects.exclude(~Q(), age=36), [2, 4, 5, 6, 8]),
    (lambda: Author.objects.exclude(Q(Q()), age=36), [2, 4, 5, 6, 8]),
    (lambda: Author.objects.filter(~Q(~Q(), age=36)), [2, 4, 5, 6, 8]),
    (lambda: Author.objects.filter(books__title="Alpha").exclude(Q()), [1]),
    (lambda: Author.objects.exclude(Q()).filter(~Q()) | Author.objects.filter(age=36), EVERYBODY),
]
VALUES = [
    (lambda: Author.objects.filter(pk=1).annotate(x=Q(Q())).values_list("x"), [(True,)]),
    (lambda: Author.objects.filter(pk=1).annotate(x=~Q()).values_list("x"), [(True,)]),
    (
        lambda: Author.objects.filter(pk=1).values_list(x=Case(When(~Q(Q()), then=Value(1)), default=Value(2))),
        [(1,)],
    ),
    (lambda: Author.objects.filter(pk=1).annotate(n=Count("books", filter=~Q())).values_list("n"), [(2,)]),
]


async def test_an_empty_q_decides_nothing(shop, mode):
    await keys_are(mode, CASES)


async def test_an_empty_q_is_true_as_a_value(shop, mode):
    await rows_are(mode, VALUES)
