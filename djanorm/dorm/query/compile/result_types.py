"""The result types of expressions: the algebra of fields."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dorm import fields
from dorm.conf import settings
from dorm.dialects.kinds import CLOCKS, DOCUMENTS, NUMBERS, TIME_UNITS, Kind
from dorm.exceptions import FieldError
from dorm.expressions.base import Built, make
from dorm.expressions.values import NATURAL_FIELDS, Slot, Value
from dorm.fields.zones import UTC, default_zone, zone_name
from dorm.query.describe.names import Names
from dorm.utils.caches import remembered

if TYPE_CHECKING:
    from dorm.dialects.elements import Element
    from dorm.expressions.arithmetic import Combined
    from dorm.expressions.base import Expression
    from dorm.expressions.contract import FieldLike
    from dorm.fields.base import Field

names_of = Names

# kind of a field -> whether a parameter of its type carries a Python value unchanged
_HOLDS: dict[Kind, Callable[[object], bool]] = {
    Kind.BOOLEAN: lambda value: isinstance(value, bool),
    Kind.INTEGER: lambda value: isinstance(value, int) and not isinstance(value, bool),
    Kind.DECIMAL: lambda value: isinstance(value, int | Decimal) and not isinstance(value, bool),
    Kind.FLOAT: lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    Kind.DATETIME: lambda value: isinstance(value, datetime.datetime),
    Kind.DATE: lambda value: isinstance(value, datetime.date) and not isinstance(value, datetime.datetime),
    Kind.TIME: lambda value: isinstance(value, datetime.time),
    Kind.DURATION: lambda value: isinstance(value, datetime.timedelta),
    Kind.TEXT: lambda value: isinstance(value, str),
    Kind.JSON: lambda value: False,
}
# kind of a date, time or moment -> the class of fields that reads one
_CLOCK_FIELDS = {Kind.DATE: "DateField", Kind.TIME: "TimeField", Kind.DATETIME: "DateTimeField"}


@remembered(None)
def field_named(name: str, *arguments: int) -> Any:
    """A field without a model that converts results of a common type."""
    if name == "DecimalField":
        digits = arguments or (None, None)
        return fields.DecimalField(max_digits=digits[0], decimal_places=digits[1] if len(digits) > 1 else None)
    if name == "CharField":
        return fields.CharField(max_length=arguments[0] if arguments else None)
    return getattr(fields, name)()


def kind_of(field: FieldLike | None) -> Kind:
    """What the values of a field are; of an unknown field, :attr:`Kind.OTHER`."""
    return Kind.OTHER if field is None else field.kind


def is_number(field: FieldLike | None) -> bool:
    return kind_of(field) in NUMBERS


def key_of(field: Any) -> Any:
    """The field that defines the type: for a foreign key, the key it points at."""
    while field is not None and getattr(field, "remote_field", None) is not None and field.concrete:
        field = field.target_field
    return field


def free_number(field: Field) -> Field:
    """A field that converts a computed number: functions may return other kinds of numbers than columns hold."""
    base = key_of(field)
    if getattr(base, "from_db_value", None) is None:
        if kind_of(base) is Kind.FLOAT:
            return field_named("FloatField")
        if kind_of(base) is Kind.INTEGER:
            return field_named("BigIntegerField")
    return field


class FieldAlgebra:
    """The field of the result of an operation on fields. Stateless; needs no database."""

    def field_named(self, name: str, *arguments: int) -> Field:
        """A field without a model of the named class; the arguments are its length, or its digits and places."""
        return field_named(name, *arguments)

    def natural_field(self, value: object) -> Any:
        """The field for a bare Python value, or None when its type does not determine one."""
        for cls in type(value).__mro__:
            name = NATURAL_FIELDS.get(cls)
            if name is not None:
                return field_named(name)
        if isinstance(value, dict):
            return field_named("JSONField")
        return None

    @property
    def use_tz(self) -> bool:
        return bool(settings.USE_TZ)

    def can_hold(self, field: Field, value: object) -> bool:
        """Whether a parameter of the type of ``field`` can carry ``value`` unchanged."""
        if value is None:
            return True
        holds = _HOLDS.get(kind_of(key_of(field)))
        return holds is None or holds(value)

    def is_bare_value(self, expression: Expression) -> bool:
        """Whether it is a value without a stated type."""
        return isinstance(expression, Slot | Value) and expression.output_field is None

    def field_beside(self, expression: Any, field: Field) -> Field:
        """The field of a bare value next to one of ``field``: ``field`` itself if it can hold the value."""
        sample = expression.sample if isinstance(expression, Slot) else expression.value
        return field if self.can_hold(field, sample) else self.natural_field(sample)

    def moment_kept(self, given: Any, field: Field) -> object:
        """The field to cast a date, time or moment to that becomes the value of ``field``; None where it is of that kind."""
        is_now, wanted = kind_of(key_of(given)), kind_of(key_of(field))
        return field_named(_CLOCK_FIELDS[wanted]) if {is_now, wanted} <= CLOCKS and is_now != wanted else None

    def is_moment(self, field: Field) -> bool:
        return kind_of(key_of(field)) in CLOCKS

    def is_boolean(self, field: Field | None) -> bool:
        return kind_of(key_of(field)) is Kind.BOOLEAN

    def is_decimal(self, field: Field) -> bool:
        return kind_of(key_of(field)) is Kind.DECIMAL

    def common_field(self, found: Sequence[object], expression: Expression) -> object:
        """One field for several branches.

        :raises FieldError: when their types do not go together and none is stated.
        """
        known = [field for field in found if field is not None]
        if not known:
            return None
        first = known[0]
        bases = [key_of(field) for field in known]
        if all(is_number(base) for base in bases):
            return _widest(known, bases)
        kinds = {_kind(base) for base in bases}
        if len(kinds) > 1:
            names = ", ".join(sorted({type(field).__name__ for field in known}))
            raise FieldError(f"Expression contains mixed types: {names}. You must set output_field: {expression!r}.")
        return first

    def check_precision(self, operator: str, left: Field, right: Field, expression: Combined) -> None:
        """Refuse arithmetic between floats and decimals (Django 5.2).

        :raises FieldError: naming both.
        """
        a, b = key_of(left), key_of(right)
        if {_approximate(a), _approximate(b)} == {True, False}:
            raise FieldError(
                f"Cannot infer type of {operator!r} expression involving these types: {type(a).__name__}, "
                f"{type(b).__name__}. You must set output_field: {expression!r}."
            )

    def arithmetic_field(self, operator: str, left: Field, right: Field, expression: Combined) -> Field:
        """The field of ``left operator right``.

        :raises FieldError: when the types do not go together.
        """
        a, b = key_of(left), key_of(right)
        if a is None or b is None:
            return left or right
        kinds = kind_of(a), kind_of(b)
        if NUMBERS.issuperset(kinds):
            for kind, name in ((Kind.FLOAT, "FloatField"), (Kind.DECIMAL, "DecimalField")):
                if kind in kinds:
                    return field_named(name)
            return field_named("BigIntegerField")
        if kinds == (Kind.DURATION, Kind.DURATION):
            return field_named("DurationField") if operator in "+-" else field_named("FloatField")
        if kinds[0] in CLOCKS and kinds[1] is Kind.DURATION and operator in "+-":
            return field_named("DateTimeField") if kinds[0] is Kind.DATE else left
        if kinds[0] is Kind.DURATION and kinds[1] in CLOCKS and operator == "+":
            return field_named("DateTimeField") if kinds[1] is Kind.DATE else right
        if set(kinds) <= CLOCKS and operator == "-":
            return field_named("DurationField")
        if Kind.DURATION in kinds:
            return field_named("DurationField")
        if _kind(a) == _kind(b):
            return left
        raise FieldError(
            f"Expression contains mixed types: {type(left).__name__}, {type(right).__name__}. You must set "
            f"output_field: {expression!r}."
        )

    def computed_number(self, field: Field) -> Field:
        """The field of a number computed from one of ``field``: not limited to the digits of ``field``."""
        return field_named("DecimalField") if self.is_decimal(field) else free_number(field)

    def text_field(self, field: Field) -> Field:
        """The field of a text computed from one of ``field``, with the lookups of that field's class."""
        base = key_of(field)
        name = base.get_internal_type() if kind_of(base) is Kind.TEXT else "TextField"
        # functions of case-insensitive text return plain text
        return field_named("TextField" if name == "CITextField" else name)

    def sum_field(self, field: Field) -> Field:
        """The field of a sum: wide enough for many values of ``field``."""
        base = key_of(field)
        return field_named("BigIntegerField") if kind_of(base) is Kind.INTEGER else field

    def average_field(self, field: Field) -> Field:
        """The field of a mean."""
        base = key_of(field)
        if kind_of(base) is Kind.DECIMAL:
            return field_named("DecimalField")
        return field if kind_of(base) is Kind.DURATION else field_named("FloatField")

    def cut_field(self, unit: str, source: Field, field: Any, tzinfo: datetime.tzinfo | None) -> Any:
        """The field of a moment truncated to ``unit``: a moment truncated in a zone is read in that zone.

        :param source: the field of the moment.
        :param field: the stated field, or the default one for the unit.
        :raises ValueError: for a zone with anything but a moment.
        """
        zone = self._zone(key_of(source), tzinfo)
        if zone is None or kind_of(field) is not Kind.DATETIME:
            return field
        return field.in_zone(zone, unit not in TIME_UNITS)

    def _zone(self, base: FieldLike | None, tzinfo: datetime.tzinfo | None) -> Any:
        """The zone in which parts of moments of ``base`` are extracted, or None."""
        if kind_of(base) is not Kind.DATETIME:
            if tzinfo is not None and base is not None:
                raise ValueError("tzinfo can only be used with DateTimeField.")
            return None
        if not self.use_tz:
            return None
        return default_zone() if tzinfo is None else tzinfo


