"""Validators: callables that raise ``ValidationError`` (with the names of Django's module).

``full_clean()`` runs them, assignment does not. Instances compare by configuration, so that migrations see real changes
only, and serialise through ``deconstruct()``.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import PurePath
from typing import Any, ClassVar

from dorm.exceptions import FinishedText, ValidationError
from dorm.utils.caches import remembered
from dorm.utils.patterns import lazy_pattern

NEAR_A_STEP = 1e-9
LONGEST_IPV6 = 39
EMPTY_VALUES: tuple[object, ...] = (None, "", [], (), {})


class Validator:
    """Base of the validators: equality, repr and serialisation by the constructor's arguments.

    A subclass names its constructor's arguments in ``arguments`` and keeps them under the same names.
    """

    arguments: ClassVar[tuple[str, ...]] = ()
    message: str = "Enter a valid value."
    code: str = "invalid"

    def __call__(self, value: object) -> None:
        """Raise ``ValidationError`` when ``value`` does not pass."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it checks.")

    def fail(self, value: object, **more: object) -> ValidationError:
        """The error for ``value``; ``{limit}`` and the like in the message are filled in. The caller raises it."""
        text = str(self.message)
        params = {
            "value": value,
            "show_value": more.get("measured", value),
            "limit_value": more.get("limit"),
            **more,
        }
        if "%(" in text:
            text %= params
        elif "{" in text:
            try:
                text = text.format(value=value, limit_value=more.get("limit"), **more)
            except (KeyError, IndexError, ValueError):
                # a user's message may contain braces that are not placeholders
                text = str(self.message)
        return ValidationError(FinishedText(text), code=self.code, params=params)

    def _configuration(self) -> tuple[object, ...]:
        values = [getattr(self, name) for name in self.arguments]
        return tuple(value.pattern if isinstance(value, re.Pattern) else value for value in values)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, Validator)
        return self._configuration() == other._configuration()

    def __hash__(self) -> int:
        return hash((type(self), repr(self._configuration())))

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self._given())
        return f"{type(self).__name__}({given})"

    def _given(self) -> list[tuple[str, object]]:
        """The arguments that differ from the class's own."""
        pairs = zip(self.arguments, self._configuration(), strict=True)
        return [
            (name, value) for name, value in pairs if name not in self._optional() or value != self._optional()[name]
        ]

    def _optional(self) -> dict[str, object]:
        return {name: getattr(type(self), name) for name in self.arguments if hasattr(type(self), name)}

    def deconstruct(self) -> tuple[str, list[object], dict[str, object]]:
        """``(path, args, kwargs)`` that build an equal validator."""
        return (f"{type(self).__module__}.{type(self).__qualname__}", [], dict(self._given()))


class LimitValidator(Validator):
    """Compares ``measure(value)`` with a limit, which may be a callable asked at each check."""

    arguments: ClassVar[tuple[str, ...]] = ("limit_value", "message")
    code = "limit_value"

    def __init__(self, limit_value: object, message: str | None = None) -> None:
        self.limit_value = limit_value
        if message is not None:
            self.message = message

    @property
    def limit(self) -> Any:
        return self.limit_value() if callable(self.limit_value) else self.limit_value

    def measure(self, value: object) -> Any:
        return value

    def passes(self, measured: Any, limit: Any) -> bool:
        raise NotImplementedError

    def __call__(self, value: object) -> None:
        measured, limit = self.measure(value), self.limit
        if not self.passes(measured, limit):
            raise self.fail(value, limit=limit, measured=measured)


class MinValueValidator(LimitValidator):
    """``value >= limit_value``."""

    message = "Ensure this value is greater than or equal to %(limit_value)s."
    code = "min_value"

    def passes(self, measured: Any, limit: Any) -> bool:
        return bool(measured >= limit)


class MaxValueValidator(LimitValidator):
    """``value <= limit_value``."""

    message = "Ensure this value is less than or equal to %(limit_value)s."
    code = "max_value"

    def passes(self, measured: Any, limit: Any) -> bool:
        return bool(measured <= limit)


class StepValueValidator(LimitValidator):
    """``value`` is ``offset`` plus a whole number of steps."""

    arguments = ("limit_value", "message", "offset")
    message = "Ensure this value is a multiple of step size %(limit_value)s."
    code = "step_size"
    offset: Any = None

    def __init__(self, limit_value: object, message: str | None = None, offset: Any = None) -> None:
        super().__init__(limit_value, message)
        self.offset = offset

    def passes(self, measured: Any, limit: Any) -> bool:
        """Whether the value is on a step, within the precision of floats, so that 0.3 is three steps of 0.1."""
        distance = Decimal(str(measured)) - Decimal(str(self.offset or 0))
        return distance % Decimal(str(limit)) == 0 or abs(math.remainder(distance, limit)) <= NEAR_A_STEP


