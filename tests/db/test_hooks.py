"""Query signals, internal hooks, logs."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from typing import Any

import pytest
from sqlalchemy import event

import dorm
from dorm.db import hooks
from dorm.db.connection import get_async_connection
from dorm.db.sessions import session
from dorm.db.utils import add_sensitive_pattern, reset_sensitive_patterns

INSERT = "INSERT INTO things (id, name) VALUES (?, ?)"


@pytest.fixture
def traced() -> Any:
    """Pairs of what ``pre_query`` and ``post_query`` said."""
    calls: list[tuple[Any, ...]] = []

    def before(sender: str, sql: str, params: list[Any]) -> None:
        calls.append(("pre", sender, sql, params))

    def after(sender: str, sql: str, params: list[Any], elapsed_ms: float, error: BaseException | None) -> None:
        calls.append(("post", sender, sql, params, elapsed_ms, error))

    dorm.pre_query.connect(before)
    dorm.post_query.connect(after)
    yield calls
    dorm.pre_query.disconnect(before)
    dorm.post_query.disconnect(after)


async def test_each_statement_is_announced_and_concluded(database: Any, mode: Any, sql: Any, traced: Any) -> None:
    await sql.run(INSERT, 1, "a")
    with pytest.raises(dorm.UniqueViolation):
        await sql.run(INSERT, 1, "a")
    text = sql.statement(INSERT).sql
    assert [call[0] for call in traced] == ["pre", "post", "pre", "post"]
    assert all(call[1:4] == (database.vendor, text, [1, "a"]) for call in traced)
    assert traced[1][5] is None
    assert isinstance(traced[1][4], float)
    assert isinstance(traced[3][5], dorm.UniqueViolation)


async def test_batches_are_reported_as_lists_of_lists(database: Any, mode: Any, sql: Any, traced: Any) -> None:
    statement = sql.statement(INSERT)
    assert await sql.work(lambda: session().run_many(statement, [(1, "a"), (2, "b")])) == 2
    assert traced[0][3] == [[1, "a"], [2, "b"]]


async def test_scripts_streams_and_sqlalchemy_are_reported(database: Any, mode: Any, sql: Any, queries: Any) -> None:
    import sqlalchemy as sa

    def through_sqlalchemy() -> Any:
        with session().sa_connection() as connection:
            connection.execute(sa.text("INSERT INTO things (id) VALUES (:id)"), {"id": 5})
            return connection.execute(sa.text("SELECT COUNT(*) FROM things")).scalar()

    with queries() as log:
        await mode.settle(mode.connection().execute_script("DELETE FROM things; DELETE FROM things"))
        assert await sql.work(through_sqlalchemy) == 1
        await sql.work(lambda: list(session().stream(sql.statement("SELECT 1"), (), 1)))
    assert len(log.sql) == 4
    assert database.count("things") == 1


async def test_a_cancelled_statement_is_concluded_too(database: Any, sql: Any, traced: Any) -> None:
    slow = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n",
        "postgresql": "SELECT pg_sleep(30)",
    }[database.vendor]
    task = asyncio.create_task(get_async_connection().execute(slow))
    while not traced:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [call[0] for call in traced] == ["pre", "post"]
    assert isinstance(traced[1][5], asyncio.CancelledError)
    assert (await asyncio.wait_for(get_async_connection().execute("SELECT 1"), 5))[0][0] == 1
    await dorm.close_all_async()


async def test_pre_and_post_share_a_context(database: Any, mode: Any, sql: Any) -> None:
    span: contextvars.ContextVar[str] = contextvars.ContextVar("span")
    seen: list[str] = []

    def before(sender: str, sql: str, params: Any) -> None:
        span.set(sql)

    def after(sender: str, sql: str, params: Any, elapsed_ms: float, error: Any) -> None:
        seen.append(span.get())

    dorm.pre_query.connect(before)
    dorm.post_query.connect(after)
    await sql.fetch("SELECT 1")
    await sql.fetch("SELECT 2")
    assert seen == ["SELECT 1", "SELECT 2"]


async def test_a_broken_receiver_does_not_break_the_statement(
    database: Any, mode: Any, sql: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(**_: Any) -> None:
        raise LookupError("receiver trouble")

    dorm.post_query.connect(broken)
    assert await sql.value("SELECT 1") == 1
    assert "receiver trouble" in caplog.text


async def test_coroutine_receivers_are_awaited_in_async_verbs(database: Any, sql: Any) -> None:
    seen: list[str] = []

    async def receiver(sender: str, sql: str, **_: Any) -> None:
        await asyncio.sleep(0)
        seen.append(sql)

    dorm.post_query.connect(receiver)
    await get_async_connection().execute("SELECT 1")
    assert seen == ["SELECT 1"]
    await dorm.close_all_async()


async def test_an_internal_hook_can_veto_before_anything_is_announced(
    database: Any, mode: Any, sql: Any, traced: Any
) -> None:
    def veto(call: hooks.Call) -> None:
        if "things" in call.sql:
            raise PermissionError(call.alias)

    hooks.add_before(veto)
    try:
        with pytest.raises(PermissionError, match="default"):
            await sql.run(INSERT, 1, "a")
        assert await sql.value("SELECT 1") == 1
    finally:
        assert hooks.remove(veto)
    assert len(traced) == 2
    assert database.count("things") == 0


async def test_an_internal_hook_may_raise_after_a_statement(database: Any, mode: Any, sql: Any) -> None:
    calls: list[hooks.Call] = []

    def limit(call: hooks.Call) -> None:
        calls.append(call)
        raise OverflowError

    hooks.add_after(limit)
    try:
        with pytest.raises(OverflowError):
            await sql.fetch("SELECT 1")
    finally:
        hooks.remove(limit)
    assert calls[0].result == [(1,)]
    assert await sql.value("SELECT 1") == 1


def test_nothing_watches_unless_somebody_asked() -> None:
    assert not hooks.active


async def test_listeners_of_the_engine_see_the_statements(database: Any, mode: Any, sql: Any) -> None:
    seen: list[str] = []

    def listen(conn: Any, cursor: Any, text: str, params: Any, context: Any, many: bool) -> None:
        seen.append(text)

    def attach() -> None:
        event.listen(session().engine, "before_cursor_execute", listen)

    await sql.work(attach)
    await sql.run(INSERT, 1, "a")
    assert await sql.fetch("SELECT name FROM things WHERE id = ?", 1) == [("a",)]
    async with mode.atomic():
        await sql.run(INSERT, 2, "b")
        with pytest.raises(dorm.UniqueViolation):
            async with mode.atomic():
                await sql.run(INSERT, 2, "b")
    assert len([text for text in seen if "things" in text]) == 4
    assert database.count("things") == 2


# ---------------------------------------------------------------------------------------------------------------- logs


async def test_statements_are_logged_with_masked_parameters(
    database: Any, mode: Any, sql: Any, caplog: pytest.LogCaptureFixture
) -> None:
    statement = sql.statement(INSERT, ("id", "api_token_hash"))
    plain = sql.statement("SELECT name FROM things WHERE name = ?", ("iban",))
    with caplog.at_level(logging.DEBUG, logger=f"dorm.db.backends.{database.vendor}"):
        await sql.work(lambda: session().run(statement, (1, "hush")))
        await sql.work(lambda: session().run_many(statement, [(2, "hush"), (3, None)]))
        add_sensitive_pattern("IBAN")
        await sql.work(lambda: session().fetch(plain, ("hush",)))
        reset_sensitive_patterns()
        await sql.work(lambda: session().fetch(plain, ("shown",)))
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("dorm.db.backends")]
    assert len(lines) == 4
    assert "hush" not in caplog.text
    assert "[1, '***']" in lines[0]
    assert "[3, None]" in lines[1]
    assert "shown" in lines[3]
    assert all(" ms) " in line for line in lines)


async def test_hand_written_sql_is_masked_as_far_as_its_text_shows(
    database: Any, mode: Any, sql: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await sql.run("CREATE TABLE users (name TEXT, password TEXT)")
    connection = mode.connection()
    with caplog.at_level(logging.DEBUG, logger="dorm.db"):
        await mode.settle(
            connection.execute_write(
                "INSERT INTO users (name, password) VALUES (%s, %s), (%s, %s)", ["ann", "hush", "bob", "hush"]
            )
        )
        await mode.settle(
            connection.execute("SELECT name FROM users WHERE password = %s AND name = %s", ["hush", "ann"])
        )
        await mode.settle(connection.execute('SELECT 1 FROM users WHERE "password" IN (%s, %s)', ["hush", "hush"]))
    assert "hush" not in caplog.text
    assert "ann" in caplog.text


async def test_slow_statements_are_warned_about_at_the_threshold(
    database: Any, mode: Any, sql: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for limit, expected in ((0, 1), (60_000, 0), (None, 0)):
        dorm.configure(SLOW_QUERY_MS=limit)
        caplog.clear()
        await sql.fetch("SELECT 1")
        assert len([record for record in caplog.records if "slow query" in record.getMessage()]) == expected


async def test_the_plan_of_slow_reads_is_logged_without_running_them_again(
    database: Any, mode: Any, sql: Any, caplog: pytest.LogCaptureFixture, queries: Any
) -> None:
    dorm.configure(SLOW_QUERY_MS=0, SLOW_QUERY_EXPLAIN=True)
    with queries() as log:
        await sql.fetch("SELECT * FROM things WHERE id = ?", 1)
        async with mode.atomic():
            await sql.fetch("SELECT * FROM things WHERE id = ?", 1)
            await sql.run(INSERT, 1, "a")
    plans = [record.getMessage() for record in caplog.records if record.name == "dorm.db.slow_explain"]
    assert len(plans) == 2
    assert all("things" in plan for plan in plans)
    assert log.count == 3
    assert database.count("things") == 1


async def test_no_plan_of_a_failed_or_writing_statement(
    database: Any, mode: Any, sql: Any, caplog: pytest.LogCaptureFixture
) -> None:
    dorm.configure(SLOW_QUERY_MS=0, SLOW_QUERY_EXPLAIN=True)
    await sql.run(INSERT, 1, "a")
    with pytest.raises(dorm.DatabaseError):
        await sql.fetch("SELECT nonsense FROM things")
    assert [record for record in caplog.records if record.name == "dorm.db.slow_explain"] == []


async def test_a_failure_through_sqlalchemy_is_concluded_at_once(
    database: Any, mode: Any, sql: Any, traced: Any
) -> None:
    import sqlalchemy as sa

    def work() -> Any:
        with session().sa_connection() as connection:
            with pytest.raises(sa.exc.DatabaseError):
                connection.execute(sa.text("SELECT nonsense FROM things"))
            return connection.execute(sa.text("SELECT 2")).scalar()

    assert await sql.work(work) == 2
    assert [call[0] for call in traced] == ["pre", "post", "pre", "post"]
    assert isinstance(traced[1][5], dorm.ProgrammingError)
    assert traced[3][5] is None
