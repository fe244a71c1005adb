"""``RowCache``: rows of one model by their primary keys, in the memory of this process, until they are written."""

from __future__ import annotations

import copy
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from dorm.db import bridge
from dorm.events import Subscription, WriteEvent, subscribe

M = TypeVar("M")
DEFAULT_SIZE = 1024


class RowCache(Generic[M]):
    """The most recently used rows of a model, one query per key until the row is written.

    Writes of this process are noticed by their write events, whatever verb they come from; hand-written SQL, which may
    have written anything, empties the cache. Between a write and the end of its transaction the row is read from the
    database, so that nobody meets a row which is not committed. Other processes are not noticed.

    Threads may share a cache. Each call returns an instance of its own.

    :param model: the model, a concrete one.
    :param maxsize: how many rows are kept.
    :param invalidate_on_write: False: rows stay until `invalidate` or `clear` is called.
    :raises ValueError: for a ``maxsize`` below 1.
    """

    def __init__(self, model: type[M], *, maxsize: int = DEFAULT_SIZE, invalidate_on_write: bool = True) -> None:
        if isinstance(maxsize, bool) or not isinstance(maxsize, int) or maxsize < 1:
            raise ValueError(f"RowCache: maxsize is a number of rows from 1, not {maxsize!r}.")
        self.model: Any = model
        self.maxsize = maxsize
        self._rows: OrderedDict[object, M] = OrderedDict()
        # how many writes of a key wait for the end of their transactions; of any key under `_ANY`
        self._unsettled: Counter[object] = Counter()
        self._version = 0
        self._lock = threading.Lock()
        self._subscription: Subscription | None = None
        if invalidate_on_write:
            self._subscription = subscribe(self._note, models=[model], kinds=["update", "delete", "upsert", "raw"])

    def __len__(self) -> int:
        """How many rows are held."""
        return len(self._rows)

    def get(self, pk: object) -> M | None:
        """The row of a key, from the database when it is not held; None when there is no such row."""
        key = self.model._meta.pk.to_python(pk)
        with self._lock:
            found = self._rows.get(key)
            if found is not None:
                self._rows.move_to_end(key)
                return copy.copy(found)
            version = self._version
        found = self.model._default_manager.get_or_none(pk=key)
        if found is not None:
            self._keep(key, copy.copy(found), version)
        return found

    async def aget(self, pk: object) -> M | None:
        return await bridge.run_async(self.get, pk)

    def invalidate(self, pk: object) -> None:
        """Drop the row of a key."""
        self._drop([self.model._meta.pk.to_python(pk)])

    def clear(self) -> None:
        """Drop all rows."""
        self._drop(None)

    def detach(self) -> None:
        """Listen to writes no longer, and drop all rows."""
        if self._subscription is not None:
            self._subscription()
        self.clear()

    def _keep(self, key: object, row: M, version: int) -> None:
        """Hold a row that was read when the cache had ``version``, unless something was written meanwhile."""
        with self._lock:
            if self._version != version or self._unsettled[key] or self._unsettled[_ANY]:
                return
            self._rows[key] = row
            while len(self._rows) > self.maxsize:
                self._rows.popitem(last=False)

    def _drop(self, keys: Iterable[object] | None) -> None:
        with self._lock:
            self._version += 1
            if keys is None:
                self._rows.clear()
            else:
                for key in keys:
                    self._rows.pop(key, None)

    def _note(self, event: WriteEvent) -> None:
        if event.phase == "before":
            return
        with self._lock:
            change = 1 if event.phase == "after" else -1
            for key in (_ANY,) if event.keys is None else event.keys:
                self._unsettled[key] += change
                if self._unsettled[key] <= 0:
                    del self._unsettled[key]
        self._drop(event.keys)


_ANY = object()
