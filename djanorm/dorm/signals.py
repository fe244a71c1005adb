"""Signals: telling receivers about events.

Receivers are kept in one immutable tuple that connecting and disconnecting replace, so that sending takes no lock and
costs one attribute read when nobody listens. Coroutine receivers run in the async verbs only: the bridge registers how
to await one from synchronous code through :func:`set_awaiter`.
"""

from __future__ import annotations

import inspect
import logging
import threading
import weakref
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar

__all__ = [
    "Signal",
    "class_prepared",
    "m2m_changed",
    "post_delete",
    "post_init",
    "post_query",
    "post_save",
    "pre_delete",
    "pre_init",
    "pre_query",
    "pre_save",
]

logger = logging.getLogger("dorm.signals")
Receiver = TypeVar("Receiver", bound=Callable[..., object])
# what a signal was answered: each receiver with what it returned, or the error it raised
Answers: TypeAlias = list[tuple[Any, Any]]


class _NoAwaiter:
    """Stands in until the bridge is loaded: synchronous code cannot await anything yet."""

    @staticmethod
    def ready() -> bool:
        return False

    @staticmethod
    def wait(awaitable: Awaitable[object]) -> Any:
        raise RuntimeError("no bridge is loaded")


class _Awaiting:
    """Who awaits coroutine receivers for synchronous code."""

    awaiter: Any = _NoAwaiter


_waiting = _Awaiting()


def set_awaiter(awaiter: object) -> None:
    """Registers an object with ``ready() -> bool`` and ``wait(awaitable)``; called by ``dorm.db.bridge``."""
    _waiting.awaiter = awaiter


class _Connection:
    """One receiver, with the sender it listens to."""

    __slots__ = ("asks", "key", "names_signal", "reference", "sender")

    def __init__(
        self, key: Hashable, reference: Callable[[], object], sender: object, names_signal: bool, asks: frozenset[str]
    ) -> None:
        self.asks = asks
        self.key = key
        self.reference = reference
        self.sender = sender
        self.names_signal = names_signal


