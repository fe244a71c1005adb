"""Everything that is known about databases, and the only place that knows a vendor.

``contract`` says on one page what a dialect is; ``register()`` makes one of another package known.
"""

from dorm.dialects.features import Features
from dorm.dialects.kinds import Kind
from dorm.dialects.registry import features_for, features_of, for_engine, register, unregister

__all__ = ["Features", "Kind", "features_for", "features_of", "for_engine", "register", "unregister"]
