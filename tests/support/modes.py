"""One behaviour, told once, run sync, async and inline.

A test is an ``async def`` that takes the ``mode`` fixture and speaks to the library through it::

    async def test_a_key_finds_its_row(database, mode):
        made = await mode.call(Author.objects, "create", name="Ada")
        assert made == await mode.call(Author.objects, "get", pk=made.pk)

In *sync* mode ``call`` is ``Author.objects.get(...)`` and no event loop exists: the test body is stepped by hand, and it
is an error if it ever waits. In *async* mode it is ``await Author.objects.aget(...)`` under ``asyncio.run``. *Inline* mode
awaits the same async verbs while they run on the sync connection of the scope.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import dorm
from dorm import transaction
from dorm.db.connection import close_all_async, get_async_connection, get_connection

NAMES = ("sync", "async", "inline")


class Mode:
    """The way in which this run of a test talks to the library."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<mode {self.name}>"

    @property
    def sync(self) -> bool:
        """True when the plain verbs are called, without an event loop."""
        return self.name == "sync"

    async def call(self, target: Any, verb: str, *args: Any, **kwargs: Any) -> Any:
        """``target.verb(...)`` or ``await target.averb(...)``; ``target`` may be a module."""
        if self.sync:
            return getattr(target, verb)(*args, **kwargs)
        return await getattr(target, f"a{verb}")(*args, **kwargs)

    async def fetch(self, queryset: Any) -> list[Any]:
        """Everything at once: ``list(queryset)`` or ``await queryset``."""
        return list(queryset) if self.sync else await queryset

    async def iterate(self, queryset: Any) -> list[Any]:
        """Row by row: ``for`` or ``async for`` over the queryset itself."""
        return list(queryset) if self.sync else [row async for row in queryset]

    async def stream(self, queryset: Any, **options: Any) -> list[Any]:
        """Row by row without the cache: ``iterator()`` or ``aiterator()``, drained."""
        if self.sync:
            return list(queryset.iterator(**options))
        return [row async for row in queryset.aiterator(**options)]

    async def settle(self, value: Any) -> Any:
        """The value itself, awaited first when it can be."""
        return await value if inspect.isawaitable(value) else value

    @contextlib.asynccontextmanager
    async def atomic(self, *args: Any, **kwargs: Any) -> AsyncIterator[None]:
        """A transaction block: ``with atomic()`` or ``async with aatomic()``."""
        if self.sync:
            with transaction.atomic(*args, **kwargs):
                yield
        else:
            async with transaction.aatomic(*args, **kwargs):
                yield

    def connection(self, alias: str = "default") -> Any:
        """The low-level handle of this mode."""
        return get_connection(alias) if self.name != "async" else get_async_connection(alias)

    def run(self, body: Coroutine[Any, Any, None]) -> None:
        """Run a test body to its end in this mode."""
        if self.sync:
            step_through(body)
        elif self.name == "inline":
            asyncio.run(self._inline(body))
        else:
            asyncio.run(self._async(body))

    async def _async(self, body: Coroutine[Any, Any, None]) -> None:
        try:
            await body
        finally:
            await close_all_async()

    async def _inline(self, body: Coroutine[Any, Any, None]) -> None:
        try:
            with dorm.inline():
                await body
        finally:
            await close_all_async()


def step_through(body: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine without an event loop; AssertionError when it waits for anything."""
    try:
        body.send(None)
    except StopIteration:
        return
    body.close()
    raise AssertionError("a test body waited in sync mode; use the helpers of `mode` for what differs")
