"""Verbs that write: create and its variants, update, delete. The bulk verbs are in ``bulk``."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dorm.exceptions import FieldDoesNotExist, FieldError, IntegrityError, ValidationError
from dorm.expressions.base import as_operand, is_operand
from dorm.query.describe.base import M, R, root_of, with_state
from dorm.query.describe.names import Names
from dorm.query.describe.related_values import key_value
from dorm.query.describe.state import QueryState
from dorm.query.run.aliases import rows_of, write_alias
from dorm.query.run.reading import Reading
from dorm.query.write.related_keys import forget_half_made
from dorm.utils.lazy import lazy_import
from dorm.utils.suggest import hint

if TYPE_CHECKING:
    from dorm.db import transactions
    from dorm.meta.options import Options
    from dorm.query.write import row_writes
else:
    transactions = lazy_import("dorm.db.transactions", globals())
    row_writes = lazy_import("dorm.query.write.row_writes", globals())


class Writing(Reading[M, R]):
    """The writing verbs of a queryset."""

    def create(self, **values: Any) -> M:
        """Build an instance and insert it.

        :raises DuplicateError: which is a ``ValidationError`` and an ``IntegrityError``, for a value that must be
            unique.
        """
        root = root_of(self)
        made = root._new(values)
        made.save(force_insert=True, using=write_alias(root))
        return made

    def _new(self, values: dict[str, Any]) -> Any:
        """A new instance of the values that a verb was given.

        :raises ValueError: for the reverse side of a one-to-one relation: that column stands in the other table.
        """
        model: Any = self.model
        if not values.keys() <= model._setters.keys():
            for name in values:
                if getattr(model._meta.names.get(name), "one_to_one", False) and name not in model._setters:
                    raise ValueError(
                        f"The following fields do not exist in this model: {name}. {model.__name__}.{name} is kept by the "
                        f"other side of the relation: create the {model.__name__}, then give it to that one."
                    )
        try:
            return model(**values)
        except BaseException:
            forget_half_made(model._meta, values)
            raise

    def get_or_create(self, defaults: dict[str, Any] | None = None, **lookups: Any) -> tuple[M, bool]:
        """The one row, or a new one. Safe when somebody inserts the same row at the same time.

        :param defaults: further values of a new row; callables are called.
        :returns: ``(instance, created)``.
        """
        root = root_of(self)
        alias = write_alias(root)
        found = root.using(alias)
        rows = found._at_most_two((), lookups)
        if len(rows) == 1:
            return rows[0], False
        if rows:
            found.get(**lookups)
        return root._create_or_get(found, lookups, new_values(root.state, lookups, defaults or {}), alias)

    def _create_or_get(
        self, found: Any, lookups: dict[str, Any], values: dict[str, Any], alias: str
    ) -> tuple[Any, bool]:
        try:
            with transactions.atomic(alias):
                made = self._new(values)
                made._state.unique_checked = True
                made.save(force_insert=True, using=alias)
        except IntegrityError:
            # after a lost race the winner's row exists; after any other violation there is none
            rows = with_state(found, found.state)._at_most_two((), lookups)
            if not rows:
                raise
            return (rows[0] if len(rows) == 1 else found.get(**lookups)), False
        return made, True

    def exists_or_create(self, defaults: dict[str, object] | None = None, **lookups: object) -> tuple[bool, M]:
        """Like :meth:`get_or_create`, with the opposite flag, which comes first.

        :returns: ``(existed, instance)``.
        """
        instance, created = root_of(self).get_or_create(defaults, **lookups)
        return not created, instance

    def update_or_create(
        self,
        defaults: dict[str, Any] | None = None,
        create_defaults: dict[str, Any] | None = None,
        **lookups: Any,
    ) -> tuple[M, bool]:
        """Update the one row, or insert a new one. Race-safe; on update only ``defaults`` are saved.

        :param create_defaults: values of a new row instead of ``defaults``.
        :returns: ``(instance, created)``.
        """
        root = root_of(self)
        alias = write_alias(root)
        update = defaults or {}
        check_settable(root.state, update)
        with transactions.atomic(alias):
            found = root.using(alias).select_for_update()
            rows = found._at_most_two((), lookups)
            if len(rows) > 1:
                found.get(**lookups)
            if rows:
                instance, created = rows[0], False
            else:
                values = new_values(root.state, lookups, update if create_defaults is None else create_defaults)
                instance, created = root._create_or_get(found, lookups, values, alias)
            if not created and update:
                assign(instance, update)
                names = saved_names(root.state.opts, update)
                if names is None:
                    instance.save(using=alias)
                elif names:
                    # automatic times too, as in Django
                    names = [
                        *names,
                        *(f.name for f in root.state.opts.concrete_fields if f.prepares and not f.primary_key),
                    ]
                    instance.save(using=alias, update_fields=names)
        return instance, created

    create_or_update = update_or_create

    def update(self, *assignments: tuple[str, Any], **values: Any) -> int:
        """Set columns of all rows in one statement. No signals, and automatic times stay as they are.

        :param assignments: typed ones, such as ``Author.age.set(Author.age + 1)``.
        :returns: the number of rows matched.
        :raises FieldDoesNotExist: for an unknown name, or a path over a relation.
        """
        root = root_of(self)
        state: QueryState = root.state
        pairs = [*assignments, *values.items()]
        if state.combined is not None:
            raise TypeError("Cannot update a set operation.")
        if not pairs:
            return 0
        alias = write_alias(root)
        state = row_writes.assigned_state(state, assigned_values(state, pairs))
        count = row_writes.update_state(state.evolve(lock=None, prefetch=()), alias)
        self.__dict__.pop("_result_cache", None)
        return count

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the rows by the rules of ``on_delete``. No signals.

        :returns: ``(total, {label: number})``; ``(0, {})`` when nothing matched.
        :raises ProtectedError: when a referring row forbids it; nothing is deleted then.
        """
        root = root_of(self)
        state: QueryState = root.state
        if state.combined is not None or state.row != "instance":
            raise TypeError("Cannot call delete() after .values() or .values_list(), or on a set operation.")
        if isinstance(state.distinct, tuple):
            raise TypeError("Cannot call delete() after .distinct(*fields).")
        if state.empty:
            return 0, {}
        alias = write_alias(root)
        opts = state.opts
        collector = type(opts.model).collector(opts.model)
        bare = state.evolve(lock=None, prefetch=(), select_related=(), using=alias)
        if collector.is_direct(opts):
            count = row_writes.delete_state(bare, alias)
            result = (count, {opts.label: count}) if count else (0, {})
        else:
            with transactions.atomic(alias):
                keys = rows_of(with_state(root, bare)._values("flat", ("pk",), {}))
                collection = collector(alias, signals=False)
                collection.collect_keys(opts, keys)
                result = collection.delete()
        self.__dict__.pop("_result_cache", None)
        return result


