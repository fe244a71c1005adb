"""The process-wide settings object and ``configure()``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from dorm.conf import discovery
from dorm.conf.checks import checked
from dorm.conf.defaults import DEFAULTS
from dorm.conf.environment import KNOBS
from dorm.conf.keys import MASK, Entry
from dorm.conf.urls import as_entry
from dorm.exceptions import ImproperlyConfigured
from dorm.utils.suggest import hint

SECRET_WORDS = ("PASSWORD", "SECRET", "TOKEN", "_KEY", "DSN")


class Settings:
    """Attribute access to the settings.

    Before any configuration every name raises ``ImproperlyConfigured``; afterwards an unknown name raises
    ``AttributeError``.
    """

    def __init__(self) -> None:
        self._values: dict[str, object] = {}
        self._configured = False
        self._discovering = False
        self._callbacks: list[Callable[[set[str]], None]] = []
        self._checks: list[Callable[[set[str]], None]] = []
        self._lock = threading.RLock()

    @property
    def configured(self) -> bool:
        """Whether ``configure()`` has run, by hand or through a discovered settings file."""
        return self._configured

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if not self._configured:
            raise ImproperlyConfigured(
                f"settings.{name} was read before the library was configured. Call dorm.configure(DATABASES=…) first."
            )
        if name in KNOBS:
            return KNOBS[name]()
        try:
            return self._values[name]
        except KeyError:
            pass
        if name in DEFAULTS:
            return DEFAULTS[name]
        raise AttributeError(f"there is no setting {name!r}. {hint(name, {*DEFAULTS, *self._values})}")

    def __repr__(self) -> str:
        if not self._configured:
            return "<Settings: not configured>"
        shown = {name: value if _is_shown(name, value) else MASK for name, value in self._values.items()}
        return f"<Settings {shown!r}>"

    def __dir__(self) -> list[str]:
        return sorted({*DEFAULTS, *self._values, "before_change", "configured", "on_change"})

    def on_change(self, callback: Callable[[set[str]], None]) -> Callable[[set[str]], None]:
        """Calls ``callback(names)`` after each ``configure()`` with the names it was given; returns the callback."""
        self._callbacks.append(callback)
        return callback

    def before_change(self, check: Callable[[set[str]], None]) -> Callable[[set[str]], None]:
        """Calls ``check(names)`` before ``configure()`` changes anything; what it raises prevents the change."""
        self._checks.append(check)
        return check

    def get(self, name: str, default: Any = None) -> Any:
        """The setting, its library default, or ``default``; never raises, also before configuration."""
        if name in KNOBS:
            return KNOBS[name]()
        return self._values.get(name, DEFAULTS.get(name, default))

    def apply(self, values: Mapping[str, object]) -> None:
        """Merges ``values`` into the settings and tells the listeners."""
        prepared = dict(values)
        if "DATABASES" in prepared:
            prepared["DATABASES"] = _entries(prepared["DATABASES"])
        for name, value in prepared.items():
            prepared[name] = checked(name, value)
        for check in tuple(self._checks):
            check(set(prepared))
        with self._lock:
            for name, value in prepared.items():
                if name in KNOBS:
                    KNOBS[name].assign(value)
            self._values.update(prepared)
            self._configured = True
        for callback in tuple(self._callbacks):
            callback(set(prepared))

    def ensure(self) -> None:
        """Configures from a ``settings.py`` when nothing has been configured yet.

        Raises ``ImproperlyConfigured`` when there is none.
        """
        if self._configured:
            return
        with self._lock:
            if self._configured or self._discovering:
                return
            self._discovering = True
            try:
                found = discovery.discover()
                if found is None:
                    raise ImproperlyConfigured(
                        "the library is not configured: call dorm.configure(DATABASES=…), or put a settings.py with "
                        "DATABASES beside the program or into the working directory."
                    )
                # a settings file may call configure() itself; what it lists by name still counts
                self.apply(found)
            finally:
                self._discovering = False

    def reset(self) -> None:
        """Back to the state before any configuration; listeners stay. For tests."""
        with self._lock:
            names = set(self._values)
            self._values = {}
            self._configured = False
            for knob in KNOBS.values():
                knob.forget()
        for callback in tuple(self._callbacks):
            callback(names)


def _entries(databases: object) -> dict[str, Entry]:
    if not isinstance(databases, Mapping):
        raise ImproperlyConfigured(
            f"DATABASES must map aliases to entries, such as {{'default': {{'ENGINE': 'sqlite', 'NAME': 'app.db'}}}}, "
            f"not {type(databases).__name__}"
        )
    return {str(alias): as_entry(str(alias), entry) for alias, entry in databases.items()}


def _is_shown(name: str, value: object) -> bool:
    """Whether a setting is printed: only those that the library knows and whose names do not sound like a secret."""
    if any(word in name.upper() for word in SECRET_WORDS) or (value and name in ("CACHES", "STORAGES")):
        return False
    return (
        name in DEFAULTS
        or name in KNOBS
        or name == "DATABASES"
        or value is None
        or isinstance(value, (bool, int, float))
    )


settings = Settings()


def configure(**values: object) -> None:
    """Merges the given settings into the process-wide ones; names that are not given keep their value.

    May be called at any time, though with ``DATABASES``, which closes the existing connections and pools, not
    while the calling thread or task has a transaction open. Entries are checked at the first use of their alias.
    Names must be upper-case. ``ImproperlyConfigured`` otherwise, and nothing is changed then.
    """
    wrong = sorted(name for name in values if not name.isupper())
    if wrong:
        raise ImproperlyConfigured(f"settings have upper-case names; configure() was given {', '.join(wrong)}")
    settings.apply(values)
