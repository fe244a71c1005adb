"""Regular expressions that are compiled when they are first used: ``import dorm`` compiles none."""

from __future__ import annotations

import re
from typing import cast


class _LazyPattern:
    """Has the methods of a compiled pattern, each from its first use on."""

    def __init__(self, source: str, flags: int) -> None:
        self.source = source
        self.expression_flags = flags

    def __repr__(self) -> str:
        return f"lazy_pattern({self.source!r})"

    def __getattr__(self, name: str) -> object:
        # re keeps what it compiled; the method becomes an attribute, as fast as one of the pattern
        value = getattr(re.compile(self.source, self.expression_flags), name)
        vars(self)[name] = value
        return value


def lazy_pattern(source: str, flags: int = 0) -> re.Pattern[str]:
    """What ``re.compile()`` gives, compiled by the first call of one of its methods."""
    return cast("re.Pattern[str]", _LazyPattern(source, flags))
