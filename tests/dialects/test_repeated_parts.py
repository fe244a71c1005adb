"""Statements that repeat a part once per row: compiled once, written for any number of rows."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as for_postgresql
from sqlalchemy.dialects import sqlite as for_sqlite

from dorm.dialects import postgresql, sqlite
from dorm.dialects.sql.repeated import Branches, Repeated, RepeatingText, RowsToInsert, TableOfRows

HOSTILE = 'VALUES (%s) "?" RETURNING'
TABLE = sa.Table(
    HOSTILE, sa.MetaData(), sa.Column("id", sa.BigInteger(), primary_key=True), sa.Column("name", sa.String(9))
)
KEY, NAME = sa.bindparam("key", type_=sa.BigInteger()), sa.bindparam("name", type_=sa.String(9))
KEPT = '"VALUES (%%s) ""?"" RETURNING".id'
ROW = "(%s::BIGINT, %s::VARCHAR)"
SQLITE_NAME, POSTGRESQL_NAME = '"VALUES (%s) ""?"" RETURNING"', '"VALUES (%%s) ""?"" RETURNING"'


@pytest.mark.parametrize(
    ("dialect", "insert", "expected"),
    [
        (
            sqlite.DIALECT.sqlalchemy_dialect(),
            for_sqlite.insert,
            f"INSERT INTO {SQLITE_NAME} (id, name) VALUES (?, ?), (?, ?) ON CONFLICT (id) DO NOTHING RETURNING id",
        ),
        (
            postgresql.DIALECT.sqlalchemy_dialect(),
            for_postgresql.insert,
            f"INSERT INTO {POSTGRESQL_NAME} (id, name) VALUES {ROW}, {ROW} ON CONFLICT (id) DO NOTHING RETURNING {KEPT}",
        ),
    ],
)
def test_rows_are_inserted_whatever_the_table_is_called(dialect, insert, expected):
    rows = RowsToInsert(Repeated(sa.tuple_(KEY, NAME)))
    statement = insert(TABLE).from_select([TABLE.c.id, TABLE.c.name], rows, include_defaults=False)
    statement = statement.on_conflict_do_nothing(index_elements=[TABLE.c.id]).returning(TABLE.c.id)
    assert RepeatingText(statement, dialect).text(2) == expected


def test_a_case_has_a_branch_and_a_member_per_row():
    branches = Branches(TABLE.c.id, KEY, NAME, TABLE.c.name)
    statement = sa.update(TABLE).values({TABLE.c.name: branches}).where(TABLE.c.id.in_([Repeated(KEY)]))
    text = RepeatingText(statement, sqlite.DIALECT.sqlalchemy_dialect()).text
    name = SQLITE_NAME
    assert text(1) == (
        f"UPDATE {name} SET name=CASE {name}.id WHEN ? THEN ? ELSE {name}.name END WHERE {name}.id IN (?)"
    )
    assert text(3).count("WHEN ? THEN ?") == 3
    assert text(3).endswith("IN (?, ?, ?)")


def test_a_table_of_rows_may_name_the_types_in_its_first_row():
    rows = Repeated(sa.tuple_(KEY, NAME), sa.tuple_(sa.cast(KEY, sa.BigInteger()), NAME))
    given = TableOfRows("new", rows, 2)
    statement = sa.update(TABLE).values({TABLE.c.name: given.c.column2}).where(TABLE.c.id == given.c.column1)
    text = RepeatingText(statement, sqlite.DIALECT.sqlalchemy_dialect()).text(3)
    assert text == (
        f"UPDATE {SQLITE_NAME} SET name=new.column2 FROM (VALUES (CAST(? AS BIGINT), ?), (?, ?), (?, ?)) AS new "
        f"WHERE {SQLITE_NAME}.id = new.column1"
    )


def test_a_parameter_outside_the_repeated_parts_is_noticed():
    statement = sa.update(TABLE).values(name=NAME).where(TABLE.c.id.in_([Repeated(KEY)]))
    with pytest.raises(AssertionError):
        RepeatingText(statement, sqlite.DIALECT.sqlalchemy_dialect())
