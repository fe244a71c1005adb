"""The UPDATE and the DELETE of the rows that a query describes."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from dorm.db.session import Params, Session
from dorm.db.sessions import session as session_of
from dorm.query.describe.state import QueryState
from dorm.query.run.plan import Plan, plan_for
from dorm.query.write.computed_inserts import as_stored

if TYPE_CHECKING:
    from dorm.db.session import Session


def run_state(state: QueryState, using: str, use: str) -> int:
    """Run the statement. Returns the number of rows matched.

    :param use: ``"update"`` or ``"delete"``.
    """
    session = session_of(using)
    plan, params = _prepared(state, using, use, session)
    return 0 if plan.statement is None else session.run(plan.statement, params)


def run_returning(state: QueryState, using: str) -> list[Hashable]:
    """Run the UPDATE. Returns the keys of the rows that it changed."""
    session = session_of(using)
    plan, params = _prepared(state, using, "update returning", session)
    return [] if plan.statement is None else plan.hydrate(session.fetch_returning(plan.statement, params))


def _prepared(state: QueryState, using: str, use: str, session: Session) -> tuple[Plan, Params]:
    if state.assignments and not session.features.native_decimal:
        state = state.evolve(assignments=tuple([(n, as_stored(v, state.opts, n)) for n, v in state.assignments]))
    plan, values = plan_for(state, using, use, session)
    return plan, values if plan.bind is None else plan.bind(values)
