"""The name under which users know :mod:`dorm.testing`."""

from __future__ import annotations

from dorm.testing import acapture_on_commit_callbacks, capture_on_commit_callbacks, rolled_back

__all__ = ["acapture_on_commit_callbacks", "capture_on_commit_callbacks", "rolled_back"]
