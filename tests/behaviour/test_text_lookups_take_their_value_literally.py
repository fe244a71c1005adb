"""Wildcards are plain characters, case counts where it must and folds where it may, on both databases."""

from __future__ import annotations

from behaviour.bookshop import Author, Book
from behaviour.cases import keys_are

CASES = [
    (lambda: Book.objects.filter(title__contains="%"), [6]),
    (lambda: Book.objects.filter(title__contains="_"), [6]),
    (lambda: Book.objects.filter(title__contains="\\"), [7]),
    (lambda: Book.objects.filter(title__startswith="100%"), [6]),
    (lambda: Book.objects.filter(title__startswith="1_0"), []),
    (lambda: Book.objects.filter(title__endswith="e_x"), [6]),
    (lambda: Book.objects.filter(title__endswith="e%x"), []),
    (lambda: Book.objects.filter(title__iexact="100% PURE_X"), [6]),
    (lambda: Book.objects.filter(title__iexact="1__% pure_x"), []),
    (lambda: Book.objects.filter(title__icontains="PURE_"), [6]),
    (lambda: Book.objects.filter(title__istartswith="BACK\\"), [7]),
    (lambda: Book.objects.filter(title__iendswith="\\SLASH"), [7]),
    (lambda: Book.objects.filter(title="beta"), [3]),
    (lambda: Book.objects.filter(title__iexact="BETA"), [2, 3]),
    (lambda: Book.objects.filter(title__contains="eta"), [2, 3]),
    (lambda: Book.objects.filter(title__contains="Bet"), [2]),
    (lambda: Book.objects.filter(title__startswith="b"), [3]),
    (lambda: Book.objects.filter(title__istartswith="b"), [2, 3, 7]),
    (lambda: Book.objects.filter(title__endswith="A"), []),
    (lambda: Book.objects.filter(title__regex=r"^\d+%"), [6]),
    (lambda: Book.objects.filter(title__regex="^beta$"), [3]),
    (lambda: Book.objects.filter(title__iregex="^BETA$"), [2, 3]),
    (lambda: Book.objects.filter(title__regex=r"\\"), [7]),
    (lambda: Author.objects.filter(name__icontains="ç"), [4, 5]),
    (lambda: Author.objects.filter(name__iexact="çelik"), [4, 5]),
    (lambda: Author.objects.filter(name__contains="ç"), []),
    (lambda: Author.objects.filter(name__istartswith="ÇEL"), [4, 5]),
    (lambda: Author.objects.filter(name__iendswith="OË"), [8]),
    (lambda: Author.objects.filter(name__contains="'"), [7]),
    (lambda: Author.objects.filter(name__contains=""), [1, 2, 3, 4, 5, 6, 7, 8]),
    (lambda: Author.objects.filter(email__icontains=""), [1, 3, 4, 5, 6, 8]),
    (lambda: Author.objects.filter(email__iexact=None), [2, 7]),
    # other columns as text
    (lambda: Author.objects.filter(age__startswith="3"), [1, 3, 7]),
    (lambda: Author.objects.filter(rating__contains=".5"), [1, 4]),
    (lambda: Author.objects.filter(joined__contains="2021"), [2, 8]),
]


async def test_text_lookups_take_their_value_literally(shop, mode):
    await keys_are(mode, CASES)
