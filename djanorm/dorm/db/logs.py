"""Log lines about statements: each one at DEBUG, slow ones at WARNING."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from dorm.db.execution import Statement
from dorm.db.masking import masked, masked_sql

LONG = 4000


def logger_for(vendor: str) -> logging.Logger:
    """The logger of statements of a vendor."""
    return logging.getLogger(f"dorm.db.backends.{vendor}")


class _Shown:
    """Parameters for a log line, masked only if the line is written."""

    __slots__ = ("_many", "_params", "_statement")

    def __init__(self, statement: Statement, params: Sequence[Any] | None, many: bool) -> None:
        self._statement = statement
        self._params = params
        self._many = many

    def __str__(self) -> str:
        if self._many:
            text = str([masked(self._statement, row) for row in self._params or ()])
        else:
            text = str(masked(self._statement, self._params))
        return text if len(text) <= LONG else f"{text[:LONG]}… ({len(text)} characters)"


def log_statement(
    logger: logging.Logger, statement: Statement, params: Any, many: bool, elapsed_ms: float, error: object
) -> None:
    """One line at DEBUG: time, masked SQL and parameters, and the error if there was one."""
    sql = masked_sql(statement.sql, statement.kind)
    shown = _Shown(statement, params, many)
    if error is None:
        logger.debug("(%.3f ms) %s; params=%s", elapsed_ms, sql, shown)
    else:
        logger.debug("(%.3f ms) %s; params=%s; %s", elapsed_ms, sql, shown, type(error).__name__)


def log_slow(logger: logging.Logger, statement: Statement, params: Any, many: bool, elapsed_ms: float) -> None:
    """One line at WARNING."""
    sql = masked_sql(statement.sql, statement.kind)
    logger.warning("slow query (%.1f ms): %s; params=%s", elapsed_ms, sql, _Shown(statement, params, many))
