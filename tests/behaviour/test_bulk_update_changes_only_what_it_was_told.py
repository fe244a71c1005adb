"""bulk_update writes the named fields of the given rows inside the queryset, in one statement per batch."""

from __future__ import annotations

import pytest

import dorm
from dorm import F, Value


class Gauge(dorm.Model):
    name = dorm.CharField(max_length=20)
    level = dorm.IntegerField(null=True, db_column="lvl")
    changed = dorm.DateTimeField(auto_now=True)
    twin = dorm.ForeignKey("self", dorm.SET_NULL, null=True)


pytestmark = pytest.mark.models([Gauge])
G = Gauge.objects


async def three(mode):
    return await mode.call(G, "bulk_create", [Gauge(name=name, level=n) for n, name in enumerate("abc")])


async def stored(mode):
    return await mode.fetch(G.order_by("pk").values_list("name", "level"))


async def test_bulk_update_changes_only_what_it_was_told(database, mode, queries):
    rows = await three(mode)
    for row in rows:
        row.name, row.level = row.name.upper(), 9
    rows[1].level = None
    with queries() as log:
        assert await mode.call(G, "bulk_update", (row for row in rows), ["level"]) == 3
    assert log.count == 1
    assert await stored(mode) == [("a", 9), ("b", None), ("c", 9)]
    with queries() as log:
        assert await mode.call(G, "bulk_update", rows, ["name"], batch_size=2) == 3
    assert log.count == 2
    assert await mode.call(G, "bulk_update", [], ["name"]) == 0


async def test_values_may_be_null_expressions_and_relations(database, mode):
    rows = await three(mode)
    for row in rows:
        row.level = None
    await mode.call(G, "bulk_update", rows, ["level"])
    assert await stored(mode) == [("a", None), ("b", None), ("c", None)]
    rows[0].level, rows[1].level, rows[2].level = Value(2) + 3, F("pk"), 1
    rows[0].twin, rows[2].twin_id = rows[1], rows[0].pk
    assert await mode.call(G, "bulk_update", rows, ["level", "twin"]) == 3
    assert await mode.fetch(G.order_by("pk").values_list("level", "twin")) == [
        (5, rows[1].pk),
        (rows[1].pk, None),
        (1, rows[0].pk),
    ]


async def test_rows_outside_the_queryset_stay_and_missing_ones_do_not_count(database, mode):
    rows = await three(mode)
    for row in rows:
        row.level = 7
    assert await mode.call(G.filter(name="b"), "bulk_update", rows, ["level"]) == 1
    assert await stored(mode) == [("a", 0), ("b", 7), ("c", 2)]
    await mode.call(G.filter(name="a"), "delete")
    assert await mode.call(G, "bulk_update", rows, ["level"]) == 2
    with pytest.raises(TypeError, match="slice"):
        await mode.call(G.order_by("pk")[:1], "bulk_update", rows, ["level"])


async def test_auto_now_moves_only_when_it_is_listed(database, mode):
    rows = await three(mode)
    before = (await mode.call(G, "get", pk=rows[0].pk)).changed
    await mode.call(G, "bulk_update", rows, ["name"])
    assert (await mode.call(G, "get", pk=rows[0].pk)).changed == before
    await mode.call(G, "bulk_update", rows, ["name", "changed"])
    assert (await mode.call(G, "get", pk=rows[0].pk)).changed > before


async def test_wrong_arguments_are_refused_before_any_sql(database, mode, queries):
    rows = await three(mode)
    with queries() as log:
        for match, objs, fields in [
            ("[Ff]ield", rows, []),
            ("Did you mean 'level'", rows, ["levl"]),
            ("primary key", rows, ["id"]),
            ("primary key", rows, ["pk"]),
            ("primary key", [Gauge(name="x")], ["name"]),
            ("unsaved", [rows[0], _with_unsaved_twin(rows[1])], ["twin"]),
        ]:
            with pytest.raises(ValueError, match=match):
                await mode.call(G, "bulk_update", objs, fields)
        with pytest.raises(ValueError, match="positive"):
            await mode.call(G, "bulk_update", rows, ["name"], batch_size=0)
    assert log.count == 0


def _with_unsaved_twin(row):
    row.twin = Gauge(name="unsaved")
    return row


async def test_a_large_batch_takes_time_in_proportion_to_its_rows(database, mode):
    rows = await mode.call(G, "bulk_create", [Gauge(name=str(n), level=n) for n in range(6_000)])
    for row in rows:
        row.level += 1
    assert await mode.call(G, "bulk_update", rows, ["level"], batch_size=6_000) == 6_000
    assert await mode.call(G, "aggregate", s=dorm.Sum("level")) == {"s": sum(range(1, 6_001))}


@pytest.mark.parametrize("count", [3, 150])
async def test_fields_may_be_named_in_any_order(database, mode, count):
    rows = await mode.call(G, "bulk_create", [Gauge(name=f"n{n}", level=n) for n in range(count)])
    for row in rows:
        row.name, row.level = f"m{row.level}", -row.level
    again = Gauge(pk=rows[0].pk, name="not the first instance of its row", level=1)
    await mode.call(G, "bulk_update", [*rows, again], ["level", "name"])
    assert await stored(mode) == [(f"m{n}", -n) for n in range(count)]
