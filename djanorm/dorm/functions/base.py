"""``Func``: a call of a database function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa

from dorm.exceptions import InvalidArgument
from dorm.expressions.base import Built, Expression, as_argument
from dorm.expressions.type_names import stated_field
from dorm.utils.patterns import lazy_pattern

if TYPE_CHECKING:
    from dorm.dialects.elements import Element
    from dorm.expressions.contract import FieldAlgebra, FieldLike, Scope

# SQLAlchemy takes no name that begins with two underscores.
NAME = lazy_pattern(r"(?!__)\w+(?:\.(?!__)\w+)*")


class Func(Expression):
    """A function of the database (as in Django 5.2). Subclass it with ``function = "NAME"``.

    :cvar function: the name of the function; only letters, digits, dots and underscores.
    :cvar arity: how many arguments it takes; None for any number.
    :cvar template: how the call is written where ``function(arguments)`` is not enough, as
        ``"%(function)s(%(expressions)s)"`` with ``%%`` for a percent sign; verbatim SQL, never made from user input.
    :cvar arg_joiner: what stands between the arguments in a template.
    :param arguments: field names as ``str``, expressions, or plain values other than text.
    :param output_field: the field of the results; taken from the first argument when neither this nor ``result`` is
        set.
    :raises TypeError: for a wrong number of arguments.
    """

    anatomy: ClassVar[tuple[str, ...]] = ("source_expressions", "function", "template", "arg_joiner")
    function: Any = None
    template: str | None = None
    arg_joiner: str = ", "
    arity: ClassVar[int | None] = None
    result: ClassVar[str | None] = None  # name of the field class of the results
    strict = False

    def __init__(
        self,
        *arguments: object,
        output_field: object = None,
        function: str | None = None,
        template: str | None = None,
        arg_joiner: str | None = None,
    ) -> None:
        if self.arity is not None and len(arguments) != self.arity:
            raise TypeError(
                f"'{type(self).__name__}' takes exactly {self.arity} argument{'' if self.arity == 1 else 's'} "
                f"({len(arguments)} given)"
            )
        for given in (function, template, arg_joiner):
            if given is not None and not isinstance(given, str):
                raise TypeError(
                    f"{type(self).__name__}: function, template and arg_joiner are text, not {type(given).__name__}."
                )
        if function is not None:
            self.function = function
        if template is not None:
            self.template = template
        if arg_joiner is not None:
            self.arg_joiner = arg_joiner
        if self.function is not None and not NAME.fullmatch(self.function):
            raise InvalidArgument(f"{self.function[:60]!r} is not the name of a database function.")
        self.source_expressions = tuple(as_argument(argument) for argument in arguments)
        self.output_field = stated_field(output_field)
        self._refresh_flags()

    def build(self, scope: Scope) -> Built:
        with scope.lenient():
            arguments = self.built_arguments(scope)
            field = self.field_of(scope, [argument.field for argument in arguments])
            element = self.element(scope, arguments)
            if field is not None:
                element = sa.type_coerce(element, field.sql_type())
        return Built(element, field)

    def built_arguments(self, scope: Scope) -> list[Built]:
        """The arguments; with a stated type for the results, arithmetic in them need not have one."""
        if self.output_field is None:
            return [argument.build(scope) for argument in self.source_expressions]
        return [argument.build_unchecked(scope) for argument in self.source_expressions]

    def operands(self) -> Sequence[Expression]:
        return self.source_expressions

    def derived_field(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> FieldLike:
        return types.field_named(self.result) if self.result is not None else super().derived_field(types, fields)

    def element(self, scope: Any, arguments: list[Built]) -> Any:
        """The SQLAlchemy element of the call."""
        if self.template is not None:
            return self._from_template(scope, arguments)
        return getattr(sa.func, self.function or type(self).__name__)(*(a.sql for a in arguments))

    def _from_template(self, scope: Scope, arguments: list[Built]) -> Element | None:
        assert self.template is not None
        joined: list[object] = [arguments[0].sql] if arguments else []
        for argument in arguments[1:]:
            joined += [self.arg_joiner, argument.sql]
        pieces: list[object] = []
        for number, part in enumerate(self.template.split("%(expressions)s")):
            pieces += joined if number else []
            pieces.append(part % {"function": self.function or ""})
        return scope.verbatim(pieces, None)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.source_expressions))})"
