"""What every expression can do: combine, resolve its names, state its cache key, and build itself for the compiler.

An expression is an immutable description. Its life has three steps:

``resolve(names)``
    at the user's line: every name is looked up, so an unknown one raises there. Returns a resolved copy.
``cache_key(values)``
    on each run: the structure as a hashable key; the values it holds are appended to ``values``, in a fixed order. An
    expression that cannot say raises :class:`Uncacheable` and its query is not cached.
``build(scope)``
    once per plan: the SQLAlchemy element and the field that converts its results.

A class names its parts in ``anatomy``; copying, comparing, hashing, resolving and shaping all derive from that one
list.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Hashable, Iterator, Sequence
from decimal import Decimal
from operator import is_not
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self
from uuid import UUID

from dorm.exceptions import FieldError
from dorm.expressions.conditions import Q
from dorm.utils.bounds import too_deep, too_large

if TYPE_CHECKING:
    from dorm.dialects.elements import Element
    from dorm.expressions.contract import FieldAlgebra, FieldLike, Names, Scope, Slots
    from dorm.expressions.ordering import OrderBy


_FLAGS = ("output_field", "contains_aggregate", "contains_window", "contains_outer")


class Uncacheable(Exception):
    """Raised by an expression whose structure cannot be a cache key."""


class Built(NamedTuple):
    """What building an expression gives.

    :ivar sql: the SQL element.
    :ivar field: the field that converts its results, if one is known.
    :ivar text: how it reads as text, where a cast would not do (values inside documents).
    """

    sql: Element
    field: Any
    text: Any = None


def field_key(field: Any) -> Hashable:
    """A key for an output field: the field itself when it belongs to a model, else its class and options.

    :raises Uncacheable: when an option cannot be part of a key.
    """
    if field is None:
        return None
    if getattr(field, "model", None) is not None:
        return field
    try:
        _, path, args, kwargs = field.deconstruct()
        key = (path, tuple(args), tuple(sorted(kwargs.items())))
        hash(key)
    except TypeError as problem:
        raise Uncacheable from problem
    return key


class Expression:
    """Base of all expressions (Django 5.2's ``Expression`` protocol).

    :ivar output_field: the field that says what type the result has, or None to derive it from the parts.
    """

    anatomy: ClassVar[tuple[str, ...]] = ()
    contains_aggregate: bool = False
    contains_window: bool = False
    contains_outer: bool = False
    # may be NULL even when no operand is: such an expression never turns a join into an inner one
    strict: ClassVar[bool] = False
    output_field: Any = None
    _stated: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        cls._stated = frozenset((*cls.anatomy, *_FLAGS))

    @property
    def conditional(self) -> bool:
        """Whether it may be used as a condition: its results are boolean."""
        try:
            return make.types.is_boolean(self.result_field())
        except FieldError:
            # operands of several types: the compiler reports that
            return False

    # -- structure -------------------------------------------------------------------------------------------------

    def children(self) -> Iterator[Expression]:
        """The expressions directly inside this one."""
        for name in self.anatomy:
            value = getattr(self, name)
            if isinstance(value, Expression):
                yield value
            elif isinstance(value, tuple):
                for item in value:
                    if isinstance(item, Expression):
                        yield item

    def flatten(self) -> Iterator[Expression]:
        """This expression and every one below it."""
        yield self
        for child in self.children():
            yield from child.flatten()

    def rebuilt(self, change: Callable[[Any], Any]) -> Self:
        """A copy with ``change`` applied to each part that is an expression; ``self`` when none changed."""
        changed: dict[str, object] = {}
        for name in self.anatomy:
            value = getattr(self, name)
            if isinstance(value, Expression):
                made = change(value)
                if made is not value:
                    changed[name] = made
            elif isinstance(value, tuple):
                items = tuple([change(item) if isinstance(item, Expression) else item for item in value])
                if any(map(is_not, items, value)):
                    changed[name] = items
        if not changed:
            return self
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.__dict__.update(changed)
        copy._refresh_flags()
        return copy

    def _refresh_flags(self) -> None:
        aggregate = window = outer = False
        for child in self.children():
            aggregate |= child.contains_aggregate
            window |= child.contains_window
            outer |= child.contains_outer
        data = self.__dict__
        if aggregate and not type(self).contains_aggregate:
            data["contains_aggregate"] = True
        if window and not type(self).contains_window:
            data["contains_window"] = True
        if outer and not type(self).contains_outer:
            data["contains_outer"] = True

    # -- the three steps -------------------------------------------------------------------------------------------

    def resolve(self, names: Names) -> Expression:
        """A copy with every name resolved against ``names`` (the compiler's resolver).

        :raises FieldDoesNotExist: for a name that the model does not have.
        """
        names.parts -= 1
        if names.parts < 0:
            raise too_large()
        try:
            return self.rebuilt(lambda child: child.resolve(names))
        except RecursionError as problem:
            raise too_deep() from problem

    def cache_key(self, values: list[object]) -> Hashable:
        """The structure as a hashable key; values are appended to ``values``.

        :raises Uncacheable: when the object carries state that its ``anatomy`` does not name.
        """
        if not self.__dict__.keys() <= self._stated:
            raise Uncacheable(f"{type(self).__name__} has attributes outside its anatomy")
        parts: list[object] = [type(self), field_key(self.output_field)]
        for name in self.anatomy:
            value = getattr(self, name)
            if isinstance(value, Expression):
                parts.append(value.cache_key(values))
            elif isinstance(value, tuple):
                parts.append(tuple([i.cache_key(values) if isinstance(i, Expression) else _plain(i) for i in value]))
            else:
                parts.append(_plain(value))
        return tuple(parts)

    def parameterized(self, slots: Slots) -> Expression:
        """A copy in which every value is a numbered slot, in the order in which :meth:`cache_key` appends them."""
        return self.rebuilt(lambda child: child.parameterized(slots))

    def build(self, scope: Scope) -> Built:
        """The SQLAlchemy element for this expression, and the field of its results."""
        raise NotImplementedError(f"{type(self).__name__} cannot be compiled.")

    def build_unchecked(self, scope: Scope) -> Built:
        """Like :meth:`build`, inside an expression with a stated type: its operands may have different types."""
        return self.build(scope)

    def operands(self) -> Sequence[Expression]:
        """The parts whose fields decide the field of the results."""
        return tuple(self.children())

    def result_field(self) -> Any:
        """The field of the results if it is known without compiling a query, else None. Used to convert what the
        expression is compared with.

        :raises FieldError: when the types of the operands do not go together.
        """
        if self.output_field is not None:
            return self.output_field
        return self.field_of(make.types, [operand.result_field() for operand in self.operands()])

    def field_of(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> FieldLike:
        """The field of the results: ``output_field``, or what the fields of the operands give.

        :meth:`build` and :meth:`result_field` both ask this, so that what is compared with the results is converted as
        the results are.

        :param types: the algebra of fields (a scope is one).
        :param fields: the fields of :meth:`operands`, None where one is not known.
        :raises FieldError: when the types of the operands do not go together.
        """
        return self.derived_field(types, fields) if self.output_field is None else self.output_field

    def derived_field(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> Any:
        """The field of the results when none is stated: that of the first operand, unless a subclass overrides this."""
        return next((field for field in fields if field is not None), None)

    def assigned(self, field: FieldLike) -> Expression:
        """This expression as the new value of ``field`` in a write: a moment as the kind of moment that is kept there."""
        if not make.types.is_moment(field):
            return self
        wanted = make.types.moment_kept(self.result_field(), field)
        return self if wanted is None else make.cast(self, wanted)

    # -- identity --------------------------------------------------------------------------------------------------

    @property
    def identity(self) -> tuple[object, ...]:
        """The parts by which two expressions are compared."""
        field = _field_identity(self.output_field)
        return (type(self), field, *(_identity(getattr(self, name)) for name in self.anatomy))

    def __eq__(self, other: object) -> Any:
        if isinstance(other, Expression):
            same = self.identity == other.identity
            made = Q._build((Comparison(self, "exact", other),), Q.AND, False)
            made._identity = same
            return made
        return Q(Comparison(self, "exact", other))

    def __ne__(self, other: object) -> Any:
        if isinstance(other, Expression):
            same = self.identity == other.identity
            made = Q._build((Comparison(self, "exact", other),), Q.AND, True)
            made._identity = not same
            return made
        return ~Q(Comparison(self, "exact", other))

    def __hash__(self) -> int:
        return hash((type(self), *(str(_identity(getattr(self, name))) for name in self.anatomy)))

    def __repr__(self) -> str:
        values = (getattr(self, name) for name in self.anatomy)
        parts = ", ".join(_text(value) for value in values if not _is_blank(value))
        return f"{type(self).__name__}({parts})"

    def __bool__(self) -> bool:
        # `F("a") and F("b")` would silently be F("b")
        what = "a condition for the database" if self.conditional else "computed by the database"
        raise TypeError(
            f"{type(self).__name__} is {what} and has no truth value in Python. Combine conditions with &, | and ~; test "
            "for a missing expression with `is None`."
        )

    # -- combining -------------------------------------------------------------------------------------------------

    def _combined(self, operator: str, other: object, reverse: bool = False) -> Expression:
        return make.combined(operator, as_operand(other) if reverse else self, self if reverse else as_operand(other))

    def __add__(self, other: object) -> Any:
        return self._combined("+", other)

    def __radd__(self, other: object) -> Any:
        return self._combined("+", other, True)

    def __sub__(self, other: object) -> Any:
        return self._combined("-", other)

    def __rsub__(self, other: int) -> Any:
        return self._combined("-", other, True)

    def __mul__(self, other: int) -> Any:
        return self._combined("*", other)

    def __rmul__(self, other: object) -> Any:
        return self._combined("*", other, True)

    def __truediv__(self, other: object) -> Any:
        return self._combined("/", other)

    def __rtruediv__(self, other: object) -> Any:
        return self._combined("/", other, True)

    def __mod__(self, other: object) -> Any:
        return self._combined("%", other)

    def __rmod__(self, other: object) -> Any:
        return self._combined("%", other, True)

    def __pow__(self, other: object) -> Any:
        return self._combined("^", other)

    def __rpow__(self, other: object) -> Any:
        return self._combined("^", other, True)

    def __neg__(self) -> Any:
        return self._combined("*", -1)

    def bitand(self, other: object) -> Any:
        return self._combined("&", other)

    def bitor(self, other: object) -> Any:
        return self._combined("|", other)

    def bitxor(self, other: object) -> Any:
        return self._combined("#", other)

    def bitleftshift(self, other: object) -> Any:
        return self._combined("<<", other)

    def bitrightshift(self, other: object) -> Any:
        return self._combined(">>", other)

    def __and__(self, other: Any) -> Any:
        self._need_condition("&")
        return Q(self) & other

    def __or__(self, other: Any) -> Any:
        self._need_condition("|")
        return Q(self) | other

    def __xor__(self, other: Any) -> Any:
        self._need_condition("^")
        return Q(self) ^ other

    def __rand__(self, other: object) -> Any:
        return Q(other) & Q(self)

    def __ror__(self, other: object) -> Any:
        return Q(other) | Q(self)

    def __invert__(self) -> Any:
        return ~Q(self) if self.conditional else make.negation(self)

    def _need_condition(self, operator: str) -> None:
        if not self.conditional:
            raise NotImplementedError(
                f"{operator} combines conditions, and {self!r} is none. For arithmetic on bits use .bitand(), .bitor(), "
                ".bitxor()."
            )

    # -- comparing -------------------------------------------------------------------------------------------------

    def __lt__(self, other: object) -> Q:
        return Q(Comparison(self, "lt", other))

    def __le__(self, other: object) -> Q:
        return Q(Comparison(self, "lte", other))

    def __gt__(self, other: object) -> Q:
        return Q(Comparison(self, "gt", other))

    def __ge__(self, other: int) -> Q:
        return Q(Comparison(self, "gte", other))

    def between(self, low: object, high: object) -> Q:
        """Whether the value lies in the inclusive range."""
        return Q(Comparison(self, "range", (low, high)))

    def isnull(self, value: bool = True) -> Q:
        return Q(Comparison(self, "isnull", value))

    def coalesce(self, *defaults: object) -> Expression:
        """The first of this and ``defaults`` that is not NULL.

        :raises ValueError: without a default.
        """
        if not defaults:
            raise ValueError("coalesce() needs at least one default.")
        return make.coalesce(self, *(as_operand(d) for d in defaults))

    def apply(self, function: Any, *extra: Any, **options: object) -> Any:
        """``function(self, *extra)``, so that chains read from left to right."""
        return function(self, *extra, **options)

    def asc(self, *, nulls_first: bool | None = None, nulls_last: bool | None = None) -> OrderBy:
        return make.ordering(self, False, nulls_first, nulls_last)

    def desc(self, *, nulls_first: bool | None = None, nulls_last: bool | None = None) -> OrderBy:
        return make.ordering(self, True, nulls_first, nulls_last)


class Comparison(Expression):
    """``left`` compared with ``right`` by a named lookup: ``Upper("name") == "X"`` inside a ``Q``.

    :param left: any expression.
    :param lookup: the lookup's name, transforms before it allowed (``"year__gte"``).
    :param right: a value or an expression.
    """

    anatomy = ("left", "lookup")

    def __init__(self, left: Expression, lookup: str, right: object) -> None:
        self.left = left
        self.lookup = lookup
        self.right = right
        self._refresh_flags()

    def resolve(self, names: Names) -> Expression:
        return names.comparison(self.left.resolve(names), self.lookup, self.right)

    def operands(self) -> Sequence[Expression]:
        return ()

    def derived_field(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> FieldLike:
        return types.field_named("BooleanField")

    @property
    def identity(self) -> tuple[object, ...]:
        return (*super().identity, _identity(self.right))

    def __repr__(self) -> str:
        return f"{self.left!r}__{self.lookup}={self.right!r}"


class _Makers:
    """Constructors of the expressions that are defined in modules above this one, each of which registers its own."""

    combined: Callable[[str, Expression, Expression], Expression]
    coalesce: Callable[..., Expression]
    ordering: Callable[..., Any]
    value: Callable[[Any], Expression]
    prepared: Callable[[Any, Any], Expression]
    cast: Callable[[Expression, Any], Expression]
    reference: Callable[[str], Expression]
    condition: Callable[[Q], Expression]
    negation: Callable[[Expression], Expression]
    subquery: Callable[[Any], Expression]
    # the algebra of fields, which knows the classes of fields
    types: Any


make = _Makers()


_VALUES = frozenset(
    (str, int, float, bool, bytes, type(None), Decimal, UUID)
    + (datetime.date, datetime.datetime, datetime.time, datetime.timedelta)
)


def are_values(items: Any) -> bool:
    """Whether all items are of plain value types; False where one has to be inspected."""
    return _VALUES.issuperset(map(type, items))


def is_operand(value: object) -> bool:
    """Whether ``value`` is an expression that the database computes, rather than a plain value."""
    return isinstance(value, Expression | Q) or hasattr(value, "as_expression") or hasattr(value, "get_queryset")


def as_operand(value: object) -> Expression:
    """``value`` as an expression; a plain value becomes a bound one."""
    if isinstance(value, Expression):
        return value
    convert = getattr(value, "as_expression", None)
    if convert is not None:
        return convert()
    if isinstance(value, Q):
        return make.condition(value)
    if hasattr(value, "get_queryset") and not isinstance(value, type):
        return make.subquery(value)
    return make.value(value)


def as_argument(value: object) -> Expression:
    """``value`` as an argument of a function: a bare ``str`` names a field, as in Django."""
    return make.reference(value) if isinstance(value, str) else as_operand(value)


PLAIN_TYPES = (str, int, float, bool, bytes, Decimal, datetime.date, datetime.time, datetime.timedelta, type(None))


def _plain(value: object) -> Hashable:
    try:
        hash(value)
    except TypeError as problem:
        raise Uncacheable from problem
    return (type(value), value) if isinstance(value, bool | int | float) else value


def _identity(value: object) -> Any:
    if isinstance(value, Expression):
        return value.identity
    if isinstance(value, tuple):
        return tuple(_identity(item) for item in value)
    return value


def _field_identity(field: FieldLike) -> Any:
    try:
        return field_key(field)
    except Uncacheable:
        return repr(field)


def _is_blank(value: object) -> bool:
    return value is None or value is False or (isinstance(value, tuple) and not value)


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(_text(item) for item in value)
    return repr(value)


def require_condition(value: Q, what: str) -> None:
    """Refuse ``value`` where only a condition may stand.

    :raises TypeError: naming ``what`` and the value.
    """
    if not (isinstance(value, Q) or getattr(value, "conditional", False)):
        raise TypeError(f"{what} must be a condition: a Q object or a boolean expression, not {value!r}.")
