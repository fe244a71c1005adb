"""The structure of a query in words, for people who read a log or a report."""

from __future__ import annotations

from collections.abc import Hashable

from dorm.db.normalised import normalised
from dorm.expressions.conditional import Condition
from dorm.expressions.conditions import AND, OR, XOR
from dorm.expressions.ordering import OrderBy
from dorm.expressions.values import RawSQL
from dorm.fields.base import Field
from dorm.lookups.base import Lookup
from dorm.meta.options import Options
from dorm.query.describe.parts import PARTS, parts_of

_JOINED = {AND: " and ", OR: " or ", XOR: " xor "}
_ABOUT = {"rows": "", "count": "the number of ", "exists": "whether there are ", "aggregate": "aggregates over "}
_SILENT = (None, False, "", (), ", ")
_BARE = ("value", "list")


def sentence(verb: str, options: Options, shape: Hashable) -> str:
    """The query in words: ``select shop.Book where title exact ? ordered by pages``.

    :param shape: the structure, as it stands in the key of a plan.
    """
    text = (
        _state(shape)
        if isinstance(shape, tuple) and shape and shape[0] is options
        else f"{options.label}{_rest(shape)}"
    )
    return f"select {_ABOUT[verb]}{text}" if verb in _ABOUT else f"{verb} {text}"


def _rest(parts: Hashable) -> str:
    """The parts of a write of single rows: pairs of a word and names."""
    assert isinstance(parts, tuple)
    return "".join(f" {word} {_phrase(names)}" for word, names in parts if names)


def _state(shape: tuple[object, ...]) -> str:
    options, steps, parts = parts_of(shape)
    text = options.label
    combined = parts.get("combined")
    if isinstance(combined, tuple):
        operator, every, states = combined
        text += f" by {operator}{' all' if every else ''} of {'; '.join(f'({_state(state)})' for state in states)}"
    told = [step for step in map(_step, steps) if step]
    text += "".join(f" {step}" for step in told)
    for part in PARTS:
        shown = parts.get(part.name)
        if part.words and shown != part.default and shown not in (None, False, ()):
            text += f" {part.words}" if shown is True else f" {part.words} {_phrase(shown)}".rstrip()
    scopes = parts.get("scopes", ())
    assert isinstance(scopes, tuple)
    return text + "".join(f" within the scope of {options.label}: {_phrase(shape)}" for options, shape in scopes)


def _step(step: object) -> str:
    if isinstance(step, tuple) and len(step) == 3 and step[0] == "annotate":
        return f"with {step[1]} = {_phrase(step[2])}"
    if isinstance(step, tuple) and step and step[0] == "shared":
        return f"where the same row has {_phrase(step[1])}"
    if isinstance(step, tuple) and len(step) == 2 and step[0] in ("select", "left", "right", "end"):
        return "" if step[0] == "select" else {"left": "either (", "right": f") {step[1]} (", "end": ")"}[str(step[0])]
    return f"where {_phrase(step)}"


def _phrase(shape: object) -> str:
    """One part of a structure in words."""
    if not isinstance(shape, tuple):
        return _word(shape)
    if not shape:
        return "()"
    head = shape[0]
    if isinstance(head, Options):
        return f"({_state(shape)})"
    if isinstance(head, Lookup) and len(shape) == 4:
        return _comparison(head, *shape[1:])
    if len(shape) == 3 and head in (AND, OR, XOR) and isinstance(shape[2], tuple):
        parts = [_phrase(part) for part in shape[2]]
        text = f"({_JOINED[str(head)].join(parts)})" if len(parts) != 1 or parts[0][0] != "(" else parts[0]
        return f"not {text}" if shape[1] else text
    if len(shape) in {2, 3} and head in ("column", "annotation", "term"):
        return _phrase(shape[1])
    if isinstance(head, type):
        return _call(head, shape)
    if len(shape) == 2 and isinstance(head, str) and (shape[1] is None or isinstance(shape[1], tuple)):
        text = "?" if shape[1] is None else _phrase(shape[1])
        return head if text == head else f"{head} = {text}"
    return ", ".join(filter(None, [_phrase(part) for part in shape if part not in _SILENT]))


def _comparison(lookup: Lookup, left: object, variant: object, expressions: object) -> str:
    text = f"{_phrase(left)} {lookup.lookup_name}"
    if isinstance(expressions, tuple) and expressions:
        return f"{text} {_phrase(expressions)}"
    return f"{text} ?" if variant in _BARE else f"{text} {_phrase(variant)}"


def _call(kind: type, shape: tuple[object, ...]) -> str:
    if kind.__name__ in ("Value", "Prepared"):
        return "NULL" if shape[1] is None else "?"
    if kind in (int, bool, float):
        return repr(shape[1])
    if issubclass(kind, OrderBy):
        return f"{_phrase(shape[2])}{' descending' if (bool, True) in shape[3:4] else ''}"
    if issubclass(kind, Condition):
        return _phrase(shape[1])
    if issubclass(kind, RawSQL):
        return f"SQL ({normalised(str(shape[2]))})"
    # the second part is the field of the results
    inside = [_phrase(part) for part in shape[2:] if part not in (*_SILENT, (bool, False), kind.__name__.lower())]
    return f"{kind.__name__}({', '.join(filter(None, inside))})"


def _word(part: object) -> str:
    if isinstance(part, Field):
        return part.name
    if isinstance(part, frozenset | set):
        return ", ".join(sorted(map(str, part)))
    if isinstance(part, type):
        return part.__name__
    if part is None:
        return "NULL"
    if isinstance(part, str):
        return part
    return repr(part) if isinstance(part, bool | int | float) else type(part).__name__
