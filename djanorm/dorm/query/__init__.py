"""Querysets: their description, its translation, and the loading of rows."""

from dorm.query import literal as _literal
from dorm.query.combined import CombinedQuerySet
from dorm.query.prefetch import Prefetch, aprefetch_related_objects, prefetch_related_objects
from dorm.query.queryset import EmptyQuerySet, QuerySet
from dorm.query.raw import RawQuerySet

__all__ = [
    "CombinedQuerySet",
    "EmptyQuerySet",
    "Prefetch",
    "QuerySet",
    "RawQuerySet",
    "aprefetch_related_objects",
    "prefetch_related_objects",
]
