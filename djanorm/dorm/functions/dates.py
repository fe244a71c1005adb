"""Functions of dates and times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from dorm.expressions.base import Built, make
from dorm.functions.base import Func

if TYPE_CHECKING:
    from dorm.dialects.elements import Element
    from dorm.expressions.contract import FieldAlgebra, FieldLike, Scope


class Now(Func):
    """The database's current time, comparable with stored datetimes."""

    arity = 0
    result = "DateTimeField"

    def element(self, scope: Scope, arguments: list[Built]) -> Element:
        return scope.hooks.now(scope.use_tz)


class Extract(Func):
    """One part of a date or time as a number (Django 5.2).

    :param lookup_name: the part: ``year``, ``iso_year``, ``quarter``, ``month``, ``week``, ``week_day``,
        ``iso_week_day``, ``day``, ``hour``, ``minute`` or ``second``.
    :param tzinfo: the zone to take moments apart in when USE_TZ is on; that of the setting TIME_ZONE when left out.
    :raises ValueError: for another part.
    """

    anatomy = ("source_expressions", "lookup_name", "tzinfo")
    lookup_name: Any = None
    result = "IntegerField"
    strict = True

    def __init__(self, expression: object, lookup_name: str | None = None, tzinfo: object = None) -> None:
        if lookup_name is not None:
            self.lookup_name = lookup_name
        if self.lookup_name not in PARTS:
            raise ValueError(f"{self.lookup_name!r} is no part of a date. Parts: {', '.join(PARTS)}.")
        self.tzinfo = tzinfo
        super().__init__(expression)

    def build(self, scope: Scope) -> Built:
        argument = self.source_expressions[0].build(scope)
        element = scope.date_part(self.lookup_name, argument, self.tzinfo)
        return Built(element, scope.field_named("IntegerField"))


PARTS = (
    "year",
    "iso_year",
    "quarter",
    "month",
    "week",
    "week_day",
    "iso_week_day",
    "day",
    "hour",
    "minute",
    "second",
)


class ExtractYear(Extract):
    """The year."""

    lookup_name = "year"


class ExtractIsoYear(Extract):
    """The year that the ISO week belongs to."""

    lookup_name = "iso_year"


class ExtractQuarter(Extract):
    """1 to 4."""

    lookup_name = "quarter"


class ExtractMonth(Extract):
    """1 to 12."""

    lookup_name = "month"


class ExtractWeek(Extract):
    """The ISO week, 1 to 53."""

    lookup_name = "week"


class ExtractWeekDay(Extract):
    """1 (Sunday) to 7 (Saturday), as in Django."""

    lookup_name = "week_day"


class ExtractIsoWeekDay(Extract):
    """1 (Monday) to 7 (Sunday)."""

    lookup_name = "iso_week_day"


class ExtractDay(Extract):
    """1 to 31."""

    lookup_name = "day"


class ExtractHour(Extract):
    """0 to 23."""

    lookup_name = "hour"


class ExtractMinute(Extract):
    """0 to 59."""

    lookup_name = "minute"


class ExtractSecond(Extract):
    """0 to 59, whole seconds."""

    lookup_name = "second"


class _Cut(Func):
    """A date or datetime truncated to the start of its ``kind``, which subclasses define (as in Django 5.2).

    With USE_TZ moments are truncated at the periods of the zone, and read in that zone, so that ``.date()`` is the
    expected day. An hour that comes twice when clocks are put back stays two hours.

    :param output_field: a ``DateField`` or ``TimeField`` to get a date or a time.
    :param tzinfo: the zone to truncate moments in when USE_TZ is on; that of the setting TIME_ZONE when left out.
    """

    anatomy = ("source_expressions", "kind", "tzinfo")
    kind: Any = None
    target: ClassVar[str | None] = None
    strict = True

    def __init__(self, expression: object, output_field: object = None, tzinfo: object = None) -> None:
        self.tzinfo = tzinfo
        super().__init__(expression, output_field=output_field)

    def result_field(self) -> Any:
        return self.field_of(make.types, [operand.result_field() for operand in self.operands()])

    def field_of(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> FieldLike:
        return types.cut_field(self.kind, fields[0], super().field_of(types, fields), self.tzinfo)

    def derived_field(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> FieldLike:
        return types.field_named(self.target) if self.target is not None else fields[0]

    def build(self, scope: Scope) -> Built:
        argument = self.source_expressions[0].build(scope)
        field = super().field_of(scope, (argument.field,))
        return scope.date_trunc(self.kind, argument, field, self.tzinfo)


class Trunc(_Cut):
    """A date or datetime truncated to the start of a unit named by the caller (as in Django 5.2).

    :param kind: ``year``, ``quarter``, ``month``, ``week``, ``day``, ``hour``, ``minute`` or ``second``.
    :raises ValueError: for another unit.
    """

    def __init__(self, expression: object, kind: str, output_field: object = None, tzinfo: object = None) -> None:
        if kind not in UNITS:
            raise ValueError(f"{kind!r} is no unit to cut a moment down to. Units: {', '.join(UNITS)}.")
        self.kind = kind
        super().__init__(expression, output_field, tzinfo)


UNITS = ("year", "quarter", "month", "week", "day", "hour", "minute", "second")


class TruncYear(_Cut):
    """The first moment of the year."""

    kind = "year"


class TruncQuarter(_Cut):
    """The first moment of the quarter."""

    kind = "quarter"


class TruncMonth(_Cut):
    """The first moment of the month."""

    kind = "month"


class TruncWeek(_Cut):
    """Monday of the week."""

    kind = "week"


class TruncDay(_Cut):
    """Midnight."""

    kind = "day"


class TruncHour(_Cut):
    """The full hour."""

    kind = "hour"


class TruncMinute(_Cut):
    """The full minute."""

    kind = "minute"


class TruncSecond(_Cut):
    """The full second."""

    kind = "second"


class TruncDate(_Cut):
    """The date of a datetime."""

    kind = "date"
    lookup_name = "date"
    target = "DateField"


class TruncTime(_Cut):
    """The time of a datetime."""

    kind = "time"
    lookup_name = "time"
    target = "TimeField"
