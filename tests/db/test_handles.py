"""Handles."""

from __future__ import annotations

from typing import Any

import pytest

import dorm
from dorm.db.connection import get_async_connection, get_connection


async def test_a_handle_is_one_object_per_alias_and_world(database: Any) -> None:
    assert get_connection() is get_connection("default")
    assert get_async_connection() is get_async_connection()
    assert get_connection() is not get_async_connection()
    assert get_connection().vendor == get_async_connection().vendor == database.vendor
    assert get_connection().settings["NAME"] == database.entry["NAME"]
    with pytest.raises(dorm.ImproperlyConfigured, match="'defualt'.*Did you mean 'default'"):
        get_connection("defualt")


async def test_rows_are_readable_by_name_and_position(database: Any, mode: Any, sql: Any) -> None:
    await sql.run("INSERT INTO things (id, name) VALUES (?, ?)", 1, "a")
    (row,) = await mode.settle(mode.connection().execute("SELECT id, name AS label FROM things WHERE id = %s", [1]))
    assert (row["id"], row["label"], row[0], row[1]) == (1, "a", 1, "a")
    assert list(row.keys()) == ["id", "label"]
    assert dict(row) == {"id": 1, "label": "a"}
    assert tuple(row) == (1, "a") == row
    assert row.get("missing", 7) == 7
    with pytest.raises(KeyError, match="it has id, label"):
        row["missing"]
    assert "label='a'" in repr(row)


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("SELECT name FROM things WHERE id = %s AND name LIKE 'a%%'", [1]),
        ("SELECT name FROM things WHERE id = ? AND name LIKE 'a%%'", [1]),
        ("SELECT name FROM things WHERE id = %(key)s AND %(key)s = id", {"key": 1}),
        ("SELECT name FROM things WHERE id = $1 AND $1 = id", [1]),
        ("SELECT name FROM things WHERE name LIKE 'a%' AND id = 1", None),
        ("SELECT name FROM things WHERE name LIKE 'a%' AND id = 1", []),
        ("SELECT name FROM things WHERE '%s ? $1' <> name AND id = %s", [1]),
    ],
)
async def test_every_placeholder_works_on_both_databases(
    database: Any, mode: Any, sql: Any, text: str, params: Any
) -> None:
    await sql.run("INSERT INTO things (id, name) VALUES (?, ?)", 1, "abc")
    rows = await mode.settle(mode.connection().execute(text, params))
    assert rows == [("abc",)]


async def test_writes_report_counts_and_keys(database: Any, mode: Any, sql: Any) -> None:
    connection = mode.connection()
    assert await mode.settle(connection.execute("INSERT INTO things (id, name) VALUES (%s, %s)", [1, "a"])) == []
    assert await mode.settle(connection.execute_write("UPDATE things SET name = %s", ["b"])) == 1
    key = await mode.settle(connection.execute_insert("INSERT INTO things (id, name) VALUES (%s, %s)", [7, "x"]))
    assert key == 7
    name = await mode.settle(
        connection.execute_insert("INSERT INTO things (id, name) VALUES (%s, %s)", [8, "y"], pk_col="name")
    )
    assert name == "y"


async def test_wrong_parameters_are_refused_before_anything_is_sent(database: Any, mode: Any, queries: Any) -> None:
    with queries() as log:
        for text, params in (("", None), ("SELECT %s", []), ("SELECT %s", [1, 2]), ("SELECT %(a)s", {"b": 1})):
            with pytest.raises(ValueError):
                await mode.settle(mode.connection().execute(text, params))
    assert log.sent == []


async def test_scripts_run_several_statements(database: Any, mode: Any, sql: Any) -> None:
    script = "INSERT INTO things VALUES (1, 'a;b'); -- a comment\nINSERT INTO things VALUES (2, '100%');"
    await mode.settle(mode.connection().execute_script(script))
    assert database.rows("SELECT name FROM things ORDER BY id") == [("a;b",), ("100%",)]


