"""Equality, hashing, copies and pickles of instances, querysets and rows."""

from __future__ import annotations

import copy
import pickle

import pytest

from behaviour.bookshop import Author, Book, Country
from dorm import Count, Exists, F, OuterRef, Prefetch, Q


def travelled(value):
    return pickle.loads(pickle.dumps(value))


def test_instances_are_equal_by_class_and_key():
    assert Author(pk=1) == Author(pk=1, name="other")
    assert Author(pk=1) != Author(pk=2)
    assert Author(pk=1) != Book(pk=1)
    assert Author(pk=1) != 1
    one, other = Author(), Author()
    assert one == one  # noqa: PLR0124
    assert one != other
    assert [one] == [one]
    assert len({Author(pk=1), Author(pk=1), Author(pk=2)}) == 2
    with pytest.raises(TypeError):
        hash(Author())


async def test_a_row_is_found_among_rows(shop, mode):
    ada = await mode.call(Author.objects, "get", pk=1)
    assert ada in await mode.fetch(Author.objects.all())
    assert await mode.call(Author.objects, "contains", ada) is True
    assert await mode.call(Author.objects.filter(age=50), "contains", ada) is False
    for error, wrong in [(ValueError, Author()), (TypeError, 1)]:
        with pytest.raises(error):
            await mode.call(Author.objects, "contains", wrong)
    assert await mode.call(Author.objects, "contains", Book(pk=1)) is False
    with pytest.raises(TypeError):
        await mode.call(Author.objects.values("pk"), "contains", ada)


async def test_a_pickled_instance_keeps_relations_and_what_it_lacks(shop, mode, queries):
    book = await mode.call(
        Book.objects.select_related("author__country").prefetch_related("tags").defer("pages"), "get", pk=1
    )
    again = travelled(book)
    with queries() as log:
        assert (again == book, again is book) == (True, False)
        assert again.author.country.code == "NO"
        assert sorted(tag.name for tag in again.tags.all()) == ["fi", "sci", "space"]
        assert again.get_deferred_fields() == {"pages"}
        assert (again._state.adding, again._state.db) == (False, "default")
    assert log.count == 0
    again.title = "changed"
    await mode.call(again, "save")
    stored = await mode.call(Book.objects, "get", pk=1)
    assert (stored.title, stored.pages) == ("changed", 100)
    unsaved = travelled(Author(name="new"))
    assert (unsaved.name, unsaved.pk, unsaved._state.adding) == ("new", None, True)


async def test_a_queryset_travels_as_its_description(shop, mode, queries):
    for queryset in [
        Author.objects.filter(age=36).order_by("pk"),
        Author.objects.filter(Q(books__tags__name="sci") | Q(country__in=Country.objects.filter(code="NO")))
        .distinct()
        .order_by("pk"),
        Author.objects.annotate(n=Count("books")).filter(n__gt=F("pk") - 3).order_by("-n", "pk"),
        Author.objects.filter(Exists(Book.objects.filter(author=OuterRef("pk")))).order_by("pk"),
        Author.objects.filter(pk=1).union(Author.objects.filter(pk=2)).order_by("pk"),
        Author.objects.prefetch_related(
            Prefetch("books", queryset=Book.objects.order_by("-pk"), to_attr="mine")
        ).order_by("pk"),
        Author.objects.order_by("pk").values("name", "country__code")[1:3],
    ]:
        with queries() as log:
            again = travelled(queryset)
        assert log.count == 0
        assert await mode.fetch(again) == await mode.fetch(queryset)


async def test_a_queryset_that_was_read_travels_with_its_rows(shop, mode, queries):
    read = Author.objects.prefetch_related("books").order_by("pk")
    await mode.fetch(read)
    again = travelled(read)
    with queries() as log:
        assert [len(author.books.all()) for author in await mode.fetch(again)] == [2, 1, 0, 2, 0, 1, 1, 0]
    assert log.count == 0


async def test_a_queryset_of_a_manager_travels_as_a_queryset(shop, mode):
    again = travelled(Author.objects.filter(Q(Exists(Book.objects.filter(author=OuterRef("pk")))), age__gt=40))
    assert sorted(author.name for author in await mode.fetch(again)) == ["Eve", "Çelik"]
    assert len(again) == 2
    assert len(travelled(travelled(Author.objects.prefetch_related("books")).order_by("pk")[:3])) == 3
    manager = travelled(Author.objects)
    assert manager == Author.objects
    assert await mode.call(manager, "count") == 8


def test_an_instance_of_a_model_made_at_run_time_travels():
    named = "MadeAtRunTime"
    proxy = type(named, (Author,), {"__module__": Author.__module__, "Meta": type("Meta", (), {"proxy": True})})
    again = travelled(proxy(pk=7))
    assert again == Author(pk=7)
    assert type(again) is proxy


async def test_named_rows_travel(shop, mode):
    named = Author.objects.order_by("pk").values_list("pk", "name", named=True)
    rows = await mode.fetch(named)
    again = travelled(rows)
    assert again == rows
    assert (again[0].name, type(again[0]).__name__) == ("Ada", "Row")
    assert [row.name for row in await mode.fetch(travelled(named))][:2] == ["Ada", "Bob"]


def test_errors_of_a_model_travel():
    for error in (Author.DoesNotExist("gone"), Author.MultipleObjectsReturned("many")):
        again = travelled(error)
        assert type(again) is type(error)
        assert again.args == error.args


async def test_a_copy_is_another_object_of_the_same_row(shop, mode):
    ada = await mode.call(Author.objects.select_related("country"), "get", pk=1)
    shallow, deep = copy.copy(ada), copy.deepcopy(ada)
    assert shallow == deep == ada
    shallow.name = "other"
    shallow._state.adding = True
    assert (ada.name, ada._state.adding) == ("Ada", False)
    assert shallow.country is ada.country
    assert deep.country is not ada.country
    assert deep.country == ada.country
    shallow.pk = None
    await mode.call(shallow, "save")
    assert shallow.pk not in (None, 1)
    assert await mode.call(Author.objects, "count") == 9


async def test_a_row_without_its_key_is_saved_as_a_new_one(shop, mode):
    ada = await mode.call(Author.objects, "get", pk=1)
    ada.pk, ada._state.adding = None, True
    await mode.call(ada, "save")
    ada.pk = 77
    await mode.call(ada, "save")
    assert await mode.call(Author.objects.filter(name="Ada"), "count") == 3
