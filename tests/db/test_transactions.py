"""Blocks and savepoints."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

import dorm
from dorm import transaction
from dorm.db import transactions
from dorm.db.connection import get_connection
from dorm.db.sessions import session

INSERT = "INSERT INTO things (id, name) VALUES (?, ?)"
COUNT = "SELECT COUNT(*) FROM things"


async def test_a_block_commits_everything_at_its_end(database: Any, mode: Any, sql: Any) -> None:
    async with mode.atomic():
        await sql.run(INSERT, 1, "a")
        await sql.run(INSERT, 2, "b")
        assert database.count("things") == 0
        assert await sql.value(COUNT) == 2
    assert database.count("things") == 2


async def test_an_exception_undoes_the_block_and_is_raised_again(database: Any, mode: Any, sql: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        async with mode.atomic():
            await sql.run(INSERT, 1, "a")
            raise ZeroDivisionError
    assert database.count("things") == 0
    await sql.run(INSERT, 1, "a")
    assert database.count("things") == 1


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
async def test_interruptions_undo_inner_and_outer_blocks(
    database: Any, mode: Any, sql: Any, interruption: type[BaseException]
) -> None:
    caught = 0
    async with mode.atomic():
        await sql.run(INSERT, 1, "outer")
        try:
            async with mode.atomic():
                await sql.run(INSERT, 2, "inner")
                raise interruption
        except interruption:
            caught += 1
    assert database.rows("SELECT name FROM things") == [("outer",)]
    try:
        async with mode.atomic():
            await sql.run(INSERT, 3, "never")
            raise interruption
    except interruption:
        caught += 1
    assert caught == 2
    assert database.count("things") == 1


async def test_an_inner_failure_leaves_the_outer_work(database: Any, mode: Any, sql: Any) -> None:
    async with mode.atomic():
        await sql.run(INSERT, 1, "first")
        with pytest.raises(dorm.IntegrityError):
            async with mode.atomic():
                await sql.run(INSERT, 2, "second")
                await sql.run(INSERT, 1, "again")
        await sql.run(INSERT, 3, "third")
    assert database.rows("SELECT id FROM things ORDER BY id") == [(1,), (3,)]


async def test_a_broken_transaction_says_so_until_it_is_rolled_back(database: Any, mode: Any, sql: Any) -> None:
    with pytest.raises(dorm.TransactionManagementError, match="broken until it is rolled back") as caught:
        async with mode.atomic():
            await sql.run(INSERT, 1, "a")
            with pytest.raises(dorm.IntegrityError) as first:
                await sql.run(INSERT, 1, "a")
            await sql.run("DELETE FROM things")
    assert "INSERT INTO things" in str(caught.value)
    assert caught.value.__cause__ is first.value
    assert database.count("things") == 0
    await sql.run(INSERT, 2, "b")
    assert database.count("things") == 1


@pytest.mark.parametrize("wrong", ["SELECT nothing FROM things", "INSERT INTO nowhere VALUES (1)", "not even sql"])
async def test_every_kind_of_failed_statement_breaks_the_transaction(
    database: Any, mode: Any, sql: Any, wrong: str
) -> None:
    with pytest.raises(dorm.TransactionManagementError, match=re.escape(wrong)):
        async with mode.atomic():
            await sql.run(INSERT, 1, "a")
            with pytest.raises(dorm.DatabaseError):
                await sql.run(wrong)
            await sql.value(COUNT)
    assert database.count("things") == 0


async def test_a_swallowed_error_cannot_be_committed_silently(database: Any, mode: Any, sql: Any) -> None:
    seen: list[str] = []
    with pytest.raises(dorm.TransactionManagementError, match="rolled back, because an earlier statement failed"):
        async with mode.atomic():
            transaction.on_commit(lambda: seen.append("committed"))
            transaction.on_rollback(lambda: seen.append("rolled back"))
            await sql.run(INSERT, 1, "a")
            with pytest.raises(dorm.IntegrityError):
                await sql.run(INSERT, 1, "a")
    assert database.count("things") == 0
    assert seen == ["rolled back"]


async def test_a_block_whose_statements_were_refused_has_told_it_already(database: Any, mode: Any, sql: Any) -> None:
    async with mode.atomic():
        await sql.run(INSERT, 1, "a")
        with pytest.raises(dorm.IntegrityError):
            await sql.run(INSERT, 1, "a")
        for _ in range(2):
            with pytest.raises(dorm.TransactionManagementError):
                await sql.run(INSERT, 2, "b")
    assert database.count("things") == 0


async def test_a_swallowed_error_undoes_its_own_savepoint_only(database: Any, mode: Any, sql: Any) -> None:
    async with mode.atomic():
        await sql.run(INSERT, 1, "a")
        with pytest.raises(dorm.TransactionManagementError):
            async with mode.atomic():
                await sql.run(INSERT, 2, "b")
                with pytest.raises(dorm.IntegrityError):
                    await sql.run(INSERT, 1, "a")
        await sql.run(INSERT, 3, "c")
    assert database.rows("SELECT id FROM things ORDER BY id") == [(1,), (3,)]


async def test_a_failed_statement_of_one_alias_does_not_break_the_other(
    database: Any, mode: Any, sql: Any, tmp_path: Any
) -> None:
    other = {"ENGINE": "sqlite", "NAME": str(tmp_path / "other.db")}
    dorm.configure(DATABASES={"default": database.entry, "other": other})
    async with mode.atomic():
        await sql.run(INSERT, 1, "a")
        with pytest.raises(dorm.DatabaseError):
            async with mode.atomic("other"):
                with pytest.raises(dorm.DatabaseError):
                    await sql.value("SELECT nothing FROM nowhere", alias="other")
                await sql.value("SELECT 1", alias="other")
        await sql.run(INSERT, 2, "b")
    assert database.count("things") == 2


async def test_a_failed_part_without_savepoint_takes_no_more_statements(database: Any, mode: Any, sql: Any) -> None:
    with pytest.raises(dorm.TransactionManagementError, match="KeyError"):
        async with mode.atomic():
            with pytest.raises(KeyError):
                async with mode.atomic(savepoint=False):
                    await sql.run(INSERT, 1, "a")
                    raise KeyError
            await sql.run(INSERT, 2, "b")
    assert database.count("things") == 0


async def test_who_mends_the_damage_may_go_on(database: Any, mode: Any, sql: Any) -> None:
    async with mode.atomic():
        await sql.run(INSERT, 1, "a")
        mark = await mode.call(transaction, "savepoint")
        with pytest.raises(dorm.DatabaseError):
            async with mode.atomic(savepoint=False):
                await sql.run("SELECT no_such_column FROM things")
        assert await sql.work(transactions.get_rollback)
        await sql.work(transaction.set_rollback, False)
        await mode.call(transaction, "savepoint_rollback", mark)
        assert not await sql.work(transactions.get_rollback)
        await sql.run(INSERT, 2, "b")
    assert database.rows("SELECT id FROM things ORDER BY id") == [(1,), (2,)]


async def test_a_block_without_statements_sends_nothing(database: Any, mode: Any, queries: Any) -> None:
    with queries() as log:
        async with mode.atomic():
            pass
    assert log.sent == []


async def test_ddl_is_rolled_back(database: Any, mode: Any, sql: Any) -> None:
    with pytest.raises(KeyError):
        async with mode.atomic():
            await sql.run("CREATE TABLE other (a INTEGER)")
            raise KeyError
    assert "other" not in database.tables()


async def test_a_durable_block_must_be_outermost(database: Any, mode: Any) -> None:
    async with mode.atomic(durable=True):
        pass
    async with mode.atomic():
        with pytest.raises(RuntimeError, match="durable"):
            async with mode.atomic(durable=True):
                pass


async def test_set_rollback_undoes_without_an_exception(database: Any, mode: Any, sql: Any) -> None:
    async with mode.atomic():
        await sql.run(INSERT, 1, "a")
        await sql.work(transaction.set_rollback, True)
    assert database.count("things") == 0


async def test_manual_savepoints_and_foreign_ids(database: Any, mode: Any, sql: Any) -> None:
    with pytest.raises(RuntimeError):
        await mode.call(transaction, "savepoint")
    async with mode.atomic():
        await sql.run(INSERT, 1, "a")
        first = await mode.call(transaction, "savepoint")
        await sql.run(INSERT, 2, "b")
        second = await mode.call(transaction, "savepoint")
        await mode.call(transaction, "savepoint_rollback", first)
        for gone in (first, second, "nonsense"):
            with pytest.raises(ValueError, match="not a savepoint"):
                await mode.call(transaction, "savepoint_commit", gone)
        kept = await mode.call(transaction, "savepoint")
        await sql.run(INSERT, 3, "c")
        await mode.call(transaction, "savepoint_commit", kept)
    assert database.rows("SELECT id FROM things ORDER BY id") == [(1,), (3,)]


async def test_a_savepoint_rollback_mends_a_broken_transaction(database: Any, mode: Any, sql: Any) -> None:
    async with mode.atomic():
        mark = await mode.call(transaction, "savepoint")
        await sql.run(INSERT, 1, "a")
        with pytest.raises(dorm.IntegrityError):
            await sql.run(INSERT, 1, "a")
        await mode.call(transaction, "savepoint_rollback", mark)
        await sql.run(INSERT, 2, "b")
    assert database.rows("SELECT id FROM things") == [(2,)]


async def test_callbacks_run_after_the_outermost_commit_in_order(database: Any, mode: Any, sql: Any) -> None:
    seen: list[Any] = []
    async with mode.atomic():
        await sql.run(INSERT, 1, "a")
        transaction.on_commit(lambda: seen.append((1, database.count("things"))))
        with pytest.raises(ValueError):
            async with mode.atomic():
                transaction.on_commit(lambda: seen.append("dropped"))
                transaction.on_rollback(lambda: seen.append("undone"))
                raise ValueError
        async with mode.atomic():
            transaction.on_commit(lambda: seen.append((2, database.count("things"))))
            transaction.on_rollback(lambda: seen.append("not rolled back"))
        assert seen == ["undone"]
    assert seen == ["undone", (1, 1), (2, 1)]


async def test_rollback_callbacks_of_released_savepoints_run_with_the_outer_block(
    database: Any, mode: Any, sql: Any
) -> None:
    seen: list[str] = []
    with pytest.raises(KeyError):
        async with mode.atomic():
            async with mode.atomic():
                await sql.run(INSERT, 1, "a")
                transaction.on_rollback(lambda: seen.append("inner"))
            raise KeyError
    assert seen == ["inner"]


async def test_a_failing_callback_is_logged_and_the_next_one_runs(
    database: Any, mode: Any, sql: Any, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[int] = []
    async with mode.atomic():
        await sql.run(INSERT, 1, "a")
        transaction.on_commit(lambda: 1 / 0)
        transaction.on_commit(lambda: seen.append(1))
    assert seen == [1]
    assert "ZeroDivisionError" in caplog.text
    assert {record.name for record in caplog.records} == {"dorm.transaction"}


async def test_callbacks_of_two_aliases_do_not_mix(database: Any, mode: Any, sql: Any, tmp_path: Any) -> None:
    other = {"ENGINE": "sqlite", "NAME": str(tmp_path / "other.db")}
    dorm.configure(DATABASES={"default": database.entry, "other": other})
    seen: list[str] = []
    async with mode.atomic():
        with pytest.raises(KeyError):
            async with mode.atomic("other"):
                transaction.on_commit(lambda: seen.append("default"))
                transaction.on_commit(lambda: seen.append("other"), using="other")
                raise KeyError
        assert seen == []
    assert seen == ["default"]


async def test_in_atomic_block(database: Any, mode: Any) -> None:
    assert not transaction.in_atomic_block()
    async with mode.atomic():
        assert transaction.in_atomic_block()
        assert not mode.sync or not transactions.in_async_block()
    assert not transaction.in_atomic_block()


async def test_ensure_opens_a_transaction_only_when_none_is_open(
    database: Any, mode: Any, sql: Any, queries: Any
) -> None:
    def work() -> None:
        with transactions.ensure("default"):
            session().run(sql.statement(INSERT), (1, "a"))

    with queries() as log:
        await sql.work(work)
    assert [statement.sql.split()[0] for statement in log.sent] == ["BEGIN", "INSERT", "COMMIT"]
    with queries() as log, pytest.raises(KeyError):
        async with mode.atomic():
            await sql.run("DELETE FROM things")
            await sql.work(work)
            raise KeyError
    assert [statement.sql.split()[0] for statement in log.sent] == ["BEGIN", "DELETE", "INSERT", "ROLLBACK"]


async def test_a_part_without_savepoint_takes_the_outer_block_with_it(database: Any, mode: Any, sql: Any) -> None:
    async with mode.atomic():
        await sql.run(INSERT, 1, "a")
        with pytest.raises(KeyError):
            async with mode.atomic(savepoint=False):
                raise KeyError
    assert database.count("things") == 0


async def test_contrib_hears_how_transactions_end(database: Any, mode: Any, sql: Any) -> None:
    ends: list[tuple[str, str]] = []
    hook = transactions.add_ended_hook(lambda alias, seconds, outcome: ends.append((alias, outcome)))
    try:
        async with mode.atomic():
            await sql.run(INSERT, 1, "a")
        with pytest.raises(KeyError):
            async with mode.atomic():
                await sql.run(INSERT, 2, "b")
                raise KeyError
    finally:
        transactions.remove_ended_hook(hook)
    assert ends == [("default", "commit"), ("default", "rollback")]


@pytest.mark.only("postgresql")
async def test_a_failing_commit_rolls_back(database: Any, mode: Any, sql: Any) -> None:
    database.run("CREATE TABLE deferred (id INTEGER UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    seen: list[str] = []
    with pytest.raises(dorm.UniqueViolation):
        async with mode.atomic():
            transaction.on_commit(lambda: seen.append("committed"))
            transaction.on_rollback(lambda: seen.append("rolled back"))
            await sql.run("INSERT INTO deferred VALUES (1), (1)")
    assert seen == ["rolled back"]
    assert database.count("deferred") == 0
    assert await sql.value("SELECT 1") == 1


async def test_databases_are_not_changed_under_an_open_block(database: Any, mode: Any, sql: Any) -> None:
    entries = {"default": dict(database.entry), "other": dict(database.entry)}
    with pytest.raises(ZeroDivisionError):
        async with mode.atomic():
            await sql.run(INSERT, 1, "a")
            with pytest.raises(dorm.ImproperlyConfigured, match="transaction is open on 'default'"):
                dorm.configure(DATABASES=entries, SLOW_QUERY_MS=7)
            assert (dorm.settings.SLOW_QUERY_MS, list(dorm.settings.DATABASES)) == (500.0, ["default"])
            dorm.configure(SLOW_QUERY_MS=400)  # what closes nothing may change at any time
            await sql.run(INSERT, 2, "b")
            raise ZeroDivisionError
    assert database.count("things") == 0
    async with mode.atomic():
        await sql.run(INSERT, 3, "c")
    dorm.configure(DATABASES=entries)
    assert await sql.value(COUNT, alias="other") == 1


def test_databases_are_not_changed_in_manual_mode(database: Any, sql: Any) -> None:
    connection = get_connection()
    connection.set_autocommit(False)
    with pytest.raises(dorm.ImproperlyConfigured, match="manual mode"):
        dorm.configure(DATABASES={"default": dict(database.entry)})
    connection.set_autocommit(True)
    dorm.configure(DATABASES={"default": dict(database.entry)})
