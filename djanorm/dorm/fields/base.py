"""``Field``: what a model attribute is called, accepts, defaults to and is stored as.

A field only declares. The metaclass puts it on the class. Read on the class it is the field itself and a path for typed
expressions; on an instance it is consulted only when the value is missing (deferred), because values live in the
instance's ``__dict__``.
"""

from __future__ import annotations

import copy
import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Never, Self, cast, overload

from typing_extensions import TypeVar

from dorm.exceptions import ImproperlyConfigured, ValidationError
from dorm.expressions.base import Expression
from dorm.expressions.paths import PathOperators
from dorm.fields.choices import enum_of, normalize_choices
from dorm.fields.instances import Instance, Linked, LinkedByName, LinksMany
from dorm.fields.options import NOT_PROVIDED
from dorm.fields.storage import Stored
from dorm.fields.validation import Checked
from dorm.lookups import registry as lookup_registry
from dorm.utils.identifiers import check_identifier

if TYPE_CHECKING:
    from dorm.dialects.elements import SqlType
    from dorm.expressions.paths import FieldRef, RelationRef
    from dorm.fields.options import Deconstructed, Validator
    from dorm.fields.related import ForeignKey, ManyToManyField
    from dorm.lookups.base import Lookup

T = TypeVar("T", default=Any)
N = TypeVar("N")
M = TypeVar("M")
R = TypeVar("R")

_creation_counter = itertools.count()

#: Option name -> value that means "not set", for ``deconstruct()``. Subclasses extend it in ``own_options``.
COMMON_OPTIONS: Mapping[str, Any] = {
    "verbose_name": None,
    "primary_key": False,
    "max_length": None,
    "unique": False,
    "blank": False,
    "null": False,
    "db_index": False,
    "default": NOT_PROVIDED,
    "db_default": NOT_PROVIDED,
    "editable": True,
    "serialize": True,
    "choices": None,
    "help_text": "",
    "db_column": None,
    "db_comment": None,
    "db_tablespace": None,
    "validators": (),
    "error_messages": None,
    "pii": False,
    "auto_created": False,
    "unique_for_date": None,
    "unique_for_month": None,
    "unique_for_year": None,
}


