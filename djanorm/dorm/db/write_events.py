"""Write events: what subscribers are told about rows that are written.

Everything that writes rows passes here: the one function around every statement of the library
(``query.write.written``), and the handles that take hand-written SQL. For a model without subscribers, nothing is built
and nothing is queried.
"""

from __future__ import annotations

import inspect
import logging
import threading
import weakref
from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, Self, get_args

from dorm.db import bridge
from dorm.db.masking import MASK, in_doubt
from dorm.utils.suggest import hint

logger = logging.getLogger("dorm.events")

Model = type[Any]
Phase = Literal["before", "after", "committed", "rolled_back"]
Kind = Literal["insert", "update", "delete", "upsert", "raw"]
Origin = Literal["instance", "queryset", "bulk", "m2m", "cascade", "raw"]
Want = Literal["values", "old"]
Rows = Mapping[Hashable, Mapping[str, object]]

KINDS: tuple[Kind, ...] = get_args(Kind)
WANTS: tuple[Want, ...] = get_args(Want)
NO_ROWS: Rows = MappingProxyType({})


@dataclass(frozen=True, slots=True, repr=False)
class WriteEvent:
    """One statement writes rows of one model. Its ``repr`` shows no values, and keys and SQL only where they hold no secret.

    :ivar phase: ``"before"`` the statement; ``"after"`` it, in the same transaction; ``"committed"`` or
        ``"rolled_back"`` once that transaction, or the savepoint around the write, has ended so.
    :ivar kind: ``"insert"``, ``"update"``, ``"delete"``, ``"upsert"``, or ``"raw"`` for hand-written SQL.
    :ivar model: the model of the table; of a proxy, the model it stands for. None for hand-written SQL, whose table is
        not known.
    :ivar alias: the database.
    :ivar keys: the primary keys of the rows. None where they are not known: before an INSERT whose keys the database
        makes, and for hand-written SQL. An update of the key itself names the rows by the keys that they had before.
    :ivar fields: the names of the fields that are written; none for a delete.
    :ivar origin: what wrote: ``"instance"`` (``save()``, ``create()``, ``delete()`` of an instance), ``"queryset"``,
        ``"bulk"``, ``"m2m"`` (links of a many-to-many relation), ``"cascade"`` (rows that go or change because
        another one goes) or ``"raw"``.
    :ivar transaction: a number that all events of one transaction share, and no other transaction of the process has.
    :ivar values: the rows as they are stored after the write, by key and field name; None unless asked for with
        ``want``, empty before the write and for rows that are gone.
    :ivar old: the rows as they were stored before the write; None unless asked for, empty for new rows.
    :ivar sql: the text of hand-written SQL, without its parameters; None for all else.
    """

    phase: Phase
    kind: Kind
    model: Model | None
    alias: str
    keys: tuple[Hashable, ...] | None
    fields: tuple[str, ...]
    origin: Origin
    transaction: int | None
    values: Rows | None = None
    old: Rows | None = None
    sql: str | None = None
    inserted: frozenset[Hashable] | None = None

    def __repr__(self) -> str:
        keys = MASK if self.keys is not None and self.model is not None and _has_secret_key(self.model) else self.keys
        sql = MASK if self.sql is not None and in_doubt(self.sql) else self.sql
        return (
            f"WriteEvent(phase={self.phase!r}, kind={self.kind!r}, model={self.model!r}, alias={self.alias!r}, keys={keys!r}, "
            f"fields={self.fields!r}, origin={self.origin!r}, transaction={self.transaction!r}, sql={sql!r})"
        )

    def kind_of(self, key: Hashable) -> Kind:
        """What became of one row: for an upsert ``"insert"`` or ``"update"``, else the kind of the event.

        Before an upsert has run it is ``"upsert"`` for all rows.
        """
        if self.kind != "upsert" or self.inserted is None:
            return self.kind
        return "insert" if key in self.inserted else "update"

    def for_wants(self, want: frozenset[Want]) -> WriteEvent:
        """The event for a receiver that asked for ``want``, without what only others asked for."""
        values = self.values if "values" in want else None
        old = self.old if "old" in want else None
        return self if values is self.values and old is self.old else replace(self, values=values, old=old)

    def in_phase(self, phase: Phase) -> WriteEvent:
        """The same write, told in another phase."""
        return replace(self, phase=phase)


