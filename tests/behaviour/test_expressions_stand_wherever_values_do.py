"""Expressions in order_by, values, create, update, and the defaults of get_or_create."""

from __future__ import annotations

from behaviour.bookshop import Author, Book, Country
from behaviour.cases import rows_are
from dorm import Case, Concat, F, Lower, Q, Upper, Value, When
from dorm.functions import Length

CASES = [
    (
        lambda: Book.objects.order_by(Case(When(title="Gamma", then=0), default=1), "pk").values_list("pk", flat=True)[
            :2
        ],
        [4, 1],
    ),
    (
        lambda: Book.objects.order_by(Lower("title"), "pk").values_list("title", flat=True)[1:5],
        ["Alpha", "Back\\slash", "Beta", "beta"],
    ),
    (lambda: Book.objects.order_by(-F("pages"), "pk").values_list("pages", flat=True)[:3], [400, 300, 200]),
    (
        lambda: Book.objects.order_by(F("price").desc(nulls_last=True), "pk").values_list("pk", flat=True),
        [7, 1, 4, 3, 5, 2, 6],
    ),
    (
        lambda: Book.objects.order_by(F("price").asc(nulls_first=True), "pk").values_list("pk", flat=True),
        [2, 6, 5, 3, 1, 4, 7],
    ),
    (
        lambda: Book.objects.order_by(F("author__country__name").asc(nulls_last=True), "pk").values_list(
            "pk", flat=True
        ),
        [1, 2, 4, 5, 7, 3, 6],
    ),
    (
        lambda: Author.objects.order_by(Length("name").desc(), "name").values_list("name", flat=True)[:1],
        ["O'Neil"],
    ),
    (
        lambda: Book.objects.order_by("pk").values(t=Upper("title"), n=F("author__name"))[:1],
        [{"t": "ALPHA", "n": "Ada"}],
    ),
    (lambda: Book.objects.order_by("pk").values_list("pages", Lower("title"), "pk")[:1], [(100, "alpha", 1)]),
    (lambda: Book.objects.order_by("pk").values_list(F("pages") + 1, flat=True)[:2], [101, 201]),
    (
        lambda: Book.objects.order_by("pk").annotate(x=Q(price__gt=5)).values_list("x", flat=True),
        [True, None, True, True, False, None, True],
    ),
    (
        lambda: Book.objects.order_by("pk").annotate(x=10 - (F("pages") - 5)).values_list("x", flat=True)[:2],
        [-85, -185],
    ),
    (
        lambda: (
            Book.objects.order_by("pk")
            .annotate(x=Concat("title", Value(" / "), "author__email"))
            .values_list("x", flat=True)[1:3]
        ),
        ["Beta / ada@x.org", "beta / "],
    ),
]


async def test_expressions_order_and_select(shop, mode):
    await rows_are(mode, CASES)


async def test_expressions_are_written(shop, mode):
    await mode.call(Book.objects, "update", title=Concat("title", Value("-"), "pages"))
    assert (await mode.call(Book.objects, "get", pk=5)).title == "Delta-50"
    made = await mode.call(Book.objects, "create", title=Lower(Value("ABC")), author_id=1, pages=Value(3) + 4)
    again = await mode.call(Book.objects, "get", pk=made.pk)
    assert (again.title, again.pages) == ("abc", 7)
    again.pages = F("pages") + 1
    await mode.call(again, "save")
    assert (await mode.call(Book.objects, "get", pk=made.pk)).pages == 8


async def test_expressions_are_defaults(shop, mode):
    made, created = await mode.call(
        Country.objects, "get_or_create", code="ZZ", defaults={"name": Lower(Value("LOW")), "population": lambda: 7}
    )
    stored = await mode.call(Country.objects, "get", code="ZZ")
    assert (created, stored.pk, stored.name, stored.population) == (True, made.pk, "low", 7)
    _, created = await mode.call(
        Country.objects, "update_or_create", code="ZZ", defaults={"population": F("population") + 1}
    )
    assert created is False
    assert (await mode.call(Country.objects, "get", code="ZZ")).population == 8
