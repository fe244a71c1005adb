"""INSERT statements: one row, many rows, conflicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dorm.db.execution import Statement
from dorm.dialects.sql import hooks_for
from dorm.dialects.sql.repeated import RowsToInsert
from dorm.query.compile.scope import Compilation, names_of_column
from dorm.query.run.plan_cache import plans
from dorm.query.run.statements import compile_statement
from dorm.query.write.computed_inserts import computed, with_expressions
from dorm.query.write.sent_rows import GroupedRows, RowsInArrays, RowsPlan, fits_arrays, groups_of
from dorm.query.write.sources import insertion
from dorm.query.write.write_plans import WritePlan, finished, returned

if TYPE_CHECKING:
    from dorm.db.session import Session
    from dorm.fields.base import Field
    from dorm.meta.options import Options


def compile_one(session: Session, options: Options, fields: Sequence[Any], returning: Sequence[Any]) -> WritePlan:
    """The plan of inserting one row; without fields, a row of nothing but defaults."""
    compilation = Compilation(session.dialect, session.features)
    table = options.query_table
    insert = hooks_for(compilation.features).insert(table)
    values = {
        table.c[field.column]: compilation.bind(f"v[{n}]", field.write_type(), names_of_column(field))
        for n, field in enumerate(fields)
    }
    sql = finished(insert.values(values) if fields else insert, table, returning, None, session.features)
    statement, bind = compile_statement(
        sql, compilation, "write", insertion(options, fields, returning), assigned=None if fields else ()
    )
    return WritePlan(statement, bind, returned(options, returning, session))


def insert_many(
    session: Any, options: Any, fields: Sequence[Any], rows: Sequence[Any], returning: Sequence[Any], on_conflict: Any
) -> list[Any]:
    """Insert rows, in as few statements as the database takes."""
    if computed(fields, rows):
        return with_expressions(session, options, fields, rows, returning, on_conflict)
    if not fields:
        plan = compile_one(session, options, fields, returning)
        return [found for _ in rows for found in _run(session, plan.hydrate, plan.statement, None)]
    if len(rows) > 1 and fits_arrays(fields, session):
        arrays = _plan_of("insert arrays", session, options, fields, returning, on_conflict)
        return _run(session, arrays.hydrate, *arrays.sent(rows))
    groups = _plan_of("insert groups", session, options, fields, returning, on_conflict)
    size = max(1, session.features.max_parameters // len(fields))
    found: list[Any] = []
    for at in range(0, len(rows), size):
        found += _run(session, groups.hydrate, *groups.sent(rows[at : at + size]))
    return found


def _run(session: Session, hydrate: Any, statement: Statement, params: Any) -> list[object]:
    if hydrate is None:
        session.run(statement, params)
        return []
    return hydrate(session.fetch_returning(statement, params))


def _plan_of(
    form: str, session: Session, options: Any, fields: Sequence[Field], returning: Sequence[object], on_conflict: object
) -> RowsPlan:
    """The plan of inserting rows, compiled once; ``form`` is how they travel."""
    conflict = on_conflict
    if isinstance(on_conflict, tuple):
        conflict = (tuple(id(f) for f in on_conflict[1]), tuple(id(f) for f in on_conflict[2]))
    version = options.registry.version
    key = (form, session.alias, options, version, tuple(map(id, fields)), tuple(map(id, returning)), conflict)
    plan: RowsPlan | None = plans.get(options.registry, key)
    if plan is None:
        compile_rows = _in_arrays if form == "insert arrays" else _in_groups
        plan = compile_rows(session, options, fields, returning, on_conflict)
        plans.put(options.registry, key, plan)
    return plan


def _in_groups(
    session: Session, options: Any, fields: Sequence[Field], returning: Sequence[Any], on_conflict: Any
) -> RowsPlan:
    table = options.query_table
    columns = [table.c[field.column] for field in fields]
    insert: Any = hooks_for(session.features).insert(table)
    insert = insert.from_select(columns, RowsToInsert(groups_of(fields, session)), include_defaults=False)
    statement = finished(insert, table, returning, on_conflict, session.features)
    source = insertion(options, fields, returning, on_conflict)
    return GroupedRows(fields, statement, session, source, returned(options, returning, session))


def _in_arrays(
    session: Session, options: Any, fields: Sequence[Field], returning: Sequence[Any], on_conflict: Any
) -> RowsPlan:
    table = options.query_table
    columns = [table.c[field.column] for field in fields]
    insert = hooks_for(session.features).insert(table)

    def make(given: Any) -> Any:
        *values, place = given.c
        return finished(
            insert.from_select(columns, sa.select(*values).order_by(place)),
            table,
            returning,
            on_conflict,
            session.features,
        )

    source = insertion(options, fields, returning, on_conflict)
    return RowsInArrays(fields, make, session, source, returned(options, returning, session))
