"""The base of querysets: the description they carry, and their role as managers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, Never, Self, overload

from typing_extensions import TypeVar

from dorm.fields.instances import Instance
from dorm.query.describe.names import Names
from dorm.query.describe.state import QueryState

if TYPE_CHECKING:
    from dorm.fields.base import Field

M = TypeVar("M", default=Any)
R = TypeVar("R", default=M)


Q = TypeVar("Q", bound="QueryRoot[Any, Any]")


class QueryRoot(Generic[M, R]):
    """The description that a queryset carries.

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
    # the class of querysets derived from an object of this class
    _kind: ClassVar[Any]

    def __init__(self, model: Any = None, using: str | None = None) -> None:
        if model is not None:
            self.model = model
        if using is not None:
            self.__dict__["_query"] = self.state.evolve(using=using)

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        cls._own_root = cls.get_queryset is not QueryRoot.get_queryset
        cls._kind = cls

    def __class_getitem__(cls, item: object) -> object:
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
                query = opts.derived("state", QueryState, opts)
            if not self._is_manager:
                self.__dict__["_query"] = query
        return query

    def get_queryset(self) -> Self:
        """The queryset that every method starts from; override it in a manager."""
        if not self._is_manager:
            return self
        made = with_state(self, self.state)
        made.__dict__["_is_manager"] = False
        return made

    @property
    def _names(self) -> Names:
        return Names(self.state)

    @property
    def ordered(self) -> bool:
        """Whether the rows come in an order: of ``order_by()``, or of ``Meta.ordering`` (Django 5.2)."""
        state = self.state
        if state.empty or state.order:
            return True
        return state.order is None and bool(state.opts.ordering) and state.group is None

    # -- pickling --------------------------------------------------------------------------------------------------

    def __setstate__(self, values: dict[str, object]) -> None:
        # objects of a manager's class are managers; the pickled state says whether this one was
        self.__dict__.clear()
        self.__dict__.update(values)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return with_state(self, self.state)

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
    def __get__(self, instance: Instance, owner: Any) -> Never: ...
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

    def _bound(self, owner: type[Instance]) -> Self:
        """A fresh root of ``owner``."""
        made = object.__new__(self.__class__)
        data = made.__dict__
        data.update(self.__dict__)
        data["model"] = owner
        return made


# Users give their querysets methods of their own, so what the rooms need of one is a function here and not a method.


def root_of(queryset: Q) -> Q:
    """The starting point of a method: the queryset itself, or the result of a manager's ``get_queryset()``."""
    return queryset.get_queryset() if queryset._own_root and queryset._is_manager else queryset


def with_state(queryset: Q, state: QueryState) -> Q:
    """The same kind of object with another description and no fetched rows."""
    made = object.__new__(queryset._kind)
    data = made.__dict__
    data.update(queryset.__dict__)
    data["_query"] = state
    data.pop("_result_cache", None)
    data.pop("_is_manager", None)
    data.pop("_origin", None)
    return made


def known_rows(queryset: QueryRoot[Any, Any]) -> list[object] | None:
    """The rows that a queryset has fetched already, or None."""
    return queryset._result_cache


def preloaded(kind: type[Q], model: type, rows: list[Any], origin: Any) -> Q:
    """A queryset whose rows are known already; chaining starts from the queryset of the manager ``origin``."""
    made = object.__new__(kind._kind)
    made.model = model
    made._result_cache = rows
    made._origin = origin
    return made


def with_owner(queryset: Q, field: Field | None, instance: Instance, accessor: str) -> Q:
    """The same queryset for the rows of ``instance.<accessor>``, which results refer to and routers are told."""
    root = root_of(queryset)
    made = with_state(root, root.state)
    made.__dict__["_owned_as"] = accessor
    made.__dict__["_hints"] = {"instance": instance}
    if field is not None:
        made.__dict__["_known_related"] = (field, instance)
    return made
