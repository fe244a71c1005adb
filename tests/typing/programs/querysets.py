"""A chain keeps its model and knows what its rows are."""

from __future__ import annotations

from typing import Any

from typing_extensions import assert_type

import dorm
from dorm import Count, F, Q, QuerySet


class Author(dorm.Model):
    name = dorm.CharField(max_length=10)
    age = dorm.IntegerField()
    active = dorm.BooleanField(default=True)


def chains() -> None:
    adults = Author.objects.filter(Q(age__gte=18) | Q(name="x"), active=True).exclude(name="").order_by("-age").distinct()
    assert_type(adults.first(), Author | None)
    assert_type(adults.last(), Author | None)
    assert_type(adults.get(pk=1), Author)
    assert_type(adults.get_or_none(pk=1), Author | None)
    assert_type(adults[0], Author)
    assert_type(adults[:3].first(), Author | None)
    assert_type(list(adults), list[Author])
    assert_type([one.name for one in adults], list[str])
    assert_type(adults.select_related("x").prefetch_related("y").only("name").defer("age").using("other").get(), Author)
    assert_type(adults.annotate(n=Count("pk")).get(), Author)
    assert_type(adults.reverse().none().all().first(), Author | None)


def results() -> None:
    assert_type(Author.objects.count(), int)
    assert_type(Author.objects.exists(), bool)
    assert_type(Author.objects.aggregate(n=Count("pk")), dict[str, Any])
    assert_type(Author.objects.create(name="x", age=1), Author)
    assert_type(Author.objects.get_or_create(name="x"), tuple[Author, bool])
    assert_type(Author.objects.update_or_create(name="x", defaults={"age": 3}), tuple[Author, bool])
    assert_type(Author.objects.bulk_create([Author(name="x", age=1)]), list[Author])
    assert_type(Author.objects.update(age=F("age") + 1), int)
    assert_type(Author.objects.delete(), tuple[int, dict[str, int]])
    assert_type(Author.objects.in_bulk([1, 2]), dict[Any, Author])
    assert_type(Author.objects.explain(), str)


def shapes() -> None:
    for row in Author.objects.values("name"):
        assert_type(row, dict[str, Any])
    for pair in Author.objects.values_list("name", "age"):
        assert_type(pair, tuple[Any, ...])
    for name in Author.objects.values_list("name", flat=True):
        assert_type(name, Any)
    assert_type(Author.objects.values("name").first(), dict[str, Any] | None)
    assert_type(list(Author.objects.filter(age=1).values("name")), list[dict[str, Any]])


def streams() -> None:
    for author in Author.objects.iterator(chunk_size=10):
        assert_type(author, Author)


def passed_on(queryset: QuerySet[Author]) -> QuerySet[Author]:
    return queryset.filter(age=1)


def accepts_managers() -> None:
    passed_on(Author.objects)
    passed_on(Author.objects.all())
    passed_on([])  # error


def mistakes() -> str:
    Author.objects.fliter(age=1)  # error
    Author.objects.get(pk=1).naem  # error
    Author.objects.filter(age=1).frist()  # error
    Author.objects.count().upper()  # error
    Author.objects.bulk_create(["x"])  # error
    return Author.objects.first().name  # error
