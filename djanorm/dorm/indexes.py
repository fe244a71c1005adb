"""``Index``: what ``Meta.indexes`` and the migration operations hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from dorm.exceptions import ImproperlyConfigured
from dorm.expressions.base import Expression
from dorm.expressions.conditions import Q
from dorm.expressions.references import F
from dorm.utils.identifiers import (
    QuotedName,
    check_call,
    check_field_name,
    check_identifier,
    check_operator_class,
    shorten,
)


class Index:
    """An index over fields or expressions of one model.

    :param expressions: expressions such as ``Lower("email")``, or ``F("age").desc()``; or one list of field names.
    :param fields: field names; a leading ``-`` means descending; one call such as ``LOWER(name)`` is taken as SQL.
    :param name: its name in the database; made from model and fields when left out.
    :param unique: refuse equal rows.
    :param condition: a ``Q``: only rows that meet it are in the index.
    :param include: field names kept in the index beside the key (PostgreSQL).
    :param opclasses: one operator class per field (PostgreSQL).
    :param method: the access method, such as ``"gin"`` (PostgreSQL).
    :raises ValueError: when nothing is indexed, or the parts do not go together.
    :raises ImproperlyConfigured: for invalid names, and SQL that is more than one call.
    """

    suffix = "idx"
    default_method: str | None = None

    def __init__(
        self,
        *expressions: Any,
        fields: Iterable[str] = (),
        name: str | None = None,
        unique: bool = False,
        condition: Any = None,
        include: Iterable[str] | None = None,
        opclasses: Iterable[str] = (),
        method: str | None = None,
        db_tablespace: str | None = None,
    ) -> None:
        if expressions and isinstance(expressions[0], (list, tuple)):
            given, *rest = expressions
            if fields or len(rest) > 2:  # ty: ignore[truthiness-test-of-iterable]
                raise ValueError("Index takes its fields once: Index(fields=[…], name=…, unique=…).")
            fields, expressions = given, ()
            name = rest[0] if rest else name
            unique = rest[1] if len(rest) > 1 else unique
        for what, given in (("fields", fields), ("include", include or ()), ("opclasses", opclasses)):
            if not isinstance(given, (list, tuple)):
                raise ValueError(f"Index.{what} must be a list or tuple.")
        if not all(isinstance(each, str) for each in fields):
            raise ValueError("Index.fields must contain only strings with field names.")
        if condition is not None and not isinstance(condition, Q):
            raise ValueError("Index.condition must be a Q instance.")
        names = list(fields)
        if bool(names) == bool(expressions):
            both = "Index takes either fields or expressions, not both."
            raise ValueError(both if names else "At least one field or expression is needed.")
        for field in names:
            if not field.removeprefix("-").isidentifier():
                check_call(field.removeprefix("-"), "Index: the field")
        for each in opclasses:
            check_operator_class(each, "Index: the opclass")
        for each in include or ():
            check_field_name(each, "Index: the included")
        if method is not None:
            check_identifier(method, "Index: the method")
        if db_tablespace is not None:
            check_identifier(db_tablespace, "Index: the db_tablespace")
        self.fields: list[str] = names
        self.expressions: tuple[Any, ...] = tuple(F(each) if isinstance(each, str) else each for each in expressions)
        self.name = name
        self.unique = unique
        self.condition = condition
        self.include: tuple[str, ...] = tuple(include or ())
        self.opclasses: tuple[str, ...] = tuple(opclasses)
        self.method = method or self.default_method
        self.db_tablespace = db_tablespace
        if self.opclasses and len(self.opclasses) != len(self.fields):
            raise ValueError("Index.fields and Index.opclasses must have the same number of elements.")
        if (self.expressions or self.condition is not None or self.opclasses or self.include) and not name:
            part = "expressions" if self.expressions else "condition" if self.condition is not None else "opclasses"
            raise ValueError(
                f"An index with {'include' if self.include and not self.opclasses else part} must be named."
            )

    @property
    def fields_orders(self) -> list[tuple[str, str]]:
        """Pairs of field name and ``""`` or ``"DESC"``."""
        return [(field[1:], "DESC") if field.startswith("-") else (field, "") for field in self.fields]

    def get_name(self, model_name: str) -> str:
        """The name in the database: the given one, else ``idx_<model>_<fields>``, ``uniq_…`` when unique."""
        if self.name:
            return self.name
        names = [field if field.isidentifier() else "expr" for field, _ in self.fields_orders]
        return shorten("_".join(["uniq" if self.unique else "idx", model_name.lower(), *names]))

    def for_model(self, options: Any) -> Index:
        """A copy that belongs to one model: patterns in its name filled in, an automatic name made.

        :raises ImproperlyConfigured: for an invalid name.
        """
        made = self.clone()
        made.name = check_identifier(
            filled(made.get_name(options.model_name), options), f"An index of {options.label}:"
        )
        return made

    def clone(self) -> Index:
        """A copy with the same attributes."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        return made

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        """``(path, args, kwargs)`` that build an equal index."""
        kwargs: dict[str, Any] = {}
        if self.fields:
            kwargs["fields"] = self.fields
        for option, unset in (
            ("name", None),
            ("unique", False),
            ("condition", None),
            ("include", ()),
            ("opclasses", ()),
            ("method", self.default_method),
            ("db_tablespace", None),
        ):
            value = getattr(self, option)
            if value is not unset and not (isinstance(value, tuple) and not value):
                kwargs[option] = value
        module = type(self).__module__
        return (f"{module}.{type(self).__qualname__}", self.expressions, kwargs)

    def _content(self) -> tuple[object, ...]:
        path, args, kwargs = self.deconstruct()
        return (path, tuple(map(repr_of, args)), {name: repr_of(value) for name, value in kwargs.items()})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Index):
            return NotImplemented
        return self._content() == other._content()

    def __hash__(self) -> int:
        return hash((type(self), self.name, tuple(self.fields)))

    def __repr__(self) -> str:
        _, args, kwargs = self.deconstruct()
        parts = [*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())]
        return f"<{type(self).__name__}: {' '.join(parts)}>"


def repr_of(value: object) -> Any:
    """A stand-in, compared by content, for values whose ``==`` builds conditions."""
    return repr(value) if isinstance(value, Expression) else value


def filled(name: str, options: Any) -> str:
    """The name of an index or constraint with its patterns replaced.

    :raises ImproperlyConfigured: for an unknown pattern.
    """
    if "%(" not in name or isinstance(name, QuotedName):
        return name
    try:
        return name % {"app_label": options.app_label.rpartition(".")[2].lower(), "class": options.model_name}
    except (KeyError, ValueError) as problem:
        raise ImproperlyConfigured(
            f"{options.label}: a name may use %(app_label)s and %(class)s, not {name!r}."
        ) from problem
