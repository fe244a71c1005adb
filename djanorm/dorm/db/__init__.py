"""Connections, transactions and statements. Knows no model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dorm.utils.lazy import lazy_names

if TYPE_CHECKING:
    from dorm.db import connection, utils

# `dorm.db.connection` and `dorm.db.utils` are what programs reach as attributes
__all__ = ["connection", "utils"]
__getattr__, __dir__ = lazy_names("dorm.db", {"dorm.db": ("connection", "utils")})
