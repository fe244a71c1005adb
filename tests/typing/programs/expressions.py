"""Conditions written on the class: name, operand, method and model are checked."""

from __future__ import annotations

from typing_extensions import assert_type

import dorm
from dorm import Count, Field, Q, RelatedManager


class Person(dorm.Model):
    name = dorm.CharField(max_length=10)

    class Meta:
        abstract = True


class Author(Person):
    age = dorm.IntegerField()
    nick = dorm.CharField(max_length=10, null=True)
    books: RelatedManager["Book"]


class Book(dorm.Model):
    title = dorm.CharField(max_length=10)
    pages = dorm.IntegerField()
    author = dorm.ForeignKey(Author, on_delete=dorm.CASCADE, related_name="books")
    editor = dorm.ForeignKey(Author, on_delete=dorm.SET_NULL, null=True)
    author_id: Field[int]


def accepted() -> None:
    assert_type(Author.age >= 18, Q[Author])
    Author.objects.filter(Author.age >= 18)
    Author.objects.filter(Author.age > Author.age + 1)
    Author.objects.filter((Author.age < 3) | ~(Author.name == "x"))
    Author.objects.filter(Author.name.icontains("a"), Author.nick.startswith("b"))
    Author.objects.filter(Author.nick.isnull())
    Author.objects.filter(Author.age.in_([1, 2]))
    Author.objects.filter(Author.age.between(1, 5))
    Author.objects.filter(Q(age__gte=3) & (Author.age < 9))
    Author.objects.exclude(Author.name == "x").get(Author.age == 3)
    Book.objects.filter(Book.author[Author.age] >= 18)
    Book.objects.filter(Book.editor[Author.name] == "x")
    Book.objects.filter(Book.author_id == 3)
    Author.objects.filter(Author.books[Book.title] == "x")
    Book.objects.filter(Book.author[Author.books[Book.pages]] > 3)


def refused() -> None:
    Author.objects.filter(Author.aeg >= 18)  # error
    Author.objects.filter(Author.age >= "18")  # error
    Author.objects.filter(Author.name == 3)  # error
    Author.objects.filter(Author.age.icontains("1"))  # error
    Author.objects.filter(Book.title == "x")  # error
    Author.objects.get(Book.pages > 3)  # error
    Book.objects.filter(Book.author[Book.title] == "x")  # error
    Book.objects.filter(Book.author[Author.age] >= "x")  # error
    Author.objects.filter(Author.age.in_(["x"]))  # error


def rows() -> None:
    assert_type(Author.objects.values_list(Author.name, Author.age).get(), tuple[str, int])
    assert_type(Author.objects.values_list(Author.name, flat=True).get(), str)
    assert_type(Author.objects.values_list(Author.nick).first(), tuple[str | None] | None)
    assert_type(Author.objects.values_list(Author.name, Count(Author.books)).get(), tuple[str, int])
    Author.objects.values_list(Book.title)  # error


async def awaited() -> None:
    assert_type(await Author.objects.values_list(Author.name, Author.age), list[tuple[str, int]])
    assert_type(await Author.objects.aget(Author.age == 3), Author)


def written() -> None:
    Author.objects.update(Author.age.set(Author.age + 1))
    Author.objects.order_by(Author.age.desc(), Author.name.asc())
    Author.objects.update(Author.age.set("x"))  # error
