"""Imports of optional packages, with an install hint instead of a bare ImportError."""

from __future__ import annotations

import importlib
from types import ModuleType


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """The module, imported now.

    ``extra`` is the extra of the distribution that installs it and ``purpose`` what needs it, as the subject of a
    sentence ("The postgresql engine"). Raises ``ImportError`` that names ``pip install "djanorm[extra]"``.
    """
    try:
        return importlib.import_module(module)
    except ImportError as problem:
        top = module.partition(".")[0]
        missing = problem.name is None or problem.name.partition(".")[0] == top
        why = f"needs the package '{top}'" if missing else f"cannot import '{module}' ({problem})"
        raise ImportError(f'{purpose} {why}: pip install "djanorm[{extra}]"', name=module) from problem
