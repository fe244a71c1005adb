"""Prepared statements survive changed tables, rollbacks and each other."""

from __future__ import annotations

from typing import Any

import pytest

import dorm
from dorm.db import engines
from dorm.db.connection import get_connection


class Altered(dorm.Model):
    number = dorm.IntegerField(default=0)
    name = dorm.CharField(max_length=20, default="")


pytestmark = [pytest.mark.models([Altered]), pytest.mark.only("postgresql")]
TABLE = f'"{Altered._meta.db_table}"'


@pytest.fixture(autouse=True)
def one(database: Any) -> Any:
    dorm.configure(DATABASES={"default": {**database.entry, "MIN_POOL_SIZE": 0, "MAX_POOL_SIZE": 1}}, RETRY_ATTEMPTS=1)
    Altered.objects.create(number=1, name="a")
    return database


async def prepare(mode: Any) -> None:
    for _ in range(8):
        await mode.call(Altered.objects, "get", name="a")
        await mode.call(Altered.objects, "create", number=0)


def alter(database: Any, kind: str = "bigint") -> None:
    database.run(f"ALTER TABLE {TABLE} ALTER COLUMN number TYPE {kind}")


async def test_a_read_after_an_altered_column_is_prepared_anew(database: Any, mode: Any) -> None:
    await prepare(mode)
    alter(database)
    assert (await mode.call(Altered.objects, "get", name="a")).number == 1
    assert (await mode.call(Altered.objects, "get", name="a")).number == 1


async def test_a_write_that_returns_the_altered_column_runs_once(database: Any, mode: Any) -> None:
    sql = f"INSERT INTO {TABLE} (number, name) VALUES (%s, '') RETURNING number"
    for number in range(8):
        await mode.settle(mode.connection().execute(sql, [100 + number]))
    alter(database)
    await mode.settle(mode.connection().execute(sql, [200]))
    assert database.value(f"SELECT COUNT(*) FROM {TABLE} WHERE number = 200") == 1


async def test_a_block_that_has_only_read_begins_again(database: Any, mode: Any) -> None:
    await prepare(mode)
    alter(database)
    async with mode.atomic():
        await mode.call(Altered.objects, "count")
        assert (await mode.call(Altered.objects, "get", name="a")).number == 1
        await mode.call(Altered.objects, "create", number=5)
    assert database.value(f"SELECT COUNT(*) FROM {TABLE} WHERE number = 5") == 1


@pytest.mark.parametrize("before", ["write", "savepoint", "snapshot"])
async def test_a_block_that_would_lose_something_is_told_to_run_again(database: Any, mode: Any, before: str) -> None:
    await prepare(mode)
    alter(database)
    name = database.entry["NAME"]
    if before == "snapshot":
        dorm.configure(
            DATABASES={
                "default": {
                    **database.entry,
                    "MAX_POOL_SIZE": 1,
                    "MIN_POOL_SIZE": 0,
                    "OPTIONS": {"options": "-c default_transaction_isolation=serializable"},
                }
            }
        )
        alter(database, "integer")
        await prepare(mode)
        alter(database)
    with pytest.raises(dorm.OperationalError, match="run the whole block again"):
        async with mode.atomic():
            if before == "write":
                await mode.call(Altered.objects, "create", number=6)
            if before == "savepoint":
                async with mode.atomic():
                    await mode.call(Altered.objects, "count")
            await mode.call(Altered.objects, "get", name="a")
    assert database.value(f"SELECT COUNT(*) FROM {TABLE} WHERE number = 6") == 0
    assert (await mode.call(Altered.objects, "get", name="a")).number == 1
    assert name


async def prepared(mode: Any) -> int:
    here = engines.get("default")
    pool = here.async_pool() if mode.name == "async" else here.sync_pool
    return len(pool._idle[0].raw._prepared._names)


async def test_a_rollback_forgets_no_prepared_statement(database: Any, mode: Any) -> None:
    await prepare(mode)
    known = await prepared(mode)
    assert known
    with pytest.raises(ValueError):
        async with mode.atomic():
            await mode.call(Altered.objects, "get", name="a")
            with pytest.raises(ValueError):
                async with mode.atomic():
                    raise ValueError
            raise ValueError
    assert await prepared(mode) >= known


async def test_a_rollback_of_hand_written_sql_forgets_them(database: Any, mode: Any) -> None:
    await prepare(mode)
    with pytest.raises(ValueError):
        async with mode.atomic():
            await mode.settle(mode.connection().execute(f"ALTER TABLE {TABLE} ALTER COLUMN number TYPE bigint"))
            await mode.call(Altered.objects, "get", name="a")
            raise ValueError
    assert (await mode.call(Altered.objects, "get", name="a")).number == 1


@pytest.mark.parametrize(
    "sql", [f"COPY {TABLE} TO STDOUT", " /* x */ copy (SELECT 1) to stdout", f"COPY {TABLE} FROM STDIN"]
)
@pytest.mark.parametrize("verb", ["execute", "execute_write", "execute_script"])
async def test_copy_is_refused_with_what_to_use(database: Any, mode: Any, sql: str, verb: str) -> None:
    with pytest.raises(dorm.NotSupportedError, match="execute_streaming"):
        await mode.settle(getattr(mode.connection(), verb)(sql))
    assert await mode.call(Altered.objects, "count") == 1


def test_a_copy_that_nobody_recognised_poisons_nothing(database: Any) -> None:
    with pytest.raises(dorm.DatabaseError):
        get_connection().execute(f"COPY {TABLE} TO PROGRAM 'true'; COPY {TABLE} TO/**/STDOUT")
    assert Altered.objects.count() == 1
