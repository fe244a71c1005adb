"""Lazy access in async code: where it raises, where it warns, where it is fine."""

from __future__ import annotations

import sys
import warnings

import pytest

import dorm
from dorm.query.run import lazy_access


class Author(dorm.Model):
    name = dorm.CharField(max_length=20)
    bio = dorm.TextField(default="-")


class Book(dorm.Model):
    author = dorm.ForeignKey(Author, dorm.CASCADE)


class Profile(dorm.Model):
    author = dorm.OneToOneField(Author, dorm.CASCADE, related_name="profile")


pytestmark = pytest.mark.models(Author, Book, Profile)


@pytest.fixture
def rows(database):
    ada = Author.objects.create(name="Ada")
    Book.objects.create(author=ada)
    Profile.objects.create(author=ada)
    lazy_access._warned.clear()
    yield
    lazy_access._warned.clear()


async def finish():
    await dorm.db.connection.close_all_async()


async def test_it_warns_once_per_attribute_and_names_the_remedies(rows):
    first, second = await Book.objects.aget(), await Book.objects.aget()
    with pytest.warns(
        dorm.LazyLoadWarning, match=r"Book.author.*select_related\('author'\).*aload\('author'\)"
    ) as caught:
        assert "Ada" == first.author.name
    assert __file__ == caught[0].filename
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "Ada" == second.author.name
    with pytest.warns(dorm.LazyLoadWarning, match="Author.bio"):
        assert "-" == (await Author.objects.only("name").aget()).bio
    with pytest.warns(dorm.LazyLoadWarning, match="Author.profile"):
        (await Author.objects.aget()).profile
    await finish()


async def test_it_raises_inside_an_open_block(rows):
    async with dorm.transaction.aatomic():
        book = await Book.objects.aget()
        with pytest.raises(dorm.LazyLoadError, match=r"aatomic.*dorm\.run"):
            book.author
        await book.aload("author")
        assert "Ada" == book.author.name
    await finish()


async def test_the_setting_decides_elsewhere(rows):
    book = await Book.objects.aget()
    dorm.configure(ASYNC_LAZY="raise")
    with pytest.raises(dorm.LazyLoadError, match="ASYNC_LAZY"):
        book.author
    dorm.configure(ASYNC_LAZY="sometimes")
    with pytest.raises(dorm.ImproperlyConfigured, match="sometimes"):
        book.author
    dorm.configure(ASYNC_LAZY="allow")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "Ada" == book.author.name
    await finish()


async def test_a_notebook_is_not_warned(rows, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    book = await Book.objects.aget()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "Ada" == book.author.name
    await finish()


async def test_inside_the_bridge_it_just_runs(rows):
    dorm.configure(ASYNC_LAZY="raise")
    book = await Book.objects.aget()
    async with dorm.transaction.aatomic():
        assert "Ada" == await dorm.run(lambda: book.author.name)
    await finish()


async def test_in_inline_mode_it_just_runs(rows):
    dorm.configure(ASYNC_LAZY="raise")
    with dorm.inline():
        book = await Book.objects.aget()
        assert "Ada" == book.author.name


def test_without_a_loop_it_just_runs(rows):
    dorm.configure(ASYNC_LAZY="raise")
    assert "Ada" == Book.objects.get().author.name


class Tag(dorm.Model):
    books = dorm.ManyToManyField(Book, related_name="tags")


@pytest.mark.models(Author, Book, Profile, Tag)
async def test_many_rows_follow_the_same_rule(rows):
    dorm.configure(ASYNC_LAZY="warn")
    author, book = await Author.objects.aget(), await Book.objects.aget()
    with pytest.warns(dorm.LazyLoadWarning, match=r"Author.book_set.*prefetch_related\('book_set'\)"):
        assert [book] == list(author.book_set.all())
    with pytest.warns(dorm.LazyLoadWarning, match="Book.tags"):
        assert 0 == book.tags.filter(pk=1).count()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [book] == await author.book_set.all()
        assert [] == [tag async for tag in book.tags.all()]
        assert 1 == await author.book_set.acount()
    dorm.configure(ASYNC_LAZY="raise")
    for read in (list, len, bool, lambda books: books.first(), lambda books: books.exists()):
        with pytest.raises(dorm.LazyLoadError, match=r"Author.book_set.*aload\('book_set'\)"):
            read(author.book_set.all())
    await author.aload("book_set")
    assert [book] == list(author.book_set.all())
    await finish()


@pytest.mark.models(Author, Book, Profile, Tag)
async def test_many_rows_raise_inside_an_open_block(rows):
    dorm.configure(ASYNC_LAZY="allow")
    async with dorm.transaction.aatomic():
        author, book = await Author.objects.aget(), await Book.objects.aget()
        for read in (lambda: list(author.book_set.all()), lambda: book.tags.count(), lambda: author.book_set.add(book)):
            with pytest.raises(dorm.LazyLoadError, match="aatomic"):
                read()
        assert [book] == await dorm.run(lambda: list(author.book_set.all()))
    await finish()


async def test_a_notebook_without_an_open_block_reads_as_it_likes(rows, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    author = await Author.objects.aget()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert 1 == len(author.book_set.all())
        assert "Ada" == Book.objects.get().author.name
    await finish()
