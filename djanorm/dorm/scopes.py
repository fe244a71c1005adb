"""Conditions on every appearance of a table: tenants, rows that are hidden, whatever no query may forget.

A condition is registered once and holds wherever a query, an UPDATE or a DELETE reads rows of a model: as the table it is
about, as a joined one, in a subquery, a prefetch, a branch of a set operation. It is asked for when the statement runs, and its
values are parameters, so that all tenants share one compiled plan.

With nothing registered a query pays one test of a variable. This is the machinery for such modules: it knows nothing of
tenants, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from dorm.expressions.conditions import Q

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Registration", "prepare", "register", "unscoped"]

Condition = Callable[[Any], "Q[Any] | None"]
Preparation = Callable[[Any], Any]

active = False
"""Whether anything is registered; queries test it and nothing else when it is not."""


class Registration:
    """Something that was registered. Calling it, or leaving its ``with`` block, takes it back."""

    __slots__ = ("_models", "function", "prepares")

    def __init__(self, function: Callable[[Any], Any], models: Iterable[type] | None, prepares: bool) -> None:
        self.function = function
        self.prepares = prepares
        self._models = None if models is None else tuple(models)

    def is_about(self, options: Any) -> bool:
        """Whether the rows of a model are among those it was registered for; those of a proxy are its model's."""
        known = self._models
        return known is None or issubclass(options.model, known) or issubclass(options.concrete_model, known)

    def __call__(self) -> None:
        """Takes it back. Doing so twice does no harm."""
        _replace(tuple(known for known in _registered if known is not self))

    def __enter__(self) -> Registration:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self()

    def __repr__(self) -> str:
        return f"<scope {getattr(self.function, '__qualname__', self.function)}>"


_registered: tuple[Registration, ...] = ()
_lifted: ContextVar[frozenset[Registration] | None] = ContextVar("dorm_lifted_scopes", default=frozenset())


def register(function: Condition, *, models: Iterable[type] | None = None) -> Registration:
    """Puts a condition on every appearance of tables.

    :param function: takes a model and returns a ``Q`` about its fields, or None for no condition. It is called when a
        statement runs, in the thread or task of whoever runs it, so it may read a ``ContextVar``. Its values become
        parameters. Names may follow relations. The subqueries of a condition are under the conditions of other models, and
        the model itself is not under its own condition there.
    :param models: the models that it is asked about, with their subclasses and proxies; None for all.
    :returns: what takes it back: call it, or use it in a ``with`` statement.
    :raises TypeError: for something that cannot be called, and for models that are not classes.
    """
    return _add(function, models, False)


def prepare(function: Preparation) -> Registration:
    """Lets a function change the description of each query between the queryset and its plan.

    It is called for the query itself and for every one inside it: subqueries, branches of set operations, and what is
    prefetched. It sees tables that are joined nowhere; for those, :func:`register` a condition.

    :param function: takes a ``QueryState`` and returns it, or a changed copy with the same kind of rows.
    :returns: what takes it back: call it, or use it in a ``with`` statement.
    :raises TypeError: for something that cannot be called.
    """
    return _add(function, None, True)


@contextmanager
def unscoped(*registrations: Registration) -> Generator[None, None, None]:
    """Inside, statements of this thread or task run without what is registered.

    :param registrations: what is left out; without any, everything is.
    """
    before = _lifted.get()
    _lifted.set(None if before is None or not registrations else before | frozenset(registrations))
    try:
        yield
    finally:
        _lifted.set(before)


def in_force() -> tuple[Registration, ...]:
    """What holds for a statement that runs here and now."""
    lifted = _lifted.get()
    if lifted is None:
        return ()
    return tuple(known for known in _registered if known not in lifted) if lifted else _registered


def condition_on(options: Any, registrations: Iterable[Registration]) -> Q[Any] | None:
    """What some registrations ask of the rows of a model.

    :raises TypeError: when a function returns something that is not a condition.
    """
    found: Q[Any] | None = None
    for known in registrations:
        if known.prepares or not known.is_about(options):
            continue
        condition = known.function(options.model)
        if condition is None:
            continue
        if not isinstance(condition, Q):
            raise TypeError(f"{known!r} must return a Q or None for {options.object_name}, not {condition!r}.")
        found = condition if found is None else found & condition
    return found


def _add(function: Callable[[Any], Any], models: Iterable[type] | None, prepares: bool) -> Registration:
    if not callable(function):
        raise TypeError(f"A scope is a function, not {function!r}.")
    made = Registration(function, models, prepares)
    for model in made._models or ():
        if not isinstance(model, type):
            raise TypeError(f"models= takes classes, not {model!r}.")
    _replace((*_registered, made))
    return made


def _replace(registered: tuple[Registration, ...]) -> None:
    global _registered, active
    _registered = registered
    active = bool(registered)
