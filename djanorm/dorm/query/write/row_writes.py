"""The one place where rows are written: INSERT, UPDATE and DELETE, one plan per shape.

Values are Python values (after ``pre_save``) or expressions. Fields come as objects, in the order of the values. Lists are
split by themselves where a statement would exceed the database's limit of parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from dorm.db import routers, transactions
from dorm.db.execution import Statement
from dorm.db.sessions import session as session_of
from dorm.exceptions import FieldError, ReadOnlyModelError
from dorm.expressions.base import Expression
from dorm.expressions.values import Prepared, Value
from dorm.query.compile.scope import Compilation, names_of_column
from dorm.query.describe.identity import QuerySource
from dorm.query.describe.names import Names
from dorm.query.describe.state import FilterStep, QueryState
from dorm.query.run.plan import plan_for
from dorm.query.run.plan_cache import plans
from dorm.query.run.statements import compile_statement
from dorm.query.write import events, inserts
from dorm.query.write.computed_inserts import as_stored
from dorm.query.write.events import WriteEvent
from dorm.query.write.sources import names_of
from dorm.query.write.write_plans import WritePlan

OnConflict = Any  # None, "ignore", or ("update", unique fields, updated fields)


def insert_one(
    options: Any, fields: Sequence[Any], values: Sequence[Any], *, using: str, returning: Sequence[Any] = ()
) -> tuple[Any, ...] | None:
    """Insert one row.

    :param returning: fields to bring back, converted.
    :returns: their values, or None when nothing was asked for.
    """
    _check_writable(options)
    session = session_of(using)
    if any(isinstance(value, Expression) for value in values):
        rows = insert_rows(options, fields, [values], using=using, returning=returning)
        return rows[0] if rows else None
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
    if events.listeners:
        _emit(options, "insert", using, None, fields, "before")
    params = values if plan.bind is None else plan.bind(values)
    if returning:
        found = plan.hydrate(session.fetch_returning(plan.statement, params))
    else:
        session.run(plan.statement, params)
        found = [None]
    _done(options, "insert", using, None, fields)
    return found[0] if found else None


def insert_rows(
    options: Any,
    fields: Sequence[Any],
    rows: Sequence[Sequence[Any]],
    *,
    using: str,
    returning: Sequence[Any] = (),
    on_conflict: OnConflict = None,
) -> list[tuple[Any, ...]]:
    """Insert several rows in as few statements as the database takes.

    :param on_conflict: ``"ignore"`` skips rows that clash; ``("update", unique, updated)`` writes over them.
    :returns: the values of ``returning`` per inserted row, in order.
    """
    if not rows:
        return []
    _check_writable(options)
    session = session_of(using)
    if events.listeners:
        _emit(options, "insert", using, None, fields, "before")
    found = inserts.insert_many(session, options, fields, rows, returning, on_conflict)
    _done(options, "insert", using, None, fields)
    return found


def update_where_key(
    options: Any,
    pk_value: Any,
    fields: Sequence[Any],
    values: Sequence[Any],
    *,
    using: str,
) -> int:
    """Update one row by its key; the number of rows matched."""
    _check_writable(options)
    if any(isinstance(value, Expression) for value in values):
        return update_where_in(options, dict(zip(fields, values, strict=True)), options.pk, [pk_value], using=using)
    session = session_of(using)
    key = ("update", using, options, options.registry.version, tuple([id(f) for f in fields]))
    plan = plans.get(options.registry, key)
    if plan is None:
        plan = _compile_update_by_key(session, options, fields)
        plans.put(options.registry, key, plan)
    if events.listeners:
        _emit(options, "update", using, (pk_value,), fields, "before")
    params = [*values, pk_value]
    count = session.run(plan.statement, params if plan.bind is None else plan.bind(params))
    _done(options, "update", using, (pk_value,), fields)
    return count


def _compile_update_by_key(session: Any, options: Any, fields: Sequence[Any]) -> Any:
    compilation = Compilation(session.dialect, session.features)
    table = options.table
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


def update_where_in(options: Any, assignments: dict[Any, Any], field: Any, keys: Sequence[Any], *, using: str) -> int:
    """Update the rows whose ``field`` is one of ``keys``; the number of rows matched."""
    assignments = {f: v if isinstance(v, Expression) else f.to_store(v) for f, v in assignments.items()}
    return _in_chunks(options, field, keys, using, lambda part: update_state(assigned_state(part, assignments), using))


def delete_where_in(options: Any, field: Any, keys: Sequence[Any], *, using: str) -> int:
    """Delete the rows whose ``field`` is one of ``keys``; the number of rows deleted."""
    if len(keys) == 1:
        return _delete_one(options, field, keys[0], using)
    return _in_chunks(options, field, keys, using, lambda part: delete_state(part, using))


def _delete_one(options: Any, field: Any, key_value: Any, using: str) -> int:
    """The rows of one key, by a plan that is compiled once."""
    _check_writable(options)
    session = session_of(using)
    key = ("delete", using, options, options.registry.version, id(field))
    plan = plans.get(options.registry, key)
    if plan is None:
        compilation = Compilation(session.dialect, session.features)
        table = options.table
        bound = compilation.bind("v[0]", field.write_type(), names_of_column(field))
        sql = sa.delete(table).where(table.c[field.column] == bound)
        source = QuerySource("delete", options, (("by", (field.name,)),))
        statement, bind = compile_statement(sql, compilation, "write", source)
        plan = WritePlan(statement, bind, None)
        plans.put(options.registry, key, plan)
    keys = (key_value,)
    if events.listeners:
        _emit(options, "delete", using, keys if field.primary_key else None, (), "before")
    count = session.run(plan.statement, keys if plan.bind is None else plan.bind(keys))
    _done(options, "delete", using, keys if field.primary_key else None, ())
    return count


def _in_chunks(options: Any, field: Any, keys: Sequence[Any], using: str, work: Callable[[QueryState], int]) -> int:
    keys = list(keys)
    if not keys:
        return 0
    features = session_of(using).features
    if features.list_parameter:
        return work(_where_in(options, field, keys))
    size = max(1, features.max_parameters - 100)
    with transactions.atomic(using):
        return sum(work(_where_in(options, field, keys[at : at + size])) for at in range(0, len(keys), size))


def _where_in(options: Any, field: Any, keys: list[Any]) -> QueryState:
    state = QueryState(options)
    return state.with_step(FilterStep(Names(state).lookups({f"{field.attname}__in": keys}, False)))


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


def update_state(state: QueryState, using: str) -> int:
    """Run the UPDATE that ``state`` describes; the number of rows matched."""
    return _run(state, using, "update", "update")


def delete_state(state: QueryState, using: str) -> int:
    """Run the DELETE of the rows that ``state`` describes; the number of rows deleted."""
    return _run(state, using, "delete", "delete")


def _run(state: QueryState, using: str, use: str, kind: str) -> int:
    if state.empty:
        return 0
    _check_writable(state.opts)
    session = session_of(using)
    if state.assignments and not session.features.native_decimal:
        state = state.evolve(assignments=tuple([(n, as_stored(v, state.opts, n)) for n, v in state.assignments]))
    plan, values = plan_for(state, using, use, session)
    if plan.statement is None:
        return 0
    names = tuple(name for name, _ in state.assignments or ())
    if events.listeners:
        events.emit(WriteEvent(state.opts, kind, using, None, state, names, "before"))
    count = session.run(plan.statement, values if plan.bind is None else plan.bind(values))
    routers.wrote(state.opts.model, using)
    if events.listeners:
        events.emit(WriteEvent(state.opts, kind, using, None, state, names, "after"))
    return count


def run_update(options: Any, statement: Statement, params: Sequence[Any], *, using: str) -> int:
    """Run the UPDATE of a batch of rows; the number of rows matched."""
    _check_writable(options)
    session = session_of(using)
    if events.listeners:
        events.emit(WriteEvent(options, "update", using, None, None, (), "before"))
    count = session.run(statement, params)
    _done(options, "update", using, None, ())
    return count


def _check_writable(options: Any) -> None:
    if options.read_only:
        raise ReadOnlyModelError(f"{options.object_name} is declared read_only; its rows cannot be written.")


def _done(options: Any, kind: str, using: str, keys: Any, fields: Sequence[Any]) -> None:
    routers.wrote(options.model, using)
    if events.listeners:
        _emit(options, kind, using, keys, fields, "after")


def _emit(options: Any, kind: str, using: str, keys: Any, fields: Sequence[Any], phase: str) -> None:
    events.emit(WriteEvent(options, kind, using, keys, None, tuple(field.name for field in fields), phase))
