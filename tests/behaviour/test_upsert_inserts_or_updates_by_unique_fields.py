"""Upsert: what is written, what is kept, duplicates in one call, keys, order, and wrong arguments."""

from __future__ import annotations

import pytest

import dorm
from dorm import IntegrityError


class Stock(dorm.Model):
    sku = dorm.CharField(max_length=20, unique=True)
    amount = dorm.IntegerField(default=0, db_column="amt")
    note = dorm.CharField(max_length=20, default="")
    made = dorm.DateTimeField(auto_now_add=True)
    changed = dorm.DateTimeField(auto_now=True)


class Cell(dorm.Model):
    row = dorm.IntegerField()
    column = dorm.IntegerField()
    text = dorm.CharField(max_length=10, default="")

    class Meta:
        unique_together = [("row", "column")]


pytestmark = pytest.mark.models([Stock, Cell])
S = Stock.objects


async def stored(mode):
    return await mode.fetch(S.order_by("sku").values_list("sku", "amount", "note"))


async def test_upsert_inserts_or_updates_by_unique_fields(database, mode, queries):
    old = await mode.call(S, "create", sku="a", amount=1, note="old")
    with queries() as log:
        await mode.call(S, "upsert", [Stock(sku="a", amount=2, note="new"), Stock(sku="b", amount=3)], ["sku"])
    assert log.count == 1
    assert await stored(mode) == [("a", 2, "new"), ("b", 3, "")]
    row = await mode.call(S, "get", sku="a")
    assert row.pk == old.pk
    assert row.made == old.made
    assert row.changed > old.changed


async def test_only_the_update_fields_change(database, mode):
    await mode.call(S, "create", sku="a", amount=1, note="old")
    await mode.call(S, "upsert", [Stock(sku="a", amount=2, note="new")], ["sku"], update_fields=["amount"])
    assert await stored(mode) == [("a", 2, "old")]


async def test_returning_gives_the_stored_rows_in_the_order_given(database, mode):
    old = await mode.call(S, "create", sku="b", amount=1, note="kept")
    rows = await mode.call(
        S,
        "upsert",
        [Stock(sku="c", amount=3), Stock(sku="b", amount=2), Stock(sku="a", amount=1)],
        ["sku"],
        update_fields=["amount"],
        returning=True,
    )
    assert [(row.sku, row.amount, row.note) for row in rows] == [("c", 3, ""), ("b", 2, "kept"), ("a", 1, "")]
    assert rows[1].pk == old.pk
    assert len({row.pk for row in rows}) == 3
    assert not any(row._state.adding for row in rows)


async def test_the_last_of_duplicates_in_one_call_wins(database, mode):
    for batch_size in (1000, 1):
        await mode.call(S.all(), "delete")
        given = [Stock(sku="k", amount=1), Stock(sku="x", amount=9), Stock(sku="k", amount=2)]
        rows = await mode.call(S, "upsert", given, ["sku"], returning=True, batch_size=batch_size)
        assert await stored(mode) == [("k", 2, ""), ("x", 9, "")]
        assert len(rows) == 3
        assert rows[0].pk == rows[2].pk


async def test_several_columns_may_tell_which_row_is_meant(database, mode):
    await mode.call(Cell.objects, "create", row=1, column=2, text="old")
    cells = (Cell(row=1, column=column, text="new") for column in (2, 3))
    await mode.call(Cell.objects, "upsert", cells, ["row", "column"])
    assert await mode.fetch(Cell.objects.order_by("column").values_list("column", "text")) == [(2, "new"), (3, "new")]


async def test_the_key_may_tell_which_row_is_meant(database, mode):
    await mode.call(S, "create", pk=5, sku="a")
    await mode.call(S, "upsert", [Stock(pk=5, sku="b", amount=7)], ["id"])
    assert await stored(mode) == [("b", 7, "")]


async def test_another_clash_undoes_the_whole_call(database, mode):
    await mode.call(S, "create", pk=5, sku="a")
    with pytest.raises(IntegrityError):
        await mode.call(S, "upsert", [Stock(sku="new"), Stock(pk=5, sku="b")], ["sku"], batch_size=1)
    assert await stored(mode) == [("a", 0, "")]


async def test_wrong_arguments_are_refused_before_any_sql(database, mode, queries):
    with queries() as log:
        assert await mode.call(S, "upsert", [], ["sku"]) == []
        for match, unique, options in [
            ("unique_fields", [], {}),
            ("unique_fields", None, {}),
            ("skuu", ["skuu"], {}),
            ("amuont", ["sku"], {"update_fields": ["amuont"]}),
            ("positive", ["sku"], {"batch_size": 0}),
        ]:
            with pytest.raises(ValueError, match=match):
                await mode.call(S, "upsert", [Stock(sku="a")], unique, **options)
    assert log.count == 0
