"""Slices, distinct, annotations and joins are kept when rows are counted or aggregated."""

from __future__ import annotations

from decimal import Decimal

import pytest

from behaviour.bookshop import Author, Book, Sale
from dorm import Avg, Case, Count, F, FieldError, Max, Min, Sum, Value, When


async def test_a_slice_is_aggregated_as_a_slice(shop, mode):
    first = Author.objects.order_by("pk")[:3]
    assert await mode.call(first, "aggregate", Sum("age"), n=Count("pk")) == {"age__sum": 72, "n": 3}
    assert await mode.call(Author.objects.order_by("-pk")[2:5], "aggregate", s=Sum("age")) == {"s": 128}
    assert await mode.call(Author.objects.order_by("pk")[:3], "aggregate", s=Sum("books__pages")) == {"s": 600}
    assert await mode.call(Author.objects.order_by("pk")[6:30], "count") == 2
    assert await mode.call(Author.objects.order_by("pk")[40:], "count") == 0
    assert await mode.call(Author.objects.order_by("pk")[2:2], "exists") is False
    assert await mode.call(Author.objects.order_by("pk")[7:], "exists") is True
    assert await mode.call(Author.objects.order_by("pk")[8:], "exists") is False


async def test_distinct_rows_are_aggregated_once(shop, mode):
    doubled = Author.objects.filter(books__tags__name__in=["sci", "fi"])
    assert await mode.call(doubled, "count") == 4
    assert await mode.call(doubled.distinct(), "count") == 2
    assert await mode.call(doubled.distinct(), "aggregate", n=Count("pk")) == {"n": 2}
    assert await mode.call(doubled, "aggregate", n=Count("pk"), d=Count("pk", distinct=True)) == {"n": 4, "d": 2}
    assert await mode.call(Author.objects.values("age").distinct(), "count") == 5
    assert await mode.call(Author.objects.values("age").distinct(), "aggregate", s=Sum("age")) == {"s": 164}


async def test_annotations_can_be_aggregated(shop, mode):
    counted = Author.objects.annotate(n=Count("books"))
    assert await mode.call(counted, "aggregate", Sum("n"), Max("n")) == {"n__sum": 7, "n__max": 2}
    assert await mode.call(counted.filter(n__gt=0), "aggregate", t=Sum("n"), c=Count("pk")) == {"t": 7, "c": 5}
    assert await mode.call(counted, "aggregate", a=Avg(F("n") * 2)) == {"a": 1.75}
    assert await mode.call(counted.distinct(), "aggregate", s=Sum("n")) == {"s": 7}


async def test_expressions_can_be_aggregated(shop, mode):
    assert await mode.call(Author.objects, "aggregate", s=Sum("age") + 1) == {"s": 237}
    assert await mode.call(Author.objects, "aggregate", s=Sum("age"), t=F("s") * 2) == {"s": 236, "t": 472}
    assert await mode.call(Book.objects, "aggregate", s=Sum(F("price") * F("pages"))) == {"s": Decimal("44295.50")}
    share = Avg(Case(When(active=True, then=1), default=0))
    assert await mode.call(Author.objects, "aggregate", a=share) == {"a": 0.75}
    assert await mode.call(Author.objects, "aggregate", n=Count(Case(When(age__gt=30, then=Value(1))))) == {"n": 5}
    times = await mode.call(Sale.objects, "aggregate", s=Sum("took"), first=Min("at"))
    assert times["s"].total_seconds() == 2 * 86400 + 3 + 3600 + 0.000005
    assert times["first"].isoformat() == "2020-01-01T10:00:00"


async def test_what_cannot_be_aggregated_is_refused_before_any_sql(shop, mode, queries):
    with queries() as log:
        with pytest.raises((TypeError, FieldError)):
            await mode.call(Author.objects, "aggregate", x=F("age"))
        with pytest.raises(FieldError, match="aggregate"):
            await mode.call(Author.objects, "aggregate", x=Sum(Count("books")))
        with pytest.raises(FieldError, match="Did you mean 'name'"):
            await mode.call(Author.objects, "aggregate", x=Count("nmae"))
        with pytest.raises(TypeError, match="alias"):
            await mode.call(Author.objects, "aggregate", Sum(F("age") + 1))
    assert log.count == 0
