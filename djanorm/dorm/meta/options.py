"""``Options``: everything known about one model (``Model._meta``).

How a class becomes a model. The metaclass calls, in this order:

1. ``Options(cls, given, concrete_model=None)``: ``given`` are the Meta options, already merged with those of abstract
   parents (``OPTION_NAMES`` lists what there is; anything else raises). A proxy passes the model whose table it shares.
   Assign it to ``cls._meta``.
2. ``field.contribute_to_class(cls, name)`` for each field, implicit key first, then inherited, then own. The field
   calls ``add_field``. (Without a key, :meth:`prepare` adds the implicit one at the front; :meth:`implicit_key` makes it.)
3. ``options.prepare()``: checks that need no other model; raises ``ImproperlyConfigured``.
4. ``options.registry.register(cls)``: links relations, tells the targets' classes (``relation_linked``), replaces a model
   of the same label.

Whatever depends on other models (``names``, ``query_table``, ``related_objects``, all that is ``derived``) is made on demand and
valid for one ``registry.version``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import sqlalchemy as sa

from dorm.constraints import BaseConstraint
from dorm.exceptions import FieldDoesNotExist, ImproperlyConfigured
from dorm.indexes import Index
from dorm.meta import checks
from dorm.meta.app_labels import app_label_of
from dorm.meta.keys import implicit_key_class
from dorm.meta.registry import Registry
from dorm.meta.registry import registry as default_registry
from dorm.utils.identifiers import check_dotted, check_identifier, shorten
from dorm.utils.suggest import hint

if TYPE_CHECKING:
    from dorm.expressions.contract import FieldLike
    from dorm.fields.base import Field
    from dorm.fields.instances import Instance
    from dorm.fields.relations import Relation

#: The options of ``class Meta``, with their defaults.
T = TypeVar("T")

OPTION_DEFAULTS: Final[Mapping[str, object]] = {
    "abstract": False,
    "app_label": None,
    "auto_created": False,
    "base_manager_name": None,
    "constraints": (),
    "db_table": None,
    "db_table_comment": "",
    "db_tablespace": None,
    "default_manager_name": None,
    "default_permissions": ("add", "change", "delete", "view"),
    "default_related_name": None,
    "get_latest_by": None,
    "indexes": (),
    "managed": True,
    "ordering": (),
    "permissions": (),
    "proxy": False,
    "read_only": False,
    "registry": None,
    "required_db_features": (),
    "required_db_vendor": None,
    "select_on_save": False,
    "swappable": None,
    "unique_together": (),
    "verbose_name": None,
    "verbose_name_plural": None,
}
#: How much is kept per model before everything is computed again.
DERIVED_LIMIT: Final = 4096
OPTION_NAMES: Final = frozenset(OPTION_DEFAULTS)
TEXT_OPTIONS: Final = (
    "app_label",
    "base_manager_name",
    "db_table",
    "db_table_comment",
    "db_tablespace",
    "default_manager_name",
    "default_related_name",
)


def words_of(name: str) -> str:
    """``BlogPost`` as ``blog post``."""
    spaced = "".join(
        f" {c}" if c.isupper() and i and (not name[i - 1].isupper() or name[i + 1 : i + 2].islower()) else c
        for i, c in enumerate(name)
    )
    return spaced.replace("_", " ").lower().strip()


class Options:
    """Everything known about one model. See the module for the order of calls.

    :param model: the class.
    :param given: its Meta options.
    :param concrete_model: the model whose table a proxy shares.
    :raises ImproperlyConfigured: for an unknown option, or one of the wrong kind.
    """

    abstract: bool
    auto_created: Any
    base_manager_name: str | None
    db_table_comment: str
    db_tablespace: str | None
    default_manager_name: str | None
    default_permissions: tuple[str, ...]
    default_related_name: str | None
    get_latest_by: Any
    managed: bool
    permissions: Any
    proxy: bool
    read_only: bool
    required_db_features: Any
    required_db_vendor: str | None
    select_on_save: bool
    swappable: str | None

    def __init__(self, model: Any, given: Mapping[str, Any], *, concrete_model: Any = None) -> None:
        self.model = model
        self.registry: Registry = checks.registry_of(model.__name__, given, concrete_model, default_registry)
        self.object_name: str = model.__name__
        self.model_name: str = model.__name__.lower()
        for option in TEXT_OPTIONS:
            checks.check_text(model.__name__, option, given.get(option))
        if given.get("app_label"):
            check_dotted(given["app_label"], f"{model.__name__}: app_label")
        if given.get("db_tablespace"):
            check_identifier(given["db_tablespace"], f"{model.__name__}: db_tablespace")
        self.app_label: str = given.get("app_label") or app_label_of(model.__module__)
        self.label = f"{self.app_label}.{self.object_name}"
        self.label_lower = f"{self.app_label}.{self.model_name}"
        unknown = sorted(set(given) - OPTION_NAMES)
        if unknown:
            raise ImproperlyConfigured(
                f"{self.label}: unknown Meta option{'s' if len(unknown) > 1 else ''} {', '.join(unknown)}. "
                f"{hint(unknown[0], OPTION_NAMES)}"
            )
        self.given = dict(given)
        for option, unset in OPTION_DEFAULTS.items():
            setattr(self, option, given.get(option, unset)) if option in _PLAIN else None
        self.concrete_model = model if concrete_model is None else concrete_model
        self.ordering: list[Any] = checks.ordering_list(self.label, given.get("ordering", ()))
        self.unique_together: tuple[tuple[str, ...], ...] = checks.field_sets(
            self.label, given.get("unique_together", ())
        )
        self.indexes: list[Any] = checks.parts_list(self.label, "indexes", given.get("indexes"), Index)
        self.constraints: list[Any] = checks.parts_list(
            self.label, "constraints", given.get("constraints"), BaseConstraint
        )
        self.verbose_name: str = given.get("verbose_name") or words_of(self.object_name)
        self.verbose_name_plural: str = given.get("verbose_name_plural") or f"{self.verbose_name}s"
        self.managers: list[Any] = []
        #: Attributes that behave like fields but are not (generic relations).
        self.private_fields: list[object] = []
        self._fields: list[Any] = []
        self._reverse: list[object] = []
        self._valid_for = 0
        self._names: dict[str, object] = {}
        self._derived: dict[Hashable, Any] = {}
        self.pk: Any = None
        self.fields: tuple[Any, ...] = ()
        self.concrete_fields: tuple[Any, ...] = ()
        self.many_to_many: tuple[Any, ...] = ()
        #: The fields of this model and its parents, by name and by attname.
        self.by_name: dict[str, Any] = {}
        if concrete_model is not None:
            self.db_table: str = concrete_model._meta.db_table
            self.follow_concrete_model()
        else:
            default = shorten(f"{self.app_label.rpartition('.')[2]}_{self.model_name}")
            self.db_table = given.get("db_table") or default

    def __repr__(self) -> str:
        return f"<Options {self.label}>"

    def __reduce__(self) -> Any:
        return (_options_of, (self.model,))

    def __deepcopy__(self, memo: dict[int, object]) -> Options:
        return self

    # -- fields -------------------------------------------------------------------------------------------------------

    def add_field(self, field: FieldLike) -> None:
        """Adds a field to the model; it replaces one of the same name in its place."""
        for position, known in enumerate(self._fields):
            if known.name == field.name:
                self._fields[position] = field
                break
        else:
            self._fields.append(field)
        self._fields_changed()

    def follow_concrete_model(self) -> None:
        """Copies to a proxy the fields of the model whose table it shares."""
        if self.concrete_model is not self.model:
            self._fields = list(self.concrete_model._meta.fields)
            self._fields_changed()

    def _fields_changed(self) -> None:
        self.fields = tuple(self._fields)
        self.concrete_fields = tuple([field for field in self._fields if field.concrete])
        self.many_to_many = tuple([field for field in self._fields if field.many_to_many])
        self.pk = next((field for field in self._fields if field.primary_key), None)
        self.by_name = {field.attname: field for field in self._fields}
        self.by_name.update({field.name: field for field in self._fields})
        self._valid_for = 0
        self.registry.bump()

    @property
    def global_label(self) -> str | None:
        """The label, where text alone means this model: in the default registry; None in others."""
        return self.label if self.registry is default_registry else None

    @property
    def local_fields(self) -> tuple[object, ...]:
        return self.fields

    def implicit_key(self) -> Field:
        """A new key field for a model without one, of the class that DEFAULT_AUTO_FIELD names."""
        return implicit_key_class()(primary_key=True, auto_created=True, verbose_name="ID")

    def prepare(self) -> None:
        """Called when all fields are known: adds a missing key, and checks what needs no other model.

        :raises ImproperlyConfigured: naming the culprit.
        """
        if not self.abstract and not self.proxy:
            if self.pk is None:
                if "id" in self.by_name:
                    raise ImproperlyConfigured(
                        f"{self.label}.id is not the primary key: give one field primary_key=True."
                    )
                self.implicit_key().contribute_to_class(self.model, "id")
                self._fields.insert(0, self._fields.pop())
                self._fields_changed()
            self.indexes = [index.for_model(self) for index in self.indexes]
            self.constraints = [constraint.for_model(self) for constraint in self.constraints]
            checks.check_table_name(self)
        checks.check_fields(self)
        if not self.abstract:
            checks.check_local_references(self)

    def get_field(self, name: str) -> Any:
        """The field of this name or attname, or the reverse relation of this query name.

        :raises FieldDoesNotExist: naming the nearest fields.
        """
        found = self.by_name.get(name)
        if found is None:
            found = self.names.get(name) if not self.abstract else None
        if found is None:
            known = [field.name for field in self.fields]
            raise FieldDoesNotExist(f"{self.object_name} has no field named {name!r}. {hint(name, known)}")
        return found

    def get_fields(self, include_parents: bool = True, include_hidden: bool = False) -> tuple[object, ...]:
        """Fields and the relations that point here, as other models see them."""
        return (*(self.all_related_objects if include_hidden else self.related_objects), *self.fields)

    def relation_fields(self) -> list[object]:
        """Own fields that refer to another model."""
        return [field for field in self._fields if field.is_relation and field.remote_field is not None]

    def foreign_keys(self) -> list[object]:
        """Own foreign keys, one-to-one fields included."""
        return [field for field in self.concrete_fields if field.is_relation]

    # -- relations that point here ------------------------------------------------------------------------------------

    def attach_relation(self, relation: Relation) -> None:
        """Registers a relation to this model.

        :raises ImproperlyConfigured: when its accessor is taken.
        """
        checks.check_accessor(self, relation)
        self._reverse.append(relation)

    def detach_relation(self, relation: Relation) -> None:
        self._reverse = [known for known in self._reverse if known is not relation]

    def reverse_relations(self) -> Iterator[Any]:
        """Relations to this model known so far, hidden ones included."""
        return iter(self.concrete_model._meta._reverse)

    @property
    def all_related_objects(self) -> tuple[Relation, ...]:
        """Every relation that points here, hidden ones and those of junction models included."""
        self.registry.settle()
        return tuple(self.reverse_relations())

    @property
    def related_objects(self) -> tuple[Relation, ...]:
        """Every relation that points here and has an accessor."""
        return tuple([relation for relation in self.all_related_objects if not relation.hidden])

    # -- derived, per registry version --------------------------------------------------------------------------------

    @property
    def names(self) -> dict[str, Any]:
        """What a step of a lookup path may be called: fields, attnames, reverse query names (fields win)."""
        if self._valid_for != self.registry.version:
            self._refresh()
        return self._names

    def derived(self, key: Hashable, make: Callable[..., T], *args: object) -> T:
        """What ``make(*args)`` returns, kept under ``key`` until models, fields or lookups change.

        The one place for what is computed from a model: it goes with the model, and is never older than the registry's
        version.
        """
        if self._valid_for != self.registry.version:
            self._refresh()
        kept = self._derived
        try:
            return kept[key]
        except KeyError:
            made = make(*args)
            if len(kept) >= DERIVED_LIMIT:
                # names of keys in documents come from outside, and never end
                kept.clear()
            # when models changed meanwhile, this is a dictionary that is not read any more
            kept[key] = made
            return made

    @property
    def query_table(self) -> sa.Table:
        """A SQLAlchemy table to compile queries with: columns and the types that convert their values, and nothing else.

        It cannot make the table, since it knows neither keys nor constraints: ``dorm.meta.tables.build_tables()`` gives that.
        """
        return self.derived("query_table", self._light_table)

    def _refresh(self) -> None:
        self.registry.settle()
        version = self.registry.version
        names = dict(self.by_name)
        for relation in self.reverse_relations():
            for name in relation.query_names:
                names.setdefault(name, relation)
        self._names = names
        if not self.abstract:
            checks.check_ordering(self)
        self._derived = {}
        self._valid_for = version

    def _light_table(self) -> sa.Table:
        columns = [
            sa.Column(sa.sql.quoted_name(field.column, True), field.sql_type(), key=field.column)
            for field in self.concrete_fields
        ]
        return sa.Table(sa.sql.quoted_name(self.db_table, True), sa.MetaData(), *columns)


def _options_of(model: type[Instance]) -> Options:
    return model._meta


_PLAIN = OPTION_NAMES - {
    "app_label",
    "db_table",
    "ordering",
    "registry",
    "unique_together",
    "indexes",
    "constraints",
    "verbose_name",
    "verbose_name_plural",
}