class Field(Stored, Checked, PathOperators, Generic[T]):
    """One attribute of a model.

    :param verbose_name: what people call it; by default the attribute's name with spaces.
    :raises ImproperlyConfigured: when options contradict each other.
    """

    #: Values of exactly these types are kept as they are on assignment; ``()`` sends every value through ``to_python``.
    exact_types: tuple[type, ...] = ()
    #: Whether a text field left out at construction becomes ``""`` (Django's rule).
    empty_strings_allowed: bool = False
    #: Options of the class itself, with the values that ``deconstruct()`` leaves out.
    own_options: ClassVar[Mapping[str, Any]] = {}

    is_relation: ClassVar[bool] = False
    many_to_many: ClassVar[bool] = False
    many_to_one: ClassVar[bool] = False
    one_to_one: ClassVar[bool] = False
    one_to_many: ClassVar[bool] = False
    #: Whether the field has a column in its model's table.
    concrete: bool = True
    remote_field: Any = None
    hidden: ClassVar[bool] = False
    #: Whether the database supplies the value (automatic keys, generated columns), so that it may be missing on insert.
    filled_by_database: bool = False

    model: Any
    name: str
    attname: str
    column: str

    def __init__(
        self,
        verbose_name: str | None = None,
        *,
        name: str | None = None,
        primary_key: bool = False,
        max_length: int | None = None,
        unique: bool = False,
        blank: bool = False,
        null: bool = False,
        db_index: bool = False,
        default: object = NOT_PROVIDED,
        db_default: object = NOT_PROVIDED,
        editable: bool = True,
        serialize: bool = True,
        choices: object = None,
        help_text: str = "",
        db_column: str | None = None,
        db_comment: str | None = None,
        db_tablespace: str | None = None,
        validators: Iterable[Validator] = (),
        error_messages: Mapping[str, str] | None = None,
        pii: bool = False,
        auto_created: bool = False,
        unique_for_date: str | None = None,
        unique_for_month: str | None = None,
        unique_for_year: str | None = None,
    ) -> None:
        if isinstance(default, (list, dict, set)):
            raise ImproperlyConfigured(
                f"{type(self).__name__}(default={default!r}): every instance would share this object. "
                f"Use a callable, such as default={type(default).__name__}."
            )
        if primary_key and null:
            raise ImproperlyConfigured(f"{type(self).__name__}: a primary key cannot be null.")
        self.name = cast(str, name)
        #: The name by which typed expressions refer to this field.
        self.lookup_path = self.name
        self._given_verbose_name = verbose_name
        self.verbose_name = verbose_name
        self.primary_key, self.null, self.blank = primary_key, null, blank
        self._unique = unique
        self.max_length = max_length
        self.db_index = db_index
        self.choice_enum: type[Enum] | None = enum_of(choices)
        # assignment must give instances the same type as reading a row does
        self.default = default if self.choice_enum is None or callable(default) else _member(self.choice_enum, default)
        self.db_default = db_default
        self.editable, self.serialize = editable, serialize
        self.choices = normalize_choices(choices)
        self._given_choices = choices if isinstance(choices, type) or callable(choices) else self.choices
        self.help_text = help_text
        for option, given in (("db_column", db_column), ("db_tablespace", db_tablespace)):
            if given:
                check_identifier(given, f"{type(self).__name__}: {option}")
        self.db_column, self.db_comment, self.db_tablespace = db_column, db_comment, db_tablespace
        self._own_validators = _callables(validators)
        self._error_messages = dict(error_messages or {})
        self.pii, self.auto_created = pii, auto_created
        self.unique_for_date, self.unique_for_month, self.unique_for_year = (
            unique_for_date,
            unique_for_month,
            unique_for_year,
        )
        self.model = None
        self.creation_counter = next(_creation_counter)
        self._sql_types: dict[Any, SqlType] = {}
        self.default_takes_instance = takes_instance(default)

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if ("to_python" in cls.__dict__ or "get_prep_value" in cls.__dict__) and "exact_types" not in cls.__dict__:
            # a user-defined conversion must see every value
            cls.exact_types = ()

    # -- access through a model ---------------------------------------------------------------------------------------

    if TYPE_CHECKING:

        @overload
        def __get__(self: ForeignKey[N | None], instance: None, owner: type[M]) -> RelationRef[N, M]: ...  # type: ignore
        @overload
        def __get__(self: ForeignKey[N], instance: None, owner: type[M]) -> RelationRef[N, M]: ...  # type: ignore
        @overload
        def __get__(self: ManyToManyField[Never], instance: None, owner: type[M]) -> RelationRef[Any, M]: ...  # type: ignore
        @overload
        def __get__(self: ManyToManyField[N], instance: None, owner: type[M]) -> RelationRef[N, M]: ...  # type: ignore
        @overload
        def __get__(self: ManyToManyField[Never], instance: LinkedByName[R], owner: object) -> R: ...  # type: ignore
        @overload
        def __get__(self: ManyToManyField[Linked[R]], instance: Instance, owner: object) -> R: ...  # type: ignore
        @overload
        def __get__(self: ManyToManyField[N], instance: LinksMany[N, R], owner: object) -> R: ...  # type: ignore
        @overload
        def __get__(self, instance: None, owner: type[M]) -> FieldRef[T, M]: ...
        @overload
        def __get__(self, instance: Instance, owner: object) -> T: ...
        @overload
        def __get__(self, instance: object, owner: object) -> Self: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...
        def __set__(self, instance: Instance, value: T) -> None: ...

    else:

        def __class_getitem__(cls, item):
            # `JSONField[Address]()` and `class Slug(CharField[str])` are for type checkers; at run time it is the class
            return cls

        def __get__(self, instance, owner=None):
            load = getattr(instance, "_load_deferred", None)
            # as an attribute of a class that is not a model, a field is a plain object
            return self if load is None else load(self.attname)

    # -- names --------------------------------------------------------------------------------------------------------

    def contribute_to_class(self, model: Any, name: str, private_only: bool = False) -> None:
        """Take the attribute's name, join ``model._meta`` and stand on the class under that name."""
        self.set_attributes_from_name(name)
        self.model = model
        model._meta.add_field(self)
        if self.concrete and self.name not in model.__dict__:
            setattr(model, self.name, self)

    def set_attributes_from_name(self, name: str) -> None:
        """Derive ``attname``, ``column`` and the default ``verbose_name`` from the attribute's name."""
        self.name = self.lookup_path = self.name or name
        self.attname, column = self.get_attname_column()
        self.column = column  # type: ignore
        self.concrete = column is not None
        if self._given_verbose_name is None:
            self.verbose_name = self.name.replace("_", " ")

    def get_attname(self) -> str:
        """The attribute that holds the value."""
        return self.name

    def get_attname_column(self) -> tuple[str, str | None]:
        """The attribute and the column; a column of None makes a field without one."""
        attname = self.get_attname()
        return (attname, self.db_column or self.get_default_column(attname))

    def get_default_column(self, attname: str) -> str | None:
        """The column where ``db_column`` says nothing."""
        return attname

    @property
    def related_model(self) -> Any:
        """The model that a relation refers to; None for other fields."""
        return None

    @property
    def unique(self) -> bool:
        """Whether no two rows may have the same value; true of every primary key."""
        return self._unique or self.primary_key

    @property
    def label(self) -> str:
        """``app.Model.field``, or the class name while the field belongs to no model."""
        if self.model is None:
            return f"<{type(self).__name__}>"
        return f"{self.model._meta.label}.{self.name}"

    def __str__(self) -> str:
        return self.label

    def __repr__(self) -> str:
        name = self.__dict__.get("name")
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return f"<{path}: {name}>" if name else f"<{path}>"

    # -- copying and serialising --------------------------------------------------------------------------------------

    def clone(self) -> Self:
        """An unattached copy: same options, no model. Used for fields that children inherit."""
        made = copy.copy(self)
        made.model = None
        made._sql_types = {}
        return made

    def __copy__(self) -> Self:
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        return made

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        made = copy.copy(self)
        memo[id(self)] = made
        return made

    def __reduce__(self) -> tuple[object, ...]:
        if self.model is None:
            return (_restore_field, (type(self), {**self.__dict__, "_sql_types": {}}))
        return (_model_field, (self.model, self.name))

    def deconstruct(self) -> Deconstructed:
        """``(name, path, args, kwargs)``: what builds an equal field again; only options that differ from the defaults."""
        module = type(self).__module__
        if module.startswith("dorm.fields."):
            module = "dorm.fields"
        kwargs: dict[str, Any] = {}
        for option, unset in {**COMMON_OPTIONS, **self._class_options()}.items():
            value = self._option(option)
            if value is unset or (type(value) is type(unset) and value == unset):
                continue
            kwargs[option] = list(value) if option == "validators" else value
        return (self.__dict__.get("name"), f"{module}.{type(self).__qualname__}", [], kwargs)

    @classmethod
    def _class_options(cls) -> dict[str, object]:
        merged: dict[str, Any] = {}
        for base in reversed(cls.__mro__):
            merged.update(base.__dict__.get("own_options", {}))
        return merged

    def _option(self, option: str) -> Any:
        match option:
            case "verbose_name":
                return self._given_verbose_name
            case "unique":
                return self._unique
            case "choices":
                return self._given_choices
            case "default" if self.choice_enum is not None and isinstance(self.default, Enum):
                return self.default.value
            case "validators":
                return self._own_validators
            case "error_messages":
                return self._error_messages or None
            case _:
                return getattr(self, option)

    # -- values -------------------------------------------------------------------------------------------------------

    def to_python(self, value: Any) -> Any:
        """The value as this field keeps it, from anything that may be assigned; None stays None.

        :raises ValidationError: with a plain message, when the value cannot be understood.
        """
        return value

    def converted(self, value: object) -> Any:
        """:meth:`to_python`, then members of the enumeration that was given as ``choices``."""
        value = self.to_python(value)
        if self.choice_enum is not None and value is not None:
            return _member(self.choice_enum, value)
        return value

    def get_prep_value(self, value: Any) -> Any:
        """The value for a lookup or a bound parameter, from anything the user may compare with.

        :raises ValidationError: naming the field, when the value does not fit.
        """
        if value is None or isinstance(value, Expression):
            return value
        try:
            value = self.to_python(value)
        except ValidationError as problem:
            raise ValidationError(f"{self.label}: {_plain_message(problem)}", code=problem.code) from problem
        return value.value if isinstance(value, Enum) and self.choice_enum is not None else value

    def get_db_prep_save(self, value: Any, connection: Any = None) -> Any:
        return (
            value if isinstance(value, Expression) else self._user_value(value, connection=connection, prepared=False)
        )

    @property
    def prepares(self) -> bool:
        """Whether :meth:`pre_save` does more than read the value, so that a save has to call it."""
        return type(self).pre_save is not Field.pre_save

    def pre_save(self, instance: Any, add: bool) -> Any:
        """The value to write, taken from the instance just before; ``add`` is true for an INSERT."""
        return getattr(instance, self.attname)

    def value_from_object(self, instance: Instance) -> Any:
        return getattr(instance, self.attname)

    def value_to_string(self, instance: Instance) -> str:
        return str(self.value_from_object(instance))

    def save_form_data(self, instance: Instance, data: object) -> None:
        setattr(instance, self.name, data)

    # -- defaults -----------------------------------------------------------------------------------------------------

    def has_default(self) -> bool:
        return self.default is not NOT_PROVIDED

    def has_db_default(self) -> bool:
        return self.db_default is not NOT_PROVIDED

    def get_default(self, instance: Instance | None = None) -> Any:
        """The value of an attribute that was left out: the default, called afresh when it is callable.

        A callable with one positional parameter is given ``instance``.
        """
        default = self.default
        if default is not NOT_PROVIDED:
            if callable(default):
                return default(instance) if self.default_takes_instance else default()
            return default
        if self.empty_strings_allowed and not self.null:
            return ""
        return None

    # -- lookups ------------------------------------------------------------------------------------------------------

    @classmethod
    def register_lookup(cls, lookup: Any, lookup_name: str | None = None) -> Any:
        """Give this class and its subclasses a lookup or transform; usable as a decorator. Returns ``lookup``."""
        name = lookup_name or lookup.lookup_name
        if isinstance(lookup, type) and issubclass(lookup, Expression):
            lookup_registry.add_transform(cls, name, lookup)
        else:
            lookup_registry.add_lookup(cls, name, lookup() if isinstance(lookup, type) else lookup)
        return lookup

    @classmethod
    def _unregister_lookup(cls, lookup: Any, lookup_name: str | None = None) -> None:
        lookup_registry.remove(cls, lookup_name or lookup.lookup_name)

    @classmethod
    def get_lookups(cls) -> Mapping[str, object]:
        """Every lookup and transform of this class by name."""
        return {name: cls._found_lookup(name) for name in lookup_registry.names_for(cls)}

    @classmethod
    def _found_lookup(cls, name: str) -> Any:
        return lookup_registry.find_lookup(cls, name) or lookup_registry.find_transform(cls, name)

    def get_lookup(self, name: str) -> Lookup | None:
        """The lookup class called ``name``, or None."""
        return lookup_registry.find_lookup(type(self), name)

    def get_transform(self, name: str) -> Any:
        """The transform called ``name``, or None."""
        return lookup_registry.find_transform(type(self), name)

    def get_internal_type(self) -> str:
        """The name of the nearest class of this package."""
        for base in type(self).__mro__:
            if base.__module__.startswith("dorm.fields"):
                return base.__name__
        return type(self).__name__


