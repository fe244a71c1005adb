"""Fields of UUIDs, bytes, network addresses and enumerations."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, overload

import sqlalchemy as sa
from typing_extensions import TypeVar, Unpack

from dorm.dialects.kinds import Kind
from dorm.exceptions import ImproperlyConfigured
from dorm.fields.base import Field
from dorm.fields.columns import address_column, enum_column, uuid_column
from dorm.fields.options import NOT_PROVIDED, FieldOptions
from dorm.fields.types import BytesType, EnumType, TextFormType, UUIDType
from dorm.fields.uuid7 import uuid7
from dorm.validators import (
    MaxLengthValidator,
    validate_ipv4_address,
    validate_ipv6_address,
    validate_ipv46_address,
)

if TYPE_CHECKING:
    from dorm.dialects.elements import SqlType
    from dorm.fields.instances import Instance
    from dorm.fields.options import Validator

U = TypeVar("U", default=uuid.UUID)
Y = TypeVar("Y", default=bytes)
S = TypeVar("S", default=str)
T = TypeVar("T", default=Any)
E = TypeVar("E", bound=Enum)


class UUIDField(Field[U], Generic[U]):
    """A UUID.

    :param version: 4 or 7 supplies a default generator; 7 is ordered by time.
    :raises ValueError: for another version, or a version together with a default.
    """

    kind = Kind.UUID
    own_options: ClassVar[Mapping[str, object]] = {"version": None}
    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid": "“{value}” is not a valid UUID."}
    version: int | None

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: UUIDField[uuid.UUID],
            verbose_name: str | None = None,
            *,
            version: Literal[4, 7] | None = None,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions[uuid.UUID]],
        ) -> None: ...
        @overload
        def __init__(
            self: UUIDField[uuid.UUID | None],
            verbose_name: str | None = None,
            *,
            version: Literal[4, 7] | None = None,
            null: Literal[True],
            **options: Unpack[FieldOptions[uuid.UUID | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...

    else:

        def __init__(self, verbose_name=None, *, version=None, default=NOT_PROVIDED, **options):
            if version is not None:
                if version not in (4, 7) or isinstance(version, bool):
                    raise ValueError(f"UUIDField(version={version!r}): version must be 4 or 7.")
                if default is not NOT_PROVIDED:
                    raise ValueError("UUIDField: version supplies the default; give version or default, not both.")
                default = uuid7 if version == 7 else uuid.uuid4
            self.version = version
            super().__init__(verbose_name, default=default, **options)

    def _option(self, option: str) -> object:
        if option == "default" and self.version is not None:
            return NOT_PROVIDED
        return super()._option(option)

    def to_python(self, value: Any) -> Any:
        if value is None or isinstance(value, uuid.UUID):
            return value
        try:
            if isinstance(value, str):
                return uuid.UUID(value)
            if isinstance(value, int) and not isinstance(value, bool):
                return uuid.UUID(int=value)
            if isinstance(value, bytes) and len(value) == 16:
                return uuid.UUID(bytes=value)
        except ValueError as problem:
            raise self.refuse(value) from problem
        raise self.refuse(value)

    exact_types = (uuid.UUID,)

    def column_type(self) -> SqlType:
        return uuid_column()

    def stored_type(self) -> SqlType:
        return UUIDType(self.column_type())


class BinaryField(Field[Y], Generic[Y]):
    """Bytes; not editable unless asked."""

    kind = Kind.BINARY
    own_options: ClassVar[Mapping[str, object]] = {"editable": False}
    empty_values = (None, b"")
    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid": "“{value}” is not bytes."}

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: BinaryField[bytes],
            verbose_name: str | None = None,
            *,
            max_length: int | None = None,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions[bytes]],
        ) -> None: ...
        @overload
        def __init__(
            self: BinaryField[bytes | None],
            verbose_name: str | None = None,
            *,
            max_length: int | None = None,
            null: Literal[True],
            **options: Unpack[FieldOptions[bytes | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...

    if not TYPE_CHECKING:

        def __init__(self, verbose_name=None, *, editable=False, **options):
            super().__init__(verbose_name, editable=editable, **options)

    def get_default(self, instance: Instance | None = None) -> Any:
        value = super().get_default(instance)
        return b"" if value is None and not self.has_default() and not self.null else value

    def to_python(self, value: Any) -> Any:
        if value is None or value.__class__ is bytes:
            return value
        if isinstance(value, (bytearray, memoryview)):
            return bytes(value)
        raise self.refuse(value)

    exact_types = (bytes,)

    def built_in_validators(self) -> Sequence[Validator]:
        return () if self.max_length is None else (MaxLengthValidator(self.max_length),)

    def column_type(self) -> SqlType:
        return sa.LargeBinary()

    def stored_type(self) -> SqlType:
        return BytesType(self.column_type())


class GenericIPAddressField(Field[S], Generic[S]):
    """An IPv4 or IPv6 address as text; INET on PostgreSQL.

    :param protocol: ``"both"``, ``"IPv4"`` or ``"IPv6"``.
    :param unpack_ipv4: keep ``::ffff:192.0.2.1`` as ``192.0.2.1``.
    """

    kind = Kind.ADDRESS
    own_options: ClassVar[Mapping[str, object]] = {"protocol": "both", "unpack_ipv4": False}
    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid": "Enter a valid {protocol} address."}
    protocol: str
    unpack_ipv4: bool

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: GenericIPAddressField[str],
            verbose_name: str | None = None,
            *,
            protocol: Literal["both", "IPv4", "IPv6", "ipv4", "ipv6"] = "both",
            unpack_ipv4: bool = False,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions[str]],
        ) -> None: ...
        @overload
        def __init__(
            self: GenericIPAddressField[str | None],
            verbose_name: str | None = None,
            *,
            protocol: Literal["both", "IPv4", "IPv6", "ipv4", "ipv6"] = "both",
            unpack_ipv4: bool = False,
            null: Literal[True],
            **options: Unpack[FieldOptions[str | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...

    else:

        def __init__(self, verbose_name=None, *, protocol="both", unpack_ipv4=False, **options):
            names = {"both": "both", "ipv4": "IPv4", "ipv6": "IPv6"}
            if protocol.lower() not in names:
                raise ValueError(f"{type(self).__name__}: protocol must be 'both', 'IPv4' or 'IPv6', not {protocol!r}.")
            if unpack_ipv4 and protocol.lower() != "both":
                raise ValueError(f"{type(self).__name__}: unpack_ipv4 goes with protocol='both' only.")
            self.protocol, self.unpack_ipv4 = names[protocol.lower()], unpack_ipv4
            super().__init__(verbose_name, **options)

    def to_python(self, value: Any) -> Any:
        if value is None or value == "":
            return value or None
        try:
            address = ipaddress.ip_address(value.strip() if isinstance(value, str) else value)
        except ValueError as problem:
            raise self._refused(value) from problem
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        if mapped is not None:
            return str(mapped) if self.unpack_ipv4 else f"::ffff:{mapped}"
        return str(address)

    def built_in_validators(self) -> Sequence[Validator]:
        """The check of the protocol."""
        return (_ADDRESS_CHECKS[self.protocol],)

    def _refused(self, value: object) -> Exception:
        kind = "IPv4 or IPv6" if self.protocol == "both" else self.protocol
        return self.refuse(value, protocol=kind)

    def column_type(self) -> SqlType:
        return address_column()

    def stored_type(self) -> SqlType:
        return TextFormType(self.column_type())


_ADDRESS_CHECKS: Mapping[str, Callable[[Any], None]] = {
    "both": validate_ipv46_address,
    "IPv4": validate_ipv4_address,
    "IPv6": validate_ipv6_address,
}


class IPAddressField(GenericIPAddressField[S], Generic[S]):
    """An IPv4 address."""

    own_options: ClassVar[Mapping[str, object]] = {"protocol": "IPv4"}

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: IPAddressField[str],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions[str]],
        ) -> None: ...
        @overload
        def __init__(
            self: IPAddressField[str | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions[str | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...

    else:

        def __init__(self, verbose_name=None, **options):
            options.setdefault("protocol", "IPv4")
            super().__init__(verbose_name, **options)


class EnumField(Field[T], Generic[T]):
    """A member of an enumeration in Python, its value in the column.

    :param enum_cls: the enumeration; its values are text, or all of them integers.
    :param max_length: width of a text column; by default the longest value.
    :param native: a PostgreSQL enum type named ``type_name`` (by default made from the class name).
    """

    kind = Kind.ENUM
    own_options: ClassVar[Mapping[str, object]] = {"enum_cls": None, "native": False, "type_name": None}
    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid": "“{value}” is not one of {names}."}

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: EnumField[E],
            enum_cls: type[E],
            verbose_name: str | None = None,
            *,
            max_length: int | None = None,
            native: bool = False,
            type_name: str | None = None,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions[E]],
        ) -> None: ...
        @overload
        def __init__(
            self: EnumField[E | None],
            enum_cls: type[E],
            verbose_name: str | None = None,
            *,
            max_length: int | None = None,
            native: bool = False,
            type_name: str | None = None,
            null: Literal[True],
            **options: Unpack[FieldOptions[E | None]],
        ) -> None: ...
        def __init__(self, enum_cls: object, verbose_name: str | None = None, **options: object) -> None: ...

    else:

        def __init__(self, enum_cls, verbose_name=None, *, max_length=None, native=False, type_name=None, **options):
            if not (isinstance(enum_cls, type) and issubclass(enum_cls, Enum)):
                raise ImproperlyConfigured(f"EnumField takes an Enum class, not {enum_cls!r}.")
            values = [member.value for member in enum_cls]
            self.enum_cls = enum_cls
            self.native, self.type_name = native, type_name
            self.integral = bool(values) and all(isinstance(value, int) for value in values)
            if not self.integral and not all(isinstance(value, str) for value in values):
                raise ImproperlyConfigured(
                    f"EnumField({enum_cls.__name__}): the values must all be text, or all integers."
                )
            self._given_length = max_length
            if max_length is None and not self.integral:
                max_length = max((len(value) for value in values), default=255)
            super().__init__(verbose_name, max_length=max_length, **options)
            self.exact_types = (enum_cls,)
            if not callable(self.default) and self.default is not NOT_PROVIDED:
                self.default = self.to_python(self.default)

    enum_cls: type[Enum]
    native: bool
    type_name: str | None
    integral: bool
    _given_length: int | None

    def _option(self, option: str) -> object:
        return self._given_length if option == "max_length" else super()._option(option)

    def to_python(self, value: Any) -> Any:
        if value is None or isinstance(value, self.enum_cls):
            return value
        try:
            return self.enum_cls(value)
        except ValueError as problem:
            if isinstance(value, str):
                if value in self.enum_cls.__members__:
                    return self.enum_cls[value]
                if self.integral and value.lstrip("-").isdigit():
                    return self.to_python(int(value))
            names = ", ".join(repr(member.value) for member in self.enum_cls)
            raise self.refuse(value, names=names) from problem

    def get_prep_value(self, value: Any) -> Any:
        made = super().get_prep_value(value)
        return made.value if isinstance(made, Enum) else made

    def column_type(self) -> SqlType:
        if self.integral:
            return sa.Integer()
        text = sa.String(self.max_length)
        if not self.native:
            return text
        name = self.type_name or self.enum_cls.__name__.lower()
        return enum_column([member.value for member in self.enum_cls], name, text)

    def stored_type(self) -> SqlType:
        return EnumType(self.column_type(), self.enum_cls)
