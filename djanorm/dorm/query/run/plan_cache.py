"""The cache of plans: bounded, shared by all threads, with counters.

The plans of a registry's models are kept by that registry, which drops them when one of its models changes and takes them
along when it goes. So no plan outlives the models it was made for.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from dorm.conf import settings
from dorm.meta.registry import Registry, registries

CAPACITY = 2048


class PlanCache:
    """A bounded mapping from shapes to plans. When it is full, plans that were not used recently are evicted first.

    :param capacity: how many plans are kept per registry.
    :ivar hits, misses, uncacheable: counters since the last :meth:`clear`.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self._lock = threading.Lock()
        self.hits = self.misses = self.uncacheable = 0

    def __len__(self) -> int:
        return sum(len(registry.compiled) for registry in registries())

    def get(self, registry: Registry, key: Hashable) -> Any:
        """The plan for a key, or None.

        :param registry: that of the model whose rows are read or written.
        """
        plan = registry.compiled.get(key)
        if plan is None:
            self.misses += 1
            return None
        self.hits += 1
        plan.used = True
        return plan

    def put(self, registry: Registry, key: Hashable, plan: Any) -> None:
        """Store a plan, evicting others when full: the second chance algorithm, which adds no cost to a hit."""
        with self._lock:
            plans = registry.compiled
            while len(plans) >= self.capacity:
                old, candidate = plans.popitem(last=False)
                if candidate.used:
                    candidate.used = False
                    plans[old] = candidate
            plans[key] = plan

    def clear(self) -> None:
        """Forget all plans and counters."""
        with self._lock:
            for registry in registries():
                registry.compiled = OrderedDict()
            self.hits = self.misses = self.uncacheable = 0


plans = PlanCache()


def _forget(changed: set[str]) -> None:
    if changed & {"DATABASES", "USE_TZ", "TIME_ZONE"}:
        plans.clear()


settings.on_change(_forget)
