"""`values(…).annotate(…)` groups by exactly the values listed, be they columns, paths, transforms or expressions."""

from __future__ import annotations

import datetime as dt

from behaviour.bookshop import Author, Book, Item, Sale
from behaviour.cases import rows_are
from dorm import Case, Count, Exists, F, Max, OuterRef, Q, Sum, Value, When
from dorm.functions import ExtractYear, Lower, TruncMonth

YEARS = [(1999, 1), (2020, 2), (2021, 2), (2024, 1)]
joined = Author.objects.filter(joined__isnull=False)
CASES = [
    (
        lambda: Author.objects.filter(age__isnull=False).values_list("age").annotate(n=Count("pk")).order_by("age"),
        [(17, 1), (36, 3), (50, 1), (61, 1)],
    ),
    (
        lambda: (
            Author.objects.filter(country__isnull=False)
            .values("country__code")
            .annotate(n=Count("pk"))
            .order_by("country__code")
        ),
        [
            {"country__code": "FR", "n": 2},
            {"country__code": "IE", "n": 1},
            {"country__code": "NO", "n": 1},
            {"country__code": "PE", "n": 2},
        ],
    ),
    (lambda: joined.values_list("joined__year").annotate(n=Count("pk")).order_by("joined__year"), YEARS),
    (lambda: joined.values(y=F("joined__year")).annotate(n=Count("pk")).order_by("y").values_list("y", "n"), YEARS),
    (lambda: joined.annotate(y=ExtractYear("joined")).values_list("y").annotate(n=Count("pk")).order_by("y"), YEARS),
    (
        lambda: (
            joined.filter(joined__year=2021).annotate(m=TruncMonth("joined")).values_list("m").annotate(n=Count("pk"))
        ),
        [(dt.datetime(2021, 2, 1), 2)],
    ),
    (
        lambda: (
            Author.objects.annotate(l=Lower("name")).values_list("l").annotate(n=Count("pk")).order_by("-n", "l")[:3]
        ),
        [("bob", 2), ("çelik", 2), ("ada", 1)],
    ),
    (
        lambda: Book.objects.annotate(big=Q(pages__gt=100)).values("big").annotate(n=Count("pk")).order_by("big"),
        [{"big": False, "n": 4}, {"big": True, "n": 3}],
    ),
    (
        lambda: (
            Book.objects.annotate(size=Case(When(pages__gt=100, then=Value("big")), default=Value("small")))
            .values_list("size")
            .annotate(n=Count("pk"), p=Sum("pages"))
            .order_by("size")
        ),
        [("big", 3, 900), ("small", 4, 250)],
    ),
    (
        lambda: (
            Book.objects.annotate(tagged=Exists(Book.tags.through.objects.filter(book=OuterRef("pk"))))
            .values_list("tagged")
            .annotate(n=Count("pk"))
            .order_by("tagged")
        ),
        [(False, 2), (True, 5)],
    ),
    (
        lambda: (
            Book.objects.values_list("author__country__name")
            .filter(author__country__isnull=False)
            .annotate(n=Count("pk"), p=Sum("pages"))
            .order_by("-n", "author__country__name")
        ),
        [("Norge", 2, 300), ("Perú", 2, 150), ("Île", 1, 400)],
    ),
    (
        lambda: (
            Book.objects.filter(tags__isnull=False)
            .values_list("tags__name")
            .annotate(n=Count("pk"))
            .order_by("-n", "tags__name")[:2]
        ),
        [("sci", 3), ("love", 2)],
    ),
    (lambda: Book.objects.annotate(c=Value("x")).values("c").annotate(n=Count("pk")), [{"c": "x", "n": 7}]),
    (
        lambda: Sale.objects.values_list("publisher").annotate(s=Sum("amount"), t=Sum("took")).order_by("publisher"),
        [
            (1, 50, dt.timedelta(hours=1, microseconds=5)),
            (2, 5, dt.timedelta(days=2, seconds=3)),
            (3, 7, dt.timedelta(0)),
        ],
    ),
    # values() after annotate() only chooses columns: the groups are the objects.
    (
        lambda: Author.objects.annotate(n=Count("books")).values_list("active", "n").order_by("pk"),
        [(True, 2), (True, 1), (False, 0), (True, 2), (False, 0), (True, 1), (True, 1), (True, 0)],
    ),
    # A name that is only ordered by becomes part of the group, Meta.ordering does not.
    (
        lambda: Item.objects.values_list("rank").annotate(n=Count("pk")).order_by("rank"),
        [(1, 1), (2, 2), (3, 2), (9, 1)],
    ),
    (lambda: Item.objects.values_list("rank").annotate(n=Count("pk")).filter(n=2).order_by("rank"), [(2, 2), (3, 2)]),
    (
        lambda: Author.objects.filter(age=36).values_list("age").annotate(n=Count("pk")).order_by("name"),
        [(36, 1), (36, 1), (36, 1)],
    ),
    (
        lambda: Author.objects.values_list("active").annotate(n=Count("pk")).annotate(d=F("n") * 10).order_by("active"),
        [(False, 2, 20), (True, 6, 60)],
    ),
]


async def test_values_before_annotate_say_what_is_grouped(shop, mode):
    await rows_are(mode, CASES)


async def test_meta_ordering_does_not_split_the_groups(shop, mode):
    groups = await mode.fetch(Item.objects.values("rank").annotate(n=Count("pk")))
    assert sorted((group["rank"], group["n"]) for group in groups) == [(1, 1), (2, 2), (3, 2), (9, 1)]


async def test_groups_can_be_counted_and_aggregated_again(shop, mode):
    groups = Author.objects.values("country").annotate(n=Count("pk"))
    assert await mode.call(groups, "count") == 5
    assert await mode.call(groups.filter(n__gt=1), "count") == 3
    assert await mode.call(groups, "aggregate", most=Max("n"), all=Sum("n")) == {"most": 2, "all": 8}
    assert await mode.call(groups.order_by("n", "country"), "exists") is True
    assert await mode.call(Author.objects.values("active").annotate(n=Count("pk")), "get", active=True) == {
        "active": True,
        "n": 6,
    }
