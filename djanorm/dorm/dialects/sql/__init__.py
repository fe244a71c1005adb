"""How each database spells the SQL that is not the same everywhere."""

from __future__ import annotations

from dorm.dialects.registry import spelling_for as hooks_for
from dorm.dialects.sql.base import SqlHooks

__all__ = ["SqlHooks", "hooks_for"]
