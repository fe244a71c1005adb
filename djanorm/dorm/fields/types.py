"""The SQLAlchemy types of dorm's columns: the only place that turns Python values into driver values and back.

A type that has nothing to convert is a plain SQLAlchemy type. The others are :class:`StoredType`: a plain column type
for DDL and casts, an encoder, and a decoder written as an expression template. The result processor is compiled from
that same template, so generated loaders (which inline it) and the processor cannot disagree.

Storage on databases without native types: ISO text for dates, times and datetimes, 36-character text for
UUIDs, floats in NUMERIC columns, JSON text, integer microseconds for durations, 0 and 1 for booleans.
"""

from __future__ import annotations

import datetime
import functools
import json
import uuid
from collections.abc import Callable
from decimal import Context, Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.types import TypeDecorator

from dorm.dialects.columns import resolved_type
from dorm.exceptions import DataError, ValidationError
from dorm.fields.zones import in_zone, midnight_in_zone, naive_utc, to_utc
from dorm.utils.caches import on_reset
from dorm.utils.codegen import Template, decoder_of
from dorm.utils.lazy import lazy_import

if TYPE_CHECKING:
    from dorm.dialects import registry, sql
    from dorm.dialects.features import Features
else:
    registry = lazy_import("dorm.dialects.registry", globals())
    sql = lazy_import("dorm.dialects.sql", globals())

if TYPE_CHECKING:
    from dorm.dialects.elements import SqlType

Encoder: TypeAlias = Callable[[Any], Any]

UTC = datetime.UTC

#: Decimal digits that a float carries unchanged.
FAITHFUL_DIGITS = 15


_TEXT = sa.String()


class StoredType(TypeDecorator[Any]):
    """A column type that converts. Subclasses say how in :meth:`encoder` and :meth:`decoder`.

    :param plain: the type of the column in DDL and in casts; a variant may differ per database.
    """

    impl: SqlType | type[SqlType] = sa.types.NullType

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        # SQLAlchemy reads it from each class; the cache key consists of the attributes named like the constructor's
        # parameters
        cls.cache_ok = True

    def __init__(self, plain: SqlType) -> None:
        self.plain = plain
        self.impl = plain

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.plain!r})"

    def load_dialect_impl(self, dialect: Dialect) -> SqlType:
        return resolved_type(self.impl_instance, dialect)

    def encoder(self, features: Features) -> Encoder | None:
        """A function of a value that is not None giving the driver's value, or None when nothing changes."""
        return None

    def decoder(self, features: Features) -> Template | None:
        """An expression over ``{0}``, the raw value that is not None, and ``{name}`` for each object; None when nothing changes."""
        return None

    def bind_processor(self, dialect: Dialect) -> Any:
        encode = self.encoder(registry.features_of(dialect))
        if encode is None:
            return None

        def process(value: object) -> Any:
            return None if value is None else encode(value)

        return process

    def literal_processor(self, dialect: Dialect) -> Any:
        features = registry.features_of(dialect)
        encode = self.encoder(features)
        quote: Any = _TEXT.literal_processor(dialect)  # type: ignore

        def process(value: object) -> str:
            if encode is not None:
                value = encode(value)
            if isinstance(value, bool):
                return str(value).lower() if features.native_boolean else str(int(value))
            if isinstance(value, (int, float, Decimal)):
                return str(value)
            if isinstance(value, bytes):
                return sql.hooks_for(features).binary_literal(value)
            text: str = quote(str(value))
            return text

        return process

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        template = self.decoder(registry.features_of(dialect))
        return None if template is None else decoder_of(template, type(self).__name__)

    def inline_result(self, dialect: Dialect) -> Template | None:
        """The decoder for generated loaders: an expression template for a raw value that is not None, and its objects.

        ``{0}`` stands for the raw value (it may occur several times, so hand over a variable). None: use it as it is.
        The template may bind the local name ``_t``.
        """
        return self.decoder(registry.features_of(dialect))

    def coerce_compared_value(self, op: Any, value: object) -> Any:
        return self.impl_instance.coerce_compared_value(op, value)


