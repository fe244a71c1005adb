"""Names of tables, columns, indexes and constraints."""

from __future__ import annotations

import hashlib

from dorm.exceptions import ImproperlyConfigured

LIMIT = 63


def check_identifier(text: str, what: str) -> str:
    """``text``, when it can be quoted safely; ``what`` names it in errors ("db_table of shop.Order").

    Raises ``ImproperlyConfigured`` when it is not text, empty, longer than 63 bytes in UTF-8, or made of anything but
    letters, digits, underscores and ``$`` with no digit in front (META-20, GEN-05).
    """
    if not isinstance(text, str):
        raise ImproperlyConfigured(f"{what} must be text, not {type(text).__name__}")
    if not text:
        raise ImproperlyConfigured(f"{what} is empty")
    if not text.replace("$", "_").isidentifier():
        raise ImproperlyConfigured(
            f"{what} {text!r} is not a name: use letters, digits and underscores, with no digit in front."
        )
    size = len(text.encode())
    if size > LIMIT:
        raise ImproperlyConfigured(
            f"{what} {text!r} is {size} bytes long; databases accept {LIMIT}. Give it a shorter name."
        )
    return text


def shorten(text: str, limit: int = LIMIT) -> str:
    """``text`` when it has at most ``limit`` bytes, else its beginning and a hash that depends on all of it."""
    if len(text.encode()) <= limit:
        return text
    mark = "_" + hashlib.sha256(text.encode()).hexdigest()[:8]
    return text.encode()[: limit - len(mark)].decode(errors="ignore") + mark
