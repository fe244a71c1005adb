"""The keys of a DATABASES entry, and entries that print without their secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dorm.utils.patterns import lazy_pattern

POOL_KEYS = frozenset({"MIN_POOL_SIZE", "MAX_POOL_SIZE", "POOL_TIMEOUT", "POOL_CHECK", "MAX_IDLE", "MAX_LIFETIME"})
OPTION_KEYS = frozenset({"PREPARE_THRESHOLD", "PGBOUNCER_MODE", "SERVER_VERSION"})
KEYS = frozenset({"ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS", "URL"}) | POOL_KEYS | OPTION_KEYS
PGBOUNCER_MODES = ("session", "transaction", "statement")
SECRET = lazy_pattern(r"pass(word|wd|phrase)?|secret|token|sslkey|sslpassword|api_?key|conninfo|dsn", re.IGNORECASE)
SHOWN = (KEYS - {"PASSWORD", "OPTIONS"}) | {"JOURNAL_MODE", "SSLMODE", "APPLICATION_NAME", "BACKEND"}
URL_PASSWORD = lazy_pattern(r"(?<![^\s'\"(=,])((?:[A-Za-z][\w+.-]*:/{1,9})?[^/@:\s]*):(\S*)@")
INLINE_PASSWORD = lazy_pattern(
    r"(?<!\w)(\w{0,40}(?:pass|secret|token|sslkey|api_?key)\w{0,40}\s{0,9}=\s{0,9})('[^']*'|[^\s,;&]+)", re.IGNORECASE
)
MASK = "***"


class Entry(dict[str, Any]):
    """An entry as it was written, whose printed form hides secrets."""

    def __repr__(self) -> str:
        return repr(masked(self))

    __str__ = __repr__


def masked(value: Any, name: str = "") -> Any:
    """A copy of ``value`` for printing: what may be a secret is ``***``.

    That is the password in a URL, and every text except under keys known to hold no secret: a password may stand under
    a misspelt key.
    """
    if isinstance(value, Mapping):
        return {key: masked(item, str(key)) for key, item in value.items()}
    if name.upper() in SHOWN and not SECRET.search(name):
        return mask_text(value) if isinstance(value, str) else value
    return value if not value or (isinstance(value, (bool, int, float)) and not SECRET.search(name)) else MASK


def mask_text(text: str) -> str:
    """``text`` without the passwords of URLs and connection strings in it."""
    return INLINE_PASSWORD.sub(rf"\g<1>{MASK}", URL_PASSWORD.sub(rf"\g<1>:{MASK}@", text))
