"""Walks: every subclass that the package defines, every public name of a module."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType

import dorm

# Rooms that load something optional on import; they are walked by tests of their own.
OPTIONAL = ("dorm.contrib", "dorm.cli", "dorm.__main__", "dorm.migrations", "dorm.testing")


@cache
def package_modules() -> tuple[ModuleType, ...]:
    """Every module of the package, imported."""
    names = [info.name for info in pkgutil.walk_packages(dorm.__path__, "dorm.") if not info.name.startswith(OPTIONAL)]
    return (dorm, *(importlib.import_module(name) for name in names))


def subclasses(base: type, *, private: bool = False) -> list[type]:
    """The package's own classes below ``base``, ``base`` excluded, sorted by name."""
    package_modules()
    found: set[type] = set()
    waiting = [base]
    while waiting:
        for child in waiting.pop().__subclasses__():
            if child not in found:
                found.add(child)
                waiting.append(child)
    own = [cls for cls in found if cls.__module__.startswith("dorm.")]
    return sorted((cls for cls in own if private or not cls.__name__.startswith("_")), key=lambda cls: cls.__qualname__)
