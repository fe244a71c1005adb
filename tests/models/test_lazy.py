"""Lazy access in async code: where it raises, where it warns, where it is fine."""

from __future__ import annotations

import sys
import warnings

import pytest

import dorm
from dorm.models import lazy


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
    lazy._warned.clear()
    yield
    lazy._warned.clear()


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
