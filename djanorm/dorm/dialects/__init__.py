"""The databases: what each can do and how to talk to it. The only package that knows a vendor."""

from dorm.dialects.base import Features
from dorm.dialects.kinds import Kind
from dorm.dialects.registry import features_for, features_of, for_engine

__all__ = ["Features", "Kind", "features_for", "features_of", "for_engine"]