class ResultTypes(FieldAlgebra):
    """The part of a scope that knows types, and the SQL that depends on them. Stateless."""

    features: Any
    hooks: Any

    def bind_type(self, field: Field) -> Any:
        """The type of parameters compared with ``field``: its own, without the length and precision that would make
        the database round or cut a value before comparing it.
        """
        base = key_of(field)
        if not base.has_own_encoding():
            if kind_of(base) is Kind.DECIMAL:
                return field_named("DecimalField").sql_type()
            if kind_of(base) is Kind.INTEGER:
                return field_named("BigIntegerField").sql_type()
        return base.sql_type()

    def as_text(self, built: Built) -> Element:
        """The element as text."""
        if built.text is not None:
            return built.text
        if kind_of(key_of(built.field)) is Kind.TEXT:
            return built.sql
        return self.hooks.as_text(built.sql, key_of(built.field))

    def text_forms(self, built: Built) -> list[object]:
        """The text forms of the value, in each of which a fragment may be searched."""
        if built.text is not None or kind_of(key_of(built.field)) is Kind.TEXT:
            return [self.as_text(built)]
        return self.hooks.text_forms(built.sql, key_of(built.field))

    def beside_moment(self, built: Built, other: Field | None) -> Built:
        """``built`` for a comparison with something of the field ``other``: a date beside a moment is its midnight."""
        if kind_of(key_of(built.field)) is not Kind.DATE or kind_of(key_of(other)) is not Kind.DATETIME:
            return built
        return built._replace(sql=self.hooks.midnight(built.sql), field=field_named("DateTimeField"))

    def as_integer(self, built: Built) -> Element:
        """The element as a 4-byte integer, as functions of text require."""
        return sa.cast(built.sql, sa.Integer())

    def averaged(self, element: Element, field: Field) -> Element:
        """A mean as the type of its field."""
        return self.hooks.averaged(element, kind_of(field) is Kind.FLOAT)

    def date_part(self, part: str, argument: Built, tzinfo: datetime.tzinfo | None) -> Element:
        """One part of a date or time as an integer.

        :raises ValueError: for a field without such a part, or a zone with anything but a moment.
        """
        base = key_of(argument.field)
        if base is not None:
            _check_part(part, base)
        zone = self._zone(base, tzinfo)
        name = None if zone is None else zone_name(zone)
        return self.hooks.date_part(part, argument.sql, name, kind_of(base) is Kind.DURATION)

    def date_trunc(self, unit: str, argument: Built, field: Field, tzinfo: datetime.tzinfo | None) -> Built:
        """A date or datetime truncated to ``unit``, with the type of ``field``; a moment is read in the same zone.

        :raises TypeError: for anything but a date, time or moment.
        :raises ValueError: for a unit that it does not have, or a zone with anything but a moment.
        """
        base = key_of(argument.field)
        _check_trunc(unit, base, field)
        kind = kind_of(field)
        if unit == "date" and kind is Kind.DATETIME:
            unit = "day"
        zone = self._zone(base, tzinfo)
        element = self.hooks.date_trunc(unit, argument.sql, kind, None if zone is None else zone_name(zone))
        field = self.cut_field(unit, argument.field, field, tzinfo)
        return Built(sa.type_coerce(element, field.sql_type()), field)

    def cast(self, argument: Built, field: Any) -> Any:
        """``argument`` as the type of ``field``; the day and time of a moment are those of the zone it is read in, and a value
        in a document is what it holds, not its JSON.
        """
        base = key_of(argument.field)
        kind = kind_of(field)
        inside = kind_of(base) is Kind.JSON and not isinstance(argument.sql, sa.Column)
        if inside and kind is not Kind.JSON:
            form = "boolean" if kind is Kind.BOOLEAN else "any"
            return self.hooks.cast(self.hooks.json_form(argument.sql, (), form), None, field)
        if kind_of(base) is Kind.DATETIME and kind in (Kind.DATE, Kind.TIME):
            unit = "date" if kind is Kind.DATE else "time"
            return self.date_trunc(unit, argument, field, base.zone or UTC).sql
        if kind is Kind.BOOLEAN and is_number(base):
            # some databases cannot cast every kind of number
            return argument.sql != sa.literal_column("0")
        return self.hooks.cast(argument.sql, argument.field, field)


