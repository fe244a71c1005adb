"""Models: the class that users inherit from, and what its instances do."""

from __future__ import annotations

from dorm.constraints import hooks
from dorm.meta.registry import registry
from dorm.models.accessors import install_reverse, remove_reverse
from dorm.models.base import Model
from dorm.models.constraint_checks import validate_constraint
from dorm.models.deletion import Collector
from dorm.models.loading import aload, load, run
from dorm.models.manager import BaseManager, Manager
from dorm.models.many_to_many import ManyRelatedManager
from dorm.models.metaclass import ModelBase
from dorm.models.related_managers import RelatedManager
from dorm.models.state import ModelState

# The lower layers know models only as data; they are given these classes here.
registry.model_base = Model
registry.model_state = ModelState
registry.collector = Collector
hooks.validate = validate_constraint
registry.on_relation(install_reverse)
registry.on_removal(remove_reverse)

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
