"""first(), last(), reverse(), latest() and earliest() in every shape of a queryset."""

from __future__ import annotations

import pytest

from behaviour.bookshop import Author, Item
from dorm import Count, F, Lower

NAME = "name"


async def name_of(mode, queryset, verb, *args):
    row = await mode.call(queryset, verb, *args)
    return row if row is None or isinstance(row, str) else row.name


async def test_first_and_last_use_the_order_in_effect(shop, mode):
    assert await name_of(mode, Item.objects, "first") == "f"
    assert await name_of(mode, Item.objects, "last") == "a"
    assert await name_of(mode, Item.objects.order_by("name"), "first") == "a"
    assert await name_of(mode, Item.objects.order_by("name"), "last") == "f"
    assert await name_of(mode, Item.objects.order_by(), "first") == "a"
    assert await name_of(mode, Item.objects.order_by("-name")[1:3], "first") == "e"
    assert await name_of(mode, Item.objects.order_by("-name")[1:3], "last") == "d"
    assert await name_of(mode, Item.objects.values_list(NAME, flat=True), "first") == "f"
    assert await name_of(mode, Item.objects.values_list(NAME, flat=True), "last") == "a"
    assert await mode.call(Item.objects.values(NAME), "last") == {"name": "a"}
    assert await name_of(mode, Author.objects, "first") == "Ada"
    assert await name_of(mode, Author.objects, "last") == "Zoë"
    assert await name_of(mode, Author.objects.filter(age=1), "first") is None
    assert await name_of(mode, Author.objects.annotate(n=Count("books")).order_by("n", "pk"), "last") == "Çelik"
    assert await name_of(mode, Author.objects.order_by(Lower("name").desc()), "last") == "Ada"
    assert (
        await name_of(mode, Author.objects.filter(pk__lt=3).union(Author.objects.filter(pk=8)).order_by("pk"), "last")
        == "Zoë"
    )


async def test_reverse_turns_every_term_around(shop, mode):
    def names(queryset):
        return mode.fetch(queryset.values_list("name", flat=True))

    assert await names(Item.objects.reverse()) == ["a", "e", "d", "c", "b", "f"]
    assert await names(Item.objects.order_by("rank", "-name").reverse()) == ["f", "b", "c", "d", "e", "a"]
    assert await names(Item.objects.reverse().reverse()) == ["f", "b", "c", "d", "e", "a"]
    nulls = Author.objects.order_by(F("age").asc(nulls_first=True), "pk")
    assert (await names(nulls))[:2] == ["Bob", "Zoë"]
    assert (await names(nulls.reverse()))[-2:] == ["Zoë", "Bob"]


async def test_latest_and_earliest_name_their_own_order(shop, mode):
    dated = Author.objects.filter(joined__isnull=False)
    assert await name_of(mode, dated, "latest", "joined") == "ÇELIK"
    assert await name_of(mode, dated, "earliest", "joined") == "Eve"
    assert await name_of(mode, dated, "latest", "active", "joined") == "Zoë"
    assert await name_of(mode, dated, "earliest", "-rating", "pk") in {"Ada", "Zoë", "Bob"}
    with pytest.raises(Author.DoesNotExist):
        await mode.call(Author.objects.filter(age=1), "latest", "joined")


async def test_ordering_by_a_relation_follows_the_other_model(shop, mode, queries):
    """Django's rule: the other model's Meta.ordering, else its key, which costs no join."""
    boxed = Item.objects.filter(box__isnull=False).values_list("name", flat=True)
    assert await mode.fetch(boxed.order_by("-box", "name")) == ["b", "c", "f", "d"]
    with queries() as log:
        assert await mode.fetch(boxed.order_by("-box_id", "name")) == ["f", "d", "b", "c"]
        await mode.fetch(boxed.order_by("box__pk"))
        await mode.fetch(Author.objects.order_by("country"))
    assert log.containing(" JOIN ") == []
