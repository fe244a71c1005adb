"""The built-in lookups and transforms, given to the fields they suit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dorm import fields
from dorm.functions import dates
from dorm.lookups import comparison, documents, registry, text

if TYPE_CHECKING:
    from dorm.expressions.base import Expression

_EVERYWHERE = (
    comparison.Exact,
    comparison.NotEqual,
    comparison.GreaterThan,
    comparison.GreaterThanOrEqual,
    comparison.LessThan,
    comparison.LessThanOrEqual,
    comparison.Range,
    comparison.In,
    comparison.IsNull,
    comparison.IsNotNull,
    text.IExact,
    text.Contains,
    text.IContains,
    text.StartsWith,
    text.IStartsWith,
    text.EndsWith,
    text.IEndsWith,
    text.Regex,
    text.IRegex,
)
_DATE_PARTS = {
    "year": dates.ExtractYear,
    "iso_year": dates.ExtractIsoYear,
    "quarter": dates.ExtractQuarter,
    "month": dates.ExtractMonth,
    "week": dates.ExtractWeek,
    "week_day": dates.ExtractWeekDay,
    "iso_week_day": dates.ExtractIsoWeekDay,
    "day": dates.ExtractDay,
}
_TIME_PARTS = {"hour": dates.ExtractHour, "minute": dates.ExtractMinute, "second": dates.ExtractSecond}


def install() -> None:
    """Register everything. Called once, when the fields exist."""
    registry.base_field = fields.Field
    registry.integer_field = fields.IntegerField
    for lookup in _EVERYWHERE:
        registry.add_lookup(fields.Field, lookup.lookup_name, lookup())
    for name, transform in _DATE_PARTS.items():
        registry.add_transform(fields.DateField, name, transform)
        registry.add_transform(fields.DateTimeField, name, transform)
    for name, transform in _TIME_PARTS.items():
        registry.add_transform(fields.TimeField, name, transform)
        registry.add_transform(fields.DateTimeField, name, transform)
    registry.add_transform(fields.DateTimeField, "date", dates.TruncDate)
    registry.add_transform(fields.DateTimeField, "time", dates.TruncTime)
    _documents()


def _documents() -> None:
    for lookup in (
        documents.DocumentExact,
        documents.DocumentNotEqual,
        documents.DocumentGreaterThan,
        documents.DocumentGreaterThanOrEqual,
        documents.DocumentLessThan,
        documents.DocumentLessThanOrEqual,
        documents.DocumentRange,
        documents.DocumentIn,
        documents.HasKey,
        documents.HasAnyKey,
        documents.HasAllKeys,
    ):
        registry.add_lookup(fields.JSONField, lookup.lookup_name, lookup())
    for kind in (fields.JSONField, fields.HStoreField):
        for name, other in (
            ("has_key", documents.HasKey),
            ("has_any_keys", documents.HasAnyKey),
            ("has_keys", documents.HasAllKeys),
            ("contains", documents.Contains),
            ("array_contains", documents.ArrayContains),
            ("contained_by", documents.DocumentContainedBy),
        ):
            registry.add_lookup(kind, name, other())
    for array_lookup in (documents.ArrayHolds, documents.ArrayContains, documents.ArrayOverlap, documents.ContainedBy):
        registry.add_lookup(fields.ArrayField, array_lookup.lookup_name, array_lookup())
    registry.add_lookup(fields.ArrayField, "overlap", documents.ArrayOverlap())
    registry.add_transform(fields.ArrayField, "len", documents.ArrayLength)
    registry.any_key(fields.JSONField, _key)


def _key(name: str) -> object:
    """The transform of a step into a document: any name, except those of lookups that only arrays have."""
    if name == documents.ArrayOverlap.lookup_name:
        return None

    def step(source: Expression) -> documents.KeyTransform:
        field = source.result_field()
        inside = field.part() if isinstance(field, fields.JSONField) else fields.JSONField()
        return documents.KeyTransform(source, name, inside)

    return step


install()
