"""Which app a model belongs to, by the module that defines it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

#: Python's names for the running program, also in processes that `multiprocessing` spawns.
PROGRAMS = frozenset({"__main__", "__mp_main__"})


def app_label_of(module: str) -> str:
    """The app of a module: the part before ``.models``, else the first component.

    The running program has the name under which it could be imported, so that its tables are the same either way.
    """
    if module in PROGRAMS:
        module = _program(module)
    parts = module.split(".")
    if "models" in parts[1:]:
        return ".".join(parts[: parts.index("models", 1)])
    return parts[0]


def known_label(label: str) -> str:
    """The label of a model as it is registered: that of a model of the running program may name ``__main__``."""
    app, dot, name = label.rpartition(".")
    return f"{app_label_of(app)}{dot}{name}" if app in PROGRAMS else label


def _program(module: str) -> str:
    """The module run with ``-m``, or the name of the script; ``main`` where there is neither (notebooks, the prompt)."""
    running = sys.modules.get(module) or sys.modules.get("__main__")
    spec, file = getattr(running, "__spec__", None), getattr(running, "__file__", None)
    if spec is not None and spec.name not in PROGRAMS:
        return str(spec.name.removesuffix(".__main__"))
    if file is None or file.startswith("<"):
        return "main"
    path = Path(file)
    stem = path.resolve().parent.name if path.stem == "__main__" else path.stem
    word = re.sub(r"\W", "_", stem)
    return f"_{word}" if word[:1].isdigit() else word or "main"
