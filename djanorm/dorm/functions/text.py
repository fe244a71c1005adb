"""Functions of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dorm.expressions.base import Built, as_argument
from dorm.expressions.values import Value
from dorm.functions.base import Func

if TYPE_CHECKING:
    from dorm.dialects.elements import Element
    from dorm.expressions.base import Expression
    from dorm.expressions.contract import FieldAlgebra, FieldLike, Scope


class _OfText(Func):
    """A function whose first argument and results are text, unless ``result`` says otherwise."""

    def derived_field(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> FieldLike:
        return types.text_field(fields[0]) if self.result is None else types.field_named(self.result)


class _Text(_OfText):
    arity = 1

    def element(self, scope: Scope, arguments: list[Built]) -> Element:
        return scope.hooks.text_function(self.function, [scope.as_text(a) for a in arguments])


class Upper(_Text):
    """``UPPER``, with Unicode on every database."""

    lookup_name = "upper"
    function = "upper"


class Lower(_Text):
    """``LOWER``, with Unicode on every database."""

    lookup_name = "lower"
    function = "lower"


class Trim(_Text):
    """The text without blanks at both ends."""

    lookup_name = "trim"
    function = "trim"


class LTrim(_Text):
    """The text without blanks at the start."""

    lookup_name = "ltrim"
    function = "ltrim"


class RTrim(_Text):
    """The text without blanks at the end."""

    lookup_name = "rtrim"
    function = "rtrim"


class Reverse(_Text):
    """The characters in opposite order."""

    lookup_name = "reverse"
    function = "reverse"


class MD5(_Text):
    """The MD5 digest as hexadecimal text."""

    lookup_name = "md5"
    function = "md5"


class Length(_Text):
    """The number of characters; NULL stays NULL."""

    lookup_name = "length"
    function = "length"
    result = "IntegerField"


class Ord(_Text):
    """The code point of the first character."""

    lookup_name = "ord"
    function = "ascii"
    result = "IntegerField"


class Chr(Func):
    """The character of a code point."""

    lookup_name = "chr"
    function = "chr"
    arity = 1
    result = "TextField"

    def element(self, scope: Scope, arguments: list[Built]) -> Element:
        return scope.hooks.text_function(self.function, [scope.as_integer(a) for a in arguments])


class Concat(_OfText):
    """Text joined together; NULL counts as empty, other types are cast to text.

    :raises ValueError: for fewer than two arguments.
    """

    def __init__(self, *arguments: object, output_field: object = None) -> None:
        if len(arguments) < 2:
            raise ValueError("Concat must take at least two expressions")
        super().__init__(*arguments, output_field=output_field)

    def element(self, scope: Scope, arguments: list[Built]) -> Any:
        parts = [sa.func.coalesce(scope.as_text(a), sa.literal_column("''")) for a in arguments]
        joined: Any = parts[0]
        for part in parts[1:]:
            joined = joined.op("||", return_type=sa.Text())(part)
        return joined.self_group()


class Substr(_OfText):
    """Part of a text.

    :param position: the first character, counted from 1.
    :param length: how many; the rest when None.
    :raises ValueError: for a position below 1.
    """

    def __init__(
        self, expression: object, position: object, length: object = None, *, output_field: object = None
    ) -> None:
        if isinstance(position, int) and position < 1:
            raise ValueError("'pos' must be greater than 0")
        arguments = (expression, position) if length is None else (expression, position, length)
        super().__init__(*arguments, output_field=output_field)

    def element(self, scope: Scope, arguments: list[Built]) -> Element:
        text, *numbers = arguments
        return sa.func.substr(scope.as_text(text), *(scope.as_integer(n) for n in numbers))


class Left(Substr):
    """The first ``length`` characters."""

    def __init__(self, expression: object, length: object, *, output_field: object = None) -> None:
        if isinstance(length, int) and length < 1:
            raise ValueError("'length' must be greater than 0")
        super().__init__(expression, 1, length, output_field=output_field)


class Right(_OfText):
    """The last ``length`` characters."""

    arity = 2

    def __init__(self, expression: object, length: object, *, output_field: object = None) -> None:
        if isinstance(length, int) and length < 1:
            raise ValueError("'length' must be greater than 0")
        super().__init__(expression, length, output_field=output_field)

    def element(self, scope: Scope, arguments: list[Built]) -> Element:
        return scope.hooks.text_function("right", [scope.as_text(arguments[0]), scope.as_integer(arguments[1])])


class Replace(_OfText):
    """``text`` with every occurrence of ``old`` replaced by ``new``; the latter two are bound text or expressions."""

    def __init__(self, expression: object, old: object, new: object = None, *, output_field: object = None) -> None:
        from_, to = _literal(old), _literal("" if new is None else new)
        super().__init__(expression, from_, to, output_field=output_field)

    def element(self, scope: Scope, arguments: list[Built]) -> Element:
        return sa.func.replace(*(scope.as_text(a) for a in arguments))


class StrIndex(Func):
    """The position of ``part`` in ``text``, counted from 1; 0 when absent."""

    result = "IntegerField"
    arity = 2

    def element(self, scope: Scope, arguments: list[Built]) -> Element:
        return scope.hooks.text_function("strpos", [scope.as_text(a) for a in arguments])


class Repeat(_OfText):
    """``text`` repeated ``number`` times."""

    arity = 2

    def element(self, scope: Scope, arguments: list[Built]) -> Element:
        return scope.hooks.text_function("repeat", [scope.as_text(arguments[0]), scope.as_integer(arguments[1])])


class _Pad(_OfText):
    def __init__(self, expression: object, length: object, fill: object = None, *, output_field: object = None) -> None:
        if isinstance(length, int) and length < 0:
            raise ValueError("'length' must be greater or equal to 0.")
        super().__init__(expression, length, _literal(" ") if fill is None else fill, output_field=output_field)

    def element(self, scope: Scope, arguments: list[Built]) -> Element:
        text, length, fill = arguments
        return scope.hooks.text_function(
            self.function, [scope.as_text(text), scope.as_integer(length), scope.as_text(fill)]
        )


class LPad(_Pad):
    """``text`` filled up on the left to ``length`` characters."""

    function = "lpad"


class RPad(_Pad):
    """``text`` filled up on the right to ``length`` characters."""

    function = "rpad"


def _literal(value: object) -> Expression:
    return Value(value) if isinstance(value, str) else as_argument(value)
