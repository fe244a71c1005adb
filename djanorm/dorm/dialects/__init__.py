"""Everything that is known about databases, and the only place that knows a vendor.

``contract`` says on one page what a dialect is; ``register()`` makes one of another package known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dorm.dialects import built_in as _built_in
from dorm.dialects.kinds import Kind
from dorm.utils.lazy import lazy_names

if TYPE_CHECKING:
    from dorm.dialects.features import Features
    from dorm.dialects.registry import features_for, features_of, for_engine, register, unregister
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "dorm.dialects.features": ("Features",),
            "dorm.dialects.registry": ("features_for", "features_of", "for_engine", "register", "unregister"),
        },
    )

__all__ = ["Features", "Kind", "features_for", "features_of", "for_engine", "register", "unregister"]
