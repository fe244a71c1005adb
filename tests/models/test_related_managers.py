"""``author.book_set``: a full manager of the rows that refer to one instance."""

from __future__ import annotations

import pytest

import dorm
from dorm import Q


class Loud(dorm.QuerySet):
    def long(self):
        return self.filter(pages__gt=100)


class LoudManager(Loud, dorm.Manager):
    pass


class Author(dorm.Model):
    name = dorm.CharField(max_length=20)


class Book(dorm.Model):
    title = dorm.CharField(max_length=20)
    pages = dorm.IntegerField(default=0)
    author = dorm.ForeignKey(Author, dorm.CASCADE)

    objects = LoudManager()


class Essay(dorm.Model):
    title = dorm.CharField(max_length=20)
    author = dorm.ForeignKey(Author, dorm.SET_NULL, null=True, related_name="essays")


pytestmark = pytest.mark.models(Author, Book, Essay)


async def authors(mode):
    ada = await mode.call(Author.objects, "create", name="Ada")
    ben = await mode.call(Author.objects, "create", name="Ben")
    for title, pages, author in (("Engines", 300, ada), ("Notes", 50, ada), ("Kites", 40, ben)):
        await mode.call(Book.objects, "create", title=title, pages=pages, author=author)
    return ada, ben


def titles(rows):
    return sorted(row.title for row in rows)


async def test_every_reading_verb_sees_the_owners_rows_only(database, mode):
    ada, ben = await authors(mode)
    assert ["Engines", "Notes"] == titles(await mode.fetch(ada.book_set.all()))
    assert ["Engines", "Notes"] == titles(await mode.fetch(ada.book_set))
    assert ["Engines"] == titles(await mode.fetch(ada.book_set.filter(Q(pages=300) | Q(title="Kites"))))
    assert 2 == await mode.call(ada.book_set, "count")
    assert "Kites" == (await mode.call(ben.book_set, "get")).title
    assert {"most": 300} == await mode.call(ada.book_set, "aggregate", most=dorm.Max("pages"))
    assert "Notes" == (await mode.call(ada.book_set.order_by("pages"), "first")).title
    assert not await mode.call(ada.book_set.filter(title="Kites"), "exists")
    assert ["Engines", "Notes"] == titles(await mode.stream(ada.book_set))


async def test_methods_of_the_models_own_manager_are_there(database, mode):
    ada, _ = await authors(mode)
    assert ["Engines"] == titles(await mode.fetch(ada.book_set.long()))
    assert ["Engines"] == titles(await mode.fetch(ada.book_set.filter(pages__gt=1).long()))
    assert isinstance(ada.book_set, LoudManager)
    assert type(ada.book_set) is type(ada.book_set)


async def test_rows_know_their_owner_without_a_query(database, mode, queries):
    ada, _ = await authors(mode)
    with queries() as log:
        books = await mode.fetch(ada.book_set.all())
        assert all(book.author is ada for book in books)
    assert 1 == log.count


async def test_making_rows_gives_them_the_owner(database, mode):
    ada, ben = await authors(mode)
    assert ben.pk == (await mode.call(ben.book_set, "create", title="New")).author_id
    same, created = await mode.call(ben.book_set, "get_or_create", title="New")
    assert not created
    _, created = await mode.call(ada.book_set, "get_or_create", title="New")
    assert created
    changed, created = await mode.call(ben.book_set, "update_or_create", title="New", defaults={"pages": 7})
    assert (same.pk, 7, False) == (changed.pk, changed.pages, created)
    exists, _ = await mode.call(ben.book_set, "exists_or_create", title="New")
    assert exists
    made = await mode.call(ben.book_set, "bulk_create", [Book(title="B1"), Book(title="B2")])
    assert {ben.pk} == {book.author_id for book in made}
    assert 4 == await mode.call(ben.book_set, "count")
    assert 4 == await mode.call(ben.book_set, "update", pages=1)
    assert 4 == (await mode.call(ben.book_set.all(), "delete"))[0]
    assert 3 == await mode.call(ada.book_set, "count")


async def test_adding_is_one_update(database, mode, queries):
    ada, ben = await authors(mode)
    books = await mode.fetch(ada.book_set.all())
    with queries() as log:
        await mode.call(ben.book_set, "add", *books)
    assert 1 == log.count
    assert all(book.author is ben for book in books)
    assert (0, 3) == (await mode.call(ada.book_set, "count"), await mode.call(ben.book_set, "count"))


