"""in_bulk() maps keys, or values of a unique field, to instances; missing ones are left out."""

from __future__ import annotations

import pytest

from behaviour.bookshop import Author, Country, Item
from dorm import Count, FieldDoesNotExist


async def test_in_bulk_is_a_dictionary_by_key(shop, mode):
    found = await mode.call(Item.objects, "in_bulk", [1, 2, 999, 1])
    assert {key: item.name for key, item in found.items()} == {1: "a", 2: "b"}
    assert len(await mode.call(Item.objects, "in_bulk")) == 6
    assert await mode.call(Item.objects, "in_bulk", []) == {}
    assert list(await mode.call(Item.objects, "in_bulk", (key for key in ["3"]))) == [3]
    assert list(await mode.call(Item.objects.filter(rank=3), "in_bulk", [1, 2])) == [2]
    by_code = await mode.call(Country.objects, "in_bulk", ["NO", "XX"], field_name="code")
    assert {code: country.name for code, country in by_code.items()} == {"NO": "Norge"}


async def test_in_bulk_keeps_what_the_queryset_loads(shop, mode, queries):
    authors = Author.objects.annotate(n=Count("books")).select_related("country").prefetch_related("books")
    found = await mode.call(authors, "in_bulk", [1, 4])
    with queries() as log:
        assert [(found[key].n, found[key].country.name, len(found[key].books.all())) for key in (1, 4)] == [
            (2, "Norge", 2),
            (2, "Perú", 2),
        ]
    assert log.count == 0


async def test_in_bulk_needs_a_unique_field_of_instances(shop, mode, queries):
    with queries() as log:
        with pytest.raises(ValueError, match="unique"):
            await mode.call(Item.objects, "in_bulk", ["a"], field_name="name")
        with pytest.raises(FieldDoesNotExist, match="Did you mean 'name'"):
            await mode.call(Item.objects, "in_bulk", ["a"], field_name="nmae")
        with pytest.raises(TypeError):
            await mode.call(Item.objects.values("name"), "in_bulk", [1])
        with pytest.raises(TypeError, match="in_bulk"):
            await mode.call(Item.objects.order_by("name")[:2], "in_bulk")
    assert log.count == 0