async def test_a_script_in_a_block_does_not_wait_for_itself(database: Any, mode: Any, sql: Any) -> None:
    async with mode.atomic():
        await sql.run("INSERT INTO things (id) VALUES (?)", 1)
        async with mode.atomic():
            await mode.settle(
                mode.connection().execute_script("CREATE TABLE one (a INTEGER); CREATE TABLE two (a INTEGER)")
            )
        await sql.run("INSERT INTO things (id) VALUES (?)", 2)
    assert {"one", "two"} <= database.tables()
    assert database.count("things") == 2


@pytest.mark.parametrize("tail", ["", ";", "; -- done", " /* a ; b */ ;\n"])
async def test_a_script_of_one_statement_is_rolled_back(database: Any, mode: Any, sql: Any, tail: str) -> None:
    with pytest.raises(KeyError):
        async with mode.atomic():
            await mode.settle(mode.connection().execute_script(f"CREATE TABLE one (a INTEGER){tail}"))
            raise KeyError
    assert "one" not in database.tables()


async def test_tables_and_columns_can_be_asked_for(database: Any, mode: Any) -> None:
    database.run("CREATE TABLE \"Odd name\" (id INTEGER PRIMARY KEY, label TEXT NOT NULL DEFAULT 'x', n REAL)")
    connection = mode.connection()
    assert await mode.settle(connection.table_exists("Odd name")) is True
    assert await mode.settle(connection.table_exists("odd name; --")) is False
    columns = await mode.settle(connection.get_table_columns("Odd name"))
    assert [(column["name"], column["null"], column["primary_key"]) for column in columns][1:] == [
        ("label", False, False),
        ("n", True, False),
    ]
    assert columns[0]["primary_key"] is True
    assert "x" in columns[1]["default"]


async def test_closing_a_handle_is_not_its_end(database: Any, mode: Any, sql: Any) -> None:
    await mode.settle(mode.connection().close())
    assert (await mode.settle(mode.connection().execute("SELECT 1 AS one")))[0]["one"] == 1


async def test_a_sqlalchemy_connection_takes_part_in_the_block(database: Any, mode: Any, sql: Any) -> None:
    import sqlalchemy as sa

    from dorm.db.sessions import session

    def work() -> None:
        with session().sa_connection() as connection:
            with connection.begin():
                connection.execute(sa.text("INSERT INTO things (id) VALUES (1)"))
            sa.Table("made", sa.MetaData(), sa.Column("a", sa.Integer)).create(connection)

    with pytest.raises(KeyError):
        async with mode.atomic():
            await sql.work(work)
            assert await sql.value("SELECT COUNT(*) FROM things") == 1
            raise KeyError
    assert database.count("things") == 0
    assert "made" not in database.tables()
    await sql.work(work)
    assert database.count("things") == 1
    assert "made" in database.tables()


@pytest.mark.parametrize("text", ["BEGIN", "BEGIN; INSERT INTO things (id) VALUES (5)"])
async def test_a_transaction_that_sql_leaves_open_is_undone_and_refused(
    database: Any, mode: Any, sql: Any, text: str
) -> None:
    with pytest.raises(dorm.TransactionManagementError, match="left a transaction open"):
        await mode.settle(mode.connection().execute_script(text))
    await mode.settle(mode.connection().execute_script("BEGIN; INSERT INTO things (id) VALUES (6); COMMIT"))
    assert database.rows("SELECT id FROM things") == [(6,)]


async def test_a_batch_is_all_or_nothing(database: Any, mode: Any, sql: Any) -> None:
    from dorm.db.sessions import session

    statement = sql.statement("INSERT INTO things (id) VALUES (?)")
    with pytest.raises(dorm.UniqueViolation):
        await sql.work(lambda: session().run_many(statement, [(1,), (2,), (1,)]))
    assert database.count("things") == 0
    async with mode.atomic():
        assert await sql.work(lambda: session().run_many(statement, [(1,), (2,)])) == 2
    assert database.count("things") == 2
