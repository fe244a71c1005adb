"""Migration operations: values that describe changes of a schema.

They keep their arguments, compare by content, print as they are written, and deconstruct. They never change a database.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dorm.fields.base import Field
from dorm.indexes import Index
from dorm.migrations.values import comparable, shown

if TYPE_CHECKING:
    from dorm.meta.registry import Registry

__all__ = [
    "AddField",
    "AddIndex",
    "CreateModel",
    "Operation",
    "RemoveIndex",
    "RenameField",
    "RenameModel",
    "RunPython",
    "RunSQL",
]


class Operation:
    """One step of a migration, with the arguments of its constructor as attributes."""

    #: Whether the step can be undone.
    reversible: bool = True

    def describe(self) -> str:
        """One sentence for people."""
        raise NotImplementedError(f"{type(self).__name__} does not describe itself.")

    def deconstruct(self) -> tuple[str, list[object], dict[str, object]]:
        """``(path, args, kwargs)`` that build an equal operation; arguments at their defaults are left out."""
        kwargs = {
            name: getattr(self, name)
            for name, parameter in inspect.signature(type(self)).parameters.items()
            if parameter.default is parameter.empty
            or comparable(getattr(self, name)) != comparable(self._unset(name, parameter.default))
        }
        return (f"{type(self).__module__}.{type(self).__qualname__}", [], kwargs)

    def _unset(self, name: str, default: object) -> object:
        """The value of the attribute when the argument was left out."""
        return default

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Operation):
            return NotImplemented
        return comparable(list(self.deconstruct())) == comparable(list(other.deconstruct()))

    # compares by content, which may change
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        _, _, kwargs = self.deconstruct()
        return f"{type(self).__name__}({', '.join(f'{name}={shown(value)}' for name, value in kwargs.items())})"


class CreateModel(Operation):
    """A new model.

    :param name: its class name.
    :param fields: pairs of name and field.
    :param options: its Meta options.
    :raises ValueError: when two fields share a name.
    """

    def __init__(
        self, name: str, fields: Iterable[tuple[str, Field[Any]]], options: Mapping[str, Any] | None = None
    ) -> None:
        self.name = _name(self, "name", name)
        self.fields: list[tuple[str, Field[Any]]] = [
            (_name(self, "the name of a field", each), _field(self, field)) for each, field in fields
        ]
        self.options: dict[str, Any] = dict(options or {})
        names = [each for each, _ in self.fields]
        twice = sorted({each for each in names if names.count(each) > 1})
        if twice:
            raise ValueError(f"CreateModel({name!r}): two fields are named {twice[0]!r}.")

    def _unset(self, name: str, default: object) -> object:
        return {} if name == "options" else default

    def describe(self) -> str:
        return f"Create model {self.name}"


class AddField(Operation):
    """A new field of a model.

    :param preserve_default: whether the field keeps its default afterwards, or has it only for the existing rows.
    """

    def __init__(self, model_name: str, name: str, field: Field[Any], preserve_default: bool = True) -> None:
        self.model_name = _name(self, "model_name", model_name)
        self.name = _name(self, "name", name)
        self.field = _field(self, field)
        self.preserve_default = preserve_default

    def describe(self) -> str:
        return f"Add field {self.name} to {self.model_name}"


class RenameModel(Operation):
    """Another name for a model."""

    def __init__(self, old_name: str, new_name: str) -> None:
        self.old_name = _name(self, "old_name", old_name)
        self.new_name = _name(self, "new_name", new_name)

    def describe(self) -> str:
        return f"Rename model {self.old_name} to {self.new_name}"


class RenameField(Operation):
    """Another name for a field."""

    def __init__(self, model_name: str, old_name: str, new_name: str) -> None:
        self.model_name = _name(self, "model_name", model_name)
        self.old_name = _name(self, "old_name", old_name)
        self.new_name = _name(self, "new_name", new_name)

    def describe(self) -> str:
        return f"Rename field {self.old_name} of {self.model_name} to {self.new_name}"


class _IndexOperation(Operation):
    """Base of the operations that add and remove an index."""

    def __init__(self, model_name: str, index: Index, *, concurrently: bool = False) -> None:
        self.model_name = _name(self, "model_name", model_name)
        if not isinstance(index, Index):
            raise TypeError(f"{type(self).__name__}: index must be a dorm.Index, not {index!r}.")
        self.index = index
        self.concurrently = concurrently

    def _index_name(self) -> str:
        return self.index.get_name(self.model_name)


class AddIndex(_IndexOperation):
    """A new index.

    :param concurrently: without locking the table against writes, where the database can do that.
    """

    def describe(self) -> str:
        return f"Create index {self._index_name()} on {self.model_name}"


class RemoveIndex(_IndexOperation):
    """The removal of an index; takes the whole index, so that it can be recreated.

    :param concurrently: without locking the table against writes, where the database can do that.
    """

    def describe(self) -> str:
        return f"Remove index {self._index_name()} from {self.model_name}"


class RunSQL(Operation):
    """SQL of your own.

    :param sql: one text, which may hold several statements, or a list of them.
    :param reverse_sql: the SQL that undoes it; an empty one does nothing.
    :param params: values for the placeholders.
    :raises TypeError: for SQL that is neither text nor a list of texts.
    """

    def __init__(self, sql: str | Sequence[str], reverse_sql: str | Sequence[str] = "", params: Any = None) -> None:
        self.sql = _sql("sql", sql)
        self.reverse_sql = _sql("reverse_sql", reverse_sql)
        self.params = params

    def describe(self) -> str:
        return "Run SQL"


class RunPython(Operation):
    """A function of your own, called as ``code(app_label, registry)``.

    :param reverse_code: the function that undoes it; without one the operation is not reversible.
    :param hints: passed to the routers.
    :raises TypeError: for code that cannot be called.
    """

    def __init__(
        self,
        code: Callable[..., Any],
        reverse_code: Callable[..., Any] | None = None,
        hints: Mapping[str, Any] | None = None,
    ) -> None:
        for argument, given in (("code", code), ("reverse_code", reverse_code)):
            if not callable(given) and not (given is None and argument == "reverse_code"):
                raise TypeError(f"RunPython: {argument} must be a function, not {given!r}.")
        self.code = code
        self.reverse_code = reverse_code
        self.hints: dict[str, object] = dict(hints or {})
        self.reversible = reverse_code is not None

    def _unset(self, name: str, default: object) -> object:
        return {} if name == "hints" else default

    @staticmethod
    def noop(app_label: str, registry: Registry) -> None:
        """Does nothing; for ``reverse_code`` where there is nothing to undo."""

    def describe(self) -> str:
        return f"Run {getattr(self.code, '__name__', 'a function')}()"


def _name(operation: Operation, argument: str, given: object) -> str:
    if not isinstance(given, str) or not given:
        raise TypeError(f"{type(operation).__name__}: {argument} must be a name, not {given!r}.")
    return given


def _field(operation: Operation, given: object) -> Field:
    if not isinstance(given, Field):
        raise TypeError(f"{type(operation).__name__}: a dorm field is needed, not {given!r}.")
    return given


def _sql(argument: str, given: object) -> str | list[str]:
    if isinstance(given, str):
        return given
    if isinstance(given, (list, tuple)) and all(isinstance(each, str) for each in given):
        return list(given)
    raise TypeError(f"RunSQL: {argument} must be text, or a list of texts, not {given!r}.")
