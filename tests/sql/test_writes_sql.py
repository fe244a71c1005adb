"""Every writing verb: how many statements it sends, and their text and parameters, per database."""

from __future__ import annotations

from typing import Any

import pytest

import dorm
from dorm import F, Value
from dorm.functions import Upper


class Owner(dorm.Model):
    name = dorm.CharField(max_length=20)

    class Meta:
        db_table = "owner"


class Cat(dorm.Model):
    name = dorm.CharField(max_length=20, unique=True)
    age = dorm.IntegerField(null=True)
    owner = dorm.ForeignKey(Owner, on_delete=dorm.CASCADE, null=True, related_name="cats")

    class Meta:
        db_table = "cat"


class Counter(dorm.Model):
    class Meta:
        db_table = "counter"


pytestmark = pytest.mark.models([Owner, Cat, Counter])


def cats(*names: str) -> list[Cat]:
    return [Cat(name=name) for name in names]


def sent(log: Any) -> list[tuple[str, list[Any]]]:
    """The statements on one line each, marks as ``?`` without casts, and their parameters."""
    found = []
    for one in log.queries:
        text = " ".join(one.sql.split())
        for kind in ("BIGINT", "INTEGER", "VARCHAR"):
            text = text.replace(f"%s::{kind}", "?")
        found.append((text.replace("%s", "?"), list(one.params or ())))
    return found


NEW = 'INSERT INTO "cat" ("name", "age", "owner_id") VALUES (?, ?, ?) RETURNING "id"'


def test_create_is_one_insert(database, queries):
    with queries() as log:
        made = Owner.objects.create(name="Ada")
    assert made.pk == 1
    assert [(sql.replace('"owner"."id"', '"id"'), params) for sql, params in sent(log)] == [
        ('INSERT INTO "owner" ("name") VALUES (?) RETURNING "id"', ["Ada"])
    ]


def test_a_row_of_defaults_is_inserted_as_such(database, queries):
    with queries() as log:
        assert Counter.objects.create().pk == 1
    ((sql, params),) = sent(log)
    assert sql.replace('"counter"."id"', '"id"') == 'INSERT INTO "counter" DEFAULT VALUES RETURNING "id"'
    assert params == []


def test_save_updates_all_columns_by_key(database, queries):
    cat = Cat.objects.create(name="Tom", age=3)
    with queries() as log:
        cat.save()
    assert sent(log)[-1] == (
        'UPDATE "cat" SET "name"=?, "age"=?, "owner_id"=? WHERE "cat"."id" = ?',
        ["Tom", 3, None, 1],
    )


def test_save_of_named_fields_updates_these(database, queries):
    cat = Cat.objects.create(name="Tom", age=3)
    cat.age = 4
    with queries() as log:
        cat.save(update_fields=["age"])
    assert sent(log) == [('UPDATE "cat" SET "age"=? WHERE "cat"."id" = ?', [4, 1])]


UPDATES: dict[str, tuple[Any, dict[str, Any], str, list[Any]]] = {
    "a value": (lambda: Cat.objects.filter(age=1), {"age": 2}, 'SET "age"=? WHERE "cat"."age" = ?', [2, 1]),
    "NULL": (lambda: Cat.objects.all(), {"age": None}, 'SET "age"=?', [None]),
    "arithmetic": (lambda: Cat.objects.all(), {"age": F("age") + 1}, 'SET "age"=("cat"."age" + ?)', [1]),
    "a function": (
        lambda: Cat.objects.filter(pk=1),
        {"name": Upper("name")},
        'SET "name"=upper("cat"."name") WHERE "cat"."id" = ?',
        [1],
    ),
    "over a join": (
        lambda: Cat.objects.filter(owner__name="Ada"),
        {"age": 2},
        'SET "age"=? WHERE "cat"."id" IN (SELECT cat_2."id" FROM "cat" AS cat_2 JOIN "owner" ON "owner"."id" = '
        'cat_2."owner_id" WHERE "owner"."name" = ?)',
        [2, "Ada"],
    ),
}