def _check_part(part: str, base: Any) -> None:
    """Refuse to take apart what has no such part."""
    kind = kind_of(base)
    if kind not in CLOCKS and kind is not Kind.DURATION:
        raise ValueError("Extract input expression must be DateField, DateTimeField, TimeField, or DurationField.")
    if kind is Kind.DATE and part in TIME_UNITS:
        raise ValueError(f"Cannot extract time component '{part}' from DateField '{base.name}'.")
    if kind in (Kind.DURATION, Kind.TIME) and part not in (*TIME_UNITS, "day"):
        raise ValueError(f"Cannot extract component '{part}' from {type(base).__name__} '{base.name}'.")


def _check_trunc(unit: str, base: Field, field: Field) -> None:
    """Refuse to cut what has no such unit; an expression of unknown type is left to the database."""
    kind = kind_of(field)
    if base is not None and kind_of(base) not in CLOCKS:
        raise TypeError(f"{base.name!r} isn't a DateField, TimeField, or DateTimeField.")
    if kind not in CLOCKS or (unit == "time" and kind is not Kind.TIME):
        raise ValueError("output_field must be either DateField, TimeField, or DateTimeField")
    if base is None or kind_of(base) is Kind.DATETIME:
        return
    of_time = unit in (*TIME_UNITS, "time")
    alike = kind is kind_of(base)
    if not alike or of_time != (kind_of(base) is Kind.TIME):
        target = "DateTimeField" if alike else type(field).__name__
        raise ValueError(f"Cannot truncate {type(base).__name__} '{base.name}' to {target}.")


def _approximate(field: Field) -> bool | None:
    """True for floats, False for decimals; None for integers, which go with both."""
    return {Kind.FLOAT: True, Kind.DECIMAL: False}.get(kind_of(field))


def _widest(known: list[Any], bases: list[Any]) -> object:
    for wanted in (Kind.FLOAT, Kind.DECIMAL):
        found = [(field, base) for field, base in zip(known, bases, strict=True) if kind_of(base) is wanted]
        if not found:
            continue
        if len({getattr(base, "decimal_places", None) for _, base in found}) > 1:
            # each branch keeps its own digits
            return field_named("DecimalField")
        return found[0][0]
    return known[0]


def _kind(field: Field) -> Any:
    """What goes together: fields of one kind, and fields of one class where there is no kind."""
    kind = kind_of(field)
    if kind in NUMBERS or kind in DOCUMENTS:
        return "number" if kind in NUMBERS else "document"
    return type(field) if kind in (Kind.OTHER, Kind.ENUM) else kind


make.types = FieldAlgebra()
