"""The cache of plans: bounded, shared by all threads, with counters."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from dorm.conf import settings

CAPACITY = 2048


class PlanCache:
    """A bounded mapping from shapes to plans. When it is full, plans that were not used recently are evicted first.

    :ivar hits, misses, uncacheable: counters since the last :meth:`clear`.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self._plans: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()
        self.hits = self.misses = self.uncacheable = 0

    def __len__(self) -> int:
        return len(self._plans)

    def get(self, key: Hashable) -> Any:
        """The plan for a key, or None."""
        plan = self._plans.get(key)
        if plan is None:
            self.misses += 1
            return None
        self.hits += 1
        plan.used = True
        return plan

    def put(self, key: Hashable, plan: Any) -> None:
        """Store a plan, evicting others when full: the second chance algorithm, which adds no cost to a hit."""
        with self._lock:
            while len(self._plans) >= self.capacity:
                old, candidate = self._plans.popitem(last=False)
                if candidate.used:
                    candidate.used = False
                    self._plans[old] = candidate
            self._plans[key] = plan

    def clear(self) -> None:
        """Forget all plans and counters."""
        with self._lock:
            self._plans.clear()
            self.hits = self.misses = self.uncacheable = 0


plans = PlanCache()


def _forget(changed: set[str]) -> None:
    if changed & {"DATABASES", "USE_TZ", "TIME_ZONE"}:
        plans.clear()


settings.on_change(_forget)
