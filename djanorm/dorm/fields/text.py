"""Fields of text: CharField, TextField, and those that check the content of the text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, overload

import sqlalchemy as sa
from typing_extensions import TypeVar, Unpack

from dorm.dialects.kinds import Kind
from dorm.fields.base import Field
from dorm.fields.columns import caseless_column
from dorm.fields.options import TextOptions
from dorm.utils.identifiers import check_collation
from dorm.validators import (
    MaxLengthValidator,
    URLValidator,
    email_shape,
    validate_comma_separated_integer_list,
    validate_email,
    validate_slug,
    validate_unicode_slug,
)

if TYPE_CHECKING:
    from dorm.dialects.elements import SqlType
    from dorm.fields.options import Validator

S = TypeVar("S", default=str)
E = TypeVar("E", bound=Enum)


class TextBase(Field[S], Generic[S]):
    """Base of the fields stored as text: conversion by ``str``, length checks by ``full_clean()`` only."""

    kind = Kind.TEXT
    empty_strings_allowed = True
    own_options: ClassVar[Mapping[str, object]] = {"db_collation": None}

    def __init__(self, verbose_name: str | None = None, *, db_collation: str | None = None, **options: Any) -> None:
        super().__init__(verbose_name, **options)
        if db_collation is not None:
            check_collation(db_collation, f"{type(self).__name__}: db_collation")
        self.db_collation = db_collation
        if self.choice_enum is not None:
            self.exact_types = (self.choice_enum,)

    def to_python(self, value: Any) -> Any:
        if value is None or value.__class__ is str:
            return value
        if isinstance(value, Enum):
            value = value.value
        return value if isinstance(value, str) else str(value)

    exact_types: tuple[type, ...] = (str,)

    def built_in_validators(self) -> Sequence[Validator]:
        """Those of the class, and the length of the column."""
        if self.max_length is None:
            return self.default_validators
        return (*self.default_validators, MaxLengthValidator(self.max_length))

    def column_type(self) -> SqlType:
        if self.max_length is None:
            return sa.Text(collation=self.db_collation)
        return sa.String(self.max_length, collation=self.db_collation)


class CharField(TextBase[S], Generic[S]):
    """Short text, ``VARCHAR(max_length)``."""

    own_options: ClassVar[Mapping[str, object]] = {"max_length": 255}

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: CharField[E],
            verbose_name: str | None = None,
            *,
            choices: type[E],
            max_length: int | None = 255,
            null: Literal[False] = False,
            default: E | Callable[..., E] = ...,
            **options: object,
        ) -> None: ...
        @overload
        def __init__(
            self: CharField[E | None],
            verbose_name: str | None = None,
            *,
            choices: type[E],
            max_length: int | None = 255,
            null: Literal[True],
            default: E | Callable[..., E | None] | None = ...,
            **options: object,
        ) -> None: ...
        @overload
        def __init__(
            self: CharField[str],
            verbose_name: str | None = None,
            *,
            max_length: int | None = 255,
            null: Literal[False] = False,
            **options: Unpack[TextOptions[str]],
        ) -> None: ...
        @overload
        def __init__(
            self: CharField[str | None],
            verbose_name: str | None = None,
            *,
            max_length: int | None = 255,
            null: Literal[True],
            **options: Unpack[TextOptions[str | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...

    else:

        def __init__(self, verbose_name=None, *, max_length=255, **options):
            check_length(type(self).__name__, max_length)
            super().__init__(verbose_name, max_length=max_length, **options)


def check_length(name: str, max_length: int | None) -> None:
    if max_length is not None and (not isinstance(max_length, int) or isinstance(max_length, bool) or max_length < 1):
        raise ValueError(f"{name}: max_length must be a positive number, not {max_length!r}.")


class TextField(TextBase[S], Generic[S]):
    """Text of any length; ``max_length`` is checked by ``full_clean()`` only."""

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: TextField[str],
            verbose_name: str | None = None,
            *,
            max_length: int | None = None,
            null: Literal[False] = False,
            **options: Unpack[TextOptions[str]],
        ) -> None: ...
        @overload
        def __init__(
            self: TextField[str | None],
            verbose_name: str | None = None,
            *,
            max_length: int | None = None,
            null: Literal[True],
            **options: Unpack[TextOptions[str | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...

    def column_type(self) -> SqlType:
        return sa.Text(collation=self.db_collation)


class CITextField(TextField[S], Generic[S]):
    """Text compared without case: CITEXT on PostgreSQL, ``COLLATE NOCASE`` (ASCII letters) on SQLite."""

    #: The database extension that its column type needs, on databases with a native type.
    extension: ClassVar[str] = "citext"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: CITextField[str],
            verbose_name: str | None = None,
            *,
            max_length: int | None = None,
            null: Literal[False] = False,
            **options: Unpack[TextOptions[str]],
        ) -> None: ...
        @overload
        def __init__(
            self: CITextField[str | None],
            verbose_name: str | None = None,
            *,
            max_length: int | None = None,
            null: Literal[True],
            **options: Unpack[TextOptions[str | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...

    def column_type(self) -> SqlType:
        return caseless_column()


class EmailField(CharField[S], Generic[S]):
    """An e-mail address, checked on construction and assignment already; None and ``""`` pass."""

    exact_types: tuple[type, ...] = ()
    own_options: ClassVar[Mapping[str, object]] = {"max_length": 254}

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: EmailField[str],
            verbose_name: str | None = None,
            *,
            max_length: int | None = 254,
            null: Literal[False] = False,
            **options: Unpack[TextOptions[str]],
        ) -> None: ...
        @overload
        def __init__(
            self: EmailField[str | None],
            verbose_name: str | None = None,
            *,
            max_length: int | None = 254,
            null: Literal[True],
            **options: Unpack[TextOptions[str | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...

    else:

        def __init__(self, verbose_name=None, *, max_length=254, **options):
            super().__init__(verbose_name, max_length=max_length, **options)

    @property
    def accepts(self) -> Callable[[str], Any] | None:
        """True of the text that :meth:`to_python` would return as it is; None where a subclass converts."""
        return email_shape() if type(self).to_python is EmailField.to_python else None

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        if value:
            validate_email(value)
        return value

    def get_prep_value(self, value: Any) -> Any:
        # a lookup's value need not be a whole address (`email__endswith`)
        return value if value is None or value.__class__ is str else super().get_prep_value(value)


class URLField(CharField[S], Generic[S]):
    """A URL; ``full_clean()`` wants a scheme of http, https, ftp, ftps and a host."""

    own_options: ClassVar[Mapping[str, object]] = {"max_length": 200}
    default_validators = (URLValidator(),)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: URLField[str],
            verbose_name: str | None = None,
            *,
            max_length: int | None = 200,
            null: Literal[False] = False,
            **options: Unpack[TextOptions[str]],
        ) -> None: ...
        @overload
        def __init__(
            self: URLField[str | None],
            verbose_name: str | None = None,
            *,
            max_length: int | None = 200,
            null: Literal[True],
            **options: Unpack[TextOptions[str | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...

    else:

        def __init__(self, verbose_name=None, *, max_length=200, **options):
            super().__init__(verbose_name, max_length=max_length, **options)


class SlugField(CharField[S], Generic[S]):
    """Letters, digits, ``-`` and ``_``; indexed by default.

    :param allow_unicode: letters of every alphabet.
    """

    own_options: ClassVar[Mapping[str, object]] = {"max_length": 50, "db_index": True, "allow_unicode": False}

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: SlugField[str],
            verbose_name: str | None = None,
            *,
            max_length: int | None = 50,
            allow_unicode: bool = False,
            null: Literal[False] = False,
            **options: Unpack[TextOptions[str]],
        ) -> None: ...
        @overload
        def __init__(
            self: SlugField[str | None],
            verbose_name: str | None = None,
            *,
            max_length: int | None = 50,
            allow_unicode: bool = False,
            null: Literal[True],
            **options: Unpack[TextOptions[str | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...

    else:

        def __init__(self, verbose_name=None, *, max_length=50, db_index=True, allow_unicode=False, **options):
            self.allow_unicode = allow_unicode
            super().__init__(verbose_name, max_length=max_length, db_index=db_index, **options)

    allow_unicode: bool

    def built_in_validators(self) -> Sequence[Validator]:
        return (validate_unicode_slug if self.allow_unicode else validate_slug, *super().built_in_validators())


class CommaSeparatedIntegerField(CharField[S], Generic[S]):
    """Integers joined by commas, kept as text."""

    default_validators = (validate_comma_separated_integer_list,)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: CommaSeparatedIntegerField[str],
            verbose_name: str | None = None,
            *,
            max_length: int | None = 255,
            null: Literal[False] = False,
            **options: Unpack[TextOptions[str]],
        ) -> None: ...
        @overload
        def __init__(
            self: CommaSeparatedIntegerField[str | None],
            verbose_name: str | None = None,
            *,
            max_length: int | None = 255,
            null: Literal[True],
            **options: Unpack[TextOptions[str | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: object) -> None: ...
