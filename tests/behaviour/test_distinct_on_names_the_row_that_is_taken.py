"""DISTINCT ON takes the first row of each value in the order asked for, by `get` and `in_bulk` too."""

from __future__ import annotations

import pytest

from behaviour.bookshop import Review
from dorm import F

pytestmark = pytest.mark.only("postgresql")


async def test_get_keeps_the_order(shop, mode):
    best = Review.objects.distinct("book").order_by("book_id", "-text", "pk")
    assert (await mode.call(best, "get", book=1)).text == "great"
    assert (await mode.call(best.filter(book=1), "get")).text == "great"
    worst = Review.objects.distinct("book").order_by("book_id", "text", "pk")
    assert (await mode.call(worst, "get", book=1)).text == ""


async def test_in_bulk_takes_the_field_that_is_distinct(shop, mode):
    first = Review.objects.distinct("book_id").order_by("book_id", "-pk")
    found = await mode.call(first, "in_bulk", [1, 4], field_name="book_id")
    assert {key: row.pk for key, row in found.items()} == {1: 3, 4: 6}
    for wrong in (first, Review.objects.distinct("book_id", "stars"), Review.objects.distinct("book__author")):
        with pytest.raises(ValueError, match="must be a unique field"):
            await mode.call(wrong, "in_bulk", [1], field_name="stars")


async def test_an_annotation_may_be_what_is_distinct(shop, mode):
    named = Review.objects.annotate(nAmE=F("text")).distinct("nAmE").order_by("nAmE", "pk")
    assert [row.nAmE for row in await mode.fetch(named)] == sorted({"great", "bad", "", "ok", "50%", "meh", "no stars"})
