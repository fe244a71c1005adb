"""The constructor of a model, generated for each class.

``Author(name="Ada", age=36)`` runs once for every row a program creates, so each model gets an ``__init__`` written for
its fields: keyword arguments land in local variables, values of the expected class are stored untouched, everything
else goes through the field's conversion. The text is made on first use of the class.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from dorm.db.masking import shown
from dorm.exceptions import ValidationError
from dorm.fields.base import takes_instance
from dorm.meta.options import Options
from dorm.meta.registry import registries
from dorm.meta.roots import root_of
from dorm.models.assignment import converter, exact_types, is_expression, key_converter
from dorm.models.state import ModelState
from dorm.signals import post_init, pre_init
from dorm.utils.codegen import define, is_plain_name, quoted
from dorm.utils.suggest import hint

if TYPE_CHECKING:
    from dorm.fields.base import Field
    from dorm.fields.instances import Instance


class _Missing:
    """An argument that was not given."""

    def __repr__(self) -> str:
        return "<not given>"


MISSING = _Missing()


def initialise(instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Run the generated constructor of the instance's class, making it first when there is none yet.

    :raises TypeError: for an abstract model, and for arguments the model does not know.
    """
    cls = type(instance)
    options: Options = cls._meta
    if options.abstract:
        raise TypeError(f"{cls.__name__} is abstract: make an instance of a model that inherits from it.")
    announced = pre_init.connected or post_init.connected
    generated = options.derived(("constructor", announced), _made_constructor, cls, announced)
    # A user-defined __init__ stays in charge and reaches the generated one through super().
    if getattr(cls.__init__, "_of_every_model", False):
        cls.__init__ = generated
    generated(instance, *args, **kwargs)


def _made_constructor(cls: type, announced: bool) -> Callable[..., None]:
    generated = generate_init(cls)
    return _announced(cls, generated) if announced else generated


