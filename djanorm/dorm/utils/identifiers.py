"""Names of tables, columns, indexes and constraints."""

from __future__ import annotations

import hashlib
import re

from dorm.exceptions import ImproperlyConfigured
from dorm.utils.patterns import lazy_pattern

LIMIT = 63

_OPERATOR_CLASS = lazy_pattern(r"[^\W\d]\w*(\.[^\W\d]\w*)?( *\([\w =,]*\))?")
_COLLATION = lazy_pattern(r"[\w.@-]+")
_OPERATOR = lazy_pattern(r"(?!.*(--|/\*))[-+*/<>=~!@#%^&|`?]+")
_TOKEN = lazy_pattern(r"'(?:[^'\\]|'')*'|\"(?:[^\"]|\"\")+\"|--|/\*|[\w\s.,()+\-*/|&<>=!~%:]", re.DOTALL)


class QuotedName(str):
    """A name of the database that is odd on purpose (``"Author ID"``): taken as it is, and quoted wherever it stands.

    :raises ImproperlyConfigured: for text that cannot be quoted: control characters, the empty text, more than 63
        bytes.
    """

    __slots__ = ()

    def __new__(cls, name: str) -> QuotedName:
        if not isinstance(name, str):
            raise ImproperlyConfigured(f"QuotedName takes text, not {name!r}.")
        if not name or any(not (char.isprintable() or char.isspace()) or char in "\t\n\r\v\f" for char in name):
            raise ImproperlyConfigured(
                f"QuotedName({name!r}) cannot be quoted: it is empty, or has control characters."
            )
        _check_size(name, "QuotedName")
        return super().__new__(cls, name)


def check_identifier(text: str, what: str) -> str:
    """``text``, when it can be quoted safely; ``what`` names it in errors ("db_table of shop.Order").

    A `QuotedName` was checked when it was made. Raises ``ImproperlyConfigured`` when other text is empty, longer than
    63 bytes in UTF-8, or made of anything but letters, digits, underscores and ``$`` with no digit in front.
    """
    if isinstance(text, QuotedName):
        return text
    if not isinstance(text, str):
        raise ImproperlyConfigured(f"{what} must be text, not {type(text).__name__}")
    if not text:
        raise ImproperlyConfigured(f"{what} is empty")
    if not text.replace("$", "_").isidentifier():
        odd = f" A name that a database has already is written dorm.QuotedName({text!r})." if text.isprintable() else ""
        raise ImproperlyConfigured(
            f"{what} {text!r} is not a name: use letters, digits and underscores, with no digit in front.{odd}"
        )
    _check_size(text, what)
    return text


def _check_size(text: str, what: str) -> None:
    size = len(text.encode())
    if size > LIMIT:
        raise ImproperlyConfigured(
            f"{what} {text!r} is {size} bytes long; databases accept {LIMIT}. Give it a shorter name."
        )


def check_dotted(text: str, what: str) -> None:
    """The label of an app or a model: names joined by dots.

    :raises ImproperlyConfigured: naming it.
    """
    if not isinstance(text, str) or not all(part.isidentifier() for part in text.split(".")):
        raise ImproperlyConfigured(f"{what} {text!r} is not a name, nor names joined by dots.")


def check_field_name(text: str, what: str) -> None:
    """The name of a field, whichever model it is of.

    :raises ImproperlyConfigured: naming it.
    """
    if not isinstance(text, str) or not text.isidentifier():
        raise ImproperlyConfigured(f"{what} {text!r} is not the name of a field.")


def check_operator_class(text: str, what: str) -> None:
    """An operator class of an index: a name, perhaps of a schema, perhaps with parameters in parentheses.

    :raises ImproperlyConfigured: naming it.
    """
    if not isinstance(text, str) or not _OPERATOR_CLASS.fullmatch(text):
        raise ImproperlyConfigured(f"{what} {text!r} is not the name of an operator class, such as 'text_pattern_ops'.")


def check_collation(text: str, what: str) -> None:
    """The name of a collation, such as ``nocase`` or ``de-x-icu``.

    :raises ImproperlyConfigured: naming it.
    """
    if not isinstance(text, str) or not _COLLATION.fullmatch(text):
        raise ImproperlyConfigured(f"{what} {text!r} is not the name of a collation, such as 'C' or 'de-x-icu'.")


def check_operator(text: str, what: str) -> None:
    """An operator of the database, such as ``&&``.

    :raises ImproperlyConfigured: naming it.
    """
    if not isinstance(text, str) or not _OPERATOR.fullmatch(text):
        raise ImproperlyConfigured(f"{what} {text!r} is not an operator, such as '&&' or '='.")


def check_call(text: str, what: str) -> None:
    """A single call of a function in SQL, such as ``LOWER(name)``, and nothing after it.

    :raises ImproperlyConfigured: for anything after it, comments, statements, and quotes or parentheses left open.
    """
    name, opened, _ = text.partition("(")
    depth, at, ended = 0, 0, False
    for token in _TOKEN.finditer(text):
        part = token.group()
        if token.start() != at or ended or part in ("--", "/*"):
            break
        at = token.end()
        depth += (part == "(") - (part == ")")
        ended = depth == 0 and part == ")"
    if not (opened and name.isidentifier() and ended and at == len(text)):
        raise ImproperlyConfigured(
            f"{what} {text!r} is neither the name of a field nor one call of a function, such as 'LOWER(name)'. Write "
            f"expressions instead: Index(Lower('name'), name=…)."
        )


def derived(base: str, text: str) -> str:
    """A name derived from ``base``, within the length limit, and a `QuotedName` if ``base`` is one."""
    short = shorten(text)
    return QuotedName(short) if isinstance(base, QuotedName) else short


def shorten(text: str, limit: int = LIMIT) -> str:
    """``text`` when it has at most ``limit`` bytes, else its beginning and a hash that depends on all of it."""
    if len(text.encode()) <= limit:
        return text
    mark = "_" + hashlib.sha256(text.encode()).hexdigest()[:8]
    return text.encode()[: limit - len(mark)].decode(errors="ignore") + mark
