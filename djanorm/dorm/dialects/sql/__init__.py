"""How each database spells the SQL that is not the same everywhere."""

from __future__ import annotations

from typing import Any

from dorm.dialects.sql.base import SqlHooks
from dorm.dialects.sql.postgresql import PostgresqlHooks
from dorm.dialects.sql.sqlite import SqliteHooks

_HOOKS: dict[str, SqlHooks] = {"sqlite": SqliteHooks("SQLite"), "postgresql": PostgresqlHooks("PostgreSQL")}


def hooks_for(features: Any) -> SqlHooks:
    """The spelling of a database; the standard one for databases without their own."""
    return _HOOKS.get(features.vendor) or SqlHooks(features.display_name)


__all__ = ["SqlHooks", "hooks_for"]
