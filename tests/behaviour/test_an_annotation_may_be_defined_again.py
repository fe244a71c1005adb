"""annotate() may promote an alias and give a name another meaning; what was said before keeps its own."""

from __future__ import annotations

from behaviour.bookshop import Author, Book
from behaviour.cases import rows_are
from dorm import Case, Count, F, Max, Sum, Value, When

PROMOTED = [
    (
        lambda: Book.objects.alias(n=Count("reviews")).annotate(n=F("n")).order_by("pk").values_list("n", flat=True),
        [3, 1, 1, 2, 1, 1, 0],
    ),
    (
        lambda: (
            Book.objects.alias(n=Count("reviews"), t=Count("tags", distinct=True))
            .filter(n__gt=1)
            .annotate(n=F("n"))
            .order_by("pk")
            .values_list("title", "n")
        ),
        [("Alpha", 3), ("Gamma", 2)],
    ),
]
REDEFINED = [
    (lambda: Author.objects.filter(pk=1).annotate(k=F("pk")).annotate(k=F("k") + 1).values("k"), [{"k": 2}]),
    (
        lambda: (
            Book.objects.annotate(k=F("pk")).filter(k__gt=5).annotate(k=Value(0)).order_by("pk").values_list("pk", "k")
        ),
        [(6, 0), (7, 0)],
    ),
    (
        lambda: (
            Book.objects.annotate(k=F("pk"))
            .exclude(k__lt=6)
            .annotate(j=F("k"), odd=Case(When(k=7, then=Value(1)), default=Value(0)))
            .annotate(k=F("k") * -10)
            .annotate(k=F("k") + 1)
            .filter(k__lt=0)
            .order_by("k")
            .values_list("pk", "j", "odd", "k")
        ),
        [(7, 7, 1, -69), (6, 6, 0, -59)],
    ),
    (
        lambda: (
            Book.objects.annotate(n=Count("reviews"))
            .filter(n__gt=1)
            .annotate(n=F("n") * 10)
            .filter(n__gt=25)
            .values_list("title", "n")
        ),
        [("Alpha", 30)],
    ),
    (
        lambda: (
            Book.objects.annotate(k=F("author"))
            .values("k")
            .annotate(n=Count("pk"))
            .annotate(k=F("k") * 2)
            .order_by("k")
            .values_list("k", "n")[:1]
        ),
        [(2, 2)],
    ),
]


async def test_an_alias_is_promoted_under_its_own_name(shop, mode):
    await rows_are(mode, PROMOTED)
    promoted = Book.objects.alias(n=Count("reviews")).annotate(n=F("n"))
    assert await mode.call(promoted, "aggregate", Sum("n"), m=Max("n")) == {"n__sum": 9, "m": 3}
    assert (await mode.call(promoted, "get", pk=1)).n == 3


async def test_conditions_keep_the_meaning_that_a_name_had(shop, mode):
    await rows_are(mode, REDEFINED)


async def test_the_last_definition_is_what_rows_carry(shop, mode):
    rows = Book.objects.annotate(k=F("pk")).annotate(k=F("k") * 2)
    book = await mode.call(rows, "get", pk=3)
    assert book.k == 6
    assert [name for name in vars(book) if name.startswith("k")] == ["k"]
    assert await mode.call(rows.filter(pk__gt=5), "aggregate", Sum("k")) == {"k__sum": 26}
    assert not hasattr(await mode.call(rows.alias(k=F("k")), "get", pk=3), "k")
