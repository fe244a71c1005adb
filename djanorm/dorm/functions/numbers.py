"""Functions of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dorm.expressions.base import Built
from dorm.functions.base import Func

if TYPE_CHECKING:
    from dorm.dialects.elements import Element
    from dorm.expressions.contract import FieldAlgebra, FieldLike, Scope


class _Computed(Func):
    def derived_field(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> FieldLike:
        # functions of numbers may return another kind of number than the column holds
        return types.computed_number(fields[0])


class _Number(_Computed):
    arity = 1
    strict = True

    def element(self, scope: Scope, arguments: list[Built]) -> Element:
        return scope.hooks.number_function(self.function, [a.sql for a in arguments])


class _Float(_Number):
    def derived_field(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> FieldLike:
        return types.field_named("DecimalField" if any(map(types.is_decimal, fields)) else "FloatField")


class Abs(_Number):
    """The absolute value."""

    lookup_name = "abs"
    function = "abs"


class Sign(_Number):
    """-1, 0 or 1, as a number of the argument's type."""

    lookup_name = "sign"
    function = "sign"


class Ceil(_Number):
    """The smallest whole number that is not less."""

    lookup_name = "ceil"
    function = "ceiling"


class Floor(_Number):
    """The largest whole number that is not greater."""

    lookup_name = "floor"
    function = "floor"


class Round(_Computed):
    """Rounded to ``precision`` digits after the point (0 when left out)."""

    def __init__(self, expression: object, precision: object = 0, *, output_field: object = None) -> None:
        super().__init__(expression, precision, output_field=output_field)

    def element(self, scope: Scope, arguments: list[Built]) -> Element:
        return scope.hooks.round(arguments[0].sql, scope.as_integer(arguments[1]), arguments[0].field)


class Sqrt(_Float):
    """The square root."""

    lookup_name = "sqrt"
    function = "sqrt"


class Exp(_Float):
    """e to the power of the argument."""

    lookup_name = "exp"
    function = "exp"


class Ln(_Float):
    """The natural logarithm."""

    lookup_name = "ln"
    function = "ln"


class Sin(_Float):
    """The sine of an angle in radians."""

    lookup_name = "sin"
    function = "sin"


class Cos(_Float):
    """The cosine of an angle in radians."""

    lookup_name = "cos"
    function = "cos"


class Tan(_Float):
    """The tangent of an angle in radians."""

    lookup_name = "tan"
    function = "tan"


class Cot(_Float):
    """The cotangent of an angle in radians."""

    lookup_name = "cot"
    function = "cot"


class ASin(_Float):
    """The arc sine, in radians."""

    lookup_name = "asin"
    function = "asin"


class ACos(_Float):
    """The arc cosine, in radians."""

    lookup_name = "acos"
    function = "acos"


class ATan(_Float):
    """The arc tangent, in radians."""

    lookup_name = "atan"
    function = "atan"


class Degrees(_Float):
    """Radians as degrees."""

    lookup_name = "degrees"
    function = "degrees"


class Radians(_Float):
    """Degrees as radians."""

    lookup_name = "radians"
    function = "radians"


class Power(_Float):
    """The first argument to the power of the second."""

    function = "power"
    arity = 2


class ATan2(_Float):
    """The arc tangent of y / x, in radians."""

    function = "atan2"
    arity = 2


class Log(_Float):
    """The logarithm of the second argument to the base of the first."""

    function = "log"
    arity = 2


class Mod(_Float):
    """The remainder of a division."""

    function = "mod"
    arity = 2


class Pi(Func):
    """π."""

    function = "pi"
    arity = 0
    result = "FloatField"


class Random(Func):
    """A number in [0, 1), another one for each row."""

    function = "random"
    arity = 0
    result = "FloatField"

    def element(self, scope: Scope, arguments: list[Built]) -> Element:
        return scope.hooks.number_function("random", [])
