"""What our PostgreSQL dialect writes differently from SQLAlchemy's. No server is needed."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from dorm.dialects.postgresql import DIALECT

ARRAYS = [
    (sa.Integer(), "%b::INTEGER[]"),
    (sa.String(20), "%b::VARCHAR[]"),
    (sa.Numeric(10, 2), "%b::NUMERIC(10, 2)[]"),
    (sa.DateTime(timezone=True), "%b::TIMESTAMP WITH TIME ZONE[]"),
    (sa.DateTime(), "%b::TIMESTAMP WITHOUT TIME ZONE[]"),
    (sa.Uuid(), "%b::UUID[]"),
    (sa.Double(), "%b::DOUBLE PRECISION[]"),
]


def _text(statement: sa.Select[tuple[object]]) -> str:
    return str(statement.compile(dialect=DIALECT.sqlalchemy_dialect()))


@pytest.mark.parametrize(("kind", "expected"), ARRAYS, ids=str)
def test_arrays_are_sent_in_binary(kind, expected):
    assert _text(sa.select(sa.bindparam("p", type_=sa.ARRAY(kind)))) == f"SELECT {expected} AS anon_1"


def test_single_values_are_sent_as_the_driver_chooses():
    assert _text(sa.select(sa.bindparam("p", type_=sa.Integer()))) == "SELECT %s::INTEGER AS anon_1"


def test_text_that_looks_like_an_array_parameter_stays_text():
    column = sa.literal_column("'%s::INTEGER[]'").label("x")
    assert _text(sa.select(column)) == "SELECT '%%s::INTEGER[]' AS x"
    quoted = sa.column("%s::INTEGER[]")
    assert _text(sa.select(quoted)) == 'SELECT "%%s::INTEGER[]"'