def _announced(cls: type, generated: Callable[..., None]) -> Callable[..., None]:
    """The constructor with `pre_init` and `post_init` around it, while these signals have receivers."""

    def __init__(self: Any, /, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        pre_init.send(cls, args=args, kwargs=kwargs)
        generated(self, *args, **kwargs)
        post_init.send(cls, instance=self)

    announced: Any = __init__
    announced._of_every_model = True
    return announced


def forget_constructor(cls: type[Any]) -> None:
    """Make the constructor be generated again on next use, because fields or receivers have changed."""
    if getattr(cls.__dict__.get("__init__"), "_of_every_model", False):
        del cls.__init__


def forget_constructors() -> None:
    """`forget_constructor` for every model."""
    for registry in registries():
        for model in registry.models(include_auto_created=True):
            forget_constructor(model)


pre_init.on_change = post_init.on_change = forget_constructors


def _after_model(cls: type) -> Callable[[object], None] | None:
    """The next ``__init__`` behind `Model` in the order of classes, when a mixin listed after it has one."""
    classes, root = iter(cls.__mro__), root_of(cls)
    for base in classes:
        if base is root:
            break
    return next((vars(base)["__init__"] for base in classes if "__init__" in vars(base) and base is not object), None)


def generate_init(cls: type[Any]) -> Callable[..., None]:
    """Write and compile ``__init__`` for the concrete fields of a model."""
    text = _InitText(cls)
    generated: Any = define("__init__", text.source(), text.scope, f"constructor of {cls._meta.label}")
    generated.__globals__["again_"] = generated
    generated.__qualname__ = f"{cls.__qualname__}.__init__"
    generated.__module__ = cls.__module__
    generated._of_every_model = True
    return generated


class _InitText:
    """Collects the lines of one constructor. Helper names end in ``_``, which no field's name may."""

    def __init__(self, cls: type[Any]) -> None:
        self.model = cls
        self.scope: dict[str, Any] = {
            "M_": MISSING,
            "new_": object.__new__,
            "State_": ModelState,
            "extra_names_": _assign_extra,
            "Invalid_": ValidationError,
            "refuse_": _refuse_values,
            "model_": cls,
        }
        self.parameters: list[str] = []
        self.reserved: list[str] = []
        self.before: list[str] = []
        self.after: list[str] = []
        self.stored: list[str] = []
        self.positional: list[tuple[str, str]] = []
        for number, field in enumerate(cls._meta.concrete_fields):
            self._add(number, field)

    def _add(self, number: int, field: Field) -> None:
        if field.is_relation:
            self._add_relation(number, field)
        else:
            self._add_plain(number, field)

    def _parameter(self, number: int, name: str) -> str:
        """The local variable of an argument; a name that Python reserves arrives in ``extra_``."""
        if not is_plain_name(name):
            local = f"reserved{number}_"
            self.reserved.append(f"{local} = extra_.pop({quoted(name)}, M_) if extra_ else M_")
            return local
        self.parameters.append(name)
        return name

    def _add_plain(self, number: int, field: Field) -> None:
        local = self._parameter(number, field.name)
        self.positional.append((field.name, local))
        self.scope[f"convert{number}_"] = converter(field)
        default = self._default(number, field)
        exact = self._exact(number, field, local)
        if default is None:
            self._add_deferred(number, field, local)
            return
        if exact is None:
            self.before.append(f"{local} = {default} if {local} is M_ else convert{number}_({local})")
        else:
            self.before.append(f"if {exact}: {local} = {default} if {local} is M_ else convert{number}_({local})")
        self.stored.append(f"values_[{quoted(field.attname)}] = {local}")
        if field.primary_key and field.has_default():
            # save() inserts a key that came from the default at once; one that the caller chose is looked for first
            self.before.insert(-1, f"fresh_key_ = {local} is M_")
            self.after.append(f"if fresh_key_: values_['_state'].default_key = {local}")

    def _add_relation(self, number: int, field: Any) -> None:
        relation = self._parameter(number, field.name)
        key = self._parameter(number, field.attname)
        self.positional.append((field.name, relation))
        self.scope[f"convert{number}_"] = key_converter(field)
        self.scope[f"relate{number}_"] = self.model._setters[field.name]
        default = self._default(number, field)
        if default is None:
            default = "M_"
            if field.has_default():
                self.scope[f"default{number}_"] = field.get_default
                self.scope[f"fill{number}_"] = _filling(field, self.model._setters)
                self.after.append(f"if {relation} is M_ and {key} is M_: fill{number}_(self_, default{number}_(self_))")
        self.before.append(
            f"if {key} is not None: {key} = ({default} if {relation} is M_ else None) if {key} is M_ "
            f"else convert{number}_({key})"
        )
        store = f"values_[{quoted(field.attname)}] = {key}"
        self.stored.append(f"if {key} is not M_: {store}" if default == "M_" else store)
        self.scope[f"agree{number}_"] = _agreeing(field, self.model._setters[field.name])
        self.after.append(
            f"if {relation} is not M_: relate{number}_(self_, {relation}) if {key} is None "
            f"else agree{number}_(self_, {relation}, {key})"
        )

    def _add_deferred(self, number: int, field: Field, local: str) -> None:
        """A field whose default needs the rest of the instance, or is the database's."""
        if not field.has_default():
            self.stored.append(f"if {local} is not M_: values_[{quoted(field.attname)}] = convert{number}_({local})")
            return
        self.scope[f"default{number}_"] = field.get_default
        self.stored.append(f"values_[{quoted(field.attname)}] = None if {local} is M_ else convert{number}_({local})")
        self.after.append(
            f"if {local} is M_: values_[{quoted(field.attname)}] = convert{number}_(default{number}_(self_))",
        )

    def _exact(self, number: int, field: Field, local: str) -> str | None:
        """The condition under which a value needs conversion, or None when every value does."""
        exact = exact_types(field)
        if not exact:
            accepts = getattr(field, "accepts", None)
            if accepts is None:
                return None
            self.scope[f"accepts{number}_"] = accepts
            return f"{local}.__class__ is not str or not accepts{number}_({local})"
        if len(exact) == 1:
            self.scope[f"class{number}_"] = exact[0]
            test = f"{local}.__class__ is not class{number}_"
        else:
            self.scope[f"class{number}_"] = frozenset(exact)
            test = f"{local}.__class__ not in class{number}_"
        return f"{test} and {local} is not None" if field.null or field.primary_key else test

    def _default(self, number: int, field: Field) -> str | None:
        """The source of the default, or None when it needs the other values to be stored first."""
        name = f"default{number}_"
        if not field.has_default():
            if is_filled_by_database(field):
                return None
            self.scope[name] = field.get_default()
            return name
        default = field.default
        if callable(default):
            if takes_instance(default):
                return None
            self.scope[name] = default
            return f"convert{number}_({name}())"
        value = self.scope[f"convert{number}_"](default)
        try:
            hash(value)
        except TypeError:  # a mutable default would be shared by all instances
            self.scope[name] = default
            return f"convert{number}_({name})"
        self.scope[name] = value
        return name

    def source(self) -> str:
        names = ", ".join(f"{name}=M_" for name in self.parameters)
        given = ", ".join(f"({quoted(name)}, {local})" for name, local in self.positional)
        self.scope["place_"] = self._placer()
        lines = [
            f"def __init__(self_, /, *args_, {names}{', ' if names else ''}**extra_):",
            *self.reserved,
            "if args_:",
            f"    place_(again_, self_, args_, ({given}{',' if given else ''}), {self._others()}, extra_)",
            "    return",
            "values_ = self_.__dict__",
            "values_['_state'] = new_(State_)",
            "try:",
            *(f"    {line}" for line in self.before),
            *(f"    {line}" for line in self.stored),
            *(f"    {line}" for line in self.after),
            "    if extra_: extra_names_(model_, self_, extra_)",
            "except Invalid_ as problem_:",
            f"    refuse_(model_, problem_, {self._given()}, extra_)",
        ]
        after = _after_model(self.model)
        if after is not None:
            self.scope["next_"] = after
            lines.append("next_(self_)")
        return "\n    ".join(lines) + "\n"

    def _given(self) -> str:
        """All arguments by name."""
        names = {**dict(self.positional), **{name: name for name in self.parameters}}
        return "{" + ", ".join(f"{quoted(name)}: {local}" for name, local in names.items()) + "}"

    def _others(self) -> str:
        """The arguments without a position: the keys of relations."""
        placed = {local for _, local in self.positional}
        others = [name for name in self.parameters if name not in placed]
        return "{" + ", ".join(f"{quoted(name)}: {name}" for name in others) + "}"

    def _placer(self) -> Callable[..., None]:
        fields = {field.name: field for field in self.model._meta.concrete_fields}
        model = self.model

        def place(
            generated: Callable[..., None],
            instance: Any,
            args: tuple[Any, ...],
            given: tuple[tuple[str, Any], ...],
            others: Any,
            extra: Any,
        ) -> None:
            kwargs = {name: value for name, value in [*given, *others.items()] if value is not MISSING} | extra
            kwargs.update(_placed(model, fields, args, kwargs))
            generated(instance, **kwargs)

        return place


def _placed(model: type[Any], fields: dict[str, Any], args: tuple[Any, ...], given: dict[str, Any]) -> dict[str, Any]:
    """Positional arguments by the name of their field."""
    if len(args) > len(fields):
        raise TypeError(
            f"{model.__name__} takes at most {len(fields)} positional arguments ({', '.join(fields)}); "
            f"{len(args)} were given."
        )
    placed: dict[str, Any] = {}
    for value, (name, field) in zip(args, fields.items(), strict=False):
        if name in given or (field.primary_key and "pk" in given):
            raise TypeError(f"{model.__name__}() got both positional and keyword arguments for field {name!r}.")
        if field.is_relation:
            placed[name] = value
            continue
        try:
            placed[name] = converter(field)(value)
        except ValidationError as error:
            raise TypeError(
                f"{model.__name__} takes positional arguments in the order {', '.join(fields)}, and {shown(name, value)} does not "
                f"fit {name!r} ({'; '.join(error.messages)}). Keyword arguments are safer: "
                f"{model.__name__}({list(fields)[min(1, len(fields) - 1)]}=…)."
            ) from error
    return placed


def is_filled_by_database(field: Field) -> bool:
    """Whether the database supplies the value of a new row when the instance has none."""
    return field.has_db_default() or getattr(field, "generated", False)


def _refuse_values(
    model: type[Instance], first: ValidationError, given: dict[str, object], extra: dict[str, object]
) -> NoReturn:
    """Raise one error about all invalid arguments, not only about the first."""
    problems: dict[str, list[ValidationError]] = {}
    key = model._meta.pk
    for field in model._meta.concrete_fields:
        convert = key_converter(field) if field.is_relation else converter(field)
        names = (field.name, field.attname) if field.is_relation else (field.name,)
        values = [given.get(name, MISSING) for name in names]
        if field is key and "pk" in extra:
            values.append(extra["pk"])
        for value in values:
            if value is MISSING or hasattr(value, "_meta"):
                continue
            try:
                convert(value)
            except ValidationError as problem:
                problem.update_error_dict(problems)
    if len(problems) < 2:
        raise first
    raise ValidationError(problems, code=first.code) from first


def _assign_extra(model: type[Any], instance: Instance, extra: dict[str, object]) -> None:
    """Handle arguments other than fields: ``pk``, and settable attributes of the class."""
    unknown = []
    for name, value in extra.items():
        if name == "pk":
            _assign_key(model, instance, value)
        elif name in model._setters or is_settable(model, name):
            setattr(instance, name, value)
        else:
            unknown.append(name)
    if unknown:
        _refuse(model, unknown)


def _assign_key(model: type[Instance], instance: Instance, value: object) -> None:
    """Set ``pk``, which may have been given under the key's own name as well.

    :raises TypeError: naming both, when they differ.
    """
    key, values = model._meta.pk, instance.__dict__
    given = values.get(key.attname)
    left_out = values["_state"].default_key if key.has_default() else key.get_default()
    instance.pk = value
    if given is not None and not _same(given, left_out) and not _same(given, values.get(key.attname)):
        raise TypeError(f"{model.__name__}() got pk={value!r} and {key.attname}={given!r}: give the key once.")


def _filling(field: Field, setters: dict[str, Callable[[object, object], None]]) -> Callable[[Any, object], None]:
    """The setter of a default: of the key, when the database computes it, else of the relation."""

    def fill(instance: Instance, value: object) -> None:
        setters[field.attname if is_expression(value) else field.name](instance, value)

    return fill


def _agreeing(field: Field, relate: Callable[[object, object], None]) -> Callable[[Any, Any, object], None]:
    """The setter of a relation that was given together with its key."""

    def relate_both(instance: Instance, value: object, key: object) -> None:
        relate(instance, value)
        if not _same(instance.__dict__.get(field.attname), key):
            raise TypeError(
                f"{type(instance).__name__}() got {field.name}={value!r} and {field.attname}={key!r}, which differ: "
                f"give one of them."
            )

    return relate_both


def _same(one: object, other: Any) -> bool:
    return one is other or (not is_expression(one) and not is_expression(other) and bool(one == other))


def is_settable(model: type, name: str) -> bool:
    """Whether the class has a property with a setter, a descriptor or a plain attribute of that name."""
    attribute = inspect.getattr_static(model, name, MISSING)
    if attribute is MISSING or name.startswith("_") or isinstance(attribute, (staticmethod, classmethod)):
        return False
    if isinstance(attribute, property):
        return attribute.fset is not None
    if getattr(attribute, "refuses_assignment", False):
        return False
    if hasattr(type(attribute), "__set__"):
        return True
    return not callable(attribute) and not hasattr(attribute, "contribute_to_class")


def _refuse(model: type, names: list[str]) -> NoReturn:
    for name in names:
        if getattr(inspect.getattr_static(model, name, None), "refuses_assignment", False):
            raise TypeError(
                f"{model.__name__} cannot be made with {name!r}: save the instance first, then call .{name}.set(…)."
            )
    listed = ", ".join(map(repr, names))
    raise TypeError(f"{model.__name__}() got unexpected keyword arguments: {listed}. {hint(names[0], _names(model))}")


def _names(model: type[Any]) -> Iterable[str]:
    return [field.name for field in model._meta.concrete_fields]
