"""Which query it is: the structure of a plan's key, written down so that every process writes the same.

The key of a plan holds objects, because comparing them is fast. Here models become labels, fields names, and the classes of
lookups and expressions their paths; parts at their defaults are left out, and the others come in a fixed order. The database
alias does not count. There are no values in it, because there are none in the key.
"""

from __future__ import annotations

import datetime
import inspect
from collections.abc import Callable, Hashable, Iterable
from decimal import Decimal
from enum import Enum
from uuid import UUID

from dorm.db.identity import digest
from dorm.db.normalised import normalised
from dorm.fields.base import Field
from dorm.lookups.base import Lookup
from dorm.meta.options import Options
from dorm.meta.registry import Version
from dorm.query.describe.parts import PARTS, Part, parts_of
from dorm.query.describe.shape_words import sentence

_PLAIN = (str, bytes, int, float, bool, type(None), Decimal, UUID, datetime.date, datetime.time, datetime.timedelta)


class Unwritable(Exception):
    """Raised for a structure that holds an object without a name that other processes know."""


class QuerySource:
    """What a statement of the package was made from; see :class:`dorm.db.identity.Source`.

    :param verb: ``"rows"``, ``"count"``, ``"exists"``, ``"aggregate"``, ``"update"``, ``"delete"``, ``"insert"`` …
    :param options: the model.
    :param shape: the structure, as it stands in the key of a plan; None for one that cannot be a key.
    """

    __slots__ = ("_identity", "options", "shape", "verb")

    def __init__(self, verb: str, options: Options, shape: Hashable) -> None:
        self.verb = verb
        self.options = options
        self.shape = shape
        self._identity: str | None = None

    def identity(self, sql: str) -> str:
        """The digest of verb, model and structure; where the structure cannot be written down, of the normalised SQL."""
        known = self._identity
        if known is None:
            known = digest(f"{self.verb} {self.options.label} {self._structure(sql)}")
            if self.shape is not None:
                self._identity = known
        return known

    def _structure(self, sql: str) -> str:
        try:
            return normalised(sql) if self.shape is None else written(self.shape)
        except Unwritable:
            return normalised(sql)

    def describe(self, sql: str) -> str:
        """Verb, model and structure in words."""
        if self.shape is None:
            return f"{self.verb} of {self.options.label}: SQL {normalised(sql)}"
        return sentence(self.verb, self.options, self.shape)


def written(shape: object) -> str:
    """The text of a structure, the same in every process.

    :raises Unwritable: for an object without a name that other processes know.
    """
    if isinstance(shape, tuple):
        if shape and isinstance(shape[0], Options):
            return _state(shape)
        # the version of a path tells plans apart in this process, and nothing in others
        return f"({', '.join([written(part) for part in shape if type(part) is not Version])})"
    if type(shape) in _PLAIN:
        return repr(shape)
    writer = next((write for kind, write in _WRITERS if isinstance(shape, kind)), None)
    if writer is None and inspect.isroutine(shape):
        return _function(shape)
    if writer is None:
        raise Unwritable(f"{type(shape).__name__} has no name that other processes know")
    return writer(shape)


def _state(shape: tuple[object, ...]) -> str:
    """The structure of a query: its model, its steps, and the parts that are not as they are by default."""
    options, steps, parts = parts_of(shape)
    told = [f"{p.name}={written(parts[p.name])}" for p in PARTS if p.name in parts and is_told(p, parts[p.name])]
    told += [f"scopes={written(parts['scopes'])}"] if "scopes" in parts else []
    return f"[{written(options)} {written(steps)} {' '.join(told)}]"


def is_told(part: Part, shape: object) -> bool:
    """Whether a part, as it stands in a key, makes the query another one than its default does."""
    return part.stable and shape != (part.default if part.cache_key is None else part.cache_key(part.default, []))


def _path(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _field(field: Field[object]) -> str:
    if getattr(field, "model", None) is not None:
        return field.label
    _, path, args, kwargs = field.deconstruct()
    return f"{path}{written(tuple(args))}{written(kwargs)}"


def _function(function: Callable[..., object]) -> str:
    name: str = getattr(function, "__qualname__", "<unnamed>")
    if "<" in name:
        raise Unwritable(f"{name} stands inside a function, where other processes cannot name it")
    return f"{function.__module__}.{name}"


def _sorted(items: Iterable[object]) -> str:
    return f"{{{', '.join(sorted(map(written, items)))}}}"


def _lookup(lookup: Lookup) -> str:
    return f"{_path(type(lookup))}:{lookup.lookup_name}{written(vars(lookup)) if vars(lookup) else ''}"


_WRITERS: tuple[tuple[type | tuple[type, ...], Callable[..., str]], ...] = (
    (Options, lambda options: str(options.label)),
    (Field, _field),
    (Lookup, _lookup),
    (type, _path),
    (Enum, lambda member: f"{_path(type(member))}.{member.name}"),
    (_PLAIN, repr),
    (list, lambda items: written(tuple(items))),
    ((set, frozenset), _sorted),
    (dict, lambda items: _sorted(items.items())),
)
