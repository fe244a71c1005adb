"""How many statements each verb may send: no more, and no fewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import dorm
from dorm import Count, Prefetch


class Zoo(dorm.Model):
    name = dorm.CharField(max_length=20)


class Animal(dorm.Model):
    name = dorm.CharField(max_length=20)
    age = dorm.IntegerField(default=0)
    zoo = dorm.ForeignKey(Zoo, on_delete=dorm.CASCADE, related_name="animals")
    friends = dorm.ManyToManyField("self", related_name="befriended")


class Leash(dorm.Model):
    code = dorm.CharField(max_length=20, unique=True)
    length = dorm.IntegerField(default=0)


pytestmark = pytest.mark.models([Zoo, Animal, Leash])


def world() -> None:
    zoos = Zoo.objects.bulk_create([Zoo(name=f"z{n}") for n in range(3)])
    animals = Animal.objects.bulk_create([Animal(name=f"a{n}", zoo=zoos[n % 3]) for n in range(9)])
    animals[0].friends.add(animals[1], animals[2])
    Leash.objects.create(code="a", length=1)


A, Z, L = Animal.objects, Zoo.objects, Leash.objects


def related(zoo: Any) -> list[Any]:
    return list(zoo.animals.all())


READS: dict[str, tuple[int, Callable[[], Any]]] = {
    "list": (1, lambda: list(A.all())),
    "a queryset twice": (1, lambda: [rows := A.all(), list(rows), list(rows), len(rows), bool(rows), rows.count(), rows.exists(), rows[0]]),
    "get": (1, lambda: A.get(name="a1")),
    "get_or_none": (1, lambda: A.get_or_none(name="nobody")),
    "first": (1, lambda: A.first()),
    "last": (1, lambda: A.last()),
    "latest": (1, lambda: A.latest("pk")),
    "index": (1, lambda: A.order_by("pk")[3]),
    "count": (1, lambda: A.count()),
    "exists": (1, lambda: A.exists()),
    "aggregate": (1, lambda: A.aggregate(Count("pk"))),
    "in_bulk": (1, lambda: A.in_bulk([1, 2])),
    "in_bulk of nothing": (0, lambda: A.in_bulk([])),
    "contains": (1, lambda: A.contains(Animal(pk=1))),
    "an empty list": (0, lambda: list(A.filter(pk__in=[]))),
    "none": (0, lambda: [list(A.none()), A.none().count(), A.none().exists(), A.none().first(), A.none().aggregate(n=Count("pk"))]),
    "an empty slice": (0, lambda: list(A.all()[3:3])),
    "iterator": (1, lambda: list(A.iterator(chunk_size=2))),
    "explain": (1, lambda: A.explain()),
    "raw": (1, lambda: list(A.raw("SELECT * FROM test_statement_budgets_animal"))),
    "a subquery": (1, lambda: list(A.filter(zoo__in=Z.filter(name="z1")))),
    "an evaluated queryset in a filter": (2, lambda: [rows := Z.all(), list(rows), list(A.filter(zoo__in=rows))]),
    "union": (1, lambda: list(A.all().union(A.all()))),
    "select_related": (1, lambda: [a.zoo.name for a in A.select_related("zoo")]),
    "prefetch_related": (2, lambda: [related(z) for z in Z.prefetch_related("animals")]),
    "nested prefetch": (3, lambda: [list(a.friends.all()) for z in Z.prefetch_related("animals__friends") for a in z.animals.all()]),
    "prefetch of nothing": (1, lambda: list(Z.filter(name="x").prefetch_related("animals"))),
    "Prefetch": (2, lambda: [z.young for z in Z.prefetch_related(Prefetch("animals", A.filter(age=0), to_attr="young"))]),
    "streamed prefetch, a query per chunk": (3, lambda: list(Z.prefetch_related("animals").iterator(chunk_size=2))),
    "a foreign key, once": (2, lambda: [a := A.get(pk=1), a.zoo, a.zoo]),
    "a foreign key's number": (1, lambda: A.get(pk=1).zoo_id),
    "a reverse relation knows its owner": (2, lambda: [a.zoo.name for a in Z.get(pk=1).animals.all()]),
    "a deferred field, once": (2, lambda: [a := A.only("name").get(pk=1), a.age, a.age]),
    "refresh_from_db": (2, lambda: A.get(pk=1).refresh_from_db()),
}  # fmt: skip
WRITES: dict[str, tuple[int, Callable[[], Any]]] = {
    "create": (1, lambda: Z.create(name="x")),
    "create of something unique": (1, lambda: L.create(code="b")),
    "save of a new row": (1, lambda: Zoo(name="x").save()),
    "save of a loaded row": (2, lambda: A.get(pk=1).save()),
    "get_or_create, found": (1, lambda: L.get_or_create(code="a")),
    "get_or_create, made": (2, lambda: L.get_or_create(code="b")),
    "update_or_create, found": (2, lambda: L.update_or_create(code="a", defaults={"length": 2})),
    "update_or_create, made": (2, lambda: L.update_or_create(code="b", defaults={"length": 2})),
    "update": (1, lambda: A.filter(age=0).update(age=1)),
    "update over a join": (1, lambda: A.filter(zoo__name="z1").update(age=1)),
    "update of nothing": (0, lambda: A.none().update(age=1)),
    "delete of rows nobody refers to": (1, lambda: L.all().delete()),
    "delete of nothing": (0, lambda: L.none().delete()),
    "instance delete nobody refers to": (2, lambda: L.get(code="a").delete()),
    "bulk_create": (1, lambda: Z.bulk_create([Zoo(name=str(n)) for n in range(50)])),
    "bulk_create in batches": (5, lambda: Z.bulk_create([Zoo(name=str(n)) for n in range(50)], batch_size=10)),
    "bulk_create of nothing": (0, lambda: Z.bulk_create([])),
    "bulk_update": (1, lambda: Z.bulk_update([Zoo(pk=n, name="x") for n in (1, 2, 3)], ["name"])),
    "bulk_update of nothing": (0, lambda: Z.bulk_update([], ["name"])),
    "upsert": (1, lambda: L.upsert([Leash(code="a", length=5), Leash(code="z", length=6)], ["code"])),
    "add": (1, lambda: Animal(pk=4, zoo_id=1).friends.add(5, 6)),
    "clear": (1, lambda: Animal(pk=1, zoo_id=1).friends.clear()),
}


def counted(table: dict[str, tuple[int, Callable[[], Any]]], queries: Any) -> dict[str, tuple[int, int, list[str]]]:
    """What sent another number of statements than it may: label -> (allowed, sent, texts)."""
    wrong = {}
    for label, (allowed, work) in table.items():
        with queries() as log:
            work()
        if log.count != allowed:
            wrong[label] = (allowed, log.count, log.sql)
    return wrong


def test_reading_verbs_send_what_they_must(database, queries):
    world()
    assert counted(READS, queries) == {}


@pytest.mark.parametrize("label", WRITES)
def test_a_writing_verb_sends_what_it_must(label, database, queries):
    world()
    assert counted({label: WRITES[label]}, queries) == {}


def test_describing_a_query_sends_nothing(database, queries):
    with queries() as log:
        rows = A.filter(zoo__name="x").exclude(age=1).annotate(n=Count("friends")).order_by("-n")[:3]
        str(rows.state)
        Z.filter(animals__in=rows)
        rows.union(rows)
    assert log.count == 0


def test_one_statement_outside_a_transaction_has_no_begin_and_no_commit(database, queries):
    world()
    with queries() as log:
        list(A.all())
        A.filter(pk=1).update(age=2)
        Z.create(name="x")
    assert log.control == []


def test_a_cascade_costs_the_same_for_many_rows_as_for_few(database, queries):
    def cost(number: int) -> int:
        zoo = Z.create(name="x")
        A.bulk_create([Animal(name=str(n), zoo=zoo) for n in range(number)])
        with queries() as log:
            total, _ = Z.filter(pk=zoo.pk).delete()
        assert total == number + 1
        return log.count

    assert cost(2) == cost(200)