def new_values(state: QueryState, lookups: dict[str, object], defaults: dict[str, object]) -> dict[str, object]:
    """The values of a new row: plain equality lookups, and the defaults with callables called.

    :raises FieldError: for a default that is not a field of the model.
    """
    values = {name: value for name, value in lookups.items() if "__" not in name}
    check_settable(state, defaults)
    values.update({name: value() if callable(value) else value for name, value in defaults.items()})
    return values


def check_settable(state: QueryState, values: dict[str, object]) -> None:
    """Refuse names that are not columns of the model.

    :raises FieldDoesNotExist: naming them.
    :raises TypeError: for anything but a mapping.
    """
    if not isinstance(values, Mapping):
        raise TypeError(f"Values are given as a dict by field, not as {type(values).__name__}.")
    opts = state.opts
    for name in values:
        attribute = inspect.getattr_static(opts.model, name, None)
        if name == "pk" or name in opts.names or (isinstance(attribute, property) and attribute.fset is not None):
            continue
        raise FieldDoesNotExist(
            f"Invalid field name(s) for model {opts.object_name}: '{name}'. {hint(name, sorted(opts.names))}"
        )


def saved_names(opts: Options, values: dict[str, Any]) -> list[str] | None:
    """The fields to save after setting ``values``; None for all, when a value is not a column."""
    names = []
    for name in values:
        field = opts.pk if name == "pk" else opts.names.get(name)
        if field is None or not getattr(field, "concrete", False):
            return None
        names.append(field.name)
    return names


def assign(instance: object, values: Mapping[str, Any]) -> None:
    """Set attributes of an instance; callables are called for their value.

    :raises ValidationError: by field, for all values that do not fit, as the constructor's.
    """
    wrong: dict[str, list[ValidationError]] = {}
    problems = []
    for name, value in values.items():
        try:
            setattr(instance, name, value() if callable(value) else value)
        except ValidationError as problem:
            problems.append(problem)
            problem.update_error_dict(wrong)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise ValidationError(dict(wrong), code=problems[0].code) from problems[0]


def assigned_values(state: QueryState, pairs: Iterable[tuple[str, Any]]) -> dict[Any, Any]:
    """The new values of an UPDATE by field, converted.

    :raises FieldDoesNotExist: for a name that is not a column of the model.
    :raises FieldError: for one that is not a column of this row, and for a column that gets two values.
    :raises ValidationError: by field, for all values that do not fit, as the constructor's.
    """
    opts = state.opts
    names = Names(state)
    found: dict[Any, Any] = {}
    wrong: dict[str, ValidationError] = {}
    for name, value in pairs:
        # as in Django, "pk" is not a column here: a key is changed under its own name
        item = opts.names.get(name)
        if item is None:
            raise FieldDoesNotExist(
                f"{opts.object_name} has no field named '{name}' that update() could set. "
                f"{hint(name, [f.name for f in opts.concrete_fields])}"
            )
        if not getattr(item, "concrete", False):
            raise FieldError(
                f"Cannot update model field '{name}' of {opts.object_name} (only non-relations and foreign keys "
                "permitted): use the relation's manager."
            )
        if item in found:
            raise FieldError(
                f"update() got two values for the column '{item.column}' of {opts.object_name}: name it once."
            )
        if is_operand(value):
            found[item] = as_operand(value).resolve(names)
        else:
            if item.is_relation:
                value = key_value(item, item, value, "exact")
            try:
                value = None if value is None else item.get_prep_value(value)
                found[item] = value if value is None else item.checked(value)
            except ValidationError as problem:
                plain = problem.__cause__
                if isinstance(plain, ValidationError) and problem.messages[0].startswith(f"{item.label}: "):
                    problem = plain
                wrong[item.name] = problem
    if wrong:
        first = next(iter(wrong.values()))
        raise ValidationError(dict(wrong), code=first.code) from first
    return found
