"""One cache per alias, made when it is first asked for and dropped when the settings change."""

from __future__ import annotations

import pkgutil
import threading
from collections.abc import Mapping
from typing import Final

from dorm.cache.base import DEFAULT_TTL, BaseCache
from dorm.conf import settings
from dorm.conf.keys import mask_text
from dorm.exceptions import ImproperlyConfigured
from dorm.utils.suggest import hint

KEYS: Final = ("BACKEND", "LOCATION", "OPTIONS", "TTL")

_caches: dict[str, BaseCache] = {}
_lock = threading.Lock()


def get_cache(alias: str = "default") -> BaseCache:
    """The cache of an alias, always the same one until the settings change.

    :raises ImproperlyConfigured: for an alias that CACHES does not name, and an entry that cannot be used.
    :raises ImportError: when the backend needs a package that is not installed.
    """
    found = _caches.get(alias)
    if found is not None:
        return found
    settings.ensure()
    with _lock:
        found = _caches.get(alias)
        if found is None:
            found = _caches[alias] = _make(alias)
    return found


def reset_caches() -> None:
    """Close and forget every cache; the next `get_cache` creates one from the settings."""
    with _lock:
        dropped = list(_caches.values())
        _caches.clear()
    for cache in dropped:
        cache.close()


def _make(alias: str) -> BaseCache:
    caches = settings.get("CACHES")
    if not isinstance(caches, Mapping):
        raise ImproperlyConfigured(f"CACHES must map aliases to entries, not {type(caches).__name__}.")
    if alias not in caches:
        raise ImproperlyConfigured(f"CACHES has no alias {alias!r}. {hint(str(alias), map(str, caches))}")
    entry, where = caches[alias], f"CACHES[{alias!r}]"
    if not isinstance(entry, Mapping):
        raise ImproperlyConfigured(f"{where} must be a mapping with a BACKEND, not {type(entry).__name__}.")
    unknown = [key for key in entry if key not in KEYS]
    if unknown:
        raise ImproperlyConfigured(f"{where} has no key {unknown[0]!r}. {hint(str(unknown[0]), KEYS)}")
    options = entry.get("OPTIONS") or {}
    if not isinstance(options, Mapping):
        raise ImproperlyConfigured(f"{where}: OPTIONS must be a mapping, not {type(options).__name__}.")
    backend = _backend(where, entry.get("BACKEND"))
    return backend(entry.get("LOCATION", ""), options=options, ttl=entry.get("TTL", DEFAULT_TTL))


def _backend(where: str, given: object) -> type[BaseCache]:
    """The class that a BACKEND names; a BACKEND that is a class stands for itself."""
    found = given
    if isinstance(given, str) and "." in given:
        try:
            found = pkgutil.resolve_name(given)
        except (ImportError, AttributeError, ValueError) as problem:
            missing = getattr(problem, "name", None)
            if isinstance(problem, ImportError) and not (missing and f"{given}.".startswith(f"{missing}.")):
                # the backend exists but a package it needs does not: the backend's message says what to install
                raise
            raise ImproperlyConfigured(
                f"{where}: BACKEND {mask_text(repr(given))} cannot be imported: {mask_text(str(problem))}"
            ) from problem
    if not (isinstance(found, type) and issubclass(found, BaseCache)):
        raise ImproperlyConfigured(
            f"{where}: BACKEND must be the dotted path of a cache class, such as 'dorm.cache.locmem.LocMemCache', "
            f"not {mask_text(repr(given))}."
        )
    return found


@settings.on_change
def _settings_changed(names: set[str]) -> None:
    if "CACHES" in names:
        reset_caches()
