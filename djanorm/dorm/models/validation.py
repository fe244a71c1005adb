"""`full_clean()` and its parts: fields, the model's own `clean()`, uniqueness, constraints."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from dorm.constraints import UniqueConstraint
from dorm.db import routers
from dorm.exceptions import NON_FIELD, ValidationError
from dorm.expressions.base import Expression
from dorm.expressions.conditions import Q
from dorm.fields.zones import default_zone, naive_utc, to_utc, use_tz

if TYPE_CHECKING:
    from dorm.fields.base import Field
    from dorm.fields.instances import Instance
    from dorm.meta.options import Options

Problems = dict[str, list[ValidationError]]


class UniqueChecks:
    """The uniqueness rules of a model, except that of the key; built once per class.

    :ivar sets: the fields, and the sets of fields, of which no two rows may have the same values.
    :ivar dated: the field, the date field and the part of the date ("date", "month", "year") per which no two rows may
        have the same value; no constraint of the database, so `save()` does not look for it.
    :ivar custom: whether the model overrides `validate_unique`.
    :ivar needed: whether there is anything to check.
    """

    __slots__ = ("custom", "dated", "needed", "sets")

    def __init__(self, model: type[Any]) -> None:
        options = model._meta.concrete_model._meta
        single = [(field,) for field in options.concrete_fields if field.unique and not field.primary_key]
        self.sets = [*single, *(tuple(options.get_field(name) for name in names) for names in _unique_sets(options))]
        self.dated = [
            (field, options.get_field(name), part)
            for part in ("date", "year", "month")
            for field in options.concrete_fields
            if (name := getattr(field, f"unique_for_{part}"))
        ]
        self.custom = not getattr(model.validate_unique, "_of_every_model", False)
        self.needed = bool(self.sets or self.custom)


def _unique_sets(options: Options) -> Iterator[tuple[str, ...]]:
    seen = set()
    for names in options.unique_together:
        seen.add(tuple(names))
        yield tuple(names)
    for constraint in options.constraints:
        if isinstance(constraint, UniqueConstraint) and constraint.fields and constraint.condition is None:
            names = tuple(constraint.fields)
            if names not in seen:
                seen.add(names)
                yield names


def unique_checks_of(instance: Instance) -> UniqueChecks:
    """The uniqueness checks of the instance's model."""
    model = type(instance)
    checks: UniqueChecks = model._meta.derived(UniqueChecks, UniqueChecks, model)
    return checks


def left_out_names(exclude: Collection[str] | None) -> set[str]:
    """The names in ``exclude``.

    :raises TypeError: for a text, in which any part of a name would be found.
    """
    if isinstance(exclude, str):
        raise TypeError(f"exclude takes a list of names; write [{exclude!r}].")
    return set(exclude or ())


def full_clean(
    instance: Any, exclude: Collection[str] | None, validate_unique: bool, validate_constraints: bool
) -> None:
    """Run every phase and collect the errors; see `Model.full_clean`."""
    problems: Problems = {}
    left_out = left_out_names(exclude)
    try:
        instance.clean_fields(exclude=left_out)
    except ValidationError as error:
        _add(problems, error)
    try:
        instance.clean()
    except ValidationError as error:
        _add(problems, error)
    if validate_unique:
        try:
            instance.validate_unique(exclude=left_out | (problems.keys() - {NON_FIELD}))
        except ValidationError as error:
            _add(problems, error)
    if validate_constraints:
        try:
            instance.validate_constraints(exclude=left_out | (problems.keys() - {NON_FIELD}))
        except ValidationError as error:
            _add(problems, error)
    _complain(problems)


def clean_fields(instance: Instance, exclude: Collection[str] | None) -> None:
    """Convert and check each column's value; see `Model.clean_fields`."""
    problems: Problems = {}
    values = instance.__dict__
    exclude = left_out_names(exclude)
    for field in type(instance)._meta.concrete_fields:
        name = field.attname
        if (exclude and (field.name in exclude or name in exclude)) or name not in values:
            continue
        value = values[name]
        if isinstance(value, Expression) or (value is None and (field.null or _filled_later(field))):
            continue
        if field.blank and value in field.empty_values:
            continue
        try:
            cleaned = field.clean(value, instance)
        except ValidationError as error:
            problems.setdefault(field.name, []).extend(error.error_list)
            continue
        if cleaned is not value:
            setattr(instance, name, cleaned)
    _complain(problems)


def _filled_later(field: Field) -> bool:
    """Whether save() or the database will supply the value."""
    return (
        field.filled_by_database
        or field.has_db_default()
        or getattr(field, "auto_now", False)
        or getattr(field, "auto_now_add", False)
    )


def validate_unique(instance: Instance, exclude: Collection[str] | None) -> None:
    """Look for other rows with the same unique values; see `Model.validate_unique`."""
    excluded = left_out_names(exclude)
    problems: Problems = {}
    code = None
    for check in (_check_sets_and_key, _check_dates):
        try:
            check(instance, excluded)
        except ValidationError as error:
            _add(problems, error)
            code = error.code
    if problems:
        raise ValidationError(_flat(problems), code=code)


