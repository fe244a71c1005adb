"""Checks of a model's declaration; names of fields are checked by the metaclass."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dorm.exceptions import ImproperlyConfigured
from dorm.expressions.base import is_operand
from dorm.expressions.ordering import OrderBy
from dorm.fields.auto import AutoField
from dorm.utils.identifiers import LIMIT, check_identifier
from dorm.utils.suggest import hint

if TYPE_CHECKING:
    from dorm.fields.relations import Relation
    from dorm.meta.registry import Registry


def ordering_list(label: str, given: object) -> list[object]:
    """``ordering`` as a list.

    :raises ImproperlyConfigured: when it is a text, not a list, or holds something that cannot order rows.
    """
    if given is None:
        return []
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ImproperlyConfigured(f"{label}: ordering must be a list of names, such as [{given!r}], not {given!r}.")
    for term in given:
        if not isinstance(term, (str, OrderBy)) and not is_operand(term):
            raise ImproperlyConfigured(f"{label}: ordering takes names and expressions, not {term!r}.")
    return list(given)


def registry_of(name: str, given: Mapping[str, object], concrete_model: Any, default: Registry) -> Registry:
    """The registry that a model joins: the one that its options name, that of the model a proxy stands for, or ``default``.

    :raises ImproperlyConfigured: for anything but a registry, and for a proxy that is to be in another one than its model.
    """
    wanted = given.get("registry")
    if wanted is not None and not isinstance(wanted, type(default)):
        raise ImproperlyConfigured(f"{name}: registry must be a Registry, not {wanted!r}.")
    if concrete_model is None:
        return default if wanted is None else wanted
    shared: Registry = concrete_model._meta.registry
    if wanted is not None and wanted is not shared:
        raise ImproperlyConfigured(
            f"{name} is a proxy of {concrete_model.__name__} and belongs to its registry, {shared!r}, not to {wanted!r}."
        )
    return shared


def field_sets(label: str, given: object) -> tuple[tuple[str, ...], ...]:
    """``unique_together`` as a tuple of tuples; one flat tuple means one set.

    :raises ImproperlyConfigured: for anything that is not a sequence of names.
    """
    if not given:
        return ()
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ImproperlyConfigured(f"{label}: unique_together must be a list of tuples of field names, not {given!r}.")
    sets = list(given)
    if all(isinstance(item, str) for item in sets):
        sets = [tuple(sets)]
    for names in sets:
        known = isinstance(names, Iterable) and not isinstance(names, str)
        if not known or not all(isinstance(name, str) for name in names):
            raise ImproperlyConfigured(
                f"{label}: unique_together must be a list of tuples of field names, not {given!r}."
            )
    return tuple(tuple(names) for names in sets)


def parts_list(label: str, option: str, given: object, kind: type) -> list[object]:
    """``indexes`` or ``constraints`` as a list of ``kind``.

    :raises ImproperlyConfigured: for anything else.
    """
    if given is None:
        return []
    if not isinstance(given, (list, tuple)) or not all(isinstance(part, kind) for part in given):
        what = "Index objects" if option == "indexes" else "constraints, such as UniqueConstraint(…)"
        raise ImproperlyConfigured(f"{label}: {option} must be a list of {what}, not {given!r}.")
    return list(given)


def check_text(label: str, option: str, given: str | None) -> None:
    """An option that is a name or a comment.

    :raises ImproperlyConfigured: when it is not text.
    """
    if given is not None and not isinstance(given, str):
        raise ImproperlyConfigured(f"{label}: {option} must be text, not {given!r}.")


def check_table_name(options: Any) -> None:
    """Checks that the table's name can be quoted."""
    check_identifier(options.db_table, f"db_table of {options.label}")


def check_fields(options: Any) -> None:
    """Checks names of columns, junction tables and reverse names, that there is one key, and no column twice.

    :raises ImproperlyConfigured: naming the field.
    """
    columns: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    keys = [field for field in options.fields if field.primary_key]
    if len(keys) > 1:
        names = ", ".join(field.name for field in keys)
        raise ImproperlyConfigured(f"{options.label} has several primary keys ({names}); mark one field only.")
    for field in options.fields:
        if isinstance(field, AutoField) and not field.primary_key:
            kind = type(field).__name__
            raise ImproperlyConfigured(
                f"{options.label}.{field.name}: {kind} is a primary key; write {kind}(primary_key=True)."
            )
        if field.concrete:
            check_identifier(field.column, f"db_column of {options.label}.{field.name}")
            # some databases do not distinguish columns by case, even quoted ones
            clash = columns.setdefault(field.column.lower(), field)
            if clash is not field:
                both = f"the column {field.column!r}"
                if clash.column != field.column:
                    both = f"one column for databases that ignore case, {clash.column!r} and {field.column!r}"
                raise ImproperlyConfigured(
                    f"{options.label}: {clash.name} and {field.name} both use {both}; give one of them a db_column."
                )
        for name in {field.name, field.attname}:
            clash = attributes.setdefault(name, field)
            if clash is not field:
                raise ImproperlyConfigured(
                    f"{options.label}: {clash.name} and {field.name} both need the attribute {name!r}; rename one of them."
                )
        if field.is_relation and field.remote_field is not None:
            _check_relation_names(options, field)


