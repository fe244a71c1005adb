"""The engines of this package: what settings know of them before their dialects are loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dorm.conf.engines import engines
from dorm.dialects.engine_names import BUILT_IN
from dorm.utils.lazy import lazy_import

if TYPE_CHECKING:
    from dorm.dialects import registry
else:
    registry = lazy_import("dorm.dialects.registry", globals())


def look_further(name: str) -> None:
    """Asks other packages for the engine of that name or scheme."""
    registry.look_further(name)


for _engine in BUILT_IN:
    engines.add(_engine)
engines.look_further = look_further
