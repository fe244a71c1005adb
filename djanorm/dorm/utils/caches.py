"""Caches of the process that can be emptied together, as a test or a reloading program wants it.

Everything in them can be computed again: emptying costs time and changes nothing. What belongs to a model is kept by its
``Options`` and goes with it, and plans of queries are kept in ``dorm.query.run.plan_cache``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_resets: list[Callable[[], object]] = []


def remembered(maxsize: int | None) -> Callable[[F], F]:
    """A decorator: ``functools.lru_cache(maxsize)`` of a function that :func:`reset` makes forget."""

    def decorate(function: F) -> F:
        cached: Any = lru_cache(maxsize)(function)
        _resets.append(cached.cache_clear)
        return cached

    return decorate


def on_reset(empty: Callable[[], object]) -> None:
    """Has :func:`reset` call ``empty``, which empties a cache of another kind."""
    _resets.append(empty)


def reset() -> None:
    """Empties every cache."""
    for empty in _resets:
        empty()
