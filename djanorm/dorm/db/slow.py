"""The plan of a slow query."""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from dorm.db.execution import Statement
from dorm.db.masking import masked_sql, reveals_secrets

if TYPE_CHECKING:
    from dorm.dialects.contract import Link

logger = logging.getLogger("dorm.db.slow_explain")
_explaining: ContextVar[bool] = ContextVar("dorm_explaining", default=False)
SAVEPOINT = "dorm_explain"


def explain(session: Any, link: Link, statement: Statement, params: Any) -> None:
    """Logs the plan of a slow reading statement, on the connection that ran it, without running it again.

    A plan quotes values, so a statement with masked parts gets none. Never recursive; a failure is logged and does not
    reach the caller; inside a transaction it happens in a savepoint.
    """
    if _explaining.get() or link.failed or link.lost:
        return
    sql = masked_sql(statement.sql, statement.kind)
    if reveals_secrets(statement, params):
        logger.warning("no plan of the slow query %s: it would show values that the log masks", sql)
        return
    _explaining.set(True)
    inside = link.in_transaction
    try:
        if inside:
            link.control(f"SAVEPOINT {SAVEPOINT}")
        spelling = session.database.spelling
        rows = link.fetch(f"{spelling.explain(False, None, {})} {statement.sql}", params)
        plan = spelling.plan_text(rows)
    except Exception as problem:
        logger.warning("no plan for the slow query %s: %s", sql, session.translated(problem))
    else:
        logger.warning("plan of the slow query %s:\n%s", sql, plan)
        _add_to_span(plan)
    finally:
        _explaining.set(False)
        if inside and not link.lost:
            if link.failed:
                link.control(f"ROLLBACK TO SAVEPOINT {SAVEPOINT}")
            link.control(f"RELEASE SAVEPOINT {SAVEPOINT}")


def _add_to_span(plan: str) -> None:
    """Adds an event to the active OpenTelemetry span, when the application uses OpenTelemetry."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is not None:
        trace.get_current_span().add_event("dorm.slow_query.plan", {"plan": plan})
