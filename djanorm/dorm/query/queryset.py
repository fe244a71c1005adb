"""``QuerySet``: all methods together. Each ``a…`` method is an async wrapper that runs its sync twin in the bridge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, overload

from dorm.db import bridge
from dorm.expressions.base import Expression
from dorm.expressions.paths import Computed, RelationRef, TypedExpression
from dorm.query.compile import result_types as _result_types  # noqa: F401  (the algebra of fields, which expressions ask)
from dorm.query.describe.base import M, R
from dorm.query.describe.chain import kind_of_tuple
from dorm.query.run.async_reading import AsyncReading
from dorm.query.write.bulk import BATCH, Bulk
from dorm.utils.lazy import lazy_import

if TYPE_CHECKING:
    from dorm.fields.base import Field
    from dorm.fields.instances import Instance
    from dorm.query.run import combined
else:
    combined = lazy_import("dorm.query.run.combined", globals())

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
G = TypeVar("G")


class QuerySet(Bulk[M, R], AsyncReading[M, R]):
    """A lazy, immutable query for rows of a model (as in Django 5.2).

    Chain methods return new querysets and run nothing. Iterating, ``len()``, ``bool()``, ``await`` and ``async for``
    run the query once and keep the rows. Type parameters: the model, and the type of a row.
    """

    # -- what rows are made of -------------------------------------------------------------------------------------

    def values(
        self, *fields: str | Expression | TypedExpression[Any, M] | RelationRef[Any, M], **expressions: Any
    ) -> QuerySet[M, dict[str, Any]]:
        """Rows as dicts of the named fields, relation paths and annotations.

        Without names: all fields of the model, and annotations.
        """
        return self._values("dict", fields, expressions)

    @overload
    def values_list(  # type: ignore[overload-overlap]  # pyright: ignore[reportOverlappingOverload]
        self, a: TypedExpression[A, M] | Computed[A], /, *, flat: Literal[True]
    ) -> QuerySet[M, A]: ...
    @overload
    def values_list(self, a: TypedExpression[A, M] | Computed[A], /) -> QuerySet[M, tuple[A]]: ...
    @overload
    def values_list(
        self, a: TypedExpression[A, M] | Computed[A], b: TypedExpression[B, M] | Computed[B], /
    ) -> QuerySet[M, tuple[A, B]]: ...
    @overload
    def values_list(
        self,
        a: TypedExpression[A, M] | Computed[A],
        b: TypedExpression[B, M] | Computed[B],
        c: TypedExpression[C, M] | Computed[C],
        /,
    ) -> QuerySet[M, tuple[A, B, C]]: ...
    @overload
    def values_list(
        self,
        a: TypedExpression[A, M] | Computed[A],
        b: TypedExpression[B, M] | Computed[B],
        c: TypedExpression[C, M] | Computed[C],
        d: TypedExpression[D, M] | Computed[D],
        /,
    ) -> QuerySet[M, tuple[A, B, C, D]]: ...
    @overload
    def values_list(
        self,
        a: TypedExpression[A, M] | Computed[A],
        b: TypedExpression[B, M] | Computed[B],
        c: TypedExpression[C, M] | Computed[C],
        d: TypedExpression[D, M] | Computed[D],
        e: TypedExpression[E, M] | Computed[E],
        /,
    ) -> QuerySet[M, tuple[A, B, C, D, E]]: ...
    @overload
    def values_list(
        self,
        a: TypedExpression[A, M] | Computed[A],
        b: TypedExpression[B, M] | Computed[B],
        c: TypedExpression[C, M] | Computed[C],
        d: TypedExpression[D, M] | Computed[D],
        e: TypedExpression[E, M] | Computed[E],
        f: TypedExpression[G, M] | Computed[G],
        /,
    ) -> QuerySet[M, tuple[A, B, C, D, E, G]]: ...
    @overload
    def values_list(
        self,
        *fields: str | Expression | TypedExpression[Any, M] | RelationRef[Any, M],
        flat: Literal[True],
        **expressions: Any,
    ) -> QuerySet[M, Any]: ...
    @overload
    def values_list(
        self,
        *fields: str | Expression | TypedExpression[Any, M] | RelationRef[Any, M],
        flat: bool = False,
        named: bool = False,
        **expressions: Any,
    ) -> QuerySet[M, tuple[Any, ...]]: ...
    def values_list(self, *fields: Any, flat: bool = False, named: bool = False, **expressions: object) -> Any:
        """Rows as tuples; ``flat`` gives the bare values of one field, ``named`` gives named tuples.

        Without a field, ``flat`` gives the values of the model's first.

        :raises TypeError: for ``flat`` together with ``named``.
        :raises ValueError: for ``flat`` with several fields.
        """
        return self._values(kind_of_tuple(len(fields) + len(expressions), flat, named), fields, expressions)

    # -- set operations --------------------------------------------------------------------------------------------

    def union(self, *others: Any, all: bool = False) -> combined.CombinedQuerySet[M, R]:
        """The rows of any of the querysets, without duplicates unless ``all``."""
        return combined.combine(self, "union", others, all)

    def intersection(self, *others: Any) -> combined.CombinedQuerySet[M, R]:
        """The rows that are in all of the querysets."""
        return combined.combine(self, "intersection", others, False)

    def difference(self, *others: Any) -> combined.CombinedQuerySet[M, R]:
        """The rows of this queryset that are not in any of the others."""
        return combined.combine(self, "difference", others, False)

    # -- reading ---------------------------------------------------------------------------------------------------

    async def avalues(self, *fields: Any, **expressions: object) -> list[dict[str, Any]]:
        """The rows of :meth:`values`, fetched."""
        return await self.values(*fields, **expressions)

    async def avalues_list(
        self, *fields: Any, flat: bool = False, named: bool = False, **expressions: object
    ) -> list[Any]:
        """The rows of :meth:`values_list`, fetched."""
        return await self.values_list(*fields, flat=flat, named=named, **expressions)

    async def alatest(self, *fields: str) -> R:
        return await bridge.run_async(self.latest, *fields)

    async def aearliest(self, *fields: str) -> R:
        return await bridge.run_async(self.earliest, *fields)

    async def acontains(self, instance: Instance) -> bool:
        return await bridge.run_async(self.contains, instance)

    async def aaggregate(self, *expressions: Any, **named: object) -> dict[str, Any]:
        return await bridge.run_async(self.aggregate, *expressions, **named)

    async def ain_bulk(self, id_list: Any = None, *, field_name: str = "pk") -> dict[Any, R]:
        return await bridge.run_async(self.in_bulk, id_list, field_name=field_name)

    async def araw(self, sql: str, params: Any = None, translations: dict[str, str] | None = None) -> list[M]:
        """The instances of :meth:`raw`, fetched."""
        return await self.raw(sql, params, translations)

    # -- writing ---------------------------------------------------------------------------------------------------

    async def acreate(self, **values: object) -> M:
        return await bridge.run_async(self.create, **values)

    async def aget_or_create(self, defaults: dict[str, Any] | None = None, **lookups: object) -> tuple[M, bool]:
        return await bridge.run_async(self.get_or_create, defaults, **lookups)

    async def aexists_or_create(self, defaults: dict[str, Any] | None = None, **lookups: object) -> tuple[bool, M]:
        return await bridge.run_async(self.exists_or_create, defaults, **lookups)

    async def aupdate_or_create(
        self,
        defaults: dict[str, Any] | None = None,
        create_defaults: dict[str, Any] | None = None,
        **lookups: object,
    ) -> tuple[M, bool]:
        return await bridge.run_async(self.update_or_create, defaults, create_defaults, **lookups)

    acreate_or_update = aupdate_or_create

    async def aupdate(self, *assignments: tuple[str, Any], **values: object) -> int:
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

    async def abulk_update(self, objs: Iterable[M], fields: Iterable[Field], batch_size: int | None = BATCH) -> int:
        return await bridge.run_async(self.bulk_update, objs, fields, batch_size)

    # -- for managers ----------------------------------------------------------------------------------------------

    def union_with(self, *others: Any, all: bool = False, order_by: Any = None) -> combined.CombinedQuerySet:
        """UNION over different models, as dicts; see :func:`dorm.query.run.combined.union_with`."""
        return combined.union_with(self, others, all, order_by)

    def db_manager(self, using: str | None = None) -> Self:
        """The same manager on another database."""
        return self.using(using)


class _Emptiness(type):
    def __instancecheck__(cls, instance: Instance) -> bool:
        return isinstance(instance, QuerySet) and instance.state.empty


class EmptyQuerySet(metaclass=_Emptiness):
    """``isinstance(queryset, EmptyQuerySet)`` says whether it is :meth:`~QuerySet.none` (Django 5.2)."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        raise TypeError("EmptyQuerySet can't be instantiated: use none().")
