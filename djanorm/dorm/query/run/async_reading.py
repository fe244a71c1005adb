"""The async wrappers of the reading verbs, shared by querysets and set operations."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator
from typing import TYPE_CHECKING

from dorm.db import bridge
from dorm.expressions.base import Expression
from dorm.expressions.conditions import Q
from dorm.query.describe.base import M, R, root_of
from dorm.query.run.reading import Reading
from dorm.utils.lazy import lazy_import

if TYPE_CHECKING:
    from dorm.query.run import pipeline
else:
    pipeline = lazy_import("dorm.query.run.pipeline", globals())


class AsyncReading(Reading[M, R]):
    """The async twins of the reading verbs; each is one trip through the bridge."""

    # -- awaiting --------------------------------------------------------------------------------------------------

    def __await__(self) -> Generator[object, None, list[R]]:
        return self._all_async().__await__()

    async def _all_async(self) -> list[R]:
        rows = self._result_cache
        return list(rows) if rows is not None else list(await bridge.run_async(self._fetch_all))

    async def __aiter__(self) -> AsyncIterator[R]:
        rows = self._result_cache
        for row in rows if rows is not None else await bridge.run_async(self._fetch_all):
            yield row

    def aiterator(self, chunk_size: int | None = None) -> AsyncGenerator[R, None]:
        """Rows one by one, without keeping them; after `prefetch_related` too, in chunks of 2000 unless told."""
        root = root_of(self)
        size = pipeline.STREAM_CHUNK if chunk_size is None else chunk_size
        return bridge.iterate_chunks(lambda: root._checked_chunks(size))

    # -- reading ---------------------------------------------------------------------------------------------------

    async def aget(self, *conditions: Q[M] | Expression | tuple[str, object], **lookups: object) -> R:
        return await bridge.run_async(self.get, *conditions, **lookups)

    async def aget_or_none(self, *conditions: Q[M] | Expression | tuple[str, object], **lookups: object) -> R | None:
        return await bridge.run_async(self.get_or_none, *conditions, **lookups)

    async def afirst(self) -> R | None:
        return await bridge.run_async(self.first)

    async def alast(self) -> R | None:
        return await bridge.run_async(self.last)

    async def acount(self) -> int:
        return await bridge.run_async(self.count)

    async def aexists(self) -> bool:
        return await bridge.run_async(self.exists)

    async def aexplain(
        self, *, format: str | None = None, analyze: bool = False, verbose: bool = False, **options: bool
    ) -> str:
        return await bridge.run_async(self.explain, format=format, analyze=analyze, verbose=verbose, **options)
