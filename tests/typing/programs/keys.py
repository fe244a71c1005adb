"""Primary keys: the implicit one, declared ones, and the key of a relation."""

from __future__ import annotations

import uuid

from typing_extensions import assert_type

import dorm
from dorm import Field


class Author(dorm.Model):
    name = dorm.CharField(max_length=10)


class Document(dorm.Model):
    id = dorm.UUIDField(primary_key=True)


class Country(dorm.Model):
    code = dorm.CharField(max_length=2, primary_key=True)


class Exact(dorm.Model):
    id = dorm.AutoField(primary_key=True)


class Book(dorm.Model):
    author = dorm.ForeignKey(Author, on_delete=dorm.CASCADE)
    author_id: Field[int]


class Plain(dorm.Model):
    author = dorm.ForeignKey(Author, on_delete=dorm.CASCADE, null=True)
    author_id: int | None


def keys(author: Author, document: Document, country: Country, exact: Exact, book: Book, plain: Plain) -> None:
    assert_type(document.id, uuid.UUID)
    assert_type(country.code, str)
    assert_type(exact.id, int)
    assert_type(book.author_id, int)
    assert_type(plain.author_id, int | None)
    book.author_id = 3
    plain.author_id = None
    book.author_id = "three"  # error
    plain.author_id = "three"  # error


def implicit(author: Author) -> int:
    return author.id


def mistaken(author: Author) -> None:
    author.id.upper()  # error
