"""What a prefetch brought answers first(), last(), contains(), count() and exists(); streams and raw SQL prefetch too."""

from __future__ import annotations

import pytest

import dorm
from dorm import Prefetch


class Shelf(dorm.Model):
    name = dorm.CharField(max_length=10)


class Book(dorm.Model):
    shelf = dorm.ForeignKey(Shelf, dorm.CASCADE, null=True, related_name="books")
    title = dorm.CharField(max_length=10)
    labels = dorm.ManyToManyField("Label", related_name="books")


class Label(dorm.Model):
    name = dorm.CharField(max_length=10)

    class Meta:
        ordering = ["-name"]


class Word(dorm.Model):
    text = dorm.CharField(max_length=10, primary_key=True)
    shelf = dorm.ForeignKey(Shelf, dorm.CASCADE, related_name="words")


pytestmark = pytest.mark.models([Shelf, Book, Label, Word])


def filled():
    shelf = Shelf.objects.create(name="s")
    books = [Book.objects.create(shelf=shelf, title=title) for title in "bca"]
    books[0].labels.set([Label.objects.create(name=name) for name in "xzy"])
    for text in "ba":
        Word.objects.create(text=text, shelf=shelf)
    return books


async def run(mode, function):
    return function() if mode.sync else await dorm.run(function)


@pytest.mark.parametrize("chained", [False, True])
async def test_the_ends_are_those_of_the_order_in_effect(database, mode, queries, chained):
    books = await run(mode, filled)
    (shelf,) = await mode.fetch(Shelf.objects.prefetch_related("books__labels", "words"))
    by_title = Prefetch("books", Book.objects.order_by("title"))
    (sorted_shelf,) = await mode.fetch(Shelf.objects.prefetch_related(by_title))
    first_book = (await mode.fetch(Book.objects.prefetch_related("labels").order_by("pk")))[0]
    with queries() as log:
        for manager, first, last in [
            (shelf.books, "b", "a"),
            (sorted_shelf.books, "a", "c"),
        ]:
            rows = manager.all() if chained else manager
            assert (await mode.call(rows, "first")).title == first
            assert (await mode.call(rows, "last")).title == last
        labels = first_book.labels.all() if chained else first_book.labels
        assert (await mode.call(labels, "first")).name == "z"
        assert (await mode.call(labels, "last")).name == "x"
        books_of = shelf.books.all() if chained else shelf.books
        assert await mode.call(books_of, "contains", books[1]) is True
        assert await mode.call(books_of, "count") == 3
        assert await mode.call(books_of, "exists") is True
    assert log.count == 0
    with queries() as log:
        # only the database knows how it sorts texts
        words = shelf.words.all() if chained else shelf.words
        assert (await mode.call(words, "first")).text == "a"
    assert log.count == 1


async def test_an_order_that_was_taken_away_is_not_in_effect(database, mode):
    await run(mode, filled)
    unordered = Prefetch("labels", Label.objects.order_by())
    book = (await mode.fetch(Book.objects.prefetch_related(unordered).order_by("pk")))[0]
    assert (await mode.call(book.labels, "first")).name == "x"
    assert (await mode.call(book.labels, "last")).name == "y"


async def test_nothing_prefetched_is_nothing_to_find(database, mode, queries):
    await mode.call(Shelf.objects, "create", name="empty")
    (shelf,) = await mode.fetch(Shelf.objects.prefetch_related("books"))
    with queries() as log:
        assert await mode.call(shelf.books, "first") is None
        assert await mode.call(shelf.books, "last") is None
        assert await mode.call(shelf.books, "exists") is False
    assert log.count == 0


async def test_raw_rows_bring_what_the_queryset_prefetches(database, mode, queries):
    await run(mode, filled)
    table = Shelf._meta.db_table
    with queries() as log:
        chosen = Prefetch("books", Book.objects.filter(title__gt="a"), to_attr="chosen")
        raw = Shelf.objects.prefetch_related("words", chosen).raw(f"SELECT * FROM {table}")
        (shelf,) = await mode.fetch(raw)
        assert sorted(book.title for book in shelf.chosen) == ["b", "c"]
        assert sorted(word.text for word in shelf.words.all()) == ["a", "b"]
    assert log.count == 3
