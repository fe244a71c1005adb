"""The models of these tests, and what turns a queryset into text for both databases without a connection."""

from __future__ import annotations

from typing import Any

import dorm
from dorm.query.run.pipeline import sql_of

ENTRIES = {
    "default": {"ENGINE": "sqlite", "NAME": ":memory:"},
    "postgres": {"ENGINE": "postgresql", "HOST": "127.0.0.1", "PORT": 1, "NAME": "nowhere"},
}


class Press(dorm.Model):
    name = dorm.CharField(max_length=20)

    class Meta:
        db_table = "press"


class Author(dorm.Model):
    name = dorm.CharField(max_length=20)
    age = dorm.IntegerField(null=True)
    press = dorm.ForeignKey(Press, on_delete=dorm.CASCADE, null=True, related_name="authors")

    class Meta:
        db_table = "author"


class Tag(dorm.Model):
    word = dorm.CharField(max_length=20)

    class Meta:
        db_table = "tag"


class Book(dorm.Model):
    title = dorm.CharField(max_length=20)
    pages = dorm.IntegerField(default=0)
    author = dorm.ForeignKey(Author, on_delete=dorm.CASCADE, related_name="books")
    editor = dorm.ForeignKey(Author, on_delete=dorm.CASCADE, null=True, related_name="edited")
    tags = dorm.ManyToManyField(Tag, related_name="books", db_table="book_tags")

    class Meta:
        db_table = "book"


class Plain(dorm.Model):
    key = dorm.CharField(max_length=5, primary_key=True)
    n = dorm.IntegerField(null=True)

    class Meta:
        db_table = "plain"


P, A, B = Plain.objects, Author.objects, Book.objects

Text = tuple[str, tuple[Any, ...]]


def text(queryset: Any, alias: str, use: str = "rows") -> Text:
    """The statement on one line, and its parameters as they go to the driver."""
    sql, params = sql_of(queryset.state, alias, use)
    return " ".join(sql.split()), tuple(params)


def both(queryset: Any, use: str = "rows") -> tuple[Text, Text]:
    """SQLite's text and PostgreSQL's."""
    return text(queryset, "default", use), text(queryset, "postgres", use)


def shared(sql: str, kinds: str = "") -> tuple[str, str]:
    """One text for both databases: each ``?`` gets the PostgreSQL cast that ``kinds`` names, a letter each."""
    casts = {"n": "BIGINT", "t": "VARCHAR"}
    parts = sql.split("?")
    assert len(kinds) == len(parts) - 1, sql
    other = parts[0] + "".join(f"%s::{casts[kind]}{part}" for kind, part in zip(kinds, parts[1:], strict=True))
    return sql, other
