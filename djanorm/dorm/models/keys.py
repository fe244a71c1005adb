"""``obj.pk``: the alias of the primary key, whatever its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

if TYPE_CHECKING:
    from dorm.expressions.paths import FieldRef
    from dorm.fields.instances import Instance

M = TypeVar("M")


class PrimaryKey:
    """The attribute ``pk``: on the class the key's field, on an instance its value, None before there is one."""

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type[M]) -> FieldRef[Any, M]: ...
        @overload
        def __get__(self, instance: object, owner: Any) -> Any: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...
        def __set__(self, instance: object, value: Any) -> None: ...

    else:

        def __get__(self, instance: Any, owner: Any) -> Any:
            if instance is None:
                options = owner.__dict__.get("_meta")
                return self if options is None or options.pk is None else options.pk
            key = instance._meta.pk
            name = key.attname
            values = instance.__dict__
            return values[name] if name in values else key.value_from_object(instance)

        def __set__(self, instance: Instance, value: object) -> None:
            setattr(instance, instance._meta.pk.attname, value)


if TYPE_CHECKING:

    class ImplicitKey:
        """The automatic ``id`` as type checkers see it: an int, which a model may declare differently."""

        @overload
        def __get__(self, instance: None, owner: type[M]) -> FieldRef[int | Any, M]: ...
        @overload
        def __get__(self, instance: object, owner: Any) -> int | Any: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...
        def __set__(self, instance: object, value: Any) -> None: ...
