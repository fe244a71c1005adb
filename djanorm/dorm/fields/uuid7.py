"""Time-ordered UUIDs (RFC 9562, version 7), increasing within a process."""

from __future__ import annotations

import os
import threading
import time
import uuid
from typing import TYPE_CHECKING

from dorm.utils.lazy import lazy_import

if TYPE_CHECKING:
    import secrets
else:
    secrets = lazy_import("secrets", globals())

# 74 random bits follow the milliseconds. They start below half their range, so that counting up rarely runs over.
_RANDOM_BITS = 74
_lock = threading.Lock()
_last_milliseconds = 0
_last_random = 0


def uuid7() -> uuid.UUID:
    """A new version 7 UUID, greater than every one made before it in this process, from any thread."""
    global _last_milliseconds, _last_random
    now = time.time_ns() // 1_000_000
    with _lock:
        if now > _last_milliseconds:
            _last_milliseconds, _last_random = now, secrets.randbits(_RANDOM_BITS - 1)
        else:
            # same millisecond, or the clock went back: count up by a random step, so that keys stay hard to guess
            _last_random += 1 + secrets.randbits(32)
            if _last_random >> _RANDOM_BITS:
                _last_milliseconds, _last_random = _last_milliseconds + 1, secrets.randbits(_RANDOM_BITS - 1)
        milliseconds, random = _last_milliseconds, _last_random
    value = (milliseconds & (2**48 - 1)) << 80 | 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & (2**62 - 1)
    return uuid.UUID(int=value)


def _forget() -> None:
    """A forked child must not continue its parent's count."""
    global _lock, _last_random, _last_milliseconds
    _lock = threading.Lock()
    _last_milliseconds, _last_random = 0, 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
