"""Comparisons of text: contains, startswith, regex … Wildcards in a value mean themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa

from dorm.expressions.base import Built
from dorm.lookups.base import NULL, Lookup, Right

if TYPE_CHECKING:
    from dorm.dialects.elements import Element
    from dorm.expressions.contract import ComparingScope, FieldLike


def _either(conditions: list[Any]) -> Any:
    return conditions[0] if len(conditions) == 1 else sa.or_(*conditions)


class TextLookup(Lookup):
    """A comparison of text; other types are cast to text first."""

    takes_field_values = False

    def prepare(self, field: object, value: str) -> Any:
        return value if isinstance(value, str) else str(value)


class IExact(TextLookup):
    """Equal whatever the case; None means IS NULL."""

    lookup_name = "iexact"

    def read_none(self, field: FieldLike) -> Right:
        return NULL

    def build(self, scope: Any, left: Built, right: Any) -> Any:
        if right.variant == "null":
            return left.sql.is_(None)
        return _either([scope.hooks.equals_ignoring_case(text, right.text()) for text in scope.text_forms(left)])


class _Pattern(TextLookup):
    position: ClassVar[str]  # "any", "start" or "end"
    ignore_case: ClassVar[bool] = False

    def build(self, scope: ComparingScope, left: Built, right: Any) -> Element:
        texts = scope.text_forms(left)
        return _either([scope.hooks.matches(text, right, self.position, self.ignore_case) for text in texts])


class Contains(_Pattern):
    """Contains the text, case included."""

    lookup_name = "contains"
    position = "any"


class IContains(_Pattern):
    """Contains the text, whatever the case."""

    lookup_name = "icontains"
    position = "any"
    ignore_case = True


class StartsWith(_Pattern):
    """Starts with the text."""

    lookup_name = "startswith"
    position = "start"


class IStartsWith(_Pattern):
    """Starts with the text, whatever the case."""

    lookup_name = "istartswith"
    position = "start"
    ignore_case = True


class EndsWith(_Pattern):
    """Ends with the text."""

    lookup_name = "endswith"
    position = "end"


class IEndsWith(_Pattern):
    """Ends with the text, whatever the case."""

    lookup_name = "iendswith"
    position = "end"
    ignore_case = True


class Regex(TextLookup):
    """Matches the regular expression somewhere."""

    lookup_name = "regex"
    ignore_case: ClassVar[bool] = False

    def build(self, scope: Any, left: Built, right: Any) -> Any:
        return scope.hooks.regex(scope.as_text(left), right.text(), self.ignore_case)


class IRegex(Regex):
    """Matches the regular expression, whatever the case."""

    lookup_name = "iregex"
    ignore_case = True