def takes_instance(default: object) -> bool:
    """Whether a callable default has exactly one required positional parameter."""
    if default is NOT_PROVIDED or not callable(default) or isinstance(default, type):
        return False
    try:
        parameters = inspect.signature(default).parameters.values()
    except (TypeError, ValueError):
        # builtins without a signature take nothing
        return False
    required = [
        p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    return len(required) == 1


def _member(enum: type[Enum], value: object) -> Any:
    if value is None or value is NOT_PROVIDED:
        return value
    try:
        return enum(value)
    except ValueError:
        # full_clean() reports an invalid choice
        return value


def _callables(given: object) -> tuple[Callable[[object], object], ...]:
    """The ``validators`` of a field."""
    if isinstance(given, str) or not isinstance(given, Iterable) or not all(map(callable, found := tuple(given))):
        raise TypeError(f"validators must be a list of functions that take the value, not {given!r}.")
    return found


def _plain_message(problem: ValidationError) -> str:
    return problem.message if isinstance(problem.message, str) else "; ".join(problem.messages)


def _model_field(model: type[Instance], name: str) -> Field:
    return model._meta.get_field(name)


def _restore_field(cls: type[Field], state: dict[str, object]) -> Field:
    made = object.__new__(cls)
    made.__dict__.update(state)
    return made


__all__ = ["COMMON_OPTIONS", "Field"]