class MinLengthValidator(LimitValidator):
    """``len(value) >= limit_value``."""

    message = "Ensure this value has at least %(limit_value)s characters (it has %(show_value)s)."
    code = "min_length"

    def measure(self, value: Any) -> Any:
        return len(value)

    def passes(self, measured: Any, limit: Any) -> bool:
        return bool(measured >= limit)


class MaxLengthValidator(LimitValidator):
    """``len(value) <= limit_value``."""

    message = "Ensure this value has at most %(limit_value)s characters (it has %(show_value)s)."
    code = "max_length"

    def measure(self, value: Any) -> Any:
        return len(value)

    def passes(self, measured: Any, limit: Any) -> bool:
        return bool(measured <= limit)


class RegexValidator(Validator):
    """Searches ``regex`` in ``str(value)``; anchor it to match the whole.

    :param inverse_match: refuse values in which it is found.
    """

    arguments = ("regex", "message", "code", "inverse_match", "flags")
    regex: Any = ""
    inverse_match: bool = False
    flags: int = 0

    def __init__(
        self,
        regex: str | re.Pattern[str] | None = None,
        message: str | None = None,
        code: str | None = None,
        inverse_match: bool | None = None,
        flags: int | None = None,
    ) -> None:
        if regex is not None:
            self.regex = regex
        if message is not None:
            self.message = message
        if code is not None:
            self.code = code
        if inverse_match is not None:
            self.inverse_match = inverse_match
        if flags is not None:
            self.flags = int(flags)
        if self.flags and not isinstance(self.regex, str):
            raise TypeError("flags go with a regex given as text; a compiled one has its own.")
        self._compiled = re.compile(self.regex, self.flags) if isinstance(self.regex, str) else self.regex

    def _configuration(self) -> tuple[object, ...]:
        # text patterns are Unicode by default; any other flag was given
        flags = self._compiled.flags & ~re.UNICODE
        return (self._compiled.pattern, self.message, self.code, self.inverse_match, flags)

    def __call__(self, value: object) -> None:
        found = self._compiled.search(str(value))
        if bool(found) is bool(self.inverse_match):
            raise self.fail(value)


_LETTERS = r"A-Za-z\u00a1-\uffff"
_LABEL = rf"[{_LETTERS}0-9](?:[{_LETTERS}0-9-]{{0,61}}[{_LETTERS}0-9])?"
# the last label has no digits, so that an address with one part too many is not a name
_TOP = rf"(?:[{_LETTERS}][{_LETTERS}-]{{0,61}}[{_LETTERS}]|xn--[A-Za-z0-9]{{1,59}})"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*\.{_TOP}"
_ASCII_DOMAIN = rf"(?:{_LABEL}\.)+[A-Za-z0-9](?:[A-Za-z0-9-]{{0,61}})[A-Za-z0-9]\.?\Z"
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_QUOTED = r'"(?:[\x01-\x08\x0b\x0c\x0e-\x1f!#-\[\]-\x7f]|\\[\x01-\x09\x0b\x0c\x0e-\x7f])*"'
_USER = rf"(?:{_LOCAL}|{_QUOTED})\Z"


# Patterns with many letters take milliseconds to compile, so they are compiled when first used.
@remembered(None)
def email_shape() -> Callable[[str], object]:
    """Matches addresses that :class:`EmailValidator` accepts without reading ``allowlist`` or addresses in brackets."""
    return re.compile(rf"(?=.{{1,320}}\Z)(?:{_LOCAL}|{_QUOTED})@{_DOMAIN}\Z", re.DOTALL).match


@remembered(None)
def _domain_shape() -> Callable[[str], object]:
    return re.compile(rf"{_DOMAIN}\Z").match


def _is_domain(host: str) -> bool:
    return _domain_shape()(host.removesuffix(".")) is not None


