"""What dialects have in common."""

from __future__ import annotations

from typing import Any

from sqlalchemy.pool import PoolProxiedConnection

from dorm.dialects.contract import Rows, Version
from dorm.dialects.kinds import TIME_UNITS

__all__ = ["TIME_UNITS", "BaseLink", "missing_column", "missing_table", "plan_lines"]


class BaseLink:
    """What most links have in common; see :class:`dorm.dialects.contract.Link`."""

    __slots__ = ("born", "concurrent_reads", "expires", "fairy", "idle_since", "marked", "pool", "raw")

    def __init__(self, fairy: PoolProxiedConnection, raw: Any) -> None:
        self.fairy = fairy
        self.raw = raw
        self.pool: Any = None
        self.born = self.expires = self.idle_since = 0.0
        self.marked = False
        self.concurrent_reads = False

    @property
    def server_version(self) -> Version | None:
        """Not known."""
        return None

    @property
    def driver_connection(self) -> Any:
        """What the link was made of."""
        return self.raw

    @property
    def failed(self) -> bool:
        """A statement that fails leaves the transaction as it was."""
        return False

    def settle(self) -> None:
        """Nothing runs on it once a verb has returned or raised."""

    def note(self, sql: str) -> None:
        """Hand-written SQL leaves nothing behind."""

    def reset(self) -> bool:
        """Nothing to undo."""
        self.marked = False
        return True

    def forget_plan(self, error: BaseException | None) -> bool:
        """The database prepares anew by itself."""
        return False

    def keeps_snapshot(self) -> bool:
        """Each statement sees what is committed when it begins."""
        return False


def missing_table(table: str, text: str) -> str:
    """What to say about a table that does not exist, after the database's own ``text``."""
    return (
        f"table {table!r} does not exist ({text}). dorm.create_tables() makes the tables of all models that are imported; "
        "those that are there already are migrated with SQL of your own."
    )


def missing_column(text: str) -> str:
    """What to say about a column that does not exist, after the database's own ``text``."""
    return (
        f"{text}. If a model has a field that its table lacks: dorm.create_tables() leaves existing tables as they are. Add the "
        "column with ALTER TABLE, or make the table anew, without its rows, with dorm.drop_tables() and dorm.create_tables()."
    )


def plan_lines(rows: Rows) -> str:
    """The first columns of the rows of a plan, one per line."""
    return "\n".join(str(row[0]) for row in rows)
