"""Typed expressions: ``Author.age >= 18``, ``Book.author[Author.age]``, ``Author.name.icontains("a")``.

A path names a field from a root model. Its operators build the very same ``Q`` objects that keyword lookups build, so
no other module needs to know about them. At run time a field *is* its own path (``Author.age`` is the field of the
model); :class:`FieldRef` is the path that starts at another model's relation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol

from typing_extensions import TypeVar

from dorm.expressions.conditions import Q
from dorm.expressions.references import F

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dorm.expressions.base import Expression as RuntimeExpression
    from dorm.expressions.contract import FieldLike
    from dorm.expressions.ordering import OrderBy

T = TypeVar("T", default=Any)
T_co = TypeVar("T_co", covariant=True, default=Any)
Root = TypeVar("Root", default=Any)
N = TypeVar("N", default=Any)
M = TypeVar("M", default=Any)


class PathOperators:
    """The operators of a path at run time. The class that mixes this in has a property ``lookup_path``."""

    lookup_path: Any

    __hash__ = object.__hash__

    def as_expression(self) -> F:
        """The untyped reference to the same column."""
        return F(self.lookup_path)

    def _lookup(self, lookup: str, value: object) -> Q:
        return Q((f"{self.lookup_path}__{lookup}", value))

    def __eq__(self, other: object) -> Any:
        if isinstance(other, PathOperators):
            return Q._of_equality(self, other, self.lookup_path)
        return Q((self.lookup_path, other))

    def __ne__(self, other: object) -> Any:
        if isinstance(other, PathOperators):
            return Q._of_equality(self, other, self.lookup_path, negated=True)
        return ~Q((self.lookup_path, other))

    def __lt__(self, other: object) -> Q:
        return self._lookup("lt", other)

    def __le__(self, other: object) -> Q:
        return self._lookup("lte", other)

    def __gt__(self, other: object) -> Q:
        return self._lookup("gt", other)

    def __ge__(self, other: object) -> Q:
        return self._lookup("gte", other)

    def is_in(self, values: object) -> Q:
        return self._lookup("in", values)

    def in_(self, values: object) -> Q:
        return self._lookup("in", values)

    def between(self, low: object, high: object) -> Q:
        return self._lookup("range", (low, high))

    def isnull(self, value: bool = True) -> Q:
        return self._lookup("isnull", value)

    def iexact(self, text: str) -> Q:
        return self._lookup("iexact", text)

    def contains(self, value: object) -> Q:
        return self._lookup("contains", value)

    def icontains(self, text: str) -> Q:
        return self._lookup("icontains", text)

    def startswith(self, text: str) -> Q:
        return self._lookup("startswith", text)

    def istartswith(self, text: str) -> Q:
        return self._lookup("istartswith", text)

    def endswith(self, text: str) -> Q:
        return self._lookup("endswith", text)

    def iendswith(self, text: str) -> Q:
        return self._lookup("iendswith", text)

    def regex(self, pattern: str) -> Q:
        return self._lookup("regex", pattern)

    def iregex(self, pattern: str) -> Q:
        return self._lookup("iregex", pattern)

    def asc(self, *, nulls_first: bool | None = None, nulls_last: bool | None = None) -> OrderBy:
        return self.as_expression().asc(nulls_first=nulls_first, nulls_last=nulls_last)

    def desc(self, *, nulls_first: bool | None = None, nulls_last: bool | None = None) -> OrderBy:
        return self.as_expression().desc(nulls_first=nulls_first, nulls_last=nulls_last)

    def set(self, value: object) -> tuple[str, Any]:
        """An assignment for ``update()``: ``update(Author.age.set(Author.age + 1))``."""
        return (self.lookup_path, value)

    def coalesce(self, *defaults: object) -> RuntimeExpression:
        return self.as_expression().coalesce(*defaults)

    def apply(self, function: object, *extra: object) -> Any:
        return self.as_expression().apply(function, *extra)

    def __add__(self, other: object) -> Any:
        return self.as_expression() + other

    def __radd__(self, other: object) -> Any:
        return other + self.as_expression()

    def __sub__(self, other: object) -> Any:
        return self.as_expression() - other

    def __rsub__(self, other: Any) -> Any:
        return other - self.as_expression()

    def __mul__(self, other: Any) -> Any:
        return self.as_expression() * other

    def __rmul__(self, other: object) -> Any:
        return other * self.as_expression()

    def __truediv__(self, other: object) -> Any:
        return self.as_expression() / other

    def __rtruediv__(self, other: object) -> Any:
        return other / self.as_expression()

    def __mod__(self, other: object) -> Any:
        return self.as_expression() % other

    def __pow__(self, other: object) -> Any:
        return self.as_expression() ** other

    def __neg__(self) -> Any:
        return -self.as_expression()


if TYPE_CHECKING:

    class Rows(Protocol):
        """A queryset or manager, as the right-hand side of ``in_()``."""

        def get_queryset(self) -> Any: ...

    class Computed(Generic[T_co]):
        """A computed value, such as an aggregate, with the type of its results. It belongs to no model."""

    class TypedValue(Generic[T_co]):
        """The values that an expression of type ``T_co`` may be compared with. For type checkers only."""

    class TypedExpression(TypedValue[T], Generic[T, Root]):
        """A path as type checkers see it: they check the type of the operand and the model it belongs to."""

        def __eq__(self, other: T | TypedValue[T | None] | None) -> Q[Root]: ...  # type: ignore # ty: ignore
        def __ne__(self, other: T | TypedValue[T | None] | None) -> Q[Root]: ...  # type: ignore # ty: ignore
        def __lt__(self, other: T | TypedValue[T | None]) -> Q[Root]: ...
        def __le__(self, other: T | TypedValue[T | None]) -> Q[Root]: ...
        def __gt__(self, other: T | TypedValue[T | None]) -> Q[Root]: ...
        def __ge__(self, other: T | TypedValue[T | None]) -> Q[Root]: ...
        def in_(self, values: Iterable[T] | Rows) -> Q[Root]: ...
        def is_in(self, values: Iterable[T] | Rows) -> Q[Root]: ...
        def between(self, low: T | TypedValue[T | None], high: T | TypedValue[T | None]) -> Q[Root]: ...
        def isnull(self, value: bool = True) -> Q[Root]: ...
        def iexact(self: TypedExpression[str, M] | TypedExpression[str | None, M], text: str) -> Q[M]: ...
        def contains(self: TypedExpression[str, M] | TypedExpression[str | None, M], text: str) -> Q[M]: ...
        def icontains(self: TypedExpression[str, M] | TypedExpression[str | None, M], text: str) -> Q[M]: ...
        def startswith(self: TypedExpression[str, M] | TypedExpression[str | None, M], text: str) -> Q[M]: ...
        def istartswith(self: TypedExpression[str, M] | TypedExpression[str | None, M], text: str) -> Q[M]: ...
        def endswith(self: TypedExpression[str, M] | TypedExpression[str | None, M], text: str) -> Q[M]: ...
        def iendswith(self: TypedExpression[str, M] | TypedExpression[str | None, M], text: str) -> Q[M]: ...
        def regex(self: TypedExpression[str, M] | TypedExpression[str | None, M], pattern: str) -> Q[M]: ...
        def iregex(self: TypedExpression[str, M] | TypedExpression[str | None, M], pattern: str) -> Q[M]: ...
        def asc(self, *, nulls_first: bool | None = None, nulls_last: bool | None = None) -> OrderBy: ...
        def desc(self, *, nulls_first: bool | None = None, nulls_last: bool | None = None) -> OrderBy: ...
        def set(self, value: T | TypedValue[T | None]) -> tuple[str, Any]: ...
        def coalesce(self, *defaults: object) -> RuntimeExpression: ...
        def apply(self, function: object, *extra: object) -> Any: ...
        def __hash__(self) -> int: ...

        # arithmetic keeps the type of the column; dates and durations mix, so theirs is left open
        def __add__(self, other: object) -> TypedExpression[T, Root]: ...
        def __radd__(self, other: object) -> TypedExpression[T, Root]: ...
        def __sub__(self, other: object) -> TypedExpression[T, Root]: ...
        def __rsub__(self, other: object) -> TypedExpression[T, Root]: ...
        def __mul__(self, other: object) -> TypedExpression[T, Root]: ...
        def __rmul__(self, other: object) -> TypedExpression[T, Root]: ...
        def __truediv__(self, other: object) -> TypedExpression[Any, Root]: ...
        def __rtruediv__(self, other: object) -> TypedExpression[Any, Root]: ...
        def __mod__(self, other: object) -> TypedExpression[T, Root]: ...
        def __pow__(self, other: object) -> TypedExpression[T, Root]: ...
        def __neg__(self) -> TypedExpression[T, Root]: ...

    class FieldRef(TypedExpression[T, Root]):
        """``Author.age`` as type checkers see it."""

        lookup_path: str
        field: Any

        def __init__(self, path: str, field: Any = None) -> None: ...

    class RelationRef(Generic[N, Root]):
        """``Book.author`` as type checkers see it: a step to another model."""

        lookup_path: str
        field: Any

        def __init__(self, path: str, field: Any = None) -> None: ...
        def __getitem__(self, step: TypedExpression[T, N]) -> TypedExpression[T, Root]: ...
        def __eq__(self, other: N | TypedValue | None) -> Q[Root]: ...  # type: ignore # ty: ignore
        def __ne__(self, other: N | TypedValue | None) -> Q[Root]: ...  # type: ignore # ty: ignore
        def __hash__(self) -> int: ...
        def in_(self, values: object) -> Q[Root]: ...
        def is_in(self, values: object) -> Q[Root]: ...
        def isnull(self, value: bool = True) -> Q[Root]: ...
        def asc(self, *, nulls_first: bool | None = None, nulls_last: bool | None = None) -> OrderBy: ...
        def desc(self, *, nulls_first: bool | None = None, nulls_last: bool | None = None) -> OrderBy: ...
        def set(self, value: N | Any) -> tuple[str, Any]: ...

else:

    class FieldRef(PathOperators):
        """A column reached from a root model.

        :param path: the names to follow, joined by ``__`` (``"author__age"``).
        :param field: the field at the end, where it is known.
        """

        def __init__(self, path: str, field: FieldLike = None) -> None:
            self.lookup_path = path
            self.field = field

        def __class_getitem__(cls, item: object) -> Any:
            return cls

        def __repr__(self) -> str:
            return f"<{type(self).__name__} {self.lookup_path}>"

        def __getitem__(self, step: object) -> FieldRef:
            return follow(self.lookup_path, step)

    RelationRef = FieldRef
    TypedExpression = FieldRef
    TypedValue = FieldRef

    class Computed:
        """A computed value; its type parameter is for type checkers."""

        def __class_getitem__(cls, item: object) -> Any:
            return cls


def follow(path: str, step: Any) -> Any:
    """The path one step further: ``Book.author[Author.age]``.

    :raises TypeError: when ``step`` is not a field or path of the related model.
    """
    if isinstance(step, PathOperators):
        return FieldRef(f"{path}__{step.lookup_path}", getattr(step, "field", None))
    if isinstance(step, str):
        return FieldRef(f"{path}__{step}")
    raise TypeError(
        f"{path}[...] takes a field of the related model, such as {path}[Author.age], not {type(step).__name__}."
    )
