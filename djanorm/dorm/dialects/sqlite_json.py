"""JSON for SQLite: the paths its own functions understand, and Python functions for what they cannot do.

SQLite compares the key in a path with the key as the document spells it, escapes included, and knows no way to write a
double quote. So it is given only keys that have one spelling; any other key is found by :func:`at`.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable

from dorm.utils.caches import remembered

_INDEX = re.compile(r"-?[0-9]{1,10}")
_PLAIN = re.compile(r"[ !#-\[\]-~]+")  # printable ASCII but the double quote and the backslash
_MOST_PATHS = 4


def array_index(key: str) -> int | None:
    """The place in an array that a key addresses, negative ones counted from the end; None for a mere name."""
    if not _INDEX.fullmatch(key):
        return None
    index = int(key)
    return index if -(2**31) < index < 2**31 else None


def paths(keys: tuple[str, ...]) -> list[str] | None:
    """The paths of SQLite that lead where ``keys`` lead: a number is an index of an array or a key of an object.

    None when SQLite has no such paths, or too many of them are possible.
    """
    choices = []
    for key in keys:
        if not _PLAIN.fullmatch(key):
            return None
        steps = [f'."{key}"']
        index = array_index(key)
        if index is not None:
            steps.insert(0, f"[{index}]" if index >= 0 else f"[#{index}]")
        choices.append(steps)
    found = ["$" + "".join(steps) for steps in itertools.islice(itertools.product(*choices), _MOST_PATHS + 1)]
    return found if len(found) <= _MOST_PATHS else None


@remembered(512)
def _steps(text: str) -> list[str]:
    return json.loads(text)


def at(document: str | None, steps: str) -> str | None:
    """The JSON text of the value to which a JSON list of keys leads, None where there is none."""
    if document is None:
        return None
    found = json.loads(document)
    for key in _steps(steps):
        if isinstance(found, dict):
            if key not in found:
                return None
            found = found[key]
        elif isinstance(found, list):
            index = array_index(key)
            if index is None or not -len(found) <= index < len(found):
                return None
            found = found[index]
        else:
            return None
    return json.dumps(found)


def has_key(document: str | None, key: str | None) -> bool | None:
    """Whether a document is an object with this key, a list with this element, or this very text."""
    if document is None or key is None:
        return None
    found = json.loads(document)
    return key in found if isinstance(found, dict | list) else found == key


def contains(document: str | None, part: str | None) -> bool | None:
    """Whether a document contains another one, as PostgreSQL's ``@>`` says."""
    if document is None or part is None:
        return None
    whole = json.loads(document)
    wanted = json.loads(part)
    if isinstance(whole, list) and not isinstance(wanted, dict | list):
        # a list contains a value that stands by itself, but only at the top
        wanted = [wanted]
    return _contains(whole, wanted)


def _contains(whole: object, part: object) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(k in whole and _contains(whole[k], v) for k, v in part.items())
    if isinstance(part, list):
        return isinstance(whole, list) and all(any(_contains(have, want) for have in whole) for want in part)
    # False is not 0
    return whole == part and isinstance(whole, bool) == isinstance(part, bool)


def _number(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() else number


def canonical(text: object) -> str | None:
    """A document in one spelling, to be compared as text: sorted keys, and 1 for 1.0."""
    if text is None:
        return None
    try:
        value = json.loads(text, parse_float=_number) if isinstance(text, str) else text
    except ValueError:
        value = text
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def compared(left: str | None, right: str | None) -> int | None:
    """-1, 0 or 1 as the left of two JSON values is less, equal or greater; None for kinds that have no common order."""
    if left is None or right is None:
        return None
    a = json.loads(left)
    b = json.loads(right)
    kinds = _kind(a), _kind(b)
    return (a > b) - (a < b) if kinds[0] is not None and kinds[0] == kinds[1] else None


def _kind(value: object) -> type | None:
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return float if kind is int else kind
    return None


FUNCTIONS: tuple[tuple[str, int, Callable[..., str | float | None]], ...] = (
    ("dorm_json", 1, canonical),
    ("dorm_json_at", 2, at),
    ("dorm_json_contains", 2, contains),
    ("dorm_json_has_key", 2, has_key),
    ("dorm_json_compare", 2, compared),
)
