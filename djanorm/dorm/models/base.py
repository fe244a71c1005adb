"""`Model`: the class that users inherit from. Its methods delegate to the modules that are named for them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from dorm.db import bridge
from dorm.exceptions import MultipleObjectsReturned, ObjectDoesNotExist
from dorm.fields.instances import Instance
from dorm.models import construction
from dorm.models.keys import PrimaryKey
from dorm.models.manager import DefaultManager
from dorm.models.metaclass import ModelBase
from dorm.models.state import LazyState
from dorm.query.describe.base import QueryRoot
from dorm.query.run.lazy_access import description
from dorm.utils.lazy import lazy_import

if TYPE_CHECKING:
    from dorm.meta.options import Options
    from dorm.meta.registry import Registry
    from dorm.models import deletion, loading, saving, validation
    from dorm.models.keys import ImplicitKey
    from dorm.models.many_to_many import ManyRelatedManager
    from dorm.models.state import ModelState
    from dorm.query.queryset import QuerySet
    from dorm.query.run import display
else:
    deletion = lazy_import("dorm.models.deletion", globals())
    loading = lazy_import("dorm.models.loading", globals())
    saving = lazy_import("dorm.models.saving", globals())
    validation = lazy_import("dorm.models.validation", globals())
    display = lazy_import("dorm.query.run.display", globals())

N = TypeVar("N")


class Model(Instance, metaclass=ModelBase):
    """A row, and the class that describes its table.

    Fields are class attributes; an inner ``class Meta``, or keywords after the base classes, carry the options::

        class Author(dorm.Model, ordering=["name"]):
            name = dorm.CharField(max_length=100)

    Instances are made from field names (``Author(name="Ada")``), also positionally in field order. A value that its
    field refuses raises `ValidationError`, keyed by the field, here and on assignment.
    """

    _meta: ClassVar[Options]
    _default_manager: ClassVar[QuerySet[Any, Any]]
    _base_manager: ClassVar[QuerySet[Any, Any]]
    _setters: ClassVar[dict[str, Any]] = {}
    DoesNotExist: ClassVar[type[ObjectDoesNotExist]]
    MultipleObjectsReturned: ClassVar[type[MultipleObjectsReturned]]

    objects = DefaultManager()
    pk = PrimaryKey()

    if TYPE_CHECKING:
        _state: ModelState
        id = ImplicitKey()

        # what `ManyToManyField` reads as on an instance, see dorm.fields.instances
        @property
        def _linked_manager(self) -> ManyRelatedManager[Self]: ...
        @property
        def _unknown_manager(self) -> ManyRelatedManager[Any]: ...
        def _manager_of(self, row: N, /) -> ManyRelatedManager[N]: ...

        def __init_subclass__(
            cls,
            *,
            abstract: bool = ...,
            app_label: str = ...,
            constraints: Iterable[object] = ...,
            db_table: str = ...,
            db_table_comment: str = ...,
            db_tablespace: str = ...,
            default_manager_name: str = ...,
            base_manager_name: str = ...,
            get_latest_by: str | Iterable[str] = ...,
            indexes: Iterable[object] = ...,
            managed: bool = ...,
            ordering: Iterable[object] = ...,
            permissions: Iterable[object] = ...,
            proxy: bool = ...,
            read_only: bool = ...,
            registry: Registry = ...,
            unique_together: Iterable[object] = ...,
            verbose_name: str = ...,
            verbose_name_plural: str = ...,
            **kwargs: object,
        ) -> None: ...

    else:
        _state = LazyState()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        construction.initialise(self, args, kwargs)

    __init__._of_every_model = True  # type: ignore

    def __setattr__(self, name: str, value: Any) -> None:
        setter = self._setters.get(name)
        if setter is None:
            object.__setattr__(self, name, value)
        else:
            setter(self, value)

    # -- identity -----------------------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        """Equal when model (that of a proxy is its concrete model) and key are the same."""
        if self is other:
            return True
        if not isinstance(other, Model):
            return NotImplemented
        if self._meta.concrete_model is not other._meta.concrete_model:
            return False
        key = self.pk
        return key is not None and key == other.pk

    def __hash__(self) -> int:
        key = self.pk
        if key is None:
            raise TypeError(
                f"Model instances without primary key value are unhashable: save this {type(self).__name__} first."
            )
        return hash(key)

    def __repr__(self) -> str:
        """The class and the text of the model's ``__str__``; the key where there is none or it lacks data."""
        if type(self).__str__ is Model.__str__:
            return str(self)
        text = description(self)
        return f"<{type(self).__name__}: {f'pk={self.pk!r}' if text is None else text}>"

    def _repr_html_(self) -> str:
        """The values as an HTML table, for notebooks; sensitive columns are masked and nothing is loaded."""
        return display.record_of(self)

    def __str__(self) -> str:
        return f"<{type(self).__name__}: pk={self.pk!r}>"

    def __getstate__(self) -> dict[str, object]:
        """The values, with copies of the state and the prefetched lists."""
        values = self.__dict__.copy()
        state = values.get("_state")
        if state is not None:
            values["_state"] = state.copy()
        prefetched = values.get("_prefetched")
        if prefetched is not None:
            values["_prefetched"] = prefetched.copy()
        return values

    def __setstate__(self, values: dict[str, object]) -> None:
        vars(self).update(values)

    # -- writing ------------------------------------------------------------------------------------------------------

    def save(
        self,
        using: str | None = None,
        force_insert: bool = False,
        force_update: bool = False,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Store the instance: INSERT when it is new, UPDATE otherwise.

        A new instance whose key was chosen by the caller is updated where a row has that key, else inserted.

        :param using: the alias to write to; by default where the instance was written before, then what the routers say,
            then where it came from.
        :param force_insert: never update.
        :param force_update: never insert.
        :param update_fields: write these columns only; an empty list writes nothing.
        :raises DuplicateError: when a new instance repeats a unique value; both a `ValidationError` and an
            `IntegrityError`.
        :raises DatabaseError: when an update that was asked for finds no row.
        :raises ValueError: for contradicting flags, unknown columns, and relations to unsaved instances.
        """
        saving.save_instance(self, using, force_insert, force_update, update_fields)

    async def asave(
        self,
        using: str | None = None,
        force_insert: bool = False,
        force_update: bool = False,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        return await bridge.run_async(self.save, using, force_insert, force_update, update_fields)

    def delete(self, using: str | None = None) -> tuple[int, dict[str, int]]:
        """Delete the row, and others as ``on_delete`` of its relations says; the key becomes None afterwards.

        :returns: the number of deleted rows, in total and per model label.
        :raises ProtectedError: when other rows protect this one; nothing is deleted then.
        :raises ValueError: when the instance was never saved.
        """
        return deletion.delete_instance(self, using)

    async def adelete(self, using: str | None = None) -> tuple[int, dict[str, int]]:
        return await bridge.run_async(self.delete, using)

    # -- reading ------------------------------------------------------------------------------------------------------

    @classmethod
    def from_db(cls, db: str, field_names: Collection[str], values: Collection[object]) -> Self:
        """Make an instance of a loaded row; override it to take part in loading.

        :param db: the alias the row came from.
        :param field_names: attnames; columns that are not named are deferred.
        :param values: the converted values, in the same order.
        """
        return loading.instance_of_row(cls, db, field_names, values)

    def refresh_from_db(
        self, using: str | None = None, fields: Iterable[str] | None = None, from_queryset: Any = None
    ) -> None:
        """Load the current values of the row: of all loaded columns, or of ``fields``.

        Cached related objects and prefetched lists of what is reloaded are dropped.

        :param from_queryset: where to load it from, instead of all rows of the model.

        :raises ObjectDoesNotExist: the model's `DoesNotExist`, when the row is gone.
        :raises FieldDoesNotExist: for an unknown name in ``fields``.
        """
        loading.refresh(self, using, fields, from_queryset)

    async def arefresh_from_db(
        self, using: str | None = None, fields: Iterable[str] | None = None, from_queryset: QueryRoot | None = None
    ) -> None:
        return await bridge.run_async(self.refresh_from_db, using, fields, from_queryset)

    async def aload(self, *names: str) -> None:
        """Load deferred columns and related objects ahead of use, in async code; see `dorm.load`."""
        return await loading.aload(self, *names)

    def get_deferred_fields(self) -> set[str]:
        """The attnames of the columns that were not loaded."""
        return loading.deferred_fields(self)

    def _load_deferred(self, attname: str) -> object:
        return loading.load_deferred(self, attname)

    # -- validating ---------------------------------------------------------------------------------------------------

    def full_clean(
        self,
        exclude: Collection[str] | None = None,
        validate_unique: bool = True,
        validate_constraints: bool = True,
    ) -> None:
        """Check the fields, `clean()`, uniqueness and constraints, and report everything at once.

        :param exclude: names of fields to leave out.
        :raises ValidationError: keyed by field, with ``"__all__"`` for the whole.
        """
        validation.full_clean(self, exclude, validate_unique, validate_constraints)

    async def afull_clean(
        self,
        exclude: Collection[str] | None = None,
        validate_unique: bool = True,
        validate_constraints: bool = True,
    ) -> None:
        return await bridge.run_async(self.full_clean, exclude, validate_unique, validate_constraints)

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        """Convert and check each column's value.

        :raises ValidationError: keyed by field.
        """
        validation.clean_fields(self, exclude)

    def clean(self) -> None:
        """Override to check the instance as a whole; a plain `ValidationError` lands under ``"__all__"``."""

    def validate_unique(self, exclude: Collection[str] | None = None) -> None:
        """Look for other rows with the same unique values; one query when there are none.

        :raises ValidationError: keyed by the field, or by ``"__all__"`` for values unique together.
        """
        validation.validate_unique(self, exclude)

    validate_unique._of_every_model = True  # type: ignore

    async def avalidate_unique(self, exclude: Collection[str] | None = None) -> None:
        return await bridge.run_async(self.validate_unique, exclude)

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        """Check the constraints of ``Meta.constraints``.

        :raises ValidationError: under ``"__all__"``, or as the constraint says.
        """
        validation.validate_constraints(self, exclude)

    async def avalidate_constraints(self, exclude: Collection[str] | None = None) -> None:
        return await bridge.run_async(self.validate_constraints, exclude)
