"""Every error the library raises.

One tree: configuration and declaration errors derive from ``Exception`` directly, everything a database reports
derives from :class:`DatabaseError`. Driver errors are translated in ``dorm.db.errors`` and arrive as ``__cause__``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

__all__ = [
    "AtomicBlockError",
    "BudgetExceeded",
    "CheckViolation",
    "DataError",
    "DatabaseError",
    "Deadlock",
    "DoesNotExist",
    "DuplicateError",
    "ExclusionViolation",
    "FieldDoesNotExist",
    "FieldError",
    "ForeignKeyViolation",
    "ImproperlyConfigured",
    "IntegrityError",
    "InterfaceError",
    "InvalidArgument",
    "InvalidRelationPath",
    "LazyLoadError",
    "LazyLoadWarning",
    "LockNotAvailable",
    "MigrationError",
    "MixedWorldsError",
    "MultipleObjectsReturned",
    "NotNullViolation",
    "NotSupportedError",
    "ObjectDoesNotExist",
    "OperationalError",
    "PoolTimeout",
    "ProgrammingError",
    "ProtectedError",
    "QueryCanceled",
    "ReadOnlyModelError",
    "RestrictedError",
    "SerializationFailure",
    "TransactionManagementError",
    "UniqueViolation",
    "ValidationError",
]

NON_FIELD = "__all__"


class ImproperlyConfigured(Exception):
    """The settings, or a declaration, are wrong."""


class FieldError(Exception):
    """A name, lookup or expression of a query is used in a way it does not allow."""


class InvalidArgument(FieldError, ValueError):
    """An argument of a verb or an expression is outside the accepted values."""


class InvalidRelationPath(FieldError, ValueError):
    """A relation path that cannot be followed in this place."""


class FieldDoesNotExist(FieldError):
    """A field, path or lookup does not exist."""


class ObjectDoesNotExist(Exception):
    """``get()`` found nothing; the base of every model's own ``DoesNotExist``."""


DoesNotExist = ObjectDoesNotExist


class MultipleObjectsReturned(Exception):
    """``get()`` found several rows; the base of every model's own class of that name."""


class LazyLoadError(Exception):
    """A relation or a deferred field was read where it may not be loaded."""


class LazyLoadWarning(RuntimeWarning):
    """A relation or a deferred field was loaded by a blocking query inside a running event loop."""


class ReadOnlyModelError(Exception):
    """A write to a model declared ``read_only``."""


class MigrationError(Exception):
    """A migration cannot be loaded, planned or applied."""


class FinishedText(str):
    """A message with its values filled in: ``message % params``, Django's way to fill them in, leaves it unchanged."""

    __slots__ = ()

    def __mod__(self, _params: object) -> str:
        return self


