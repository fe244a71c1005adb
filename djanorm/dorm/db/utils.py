"""Retry helpers and masking patterns."""

from __future__ import annotations

from dorm.db.masking import add_sensitive_pattern, reset_sensitive_patterns
from dorm.db.retry import awith_transient_retry, with_transient_retry

__all__ = ["add_sensitive_pattern", "awith_transient_retry", "reset_sensitive_patterns", "with_transient_retry"]