def _check_relation_names(options: Any, field: Any) -> None:
    if field.many_to_many and field.db_table is not None:
        check_identifier(field.db_table, f"db_table of {options.label}.{field.name}")
    relation = field.remote_field
    for option in ("related_name", "related_query_name"):
        text = getattr(relation, option)
        if text is None or (option == "related_name" and text.endswith("+")):
            continue
        if options.abstract and "%(" in (getattr(relation, f"given_{option}") or ""):
            continue
        if not text.isidentifier() or len(text.encode()) > LIMIT:
            raise ImproperlyConfigured(
                f"{options.label}.{field.name}: {option} {text!r} must be a Python name of at most {LIMIT} bytes, or '+'."
            )
        if "__" in text or text.endswith("_"):
            raise ImproperlyConfigured(
                f"{options.label}.{field.name}: {option} {text!r} must not contain '__' or end in '_'; lookups separate names by it."
            )


def check_local_references(options: Any) -> None:
    """Checks that the names in unique_together, indexes and constraints are columns of the model.

    :raises ImproperlyConfigured: naming the option and the unknown field.
    """
    for names in options.unique_together:
        for name in names:
            _require_column(options, name, "unique_together")
    taken: set[str] = set()
    for index in options.indexes:
        for name, _ in index.fields_orders:
            if name.isidentifier():
                _require_column(options, name, f"the index {index.name}")
        for name in index.include:
            _require_column(options, name, f"the index {index.name}")
        _require_fresh(options, taken, index.name, "indexes")
    for constraint in options.constraints:
        for name in constraint.field_names():
            _require_column(options, name, f"the constraint {constraint.name}")
        _require_fresh(options, taken, constraint.name, "constraints")
    if isinstance(options.get_latest_by, str):
        options.get_latest_by = options.get_latest_by or None


def _require_fresh(options: Any, taken: set[str], name: str, what: str) -> None:
    if name in taken:
        raise ImproperlyConfigured(f"{options.label}: two {what} are called {name!r}; give each a name of its own.")
    taken.add(name)


def _require_column(options: Any, name: str, where: str) -> None:
    field = options.pk if name == "pk" else options.by_name.get(name)
    if field is None:
        names = [known.name for known in options.concrete_fields]
        raise ImproperlyConfigured(f"{options.label}: {where} names {name!r}, which is no field. {hint(name, names)}")
    if not field.concrete:
        raise ImproperlyConfigured(f"{options.label}: {where} names {name!r}, which has no column.")


def check_ordering(options: Any) -> None:
    """Checks that the first step of every name in ``ordering`` exists; the first query that needs it checks the rest.

    :raises ImproperlyConfigured: naming the term.
    """
    for term in options.ordering:
        if not isinstance(term, str) or term == "?":
            continue
        name = term.removeprefix("-").split("__")[0]
        if name != "pk" and name not in options._names:
            raise ImproperlyConfigured(
                f"{options.label}: ordering names {name!r}, which is no field. {hint(name, options._names)}"
            )


def check_accessor(options: Any, relation: Relation) -> None:
    """Checks that the reverse name of ``relation`` is free on the target.

    :raises ImproperlyConfigured: naming both sides.
    """
    accessor = relation.accessor_name()
    for known in options._reverse:
        if known is relation:
            continue
        names = {*known.query_names, known.accessor_name()} - {None}
        same_accessor = accessor is not None and accessor == known.accessor_name()
        if same_accessor or _given(relation) & names & _given(known):
            raise ImproperlyConfigured(
                f"{relation.field.label} and {known.field.label} both appear on {options.label} as "
                f"{accessor or relation.query_names[0]!r}; give one of them another related_name."
            )
    if accessor is not None and accessor in reserved_names(options.model):
        raise ImproperlyConfigured(
            f"{relation.field.label} would appear on {options.label} as {accessor!r}, which every model has itself; "
            "give it another related_name."
        )
    if accessor is not None and any(manager.name == accessor for manager in options.managers):
        raise ImproperlyConfigured(
            f"{relation.field.label} would appear on {options.label} as {accessor!r}, which is a manager there; "
            "give it another related_name."
        )
    if accessor is not None and accessor in options.by_name:
        raise ImproperlyConfigured(
            f"{relation.field.label} would appear on {options.label} as {accessor!r}, which is a field there; "
            "give it another related_name."
        )


def reserved_names(model: Any) -> frozenset[str]:
    """The attributes of every model, declared or set by the metaclass, which fields and reverse names must not hide."""
    metaclass = type(model)
    root = next(base for base in reversed(model.__mro__) if isinstance(base, metaclass))
    return frozenset({*vars(root), *inspect.get_annotations(root), *inspect.get_annotations(metaclass), "Meta"})


def _given(relation: Relation) -> set[str]:
    """Query names that were chosen explicitly; default names from the model give way silently."""
    return {name for name in (relation.related_query_name, relation.related_name) if name and not name.endswith("+")}