class DomainNameValidator(Validator):
    """A name of a host with at least two labels, such as ``example.com`` (Django 5.2).

    :param accept_idna: letters of every alphabet.
    """

    arguments = ("accept_idna", "message", "code")
    message = "Enter a valid domain name."
    max_length: ClassVar[int] = 255
    accept_idna: bool = True

    def __init__(self, accept_idna: bool | None = None, message: str | None = None, code: str | None = None) -> None:
        if accept_idna is not None:
            self.accept_idna = accept_idna
        if message is not None:
            self.message = message
        if code is not None:
            self.code = code

    def __call__(self, value: object) -> None:
        if not isinstance(value, str) or len(value) > self.max_length:
            raise self.fail(value)
        if not (_is_domain(value) if self.accept_idna else _is_ascii_domain(value)):
            raise self.fail(value)


def _is_ascii_domain(value: str) -> bool:
    return value.isascii() and re.match(_ASCII_DOMAIN, value, re.ASCII) is not None


class EmailValidator(Validator):
    """A local part, ``@``, and a dotted domain, an address in brackets, or a domain of ``allowlist``.

    :param allowlist: domains that pass as they are; ``localhost`` when left out.
    """

    arguments = ("message", "code", "allowlist")
    message = "Enter a valid email address."
    max_length: ClassVar[int] = 320
    allowlist: tuple[str, ...] = ("localhost",)

    def __init__(
        self, message: str | None = None, code: str | None = None, allowlist: Iterable[str] | None = None
    ) -> None:
        if message is not None:
            self.message = message
        if code is not None:
            self.code = code
        if allowlist is not None:
            self.allowlist = tuple(allowlist)

    def __call__(self, value: object) -> None:
        text = "" if value is None else str(value)
        if email_shape()(text):
            return
        user, _, domain = text.rpartition("@")
        if (
            len(text) > self.max_length
            or not re.match(_USER, user)
            or not (domain in self.allowlist or _in_brackets(domain))
        ):
            raise self.fail(value)


def _in_brackets(domain: str) -> bool:
    """Whether a domain is the address of a host in brackets."""
    if domain[:1] != "[" or domain[-1:] != "]":
        return False
    return _is_address(ipaddress.ip_address, domain[1:-1])


class URLValidator(Validator):
    """A scheme of ``schemes`` and a host."""

    arguments = ("schemes", "message", "code")
    message = "Enter a valid URL."
    schemes: tuple[str, ...] = ("http", "https", "ftp", "ftps")
    max_length: ClassVar[int] = 2048
    _shape = lazy_pattern(
        r"(?P<scheme>[A-Za-z0-9.+-]*)://"
        r"(?:[^\s:@/]+(?::[^\s:@/]*)?@)?"
        r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:@/?#\[\]]+))"
        r"(?::[0-9]{1,5})?(?:[/?#]\S*)?\Z"
    )

    def __init__(
        self, schemes: Iterable[str] | None = None, message: str | None = None, code: str | None = None
    ) -> None:
        if schemes is not None:
            self.schemes = tuple(schemes)
        if message is not None:
            self.message = message
        if code is not None:
            self.code = code

    def __call__(self, value: object) -> None:
        if not isinstance(value, str) or len(value) > self.max_length or re.search(r"[\x00-\x1f\x7f]", value):
            raise self.fail(value)
        parts = self._shape.match(value)
        if parts is None or parts["scheme"].lower() not in self.schemes:
            raise self.fail(value)
        address, host = parts["address"], parts["host"]
        fits = _is_host(host) if address is None else _is_address(ipaddress.IPv6Address, address)
        if not fits:
            raise self.fail(value)


def _is_host(host: str) -> bool:
    """Whether it is ``localhost``, a domain, or an address of four numbers."""
    if host.lower() == "localhost" or _is_address(ipaddress.IPv4Address, host):
        return True
    return len(host) <= 253 and _is_domain(host)


