"""Finding the features record and the module of a database."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from dorm.dialects import postgresql, sqlite
from dorm.dialects.base import Features
from dorm.exceptions import ImproperlyConfigured

MODULES: dict[str, ModuleType] = {"sqlite": sqlite, "postgresql": postgresql}


def for_engine(name: str) -> Any:
    """The module of hooks for an ENGINE name. Raises ``ImproperlyConfigured`` listing the supported ones."""
    try:
        return MODULES[name]
    except KeyError:
        raise ImproperlyConfigured(
            f"ENGINE {name!r} is not supported. Supported engines: {', '.join(MODULES)}."
        ) from None


def features_for(name: str) -> Features:
    """The features record for an ENGINE or vendor name."""
    return for_engine(name).FEATURES


def features_of(dialect: Any) -> Features:
    """The features record of a SQLAlchemy dialect object."""
    return for_engine(dialect.name).FEATURES


def is_transient(error: BaseException) -> bool:
    """Whether a driver's error says that trying again may help; False for anything else."""
    return any(module.is_transient(error) for module in MODULES.values())
