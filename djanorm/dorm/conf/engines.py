"""What settings know about a database before its dialect is loaded: its names, the schemes of its URLs, its port.

The table is empty here. ``dorm.dialects`` fills it in, and tells it where to look for engines of other packages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Engine(NamedTuple):
    """One ENGINE.

    :ivar name: what settings call it; lower case.
    :ivar display_name: what messages call it.
    :ivar aliases: other names that settings may use.
    :ivar schemes: what its URLs may begin with, besides its name and its aliases.
    :ivar drivers: the packages of its drivers.
    :ivar port: the port of its server when settings name none; None for a database in a file.
    """

    name: str
    display_name: str
    aliases: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    port: int | None = None
    drivers: tuple[str, ...] = ()

    @property
    def in_file(self) -> bool:
        """Whether NAME is the path of a file; URLs have neither user nor host then."""
        return self.port is None

    @property
    def all_schemes(self) -> tuple[str, ...]:
        """Everything that its URLs may begin with."""
        return (self.name, *self.aliases, *self.schemes)


class Engines:
    """The engines of this process, in the order in which they were added."""

    def __init__(self) -> None:
        self._engines: dict[str, Engine] = {}
        #: The packages of the drivers of all engines.
        self.drivers: set[str] = set()
        #: Called with a name that is not in the table; it may add an engine.
        self.look_further: Callable[[str], object] = _nowhere

    def add(self, engine: Engine) -> None:
        """Adds an engine, or replaces the one of that name."""
        self._engines[engine.name] = engine
        self.drivers.update(engine.drivers)

    def remove(self, name: str) -> None:
        """Forgets an engine."""
        self._engines.pop(name, None)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the engines."""
        return tuple(self._engines)

    def named(self, name: str) -> Engine | None:
        """The engine called ``name``, in any case; None when there is none."""
        return self._found(name, lambda engine: (engine.name, *engine.aliases))

    def of_scheme(self, scheme: str) -> Engine | None:
        """The engine whose URLs begin with ``scheme``; None when there is none."""
        return self._found(scheme, lambda engine: engine.all_schemes)

    def _found(self, name: str, names_of: Callable[[Engine], tuple[str, ...]]) -> Engine | None:
        wanted = name.strip().lower()
        for attempt in (False, True):
            if attempt:
                self.look_further(wanted.partition("+")[0])
            for engine in self._engines.values():
                if wanted in names_of(engine):
                    return engine
        return None


def _nowhere(name: str) -> None:
    """There are no more engines than those in the table."""


engines = Engines()
