"""The way of a query: shape → plan → binds → execute → hydrate. Prefetching follows in ``prefetch``.

Every query passes here: :func:`plan_for` turns a state into a plan (compiled once per shape), the session of the
current scope executes it, and the plan's hydrator makes the rows.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from dorm.db import engines
from dorm.db.execution import NamedValues, Statement
from dorm.db.identity import Source
from dorm.db.sessions import session as session_of
from dorm.dialects.sql import hooks_for
from dorm.exceptions import TransactionManagementError
from dorm.query.describe.identity import QuerySource
from dorm.query.describe.state import QueryState
from dorm.query.run.hydrate import ParentKey, make_owned_hydrator
from dorm.query.run.plan import EMPTY, Plan, plan_for, shape_of

if TYPE_CHECKING:
    from dorm.db.session import Session

STREAM_CHUNK = 2000


def fetch(state: QueryState, alias: str, use: str = "rows") -> list[Any]:
    """The rows of ``state``, hydrated.

    :param alias: the database.
    :param use: ``"rows"``, ``"count"``, ``"exists"`` or ``"aggregate"``.
    """
    if state.empty:
        return []
    session = session_of(alias)
    plan, values = plan_for(state, alias, use, session)
    statement = plan.statement
    if statement is None:
        return []
    if state.lock is not None and use == "rows":
        _check_lock(session)
    bind = plan.bind
    return plan.hydrate(session.fetch(statement, values if bind is None else bind(values)))


def fetch_owned(state: QueryState, alias: str, parent_key: ParentKey, owners: Any) -> list[Any]:
    """The rows of ``state`` as instances, each handed to its owner.

    :param owners: the callables that receive the instances, by the owner's key; see :func:`make_owned_hydrator`.
    :returns: the instances, linked ones once.
    """
    if state.empty:
        return []
    session = session_of(alias)
    plan, values = plan_for(state, alias, "rows", session)
    if plan.statement is None or plan.layout is None:
        return []
    if state.lock is not None:
        _check_lock(session)
    hydrate = plan.owned.get(parent_key)
    if hydrate is None:
        hydrate = plan.owned[parent_key] = make_owned_hydrator(plan.layout, session.dialect, alias, parent_key)
    return hydrate(session.fetch(plan.statement, _params(plan, values)), owners)


def stream(state: QueryState, alias: str, chunk_size: int) -> Generator[list[Any], None, None]:
    """The rows of ``state`` in hydrated lists of at most ``chunk_size``."""
    if state.empty:
        return
    session = session_of(alias)
    plan, values = plan_for(state, alias, "rows", session)
    if plan.statement is None:
        return
    chunks = session.stream(plan.statement, _params(plan, values), chunk_size)
    try:
        for rows in chunks:
            yield plan.hydrate(rows)
    finally:
        chunks.close()


def sql_of(state: QueryState, alias: str, use: str = "rows") -> tuple[str, tuple[object, ...]]:
    """The SQL text and the parameters of a query, without running it and without a connection."""
    statement, params = statement_of(state, alias, use)
    return ("", ()) if statement is None else (statement.sql, params)


def statement_of(state: QueryState, alias: str, use: str = "rows") -> tuple[Statement | None, tuple[Any, ...]]:
    """The statement of a query, None when it is known to match nothing, and its parameters."""
    if state.empty:
        return None, ()
    plan, values = plan_for(state, alias, use, engines.get(alias))
    if plan.statement is None:
        return None, ()
    params = _params(plan, values)
    if isinstance(params, NamedValues):
        statement, params = params.in_places(plan.statement)
        return statement, tuple(params)
    return plan.statement, tuple(params)


def source_of(state: QueryState, alias: str, use: str = "rows") -> tuple[Source, str]:
    """What the statement of a query is made from, and its text; a query that is known to match nothing has a source too."""
    statement, _ = statement_of(state, alias, use)
    if statement is not None and statement.source is not None:
        return statement.source, statement.sql
    return QuerySource(use, state.opts, shape_of(state)), ""


def explain(state: QueryState, alias: str, analyze: bool, format: str | None, options: dict[str, bool]) -> str:
    """The database's plan for the query, as text."""
    session = session_of(alias)
    words = hooks_for(session.features).explain(analyze, format, options)
    plan, values = plan_for(state, alias, "rows", session)
    if plan is EMPTY or plan.statement is None:
        return "The query matches nothing and is not sent to the database."
    rows = session.fetch(plan.statement.after(words), _params(plan, values))
    return "\n".join(" ".join(_text(part) for part in row) for row in rows)


def _text(part: object) -> str:
    # drivers decode a plan in JSON format
    return json.dumps(part, indent=2) if isinstance(part, list | dict) else str(part)


def _params(plan: Plan, values: list[Any]) -> Any:
    return values if plan.bind is None else plan.bind(values)


def _check_lock(session: Session) -> None:
    if session.features.row_locks and not session.in_transaction:
        raise TransactionManagementError(
            "select_for_update cannot be used outside of a transaction: open one with atomic() or aatomic()."
        )
