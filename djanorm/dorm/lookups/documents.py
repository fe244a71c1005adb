"""Lookups of JSON documents and arrays, and paths into documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa

from dorm.exceptions import UnsupportedFeature
from dorm.expressions.base import Built, Expression, as_operand, is_operand
from dorm.lookups import text
from dorm.lookups.base import NOTHING, NULL, Lookup, Right, require_iterable
from dorm.lookups.comparison import Exact, In, IsNull, NotEqual, Range

if TYPE_CHECKING:
    from dorm.dialects.elements import Element
    from dorm.expressions.contract import ComparingScope, FieldAlgebra, FieldLike, Scope


class KeyTransform(Expression):
    """One step into a document: ``data__address``; a step of digits also indexes an array."""

    anatomy = ("source", "key")
    strict = True
    lookups: ClassVar[dict[str, object]] = {}

    def __init__(self, source: Expression, key: str, output_field: object) -> None:
        self.source = source
        self.key = key
        self.output_field = output_field
        self._refresh_flags()

    def steps(self) -> tuple[Expression, tuple[str, ...]]:
        """The document's own expression and the keys from it to here."""
        if isinstance(self.source, KeyTransform):
            root, keys = self.source.steps()
            return root, (*keys, self.key)
        return self.source, (self.key,)

    def build(self, scope: Scope) -> Built:
        root, keys = self.steps()
        document = root.build(scope).sql
        form = scope.hooks.json_form(document, keys, "any")
        return Built(scope.hooks.json_value(document, keys), self.output_field, form)


def kind_of(value: object) -> str:
    """The kind as which a JSON value is compared inside a document."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "document"


def _sides(field: Any, items: Sequence[object]) -> Right:
    """Values and expressions, each with the kind by which it compares."""
    kinds: list[str] = []
    values: list[Any] = []
    expressions: list[Expression] = []
    for item in items:
        if is_operand(item):
            kinds.append("expression")
            expressions.append(as_operand(item))
        else:
            values.append(field.as_read(item))
            kinds.append(kind_of(values[-1]))
    return Right(("json", *kinds), tuple(values), tuple(expressions))


class DocumentExact(Exact):
    """A whole document equals a value; None is SQL NULL."""

    def read(self, field: FieldLike, value: object) -> Right:
        if value is None:
            return NULL
        if is_operand(value):
            return Right(("json", "expression"), (), (as_operand(value),))
        return Right("value", (value,))

    def build(self, scope: Any, left: Built, right: Any) -> Any:
        if right.variant == "null":
            return left.sql.is_(None)
        if right.variant != "value":
            return scope.json_compare("=", right.left, right)
        return scope.hooks.json_equal(left.sql, right.sql(left.field))


class KeyExact(Exact):
    """A value inside a document equals a value, kind included; None is JSON's null."""

    def read(self, field: FieldLike, value: object) -> Right:
        return NULL if value is None else _sides(field, (value,))

    def build(self, scope: Any, left: Built, right: Any) -> Any:
        return scope.json_compare("=", right.left, right)


class DocumentNotEqual(NotEqual):
    """There is a value and it differs from this one; None: there is a value."""

    def read(self, field: FieldLike, value: object) -> Right:
        return NULL if value is None else _sides(field, (value,))

    def build(self, scope: Any, left: Built, right: Any) -> Element:
        present = left.sql.is_not(None)
        if right.variant == "null":
            return present
        equal = sa.func.coalesce(scope.json_compare("=", right.left, right), sa.false())
        return sa.and_(present, sa.not_(equal))


class _DocumentOrdered(Lookup):
    """Numbers, booleans and texts are ordered, each among themselves; nothing else is less or greater."""

    operator: ClassVar[str]

    def read(self, field: FieldLike, value: object) -> Right:
        if value is None:
            return self.read_none(field)
        return _ordered(self.lookup_name, _sides(field, (value,)))

    def build(self, scope: Any, left: Built, right: Any) -> Any:
        return scope.json_compare(self.operator, right.left, right)


def _ordered(name: str, right: Right) -> Right:
    if any(kind_of(value) == "document" for value in right.values):
        raise ValueError(f"The lookup '{name}' cannot compare JSON lists and objects: they have no order.")
    return right


class DocumentGreaterThan(_DocumentOrdered):
    """Greater, and of the same kind."""

    lookup_name = "gt"
    operator = ">"


class DocumentGreaterThanOrEqual(_DocumentOrdered):
    """Greater or equal, and of the same kind."""

    lookup_name = "gte"
    operator = ">="


class DocumentLessThan(_DocumentOrdered):
    """Less, and of the same kind."""

    lookup_name = "lt"
    operator = "<"


class DocumentLessThanOrEqual(_DocumentOrdered):
    """Less or equal, and of the same kind."""

    lookup_name = "lte"
    operator = "<="


class DocumentRange(Range):
    """Between two bounds, both included, and of the kind of both."""

    def read_bounds(self, field: FieldLike, bounds: list[object]) -> Right:
        return _ordered(self.lookup_name, _sides(field, bounds))

    def build(self, scope: Any, left: Built, right: Any) -> Element:
        return sa.and_(
            scope.json_compare(">=", right.left, right, position=0),
            scope.json_compare("<=", right.left, right, position=1),
        )


