"""The options of all field constructors, declared once for people, editors and type checkers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypedDict

from typing_extensions import TypeVar

if TYPE_CHECKING:
    from dorm.expressions.base import Expression

T = TypeVar("T", default=Any)

#: What is called with a value and raises when the value is not allowed.
Validator: TypeAlias = "Callable[[Any], Any]"
#: A field as its name, the path of its class, and the arguments that make it again.
Deconstructed: TypeAlias = "tuple[str | None, str, list[Any], dict[str, Any]]"
ChoicesOption: TypeAlias = "Iterable[tuple[Any, Any]] | Mapping[Any, Any] | Callable[[], Any] | type[Enum] | None"


class NotProvided:
    """The type of :data:`NOT_PROVIDED`: says that an option was left out, which ``None`` cannot say."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NOT_PROVIDED"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "NOT_PROVIDED"

    def __copy__(self) -> NotProvided:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> NotProvided:
        return self


NOT_PROVIDED: Final = NotProvided()


class FieldOptions(TypedDict, Generic[T], total=False):
    """Options shared by all fields; ``null`` stands in the overloads of each class."""

    name: str | None
    primary_key: bool
    unique: bool
    blank: bool
    db_index: bool
    default: T | Callable[..., T]
    db_default: T | Expression
    editable: bool
    serialize: bool
    choices: ChoicesOption
    help_text: str
    db_column: str | None
    db_comment: str | None
    db_tablespace: str | None
    validators: Iterable[Validator]
    error_messages: Mapping[str, str] | None
    pii: bool
    unique_for_date: str | None
    unique_for_month: str | None
    unique_for_year: str | None
    auto_created: bool


class TextOptions(FieldOptions[T], Generic[T], total=False):
    """Options of fields stored as text."""

    db_collation: str | None
