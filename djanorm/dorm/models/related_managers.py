"""``author.book_set``: the manager of the rows whose foreign key refers to one instance.

It is the default manager of the related model, restricted to the owner: it has every queryset method and every method
of a user-defined manager. Each access creates a small object; its class is created once per relation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, Self, TypeVar, overload

from dorm.db import bridge
from dorm.meta.older_classes import older_class_hint
from dorm.models.manager import BaseManager
from dorm.query.describe.base import preloaded, with_owner
from dorm.query.run.aliases import write_alias
from dorm.utils.lazy import lazy_import

if TYPE_CHECKING:
    from typing import Never

    from dorm.db import transactions
    from dorm.expressions.paths import RelationRef
    from dorm.fields.instances import Instance
    from dorm.query.queryset import QuerySet
    from dorm.query.write import row_writes
else:
    transactions = lazy_import("dorm.db.transactions", globals())
    row_writes = lazy_import("dorm.query.write.row_writes", globals())

M = TypeVar("M")
N = TypeVar("N")


class Side:
    """What the managers of one relation share.

    :ivar kind: the class with the verbs of the relation.
    :ivar field: the field that makes the relation.
    :ivar end: the field, or its `Relation`, whichever describes the relation as the owner sees it.
    :ivar accessor: the name of the manager on the owner.
    :ivar plain: the class of the related model's default manager.
    :ivar owner_key: the attname of the owner's column that the relation refers to.
    """

    __slots__ = ("accessor", "end", "field", "kind", "owner_key", "plain")

    def __init__(self, kind: type[Any], field: Any, end: Any, accessor: str, plain: type[Any], owner_key: str) -> None:
        self.kind = kind
        self.field = field
        self.end = end
        self.accessor = accessor
        self.plain = plain
        self.owner_key = owner_key


class RelatedManager(BaseManager[M], Generic[M]):
    """The rows related to one instance, and the verbs that relate more of them.

    Declare reverse relations for type checkers by annotation: ``books: RelatedManager["Book"]``.
    """

    _makes_querysets = False
    # set on the class generated for each relation
    _side: ClassVar[Side]
    # set on each object
    instance: Any

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def __get__(self, instance: None, owner: type[N]) -> RelationRef[M, N]: ...  # pyrefly: ignore
        @overload
        def __get__(self, instance: object, owner: Any) -> Self: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...  # pyright: ignore # ty: ignore
        def __set__(self, instance: Any, value: Never) -> None: ...

        def remove(self, *objs: object, bulk: bool = True) -> None: ...
        async def aremove(self, *objs: object, bulk: bool = True) -> None: ...
        def clear(self, *, bulk: bool = True) -> None: ...
        async def aclear(self, *, bulk: bool = True) -> None: ...

    def all(self) -> Self:
        """The related rows: the prefetched list when there is one, else a query."""
        rows = self._prefetched_rows()
        if rows is not None:
            return preloaded(self._side.plain, self.model, rows, self)
        return super().all()

    def count(self) -> int:
        """The number of related rows, from the prefetched list when there is one."""
        rows = self._prefetched_rows()
        return super().count() if rows is None else len(rows)

    def exists(self) -> bool:
        """Whether there is a related row, from the prefetched list when there is one."""
        rows = self._prefetched_rows()
        return super().exists() if rows is None else bool(rows)

    def contains(self, instance: Instance) -> bool:
        """Whether the instance is among the related rows, from the prefetched list when there is one."""
        return super().contains(instance) if self._prefetched_rows() is None else self.all().contains(instance)

    def first(self) -> M | None:
        """The first related row, from the prefetched list when there is one and its order is known."""
        return super().first() if self._prefetched_rows() is None else self.all().first()

    def last(self) -> M | None:
        """The last related row, from the prefetched list when there is one and its order is known."""
        return super().last() if self._prefetched_rows() is None else self.all().last()

    def _prefetched_rows(self) -> list[Instance] | None:
        prefetched = self.instance.__dict__.get("_prefetched")
        if prefetched is None or (self._query is not None and self._pinned is not None):
            return None
        return prefetched.get(self._side.accessor)

    @property
    def _identity(self) -> tuple[object, ...]:
        return (*super()._identity, self.instance)

    @property
    def _related_model(self) -> Any:
        return self.model

    @property
    def _owner_key(self) -> Any:
        """The value that refers to the owner in the rows' foreign key, or in the junction's."""
        return getattr(self.instance, self._side.owner_key)

    @property
    def _hints(self) -> dict[str, object]:  # type: ignore[override] # pyright: ignore # ty: ignore
        """The hints for the routers."""
        return {"instance": self.instance}

    @property
    def _owned_as(self) -> str:  # type: ignore[override] # pyright: ignore # ty: ignore
        """The name of the relation, for messages about lazy access."""
        return self._side.accessor

    @property
    def _pinned(self) -> str | None:
        """The alias that `db_manager()` chose for this manager."""
        query = self._query
        return None if query is None else query.using

    def _start_writing(self) -> None:
        """Drop the prefetched list, which is about to become outdated.

        :raises ValueError: for an owner without a value in the column that the relation refers to.
        """
        if self._owner_key is None:
            raise ValueError(
                f"{self.instance!r} needs to have a value in the column that .{self._side.accessor} refers to before "
                f"this relationship can be used."
            )
        prefetched = self.instance.__dict__.get("_prefetched")
        if prefetched is not None:
            prefetched.pop(self._side.accessor, None)

    def add(self, *objs: Any, bulk: bool = True, through_defaults: Any = None) -> None:
        """Relate more rows to the owner."""
        raise NotImplementedError

    async def aadd(
        self, *objs: object, bulk: bool = True, through_defaults: Mapping[str, object] | None = None
    ) -> None:
        return await bridge.run_async(self.add, *objs, bulk=bulk, through_defaults=through_defaults)

    def set(self, objs: Iterable[Any], *, bulk: bool = True, clear: bool = False, through_defaults: Any = None) -> None:
        """Relate exactly these rows to the owner."""
        raise NotImplementedError

    def _listed(self, objs: Iterable[Instance]) -> tuple[Instance, ...]:
        """The argument of `set()` as a list, read once.

        :raises TypeError: for anything that is not a list of rows.
        """
        if isinstance(objs, (str, bytes)) or not isinstance(objs, Iterable):
            raise TypeError(
                f"{type(self.instance).__name__}.{self._side.accessor}.set() takes a list of {self._related_model.__name__} "
                f"instances, not {objs!r}; set([]) leaves none."
            )
        return tuple(objs)

    async def aset(
        self,
        objs: Iterable[object],
        *,
        bulk: bool = True,
        clear: bool = False,
        through_defaults: Mapping[str, object] | None = None,
    ) -> None:
        return await bridge.run_async(self.set, objs, bulk=bulk, clear=clear, through_defaults=through_defaults)


class ReverseManager(RelatedManager[M], Generic[M]):
    """The rows whose foreign key refers to the owner.

    `remove` and `clear` are there only when the foreign key may be NULL (`NullableReverseManager`).
    """

    def get_queryset(self) -> Any:
        """The default manager's rows that refer to the owner."""
        field = self._side.field
        queryset = self._related_model._default_manager.all()
        if self._pinned is not None:
            queryset = queryset.using(self._pinned)
        key = self._owner_key
        if key is None:
            return queryset.none()
        return with_owner(queryset.filter(**{field.attname: key}), field, self.instance, self._side.accessor)

    def __getattr__(self, name: str) -> NoReturn:
        if name in {"remove", "clear", "aremove", "aclear"}:
            raise AttributeError(
                f"{type(self.instance).__name__}.{self._side.accessor} has no {name}(): {self._side.field.label} cannot be NULL, so "
                f"its rows always belong to somebody. Give them another {self._side.field.name}, delete them, or declare "
                f"the field with null=True."
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def add(self, *objs: Any, bulk: bool = True, through_defaults: Any = None) -> None:
        """Make rows refer to the owner: one UPDATE, or `save()` on each with ``bulk=False``.

        :raises TypeError: for objects of another model.
        :raises ValueError: for unsaved objects, unless ``bulk=False`` saves them.
        """
        self._start_writing()
        field = self._side.field
        for obj in objs:
            self._check(obj)
            if bulk and obj._state.adding:
                raise ValueError(
                    f"{obj!r} is not saved, so one UPDATE cannot add it to {self._side.accessor}. Save it first, or pass "
                    f"bulk=False."
                )
        alias = write_alias(self)
        if not bulk:
            with transactions.atomic(alias):
                for obj in objs:
                    setattr(obj, field.name, self.instance)
                    obj.save(using=alias)
            return
        if objs:
            options = self._related_model._meta
            keys = [obj.pk for obj in objs]
            row_writes.update_where_in(
                options, {field: self._owner_key}, options.pk, keys, using=alias, origin="queryset"
            )
            for obj in objs:
                setattr(obj, field.name, self.instance)

    def _check(self, obj: Any) -> None:
        if not isinstance(obj, self._related_model._meta.concrete_model):
            place = f"{type(self.instance).__name__}.{self._side.accessor}"
            raise TypeError(
                f"{place} holds {self._related_model.__name__} instances, not {obj!r}."
                f"{older_class_hint(self._related_model, obj, place)}"
            )

    def set(self, objs: Iterable[Any], *, bulk: bool = True, clear: bool = False, through_defaults: Any = None) -> None:
        """Relate exactly these rows: only differences are written, unless ``clear`` starts from nothing.

        Where the foreign key cannot be NULL, rows are only added.
        """
        objs = self._listed(objs)
        for obj in objs:
            self._check(obj)
        alias = write_alias(self)
        with transactions.atomic(alias):
            if not self._side.field.null:
                self.add(*objs, bulk=bulk)
            elif clear:
                self.clear(bulk=bulk)
                self.add(*objs, bulk=bulk)
            else:
                before = list(self.get_queryset().using(alias))
                self.remove(*(obj for obj in before if obj not in objs), bulk=bulk)
                self.add(*(obj for obj in objs if obj not in before), bulk=bulk)

    def create(self, **kwargs: object) -> M:
        """Create a row that refers to the owner."""
        self._start_writing()
        return super().create(**{**kwargs, self._side.field.name: self.instance})

    def get_or_create(self, defaults: Any = None, **kwargs: Any) -> tuple[M, bool]:
        """Like `QuerySet.get_or_create`, among the owner's rows."""
        self._start_writing()
        return super().get_or_create(defaults, **{**kwargs, self._side.field.name: self.instance})

    def update_or_create(self, defaults: Any = None, create_defaults: Any = None, **kwargs: Any) -> tuple[M, bool]:
        """Like `QuerySet.update_or_create`, among the owner's rows."""
        self._start_writing()
        return super().update_or_create(defaults, create_defaults, **{**kwargs, self._side.field.name: self.instance})

    def exists_or_create(self, defaults: Any = None, **kwargs: Any) -> tuple[bool, M]:
        """Like `QuerySet.exists_or_create`, among the owner's rows."""
        self._start_writing()
        return super().exists_or_create(defaults, **{**kwargs, self._side.field.name: self.instance})

    def bulk_create(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        """Like `QuerySet.bulk_create`; the objects are made to refer to the owner."""
        self._start_writing()
        return super().bulk_create(self._adopted(objs), *args, **kwargs)

    def upsert(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> Any:
        """Like `QuerySet.upsert`; the objects are made to refer to the owner."""
        self._start_writing()
        return super().upsert(self._adopted(objs), *args, **kwargs)

    def _adopted(self, objs: Iterable[M]) -> list[M]:
        adopted = list(objs)
        for obj in adopted:
            setattr(obj, self._side.field.name, self.instance)
        return adopted

    def update(self, *assignments: Any, **values: Any) -> int:
        """Like `QuerySet.update`, on the owner's rows."""
        self._start_writing()
        return super().update(*assignments, **values)

    def delete(self) -> tuple[int, dict[str, int]]:
        """Like `QuerySet.delete`, on the owner's rows."""
        self._start_writing()
        return super().delete()


class NullableReverseManager(ReverseManager[M], Generic[M]):
    """The manager of a foreign key that may be NULL, so that rows can be removed from the relation."""

    def remove(self, *objs: Any, bulk: bool = True) -> None:
        """Remove rows from the relation: their foreign key becomes NULL.

        :raises ObjectDoesNotExist: the owner model's `DoesNotExist`, for an object that belongs to another owner.
        """
        self._start_writing()
        field = self._side.field
        for obj in objs:
            self._check(obj)
            if getattr(obj, field.attname) != self._owner_key:
                raise type(self.instance).DoesNotExist(
                    f"{obj!r} does not belong to {self.instance!r}.{self._side.accessor}, so it cannot be removed."
                )
        if objs:
            self._release(self.get_queryset().filter(pk__in=[obj.pk for obj in objs]), bulk=bulk)
            for obj in objs:
                setattr(obj, field.name, None)

    async def aremove(self, *objs: object, bulk: bool = True) -> None:
        return await bridge.run_async(self.remove, *objs, bulk=bulk)

    def clear(self, *, bulk: bool = True) -> None:
        """Remove all rows from the relation."""
        self._start_writing()
        self._release(self.get_queryset(), bulk=bulk)

    async def aclear(self, *, bulk: bool = True) -> None:
        return await bridge.run_async(self.clear, bulk=bulk)

    def _release(self, queryset: QuerySet, *, bulk: bool) -> None:
        name = self._side.field.name
        alias = write_alias(self)
        queryset = queryset.using(alias)
        if bulk:
            queryset.update(**{name: None})
            return
        with transactions.atomic(alias):
            for obj in queryset:
                setattr(obj, name, None)
                obj.save(update_fields=[name], using=alias)
