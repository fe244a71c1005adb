"""The relation fields: ForeignKey, OneToOneField, ManyToManyField.

A field keeps the target as it was written; the registry links it to the model class once both exist. The target sees it
as a :class:`~dorm.fields.relations.Relation`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Never, TypeAlias, cast, overload

from typing_extensions import TypeVar, Unpack

from dorm.dialects.kinds import Kind
from dorm.exceptions import ImproperlyConfigured, ValidationError
from dorm.expressions.base import Expression
from dorm.expressions.paths import FieldRef, follow
from dorm.fields.base import Field
from dorm.fields.deletion_rules import SET_DEFAULT, SET_NULL, DeletionRule
from dorm.fields.options import FieldOptions
from dorm.fields.relations import Hop, Junction, Relation, is_offered, rows_to_choose
from dorm.utils.identifiers import check_dotted, check_identifier
from dorm.utils.suggest import hint

if TYPE_CHECKING:
    from dorm.dialects.elements import SqlType
    from dorm.fields.instances import Instance
    from dorm.fields.options import Deconstructed

N = TypeVar("N", default=Any)
N_co = TypeVar("N_co", default=Any, covariant=True)
T = TypeVar("T")

TypedTarget: TypeAlias = "type[T] | Callable[[], type[T]]"


class RelatedOptions(FieldOptions[N], Generic[N], total=False):
    """Options of relations to one row."""

    related_query_name: str | None
    limit_choices_to: Any
    to_field: str | None
    db_constraint: bool
    parent_link: bool


class RelatedField(Field[N], Generic[N]):
    """Base of the three relation fields: the target, and the relation as the target sees it."""

    is_relation = True
    remote_field: Relation

    def __init__(self, to: Any, relation: Relation, verbose_name: str | None = None, **options: Any) -> None:
        if not (isinstance(to, (str, type)) or callable(to)):
            raise TypeError(
                f"{type(self).__name__}({to!r}) is invalid: the target is a model class, its name, 'self', or a function "
                "giving the class."
            )
        if isinstance(to, str):
            if not to.strip():
                raise TypeError(f"{type(self).__name__}: the name of the target model is empty.")
            check_dotted(to, f"{type(self).__name__}: the target model")
        super().__init__(verbose_name, **options)
        self.to = to
        self.remote_field = relation
        relation.field = self

    def __copy__(self) -> RelatedField[N]:
        made = super().__copy__()
        made.remote_field = self.remote_field.for_field(made)
        return made

    def __getitem__(self, step: object) -> FieldRef:
        """A path through the relation: ``Book.author[Author.age]``."""
        return cast("FieldRef[Any, Any]", follow(self.lookup_path, step))

    def contribute_to_class(self, model: type[Instance], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(model, name, private_only)
        self.remote_field.bind(model)

    @property
    def related_model(self) -> Any:
        """The target's class; before it exists, its name as written.

        :raises ImproperlyConfigured: on a bound field whose target name is ambiguous.
        """
        target = self.remote_field.model
        if target is None and self.model is not None:
            self.model._meta.registry.settle()
            target = self.remote_field.model
        return self.to if target is None else target

    def target_model(self) -> Any:
        """The target's class.

        :raises ImproperlyConfigured: while no model of that name exists.
        """
        target = self.remote_field.model
        if target is None:
            self.model._meta.registry.require(self)
            target = self.remote_field.model
        return target

    def get_limit_choices_to(self) -> Any:
        """The condition on the rows to choose from: a ``Q`` or a dict; a callable is called now."""
        limit = self.remote_field.limit_choices_to
        return limit() if callable(limit) else limit

    def _rows_to_choose(self, limit_choices_to: object, ordering: Sequence[str]) -> list[tuple[object, object]]:
        limit = self.get_limit_choices_to() if limit_choices_to is None else limit_choices_to
        return rows_to_choose(self.related_model, limit, ordering, self.hops()[-1].target_field.attname)

    def _to_option(self) -> Any:
        """The target for ``deconstruct()``: a label, or ``"self"``-like text as it was written."""
        target = self.remote_field.model
        if target is None or (isinstance(self.to, str) and self.to != "self"):
            target = target or self.to
        if target is None or isinstance(target, str):
            return target
        meta = getattr(target, "_meta", None)
        return meta.label if meta is not None else target

    def deconstruct(self) -> Deconstructed:
        name, path, args, kwargs = super().deconstruct()
        kwargs["to"] = self._to_option()
        relation = self.remote_field
        if relation.given_related_name is not None:
            kwargs["related_name"] = relation.given_related_name
        if relation.given_related_query_name is not None:
            kwargs["related_query_name"] = relation.given_related_query_name
        if not isinstance(relation.limit_choices_to, dict) or relation.limit_choices_to:
            kwargs["limit_choices_to"] = relation.limit_choices_to
        return (name, path, args, kwargs)

    def relinked(self) -> None:
        """Forget what was derived from the target, because it has changed."""

    def hops(self) -> tuple[Hop, ...]:
        """The joins from this field's model to the target."""
        raise NotImplementedError


