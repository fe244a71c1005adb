"""Querysets: their description, its translation, and the loading of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dorm.constraints import hooks
from dorm.query.compile import result_types as _result_types
from dorm.query.describe.prefetch_lookups import Prefetch
from dorm.query.queryset import EmptyQuerySet, QuerySet
from dorm.utils.lazy import lazy_import, lazy_names

if TYPE_CHECKING:
    from dorm.query.run.combined import CombinedQuerySet
    from dorm.query.run.prefetch import aprefetch_related_objects, prefetch_related_objects
    from dorm.query.run.raw import RawQuerySet
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "dorm.query.run.combined": ("CombinedQuerySet",),
            "dorm.query.run.prefetch": ("aprefetch_related_objects", "prefetch_related_objects"),
            "dorm.query.run.raw": ("RawQuerySet",),
        },
    )

# Constraints and indexes are below; this compiles their conditions.
hooks.compiler = lazy_import("dorm.query.compile.literal", globals())

__all__ = [
    "CombinedQuerySet",
    "EmptyQuerySet",
    "Prefetch",
    "QuerySet",
    "RawQuerySet",
    "aprefetch_related_objects",
    "prefetch_related_objects",
]