class Signal:
    """One kind of event.

    ``raise_exceptions=True`` lets a receiver's error reach the sender; otherwise it is logged on ``dorm.signals`` and
    suppressed. ``on_change`` is called without arguments whenever the receivers change.
    """

    #: Whether receivers with ``**kwargs`` also get the signal itself, or only those with an argument for it.
    tells_anyone: ClassVar[bool] = False
    #: What only those receivers get that have an argument of that name.
    offers: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, raise_exceptions: bool = False, *, on_change: Callable[[], None] | None = None) -> None:
        self.raise_exceptions = raise_exceptions
        self.on_change = on_change
        self._lock = threading.RLock()
        self._connections: tuple[_Connection, ...] = ()

    # ------------------------------------------------------------------------------------------------- connecting

    def connect(
        self,
        receiver: object = None,
        sender: object = None,
        weak: bool = True,
        dispatch_uid: Hashable | None = None,
    ) -> Any:
        """Registers ``receiver(sender, **kwargs)`` and returns it; without a receiver, returns a decorator.

        ``sender`` restricts it to events of that very object; models can be named too, as ``"app.Model"``. ``weak``
        holds the receiver weakly. ``dispatch_uid`` identifies it instead of its identity; connecting the same one again
        replaces it. A receiver with an argument ``signal`` gets this signal. One that is not callable raises
        ``TypeError``.
        """
        if receiver is None:
            return lambda function: self.connect(function, sender, weak, dispatch_uid)
        if not callable(receiver):
            raise TypeError(f"a signal receiver must be callable, not {type(receiver).__name__}")
        key = (_identity(receiver) if dispatch_uid is None else dispatch_uid, _sender_key(sender))
        connection = _Connection(
            key,
            self._reference(receiver, weak),
            sender,
            _names_signal(receiver, self.tells_anyone),
            _asked(receiver, self.offers),
        )
        with self._lock:
            kept = tuple(connection if known.key == key else known for known in self._alive())
            self._connections = kept if connection in kept else (*kept, connection)
        self._changed()
        return receiver

    def connect_for(self, sender: object, *, weak: bool = True, dispatch_uid: Hashable | None = None) -> Any:
        """A decorator that connects the function for that sender only and returns it."""
        return lambda function: self.connect(function, sender, weak, dispatch_uid)

    def disconnect(self, receiver: object = None, sender: object = None, dispatch_uid: Hashable | None = None) -> bool:
        """Removes a receiver. Returns whether it was connected. Arguments as for :meth:`connect`."""
        who = _identity(receiver) if dispatch_uid is None else dispatch_uid
        keys = {(who, _sender_key(sender)), (who, _label(sender) or _sender_key(sender))}
        with self._lock:
            kept = tuple(connection for connection in self._connections if connection.key not in keys)
            found = len(kept) != len(self._connections)
            self._connections = kept
        if found:
            self._changed()
        return found

    def has_listeners(self, sender: object = None) -> bool:
        """Whether an event of ``sender`` has receivers."""
        return bool(self._connections) and bool(self._calls(sender, {}))

    @property
    def connected(self) -> bool:
        """Whether there is any receiver at all."""
        return bool(self._connections)

    @property
    def receivers(self) -> Answers:
        """Pairs of a receiver and the sender it listens to (None: any), in the order they were connected."""
        pairs = [(connection.reference(), connection.sender) for connection in self._connections]
        return [(receiver, sender) for receiver, sender in pairs if receiver is not None]

    # ---------------------------------------------------------------------------------------------------- sending

    def send(self, sender: object, **kwargs: object) -> Answers:
        """Calls the receivers in the order they were connected. Returns pairs of receiver and result.

        Coroutine receivers are awaited when the caller runs inside an async verb; elsewhere they are skipped with one
        warning on ``dorm.signals``.
        """
        return self._sent(sender, kwargs, False) if self._connections else []

    def send_robust(self, sender: object, **kwargs: object) -> Answers:
        """Like :meth:`send`; a receiver that fails is logged and gives its exception as its result (Django 5.2)."""
        return self._sent(sender, kwargs, True)

    def _sent(self, sender: object, kwargs: dict[str, object], robust: bool) -> Answers:
        results: Answers = []
        for receiver, told in self._calls(sender, kwargs):
            if _is_coroutine_function(receiver):
                if not _waiting.awaiter.ready():
                    self._skip(receiver)
                    continue
                call: Callable[..., object] = _awaiting(receiver)
            else:
                call = receiver
            try:
                result = call(sender=sender, **told)
            except Exception as error:
                self._failed(receiver, error, robust)
                if robust:
                    results.append((receiver, error))
            else:
                results.append((receiver, result))
        return results

    async def asend(self, sender: object, **kwargs: object) -> Answers:
        """Like :meth:`send`, awaiting coroutine receivers one after the other."""
        return await self._asent(sender, kwargs, False) if self._connections else []

    async def asend_robust(self, sender: object, **kwargs: object) -> Answers:
        """Like :meth:`send_robust`, awaiting coroutine receivers one after the other."""
        return await self._asent(sender, kwargs, True)

    async def _asent(self, sender: object, kwargs: dict[str, object], robust: bool) -> Answers:
        results: Answers = []
        for receiver, told in self._calls(sender, kwargs):
            try:
                result = receiver(sender=sender, **told)
                if inspect.isawaitable(result):
                    result = await result
            except Exception as error:
                self._failed(receiver, error, robust)
                if robust:
                    results.append((receiver, error))
            else:
                results.append((receiver, result))
        return results

    # --------------------------------------------------------------------------------------------------- internals

    def _failed(self, receiver: object, error: Exception, robust: bool) -> None:
        """Handles a receiver's error: raises it to the sender, or logs it."""
        if self.raise_exceptions and not robust:
            raise error
        logger.error("receiver %s of a signal failed", _name(receiver), exc_info=error)

    def _calls(self, sender: object, kwargs: dict[str, object]) -> list[tuple[Any, dict[str, object]]]:
        """The receivers for ``sender``, each with the arguments it gets."""
        found = []
        for connection in self._connections:
            if connection.sender is None or connection.sender is sender or _same_text(connection.sender, sender):
                receiver = connection.reference()
                if receiver is not None:
                    found.append((receiver, self._told(connection, kwargs)))
        return found

    def _told(self, connection: _Connection, kwargs: dict[str, object]) -> dict[str, object]:
        """The arguments of one receiver."""
        return {**kwargs, "signal": self} if connection.names_signal else kwargs

    def _alive(self) -> tuple[_Connection, ...]:
        return tuple(connection for connection in self._connections if connection.reference() is not None)

    def _reference(self, receiver: object, weak: bool) -> Callable[[], object]:
        if not weak:
            return lambda: receiver
        try:
            if inspect.ismethod(receiver):
                return weakref.WeakMethod(receiver, self._collected)
            return weakref.ref(receiver, self._collected)
        except TypeError:
            return lambda: receiver  # builtins and slotted callables cannot be held weakly

    def _collected(self, _reference: object) -> None:
        with self._lock:
            self._connections = self._alive()
        self._changed()

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change()

    def _skip(self, receiver: object) -> None:
        logger.warning(
            "%s is a coroutine function and was skipped: this signal was sent by a synchronous verb. Use the async "
            "verb (asave(), acreate(), ...) or connect a plain function.",
            _name(receiver),
        )


