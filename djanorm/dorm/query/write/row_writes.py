"""The one place where rows are written: INSERT, UPDATE and DELETE, one plan per shape.

Values are Python values (after ``pre_save``) or expressions. Fields come as objects, in the order of the values. Lists are
split by themselves where a statement would exceed the database's limit of parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dorm.db import transactions
from dorm.db.announcements import Asked
from dorm.db.execution import Statement
from dorm.db.sessions import session as session_of
from dorm.db.write_events import Kind, Origin
from dorm.exceptions import DatabaseError, FieldError
from dorm.expressions.base import Expression
from dorm.expressions.values import Prepared, Value
from dorm.query.compile.scope import Compilation, names_of_column
from dorm.query.describe.identity import QuerySource
from dorm.query.describe.names import Names
from dorm.query.describe.state import QueryState
from dorm.query.run.plan_cache import plans
from dorm.query.run.statements import compile_statement
from dorm.query.write import announced, inserts, scoped
from dorm.query.write.chosen_rows import portions, where_in
from dorm.query.write.sources import names_of
from dorm.query.write.state_writes import run_state
from dorm.query.write.write_plans import WritePlan
from dorm.query.write.written import written

if TYPE_CHECKING:
    from dorm.db.session import Session
    from dorm.fields.base import Field
    from dorm.meta.options import Options

OnConflict = Any  # None, "ignore", or ("update", unique fields, updated fields)


def without_key(options: Options) -> DatabaseError:
    """The error for a new row whose key comes back as NULL, as SQLite gives it for a key column that does not count."""
    return DatabaseError(
        f"{options.label} was inserted, and the database gave it no key: its column {options.pk.column!r} is not one that "
        "counts by itself. Make the table with dorm.create_tables(), or give the key."
    )


def insert_one(
    options: Options, fields: Sequence[Field], values: Sequence[object], *, using: str, returning: Sequence[Field] = ()
) -> tuple[object, ...] | None:
    """Insert one row.

    :param returning: fields to bring back, converted.
    :returns: their values, or None when nothing was asked for.
    """
    args = (options, fields, values, using, returning)
    return written(options, "insert", using, "instance", fields, _insert_one, args, announced.one_insert)


def _insert_one(
    options: Options, fields: Sequence[Field], values: Sequence[object], using: str, returning: Sequence[object]
) -> tuple[object, ...] | None:
    if any(isinstance(value, Expression) for value in values):
        rows = _insert_rows(options, fields, [values], using, returning, None)
        return rows[0] if rows else None
    session = session_of(using)
    key = (
        "insert",
        using,
        options,
        options.registry.version,
        tuple([id(f) for f in fields]),
        tuple([id(f) for f in returning]),
    )
    plan = plans.get(options.registry, key)
    if plan is None:
        plan = inserts.compile_one(session, options, fields, returning)
        plans.put(options.registry, key, plan)
    params = values if plan.bind is None else plan.bind(values)
    if returning:
        found = plan.hydrate(session.fetch_returning(plan.statement, params))
        return found[0] if found else None
    session.run(plan.statement, params)
    return None


def insert_rows(
    options: Options,
    fields: Sequence[Field],
    rows: Sequence[Sequence[object]],
    *,
    using: str,
    returning: Sequence[object] = (),
    on_conflict: OnConflict = None,
) -> list[tuple[object, ...]]:
    """Insert several rows in as few statements as the database takes.

    :param on_conflict: ``"ignore"`` skips rows that clash; ``("update", unique, updated)`` writes over them.
    :returns: the values of ``returning`` per inserted row, in order.
    """
    if not rows:
        return []
    scoped.check_conflicts(options, on_conflict)
    kind: Kind = "upsert" if isinstance(on_conflict, tuple) and on_conflict[2] else "insert"
    args = (options, fields, rows, using, returning, on_conflict)
    return written(options, kind, using, "bulk", fields, _insert_rows, args, announced.many_inserts)


def _insert_rows(
    options: Options,
    fields: Sequence[Field],
    rows: Sequence[Sequence[object]],
    using: str,
    returning: Sequence[object],
    on_conflict: OnConflict,
) -> list[tuple[object, ...]]:
    return inserts.insert_many(session_of(using), options, fields, rows, returning, on_conflict)


def update_where_key(
    options: Options,
    pk_value: object,
    fields: Sequence[Field],
    values: Sequence[object],
    *,
    using: str,
) -> int:
    """Update one row by its key; the number of rows matched."""
    if scoped.by_query() or any(isinstance(value, Expression) for value in values):
        assignments = dict(zip(fields, values, strict=True))
        return update_where_in(options, assignments, options.pk, [pk_value], using=using, origin="instance")
    args = (options, pk_value, fields, values, using)
    return written(options, "update", using, "instance", fields, _update_by_key, args, announced.update_by_key)


def _update_by_key(
    options: Options, pk_value: object, fields: Sequence[Field], values: Sequence[object], using: str
) -> int:
    session = session_of(using)
    key = ("update", using, options, options.registry.version, tuple([id(f) for f in fields]))
    plan = plans.get(options.registry, key)
    if plan is None:
        plan = _compile_update_by_key(session, options, fields)
        plans.put(options.registry, key, plan)
    params = [*values, pk_value]
    return session.run(plan.statement, params if plan.bind is None else plan.bind(params))


def _compile_update_by_key(session: Session, options: Options, fields: Sequence[Field]) -> WritePlan:
    compilation = Compilation(session.dialect, session.features)
    table = options.query_table
    assigned = {
        table.c[field.column]: compilation.bind(f"v[{n}]", field.write_type(), names_of_column(field))
        for n, field in enumerate(fields)
    }
    pk = options.pk
    condition = table.c[pk.column] == compilation.bind(f"v[{len(fields)}]", pk.write_type(), names_of_column(pk))
    sql = sa.update(table).where(condition).values(assigned)
    source = QuerySource("update", options, (("setting", names_of(fields)), ("by", (pk.name,))))
    statement, bind = compile_statement(sql, compilation, "write", source)
    return WritePlan(statement, bind, None)


def update_where_in(
    options: Any, assignments: dict[Any, Any], field: Any, keys: Sequence[Any], *, using: str, origin: Origin
) -> int:
    """Update the rows whose ``field`` is one of ``keys``; the number of rows matched."""
    assignments = {f: v if isinstance(v, Expression) else f.to_store(v) for f, v in assignments.items()}

    def update(part: QueryState) -> int:
        return update_state(assigned_state(part, assignments), using, origin=origin)

    return _in_portions(options, field, keys, using, update)


def delete_where_in(options: Any, field: Any, keys: Sequence[Any], *, using: str, origin: Origin | Asked) -> int:
    """Delete the rows whose ``field`` is one of ``keys``; the number of rows deleted.

    :param origin: what deletes them; `Asked` when they differ in that.
    """
    if len(keys) == 1 and not scoped.by_query():
        args = (options, field, keys[0], using)
        return written(options, "delete", using, origin, (), _delete_one, args, announced.delete_by_key)
    return _in_portions(options, field, keys, using, lambda part: delete_state(part, using, origin=origin))


def _delete_one(options: Options, field: Field, key_value: object, using: str) -> int:
    """The rows of one key, by a plan that is compiled once."""
    session = session_of(using)
    key = ("delete", using, options, options.registry.version, id(field))
    plan = plans.get(options.registry, key)
    if plan is None:
        compilation = Compilation(session.dialect, session.features)
        table = options.query_table
        bound = compilation.bind("v[0]", field.write_type(), names_of_column(field))
        sql = sa.delete(table).where(table.c[field.column] == bound)
        source = QuerySource("delete", options, (("by", (field.name,)),))
        statement, bind = compile_statement(sql, compilation, "write", source)
        plan = WritePlan(statement, bind, None)
        plans.put(options.registry, key, plan)
    keys = (key_value,)
    return session.run(plan.statement, keys if plan.bind is None else plan.bind(keys))


def _in_portions(
    options: Options, field: Field, keys: Sequence[object], using: str, work: Callable[[QueryState], int]
) -> int:
    """The sum of ``work`` for the rows whose ``field`` is one of ``keys``: all of it, or nothing."""
    parts = portions(keys, using)
    with transactions.atomic(using) if len(parts) > 1 else nullcontext():
        return sum(work(where_in(options, field, part)) for part in parts)


def assigned_state(state: QueryState, assignments: dict[Any, Any]) -> QueryState:
    """``state`` with the new values of an UPDATE; values are Python values or resolved expressions."""
    pairs = []
    for field, value in assignments.items():
        if isinstance(value, Expression):
            resolved = value.resolve(Names(state)).assigned(field)
            if resolved.contains_aggregate:
                raise FieldError(f"Aggregate functions are not allowed in this query ({field.name}={value!r}).")
            pairs.append((field.name, resolved))
        else:
            pairs.append((field.name, Value(None) if value is None else Prepared(value, field)))
    return state.evolve(assignments=tuple(pairs))


def update_state(state: QueryState, using: str, *, origin: Origin = "queryset") -> int:
    """Run the UPDATE that ``state`` describes; the number of rows matched."""
    if state.empty:
        return 0
    fields = tuple([name for name, _ in state.assignments or ()])
    args = (state, using, "update")
    return written(state.opts, "update", using, origin, fields, run_state, args, announced.update_by_state)


def delete_state(state: QueryState, using: str, *, origin: Origin | Asked = "queryset") -> int:
    """Run the DELETE of the rows that ``state`` describes; the number of rows deleted."""
    if state.empty:
        return 0
    args = (state, using, "delete")
    return written(state.opts, "delete", using, origin, (), run_state, args, announced.delete_by_state)


def update_each(
    options: Options,
    fields: Sequence[Field],
    keys: Sequence[object],
    statement: Statement,
    params: Sequence[object],
    *,
    using: str,
) -> int:
    """Run one UPDATE that gives the row of each key values of its own; the number of rows matched."""
    args = (options, keys, using, statement, params)
    return written(options, "update", using, "bulk", fields, _update_each, args, announced.update_by_keys)


def _update_each(
    options: Options, keys: Sequence[object], using: str, statement: Statement, params: Sequence[object]
) -> int:
    return session_of(using).run(statement, params)
