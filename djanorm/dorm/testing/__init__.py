"""Helpers for tests: a transaction that is rolled back at the end, and access to its commit callbacks."""

from __future__ import annotations

from dorm.testing.captured import acapture_on_commit_callbacks, capture_on_commit_callbacks
from dorm.testing.scaffold import rolled_back

__all__ = ["acapture_on_commit_callbacks", "capture_on_commit_callbacks", "rolled_back"]