@pytest.mark.parametrize("name", UPDATES)
def test_update_is_one_statement(name, database, queries):
    make, values, sql, params = UPDATES[name]
    with queries() as log:
        assert make().update(**values) == 0
    ((text, found),) = sent(log)
    text = text.replace("dorm_upper", "upper").replace('SET "age"=NULL', 'SET "age"=?')
    assert text == f'UPDATE "cat" {sql}'
    assert found == params or (name == "NULL" and found == [])


def test_delete_of_rows_nobody_refers_to_is_one_statement(database, queries):
    with queries() as log:
        assert Cat.objects.filter(age__gt=1).delete() == (0, {})
    assert sent(log) == [('DELETE FROM "cat" WHERE "cat"."age" > ?', [1])]


def test_bulk_create_is_one_statement_of_any_length(database, queries):
    with queries() as log:
        made = Cat.objects.bulk_create([Cat(name=f"n{n}", age=n) for n in range(300)])
    assert [cat.pk for cat in made] == list(range(1, 301))
    ((sql, params),) = sent(log)
    if database.vendor == "sqlite":
        assert sql == NEW.replace("(?, ?, ?)", ", ".join(["(?, ?, ?)"] * 300))
        assert params == [part for n in range(300) for part in (f"n{n}", n, None)]
    else:
        assert sql.startswith('INSERT INTO "cat" ("name", "age", "owner_id") SELECT')
        assert sql.count("%b::") == 3
        assert params == [[f"n{n}" for n in range(300)], list(range(300)), [None] * 300]


def test_bulk_create_that_ignores_conflicts_says_so(database, queries):
    Cat.objects.create(name="Tom")
    with queries() as log:
        Cat.objects.bulk_create(cats("Tom", "Kim"), ignore_conflicts=True)
    ((sql, _),) = sent(log)
    assert sql.endswith(" ON CONFLICT DO NOTHING")
    assert sorted(Cat.objects.values_list("name", flat=True)) == ["Kim", "Tom"]


def test_upsert_is_one_statement_that_names_the_conflict(database, queries):
    Cat.objects.create(name="Tom", age=1)
    with queries() as log:
        Cat.objects.upsert([Cat(name="Tom", age=9), Cat(name="Kim", age=8)], ["name"], update_fields=["age"])
    ((sql, _),) = sent(log)
    assert ' ON CONFLICT ("name") DO UPDATE SET "age" = excluded."age" RETURNING ' in sql.replace(
        "age = excluded.age", '"age" = excluded."age"'
    )
    assert dict(Cat.objects.values_list("name", "age")) == {"Tom": 9, "Kim": 8}


def test_bulk_update_is_one_statement_per_batch(database, queries):
    rows = Cat.objects.bulk_create(cats("a", "b", "c"))
    for row in rows:
        row.age = row.pk * 10
    with queries() as log:
        assert Cat.objects.bulk_update(rows, ["age"]) == 3
    assert log.count == 1
    assert sent(log)[0][0].replace('"', "").startswith("UPDATE cat SET age=CASE cat.id WHEN ? THEN ?")
    with queries() as log:
        assert Cat.objects.bulk_update(rows, ["age"], batch_size=2) == 3
    assert log.count == 2
    assert dict(Cat.objects.values_list("name", "age")) == {"a": 10, "b": 20, "c": 30}


def test_values_of_an_update_are_bound_not_written(database, queries):
    Cat.objects.create(name="Tom")
    hostile = "'; DROP TABLE c;--"
    with queries() as log:
        Cat.objects.filter(name="Tom").update(name=Value(hostile))
        Cat.objects.filter(name=hostile).update(name="x")
        Cat.objects.bulk_update([Cat(pk=1, name=hostile)], ["name"])
        Cat.objects.bulk_create([Cat(name="y" + hostile), Cat(name="z" + hostile)])
    assert log.count == 4
    assert not log.containing("drop table")
