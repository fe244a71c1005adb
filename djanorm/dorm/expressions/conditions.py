"""``Q``: a condition as a value, to be combined by ``&``, ``|`` and ``~``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, NoReturn

from typing_extensions import TypeVar

from dorm.utils.bounds import DEPTH, PARTS, too_deep, too_large

Root = TypeVar("Root", contravariant=True, default=Any)

AND = "AND"
OR = "OR"
XOR = "XOR"


def _measured(children: Iterable[object]) -> tuple[int, int]:
    """The depth and number of nested conditions.

    :raises FieldError: for more than a query can hold.
    """
    depth = size = 1
    for child in children:
        if isinstance(child, Q):
            depth = max(depth, child.depth + 1)
            size += child.size
        else:
            size += 1
    return _within_bounds(depth, size)


def _within_bounds(depth: int, size: int) -> tuple[int, int]:
    if depth > DEPTH:
        raise too_deep()
    if size > PARTS:
        raise too_large()
    return depth, size


class Q(Generic[Root]):
    """An immutable condition (as in Django 5.2). ``Q()`` restricts nothing, and neither does its negation.

    :param args: conditions (``Q``, boolean expressions, ``(lookup, value)`` pairs), all of which must hold.
    :param lookups: keyword lookups such as ``age__gte=18``, which must hold too.
    :raises TypeError: for a positional argument that is not a condition, and when a ``Q`` is used as a truth value.
    """

    __slots__ = ("_identity", "children", "connector", "depth", "negated", "size")

    AND = AND
    OR = OR
    XOR = XOR

    children: tuple[Any, ...]
    depth: int
    size: int
    connector: str
    negated: bool
    _identity: bool | None

    # expressions may be combined with a Q from either side
    conditional = True

    def __init__(self, *args: Any, _connector: str | None = None, _negated: bool = False, **lookups: Any) -> None:
        for argument in args:
            if not is_condition(argument):
                raise TypeError(
                    f"Q() takes conditions (Q objects, boolean expressions) and keyword lookups, not {argument!r}."
                )
        self.children = (*args, *lookups.items()) if lookups else args
        self.depth, self.size = _measured(args) if args else (1, 1)
        self.connector = _connector or AND
        self.negated = _negated
        self._identity = None

    @classmethod
    def _build(
        cls, children: tuple[object, ...], connector: str, negated: bool, measured: tuple[int, int] | None = None
    ) -> Q:
        made = object.__new__(cls)
        made.children = children
        made.depth, made.size = measured or _measured(children)
        made.connector = connector
        made.negated = negated
        made._identity = None
        return made

    @classmethod
    def _of_equality(cls, left: object, right: object, path: str, *, negated: bool = False) -> Q:
        """``left == right`` for two columns: a condition that also works as Python's test for membership in a list."""
        made = cls._build(((path, right),), AND, negated)
        made._identity = (left is right) is not negated
        return made

    def _combine(self, other: Q, connector: str) -> Q:
        if not is_condition(other):
            raise TypeError(f"A Q object combines with conditions only, not with {other!r}.")
        if not isinstance(other, Q):
            other = Q(other)
        if not self.children:
            return other
        if not other.children:
            return self
        left = self.children if self.connector == connector and not self.negated else (self,)
        right = other.children if other.connector == connector and not other.negated else (other,)
        if connector == XOR:
            left, right = (self,), (other,)
        depth = max(q.depth + (part[0] is q) for q, part in ((self, left), (other, right)))
        return Q._build((*left, *right), connector, False, _within_bounds(depth, self.size + other.size))

    def __and__(self, other: Q[Root]) -> Q[Root]:  # ty: ignore[invalid-generic-class]
        return self._combine(other, AND)

    def __or__(self, other: Q[Root]) -> Q[Root]:  # ty: ignore[invalid-generic-class]
        return self._combine(other, OR)

    def __xor__(self, other: Q[Root]) -> Q[Root]:  # ty: ignore[invalid-generic-class]
        return self._combine(other, XOR)

    def __rand__(self, other: Q[Root]) -> Q[Root]:  # ty: ignore[invalid-generic-class]
        return Q(other)._combine(self, AND)

    def __ror__(self, other: Q[Root]) -> Q[Root]:  # ty: ignore[invalid-generic-class]
        return Q(other)._combine(self, OR)

    def __invert__(self) -> Q[Root]:
        return Q._build(self.children, self.connector, not self.negated, (self.depth, self.size))

    def __bool__(self) -> bool:
        if self._identity is None:
            raise TypeError(
                "A Q object is a condition for the database and has no truth value in Python: combine conditions with "
                "& | ~ instead of and/or/not, and write two conditions instead of a chained comparison."
            )
        return self._identity

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Q):
            return NotImplemented
        return (
            self.connector == other.connector
            and self.negated == other.negated
            and len(self.children) == len(other.children)
            and all(_same(a, b) for a, b in zip(self.children, other.children, strict=True))
        )

    def __hash__(self) -> int:
        return hash((self.connector, self.negated, self.children))

    def __reduce__(self) -> tuple[object, ...]:
        return (Q._build, (self.children, self.connector, self.negated))

    def __repr__(self) -> str:
        parts = ", ".join(f"{c[0]}={c[1]!r}" if isinstance(c, tuple) else repr(c) for c in self.children)
        sign = "~" if self.negated else ""
        return f"{sign}Q({parts})" if self.connector == AND else f"{sign}Q({self.connector}: {parts})"

    def deconstruct(self) -> tuple[str, tuple[object, ...], dict[str, object]]:
        """``(path, args, kwargs)`` that build an equal condition (as in Django 5.2)."""
        kwargs: dict[str, object] = {}
        if self.connector != AND:
            kwargs["_connector"] = self.connector
        if self.negated:
            kwargs["_negated"] = True
        return "dorm.Q", self.children, kwargs

    def flatten(self) -> Any:
        """This node and every node below it."""
        yield self
        for child in self.children:
            value = child[1] if isinstance(child, tuple) else child
            if hasattr(value, "flatten"):
                yield from value.flatten()
            else:
                yield value

    def __setattr__(self, name: str, value: object) -> None:
        if hasattr(self, "_identity") and name != "_identity":
            _refuse(name)
        object.__setattr__(self, name, value)


def _refuse(name: str) -> NoReturn:
    raise AttributeError(f"Q objects are immutable: {name!r} cannot be set. Combine conditions with & | ~.")


def _same(a: object, b: object) -> bool:
    if isinstance(a, tuple) and isinstance(b, tuple):
        return a[0] == b[0] and _same(a[1], b[1])
    left, right = getattr(a, "identity", None), getattr(b, "identity", None)
    if left is not None and right is not None:
        return bool(left == right)
    return type(a) is type(b) and bool(a == b) if not isinstance(a, int | float) else bool(a == b)


def is_condition(value: object) -> bool:
    """Whether ``value`` may be used as a condition."""
    return (
        isinstance(value, Q)
        or getattr(value, "conditional", False) is True
        or (isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str))
    )
