"""``LocMemCache``: a cache in the memory of this process."""

from __future__ import annotations

import fnmatch
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from dorm.cache.base import DEFAULT_TTL, BaseCache
from dorm.exceptions import ImproperlyConfigured
from dorm.utils.suggest import hint

DEFAULT_SIZE: Final = 1024


class LocMemCache(BaseCache):
    """Keeps entries in memory, the most recently used ``OPTIONS["maxsize"]`` of them (1024). Threads may share it.

    Each instance, and each process, has its own entries, which are gone when it ends.

    :raises ImproperlyConfigured: for a ``maxsize`` below 1, and for unknown options.
    """

    def __init__(
        self, location: Any = "", *, options: Mapping[str, Any] | None = None, ttl: float | None = DEFAULT_TTL
    ) -> None:
        super().__init__(location, options=options, ttl=ttl)
        unknown = sorted(set(self.options) - {"maxsize"})
        if unknown:
            raise ImproperlyConfigured(f"LocMemCache has no option {unknown[0]!r}. {hint(unknown[0], ['maxsize'])}")
        size = self.options.get("maxsize", DEFAULT_SIZE)
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ImproperlyConfigured(f"LocMemCache: maxsize is a number of entries from 1, not {size!r}.")
        self.maxsize: int = size
        # key -> value and the moment it expires; the least recently used comes first
        self._entries: OrderedDict[str, tuple[bytes, float | None]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many entries are held, expired ones that were not asked for since included."""
        return len(self._entries)

    def get(self, key: str) -> bytes | None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            value, expires = entry
            if expires is not None and expires <= time.monotonic():
                del self._entries[key]
                return None
            self._entries.move_to_end(key)
            return value

    def set(self, key: str, value: bytes, timeout: float | None = None) -> None:
        seconds = self.lifetime(timeout)
        entry = (self.check_value(value), None if seconds is None else time.monotonic() + seconds)
        with self._lock:
            self._entries[key] = entry
            self._entries.move_to_end(key)
            while len(self._entries) > self.maxsize:
                self._entries.popitem(last=False)

    def delete(self, key: str) -> bool:
        with self._lock:
            entry = self._entries.pop(key, None)
        return entry is not None and (entry[1] is None or entry[1] > time.monotonic())

    def delete_pattern(self, pattern: str) -> int:
        matches = re.compile(fnmatch.translate(pattern)).match
        now = time.monotonic()
        with self._lock:
            gone = [self._entries.pop(key) for key in list(self._entries) if matches(key)]
        return sum(1 for _, expires in gone if expires is None or expires > now)

    def close(self) -> None:
        with self._lock:
            self._entries.clear()
