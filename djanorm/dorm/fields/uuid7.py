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


class _Last:
    """The time and the random number of the last UUID."""

    __slots__ = ("lock", "milliseconds", "random")

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start again, with a lock of its own: a forked child must not continue its parent's count."""
        self.lock = threading.Lock()
        self.milliseconds = self.random = 0


_last = _Last()


def uuid7() -> uuid.UUID:
    """A new version 7 UUID, greater than every one made before it in this process, from any thread."""
    now = time.time_ns() // 1_000_000
    with _last.lock:
        if now > _last.milliseconds:
            _last.milliseconds, _last.random = now, secrets.randbits(_RANDOM_BITS - 1)
        else:
            # same millisecond, or the clock went back: count up by a random step, so that keys stay hard to guess
            _last.random += 1 + secrets.randbits(32)
            if _last.random >> _RANDOM_BITS:
                _last.milliseconds, _last.random = _last.milliseconds + 1, secrets.randbits(_RANDOM_BITS - 1)
        milliseconds, random = _last.milliseconds, _last.random
    value = (milliseconds & (2**48 - 1)) << 80 | 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & (2**62 - 1)
    return uuid.UUID(int=value)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_last.forget)
