"""What one borrower sets on a session does not reach the next; what leaves no trace costs nothing."""

from __future__ import annotations

from typing import Any

import pytest

import dorm
from dorm.db import engines
from dorm.db.connection import close_all_async, get_async_connection
from dorm.dialects.postgresql_traces import leaves_traces
from dorm.dialects.sqlite_links import LEAVES_TRACES


class Borrowed(dorm.Model):
    name = dorm.CharField(max_length=20)


pytestmark = pytest.mark.models([Borrowed])


@pytest.fixture
def one(database: Any) -> Any:
    """A pool of one connection, so that the next borrower gets the same."""
    if database.vendor == "postgresql":
        dorm.configure(DATABASES={"default": {**database.entry, "MIN_POOL_SIZE": 0, "MAX_POOL_SIZE": 1}})
    return database


async def value(mode: Any, sql: str) -> Any:
    return (await mode.settle(mode.connection().execute(sql)))[0][0]


@pytest.mark.only("postgresql")
@pytest.mark.parametrize("block", [False, True])
async def test_settings_locks_and_temporary_tables_end_with_their_borrower(one: Any, mode: Any, block: bool) -> None:
    connection = mode.connection()
    pid = await value(mode, "SELECT pg_backend_pid()")

    async def work() -> None:
        await mode.settle(connection.execute("SELECT set_config('app.user', 'ada', false)"))
        await mode.settle(connection.execute("SET search_path TO pg_catalog"))
        await mode.settle(connection.execute("SET default_transaction_read_only TO on"))
        await mode.settle(connection.execute("SELECT pg_advisory_lock(7)"))
        if not block:
            return
        await mode.settle(
            connection.execute_script("SET work_mem TO '1MB'; CREATE TEMP TABLE IF NOT EXISTS leftover (id int)")
        )

    if block:
        with pytest.raises(dorm.DatabaseError, match="schema|read-only|denied"):
            async with mode.atomic():
                await work()
                await mode.settle(connection.execute("CREATE TABLE public.refused (id int)"))
                raise dorm.DatabaseError("schema")
    else:
        await work()
    assert await value(mode, "SELECT pg_backend_pid()") == pid
    assert await value(mode, "SELECT coalesce(current_setting('app.user', true), '')") == ""
    assert "public" in await value(mode, "SHOW search_path")
    assert await value(mode, "SHOW work_mem") == "4MB"
    assert (
        await value(mode, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()") == 0
    )
    assert await value(mode, "SELECT count(*) FROM pg_class WHERE relname = 'leftover'") == 0
    await mode.call(Borrowed.objects, "create", name="a")


@pytest.mark.only("postgresql")
async def test_functions_of_querysets_are_no_way_around(one: Any, mode: Any) -> None:
    setter = dorm.RawSQL("set_config('app.user', %s, false)", ["ada"])
    await mode.call(Borrowed.objects, "create", name="a")
    await mode.fetch(Borrowed.objects.annotate(was=setter))
    assert await value(mode, "SELECT coalesce(current_setting('app.user', true), '')") == ""


@pytest.mark.only("postgresql")
async def test_a_session_that_is_kept_keeps_what_was_set(one: Any, mode: Any) -> None:
    connection = mode.connection()
    await mode.settle(connection.set_autocommit(True))
    await mode.settle(connection.execute("SELECT set_config('app.user', 'ada', false)"))
    assert await value(mode, "SELECT current_setting('app.user', true)") == "ada"
    await mode.settle(connection.set_autocommit(False))
    await mode.settle(connection.set_autocommit(True))
    assert await value(mode, "SELECT coalesce(current_setting('app.user', true), '')") == ""


@pytest.mark.only("sqlite")
async def test_a_pragma_of_one_task_does_not_reach_the_next(database: Any) -> None:
    connection = get_async_connection()
    await connection.execute("PRAGMA foreign_keys = OFF")
    assert await connection.execute("PRAGMA foreign_keys") == [(1,)]
    await connection.execute("PRAGMA foreign_keys(0)")
    assert await connection.execute("PRAGMA foreign_keys") == [(1,)]
    await connection.execute("CREATE TEMP TABLE leftover (id INTEGER)")
    assert await connection.execute("SELECT COUNT(*) FROM sqlite_temp_master") == [(0,)]
    await close_all_async()


@pytest.mark.only("postgresql")
async def test_querysets_and_plain_selects_cost_no_reset(one: Any, mode: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await mode.call(Borrowed.objects, "create", name="a")
    here = engines.get("default")
    link = (here.async_pool() if mode.name == "async" else here.sync_pool)._idle[0]
    monkeypatch.setattr(type(link), "finish_script", lambda *_: pytest.fail("a reset"))
    async with mode.atomic():
        await mode.call(Borrowed.objects.filter(name="a"), "update", name="b")
    await mode.fetch(
        Borrowed.objects.raw(f'SELECT id, name FROM "{Borrowed._meta.db_table}" WHERE name IN (%s, %s)', ["a", "b"])
    )
    await mode.settle(
        mode.connection().execute("SELECT count(*), coalesce(max(id), 0) FROM generate_series(1, 3) AS s(id)")
    )


@pytest.mark.parametrize(
    ("sql", "leaves"),
    [
        ("SELECT 1", False),
        ("/* x */ (SELECT 'set_config(1)')", False),
        ("INSERT INTO things (id, name) VALUES (%s, lower(%s)) ON CONFLICT (id) DO UPDATE SET name = 'x'", False),
        ("UPDATE t SET a = 1 WHERE b IN (SELECT max(c) FROM d) RETURNING a", False),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n", False),
        ("SELECT pg_sleep(1), pg_backend_pid()", False),
        ("SELECT SET_CONFIG('a', 'b', false)", True),
        ("SELECT pg_catalog.set_config('a', 'b', false)", True),
        ("SELECT pg_try_advisory_lock(1)", True),
        ("SELECT my_function()", True),
        ("SELECT 1; SET x TO 1", True),
        ("SET x TO 1", True),
        ("LISTEN x", True),
        ("DO $$ BEGIN END $$", True),
        ("CREATE TEMP TABLE x (id int)", True),
        ("", True),
    ],
)
def test_in_doubt_hand_written_sql_leaves_traces(sql: str, leaves: bool) -> None:
    assert leaves_traces(sql) is leaves


@pytest.mark.parametrize(
    ("sql", "leaves"),
    [
        ("PRAGMA table_info(x)", False),
        ("PRAGMA main.index_list('x')", False),
        ("PRAGMA foreign_keys", False),
        ("SELECT 1", False),
        ("PRAGMA foreign_keys = OFF", True),
        ("PRAGMA foreign_keys(0)", True),
        ("pragma main.journal_mode=wal", True),
        ("ATTACH 'x' AS y", True),
        ("CREATE TEMPORARY TABLE x (id)", True),
    ],
)
def test_pragmas_that_only_ask_leave_no_traces(sql: str, leaves: bool) -> None:
    assert (LEAVES_TRACES.search(sql) is not None) is leaves