class ValidationError(Exception):
    """A value, or an instance, is not valid.

    ``message`` is one text, or a mapping from field name (or ``"__all__"``) to a text or to several texts; lists,
    and other validation errors, are accepted in place of a text. ``code`` is a short machine-readable word; ``params``
    fill in the ``%(name)s`` of the message wherever it is shown.
    """

    def __init__(self, message: Any, code: str | None = None, params: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, code)
        self._given = message
        if isinstance(message, ValidationError):
            code, params = code or message.code, params or message.params
            message = message.message
        self.message: str | dict[str, object] = _tidy(message)
        self.code: str | None = code
        self.params: Mapping[str, Any] | None = params

    @property
    def error_dict(self) -> dict[str, list[ValidationError]]:
        """The single errors, with their codes and params, by field.

        :raises AttributeError: for an error that is not about fields.
        """
        given = self._given
        if isinstance(given, ValidationError):
            return given.error_dict
        if not isinstance(given, Mapping):
            raise AttributeError("this ValidationError is not about fields; see error_list.")
        return {str(name): _single_errors(value) for name, value in given.items()}

    @property
    def error_list(self) -> list[ValidationError]:
        """The single errors, with their codes and params: this one, or those it consists of."""
        given = self._given
        if isinstance(given, (ValidationError, list, tuple)):
            return _single_errors(given)
        if isinstance(given, Mapping):
            return [error for errors in self.error_dict.values() for error in errors]
        return [self]

    def update_error_dict(self, error_dict: dict[str, list[ValidationError]]) -> dict[str, list[ValidationError]]:
        """Adds the single errors to ``error_dict`` by field, those of a plain error under ``"__all__"``; returns it."""
        found = self.error_dict if isinstance(self.message, dict) else {NON_FIELD: self.error_list}
        for name, errors in found.items():
            error_dict.setdefault(name, []).extend(errors)
        return error_dict

    def __iter__(self) -> Iterator[object]:
        """Pairs of field and texts; the texts alone for an error that is not about fields."""
        return iter(self.message_dict.items() if isinstance(self.message, dict) else self.messages)

    @property
    def message_dict(self) -> dict[str, list[str]]:
        """The texts by field; those of a plain error stand under ``"__all__"``."""
        if isinstance(self.message, dict):
            return {name: _texts(value) for name, value in self.message.items()}
        return {NON_FIELD: _texts(self)}

    @property
    def messages(self) -> list[str]:
        """All texts, in order."""
        return [text for texts in self.message_dict.values() for text in texts]

    def __str__(self) -> str:
        if isinstance(self.message, dict):
            return "; ".join(f"{name}: {' '.join(_texts(value))}" for name, value in self.message.items())
        return " ".join(_texts(self))

    def __repr__(self) -> str:
        code = "" if self.code is None else f", code={self.code!r}"
        return f"{type(self).__name__}({self.message!r}{code})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ValidationError):
            return NotImplemented
        return self.message_dict == other.message_dict and self.code == other.code

    def __hash__(self) -> int:
        return hash((tuple(self.messages), self.code))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.message, self.code), self.__dict__


def _tidy(message: object) -> Any:
    """Nested errors and lists as plain texts; a mapping stays a mapping."""
    if isinstance(message, ValidationError):
        return message.message
    if isinstance(message, Mapping):
        return {str(name): _tidy_entry(value) for name, value in message.items()}
    if isinstance(message, (list, tuple)):
        texts = _texts(message)
        return texts[0] if len(texts) == 1 else texts
    return message


def _tidy_entry(value: object) -> Any:
    if isinstance(value, ValidationError):
        return value.messages if len(value.messages) != 1 else value.messages[0]
    return _texts(value) if isinstance(value, (list, tuple)) else value


def _texts(value: object) -> list[str]:
    if isinstance(value, ValidationError):
        if isinstance(value.message, dict):
            return value.messages
        texts = _texts(value.message)
        return [text % value.params for text in texts] if value.params else texts
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in _texts(item)]
    return [value if isinstance(value, str) else str(value)]


def _single_errors(value: object) -> list[ValidationError]:
    """The errors, of one text each, that ``value`` consists of."""
    if isinstance(value, ValidationError):
        return value.error_list
    if isinstance(value, (list, tuple)):
        return [error for item in value for error in _single_errors(item)]
    return [ValidationError(value)]


class DatabaseError(Exception):
    """Root of the errors a database, its driver or its connection pool reports.

    ``sqlstate`` is the five-character SQL state when the database gives one. ``constraint``, ``table`` and
    ``columns`` name what was violated, as far as the database says so; ``columns`` is a tuple, possibly empty.
    """

    sqlstate: str | None = None
    constraint: str | None = None
    table: str | None = None
    columns: tuple[str, ...] = ()

    def __init__(
        self,
        *args: Any,
        sqlstate: str | None = None,
        constraint: str | None = None,
        table: str | None = None,
        columns: Sequence[str] = (),
    ) -> None:
        super().__init__(*args)
        if sqlstate is not None:
            self.sqlstate = sqlstate
        if constraint is not None:
            self.constraint = constraint
        if table is not None:
            self.table = table
        if columns:
            self.columns = tuple(columns)


