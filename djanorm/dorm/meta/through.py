"""The automatic junction model of a many-to-many field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from dorm.fields.deletion_rules import CASCADE
from dorm.fields.related import ForeignKey
from dorm.meta.roots import root_of
from dorm.utils.identifiers import derived

if TYPE_CHECKING:
    from dorm.fields.instances import Instance


def junction_table(field: Any) -> str:
    """The junction's table: ``db_table`` of the field, else ``<table>_<field>``."""
    if field.db_table:
        return cast("str", field.db_table)
    table = field.model._meta.db_table
    return derived(table, f"{table}_{field.name}")


def junction_names(source: type[Instance], target: type[Instance]) -> tuple[str, str]:
    """The names of the two foreign keys: the models' names, told apart by ``from_`` and ``to_`` when they are equal."""
    near, far = source._meta.model_name, target._meta.model_name
    return (f"from_{near}", f"to_{far}") if near == far else (near, far)


def build_through(field: Any) -> type[Instance]:
    """Make the junction model of ``field``, whose target is known.

    Its two foreign keys cascade in the database, the pair is unique, and neither side gets an accessor to it.
    """
    source, target = field.model, field.remote_field.model
    near, far = junction_names(source, target)
    name = f"{source._meta.object_name}_{field.name}"

    def key(to: Any, *, db_index: bool) -> ForeignKey[Any]:
        return ForeignKey(
            to, CASCADE, related_name="+", db_constraint=field.db_constraint, db_index=db_index, auto_created=True
        )

    options = {
        "db_table": junction_table(field),
        "app_label": source._meta.app_label,
        "registry": source._meta.registry,
        "unique_together": [(near, far)],
        "managed": source._meta.managed or target._meta.managed,
        "auto_created": field,
    }
    attributes = {
        "__module__": source.__module__,
        "__qualname__": f"{source.__qualname__}.{field.name}.through",
        "Meta": type("Meta", (), options),
        # the unique pair is an index that begins with this column
        near: key(source, db_index=False),
        far: key(target, db_index=True),
    }
    root = root_of(source)
    kind: Any = type(root)
    return kind(name, (root,), attributes)