class DecimalValidator(Validator):
    """At most ``max_digits`` digits, ``decimal_places`` of them behind the point."""

    arguments = ("max_digits", "decimal_places")
    messages: ClassVar[dict[str, str]] = {
        "invalid": "Enter a number.",
        "max_digits": "Ensure that there are no more than %(max)s digits in total.",
        "max_decimal_places": "Ensure that there are no more than %(max)s decimal places.",
        "max_whole_digits": "Ensure that there are no more than %(max)s digits before the decimal point.",
    }
    max_digits: int | None
    decimal_places: int | None

    def __init__(self, max_digits: int | None, decimal_places: int | None) -> None:
        self.max_digits, self.decimal_places = max_digits, decimal_places

    def __call__(self, value: Any) -> None:
        number = Decimal(value)
        digits, exponent = len(number.as_tuple().digits), number.as_tuple().exponent
        if not isinstance(exponent, int):
            raise self._too_many("invalid", None)
        if exponent >= 0:
            whole, places = (digits + exponent if number else 0), 0
        else:
            # zeros between the point and the first digit count as places, not as digits of the whole part
            places, whole = -exponent, max(digits + exponent, 0)
        if self.max_digits is not None and whole + places > self.max_digits:
            raise self._too_many("max_digits", self.max_digits)
        if self.decimal_places is None:
            return
        if places > self.decimal_places:
            raise self._too_many("max_decimal_places", self.decimal_places)
        if self.max_digits is not None and whole > self.max_digits - self.decimal_places:
            raise self._too_many("max_whole_digits", self.max_digits - self.decimal_places)

    def _too_many(self, code: str, most: int | None) -> ValidationError:
        return ValidationError(self.messages[code] % {"max": most}, code=code)


class ProhibitNullCharactersValidator(Validator):
    """No NUL character in text."""

    arguments = ("message", "code")
    message = "Null characters are not allowed."
    code = "null_characters_not_allowed"

    def __init__(self, message: str | None = None, code: str | None = None) -> None:
        if message is not None:
            self.message = message
        if code is not None:
            self.code = code

    def __call__(self, value: object) -> None:
        if "\x00" in str(value):
            raise self.fail(value)


class FileExtensionValidator(Validator):
    """The name of ``value`` (its ``name``, or itself) ends in one of ``allowed_extensions``, any case."""

    arguments = ("allowed_extensions", "message", "code")
    message = "File extension “{extension}” is not allowed. Allowed extensions are: {allowed}."
    code = "invalid_extension"
    allowed_extensions: tuple[str, ...] | None = None

    def __init__(
        self, allowed_extensions: Iterable[str] | None = None, message: str | None = None, code: str | None = None
    ) -> None:
        if allowed_extensions is not None:
            self.allowed_extensions = tuple(extension.lower() for extension in allowed_extensions)
        if message is not None:
            self.message = message
        if code is not None:
            self.code = code

    def __call__(self, value: object) -> None:
        extension = PurePath(str(getattr(value, "name", value))).suffix[1:]
        if self.allowed_extensions is not None and extension.lower() not in self.allowed_extensions:
            raise self.fail(value, extension=extension, allowed=", ".join(self.allowed_extensions))


def int_list_validator(
    sep: str = ",", message: str | None = None, code: str = "invalid", allow_negative: bool = False
) -> RegexValidator:
    """A validator for integers joined by ``sep``."""
    number = r"-?\d+" if allow_negative else r"\d+"
    text = message or "Enter only digits separated by commas."
    return RegexValidator(rf"^{number}(?:{re.escape(sep)}{number})*\Z", message=text, code=code)


def _is_address(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def _check_address(parse: Callable[[str], object], value: object, message: str) -> None:
    if not _is_address(parse, str(value)):
        raise ValidationError(message, code="invalid")


def validate_ipv4_address(value: object) -> None:
    """Raise ``ValidationError`` unless ``value`` is an IPv4 address."""
    _check_address(ipaddress.IPv4Address, value, "Enter a valid IPv4 address.")


def _ipv6(text: str) -> object:
    if len(text) > LONGEST_IPV6:
        raise ValueError(f"{text!r} is too long for an IPv6 address.")
    return ipaddress.IPv6Address(text)


def validate_ipv6_address(value: object) -> None:
    """Raise ``ValidationError`` unless ``value`` is an IPv6 address."""
    _check_address(_ipv6, value, "Enter a valid IPv6 address.")


def validate_ipv46_address(value: object) -> None:
    """Raise ``ValidationError`` unless ``value`` is an IPv4 or IPv6 address."""
    _check_address(ipaddress.ip_address, value, "Enter a valid IPv4 or IPv6 address.")


validate_domain_name = DomainNameValidator()
validate_email = EmailValidator()
validate_slug = RegexValidator(
    r"^[-a-zA-Z0-9_]+\Z", "Enter a valid “slug” consisting of letters, numbers, underscores or hyphens.", "invalid"
)
validate_unicode_slug = RegexValidator(
    r"^[-\w]+\Z", "Enter a valid “slug” consisting of Unicode letters, numbers, underscores, or hyphens.", "invalid"
)
validate_integer = RegexValidator(r"^-?\d+\Z", "Enter a valid integer.", "invalid")
validate_comma_separated_integer_list = int_list_validator()
