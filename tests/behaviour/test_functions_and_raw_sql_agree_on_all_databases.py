"""Numbers keep their kind, RawSQL lists members, and names that Django refuses."""

from __future__ import annotations

from decimal import Decimal

from behaviour.bookshop import Author, Book, Profile
from behaviour.cases import keys_are, refused_without_sql, rows_are
from dorm import F, FieldDoesNotExist, FieldError, Max, Value
from dorm.expressions import RawSQL
from dorm.functions import Ceil, Chr, Floor, Ord, Round, Sign

ada = Author.objects.filter(pk=1)
CHARACTERS = [
    (lambda: ada.annotate(x=Chr(Value(65))).values_list("x", flat=True), ["A"]),
    (lambda: ada.annotate(x=Chr(F("pk") + 64)).values_list("x", flat=True), ["A"]),
    (lambda: ada.annotate(x=Ord(Chr(Value(8364)))).values_list("x", flat=True), [8364]),
    (lambda: ada.filter(pk=Ord(Chr(F("pk")))).values_list("pk", flat=True), [1]),
]
KINDS = [
    (Author, Sign(F("pk") - 3), int),
    (Author, Sign(F("rating")), Decimal),
    (Profile, Sign("score"), float),
    (Author, Sign(Value(-3)), int),
    (Author, Sign(Value(-2.5)), float),
    (Author, Sign("age"), int),
    (Author, Ceil("age"), int),
    (Author, Floor("age"), int),
    (Author, Round("age"), int),
]
MEMBERS = [
    (lambda: Book.objects.filter(pk__in=RawSQL("SELECT id FROM bookshop_book WHERE id < %s", (3,))), [1, 2]),
    (lambda: Book.objects.exclude(pk__in=RawSQL("SELECT id FROM bookshop_book WHERE id < %s", (6,))), [6, 7]),
    (lambda: Book.objects.filter(author__in=RawSQL("SELECT 1")), [1, 2]),
    (lambda: Book.objects.filter(author_id__in=RawSQL("SELECT %s", (1,)), title="Alpha"), [1]),
    (lambda: Book.objects.filter(title__in=RawSQL("SELECT 'Alpha'")), [1]),
    (lambda: Book.objects.annotate(x=F("pk") + 1).filter(x__in=RawSQL("SELECT 3")), [2]),
    (lambda: Author.objects.filter(books__in=RawSQL("SELECT 1")), [1]),
]


async def test_a_code_point_becomes_its_character(shop, mode):
    await rows_are(mode, CHARACTERS)


async def test_a_computed_number_is_of_the_kind_of_its_argument(shop, mode):
    for model, expression, kind in KINDS:
        rows = await mode.fetch(model.objects.annotate(x=expression).exclude(x=None).values_list("x", flat=True))
        assert rows, expression
        assert {type(x) for x in rows} == {kind}, expression
        most = (await mode.call(model.objects, "aggregate", m=Max(expression)))["m"]
        assert type(most) is kind, expression
        assert most == max(rows), expression


async def test_raw_sql_lists_members(shop, mode):
    await keys_are(mode, MEMBERS)


def test_names_with_a_plus_and_the_alias_of_the_key_are_refused(shop, queries):
    attempts = [
        lambda: Book.objects.order_by("+title"),
        lambda: Book.objects.order_by("+pk"),
        lambda: Book.objects.order_by("--title"),
    ]
    refused_without_sql(queries, FieldError, attempts, "has no field named")
    updates = [
        lambda: Book.objects.filter(pk=1).update(pk=9),
        lambda: Book.objects.update(pk=F("pk") + 100),
    ]
    refused_without_sql(queries, FieldDoesNotExist, updates, "no field named 'pk'")


async def test_a_key_is_changed_under_its_own_name(shop, mode):
    made = await mode.call(Book.objects, "create", title="Last", author_id=1)
    assert await mode.call(Book.objects.filter(pk=made.pk), "update", id=99) == 1
    assert await mode.call(Book.objects.filter(title="Last").values_list("pk", flat=True), "get") == 99
