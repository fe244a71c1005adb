"""Aggregates."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa

from dorm.exceptions import FieldError
from dorm.expressions.base import Built, Expression, as_operand, require_condition
from dorm.expressions.paths import Computed
from dorm.expressions.references import AnnotationRef, F
from dorm.fields.json import JSONField
from dorm.functions.base import Func

if TYPE_CHECKING:
    from dorm.dialects.elements import Element
    from dorm.expressions.contract import FieldAlgebra, FieldLike, Names, Scope, Slots


class Star(Expression):
    """The ``*`` of ``Count("*")``."""

    def resolve(self, names: Names) -> Expression:
        return self

    def parameterized(self, slots: Slots) -> Expression:
        return self

    def cache_key(self, values: list[object]) -> Hashable:
        return "*"

    def build(self, scope: Scope) -> Built:
        return Built(sa.literal_column("*"), None)

    def __repr__(self) -> str:
        return "'*'"


class Aggregate(Func):
    """One value for a group of rows (Django 5.2).

    :param expression: a field, a path over any relation, ``"pk"`` or an expression.
    :param distinct: count or sum each different value once.
    :param filter: a condition; only rows for which it holds are aggregated.
    :param default: the result when there is no row (NULL when left out).
    :raises TypeError: for a wrong number of arguments, or a filter that is not a condition.
    """

    anatomy: ClassVar[tuple[str, ...]] = ("source_expressions", "filter", "default", "distinct")
    contains_aggregate = True
    allow_distinct: ClassVar[bool] = True
    name: ClassVar[str | None] = None
    # more rows of the same value change the result
    counts_rows: ClassVar[bool] = True
    # the values are added or compared, which documents cannot be
    computes: ClassVar[bool] = False
    arity: ClassVar[int | None] = 1

    def __init__(
        self,
        *expressions: object,
        distinct: bool = False,
        filter: Any = None,
        default: object = None,
        output_field: object = None,
    ) -> None:
        if distinct and not self.allow_distinct:
            raise TypeError(f"{type(self).__name__} does not allow distinct.")
        if default is not None and self.name == "count":
            raise TypeError(f"{type(self).__name__} does not allow default.")
        if filter is not None:
            require_condition(filter, f"The filter of {type(self).__name__}")
            filter = as_operand(filter)
        self.filter = filter
        self.distinct = distinct
        self.default = None if default is None else as_operand(default)
        super().__init__(*expressions, output_field=output_field)

    @property
    def default_alias(self) -> str:
        """The name of a positional aggregate: ``<field>__<function>``.

        :raises AttributeError: for an expression that has no single name.
        """
        first = self.source_expressions[0]
        if len(self.source_expressions) == 1 and isinstance(first, F):
            return f"{first.name}__{(self.name or type(self).__name__).lower()}"
        raise AttributeError(f"{self!r} has no default name.")

    def resolve(self, names: Any) -> Expression:
        made: Any = super().resolve(names)
        for part in made.source_expressions:
            for node in part.flatten():
                again = isinstance(node, AnnotationRef) and node.name in names.aggregatable
                if node.contains_aggregate and not again and (isinstance(node, Aggregate | AnnotationRef)):
                    what = node.name if isinstance(node, AnnotationRef) else repr(node)
                    raise FieldError(f"Cannot compute {self!r}: '{what}' is an aggregate")
        if self.computes and isinstance(made.source_expressions[0].result_field(), JSONField):
            raise FieldError(
                f"Cannot compute {self!r}: JSON values have no common type. Say which one is meant, such as "
                f"{type(self).__name__}(Cast({self.source_expressions[0]!r}, IntegerField()))."
            )
        return made

    def field_of(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> FieldLike:
        field = super().field_of(types, fields)
        default = self.default
        if self.output_field is None and default is not None and not types.is_bare_value(default):
            # a computed default brings its own number of digits
            return types.field_named("DecimalField") if types.is_decimal(field) else field
        return field

    def build(self, scope: Any) -> Built:
        separate: Built | None = scope.separate_aggregate(self)
        return self.build_here(scope) if separate is None else separate

    def build_here(self, scope: Scope) -> Built:
        """The aggregate over the rows of ``scope`` itself."""
        with scope.lenient():
            arguments = self.built_arguments(scope)
            field = self.field_of(scope, [argument.field for argument in arguments])
            element = self.element(scope, arguments)
            if self.filter is not None:
                element = element.filter(scope.truth(self.filter))
            element = self.finished(scope, element, arguments)
            if self.default is not None:
                default = self.default.build(scope)
                fallback = scope.typed(self.default, default, field)
                if scope.is_decimal(field) and not scope.is_bare_value(self.default):
                    fallback = default.sql if scope.is_decimal(default.field) else sa.cast(default.sql, sa.Numeric())
                element = sa.func.coalesce(element, fallback)
            if field is not None:
                element = sa.type_coerce(element, field.sql_type())
        return Built(element, field)

    def element(self, scope: Scope, arguments: list[Built]) -> Element:
        elements = [argument.sql for argument in arguments]
        if self.distinct:
            elements[0] = elements[0].distinct()
        return getattr(sa.func, self.function)(*elements)

    def finished(self, scope: Scope, element: Element, arguments: list[Built]) -> Element:
        """What wraps the call, after its FILTER clause."""
        return element


class Count(Aggregate, Computed[int]):
    """The number of rows, or of values that are not NULL; 0 when there is none."""

    function = "count"
    name = "count"
    result = "IntegerField"

    def __init__(
        self, expression: object = "*", *, distinct: bool = False, filter: object = None, **options: object
    ) -> None:
        if isinstance(expression, str) and expression == "*":
            if filter is not None:
                raise ValueError(
                    "Star cannot be used with filter. Please specify a field, such as Count('pk', filter=…)."
                )
            expression = Star()
        super().__init__(expression, distinct=distinct, filter=filter, **options)


class Sum(Aggregate):
    """The sum; None when there is no row."""

    function = "sum"
    name = "sum"
    computes = True

    def derived_field(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> FieldLike:
        return types.sum_field(super().derived_field(types, fields))


class Avg(Aggregate):
    """The mean: a float for integers, a Decimal for decimals; None when there is no row."""

    function = "avg"
    name = "avg"
    computes = True

    def derived_field(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> FieldLike:
        return types.average_field(fields[0])

    def element(self, scope: Scope, arguments: list[Built]) -> Element:
        element = arguments[0].sql
        return sa.func.avg(element.distinct() if self.distinct else element)

    def finished(self, scope: Scope, element: Element, arguments: list[Built]) -> Element:
        return scope.averaged(element, self.field_of(scope, [argument.field for argument in arguments]))


class Max(Aggregate):
    """The largest value; None when there is no row."""

    function = "max"
    name = "max"
    computes = True
    counts_rows = False


class Min(Aggregate):
    """The smallest value; None when there is no row."""

    function = "min"
    name = "min"
    computes = True
    counts_rows = False


class _Spread(Aggregate):
    allow_distinct = False
    computes = True
    statistic: ClassVar[str]

    def __init__(self, expression: Any, sample: bool = False, **options: Any) -> None:
        self.sample = sample
        super().__init__(expression, **options)

    anatomy = (*Aggregate.anatomy, "sample")

    def derived_field(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> FieldLike:
        return types.average_field(fields[0])

    def element(self, scope: Scope, arguments: list[Built]) -> Element:
        return scope.hooks.spread(f"{self.statistic}_{'samp' if self.sample else 'pop'}", arguments[0].sql)

    def finished(self, scope: Scope, element: Element, arguments: list[Built]) -> Element:
        return scope.averaged(element, self.field_of(scope, [argument.field for argument in arguments]))


class StdDev(_Spread):
    """The standard deviation of the population, or of a sample with ``sample=True``."""

    name = "stddev"
    statistic = "stddev"


class Variance(_Spread):
    """The variance of the population, or of a sample with ``sample=True``."""

    name = "variance"
    statistic = "var"
