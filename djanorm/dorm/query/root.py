"""The frame of a queryset: its description, its cache, its place as a manager."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Never, Self, overload

from typing_extensions import TypeVar

from dorm.db import routers
from dorm.query import pipeline, shown
from dorm.query.lazy import check_lazy_access
from dorm.query.names import Names
from dorm.query.prefetch import prefetch_instances
from dorm.query.state import QueryState

if TYPE_CHECKING:
    from dorm.models import Model

M = TypeVar("M", default=Any)
R = TypeVar("R", default=M)


class QueryRoot(Generic[M, R]):
    """State and evaluation of a queryset.

    A manager is a queryset too: the root of its model's querysets. It has ``_is_manager`` set, caches nothing, and each
    of its methods starts from :meth:`get_queryset`.
    """

    model: type[M]
    name: str | None = None
    _query: QueryState | None = None
    _origin: Any = None
    _result_cache: list[Any] | None = None
    _is_manager: bool = False
    _hints: dict[str, Any] | None = None
    _owned_as: str = ""
    _known_related: tuple[Any, Any] | None = None
    _own_root: ClassVar[bool] = False
    # the class of the querysets that are made from one of this class
    _kind: ClassVar[Any]

    def __init__(self, model: Any = None, using: str | None = None) -> None:
        if model is not None:
            self.model = model
        if using is not None:
            self.__dict__["_query"] = self.state.evolve(using=using)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._own_root = cls.get_queryset is not QueryRoot.get_queryset
        cls._kind = cls

    def __class_getitem__(cls, item: Any) -> Any:
        return super().__class_getitem__(item)  # type: ignore[misc]

    # -- the description -------------------------------------------------------------------------------------------

    @property
    def state(self) -> QueryState:
        """The description of the query."""
        query = self._query
        if query is None:
            origin = self._origin
            if origin is not None:
                query = origin.get_queryset().state
            else:
                opts = self.model._meta  # type: ignore[attr-defined] # ty: ignore[missing-attribute]
                cache = opts.query_cache
                query = cache.get("state")
                if query is None:
                    query = cache["state"] = QueryState(opts)
            if not self._is_manager:
                self.__dict__["_query"] = query
        return query

    def get_queryset(self) -> Self:
        """The queryset that every method starts from; override it in a manager (spec MGR-04)."""
        if not self._is_manager:
            return self
        made = self._with(self.state)
        made.__dict__["_is_manager"] = False
        return made

    def _root(self) -> Self:
        """Where a method of this object starts: itself, or what a manager's own ``get_queryset()`` gives."""
        return self.get_queryset() if self._own_root and self._is_manager else self

    def _with(self, state: QueryState) -> Self:
        """The same kind of object with another description, and nothing fetched."""
        made = object.__new__(self._kind)
        data = made.__dict__
        data.update(self.__dict__)
        data["_query"] = state
        data.pop("_result_cache", None)
        data.pop("_is_manager", None)
        data.pop("_origin", None)
        return made

    @classmethod
    def _preloaded(cls, model: Any, rows: list[Any], origin: Any) -> Self:
        """A queryset whose rows are known already; chaining starts from the queryset of the manager ``origin``."""
        made = object.__new__(cls._kind)
        made.model = model
        made._result_cache = rows
        made._origin = origin
        return made

    def _with_owner(self, field: Any, instance: Any, accessor: str) -> Self:
        """The same queryset for the rows of ``instance.<accessor>``: results know it, and routers are told."""
        root = self._root()
        made = root._with(root.state)
        made.__dict__["_owned_as"] = accessor
        made.__dict__["_hints"] = {"instance": instance}
        if field is not None:
            made.__dict__["_known_related"] = (field, instance)
        return made

    @property
    def _names(self) -> Names:
        return Names(self.state)

    @property
    def db(self) -> str:
        """The alias that a read would go to."""
        hints = self._hints
        return self._read_alias() if hints is None else self._alias_of_owned(hints)

    @property
    def ordered(self) -> bool:
        """Whether the rows come in an order: of ``order_by()``, or of ``Meta.ordering`` (Django 5.2)."""
        state = self.state
        if state.empty or state.order:
            return True
        return state.order is None and bool(state.opts.ordering) and state.group is None

    def _read_alias(self) -> str:
        """The alias to read from, just before that happens."""
        hints = self._hints
        if hints is not None:
            alias = self._alias_of_owned(hints)
            check_lazy_access(hints["instance"], self._owned_as, alias)
            return alias
        using = self.state.using
        if using is not None:
            return using
        if self.state.lock is not None:
            return self._write_alias()
        return routers.db_for_read(self.model)

    def _alias_of_owned(self, hints: dict[str, Any]) -> str:
        """The alias to read the rows of a related manager from."""
        using = self.state.using
        if using is not None:
            return using
        return self._write_alias() if self.state.lock is not None else routers.db_for_read(self.model, **hints)

    def _write_alias(self) -> str:
        using = self.state.using
        if using is not None:
            return using
        hints = self._hints
        return routers.db_for_write(self.model) if hints is None else routers.db_for_write(self.model, **hints)

    # -- evaluation ------------------------------------------------------------------------------------------------

    def _fetch_all(self) -> list[Any]:
        """The rows, fetched once and kept."""
        rows = self._result_cache
        if rows is not None:
            return rows
        if self._is_manager:
            return self.get_queryset()._fetch_all() if self._own_root else self._with(self.state)._fetch_all()
        rows = self._fetch(self.state)
        self.__dict__["_result_cache"] = rows
        return rows

    def _fetch(self, state: QueryState) -> list[Any]:
        """The rows of ``state`` as rows of this queryset."""
        alias = self._read_alias()
        rows = pipeline.fetch(state, alias)
        if state.row == "instance" and rows:
            self._finish(rows, state, alias)
        return rows

    def _finish(self, rows: list[Any], state: QueryState, alias: str) -> None:
        """What is added to fetched instances: the owner of a related manager, and prefetched relations."""
        known = self._known_related
        if known is not None:
            field, owner = known
            key = getattr(owner, field.target_field.attname)
            for row in rows:
                data = row.__dict__
                if data.setdefault(field.attname, key) == key and field.name not in data:
                    data[field.name] = owner
        if state.prefetch:
            prefetch_instances(rows, state.prefetch, alias)

    def __iter__(self) -> Iterator[R]:
        rows = self._result_cache
        return iter(self._fetch_all() if rows is None else rows)

    def __len__(self) -> int:
        rows = self._result_cache
        if rows is not None:
            return len(rows)
        if self._is_manager:
            # list(manager) asks for a length on the way; it must not cost a query of its own
            raise TypeError(
                f"A manager has no len(): use {self.state.opts.object_name}.{self.name or 'objects'}.count()."
            )
        return len(self._fetch_all())

    def __bool__(self) -> bool:
        return bool(self._fetch_all())

    def __contains__(self, item: object) -> bool:
        return item in self._fetch_all()

    def __repr__(self) -> str:
        if self._is_manager:
            return f"<{type(self).__name__} of {getattr(self.model, '__name__', self.model)}>"
        return shown.text_of(self)

    def _repr_html_(self) -> str | None:
        """The first rows as an HTML table, for notebooks; sensitive columns are masked and nothing else is loaded."""
        return None if self._is_manager else shown.table_of(self)

    def sql(self) -> shown.Shown:
        """The statement and its parameters, without running it; sensitive values are masked."""
        root = self._root()
        return shown.statement_of(root.state, root._read_alias())

    @property
    def query(self) -> shown.ShownQuery:
        """The query as text: ``str(queryset.query)`` is the statement with its parameters in place (Django 5.2)."""
        root = self._root()
        return shown.ShownQuery(root.state, root._read_alias())

    @overload
    def __getitem__(self, item: int) -> R: ...
    @overload
    def __getitem__(self, item: slice) -> Self: ...
    def __getitem__(self, item: Any) -> Any:
        """One row, or a lazy slice (spec QS-15, QS-16).

        :raises IndexError: when there is no such row.
        :raises TypeError: for something else than an integer or a slice.
        :raises ValueError: for negative positions and steps.
        """
        if isinstance(item, slice):
            return self._slice(item)
        if not isinstance(item, int):
            raise TypeError(f"QuerySet indices must be integers or slices, not {type(item).__name__}.")
        if item < 0:
            raise ValueError("Negative indexing is not supported.")
        if self._result_cache is not None:
            return self._result_cache[item]
        root = self._root()
        rows = root._fetch(_sliced(root.state, item, item + 1))
        if not rows:
            raise IndexError(f"There is no row {item}.")
        return rows[0]

    def _slice(self, item: slice) -> Any:
        for bound in (item.start, item.stop):
            if bound is not None and not isinstance(bound, int):
                raise TypeError("The bounds of a slice must be integers.")
            if bound is not None and bound < 0:
                raise ValueError("Negative indexing is not supported.")
        if item.step is not None:
            if item.step < 1:
                raise ValueError("The step of a slice must be a positive integer.")
            if item.step != 1:
                raise ValueError("A slice of a queryset has no step; take a slice of list(queryset).")
        root = self._root()
        if self._result_cache is not None:
            made = root._with(_sliced(root.state, item.start or 0, item.stop))
            made.__dict__["_result_cache"] = self._result_cache[item]
            return made
        return root._with(_sliced(root.state, item.start or 0, item.stop))

    # -- pickling --------------------------------------------------------------------------------------------------

    def __setstate__(self, values: dict[str, Any]) -> None:
        # a manager's class makes managers; what travelled says itself whether it was one
        self.__dict__.clear()
        self.__dict__.update(values)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self._with(self.state)

    # -- as a manager ----------------------------------------------------------------------------------------------

    @classmethod
    def as_manager(cls) -> Self:
        """A manager with this queryset's methods: ``objects = PostQuerySet.as_manager()`` (Django 5.2)."""
        made = object.__new__(cls)
        made.__dict__["_is_manager"] = True
        return made

    def __set_name__(self, owner: type, name: str) -> None:
        if self._is_manager:
            self.__dict__["name"] = name

    @overload
    def __get__(self, instance: None, owner: Any) -> Self: ...
    @overload
    def __get__(self, instance: Model, owner: Any) -> Never: ...
    @overload
    def __get__(self, instance: object, owner: Any) -> Self: ...
    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if not self._is_manager or not hasattr(owner, "_meta"):
            return self
        if instance is not None:
            raise AttributeError(f"Manager isn't accessible via {owner.__name__} instances: use the class.")
        if owner._meta.abstract:
            raise AttributeError(f"{owner.__name__} is abstract: it has no rows, so it has no manager.")
        return self._bound(owner)

    def _bound(self, owner: Any) -> Self:
        """A fresh root of ``owner``."""
        made = object.__new__(self.__class__)
        data = made.__dict__
        data.update(self.__dict__)
        data["model"] = owner
        return made


def _sliced(state: QueryState, start: int, stop: int | None) -> QueryState:
    low = state.low + start
    high = state.high
    if stop is not None:
        bound = state.low + stop
        high = bound if high is None else min(high, bound)
    if high is not None and low >= high:
        return state.evolve(low=low, high=low, empty=True)
    return state.evolve(low=low, high=high)
