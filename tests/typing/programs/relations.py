"""Foreign keys, one-to-one and many-to-many, forward and back."""

from __future__ import annotations

from typing import Any

from typing_extensions import assert_type

import dorm
from dorm import ForeignKey, RelatedManager
from dorm.models import ManyRelatedManager


class Author(dorm.Model):
    name = dorm.CharField(max_length=10)
    mentor = dorm.ForeignKey("self", on_delete=dorm.SET_NULL, null=True)

    books: RelatedManager["Book"]
    profile: dorm.OneToOneField["Profile"]


class Profile(dorm.Model):
    author = dorm.OneToOneField(Author, on_delete=dorm.CASCADE, related_name="profile")
    bio = dorm.TextField()


class Tag(dorm.Model):
    label = dorm.CharField(max_length=10)
    books: RelatedManager["Book"]


class Book(dorm.Model):
    title = dorm.CharField(max_length=10)
    author = dorm.ForeignKey(Author, on_delete=dorm.CASCADE, related_name="books")
    editor = dorm.ForeignKey(Author, on_delete=dorm.SET_NULL, null=True, related_name="edited")
    tags = dorm.ManyToManyField(Tag, related_name="books")
    sequel_of = dorm.ForeignKey(lambda: Book, on_delete=dorm.SET_NULL, null=True)
    review: ForeignKey[Review] = ForeignKey("Review", on_delete=dorm.CASCADE)


class Review(dorm.Model):
    stars = dorm.IntegerField()
    readers = dorm.ManyToManyField("Reader")
    critics: dorm.ManyToManyField["Reader"] = dorm.ManyToManyField("Reader", related_name="criticised")
    friends = dorm.ManyToManyField(lambda: Reader, related_name="befriended")


class Reader(dorm.Model):
    name = dorm.CharField(max_length=10)


def forward(book: Book, profile: Profile) -> None:
    assert_type(book.author, Author)
    assert_type(book.editor, Author | None)
    assert_type(book.author.name, str)
    assert_type(book.sequel_of, Book | None)
    assert_type(book.review, Review)
    assert_type(book.review.stars, int)
    assert_type(profile.author, Author)
    book.editor = None
    book.editor.name  # error
    book.author = None  # error
    book.author = profile  # error
    book.author.naem  # error


def backward(author: Author, tag: Tag) -> None:
    for book in author.books.all():
        assert_type(book, Book)
    assert_type(author.books.first(), Book | None)
    assert_type(author.books.create(title="x"), Book)
    assert_type(tag.books.filter(title="x").get(), Book)
    author.books = []  # error
    author.bokos.all()  # error


def many(book: Book, tag: Tag) -> None:
    book.tags.add(tag)
    book.tags.set([tag])
    assert_type(book.tags.first(), Tag | None)
    for one in book.tags.all():
        assert_type(one, Tag)
        one.labl  # error


async def many_async(book: Book, tag: Tag) -> None:
    await book.tags.aadd(tag)
    await book.tags.aset([tag])
    assert_type(await book.tags.afirst(), Tag | None)
    async for one in book.tags.all():
        assert_type(one, Tag)


def many_named_by_text(review: Review) -> None:
    assert_type(review.readers, ManyRelatedManager[Any])
    assert_type(review.critics, ManyRelatedManager[Reader])
    assert_type(review.friends, ManyRelatedManager[Reader])
    review.readers.add(1)
    review.readers.ad(1)  # error
    Review.objects.filter(Review.readers[Reader.name] == "Ada")
    Review.objects.filter(Review.critics[Reader.name] == "Ada")