class BooleanType(StoredType):
    """BOOLEAN, or 0 and 1 in an integer column."""

    def decoder(self, features: Features) -> Template | None:
        return None if features.native_boolean else ("{0} != 0", {})


class DateType(StoredType):
    """DATE, or ISO text."""

    def encoder(self, features: Features) -> Encoder | None:
        return None if features.native_datetime else str

    def decoder(self, features: Features) -> Template | None:
        if features.native_datetime:
            return None
        names = {"date_from_iso": datetime.date.fromisoformat, "read_date": read_date}
        return ("({date_from_iso}({0}) if len({0}) == 10 else {read_date}({0}))", names)


class TimeType(StoredType):
    """TIME, or ISO text with microseconds when there are any."""

    def encoder(self, features: Features) -> Encoder | None:
        return None if features.native_datetime else str

    def decoder(self, features: Features) -> Template | None:
        return (
            None
            if features.native_datetime
            else ("{time_from_iso}({0})", {"time_from_iso": datetime.time.fromisoformat})
        )


class DateTimeType(StoredType):
    """TIMESTAMP, or ISO text with a space; time zones by the settings USE_TZ and TIME_ZONE.

    :param zone: with ``zoned``, the zone that moments are read in; UTC when None.
    :param midnight: whether the moments are first moments of days there.
    """

    def __init__(
        self,
        plain: SqlType,
        zoned: bool = False,
        zone: datetime.tzinfo | None = None,
        midnight: bool = False,
    ) -> None:
        super().__init__(plain)
        self.zoned = zoned
        self.zone = zone
        self.midnight = midnight

    def encoder(self, features: Features) -> Encoder | None:
        if features.native_datetime:
            return to_utc if self.zoned else naive_utc
        return encode_zoned_text if self.zoned else encode_naive_text

    def decoder(self, features: Features) -> Template | None:
        names: dict[str, object] = {"from_iso": datetime.datetime.fromisoformat, "naive_utc": naive_utc, "utc": UTC}
        if self.zone is None or not self.zoned:
            return self._in_utc(features, names)
        names |= {"shown": midnight_in_zone if self.midnight else in_zone, "zone": self.zone}
        text, _ = self._in_utc(features, names) or ("{0}", names)
        return ("{shown}(" + text + ", {zone})", names)

    def _in_utc(self, features: Features, names: dict[str, object]) -> Template | None:
        if features.native_datetime:
            return ("({0} if {0}.tzinfo is {utc} else {0}.astimezone({utc}))", names) if self.zoned else None
        if self.zoned:
            text = "(_t.replace(tzinfo={utc}) if (_t := {from_iso}({0})).tzinfo is None else _t.astimezone({utc}))"
            return (text, names)
        return ("(_t if (_t := {from_iso}({0})).tzinfo is None else {naive_utc}(_t))", names)


class DurationType(StoredType):
    """INTERVAL, or integer microseconds."""

    def encoder(self, features: Features) -> Encoder | None:
        return None if features.native_interval else microseconds

    def decoder(self, features: Features) -> Template | None:
        return None if features.native_interval else ("{duration}(0, 0, {0})", {"duration": datetime.timedelta})


class FloatType(StoredType):
    """DOUBLE PRECISION.

    :param computed: the value may come from an expression, which may return another kind of number.
    """

    def __init__(self, plain: SqlType, computed: bool) -> None:
        super().__init__(plain)
        self.computed = computed

    def encoder(self, features: Features) -> Encoder | None:
        return None if features.native_nan else refuse_nan

    def decoder(self, features: Features) -> Template | None:
        return ("({0} if {0}.__class__ is float else float({0}))", {}) if self.computed else None


