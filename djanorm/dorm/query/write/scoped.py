"""What registered scopes mean for writes that are compiled without a query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dorm import scopes
from dorm.exceptions import NotSupportedError

if TYPE_CHECKING:
    from dorm.meta.options import Options


def by_query() -> bool:
    """Whether rows that are written by key are chosen by a query, because scopes may put conditions on them."""
    return scopes.active and bool(scopes.in_force())


def check_conflicts(options: Options, on_conflict: object) -> None:
    """Refuse an INSERT that would write over rows that a scope may hide: its conflict names them by unique columns alone.

    :raises NotSupportedError: when a scope puts a condition on the rows of the model.
    """
    if not isinstance(on_conflict, tuple) or not by_query():
        return
    if scopes.condition_on(options, scopes.in_force()) is not None:
        raise NotSupportedError(
            f"A scope hides rows of {options.object_name}, and upsert() and bulk_create(update_conflicts=True) could write over "
            "them. Use update_or_create(), which looks for the row first, or run it inside dorm.scopes.unscoped()."
        )
