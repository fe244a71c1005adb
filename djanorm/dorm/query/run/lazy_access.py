"""Whether an attribute may be loaded lazily here: the rules for async code.

Reading a relation or a deferred column that is not loaded runs a blocking query on the sync connection. Without an
event loop, and inside the bridge, that is fine. In a running loop it blocks all other tasks, so it warns once per
attribute (`ASYNC_LAZY`); inside an open `aatomic` it would not see the transaction, so it raises.
"""

from __future__ import annotations

import sys
import warnings
from contextvars import ContextVar
from typing import TYPE_CHECKING

from dorm.conf import settings
from dorm.db import bridge
from dorm.exceptions import ImproperlyConfigured, LazyLoadError, LazyLoadWarning, MixedWorldsError
from dorm.utils.caches import on_reset
from dorm.utils.lazy import lazy_import

if TYPE_CHECKING:
    from dorm.db import transactions
    from dorm.fields.instances import Instance
else:
    transactions = lazy_import("dorm.db.transactions", globals())

POLICIES = ("warn", "raise", "allow")

# True while the repr of an instance is built, for which nothing is loaded.
_describing: ContextVar[bool] = ContextVar("dorm_describing", default=False)

# Attributes that were warned about already, as "app.Model.name".
_warned: set[str] = set()
on_reset(_warned.clear)


def check_lazy_access(instance: Instance, name: str, alias: str) -> None:
    """Check that ``instance.<name>`` may be loaded by a blocking query now.

    :raises LazyLoadError: in a `repr`, inside an open `aatomic` of that alias, and everywhere in async code when
        ``ASYNC_LAZY`` is ``"raise"``.
    """
    if _describing.get():
        raise LazyLoadError(f"{instance._meta.label}.{name} is not loaded, and repr() loads nothing.")
    if not bridge.in_running_loop() or bridge.can_wait() or bridge.in_inline():
        return
    label = f"{instance._meta.label}.{name}"
    if transactions.in_async_block(alias):
        raise MixedWorldsError(
            f"{label} is not loaded, and reading it here would query outside the open aatomic() block. {_remedies(name)}"
        )
    policy = settings.get("ASYNC_LAZY", "warn")
    if policy not in POLICIES:
        raise ImproperlyConfigured(f"ASYNC_LAZY is {policy!r}; it takes one of {', '.join(map(repr, POLICIES))}.")
    if policy == "allow" or "ipykernel" in sys.modules:
        return
    if policy == "raise":
        raise LazyLoadError(
            f"{label} is not loaded, and reading it in a running event loop would block the loop (ASYNC_LAZY is "
            f"'raise'). {_remedies(name)}"
        )
    if label not in _warned:
        _warned.add(label)
        warnings.warn(
            f"{label} was loaded by a blocking query inside a running event loop. {_remedies(name)}",
            LazyLoadWarning,
            stacklevel=_depth_of_caller(),
        )


def description(instance: Instance) -> str | None:
    """``str(instance)``, or None when that would have to load a relation or a deferred column."""
    token = _describing.set(True)
    try:
        return str(instance)
    except LazyLoadError:
        return None
    finally:
        _describing.reset(token)


def _remedies(name: str) -> str:
    return (
        f"Load it beforehand: select_related({name!r}) or prefetch_related({name!r}) in the query, "
        f"'await obj.aload({name!r})', 'await dorm.aload(objects, {name!r})', or run the sync code under "
        f"'await dorm.run(function, …)'."
    )


def _depth_of_caller() -> int:
    """The stack level of the first frame outside the package, for `warnings.warn`."""
    depth, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] == "dorm":
        frame = frame.f_back
        depth += 1
    return depth