Receiver = Callable[[WriteEvent], object]


class Subscription:
    """A receiver and its filters; calling it, or leaving it as a context manager, ends it."""

    __slots__ = ("_asynchronous", "_kinds", "_models", "active", "receiver", "want")

    def __init__(
        self,
        receiver: Receiver,
        models: tuple[type | str, ...] | None,
        kinds: frozenset[Kind] | None,
        want: frozenset[Want],
    ) -> None:
        self.receiver = receiver
        self.want = want
        self.active = True
        self._models = models
        self._kinds = kinds
        kind: Any = type(receiver)
        self._asynchronous = inspect.iscoroutinefunction(receiver) or inspect.iscoroutinefunction(kind.__call__)

    def __repr__(self) -> str:
        state = "" if self.active else " (ended)"
        return f"<Subscription of {_name(self.receiver)}{state}>"

    def __call__(self) -> None:
        """End the subscription: nothing more is told, not even the end of earlier writes.

        Calling it twice is harmless.
        """
        self.active = False
        subscriptions.remove(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self()

    def hears(self, model: Model | None, kind: Kind) -> bool:
        """Whether writes of that kind to that model are told."""
        kinds = self._kinds
        if model is None:
            # the table is not known: for subscribers to everything, and to raw writes
            return "raw" in kinds if kinds is not None else self._models is None
        if kinds is not None and kind not in kinds and not (kind == "upsert" and kinds & {"insert", "update"}):
            return False
        return self._models is None or any(_stands_for(wanted, model) for wanted in self._models)

    def tell(self, event: WriteEvent) -> None:
        """Tell the receiver, whose exception reaches the writer."""
        if self.active:
            result = self._call(event)
            if result is not None:
                bridge.wait(result)

    def tell_end(self, event: WriteEvent, phase: Phase) -> Awaitable[object] | None:
        """Tell the receiver what became of a write; for the callbacks of a transaction, which await what this returns."""
        return self._call(event.in_phase(phase)) if self.active else None

    def _call(self, event: WriteEvent) -> Awaitable[object] | None:
        if self._asynchronous and not bridge.can_wait():
            logger.warning(
                "%s is a coroutine function and was skipped: the rows were written by a synchronous verb. Use the async "
                "verb (asave(), acreate(), ...) or subscribe a plain function.",
                _name(self.receiver),
            )
            return None
        result = self.receiver(event.for_wants(self.want))
        return result if inspect.isawaitable(result) else None


_Known = tuple[int, dict[Kind, tuple[Subscription, ...]]]


class Subscriptions:
    """The subscriptions to writes.

    :ivar active: whether there are any; read before anything else is done.
    """

    def __init__(self) -> None:
        self.active = False
        self._all: tuple[Subscription, ...] = ()
        self._lock = threading.Lock()
        # model -> (version of its registry, kind -> who listens)
        self._known: weakref.WeakKeyDictionary[type, _Known] = weakref.WeakKeyDictionary()

    def add(self, subscription: Subscription) -> None:
        """Add ``subscription`` after the existing ones."""
        with self._lock:
            self._changed((*self._all, subscription))

    def remove(self, subscription: Subscription) -> None:
        """Remove a subscription."""
        with self._lock:
            self._changed(tuple(known for known in self._all if known is not subscription))

    def clear(self) -> None:
        """End all of them, for tests."""
        for subscription in self._all:
            subscription()

    def hearing(self, model: Model | None, kind: Kind) -> tuple[Subscription, ...]:
        """The subscriptions to writes of that kind to that model, in order."""
        if model is None:
            return tuple(one for one in self._all if one.hears(None, kind))
        version = model._meta.registry.version  # a name may mean a model that was made meanwhile
        known = self._known.get(model)
        if known is None or known[0] != version:
            known = self._known[model] = (version, {})
        found = known[1].get(kind)
        if found is None:
            found = known[1][kind] = tuple(one for one in self._all if one.hears(model, kind))
        return found

    def _changed(self, subscribed: tuple[Subscription, ...]) -> None:
        self._all = subscribed
        self._known = weakref.WeakKeyDictionary()
        self.active = bool(subscribed)


subscriptions = Subscriptions()


def subscribe(
    receiver: Receiver,
    *,
    models: Iterable[type | str] | type | str | None = None,
    kinds: Iterable[Kind] | Kind | None = None,
    want: Iterable[Want] | Want = (),
) -> Subscription:
    """Call ``receiver(event)`` for every write of rows, whatever verb it comes from, in all its phases.

    In the phases *before* and *after* an exception of the receiver reaches the code that writes, and nothing of the
    write is kept, outside a transaction block too. In the phases *committed* and *rolled_back* it is logged on
    ``dorm.transaction``. A coroutine function is awaited by async verbs; synchronous verbs skip it with a warning on
    ``dorm.events``, as signals do. The receiver is held until the subscription ends.

    :param models: models to listen to, as classes or as ``"app.Model"``, also before they exist. An abstract model
        means all models made from it, a proxy the model it stands for. None: all of them, and hand-written SQL.
    :param kinds: some of ``"insert"``, ``"update"``, ``"delete"``, ``"upsert"`` and ``"raw"``; None: all. Upserts are
        also told to who asks for inserts or updates. With ``models``, hand-written SQL is told only to who names
        ``"raw"``.
    :param want: ``"values"`` and ``"old"``: the rows as they are stored after the write, and before it. They may cost a
        query, which is not made unless somebody wants them.
    :returns: the subscription: call it to end it, or use it as a context manager.
    :raises TypeError: for a receiver that is not callable, and for what is not a model.
    :raises ValueError: for an unknown kind or want, and a name that is not ``"app.Model"``.
    """
    if not callable(receiver):
        raise TypeError(f"subscribe() takes a function of one argument, the event, not {type(receiver).__name__}.")
    made = Subscription(
        receiver,
        None if models is None else tuple(_checked_model(model) for model in _listed(models)),
        None if kinds is None else _checked_names("kinds", kinds, KINDS),
        _checked_names("want", want, WANTS),
    )
    subscriptions.add(made)
    return made


def _listed(given: Iterable[object] | object) -> list[object]:
    return list(given) if isinstance(given, Iterable) and not isinstance(given, (str, type)) else [given]


def _checked_model(model: object) -> type | str:
    if isinstance(model, str):
        if "." not in model:
            raise ValueError(f"{model!r} does not name a model: give the class, or its name in the form 'app.Model'.")
        return model
    if not (isinstance(model, type) and hasattr(model, "_meta")):
        raise TypeError(f"subscribe() listens to models, given as classes or as 'app.Model', not to {model!r}.")
    return model


def _checked_names(argument: str, given: Iterable[object] | object, known: tuple[Any, ...]) -> frozenset[Any]:
    names = _listed(given)
    for name in names:
        if name not in known:
            raise ValueError(f"subscribe() knows no {argument} {name!r}. {hint(name, known)}")
    return frozenset(names)


def _stands_for(wanted: type | str, model: Model) -> bool:
    """Whether a subscription to ``wanted`` includes ``model``, a concrete model."""
    if isinstance(wanted, str):
        return wanted == model._meta.label or any(wanted == proxy._meta.label for proxy in _proxies(model))
    options: Any = getattr(wanted, "_meta", None)
    concrete = getattr(options, "concrete_model", None)
    return issubclass(model, concrete if isinstance(concrete, type) else wanted)


def _has_secret_key(model: Model) -> bool:
    pk = model._meta.pk
    return pk.is_secret() or (pk.is_relation and _has_secret_key(pk.target_field.model))


def _proxies(model: Model) -> Iterator[Model]:
    children: list[Model] = model.__subclasses__()
    for child in children:
        if child._meta.proxy:
            yield child
            yield from _proxies(child)


def _name(receiver: object) -> str:
    module = getattr(receiver, "__module__", "?")
    return f"{module}.{getattr(receiver, '__qualname__', type(receiver).__qualname__)}"
