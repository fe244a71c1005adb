"""Names close to a misspelt one, worded for error messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dorm.utils.lazy import lazy_import

if TYPE_CHECKING:
    import difflib
else:
    difflib = lazy_import("difflib", globals())

LONG = 25
LONGEST = 200


def nearest(name: str, candidates: Iterable[str], limit: int = 3) -> list[str]:
    """The candidates most like ``name``, best first; at most ``limit``, none when nothing is close."""
    if len(name) > LONGEST:
        return []
    by_folded: dict[str, str] = {}
    for candidate in candidates:
        by_folded.setdefault(candidate.lower(), candidate)
    close = difflib.get_close_matches(name.lower(), list(by_folded), n=limit, cutoff=0.6)
    return [by_folded[folded] for folded in close]


def hint(name: object, candidates: Iterable[str]) -> str:
    """A sentence or two: the nearest names when there are any, and the valid names (the first 25 of many)."""
    names = sorted(set(candidates))
    close = nearest(name, names, limit=1) if isinstance(name, str) else []
    listed = ", ".join(names[:LONG]) + (f", … ({len(names)} in all)" if len(names) > LONG else "")
    valid = f"Valid names: {listed}." if names else "There are none."
    return f"Did you mean '{close[0]}'? {valid}" if close else valid
