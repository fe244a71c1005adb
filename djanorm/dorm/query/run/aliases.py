"""Which database a queryset reads from and writes to, and its rows, for the rooms that have a queryset of somebody's class."""

from __future__ import annotations

from typing import Any, Protocol

from dorm.db import routers
from dorm.query.describe.base import QueryRoot
from dorm.query.run.lazy_access import check_lazy_access


class Fetching(Protocol):
    """What fetches its rows once: a queryset, a set operation."""

    def _fetch_all(self) -> list[Any]: ...


def read_alias(queryset: QueryRoot[Any, Any]) -> str:
    """The alias that a queryset reads from, determined just before reading.

    :raises LazyLoadError: when the rows of a related manager must not be loaded here.
    """
    hints = queryset._hints
    if hints is not None:
        alias = alias_of_owned(queryset, hints)
        check_lazy_access(hints["instance"], queryset._owned_as, alias)
        return alias
    using = queryset.state.using
    if using is not None:
        return using
    if queryset.state.lock is not None:
        return write_alias(queryset)
    return routers.db_for_read(queryset.model)


def write_alias(queryset: QueryRoot[Any, Any]) -> str:
    """The alias that a queryset writes to."""
    using = queryset.state.using
    if using is not None:
        return using
    hints = queryset._hints
    return routers.db_for_write(queryset.model) if hints is None else routers.db_for_write(queryset.model, **hints)


def alias_of_owned(queryset: QueryRoot[Any, Any], hints: dict[str, Any]) -> str:
    """The alias to read the rows of a related manager from."""
    using = queryset.state.using
    if using is not None:
        return using
    if queryset.state.lock is not None:
        return write_alias(queryset)
    return routers.db_for_read(queryset.model, **hints)


def rows_of(queryset: Fetching) -> list[Any]:
    """The rows of a queryset, fetched once and kept."""
    return queryset._fetch_all()