def _check_sets_and_key(instance: Instance, excluded: set[str]) -> None:
    """:func:`check_sets`, and the key of an instance that is to become a new row."""
    key = type(instance)._meta.concrete_model._meta.pk
    check_sets(instance, excluded, ((key,),) if instance._state.adding else ())


def check_sets(instance: Instance, excluded: set[str], more: tuple[tuple[Field, ...], ...] = ()) -> None:
    """Look for other rows with the same values in the unique fields of the model, and in ``more`` sets of fields."""
    checks = unique_checks_of(instance)
    wanted: list[tuple[str, tuple[Any, ...], Q[Any]]] = []
    for fields in (*more, *checks.sets):
        condition = _same_values(instance, fields, excluded)
        if condition is not None:
            wanted.append((fields[0].name if len(fields) == 1 else NON_FIELD, fields, condition))
    if not wanted:
        return
    others = other_rows(instance)
    either = wanted[0][2]
    for _, _, condition in wanted[1:]:
        either = either | condition
    if not others.filter(either).exists():
        return
    problems: Problems = {}
    for name, fields, condition in wanted:
        if len(wanted) == 1 or others.filter(condition).exists():
            code = "unique" if name != NON_FIELD else "unique_together"
            problems.setdefault(name, []).append(ValidationError(unique_message(type(instance), fields), code=code))
    if problems:
        raise ValidationError(_flat(problems), code="unique" if NON_FIELD not in problems else "unique_together")


def _check_dates(instance: Instance, excluded: set[str]) -> None:
    """Look for other rows with the same value on the same day, or in the same month or year (Django 5.2)."""
    values = instance.__dict__
    problems: Problems = {}
    for field, dated, part in unique_checks_of(instance).dated:
        value, date = values.get(field.attname), values.get(dated.attname)
        if date is None or isinstance(date, Expression) or (same := _same_values(instance, (field,), excluded)) is None:
            continue
        if dated.name in excluded or not hasattr(date, "year"):
            continue
        if isinstance(date, datetime.datetime):
            date = to_utc(date).astimezone(default_zone()) if use_tz() else naive_utc(date)
        names = ("year", "month", "day") if part == "date" else (part,)
        on = {f"{dated.name}__{name}": getattr(date, name) for name in names}
        if other_rows(instance).filter(same, **on).exists():
            labels = {"field_label": _label(field), "date_field_label": _label(dated), "lookup_type": part}
            problem = field.refuse(value, "unique_for_date", **labels)
            problems.setdefault(field.name, []).append(problem)
    if problems:
        raise ValidationError(_flat(problems), code="unique_for_date")


def _label(field: Any) -> str:
    return str(field.verbose_name).capitalize()


def other_rows(instance: Any) -> Any:
    """The rows of the model other than this instance's, on the alias it would be written to."""
    model, state = type(instance), instance._state
    alias = state.db or routers.db_for_write(model, instance=instance)
    queryset = model._base_manager.using(alias).order_by()
    if not state.adding and instance.pk is not None:
        queryset = queryset.exclude(pk=instance.pk)
    return queryset


def _same_values(instance: Any, fields: tuple[Any, ...], excluded: set[str]) -> Q | None:
    """The condition that a row has the same values, or None when there is nothing to compare."""
    values = instance.__dict__
    lookups = {}
    for field in fields:
        if field.name in excluded or field.attname in excluded:
            return None
        if field.attname not in values and field.has_db_default():
            lookups[field.attname] = field.db_default
            continue
        value = values.get(field.attname)
        if value is None or isinstance(value, Expression):
            return None
        lookups[field.attname] = value
    return Q(**lookups)


def unique_message(model: type[Any], fields: tuple[Any, ...]) -> str:
    """The message for a clash."""
    name = str(model._meta.verbose_name).capitalize()
    if len(fields) == 1:
        field = fields[0]
        return field.error_message("unique", model_name=name, field_label=_label(field))
    labels = [_label(field) for field in fields]
    return f"{name} with this {', '.join(labels[:-1])} and {labels[-1]} already exists."


def validate_constraints(instance: Instance, exclude: Collection[str] | None) -> None:
    """Check the instance against each constraint that can be checked here; see `Model.validate_constraints`."""
    problems: Problems = {}
    exclude = left_out_names(exclude)
    alias = instance._state.db or routers.db_for_write(type(instance), instance=instance)
    for constraint in type(instance)._meta.concrete_model._meta.constraints:
        try:
            constraint.validate(type(instance), instance, exclude=exclude, using=alias)
        except ValidationError as error:
            fields: tuple[Field, ...] = tuple(getattr(constraint, "fields", ()))
            if error.code == "unique" and len(fields) == 1:
                error = ValidationError({fields[0]: error})
            _add(problems, error)
    _complain(problems)


def _add(problems: Problems, error: ValidationError) -> None:
    for name, errors in error.update_error_dict({}).items():
        known = problems.setdefault(name, [])
        known.extend(new for new in errors if all(new.messages != old.messages for old in known))


def _flat(problems: Problems) -> dict[str, object]:
    return {name: errors[0] if len(errors) == 1 else errors for name, errors in problems.items()}


def _complain(problems: Problems) -> None:
    if problems:
        raise ValidationError(_flat(problems))
