"""Managers: a model's root querysets, declared as class attributes.

A manager *is* a queryset (typing.md): every queryset method is there, once, and a manager's own methods chain. The
behaviour of a root queryset is in `QuerySet`; these classes only name it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from dorm.query.queryset import QuerySet

M = TypeVar("M")
Q = TypeVar("Q", bound="QuerySet[Any, Any]")

# attributes of a manager class that are not passed on to its querysets
ROOT_ONLY = frozenset({"get_queryset", "use_in_migrations", "_own_root", "_kind"})


class BaseManager(QuerySet[M, M], Generic[M]):
    """The root queryset of a model.

    Override `get_queryset()` to restrict or annotate the rows; every other method goes through it.
    """

    # whether querysets are made from objects of this class, rather than from another manager that it delegates to
    _makes_querysets: ClassVar[bool] = True

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        if cls._makes_querysets:
            cls._kind = _queryset_class(cls)

    def __new__(cls, *args: Any, **kwargs: object) -> Self:
        made = object.__new__(cls)
        made.__dict__["_is_manager"] = True
        return made

    @classmethod
    def from_queryset(cls, queryset_class: type[Q], class_name: str | None = None) -> type[Q]:
        """A manager class with the methods of a queryset class (Django 5.2).

        The form that every type checker understands is ``class PostManager(PostQuerySet, Manager["Post"])``.
        """
        name = class_name or f"{cls.__name__}From{queryset_class.__name__}"
        made: Any = type(name, (queryset_class, cls), {"__module__": queryset_class.__module__})  # pyright: ignore
        return made

    def __eq__(self, other: object) -> bool:
        """Managers of the same kind, model, name and database are equal (Django 5.2); querysets are not compared."""
        if not isinstance(other, BaseManager) or not (self._is_manager and other._is_manager):
            return self is other
        return self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity[:3]) if self._is_manager else id(self)

    @property
    def _identity(self) -> tuple[object, ...]:
        return type(self), getattr(self, "model", None), self.name, None if self._query is None else self._query.using

    def db_manager(self, using: str | None = None) -> Self:
        """The same manager with its database pinned; routers are not asked."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        made.__dict__["_query"] = self.state.evolve(using=using)
        return made

    def contribute_to_class(self, model: type, name: str) -> None:
        """Attach the manager to ``model`` as ``name``; called for every concrete model that declares or inherits it."""
        self.__dict__["name"] = name
        setattr(model, name, self)


def _queryset_class(manager: type) -> type:
    """The class of a manager's querysets: the queryset class it is built on, unless it defines methods itself.

    Where it has, those must chain too, so its querysets get their own class, which inherits from it: those of a
    ``PostManager`` are called ``PostQuerySet``.
    """
    bases = [base for base in manager.__mro__ if issubclass(base, QuerySet)]
    plain = [base for base in bases if not issubclass(base, BaseManager)]
    own = [vars(base) for base in bases if base.__module__ != __name__ and issubclass(base, BaseManager)]
    if all(issubclass(plain[0], base) for base in plain) and not any(_chains(name) for names in own for name in names):
        return plain[0]
    name = f"{manager.__name__.removesuffix('Manager')}QuerySet"
    body = {"__module__": manager.__module__, "__qualname__": name, "__doc__": manager.__doc__}
    return type(name, (manager,), {**body, "__reduce_ex__": _reduced, "_makes_querysets": False, "_manager": manager})


def _chains(name: str) -> bool:
    """Whether an attribute of a manager class is passed on to its querysets."""
    return name not in ROOT_ONLY and not (name.startswith("__") and name.endswith("__"))


def _reduced(queryset: Any, protocol: object) -> tuple[object, ...]:
    """Pickles a queryset of a generated class, as a queryset of its manager."""
    return _blank, (queryset._manager,), queryset.__getstate__()


def _blank(manager: type[Any]) -> Any:
    return object.__new__(manager._kind)


BaseManager._kind = QuerySet


class Manager(BaseManager[M], Generic[M]):
    """The base class for your own managers: ``class Live(dorm.Manager["Post"])``."""


class DefaultManager:
    """The attribute `Model.objects` as type checkers see it: a plain manager of the class it is read on.

    The metaclass gives each concrete model that declares no manager a real one. On the others reading it raises
    AttributeError.
    """

    if TYPE_CHECKING:

        def __get__(self, instance: None, owner: type[M]) -> BaseManager[M]: ...

    else:

        def __get__(self, instance: Any, owner: Any) -> Any:
            # a model with a manager of this name has its own attribute; models without one inherit this
            if instance is not None:
                raise AttributeError(f"{owner.__name__}.objects is reached through the class, not through an instance.")
            raise AttributeError(absent_manager(owner, "objects"))


def absent_manager(owner: type, name: str) -> str:
    """Why a model has no manager of that name."""
    options = owner.__dict__.get("_meta")
    if options is None or options.abstract:
        return f"{owner.__name__} is abstract: managers belong to the models that inherit from it."
    others = ", ".join(manager.name for manager in options.managers) or "none"
    return f"{owner.__name__} has no manager {name!r}, because it declares others: {others}."
