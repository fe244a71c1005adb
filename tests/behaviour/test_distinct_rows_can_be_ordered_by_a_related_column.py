"""Distinct with an order over a relation, with values, and DISTINCT ON where the database has it."""

from __future__ import annotations

import pytest

from behaviour.bookshop import Author
from behaviour.cases import rows_are

CASES = [
    (
        lambda: (
            Author.objects.filter(country__isnull=False)
            .order_by("country__code", "pk")
            .distinct()
            .values_list("pk", flat=True)
        ),
        [7, 8, 5, 1, 3, 4],
    ),
    (
        lambda: Author.objects.filter(age__isnull=False).values_list("age", flat=True).distinct().order_by("-age"),
        [61, 50, 36, 17],
    ),
    (
        lambda: Author.objects.filter(books__tags__isnull=False).distinct().order_by("pk").values_list("pk", flat=True),
        [1, 4, 6],
    ),
    (
        lambda: Author.objects.filter(age__isnull=False).values_list("age", flat=True).distinct().order_by("age")[1:3],
        [36, 50],
    ),
]


async def test_distinct_rows_can_be_ordered_by_a_related_column(shop, mode):
    await rows_are(mode, CASES)


@pytest.mark.only("postgresql")
async def test_distinct_on_keeps_the_first_row_of_each_group(shop, mode):
    firsts = Author.objects.filter(age__isnull=False).distinct("age").order_by("age", "pk")
    assert await mode.fetch(firsts.values_list("pk", flat=True)) == [5, 1, 4, 6]
    assert await mode.call(firsts, "count") == 4
    by_country = Author.objects.filter(country__isnull=False).distinct("country__name").order_by("country__name", "pk")
    assert sorted(one.pk for one in await mode.fetch(by_country)) == [1, 3, 5, 7]


@pytest.mark.only("sqlite")
def test_distinct_on_is_refused_where_the_database_lacks_it(shop):
    with pytest.raises(NotImplementedError, match="SQLite"):
        list(Author.objects.distinct("age"))
