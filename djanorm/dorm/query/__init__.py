"""Querysets: their description, its translation, and the loading of rows."""

from dorm.query.compile import literal as _literal
from dorm.query.describe.prefetch_lookups import Prefetch
from dorm.query.queryset import EmptyQuerySet, QuerySet
from dorm.query.run.combined import CombinedQuerySet
from dorm.query.run.prefetch import aprefetch_related_objects, prefetch_related_objects
from dorm.query.run.raw import RawQuerySet

__all__ = [
    "CombinedQuerySet",
    "EmptyQuerySet",
    "Prefetch",
    "QuerySet",
    "RawQuerySet",
    "aprefetch_related_objects",
    "prefetch_related_objects",
]