class IntegrityError(DatabaseError):
    """A constraint was violated."""


class OperationalError(DatabaseError):
    """Connection, lock, timeout, missing table."""


class ProgrammingError(DatabaseError):
    """The SQL is wrong."""


class DataError(DatabaseError):
    """A value is too long or out of range."""


class InterfaceError(DatabaseError):
    """The connection cannot be used."""


class NotSupportedError(DatabaseError):
    """The database lacks the operation."""


class UnsupportedFeature(NotSupportedError, NotImplementedError):
    """The database cannot do what was asked, whatever the statement looks like.

    :ivar database: the name of the database.
    :ivar feature: what it does not have.
    :ivar alternative: what to do instead.
    """

    def __init__(self, database: str, feature: str, alternative: str) -> None:
        super().__init__(f"{database} does not have {feature}: {alternative}.")
        self.database = database
        self.feature = feature
        self.alternative = alternative

    def __reduce__(self) -> tuple[type[UnsupportedFeature], tuple[str, str, str]]:
        return type(self), (self.database, self.feature, self.alternative)


class TransactionManagementError(DatabaseError):
    """A transaction cannot take the statement: it is broken until it is rolled back."""


class AtomicBlockError(TransactionManagementError, RuntimeError):
    """A call inside an atomic block that is only allowed outside, or the other way round."""


class MixedWorldsError(LazyLoadError, TransactionManagementError):
    """A sync verb inside an open ``aatomic``, or an async verb inside an open ``atomic``.

    It cannot join that transaction, so it is refused rather than run outside of it.
    """


class UniqueViolation(IntegrityError):
    """Two rows would share a value that must be unique."""


class ForeignKeyViolation(IntegrityError):
    """A row would refer to a row that does not exist."""


class NotNullViolation(IntegrityError):
    """A column that needs a value would get NULL."""


class CheckViolation(IntegrityError):
    """A check constraint refused the row."""


class ExclusionViolation(IntegrityError):
    """An exclusion constraint refused the row."""


class SerializationFailure(OperationalError):
    """The transaction conflicts with a concurrent one; run it again."""


class Deadlock(OperationalError):
    """The transaction was chosen as the victim of a deadlock; run it again."""


class LockNotAvailable(OperationalError):
    """A lock was not granted in time, or not at once where ``no_wait`` was given."""


class QueryCanceled(OperationalError):
    """The statement was cancelled, usually by a statement timeout."""


class PoolTimeout(OperationalError):
    """No connection of the pool became free within ``POOL_TIMEOUT`` seconds."""


class BudgetExceeded(OperationalError):
    """A query passed the time or row limit of its budget."""


class DuplicateError(ValidationError, UniqueViolation):
    """A uniqueness check found another row with the same values; both error families catch it."""

    def __init__(
        self,
        message: Any,
        code: str | None = "unique",
        *,
        constraint: str | None = None,
        table: str | None = None,
        columns: Sequence[str] = (),
    ) -> None:
        ValidationError.__init__(self, message, code)
        self.constraint = constraint
        self.table = table
        self.columns = tuple(columns)

    __hash__ = ValidationError.__hash__


class ProtectedError(IntegrityError):
    """Rows that point at the row with ``PROTECT`` forbid its deletion.

    ``protected_objects`` is a list of instances, at least the first ones of each blocking relation.
    """

    def __init__(self, msg: str, protected_objects: Iterable[Any] = ()) -> None:
        objects = list(protected_objects)
        super().__init__(msg, objects)
        self.protected_objects = objects

    def __str__(self) -> str:
        return str(self.args[0])


class RestrictedError(IntegrityError):
    """Rows that point at the row with ``RESTRICT`` forbid its deletion; ``restricted_objects`` lists some."""

    def __init__(self, msg: str, restricted_objects: Iterable[Any] = ()) -> None:
        objects = list(restricted_objects)
        super().__init__(msg, objects)
        self.restricted_objects = objects

    def __str__(self) -> str:
        return str(self.args[0])
