"""Making and dropping tables without migrations: for tests, scripts and notebooks."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CheckFirst, DropConstraint, sort_tables_and_constraints

from dorm.db import bridge, sessions, transactions
from dorm.exceptions import ImproperlyConfigured
from dorm.meta.registry import registry
from dorm.meta.tables import build_tables, made_tables, with_junctions

if TYPE_CHECKING:
    from dorm.fields.instances import Instance


def create_tables(*models: type[Instance], using: str = "default") -> None:
    """Make the tables of these models, or of all registered ones, in one transaction, in an order that works.

    Automatic junction tables come with their models. Tables that exist already are left alone. Unmanaged models and
    proxies have none.

    :param using: the database alias.
    :raises ImproperlyConfigured: for a declaration that cannot become a table.
    :raises UnsupportedFeature: for a column type the database does not have (arrays on SQLite).
    """
    with _tables(models, using) as (connection, metadata, tables):
        known = _existing(connection)
        missing = [table for table in tables if table.name not in known]
        _make_extensions(connection, metadata)
        metadata.create_all(connection, tables=missing, checkfirst=CheckFirst.TYPES)


def drop_tables(*models: type[Instance], using: str = "default") -> None:
    """Drop the tables of these models, or of all registered ones, referring tables first; missing ones are skipped.

    :param using: the database alias.
    """
    with _tables(models, using) as (connection, metadata, tables):
        known = _existing(connection)
        present = [table for table in tables if table.name in known]
        ordered, closing = _ordered(present)
        if metadata.info["features"].add_foreign_key_later:
            # foreign keys that form a circle must be dropped before either table
            for constraint in closing:
                connection.execute(DropConstraint(constraint))
        for table in reversed(ordered):
            table.drop(connection, checkfirst=CheckFirst.TYPES)


async def acreate_tables(*models: object, using: str = "default") -> None:
    """Async twin of :func:`create_tables`."""
    await bridge.run_async(create_tables, *models, using=using)


async def adrop_tables(*models: object, using: str = "default") -> None:
    """Async twin of :func:`drop_tables`."""
    await bridge.run_async(drop_tables, *models, using=using)


@contextmanager
def _tables(models: tuple[Any, ...], using: str) -> Generator[tuple[Connection, sa.MetaData, list[sa.Table]]]:
    for model in models:
        if getattr(model, "_meta", None) is None:
            raise TypeError(f"create_tables() and drop_tables() take model classes, not {model!r}.")
        if model._meta.abstract:
            raise ImproperlyConfigured(f"{model._meta.label} is abstract and has no table; name its concrete children.")
    chosen = [options for options in with_junctions(models or registry.models()) if options.managed]
    for options in chosen:
        # reading the names checks the options of Meta
        _ = options.names
    session = sessions.session(using)
    metadata = build_tables(chosen, session.features)
    metadata.info["extensions"] = {
        field.extension for options in chosen for field in options.concrete_fields if hasattr(field, "extension")
    }
    inside = session.in_transaction
    with transactions.ensure(using), session.sa_connection() as connection:
        if inside and session.features.deferrable_constraints:
            # rows written earlier in this transaction have deferred checks pending, and a table with those cannot be
            # altered
            connection.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
            connection.execute(sa.text("SET CONSTRAINTS ALL DEFERRED"))
        yield connection, metadata, made_tables(metadata)


def _ordered(tables: list[sa.Table]) -> tuple[list[sa.Table], list[sa.ForeignKeyConstraint]]:
    """Tables with targets first, and the foreign keys that cannot be satisfied by any order."""
    ordered: list[sa.Table] = []
    closing: list[sa.ForeignKeyConstraint] = []
    for table, constraints in sort_tables_and_constraints(tables):  # type: ignore
        if table is None:
            closing.extend(constraints)
        else:
            ordered.append(table)
    return ordered, closing


def _existing(connection: Connection) -> set[str]:
    return set(sa.inspect(connection).get_table_names())


def _make_extensions(connection: Connection, metadata: sa.MetaData) -> None:
    if metadata.info["features"].extensions:
        for name in sorted(metadata.info["extensions"]):
            connection.execute(sa.text(f"CREATE EXTENSION IF NOT EXISTS {name}"))