def refuse_nan(value: object) -> Any:
    """SQLite would store NaN as NULL (SQLite manual, "Floating point numbers").

    :raises DataError: for NaN.
    """
    if value != value:  # noqa: PLR0124
        raise DataError("SQLite cannot hold NaN; use None, or a database that knows it.")
    return value


class DecimalType(StoredType):
    """NUMERIC. Without a native one: floats, read back as decimals.

    :param places: digits after the point of every value read; None leaves them as they come (computed values).
    :param digits: digits in all, where that is known.
    """

    def __init__(self, plain: SqlType, places: int | None, digits: int | None = None) -> None:
        super().__init__(plain)
        self.places, self.digits = places, digits

    def encoder(self, features: Features) -> Encoder | None:
        return None if features.native_decimal else decimal_to_number

    def decoder(self, features: Features) -> Template | None:
        if features.native_decimal and self.places is not None:
            return None
        if features.native_decimal:
            # what is computed may come as a floating point number
            return ("({0} if {0}.__class__ is {decimal} else {read}({0}))", {"decimal": Decimal, "read": read_decimal})
        if self.places is None:
            return ("{read}({0})", {"read": read_decimal})
        read = functools.partial(read_decimal, places=self.places)
        if self.digits is None or self.digits > FAITHFUL_DIGITS:
            return ("{read}({0})", {"read": read})
        # so few digits survive formatting a float exactly; integers beyond 2**53 would lose some
        text = (
            "({decimal}({form} % {0}) if {0}.__class__ is float or {0}.__class__ is int and -{exact} <= {0} <= {exact}"
            " else {read}({0}))"
        )
        return (text, {"decimal": Decimal, "form": f"%.{self.places}f", "exact": 2**53, "read": read})


class UUIDType(StoredType):
    """UUID, or its 36 characters."""

    def encoder(self, features: Features) -> Encoder | None:
        return None if features.native_uuid else str

    def decoder(self, features: Features) -> Template | None:
        return None if features.native_uuid else ("{read_uuid}({0})", {"read_uuid": read_uuid})


class JSONType(StoredType):
    """JSONB, or JSON text. None is SQL NULL; :data:`JSON_NULL` is JSON's ``null``."""

    def __init__(
        self,
        plain: SqlType,
        encoder_class: type[json.JSONEncoder] | None = None,
        decoder_class: type[json.JSONDecoder] | None = None,
    ) -> None:
        super().__init__(plain)
        self.encoder_class, self.decoder_class = encoder_class, decoder_class

    def encoder(self, features: Features) -> Encoder | None:
        return json_writer(self.encoder_class)

    def decoder(self, features: Features) -> Template | None:
        if self.decoder_class is not None:
            loads = functools.partial(json.loads, cls=self.decoder_class)
            if features.native_json:
                # the driver has parsed it already; the field's own decoder wants the text
                return ("{loads}({dumps}({0}))", {"loads": loads, "dumps": json.dumps})
            return ("({loads}({0}) if {0}.__class__ is str else {0})", {"loads": loads})
        if features.native_json:
            return None
        return ("({loads}({0}) if {0}.__class__ is str else {0})", {"loads": json.loads})


class EnumType(StoredType):
    """A member of an enumeration, stored as its value. Unknown values are read as they are."""

    def __init__(self, plain: SqlType, enum: type[Enum]) -> None:
        super().__init__(plain)
        self.enum = enum

    def encoder(self, features: Features) -> Encoder | None:
        return enum_value

    def decoder(self, features: Features) -> Template | None:
        members = {member.value: member for member in self.enum}
        return ("{members}.get({0}, {0})", {"members": members})


class BytesType(StoredType):
    """BYTEA or BLOB."""

    def decoder(self, features: Features) -> Template | None:
        # a driver may hand out its own buffer, and SQLite gives text for a value that was written as text
        return ("({0} if {0}.__class__ is bytes else {read_bytes}({0}))", {"read_bytes": read_bytes})


