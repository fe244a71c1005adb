"""Helpers for tests: a transaction that is rolled back at the end, and access to its commit callbacks."""

from __future__ import annotations

from dorm.dialects.recording import Recorded, Recording
from dorm.testing.captured import acapture_on_commit_callbacks, capture_on_commit_callbacks
from dorm.testing.scaffold import rolled_back

__all__ = ["Recorded", "Recording", "acapture_on_commit_callbacks", "capture_on_commit_callbacks", "rolled_back"]
