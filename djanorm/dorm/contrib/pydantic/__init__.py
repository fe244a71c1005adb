"""Pydantic schemas made from models: `DormSchema` and `schema_for`.

Needs Pydantic 2, which the extra brings: ``pip install "djanorm[pydantic]"``. Importing it without raises ImportError.
"""

from __future__ import annotations

from dorm.contrib.pydantic.generated import schema_for
from dorm.contrib.pydantic.schema import DormSchema

__all__ = ["DormSchema", "schema_for"]
