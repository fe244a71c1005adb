"""Models: the class that users inherit from, and what its instances do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dorm.constraints import hooks
from dorm.models.base import Model
from dorm.models.manager import BaseManager, Manager
from dorm.models.many_to_many import ManyRelatedManager
from dorm.models.metaclass import ModelBase
from dorm.models.related_managers import RelatedManager
from dorm.models.state import ModelState
from dorm.utils.lazy import lazy_import, lazy_names

if TYPE_CHECKING:
    from dorm.models.deletion import Collector
    from dorm.models.loading import aload, load, run
else:
    __getattr__, __dir__ = lazy_names(
        __name__, {"dorm.models.deletion": ("Collector",), "dorm.models.loading": ("aload", "load", "run")}
    )

# constraints declare, and are checked here
hooks.check = lazy_import("dorm.models.constraint_checks", globals())

__all__ = [
    "BaseManager",
    "Collector",
    "Manager",
    "ManyRelatedManager",
    "Model",
    "ModelBase",
    "ModelState",
    "RelatedManager",
    "aload",
    "load",
    "run",
]
