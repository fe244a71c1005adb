"""`ModelState` and what makes it: a face of the room that loads rows, which needs it below the models."""

from __future__ import annotations

from dorm.query.run.instance_state import LazyState, ModelState, state_of

__all__ = ["LazyState", "ModelState", "state_of"]
