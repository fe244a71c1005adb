"""Caches of bytes behind aliases, as the setting CACHES names them, and a cache of the rows of one model."""

from __future__ import annotations

from dorm.cache.base import BaseCache
from dorm.cache.registry import get_cache, reset_caches
from dorm.cache.rows import RowCache

__all__ = ["BaseCache", "RowCache", "get_cache", "reset_caches"]