class TextFormType(StoredType):
    """A database type that the driver reads as its own kind of object, converted to text (network addresses)."""

    def decoder(self, features: Features) -> Template | None:
        return ("({0} if {0}.__class__ is str else {text_form}({0}))", {"text_form": text_form})


def text_form(value: object) -> str:
    """The text of a driver's object as the database writes it: an IPv4 address inside an IPv6 one keeps its dots."""
    mapped = getattr(value, "ipv4_mapped", None)
    return str(value) if mapped is None else f"::ffff:{mapped}"


class ArrayType(StoredType):
    """An array of another type; elements are converted by that type.

    :param item: the SQLAlchemy type of one element, with its conversions.
    """

    def __init__(self, plain: SqlType, item: SqlType) -> None:
        super().__init__(plain)
        self.item = item

    def encoder(self, features: Features) -> Encoder | None:
        if isinstance(self.item, StoredType) and (encode := self.item.encoder(features)) is not None:
            return functools.partial(encode_list, encode)
        return None

    def decoder(self, features: Features) -> Template | None:
        if not isinstance(self.item, StoredType) or (template := self.item.decoder(features)) is None:
            return None
        return ("[{item}(_i) for _i in {0}]", {"item": decoder_of(template, type(self.item).__name__)})


class CustomType(StoredType):
    """The column of a field that overrides conversions (``get_db_prep_value``) or the column type.

    :param encode: a function of a value and, as ``connection``, the dialect where that is known.
    """

    def __init__(self, plain: SqlType, encode: Callable[..., object] | None, inner: SqlType | None = None) -> None:
        super().__init__(plain)
        self.encode, self.inner = encode, inner

    def encoder(self, features: Features) -> Encoder | None:
        return self.encode

    def bind_processor(self, dialect: Dialect) -> Any:
        encode = self.encode
        if encode is None:
            return None

        def process(value: object) -> Any:
            return None if value is None else encode(value, connection=dialect)

        return process

    def decoder(self, features: Features) -> Template | None:
        return self.inner.decoder(features) if isinstance(self.inner, StoredType) else None


class PreparedType(StoredType):
    """Prepares and validates raw instance values, then encodes them with the column type.

    :param inner: the type that binds prepared values.
    :param prepare: a function of a value that is not None; it may give None.
    :param refuse: builds the error to raise from a value and the error it caused.
    """

    def __init__(
        self,
        plain: SqlType,
        inner: SqlType,
        prepare: Encoder,
        refuse: Callable[[Any, Exception], Exception],
    ) -> None:
        super().__init__(plain)
        self.inner, self.prepare, self.refuse = inner, prepare, refuse

    def encoder(self, features: Features) -> Encoder | None:
        return self._around(self.inner.encoder(features) if isinstance(self.inner, StoredType) else None)

    def bind_processor(self, dialect: Dialect) -> Any:
        return self._around(self.inner.dialect_impl(dialect).bind_processor(dialect))

    def decoder(self, features: Features) -> Template | None:
        return self.inner.decoder(features) if isinstance(self.inner, StoredType) else None

    def _around(self, encode: Encoder | None) -> Encoder:
        prepare, refuse = self.prepare, self.refuse

        def process(value: object) -> Any:
            if value is None:
                return None
            try:
                prepared = prepare(value)
                return prepared if encode is None or prepared is None else encode(prepared)
            except (ValidationError, TypeError, ValueError, ArithmeticError, RecursionError) as problem:
                raise refuse(value, problem) from problem

        return process


class SpelledType(sa.types.UserDefinedType[Any]):
    """A column type given as SQL text by a field's own ``db_type()``."""

    cache_ok = True

    def __init__(self, text: str) -> None:
        self.text = text

    def get_col_spec(self, **_: object) -> str:
        return self.text


# -- functions the templates and encoders name ---------------------------------------------------------------------