class DocumentIn(In):
    """One of a list; each compares by its own kind."""

    def read(self, field: FieldLike, value: object) -> Right:
        if is_operand(value) and not isinstance(value, list | tuple | set):
            return super().read(field, value)
        items = [item for item in require_iterable(self.lookup_name, value) if item is not None]
        if not items:
            return NOTHING
        right = _sides(field, items)
        return right if right.expressions else Right("list", (list(right.values),))

    def build(self, scope: Any, left: Built, right: Any) -> Any:
        return scope.json_member(right.left, right)


class KeyIsNull(IsNull):
    """Whether the key is absent (True) or present (False), as in Django."""

    def build(self, scope: Any, left: Built, right: Any) -> Any:
        return scope.json_absent(right.left, right.variant)


class HasKey(Lookup):
    """The document has this key at its top level."""

    lookup_name = "json_has_key"
    takes_field_values = False
    every: ClassVar[bool] = True

    def read(self, field: FieldLike, value: object) -> Right:
        return Right(1, (self.key(value),))

    def key(self, value: object) -> str:
        """A key as text.

        :raises ValueError: for anything but text or a number, such as None, which would mean the key ``"None"``.
        """
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ValueError(f"The lookup '{self.lookup_name}' needs the name of a key, not {value!r}.")
        return str(value)

    def build(self, scope: Any, left: Built, right: Any) -> Element:
        tests = [scope.hooks.json_has_key(left.sql, right.text(position=n)) for n in range(right.variant)]
        return sa.and_(*tests) if self.every else sa.or_(*tests)


class HasAnyKey(HasKey):
    """The document has one of these keys."""

    lookup_name = "json_has_any"
    every = False

    def read(self, field: FieldLike, value: object) -> Right:
        items = require_iterable(self.lookup_name, [value] if isinstance(value, str) else value)
        keys = [self.key(item) for item in items]
        return Right(len(keys), tuple(keys)) if keys else Right("nothing")


class HasAllKeys(HasAnyKey):
    """The document has all of these keys."""

    lookup_name = "json_has_all"
    every = True

    def read(self, field: FieldLike, value: object) -> Right:
        right = super().read(field, value)
        return Right("everything") if right.variant == "nothing" else right


class Contains(text.Contains):
    """A dict or list is contained, at every level; another value is looked for in the text."""

    def read(self, field: FieldLike, value: object) -> Right:
        if isinstance(value, dict | list | tuple):
            return Right("document", (field.get_prep_value(value),))
        right = super().read(field, value)
        if right.expressions and isinstance(right.expressions[0].result_field(), type(field)):
            return right._replace(variant="document")
        return right

    def build(self, scope: Any, left: Built, right: Any) -> Any:
        if right.variant != "document":
            return super().build(scope, left, right)
        return self.contained(scope, left.sql, right.sql(left.field))

    def contained(self, scope: Scope, whole: Element, part: Element) -> Element:
        return scope.hooks.json_contains(whole, part)


class DocumentContainedBy(Lookup):
    """The document contains this one (``<@``)."""

    lookup_name = "contained_by"

    def build(self, scope: Any, left: Built, right: Any) -> Any:
        return scope.hooks.json_contains(right.sql(left.field), left.sql)


class _Array(Lookup):
    operator: ClassVar[str]

    def build(self, scope: ComparingScope, left: Built, right: Any) -> Any:
        if not scope.features.native_arrays:
            raise UnsupportedFeature(
                scope.features.display_name,
                f"arrays or JSONB, which the lookup '{self.lookup_name}' needs",
                "use a related model, or PostgreSQL",
            )
        return left.sql.op(self.operator, is_comparison=True)(right.sql(left.field))


class ArrayContains(_Array):
    """Holds every one of these elements (``@>``); also for JSONB documents."""

    lookup_name = "array_contains"
    operator = "@>"


class ArrayOverlap(_Array):
    """Holds at least one of these elements (``&&``)."""

    lookup_name = "array_overlap"
    operator = "&&"


class ContainedBy(_Array):
    """Holds nothing but these elements (``<@``)."""

    lookup_name = "contained_by"
    operator = "<@"


class ArrayHolds(Contains):
    """A list: holds every one of its elements; another value is looked for in the text."""

    def contained(self, scope: Scope, whole: Element, part: Element) -> Element:
        return whole.op("@>", is_comparison=True)(part)


class ArrayLength(Expression):
    """The number of elements of an array, 0 when it is empty."""

    anatomy = ("source",)
    strict = True

    def derived_field(self, types: FieldAlgebra, fields: Sequence[FieldLike]) -> FieldLike | None:
        return types.field_named("IntegerField")

    def __init__(self, source: Expression) -> None:
        self.source = source
        self._refresh_flags()

    def build(self, scope: Scope) -> Built:
        if not scope.features.native_arrays:
            raise UnsupportedFeature(scope.features.display_name, "arrays", "use a related model, or PostgreSQL")
        return Built(sa.func.cardinality(self.source.build(scope).sql), scope.field_named("IntegerField"))


KeyTransform.lookups = {"exact": KeyExact(), "isnull": KeyIsNull()}
