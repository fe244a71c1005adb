"""Lookups: how ``age__gte=18`` is read and compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ClauseList, Grouping

from dorm.expressions.base import Built
from dorm.lookups import registry
from dorm.lookups.base import Lookup, Transform
from dorm.lookups.text import TextLookup

if TYPE_CHECKING:
    from dorm.dialects.elements import Element
    from dorm.expressions.contract import ComparingScope


class TemplateLookup(TextLookup):
    """A lookup made of an SQL template by :func:`register_lookup`."""

    def __init__(self, name: str, template: str, value_transform: Any) -> None:
        self.lookup_name = name  # type: ignore[misc] # ty: ignore[invalid-attribute-access]
        self.template = template
        self.value_transform = value_transform

    def prepare(self, field: Any, value: Any) -> Any:
        return value if self.value_transform is None else self.value_transform(value)

    def build(self, scope: ComparingScope, left: Built, right: Any) -> Element:
        before, _, after = self.template.partition("{col}")
        middle, _, rest = after.partition("%s")
        text: list[Any] = [sa.literal_column(part) for part in (before, middle, rest)]
        parts = (text[0], left.sql, text[1], right.bound(None), text[2])
        joined: Any = ClauseList(*parts, group=False)
        joined.operator = None
        element: Element = Grouping(joined)
        element.type = sa.Boolean()
        return element


def register_lookup(name: str, template: str, value_transform: Any = None) -> None:
    """A lookup for every field from an SQL template.

    :param template: SQL with ``{col}`` for the column and ``%s`` for the value, in this order.
    :param value_transform: applied to the value before it is bound.
    :raises ValueError: for a template without both marks.
    """
    if "{col}" not in template or template.count("%s") != 1:
        raise ValueError("A lookup's template needs {col} and one %s, such as '{col} ~~ %s'.")
    registry.add_lookup(registry.base_field, name, TemplateLookup(name, template, value_transform))


def unregister_lookup(name: str) -> None:
    """Take a registered lookup back; unknown names are ignored."""
    registry.remove(registry.base_field, name)


__all__ = ["Lookup", "Transform", "register_lookup", "unregister_lookup"]
