"""The manager of a reverse foreign key filters, creates, moves and frees rows of its own parent only."""

from __future__ import annotations

import pytest

from behaviour.bookshop import Author, Book, Publisher, Review
from dorm import Count, DoesNotExist, IntegrityError


async def ada(mode):
    return await mode.call(Author.objects, "get", pk=1)


async def test_every_query_stays_with_the_owner(shop, mode):
    author = await ada(mode)
    assert await mode.fetch(author.books.order_by("pk").values_list("title", flat=True)) == ["Alpha", "Beta"]
    assert await mode.call(author.books.filter(author=2), "count") == 0
    assert await mode.call(author.books.exclude(pages=100), "count") == 1
    assert await mode.call(author.books, "aggregate", n=Count("tags")) == {"n": 4}
    assert await mode.call(author.books, "update", pages=1) == 2
    assert await mode.call(Book.objects.filter(pages=1), "count") == 2
    both = author.books.filter(pk=1).union(Book.objects.filter(pk=3)).order_by("pk")
    assert [book.pk for book in await mode.fetch(both)] == [1, 3]
    assert [
        book.pk for book in await mode.fetch((author.books.filter(pk=1) | Book.objects.filter(pk=2)).order_by("pk"))
    ] == [1, 2]
    with pytest.raises(Book.DoesNotExist):
        await mode.call(author.books, "get", pk=3)


async def test_rows_know_their_owner_without_asking(shop, mode, queries):
    author = await ada(mode)
    books = await mode.fetch(author.books.all())
    filtered = await mode.fetch(author.books.filter(pages=100).order_by("title"))
    first = await mode.call(author.books.order_by("pk"), "first")
    streamed = await mode.stream(author.books.all())
    with queries() as log:
        assert all(book.author is author for book in [*books, *filtered, first, *streamed])
    assert log.count == 0


async def test_what_is_made_belongs_to_the_owner(shop, mode):
    author = await ada(mode)
    made = await mode.call(author.books, "create", title="made")
    assert (made.author_id, made.author) == (1, author)
    found, created = await mode.call(author.books, "get_or_create", title="beta", defaults={"pages": 3})
    assert (created, found.author_id) == (True, 1)  # Bob's book of that title is not hers
    changed, created = await mode.call(author.books, "update_or_create", title="Alpha", defaults={"pages": 9})
    assert (created, changed.pages) == (False, 9)
    await mode.call(author.books, "bulk_create", [Book(title="many"), Book(title="more")])
    assert await mode.call(author.books, "count") == 6


async def test_rows_move_to_the_owner(shop, mode, queries):
    author = await ada(mode)
    bobs = await mode.call(Book.objects, "get", pk=3)
    with queries() as log:
        await mode.call(author.books, "add", bobs)
    assert log.count == 1
    assert (await mode.call(Book.objects, "get", pk=3)).author_id == 1
    assert bobs.author_id == 1
    new = Book(title="unsaved")
    with pytest.raises(ValueError, match="bulk=False"):
        await mode.call(author.books, "add", new)
    await mode.call(author.books, "add", new, bulk=False)
    assert new.pk is not None
    with pytest.raises(TypeError):
        await mode.call(author.books, "add", Author(pk=1))


async def test_rows_that_may_stand_alone_are_freed(shop, mode):
    author = await ada(mode)
    foreign = await mode.call(Review.objects, "get", pk=1)
    with pytest.raises(DoesNotExist, match="does not belong"):
        await mode.call(author.reviews, "remove", foreign)
    await mode.call(author.reviews, "remove", await mode.call(Review.objects, "get", pk=5))
    assert await mode.fetch(author.reviews.values_list("pk", flat=True)) == [9]
    await mode.call(author.reviews, "set", [foreign, await mode.call(Review.objects, "get", pk=2)])
    assert await mode.fetch(author.reviews.order_by("pk").values_list("pk", flat=True)) == [1, 2]
    await mode.call(author.reviews, "clear")
    assert await mode.call(author.reviews, "count") == 0
    assert await mode.call(Review.objects, "count") == 9


async def test_rows_that_may_not_stand_alone_cannot_be_freed(shop, mode):
    author = await ada(mode)
    for verb in ("remove", "clear"):
        assert not hasattr(author.books, verb)
        with pytest.raises(AttributeError, match="null"):
            getattr(author.books, verb)


async def test_a_set_that_fails_changes_nothing(shop, mode):
    publisher = await mode.call(Publisher.objects, "get", pk=1)
    before = await mode.fetch(publisher.books.order_by("pk").values_list("pk", flat=True))
    for bad, error in [(Book(title="unsaved"), ValueError), (Author(pk=1), TypeError)]:
        with pytest.raises(error):
            await mode.call(publisher.books, "set", [await mode.call(Book.objects, "get", pk=2), bad])
        assert await mode.fetch(publisher.books.order_by("pk").values_list("pk", flat=True)) == before
        with pytest.raises(error):
            await mode.call(publisher.books, "set", [await mode.call(Book.objects, "get", pk=2), bad], clear=True)
        assert await mode.fetch(publisher.books.order_by("pk").values_list("pk", flat=True)) == before
    async with mode.atomic():
        with pytest.raises((ValueError, IntegrityError)):
            await mode.call(
                publisher.books, "add", await mode.call(Book.objects, "get", pk=2), Book(title="x"), bulk=False
            )
        await mode.call(publisher.books, "add", await mode.call(Book.objects, "get", pk=3))
    assert await mode.fetch(publisher.books.order_by("pk").values_list("pk", flat=True)) == [1, 3, 4]


async def test_an_unsaved_owner_owns_nothing(shop, mode, queries):
    with queries() as log:
        with pytest.raises(ValueError, match="save"):
            await mode.fetch(Author(name="x").books.all())
        with pytest.raises(ValueError, match="save"):
            await mode.call(Author(name="x").books, "create", title="t")
    assert log.count == 0


def test_the_manager_cannot_be_assigned_to(shop):
    author = Author.objects.get(pk=1)
    with pytest.raises(TypeError, match=r"set\("):
        author.books = []
    with pytest.raises(TypeError, match=r"set\("):
        author.clubs = []
