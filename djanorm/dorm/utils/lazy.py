"""Imports that happen when something of the module is first used.

``import dorm`` stays cheap this way: what only a query, a write or a connection needs is loaded by the first one. A
module is imported lazily where ``import dorm`` would otherwise load it, and nowhere else; an ``if TYPE_CHECKING`` above
says to type checkers and readers what the name is::

    if TYPE_CHECKING:
        from dorm.query.run import pipeline
    else:
        pipeline = lazy_import("dorm.query.run.pipeline", globals())

Only modules can be lazy: a class or function taken from one would load it at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


class LazyModule:
    """Stands for a module until something of it is used; from then on the importing module has the real one."""

    __slots__ = ("_importer", "_module")

    def __init__(self, module: str, importer: dict[str, Any]) -> None:
        self._module = module
        self._importer = importer

    def __repr__(self) -> str:
        return f"<module {self._module!r}, not loaded>"

    def __getattr__(self, name: str) -> Any:
        # waits for a module that another thread is importing, so that a half-loaded one is never used
        module = import_module(self._module)
        for bound, value in tuple(self._importer.items()):
            if value is self:
                self._importer[bound] = module
        return getattr(module, name)


def lazy_import(module: str, importer: dict[str, object]) -> Any:
    """A stand-in for ``module``, a dotted name, that imports it when first used.

    ``importer`` is ``globals()`` of the importing module.

    Raises what the import raises, when the module is first used and each time until it succeeds.
    """
    return LazyModule(module, importer)


def lazy_names(
    package: str, sources: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package that imports the modules of its names when they are first used.

    ``sources`` says per module which names are its; those of ``package`` itself are its submodules. A name that was
    asked for is an ordinary attribute of the package afterwards. Any other name raises ``AttributeError``, as for every
    module.
    """
    modules = {name: module for module, names in sources.items() for name in names}

    def load(name: str) -> Any:
        module = modules.get(name)
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = import_module(f"{package}.{name}") if module == package else getattr(import_module(module), name)
        setattr(sys.modules[package], name, value)
        return value

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *modules})

    return load, listed
