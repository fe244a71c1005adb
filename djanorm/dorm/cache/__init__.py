"""Caches of bytes behind aliases, as the setting CACHES names them."""

from __future__ import annotations

from dorm.cache.base import BaseCache
from dorm.cache.registry import get_cache, reset_caches

__all__ = ["BaseCache", "get_cache", "reset_caches"]
