"""``Options`` → SQLAlchemy tables, whole: constraints, foreign keys, indexes, defaults, comments.

A pure function of the given options, shared by live models and historical states. Its results are tagged:
``Table.info["dorm_model"]``, ``Column.info["dorm_field"]``, ``Constraint.info`` and ``Index.info`` (``dorm_field``,
``dorm_index``, ``dorm_constraint`` or ``dorm_option``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql import quoted_name

from dorm.dialects.features import Features
from dorm.exceptions import ImproperlyConfigured
from dorm.meta.column_defaults import server_default
from dorm.meta.table_parts import add_constraint, add_index
from dorm.utils.identifiers import shorten

if TYPE_CHECKING:
    from dorm.meta.options import Options


def build_tables(options_list: Iterable[Options], features: Features) -> sa.MetaData:
    """The tables of these models, in one ``MetaData``; targets that are not listed appear as stubs (``info["stub"]``).

    Proxies add nothing. Automatic junction models are models: list them too (see :func:`with_junctions`).

    :raises ImproperlyConfigured: when two models share a table, or a relation has no target.
    """
    # the compiler of conditions for these tables reads the features here
    metadata = sa.MetaData(info={"features": features})
    wanted = [options for options in options_list if not options.proxy and not options.abstract]
    owners: dict[str, Any] = {}
    for options in wanted:
        other = owners.setdefault(options.db_table, options)
        if other is not options and other.managed and options.managed:
            raise ImproperlyConfigured(
                f"{other.label} and {options.label} both use the table {options.db_table!r}: give one of them another db_table."
            )
    built = [(options, _columns_table(metadata, options, features)) for options in owners.values()]
    for options, table in built:
        _add_keys(metadata, options, table, features)
    for options, table in built:
        _add_parts(options, table, features)
    return metadata


def with_junctions(models: Iterable[Any]) -> list[Any]:
    """The options of these models and of their automatic junction models, each once, in order."""
    found: dict[int, Any] = {}
    for model in models:
        options = model._meta.concrete_model._meta
        found.setdefault(id(options), options)
        for field in options.many_to_many:
            through = field.junction.model._meta
            if through.auto_created:
                found.setdefault(id(through), through)
    return list(found.values())


def made_tables(metadata: sa.MetaData) -> list[sa.Table]:
    """The tables that belong to the models asked for, stubs left out."""
    return [table for table in metadata.tables.values() if not table.info.get("stub")]


def quoted(name: str) -> quoted_name:
    """The name, quoted whenever it is written."""
    return quoted_name(name, True)


def _columns_table(metadata: sa.MetaData, options: Options, features: Features) -> sa.Table:
    columns = [_column(options, field, features) for field in options.concrete_fields]
    comment = options.db_table_comment or None
    info = {"dorm_model": options.label}
    return sa.Table(quoted(options.db_table), metadata, *columns, comment=comment, info=info)


def _column(options: Any, field: Any, features: Features) -> sa.Column[Any]:
    automatic = field.filled_by_database and field.primary_key
    arguments: list[Any] = []
    if automatic and features.identity_columns:
        arguments.append(sa.Identity(always=False))
    default = server_default(options, field, features)
    return sa.Column(
        quoted(field.column),
        field.plain_type(),
        *arguments,
        primary_key=field.primary_key,
        # without this, an integer key that is not automatic would become a serial column
        autoincrement=automatic,
        nullable=field.null and not field.primary_key,
        server_default=default,
        comment=field.db_comment,
        info={"dorm_field": field.name},
    )


def _add_keys(metadata: sa.MetaData, options: Any, table: sa.Table, features: Features) -> None:
    for field in options.foreign_keys():
        if not field.db_constraint:
            continue
        target = field.target_field
        target_table = target.model._meta.db_table
        if target_table not in metadata.tables:
            stub = sa.Column(quoted(target.column), target.reference_type(), primary_key=True)
            sa.Table(quoted(target_table), metadata, stub, info={"stub": True})
        elif target.column not in metadata.tables[target_table].c:
            column = sa.Column(quoted(target.column), target.reference_type(), unique=True)
            metadata.tables[target_table].append_column(column)
        deferrable = features.deferrable_constraints
        table.append_constraint(
            sa.ForeignKeyConstraint(
                [table.c[field.column]],
                [metadata.tables[target_table].c[target.column]],
                name=shorten(f"fk_{options.db_table}_{field.column}"),
                ondelete=field.on_delete.clause,
                deferrable=deferrable or None,
                initially="DEFERRED" if deferrable else None,
                info={"dorm_field": field.name},
            )
        )


def _add_parts(options: Any, table: sa.Table, features: Features) -> None:
    name = options.db_table
    for field in options.concrete_fields:
        column = table.c[field.column]
        info = {"dorm_field": field.name}
        if field.unique and not field.primary_key:
            table.append_constraint(sa.UniqueConstraint(column, name=shorten(f"uq_{name}_{field.column}"), info=info))
        elif field.db_index and not field.primary_key:
            sa.Index(shorten(f"ix_{name}_{field.column}"), column, info=info)
        if getattr(field, "non_negative", False):
            check = sa.CheckConstraint(
                column >= sa.literal_column("0"), name=shorten(f"ck_{name}_{field.column}"), info=info
            )
            table.append_constraint(check)
    for names in options.unique_together:
        columns = [table.c[options.get_field(each).column] for each in names]
        label = shorten("_".join(["uq", name, *(column.name for column in columns)]))
        table.append_constraint(sa.UniqueConstraint(*columns, name=label, info={"dorm_option": "unique_together"}))
    for index in options.indexes:
        add_index(options, index, table, features)
    for constraint in options.constraints:
        add_constraint(options, constraint, table, features)
