"""Conditions on the class (`Author.age >= 18`) are the very conditions that keyword lookups make."""

from __future__ import annotations

from typing import Any

import pytest

import dorm
from dorm import Coalesce, F, Q, Value


class Author(dorm.Model):
    name = dorm.CharField(max_length=20)
    age = dorm.IntegerField(null=True)


class Book(dorm.Model):
    title = dorm.CharField(max_length=20)
    author = dorm.ForeignKey(Author, on_delete=dorm.CASCADE)


pytestmark = pytest.mark.models([Author, Book])
NAME: Any = Author.name
AGE: Any = Author.age
OVER: Any = Book.author[Author.age]

SAME: dict[str, tuple[Any, Any]] = {
    "==": (AGE == 18, Q(age=18)),
    "!=": (AGE != 18, ~Q(age=18)),
    "<": (AGE < 18, Q(age__lt=18)),
    "<=": (AGE <= 18, Q(age__lte=18)),
    ">": (AGE > 18, Q(age__gt=18)),
    ">=": (AGE >= 18, Q(age__gte=18)),
    "in_": (AGE.in_([1, 2]), Q(age__in=[1, 2])),
    "is_in": (AGE.is_in([1, 2]), Q(age__in=[1, 2])),
    "between": (AGE.between(1, 2), Q(age__range=(1, 2))),
    "isnull": (AGE.isnull(), Q(age__isnull=True)),
    "is not null": (AGE.isnull(False), Q(age__isnull=False)),
    "iexact": (NAME.iexact("a"), Q(name__iexact="a")),
    "contains": (NAME.contains("a"), Q(name__contains="a")),
    "icontains": (NAME.icontains("a"), Q(name__icontains="a")),
    "startswith": (NAME.startswith("a"), Q(name__startswith="a")),
    "istartswith": (NAME.istartswith("a"), Q(name__istartswith="a")),
    "endswith": (NAME.endswith("a"), Q(name__endswith="a")),
    "iendswith": (NAME.iendswith("a"), Q(name__iendswith="a")),
    "regex": (NAME.regex("a"), Q(name__regex="a")),
    "iregex": (NAME.iregex("a"), Q(name__iregex="a")),
    "over a relation": (OVER >= 18, Q(author__age__gte=18)),
    "+": (AGE + 1, F("age") + 1),
    "reflected +": (1 + AGE, 1 + F("age")),
    "-": (AGE - 1, F("age") - 1),
    "reflected -": (1 - AGE, 1 - F("age")),
    "*": (AGE * 2, F("age") * 2),
    "reflected *": (2 * AGE, 2 * F("age")),
    "/": (AGE / 2, F("age") / 2),
    "reflected /": (2 / AGE, 2 / F("age")),
    "%": (AGE % 2, F("age") % 2),
    "**": (AGE**2, F("age") ** 2),
    "unary -": (-AGE, -F("age")),
    "asc": (AGE.asc(nulls_last=True), F("age").asc(nulls_last=True)),
    "desc": (AGE.desc(), F("age").desc()),
    "coalesce": (AGE.coalesce(0), F("age").coalesce(0)),
    "apply": (AGE.apply(Coalesce, Value(0)), F("age").apply(Coalesce, Value(0))),
}


@pytest.mark.parametrize("operator", SAME)
def test_a_path_builds_what_names_build(operator):
    path, names = SAME[operator]
    assert path == names
    assert repr(path) == repr(names)


def test_columns_compare_as_a_condition_and_are_found_in_lists():
    assert isinstance(AGE == NAME, Q)
    assert AGE in [NAME, AGE]
    assert AGE not in [NAME, Book.title]


async def test_a_path_filters_sorts_and_updates(database, mode):
    ada = await mode.call(Author.objects, "create", name="Ada", age=36)
    await mode.call(Author.objects, "create", name="Grace", age=85)
    await mode.call(Book.objects, "create", title="Notes", author=ada)
    assert [a.name for a in await mode.fetch(Author.objects.filter(AGE >= 36).order_by(AGE.desc()))] == ["Grace", "Ada"]
    assert await mode.call(Book.objects.filter(OVER < 40), "count") == 1
    assert await mode.call(Author.objects.filter(NAME == "Ada"), "update", AGE.set(AGE + 1)) == 1
    assert (await mode.call(Author.objects, "get", pk=ada.pk)).age == 37