class ForeignKey(RelatedField[N], Generic[N]):
    """A reference to one row of another model; the column is ``<name>_id``.

    :param to: a model class, ``"Model"``, ``"app.Model"``, ``"self"``, or a function giving the class.
    :param on_delete: one of the deletion rules: what happens to rows that refer to a deleted one.
    :param to_field: the target's unique field to point at; its primary key when left out.
    :param related_name: the name of the reverse manager; ``"+"`` for none.
    :raises TypeError: without ``on_delete``.
    :raises ImproperlyConfigured: for SET_NULL without ``null=True``, and SET_DEFAULT with neither that nor a default.
    """

    many_to_one = True
    own_options: ClassVar[Mapping[str, object]] = {"db_index": True, "to_field": None, "db_constraint": True}
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid": "{model} instance with {field} {value!r} does not exist."
    }
    reverse_one: ClassVar[bool] = False

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: ForeignKey[T],
            to: TypedTarget[T],
            on_delete: DeletionRule,
            related_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[RelatedOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: ForeignKey[T | None],
            to: TypedTarget[T],
            on_delete: DeletionRule,
            related_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[RelatedOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: ForeignKey,
            to: str,
            on_delete: DeletionRule,
            related_name: str | None = None,
            *,
            null: bool = False,
            **options: Unpack[RelatedOptions],
        ) -> None: ...
        def __init__(self, to: Any, on_delete: Any, related_name: Any = None, **options: object) -> None: ...

    else:

        def __init__(
            self,
            to,
            on_delete=None,
            related_name=None,
            *,
            related_query_name=None,
            limit_choices_to=None,
            to_field=None,
            db_constraint=True,
            db_index=True,
            parent_link=False,
            verbose_name=None,
            **options,
        ):
            kind = type(self).__name__
            if on_delete is None:
                raise TypeError(
                    f"{kind}({to!r}) is missing 1 required argument: 'on_delete'. Say what happens to the rows that refer to "
                    f"a row that is deleted: on_delete=dorm.CASCADE, PROTECT, RESTRICT, SET_NULL, SET_DEFAULT, SET(…) or "
                    f"DO_NOTHING."
                )
            if not isinstance(on_delete, DeletionRule):
                raise TypeError(f"{kind}: on_delete must be a rule such as dorm.CASCADE, not {on_delete!r}.")
            if on_delete == SET_NULL and not options.get("null"):
                raise ImproperlyConfigured(f"{kind}(on_delete=SET_NULL) needs null=True, or another on_delete.")
            if on_delete == SET_DEFAULT and not (options.keys() & {"default", "db_default"} or options.get("null")):
                raise ImproperlyConfigured(
                    f"{kind}(on_delete=SET_DEFAULT) needs a default, or null=True, or another on_delete."
                )
            relation = Relation(
                related_name=related_name,
                related_query_name=related_query_name,
                on_delete=on_delete,
                limit_choices_to=limit_choices_to,
                db_constraint=db_constraint,
                one=self.reverse_one,
                parent_link=parent_link,
            )
            super().__init__(to, relation, verbose_name, db_index=db_index, **options)
            if to_field is not None:
                check_dotted(to_field, f"{kind}: to_field")
            self.to_field = to_field
            self.db_constraint = db_constraint
            self._target_field = None

    to_field: str | None
    db_constraint: bool
    _target_field: Any

    @property
    def on_delete(self) -> DeletionRule:
        return cast(DeletionRule, self.remote_field.on_delete)

    def get_attname(self) -> str:
        return f"{self.name}_id"

    def clone(self) -> Any:
        made = super().clone()
        made._target_field = None
        return made

    def deconstruct(self) -> Deconstructed:
        name, path, args, kwargs = super().deconstruct()
        kwargs["on_delete"] = self.on_delete
        if self.remote_field.parent_link:
            kwargs["parent_link"] = True
        return (name, path, args, kwargs)

    @property
    def kind(self) -> Kind:  # type: ignore[override]  # ty: ignore[incompatible-property-override]  # pyrefly: ignore[bad-override]
        """That of the key that it holds."""
        return self.target_field.kind

    def get_transform(self, name: str) -> Any:
        """The transform called ``name`` of this class, or of the key that it holds."""
        return super().get_transform(name) or self.target_field.get_transform(name)

    @property
    def target_field(self) -> Field:
        """The field this key points at: the target's primary key, or ``to_field``.

        :raises ImproperlyConfigured: while the target does not exist, or when ``to_field`` is not a unique column of
            it.
        """
        found = self._target_field
        if found is None:
            meta = self.target_model()._meta
            found = meta.pk if self.to_field is None else self._named_target(meta)
            self._target_field = found
        assert found is not None
        return cast("Field[Any]", found)

    def _named_target(self, meta: Any) -> Field | None:
        found = next((field for field in meta.concrete_fields if self.to_field in (field.name, field.attname)), None)
        if found is None:
            names = [field.name for field in meta.concrete_fields]
            raise ImproperlyConfigured(
                f"{self.label}: to_field={self.to_field!r} is no column of {meta.label}. {hint(self.to_field, names)}"
            )
        if not found.unique:
            raise ImproperlyConfigured(f"{self.label}: to_field={self.to_field!r} must be unique in {meta.label}.")
        return found

    def relinked(self) -> None:
        self._target_field = None
        self._sql_types.clear()

    def hops(self) -> tuple[Hop, ...]:
        target = self.target_field
        return (Hop(self.model._meta, target.model._meta, self, target, multiple=False, nullable=self.null),)

    # -- values: those of the target key ------------------------------------------------------------------------------

    @property
    def exact_types(self) -> tuple[type, ...]:  # type: ignore
        """The exact types of the target key; none while the target does not exist."""
        if self.remote_field.model is None:
            return ()
        return self.target_field.exact_types

    def to_python(self, value: Any) -> Any:
        """The raw key, from a key or an instance of the target."""
        if value is None:
            return None
        if self.remote_field.model is None:
            self.model._meta.registry.settle()
            if self.remote_field.model is None:
                # the target is unknown yet; the value is converted when it is bound
                return value
        if getattr(value, "_meta", None) is not None and not isinstance(value, type):
            value = getattr(value, self.target_field.attname)
        return self.target_field.to_python(value)

    def get_prep_value(self, value: Any) -> Any:
        if value is None or isinstance(value, Expression):
            return value
        if getattr(value, "_meta", None) is not None and not isinstance(value, type):
            value = getattr(value, self.target_field.attname)
        return self.target_field.get_prep_value(value)

    def get_default(self, instance: Instance | None = None) -> Any:
        value = super().get_default(instance)
        if getattr(value, "_meta", None) is not None:
            return getattr(value, self.target_field.attname)
        return value

    def validate(self, value: Any, instance: Instance | None = None) -> None:
        """Validates like other fields; the related row must exist and match ``limit_choices_to`` (as in Django 5.2).

        :raises ValidationError: with a plain message.
        """
        super().validate(value, instance)
        model = self.remote_field.model
        if value is None or model is None or self.remote_field.parent_link:
            return
        target = self.target_field
        if not is_offered(model, {target.attname: value}, self.get_limit_choices_to(), instance):
            raise self.refuse(value, model=model._meta.verbose_name, field=target.name)

    # -- storage ------------------------------------------------------------------------------------------------------

    def storage_key(self) -> Any:
        return self.target_field.storage_key()

    def column_type(self) -> SqlType:
        return self.target_field.reference_type()

    def stored_type(self) -> SqlType:
        return self.target_field.sql_type()

    def to_store(self, value: object) -> Any:
        return super().to_store(value) if self.has_own_preparation() else self.target_field.to_store(value)

    def _build_write_type(self) -> SqlType:
        made = super()._build_write_type()
        return self.target_field.write_type() if made is self.target_field.sql_type() else made

    def db_type(self, connection: object = None) -> str | None:
        return self.target_field.rel_db_type(connection)

    def _own_column_type(self) -> SqlType | None:
        return None


class OneToOneField(ForeignKey[N], Generic[N]):
    """A unique foreign key; the other side reads one instance."""

    many_to_one = False
    one_to_one = True
    reverse_one = True

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: OneToOneField[T],
            to: TypedTarget[T],
            on_delete: DeletionRule,
            related_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[RelatedOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: OneToOneField[T | None],
            to: TypedTarget[T],
            on_delete: DeletionRule,
            related_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[RelatedOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: OneToOneField,
            to: str,
            on_delete: DeletionRule,
            related_name: str | None = None,
            *,
            null: bool = False,
            **options: Unpack[RelatedOptions],
        ) -> None: ...
        def __init__(self, to: Any, on_delete: Any, related_name: Any = None, **options: object) -> None: ...

    else:

        def __init__(self, to, on_delete=None, related_name=None, **options):
            options["unique"] = True
            super().__init__(to, on_delete, related_name, **options)

    def _option(self, option: str) -> Any:
        return False if option == "unique" else super()._option(option)


class ManyToManyOptions(FieldOptions, total=False):
    """Options of ManyToManyField."""

    related_query_name: str | None
    limit_choices_to: Any
    symmetrical: bool | None
    through: Any
    through_fields: Sequence[str] | None
    db_table: str | None
    db_constraint: bool


class ManyToManyField(RelatedField, Generic[N_co]):
    """Any number of rows of another model, through a junction table.

    :param through: the model of the junction, or its name; made automatically when left out.
    :param through_fields: the names of its two foreign keys (to this model, to the target) where it has several.
    :param db_table: the name of the automatic junction table.
    :param symmetrical: for relations to the own model: whether a link counts both ways; by default as in Django for
        ``"self"``, unless a ``related_name`` says that the other direction is something else.
    """

    many_to_many = True
    concrete = False
    own_options: ClassVar[Mapping[str, object]] = {"db_table": None, "db_constraint": True}

    if TYPE_CHECKING:
        # a many-to-many field reads as a manager, which `models/` knows; see the overloads in dorm.fields.base
        @overload
        def __init__(
            self: ManyToManyField[T],
            to: TypedTarget[T],
            related_name: str | None = None,
            **options: Unpack[ManyToManyOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: ManyToManyField[Never], to: str, related_name: str | None = None, **options: Unpack[ManyToManyOptions]
        ) -> None: ...
        def __init__(self, to: Any, related_name: str | None = None, **options: object) -> None: ...

    else:

        def __init__(
            self,
            to,
            related_name=None,
            *,
            related_query_name=None,
            limit_choices_to=None,
            symmetrical=None,
            through=None,
            through_fields=None,
            db_table=None,
            db_constraint=True,
            verbose_name=None,
            **options,
        ):
            if through is not None and db_table is not None:
                raise ImproperlyConfigured(
                    "ManyToManyField: db_table names the automatic table; a through model has its own."
                )
            if through_fields is not None and through is None:
                raise ImproperlyConfigured("ManyToManyField: through_fields goes with through.")
            if isinstance(through, str):
                check_dotted(through, "ManyToManyField: the through model")
            for name in through_fields or ():
                check_dotted(name, "ManyToManyField: through_fields:")
            if db_table is not None:
                check_identifier(db_table, "ManyToManyField: db_table")
            for impossible in ("unique", "primary_key"):
                if options.get(impossible):
                    raise ImproperlyConfigured(f"ManyToManyField cannot be {impossible}.")
            relation = Relation(
                related_name=related_name,
                related_query_name=related_query_name,
                on_delete=None,
                limit_choices_to=limit_choices_to,
                db_constraint=db_constraint,
                many=True,
                through=through,
                through_fields=through_fields or None,
                symmetrical=to == "self" and related_name is None if symmetrical is None else bool(symmetrical),
            )
            super().__init__(to, relation, verbose_name, **options)
            self.db_table = db_table
            self.db_constraint = db_constraint
            self._given_symmetrical = symmetrical

    db_table: str | None
    db_constraint: bool
    _given_symmetrical: bool | None

    def contribute_to_class(self, model: type[Instance], name: str, private_only: bool = False) -> None:
        if self.remote_field.symmetrical:
            self.remote_field.symmetrical = self.to in ("self", model.__name__)
        super().contribute_to_class(model, name, private_only)

    def get_default_column(self, attname: str) -> None:
        return None

    def deconstruct(self) -> Deconstructed:
        name, path, args, kwargs = super().deconstruct()
        relation = self.remote_field
        through = relation.given_through
        if through is not None:
            meta = getattr(through, "_meta", None)
            kwargs["through"] = meta.label if meta is not None else through
        if relation.through_fields:
            kwargs["through_fields"] = list(relation.through_fields)
        if self._given_symmetrical is not None:
            kwargs["symmetrical"] = self._given_symmetrical
        return (name, path, args, kwargs)

    @property
    def through(self) -> type[Instance]:
        """The junction model; None until both ends exist."""
        return self.remote_field.through

    @property
    def junction(self) -> Junction:
        """The junction model and its two foreign keys, seen from this side.

        :raises ImproperlyConfigured: when a model is missing, or the keys are missing or ambiguous.
        """
        return self.remote_field.forward_junction()

    def hops(self) -> tuple[Hop, ...]:
        return self.junction.hops()

    def has_default(self) -> bool:
        return False

    def validate(self, value: Any, instance: Instance | None = None) -> None:
        """Does nothing: links are not values of the row."""

    def clean(self, value: Any, instance: Instance | None = None) -> Any:
        return value

    def column_type(self) -> SqlType:
        raise TypeError(f"{self.label} has no column.")

    def db_type(self, connection: object = None) -> str | None:
        return None

    def m2m_db_table(self) -> str:
        """The junction table's name."""
        return str(self.junction.model._meta.db_table)

    def m2m_column_name(self) -> str:
        """The junction's column that refers to this model."""
        return str(self.junction.source.column)

    def m2m_reverse_name(self) -> str:
        """The junction's column that refers to the target."""
        return str(self.junction.target.column)

    def m2m_field_name(self) -> str:
        return str(self.junction.source.name)

    def m2m_reverse_field_name(self) -> str:
        return str(self.junction.target.name)

    def pre_save(self, instance: Any, add: bool) -> Any:
        raise ValidationError(f"{self.label} is not a column.")
