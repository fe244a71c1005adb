"""Keeping secrets out of log lines (OBS-04, OBS-07). Signal receivers get the values as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

BUILT_IN = (
    "password",
    "passwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "authorization",
    "auth_token",
    "access_key",
    "private_key",
)
MASK = "***"
_patterns: tuple[str, ...] = BUILT_IN


def add_sensitive_pattern(*patterns: str) -> None:
    """Masks logged parameters of columns whose name contains one of ``patterns``, in any case; idempotent.

    Raises ``ValueError`` for an empty pattern, which would mask everything.
    """
    global _patterns
    for pattern in patterns:
        folded = pattern.lower().strip()
        if not folded:
            raise ValueError("a sensitive pattern must not be empty")
        if folded not in _patterns:
            _patterns = (*_patterns, folded)


def reset_sensitive_patterns() -> None:
    """Back to the built-in list."""
    global _patterns
    _patterns = BUILT_IN


def is_sensitive(column: str | None) -> bool:
    """Whether values of a column of that name are masked."""
    if column is None:
        return False
    folded = column.lower()
    return any(pattern in folded for pattern in _patterns)


def masked(columns: Sequence[str | None], params: Sequence[Any] | None) -> list[Any]:
    """The parameters for a log line."""
    values = list(params or ())
    if not columns:
        return values
    hidden = [is_sensitive(column) for column in columns]
    if not any(hidden):
        return values
    return [
        MASK if index < len(hidden) and hidden[index] and value is not None else value
        for index, value in enumerate(values)
    ]