class JSONNull:
    """The type of :data:`JSON_NULL`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "JSON_NULL"

    def __reduce__(self) -> str:
        return "JSON_NULL"


JSON_NULL = JSONNull()


def json_writer(encoder_class: type[json.JSONEncoder] | None) -> Encoder:
    """A function giving the JSON text of a value; :data:`JSON_NULL` gives ``null``."""
    found = _json_writers.get(encoder_class)
    if found is None:

        def write(value: object) -> str:
            if value is JSON_NULL:
                return "null"
            try:
                return json.dumps(value, cls=encoder_class, ensure_ascii=False, allow_nan=False)
            except RecursionError as problem:
                raise ValueError("The document is nested too deeply to be written as JSON.") from problem

        found = _json_writers[encoder_class] = write
    return found


_json_writers: dict[type[json.JSONEncoder] | None, Encoder] = {}
on_reset(_json_writers.clear)


def read_date(text: Any) -> datetime.date:
    """A date from older text forms: with a time behind it, or basic ISO."""
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return datetime.datetime.fromisoformat(text).date()


def encode_naive_text(value: datetime.datetime) -> str:
    return str(value) if value.tzinfo is None else str(naive_utc(value))


def encode_zoned_text(value: datetime.datetime) -> str:
    return str(to_utc(value).replace(tzinfo=None))


def microseconds(value: datetime.timedelta) -> int:
    """The whole duration in microseconds."""
    return (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds


def decimal_to_number(value: Any) -> float:
    """A decimal as the number SQLite keeps: a float, or an integer where a float would lose digits."""
    number = float(value)
    if number.is_integer() and abs(number) > 2**53:
        whole = int(value)
        if whole == value and -(2**63) <= whole < 2**63:
            return whole
    return number


def read_decimal(value: Any, places: int | None = None) -> Decimal:
    """A decimal from a float (15 significant digits), integer, text or bytes; ``places`` pads or rounds it."""
    if isinstance(value, float):
        made = Decimal(f"{value:.15g}") if places is None else Decimal(repr(value))
    elif isinstance(value, bytes):
        made = Decimal(value.decode())
    else:
        made = Decimal(value)
    if places is None or not made.is_finite():
        return made
    exponent = made.as_tuple().exponent
    if exponent == -places:
        return made
    # text and integers may have more digits than the default context would keep
    return made.quantize(Decimal(1).scaleb(-places), context=WIDE)


WIDE = Context(prec=2000)

_new_uuid = object.__new__
_set = object.__setattr__


def read_uuid(value: str) -> uuid.UUID:
    """A UUID from its 36 or 32 characters, or 16 bytes."""
    if value.__class__ is str and len(value) == 36 and len(digits := value.replace("-", "")) == 32 and digits.isalnum():
        # the same as uuid.UUID(), without its chain of argument checks
        made: uuid.UUID = _new_uuid(uuid.UUID)
        _set(made, "int", int(digits, 16))
        _set(made, "is_safe", uuid.SafeUUID.unknown)
        return made
    if isinstance(value, uuid.UUID):
        return value
    if isinstance(value, bytes):
        return uuid.UUID(bytes=value) if len(value) == 16 else uuid.UUID(value.decode())
    return uuid.UUID(value)


def read_bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def enum_value(value: object) -> Any:
    return value.value if isinstance(value, Enum) else value


def encode_list(encode: Encoder, values: Any) -> list[object]:
    return [None if value is None else encode(value) for value in values]


__all__ = [
    "JSON_NULL",
    "ArrayType",
    "BooleanType",
    "BytesType",
    "CustomType",
    "DateTimeType",
    "DateType",
    "DecimalType",
    "DurationType",
    "EnumType",
    "FloatType",
    "JSONType",
    "PreparedType",
    "SpelledType",
    "StoredType",
    "TextFormType",
    "TimeType",
    "UUIDType",
]
