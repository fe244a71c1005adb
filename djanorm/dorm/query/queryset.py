"""``QuerySet``: all methods together, with the async doors. Each ``a…`` method runs its sync twin in the bridge."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Sequence
from typing import Any, Self

from dorm.db import bridge
from dorm.expressions.base import Expression
from dorm.expressions.conditions import Q
from dorm.query.bulk import BATCH, Bulk
from dorm.query.combined import CombinedQuerySet, combine, union_with
from dorm.query.root import M, R


class QuerySet(Bulk[M, R]):
    """A lazy, immutable query for rows of a model (spec sections 11 to 20; Django 5.2).

    Chain methods return new querysets and run nothing. Iterating, ``len()``, ``bool()``, ``await`` and ``async for`` run
    the query once and keep the rows. Type parameters: the model, and what a row reads as.
    """

    # -- set operations --------------------------------------------------------------------------------------------

    def union(self, *others: Any, all: bool = False) -> CombinedQuerySet[M, R]:
        """Rows of any of the querysets, duplicates removed unless ``all`` (SO-01)."""
        return combine(self, "union", others, all)

    def intersection(self, *others: Any) -> CombinedQuerySet[M, R]:
        """Rows of every one of the querysets (SO-02)."""
        return combine(self, "intersection", others, False)

    def difference(self, *others: Any) -> CombinedQuerySet[M, R]:
        """Rows of this queryset that are in none of the others (SO-02)."""
        return combine(self, "difference", others, False)

    # -- awaiting --------------------------------------------------------------------------------------------------

    def __await__(self) -> Generator[Any, None, list[R]]:
        return self._all_async().__await__()

    async def _all_async(self) -> list[R]:
        rows = self._result_cache
        return list(rows) if rows is not None else list(await bridge.run_async(self._fetch_all))

    async def __aiter__(self) -> AsyncIterator[R]:
        rows = self._result_cache
        for row in rows if rows is not None else await bridge.run_async(self._fetch_all):
            yield row

    def aiterator(self, chunk_size: int | None = None) -> AsyncGenerator[R, None]:
        """Rows one by one, without keeping them (ST-01)."""
        root = self._root()
        return bridge.iterate_chunks(lambda: root._checked_chunks(chunk_size))

    # -- reading ---------------------------------------------------------------------------------------------------

    async def aget(self, *conditions: Q[M] | Expression | tuple[str, Any], **lookups: Any) -> R:
        return await bridge.run_async(self.get, *conditions, **lookups)

    async def aget_or_none(self, *conditions: Q[M] | Expression | tuple[str, Any], **lookups: Any) -> R | None:
        return await bridge.run_async(self.get_or_none, *conditions, **lookups)

    async def afirst(self) -> R | None:
        return await bridge.run_async(self.first)

    async def alast(self) -> R | None:
        return await bridge.run_async(self.last)

    async def alatest(self, *fields: str) -> R:
        return await bridge.run_async(self.latest, *fields)

    async def aearliest(self, *fields: str) -> R:
        return await bridge.run_async(self.earliest, *fields)

    async def acount(self) -> int:
        return await bridge.run_async(self.count)

    async def aexists(self) -> bool:
        return await bridge.run_async(self.exists)

    async def acontains(self, instance: Any) -> bool:
        return await bridge.run_async(self.contains, instance)

    async def aaggregate(self, *expressions: Any, **named: Any) -> dict[str, Any]:
        return await bridge.run_async(self.aggregate, *expressions, **named)

    async def avalues(self, *fields: Any, **expressions: Any) -> list[dict[str, Any]]:
        """The rows of :meth:`values`, fetched (QX-08)."""
        return await self.values(*fields, **expressions)

    async def avalues_list(
        self, *fields: Any, flat: bool = False, named: bool = False, **expressions: Any
    ) -> list[Any]:
        """The rows of :meth:`values_list`, fetched (QX-09)."""
        return await self.values_list(*fields, flat=flat, named=named, **expressions)

    async def ain_bulk(self, id_list: Any = None, *, field_name: str = "pk") -> dict[Any, R]:
        return await bridge.run_async(self.in_bulk, id_list, field_name=field_name)

    async def aexplain(self, *, format: str | None = None, analyze: bool = False, verbose: bool = False) -> str:
        return await bridge.run_async(self.explain, format=format, analyze=analyze, verbose=verbose)

    async def araw(self, sql: str, params: Any = None, translations: dict[str, str] | None = None) -> list[M]:
        """The instances of :meth:`raw`, fetched."""
        return await self.raw(sql, params, translations)

    # -- writing ---------------------------------------------------------------------------------------------------

    async def acreate(self, **values: Any) -> M:
        return await bridge.run_async(self.create, **values)

    async def aget_or_create(self, defaults: dict[str, Any] | None = None, **lookups: Any) -> tuple[M, bool]:
        return await bridge.run_async(self.get_or_create, defaults, **lookups)

    async def aexists_or_create(self, defaults: dict[str, Any] | None = None, **lookups: Any) -> tuple[bool, M]:
        return await bridge.run_async(self.exists_or_create, defaults, **lookups)

    async def aupdate_or_create(
        self,
        defaults: dict[str, Any] | None = None,
        create_defaults: dict[str, Any] | None = None,
        **lookups: Any,
    ) -> tuple[M, bool]:
        return await bridge.run_async(self.update_or_create, defaults, create_defaults, **lookups)

    acreate_or_update = aupdate_or_create

    async def aupdate(self, *assignments: tuple[str, Any], **values: Any) -> int:
        return await bridge.run_async(self.update, *assignments, **values)

    async def adelete(self) -> tuple[int, dict[str, int]]:
        return await bridge.run_async(self.delete)

    async def abulk_create(
        self,
        objs: Iterable[M],
        batch_size: int | None = BATCH,
        *,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Sequence[str] | None = None,
        unique_fields: Sequence[str] | None = None,
        returning: Sequence[str] | None = None,
    ) -> list[M]:
        return await bridge.run_async(
            self.bulk_create,
            objs,
            batch_size,
            ignore_conflicts=ignore_conflicts,
            update_conflicts=update_conflicts,
            update_fields=update_fields,
            unique_fields=unique_fields,
            returning=returning,
        )

    async def aupsert(
        self,
        objs: Iterable[M],
        unique_fields: Sequence[str],
        *,
        update_fields: Sequence[str] | None = None,
        batch_size: int | None = BATCH,
        returning: bool = False,
    ) -> list[M]:
        return await bridge.run_async(
            self.upsert, objs, unique_fields, update_fields=update_fields, batch_size=batch_size, returning=returning
        )

    async def abulk_update(self, objs: Iterable[M], fields: Iterable[Any], batch_size: int | None = BATCH) -> int:
        return await bridge.run_async(self.bulk_update, objs, fields, batch_size)

    # -- for managers ----------------------------------------------------------------------------------------------

    def union_with(self, *others: Any, all: bool = False, order_by: Any = None) -> CombinedQuerySet[Any, Any]:
        """UNION over different models, as dicts (SO-10); see :func:`dorm.query.combined.union_with`."""
        return union_with(self, others, all, order_by)

    def db_manager(self, using: str | None = None) -> Self:
        """The same manager on another database."""
        return self.using(using)


class _Emptiness(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, QuerySet) and instance.state.empty


class EmptyQuerySet(metaclass=_Emptiness):
    """``isinstance(queryset, EmptyQuerySet)`` says whether it is :meth:`~QuerySet.none` (Django 5.2)."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        raise TypeError("EmptyQuerySet can't be instantiated: use none().")
