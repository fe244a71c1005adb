"""Signatures of cached payloads: only what was written with the key is unpickled.

The key is CACHE_SIGNING_KEY, else SECRET_KEY. The signature covers the cache key as well, so that an entry cannot be
moved under another one. CACHE_INSECURE_PICKLE switches signatures off, for caches that only this program can write to.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import warnings
from typing import Final

from dorm.conf import settings
from dorm.exceptions import ImproperlyConfigured

HEADER: Final = b"dorm-hmac-sha256:"
_DIGEST_SIZE: Final = hashlib.sha256().digest_size
_PURPOSE: Final = b"dorm.cache"


class _ProcessKey:
    """A key that lives as long as the process, for programs that configure none; it logs so once."""

    def __init__(self) -> None:
        self._key: bytes | None = None
        self._lock = threading.Lock()

    def get(self) -> bytes:
        with self._lock:
            fresh = self._key is None
            key = self._key = self._key or secrets.token_bytes(32)
        if fresh:
            warnings.warn(
                "cached rows are signed with a key of this process alone, so other processes and later runs cannot read "
                "them: set CACHE_SIGNING_KEY or SECRET_KEY.",
                RuntimeWarning,
                stacklevel=4,
            )
        return key


_process_key = _ProcessKey()


def sign(key: str, payload: bytes) -> bytes:
    """The entry to store under ``key``: the payload behind its signature.

    :raises ImproperlyConfigured: without a signing key, when CACHE_REQUIRE_SIGNING_KEY is set.
    """
    if settings.get("CACHE_INSECURE_PICKLE"):
        return payload
    return HEADER + _digest(key, payload) + payload


def unsign(key: str, entry: bytes) -> bytes | None:
    """The payload of an entry that was found under ``key``; None when it is unsigned, forged or belongs elsewhere.

    :raises ImproperlyConfigured: as :func:`sign` does.
    """
    start = len(HEADER) + _DIGEST_SIZE
    signed = entry.startswith(HEADER) and len(entry) >= start
    if settings.get("CACHE_INSECURE_PICKLE"):
        return entry[start:] if signed else entry
    if not signed:
        return None
    payload = entry[start:]
    return payload if hmac.compare_digest(entry[len(HEADER) : start], _digest(key, payload)) else None


def _digest(key: str, payload: bytes) -> bytes:
    name = key.encode("utf-8", "surrogatepass")
    # the length keeps name and payload apart
    message = b"%b%d:%b" % (_PURPOSE, len(name), name) + payload
    return hmac.digest(_signing_key(), message, "sha256")


def _signing_key() -> bytes:
    for setting in ("CACHE_SIGNING_KEY", "SECRET_KEY"):
        given = settings.get(setting)
        if given:
            if not isinstance(given, (str, bytes)):
                raise ImproperlyConfigured(f"{setting} must be text or bytes, not {type(given).__name__}.")
            return given.encode() if isinstance(given, str) else given
    if settings.get("CACHE_REQUIRE_SIGNING_KEY"):
        raise ImproperlyConfigured("CACHE_REQUIRE_SIGNING_KEY is set, and neither CACHE_SIGNING_KEY nor SECRET_KEY is.")
    return _process_key.get()