def _identity(receiver: object) -> Hashable:
    owner = getattr(receiver, "__self__", None)
    function = getattr(receiver, "__func__", None)
    return (id(owner), id(function)) if owner is not None and function is not None else id(receiver)


def _sender_key(sender: object) -> Hashable:
    return sender if isinstance(sender, str) else (None if sender is None else id(sender))


def _same_text(wanted: object, sender: object) -> bool:
    """Query signals have text senders: vendors. A model may be named before it exists: ``"app.Model"``."""
    if not isinstance(wanted, str):
        return False
    return wanted in (sender, _label(sender))


def _label(sender: object) -> str | None:
    """``"app.Model"`` of a model of the default registry; None of everything else."""
    meta = getattr(sender, "_meta", None)
    return getattr(meta, "global_label", getattr(meta, "label", None))


class ModelSignal(Signal):
    """A signal whose senders are models."""

    tells_anyone = True

    def connect(
        self,
        receiver: object = None,
        sender: object = None,
        weak: bool = True,
        dispatch_uid: Hashable | None = None,
    ) -> Any:
        if isinstance(sender, str) and sender.count(".") < 1:
            raise ValueError(f"{sender!r} is no sender: give a model, or its name in the form 'app.Model'.")
        return super().connect(receiver, sender, weak, dispatch_uid)


class AnyCall(Protocol):
    """One statement on its way to the database, see :class:`dorm.db.hooks.Call`."""

    alias: str
    vendor: str

    @property
    def identity(self) -> str: ...
    @property
    def origin(self) -> object: ...
    @property
    def rows(self) -> int | None: ...
    def describe(self) -> str: ...


class QuerySignal(Signal):
    """A signal about statements: a receiver learns more of one for each further argument that it names.

    ``identity``: which query it is, whatever its values. ``description``: the same in words. ``alias``: the database.
    ``origin``: the line of the user's code. ``rows``: how many rows it gave or changed, None before it has run. ``call``:
    all of it, as the object that hooks get. What is not named is not computed.
    """

    offers = frozenset(("alias", "call", "description", "identity", "origin", "rows"))

    def send_call(self, call: AnyCall, **kwargs: object) -> None:
        """Tells the receivers of a statement what all of them get, and each what it has asked for."""
        if self._connections:
            self._sent(call.vendor, {**kwargs, "call": call}, False)

    def _told(self, connection: _Connection, kwargs: dict[str, object]) -> dict[str, object]:
        told = dict(super()._told(connection, kwargs))
        call: Any = told.pop("call", None)
        if call is not None:
            told.update({name: _of_call(call, name) for name in connection.asks})
        return told


def _of_call(call: AnyCall, name: str) -> object:
    if name == "call":
        return call
    return call.describe() if name == "description" else getattr(call, name)


def _asked(receiver: Callable[..., object], offers: frozenset[str]) -> frozenset[str]:
    """Those of ``offers`` that the receiver has an argument for."""
    if not offers:
        return offers
    try:
        return offers.intersection(inspect.signature(receiver).parameters)
    except (TypeError, ValueError):
        return frozenset()  # builtins without a signature


def _names_signal(receiver: Callable[..., object], or_anything: bool) -> bool:
    """Whether the receiver has an argument ``signal``: only those with one are given it.

    :param or_anything: whether ``**kwargs`` asks for it too.
    """
    try:
        parameters = inspect.signature(receiver).parameters.values()
    except (TypeError, ValueError):
        return False  # builtins without a signature
    return any(p.name == "signal" or (or_anything and p.kind is p.VAR_KEYWORD) for p in parameters)


def _is_coroutine_function(receiver: object) -> bool:
    return inspect.iscoroutinefunction(receiver) or inspect.iscoroutinefunction(type(receiver).__call__)


def _awaiting(receiver: Callable[..., object]) -> Callable[..., Any]:
    return lambda **kwargs: _waiting.awaiter.wait(receiver(**kwargs))


def _name(receiver: object) -> str:
    module = getattr(receiver, "__module__", "?")
    return f"{module}.{getattr(receiver, '__qualname__', type(receiver).__qualname__)}"


pre_init = ModelSignal()
post_init = ModelSignal()
pre_save = ModelSignal()
post_save = ModelSignal()
pre_delete = ModelSignal()
post_delete = ModelSignal()
m2m_changed = ModelSignal()
class_prepared = ModelSignal()
pre_query = QuerySignal()
post_query = QuerySignal()
