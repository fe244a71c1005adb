"""F() names columns, relations and annotations on the right-hand side of every comparison."""

from __future__ import annotations

import pytest

from behaviour.bookshop import Author, Book
from behaviour.cases import keys_are
from dorm import F, FieldDoesNotExist, FieldError, Lower, Q, Value
from dorm.functions import Left, Length

CASES = [
    (lambda: Book.objects.filter(pages__gt=F("author__age") * 3), [2, 7]),
    (lambda: Book.objects.filter(author__age__lt=F("pages")), [1, 2, 4, 7]),
    (lambda: Book.objects.filter(author__age__lte=F("pages")), [1, 2, 4, 5, 7]),
    (lambda: Book.objects.filter(pages__in=[F("author__age"), 100]), [1, 4, 5]),
    (lambda: Book.objects.filter(pages__range=(F("author__age"), F("author__age") * 3)), [1, 4, 5]),
    (lambda: Book.objects.filter(published__gt=F("author__joined")), []),
    (lambda: Book.objects.filter(title=Lower("title")), [3, 6]),
    (lambda: Book.objects.filter(author__name__startswith=Left("title", 1)), [1]),
    (lambda: Book.objects.filter(title__contains=F("title")), [1, 2, 3, 4, 5, 6, 7]),
    (lambda: Book.objects.filter(published__year=F("pages") + 1900), [1, 4]),
    (lambda: Book.objects.filter(coauthors__pk__lt=F("author")), [3, 4, 4, 6]),
    (lambda: Author.objects.filter(age=F("country__population") + 3), [3]),
    (lambda: Author.objects.filter(~Q(age=F("country__population") + 3)), [1, 2, 4, 5, 6, 7, 8]),
    (lambda: Author.objects.filter(joined__year=F("age") + 1984), [1]),
    (lambda: Author.objects.filter(age__gt=Length("name") * 10), [1, 3, 6]),
    (lambda: Author.objects.annotate(next=F("age") + 1).filter(next=Value(37)), [1, 3, 7]),
    (lambda: Author.objects.filter(mentor__mentor=F("country")), []),
]


async def test_f_reaches_over_relations_on_the_right(shop, mode):
    await keys_are(mode, CASES)


async def test_an_update_takes_columns_of_its_own_table_only(shop, mode, queries):
    assert await mode.call(Book.objects.filter(pk=1), "update", pages=F("pages") * 2 + 1) == 1
    assert (await mode.call(Book.objects, "get", pk=1)).pages == 201
    with queries() as log:
        for name in ("author__age", "tags__pk", "reviews__stars"):
            with pytest.raises((FieldDoesNotExist, FieldError), match="[Jj]oin|" + name):
                await mode.call(Book.objects, "update", pages=F(name))
        with pytest.raises((FieldDoesNotExist, FieldError)):
            await mode.call(Book.objects.annotate(x=F("author__age")), "update", pages=F("x"))
        with pytest.raises(FieldDoesNotExist, match="Did you mean 'pages'"):
            await mode.call(Book.objects, "update", pages=F("page"))
        with pytest.raises(FieldDoesNotExist):
            await mode.call(Book.objects, "update", author__name="x")
    assert log.count == 0


async def test_a_new_row_has_no_columns_to_refer_to(shop, mode, queries):
    with queries() as log:
        for value in (F("pages"), F("pages") + 1, F("author__age")):
            with pytest.raises((ValueError, FieldError)):
                await mode.call(Book.objects, "create", title="x", author_id=1, pages=value)
    assert log.containing("INSERT") == []
