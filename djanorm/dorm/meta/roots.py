"""The class at the root of all models, found from any of them: the lower layers know models as data only."""

from __future__ import annotations


def root_of(model: type) -> type:
    """The class ``Model`` that ``model`` inherits from."""
    return next(base for base in reversed(model.__mro__) if hasattr(base, "add_to_class"))
