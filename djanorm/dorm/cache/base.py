"""``BaseCache``: what a cache can do. A backend overrides the sync verbs; the async ones run the same code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dorm.db import bridge
from dorm.exceptions import ImproperlyConfigured

DEFAULT_TTL = 300


class BaseCache:
    """A store of bytes under text keys, whose entries expire. Subclass it and name the class as a BACKEND.

    :param location: where the cache is, as the entry's LOCATION says; its meaning is the backend's.
    :param options: the entry's OPTIONS.
    :param ttl: seconds that an entry lives when `set` is not told otherwise; 0 or None: for ever.
    :raises ImproperlyConfigured: when one of them does not fit.
    """

    def __init__(
        self, location: Any = "", *, options: Mapping[str, Any] | None = None, ttl: float | None = DEFAULT_TTL
    ) -> None:
        if ttl is not None and (isinstance(ttl, bool) or not isinstance(ttl, (int, float)) or not ttl >= 0):
            raise ImproperlyConfigured(f"the TTL of a cache is a number of seconds from 0, or None, not {ttl!r}.")
        self.location = location
        self.options: dict[str, Any] = dict(options or {})
        self.ttl = ttl

    def get(self, key: str) -> bytes | None:
        """The value under ``key``; None when there is none, or it has expired."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to get a value.")

    async def aget(self, key: str) -> bytes | None:
        return await bridge.run_async(self.get, key)

    def set(self, key: str, value: bytes, timeout: float | None = None) -> None:
        """Keep ``value`` under ``key``.

        :param timeout: seconds until it expires; None: the cache's own time, 0: never.
        :raises TypeError: for a value that is not bytes.
        :raises ValueError: for a negative timeout.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how to set a value.")

    async def aset(self, key: str, value: bytes, timeout: float | None = None) -> None:
        return await bridge.run_async(self.set, key, value, timeout)

    def delete(self, key: str) -> bool:
        """Drop the entry under ``key``. Returns whether there was one."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to delete a value.")

    async def adelete(self, key: str) -> bool:
        return await bridge.run_async(self.delete, key)

    def delete_pattern(self, pattern: str) -> int:
        """Drop every key that ``pattern`` (``*``, ``?`` and ``[abc]``, as in file names) matches. Returns how many."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to delete values by pattern.")

    async def adelete_pattern(self, pattern: str) -> int:
        return await bridge.run_async(self.delete_pattern, pattern)

    def close(self) -> None:
        """Release what the cache holds, such as connections; called when `reset_caches` drops it."""

    def lifetime(self, timeout: float | None) -> float | None:
        """Seconds that an entry set with ``timeout`` lives; None: for ever. For backends.

        :raises ValueError: for a negative timeout.
        """
        seconds = self.ttl if timeout is None else timeout
        if seconds is not None and not seconds >= 0:
            raise ValueError(f"timeout is a number of seconds from 0, not {timeout!r}.")
        return seconds or None

    @staticmethod
    def check_value(value: object) -> bytes:
        """``value``, for backends. Raises TypeError unless it is bytes."""
        if not isinstance(value, bytes):
            raise TypeError(f"a cache keeps bytes, not {type(value).__name__}.")
        return value