async def test_unsaved_rows_are_added_by_saving_them(database, mode):
    ada, _ = await authors(mode)
    with pytest.raises(ValueError, match="bulk=False"):
        await mode.call(ada.book_set, "add", Book(title="new"))
    await mode.call(ada.book_set, "add", Book(title="new"), bulk=False)
    assert 3 == await mode.call(ada.book_set, "count")
    with pytest.raises(TypeError, match="Book"):
        await mode.call(ada.book_set, "add", ada)


async def test_rows_that_must_belong_to_somebody_cannot_be_let_go(database, mode):
    ada, _ = await authors(mode)
    for verb in ("remove", "clear", "aremove", "aclear"):
        assert not hasattr(ada.book_set, verb)
    with pytest.raises(AttributeError, match=r"cannot be NULL.*null=True"):
        ada.book_set.clear()
    with pytest.raises(AttributeError, match="nonsense"):
        ada.book_set.nonsense


async def test_rows_that_may_be_free_can_be_let_go(database, mode, queries):
    ada, ben = await authors(mode)
    essays = [await mode.call(Essay.objects, "create", title=t, author=ada) for t in "abc"]
    with queries() as log:
        await mode.call(ada.essays, "remove", essays[0])
    assert 1 == log.count
    assert essays[0].author_id is None
    with pytest.raises(Author.DoesNotExist):
        await mode.call(ben.essays, "remove", essays[1])
    await mode.call(ada.essays, "clear")
    assert 0 == await mode.call(ada.essays, "count")
    await mode.call(ada.essays, "set", essays[:2])
    await mode.call(ada.essays, "set", essays[1:])
    assert ["b", "c"] == titles(await mode.fetch(ada.essays.all()))
    await mode.call(ada.essays, "set", essays[:1], clear=True, bulk=False)
    assert ["a"] == titles(await mode.fetch(ada.essays.all()))


async def test_prefetched_rows_are_served_from_memory_until_something_changes(database, mode, queries):
    await authors(mode)
    ada = await mode.call(Author.objects.prefetch_related("book_set"), "get", name="Ada")
    with queries() as log:
        assert ["Engines", "Notes"] == titles(ada.book_set.all())
        assert 2 == len(ada.book_set.all())
        assert ada.book_set.all()[0] in ada.book_set.all()
    assert 0 == log.count
    with queries() as log:
        assert ["Engines"] == titles(await mode.fetch(ada.book_set.all().filter(pages__gt=100)))
        assert ["Engines"] == titles(await mode.fetch(ada.book_set.filter(pages__gt=100)))
    assert 2 == log.count
    await mode.call(ada.book_set, "create", title="More")
    assert 3 == len(await mode.fetch(ada.book_set.all()))


def test_an_owner_without_a_key_has_no_rows_yet():
    with pytest.raises(ValueError, match="Author"):
        Author(name="x").book_set


def test_assigning_points_at_set(database):
    ada = Author.objects.create(name="Ada")
    with pytest.raises(TypeError, match=r"Author.book_set.*\.set\("):
        ada.book_set = []


async def test_a_pinned_manager_stays_with_its_owner(database, mode):
    ada, _ = await authors(mode)
    assert 2 == await mode.call(ada.book_set.using("default"), "count")
    pinned = ada.book_set.db_manager("default")
    assert 2 == await mode.call(pinned, "count")
    assert ada.pk == (await mode.call(pinned, "create", title="x")).author_id


async def test_a_relation_to_an_empty_column_holds_nothing(database, mode, queries):
    class Shelf(dorm.Model):
        code = dorm.CharField(max_length=5, unique=True, null=True)

    class Item(dorm.Model):
        shelf = dorm.ForeignKey(Shelf, dorm.CASCADE, to_field="code", null=True, related_name="items")

    dorm.create_tables(Shelf, Item)
    shelf = await mode.call(Shelf.objects, "create")
    item = await mode.call(Item.objects, "create")
    with queries() as log:
        assert [] == await mode.fetch(shelf.items.all())
        assert 0 == await mode.call(shelf.items, "count")
    assert 0 == log.count
    for verb, args in (("add", (item,)), ("create", ()), ("remove", (item,)), ("clear", ()), ("set", ([item],))):
        with pytest.raises(ValueError, match="needs to have a value"):
            await mode.call(shelf.items, verb, *args)
