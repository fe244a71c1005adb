"""Which alias a model's statements go to when the query names none."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from contextvars import ContextVar
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dorm.conf.settings import settings
from dorm.db import bridge
from dorm.exceptions import ImproperlyConfigured
from dorm.utils.lazy import lazy_import

if TYPE_CHECKING:
    from dorm.db import sessions
else:
    sessions = lazy_import("dorm.db.sessions", globals())

DEFAULT = "default"


class _Installed:
    """The routers that DATABASE_ROUTERS names; None until they are first asked, and after the setting changed."""

    routers: tuple[Any, ...] | None = None


_installed = _Installed()
# (model, alias) -> until when reads of the model follow a write to the alias
_written: ContextVar[Mapping[tuple[Any, str], float]] = ContextVar("dorm_written", default=MappingProxyType({}))


def db_for_read(model: object, instance: object = None, **hints: object) -> str:
    """The alias for reading ``model``: a router's answer, else the alias of ``instance``, else "default".

    Inside an open block of the model's write alias, and for READ_AFTER_WRITE_WINDOW seconds after the model was written
    there in this context, it is the write alias; the hint ``sticky=False`` opts out of the latter.
    Errors of routers are raised as they are.
    """
    routers = _installed.routers
    if routers is None:
        routers = _load()
    fallback = DEFAULT if instance is None else _alias_of(instance)
    if not routers:
        return fallback
    sticky = hints.pop("sticky", True)
    if instance is not None:
        hints["instance"] = instance
    write_alias = _ask(routers, "db_for_write", model, hints)
    if write_alias is not None and _in_block(write_alias):
        return write_alias
    if sticky and _was_written(model, write_alias or fallback):
        return write_alias or fallback
    return _ask(routers, "db_for_read", model, hints) or fallback


def db_for_write(model: object, instance: object = None, **hints: object) -> str:
    """The alias for writing ``model``: a router's answer, else the alias of ``instance``, else "default"."""
    routers = _installed.routers
    if routers is None:
        routers = _load()
    if not routers:
        return DEFAULT if instance is None else _alias_of(instance)
    hints.pop("sticky", None)
    if instance is not None:
        hints["instance"] = instance
    return _ask(routers, "db_for_write", model, hints) or (DEFAULT if instance is None else _alias_of(instance))


def wrote(model: object, alias: str) -> None:
    """Called by the write path after rows of ``model`` were written to ``alias``: opens the read-after-write window."""
    routers = _load() if _installed.routers is None else _installed.routers
    if not routers:
        return
    window = settings.get("READ_AFTER_WRITE_WINDOW")
    if window:
        now = monotonic()
        # what has expired goes, so that models which were defined again are not kept
        open_windows = {written: until for written, until in _written.get().items() if until > now}
        _written.set(MappingProxyType({**open_windows, (model, alias): now + float(window)}))


def clear_read_after_write_window() -> None:
    """Forgets this context's writes: reads go where the routers say again."""
    _written.set(MappingProxyType({}))


def allow_relation(first: object, second: object) -> bool:
    """Whether the instances may refer to each other: a router's answer, else whether their aliases agree."""
    routers = _load() if _installed.routers is None else _installed.routers
    for router in routers:
        method = getattr(router, "allow_relation", None)
        if method is not None:
            answer = method(first, second)
            if answer is not None:
                return bool(answer)
    one, other = _stored_alias(first), _stored_alias(second)
    return one is None or other is None or one == other


def allow_migrate(alias: str, app_label: str, model_name: str | None = None, **hints: object) -> bool:
    """Whether a model's table belongs on an alias: a router's answer, else yes."""
    routers = _load() if _installed.routers is None else _installed.routers
    for router in routers:
        method = getattr(router, "allow_migrate", None)
        if method is not None:
            answer = method(alias, app_label, model_name=model_name, **hints)
            if answer is not None:
                return bool(answer)
    return True


def _ask(routers: tuple[object, ...], name: str, model: object, hints: dict[str, object]) -> str | None:
    for router in routers:
        method = getattr(router, name, None)
        if method is not None:
            answer = method(model, **hints)
            if answer is not None:
                return answer
    return None


def _in_block(alias: str) -> bool:
    if bridge.in_bridge():
        return sessions.async_block(alias) is not None
    return sessions.sync_block(alias) is not None


def _was_written(model: object, alias: str) -> bool:
    until = _written.get().get((model, alias))
    return until is not None and monotonic() < until


def _stored_alias(instance: object) -> str | None:
    state = getattr(instance, "_state", None)
    return getattr(state, "db", None)


def _alias_of(instance: object) -> str:
    return _stored_alias(instance) or DEFAULT


def _load() -> tuple[Any, ...]:
    settings.ensure()
    found = _installed.routers = tuple(_router(entry) for entry in settings.get("DATABASE_ROUTERS") or ())
    return found


def _router(entry: object) -> Any:
    """A router object; a dotted path, a class or a factory is called."""
    if isinstance(entry, str):
        module, _, name = entry.rpartition(".")
        try:
            entry = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as problem:
            raise ImproperlyConfigured(f"DATABASE_ROUTERS: {entry!r} cannot be imported ({problem})") from problem
        return entry() if callable(entry) else entry
    return entry() if isinstance(entry, type) else entry


@settings.on_change
def _settings_changed(names: set[str]) -> None:
    if names & {"DATABASE_ROUTERS", "DATABASES"}:
        _installed.routers = None
        clear_read_after_write_window()
