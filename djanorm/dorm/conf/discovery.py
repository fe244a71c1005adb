"""Finding ``settings.py`` when nothing has been configured."""

from __future__ import annotations

import importlib.util
import logging
import sys
from pathlib import Path
from types import ModuleType

logger = logging.getLogger("dorm.conf")


def discover() -> dict[str, object] | None:
    """The upper-case names of the ``settings.py`` beside the running script, else of the working directory's.

    None when there is no such file. Errors of the file itself are raised as they are. The path is logged at INFO.
    """
    for folder in _folders():
        path = folder / "settings.py"
        if path.is_file():
            logger.info("configuring from %s", path)
            return upper_names(load(path))
    return None


def upper_names(module: ModuleType) -> dict[str, object]:
    """The settings of a module: its upper-case attributes."""
    return {name: value for name, value in vars(module).items() if name.isupper()}


def load(path: Path) -> ModuleType:
    """Executes a settings file, with its folder and the folder above importable."""
    for folder in (path.parent.parent, path.parent):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    known = sys.modules.get("settings")
    if known is not None and _is_file(known, path):
        return known
    spec = importlib.util.spec_from_file_location("settings", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded as a module")
    module = importlib.util.module_from_spec(spec)
    sys.modules["settings"] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop("settings", None)
        raise
    return module


def _folders() -> list[Path]:
    folders = []
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    if main:
        folders.append(Path(main).resolve().parent)
    folders.append(Path.cwd().resolve())
    return list(dict.fromkeys(folders))


def _is_file(module: ModuleType, path: Path) -> bool:
    return bool(module.__file__) and Path(str(module.__file__)).resolve() == path.resolve()
