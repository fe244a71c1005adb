"""Conditions on the presence of related rows mean the same with and without an index, NULLs included."""

from __future__ import annotations

import random

import pytest

import dorm
from dorm import Case, F, Q, Value, When


class Node(dorm.Model):
    name = dorm.CharField(max_length=20)
    up = dorm.ForeignKey("self", on_delete=dorm.SET_NULL, null=True, related_name="below")


class WithIndex(dorm.Model):
    node = dorm.ForeignKey(Node, on_delete=dorm.CASCADE, null=True, related_name="things_indexed")
    size = dorm.IntegerField(null=True)


class Without(dorm.Model):
    node = dorm.ForeignKey(Node, on_delete=dorm.CASCADE, null=True, related_name="things_bare", db_index=False)
    size = dorm.IntegerField(null=True)


pytestmark = pytest.mark.models([Node, WithIndex, Without])

CONDITIONS = {
    "some": lambda t: Q(**{f"{t}__isnull": False}),
    "none": lambda t: Q(**{t: None}),
    "not some": lambda t: ~Q(**{f"{t}__isnull": False}),
    "excluded": lambda t: ~Q(**{f"{t}__size": 3}),
    "excluded twice": lambda t: ~~Q(**{f"{t}__size": 3}),
    "excluded null": lambda t: ~Q(**{f"{t}__size": None}),
    "excluded not null": lambda t: ~Q(**{f"{t}__size__isnull": False}),
    "excluded with another": lambda t: ~Q(**{f"{t}__size": 3, "name": "n2"}),
    "either": lambda t: Q(**{f"{t}__isnull": False}) | Q(name="n1"),
    "neither": lambda t: ~(Q(**{f"{t}__size__gt": 2}) | Q(name="n1")),
    "one of two": lambda t: Q(**{f"{t}__isnull": False}) ^ Q(name__gt="n3"),
    "a column of the row": lambda t: ~Q(**{f"{t}__size": F("pk")}),
    "of a row that may be missing": lambda t: Q(**{f"up__{t}__isnull": False}),
    "none of a row that may be missing": lambda t: Q(**{f"up__{t}__isnull": True}),
    "excluded of a row that may be missing": lambda t: ~Q(**{f"up__{t}__size": 3}),
    "two steps": lambda t: ~Q(**{f"below__{t}__size": 3}),
    "two steps, none": lambda t: Q(**{f"below__{t}": None}),
    "round the corner": lambda t: ~Q(**{f"{t}__node__up__{t}__size": 2}),
}


@pytest.fixture
def tree(database):
    dice = random.Random(5)
    for number in range(12):
        above = Node.objects.order_by("?").first() if number % 3 else None
        Node.objects.create(name=f"n{number % 6}", up=above)
    keys = [*Node.objects.values_list("pk", flat=True)]
    for _ in range(14):
        key, size = dice.choice([*keys[:7], None]), dice.choice([None, 1, 2, 3, 4])
        WithIndex.objects.create(node_id=key, size=size)
        Without.objects.create(node_id=key, size=size)
    return database


@pytest.mark.parametrize("name", CONDITIONS)
def test_the_rows_are_the_same(tree, name):
    indexed, bare = (CONDITIONS[name](f"things_{kind}") for kind in ("indexed", "bare"))

    def keys(queryset):
        return sorted(set(queryset.values_list("pk", flat=True)))

    found = keys(Node.objects.filter(bare))
    assert found == keys(Node.objects.filter(indexed))
    # what exclude() gives is the rest, so no condition was NULL for any row
    assert sorted(found + keys(Node.objects.exclude(bare))) == keys(Node.objects.all())


@pytest.mark.parametrize("name", ["some", "none", "either", "of a row that may be missing"])
def test_a_value_made_of_it_is_the_same(tree, name):
    def flags(condition):
        flag = Case(When(condition, then=Value(1)), default=Value(0))
        return [*Node.objects.annotate(flag=flag).order_by("pk").values_list("pk", "flag")]

    assert flags(CONDITIONS[name]("things_bare")) == flags(CONDITIONS[name]("things_indexed"))
