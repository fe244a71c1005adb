"""Fields of structured values: JSONField, HStoreField and ArrayField."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, overload

from typing_extensions import TypeVar, Unpack

from dorm.dialects.kinds import Kind
from dorm.exceptions import ValidationError
from dorm.expressions.base import Expression
from dorm.fields.base import Field
from dorm.fields.columns import array_column, json_column
from dorm.fields.options import FieldOptions
from dorm.fields.types import JSON_NULL, ArrayType, JSONType, json_writer
from dorm.utils.caches import remembered
from dorm.validators import MaxLengthValidator

if TYPE_CHECKING:
    from dorm.dialects.elements import SqlType
    from dorm.fields.instances import Instance
    from dorm.fields.options import Validator

J = TypeVar("J", default=Any)
H = TypeVar("H", default=dict[str, str | None])
L = TypeVar("L", default=list[object])
V = TypeVar("V")


class JSONField(Field[J], Generic[J]):
    """Any value that JSON can hold, kept as it is.

    A text is a JSON string. None is SQL NULL; JSON's own ``null`` is written as ``Value(None, JSONField())``.

    :param encoder: a ``json.JSONEncoder`` subclass used for writing.
    :param decoder: a ``json.JSONDecoder`` subclass used for reading.
    """

    kind = Kind.JSON
    own_options: ClassVar[Mapping[str, object]] = {"encoder": None, "decoder": None}
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid": "Value of type {kind} cannot be written as JSON: {why}."
    }
    # a document can be changed in place without a check
    refuses_on_write = True
    #: what ``Value(None, JSONField())`` binds
    typed_null: ClassVar[Any] = JSON_NULL
    encoder: type[json.JSONEncoder] | None
    decoder: type[json.JSONDecoder] | None

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            verbose_name: str | None = None,
            *,
            encoder: type[json.JSONEncoder] | None = None,
            decoder: type[json.JSONDecoder] | None = None,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions[J]],
        ) -> None: ...
        @overload
        def __init__(
            self: JSONField[V | None],
            verbose_name: str | None = None,
            *,
            encoder: type[json.JSONEncoder] | None = None,
            decoder: type[json.JSONDecoder] | None = None,
            null: Literal[True],
            **options: Unpack[FieldOptions[V | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...

    else:

        def __init__(self, verbose_name=None, *, encoder=None, decoder=None, **options):
            for name, given in (("encoder", encoder), ("decoder", decoder)):
                if given is not None and not callable(given):
                    raise ValueError(f"JSONField: {name} must be a class, not {given!r}.")
            self.encoder, self.decoder = encoder, decoder
            super().__init__(verbose_name, **options)

    def to_python(self, value: Any) -> Any:
        if value is None or value.__class__ in (str, int, bool):
            return value
        try:
            json_writer(self.encoder)(value)
        except (TypeError, ValueError, RecursionError) as problem:
            raise self.refuse(value, kind=type(value).__name__, why=problem) from problem
        return value

    exact_types = (str, int, bool)

    def as_read(self, value: object) -> Any:
        """``value`` after a round trip through JSON: if an encoder writes a date as text, it is compared as text.

        :raises ValidationError: for what cannot be written as JSON.
        """
        if value.__class__ in (str, int, bool):
            return value
        self.to_python(value)
        return json.loads(json_writer(self.encoder)(value))

    def part(self) -> JSONField:
        """A field without a model for the values inside the documents of this one."""
        return _part((self.encoder, self.decoder))

    def column_type(self) -> SqlType:
        return json_column()

    def stored_type(self) -> SqlType:
        return JSONType(self.column_type(), self.encoder, self.decoder)


@remembered(None)
def _part(classes: tuple[Any, Any]) -> JSONField:
    return JSONField(encoder=classes[0], decoder=classes[1])


class HStoreField(Field[H], Generic[H]):
    """A mapping of text to text or None, kept as JSON."""

    kind = Kind.HSTORE
    if TYPE_CHECKING:

        @overload
        def __init__(
            self: HStoreField[dict[str, str | None]],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions[dict[str, str | None]]],
        ) -> None: ...
        @overload
        def __init__(
            self: HStoreField[dict[str, str | None] | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions[dict[str, str | None] | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...

    refuses_on_write = True
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid": "“{value}” is not a mapping of text to text or None."
    }

    def to_python(self, value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError as problem:
                raise self.refuse(value) from problem
        if not isinstance(value, Mapping):
            raise self.refuse(value)
        return {str(key): None if item is None else str(item) for key, item in value.items()}

    def column_type(self) -> SqlType:
        return json_column()

    def stored_type(self) -> SqlType:
        return JSONType(self.column_type())


class ArrayField(Field[L], Generic[L]):
    """A list whose elements are converted by ``base_field``; PostgreSQL only, nesting allowed.

    :param base_field: the field of one element; not a relation.
    :param size: the greatest length that ``full_clean()`` lets pass.
    """

    kind = Kind.ARRAY
    own_options: ClassVar[Mapping[str, object]] = {"base_field": None, "size": None}
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid": "“{value}” is not a list.",
        "item_invalid": "Item {position} in the array did not validate: {why}",
    }
    base_field: Field
    size: int | None

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: ArrayField[list[V]],
            base_field: Field[V],
            verbose_name: str | None = None,
            *,
            size: int | None = None,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions[list[V]]],
        ) -> None: ...
        @overload
        def __init__(
            self: ArrayField[list[V] | None],
            base_field: Field[V],
            verbose_name: str | None = None,
            *,
            size: int | None = None,
            null: Literal[True],
            **options: Unpack[FieldOptions[list[V] | None]],
        ) -> None: ...
        def __init__(self, base_field: object, verbose_name: str | None = None, **options: object) -> None: ...

    else:

        def __init__(self, base_field, verbose_name=None, *, size=None, **options):
            if not isinstance(base_field, Field) or base_field.is_relation:
                raise TypeError(f"ArrayField takes a field that is no relation for its elements, not {base_field!r}.")
            self.base_field, self.size = base_field, size
            super().__init__(verbose_name, **options)

    def set_attributes_from_name(self, name: str) -> None:
        super().set_attributes_from_name(name)
        self.base_field.set_attributes_from_name(name)

    def to_python(self, value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError as problem:
                raise self.refuse(value) from problem
        if isinstance(value, (bytes, Mapping)) or not isinstance(value, Iterable):
            raise self.refuse(value)
        made = []
        for position, item in enumerate(value):
            try:
                made.append(self.base_field.converted(item))
            except ValidationError as problem:
                raise self.refuse(value, "item_invalid", position=position, why=problem) from problem
        return made

    def get_prep_value(self, value: Any) -> Any:
        if value is None or isinstance(value, Expression):
            return value
        if isinstance(value, (list, tuple)):
            return [self.base_field.get_prep_value(item) for item in value]
        return super().get_prep_value(value)

    def built_in_validators(self) -> Sequence[Validator]:
        return () if self.size is None else (MaxLengthValidator(self.size),)

    def validate(self, value: Any, instance: Instance | None = None) -> None:
        super().validate(value, instance)
        for position, item in enumerate(value or ()):
            try:
                self.base_field.validate(item, instance)
            except ValidationError as problem:
                raise self.refuse(value, "item_invalid", position=position, why=problem) from problem

    def run_validators(self, value: Any) -> None:
        super().run_validators(value)
        for position, item in enumerate(value or ()):
            try:
                self.base_field.run_validators(item)
            except ValidationError as problem:
                raise self.refuse(value, "item_invalid", position=position, why=problem) from problem

    def column_type(self) -> SqlType:
        inner, dimensions = self.base_field, 1
        while isinstance(inner, ArrayField):
            inner, dimensions = inner.base_field, dimensions + 1
        return array_column(inner.plain_type(), dimensions)

    def stored_type(self) -> SqlType:
        return ArrayType(self.column_type(), self.base_field.sql_type())

    def _build_write_type(self) -> SqlType:
        made, item = super()._build_write_type(), self.base_field.write_type()
        if made is not self.sql_type() or item is self.base_field.sql_type():
            return made
        return ArrayType(self.column_type(), item)


__all__ = ["ArrayField", "HStoreField", "JSONField"]
