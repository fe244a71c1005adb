"""Connections, transactions and statements. Knows no model."""

from __future__ import annotations

from dorm.utils.lazy import lazy_names

# `dorm.db.connection` and `dorm.db.utils` are what programs reach as attributes
__getattr__, __dir__ = lazy_names("dorm.db", {"dorm.db": ("connection", "utils")})
