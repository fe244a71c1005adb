"""What the library sent to the database while a block ran."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from dorm.signals import post_query

# Transaction control and connection settings: sent, but no question to the data.
CONTROL = re.compile(r"\s*(BEGIN|START|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE|PRAGMA|SET|RESET|SHOW)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Sent:
    """One statement as ``post_query`` reported it."""

    vendor: str
    sql: str
    params: Any
    elapsed_ms: float
    error: BaseException | None

    @property
    def control(self) -> bool:
        """True for BEGIN, SAVEPOINT, PRAGMA and their kind."""
        return CONTROL.match(self.sql) is not None


@dataclass
class QueryLog:
    """The statements of a block, in order."""

    sent: list[Sent] = field(default_factory=list)

    @property
    def queries(self) -> list[Sent]:
        """Without transaction control."""
        return [one for one in self.sent if not one.control]

    @property
    def sql(self) -> list[str]:
        """The texts of `queries`."""
        return [one.sql for one in self.queries]

    @property
    def control(self) -> list[str]:
        """The texts that only steer the transaction or the connection."""
        return [one.sql for one in self.sent if one.control]

    @property
    def count(self) -> int:
        """How many `queries` there were."""
        return len(self.queries)

    def containing(self, text: str) -> list[str]:
        """The queries whose text contains ``text``, whatever its case."""
        return [sql for sql in self.sql if text.lower() in sql.lower()]


@contextmanager
def logged_queries() -> Iterator[QueryLog]:
    """Collect every statement sent while the block runs, from any thread or task."""
    log = QueryLog()

    def record(sender: str, sql: str, params: Any, elapsed_ms: float, error: BaseException | None) -> None:
        log.sent.append(Sent(sender, sql, params, elapsed_ms, error))

    post_query.connect(record, weak=False)
    try:
        yield log
    finally:
        post_query.disconnect(record)
