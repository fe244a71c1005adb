"""PostgreSQL: what it can do, how to connect to it, and what its errors mean."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import Dialect as SQLAlchemyDialect
from sqlalchemy import event
from sqlalchemy.dialects.postgresql.psycopg import PGCompiler_psycopg, PGDialect_psycopg
from sqlalchemy.engine import URL, Engine, create_engine
from sqlalchemy.pool import NullPool, PoolProxiedConnection

from dorm import exceptions
from dorm.conf.entries import DatabaseSettings
from dorm.dialects.base import missing_column, missing_table
from dorm.dialects.contract import Dialect, Features, Version, Wait
from dorm.dialects.elements import SqlType
from dorm.dialects.engine_names import BUILT_IN
from dorm.dialects.postgresql_driver import connection_classes
from dorm.dialects.postgresql_links import AsyncPostgresLink, PostgresLink
from dorm.dialects.sql.postgresql import PostgresqlHooks
from dorm.exceptions import DatabaseError

FEATURES = Features(
    vendor="postgresql",
    display_name="PostgreSQL",
    native_uuid=True,
    native_json=True,
    native_arrays=True,
    native_boolean=True,
    native_decimal=True,
    native_datetime=True,
    native_interval=True,
    native_nan=True,
    max_parameters=65535,
    supports_returning=True,
    list_parameter=True,
    unnest_insert=True,
    update_from_values=True,
    distinct_on=True,
    joins_exists=True,
    names_shared_parameters=True,
    groups_by_outer_columns=True,
    row_locks=True,
    failed_statement_breaks_transaction=True,
    deferrable_constraints=True,
    identity_columns=True,
    add_foreign_key_later=True,
    extensions=True,
    covering_indexes=True,
    partial_indexes=True,
    expression_indexes=True,
    exclusion_constraints=True,
    nulls_not_distinct=True,
    pooled=True,
)
BEFORE_15 = replace(FEATURES, nulls_not_distinct=False)
# Connection errors that another attempt would meet again.
HOPELESS = re.compile(
    r"authentication failed|does not exist|no pg_hba\.conf entry|invalid (connection option|port|sslmode)"
    r"|is not permitted to log in|certificate",
    re.IGNORECASE,
)
CONNECTION_STATES = ("08", "57P01", "57P02", "57P03", "53300")
NEVER_SENT = re.compile(r"the connection is (closed|lost)|^sending ", re.IGNORECASE)
BY_STATE: dict[str, type[DatabaseError]] = {
    "23505": exceptions.UniqueViolation,
    "23503": exceptions.ForeignKeyViolation,
    "23001": exceptions.ForeignKeyViolation,
    "23502": exceptions.NotNullViolation,
    "23514": exceptions.CheckViolation,
    "23P01": exceptions.ExclusionViolation,
    "40001": exceptions.SerializationFailure,
    "40P01": exceptions.Deadlock,
    "55P03": exceptions.LockNotAvailable,
    "57014": exceptions.QueryCanceled,
    "25P02": exceptions.TransactionManagementError,
    "42P01": exceptions.OperationalError,
    "0A000": exceptions.NotSupportedError,
}
BY_NAME = (
    "IntegrityError",
    "DataError",
    "NotSupportedError",
    "ProgrammingError",
    "OperationalError",
    "InterfaceError",
)
# Errors about data whose messages quote the names of encodings, not values.
NAMING_STATES = ("22021", "22P05")
QUOTED = re.compile(r"""(["']).*\1""", re.DOTALL)
KEY_COLUMNS = re.compile(r"^Key \((.+?)\)=\(")
MISSING_TABLE = re.compile(r'relation "(.+?)" does not exist')


ARRAY_OF_TEXT = re.compile(r"(?<=CHAR)\(\d+\)(?=(?:\[\])+\Z)")
ARRAY_TYPE = r"(?=::[A-Za-z][\w ]*(?:\([\d, ]*\)[A-Za-z ]*)?\[\])"
ARRAY_PARAMETER = re.compile(r"(?<!%)%s" + ARRAY_TYPE)
NAMED_ARRAY_PARAMETER = re.compile(r"(?<!%)(%\(\w+\))s" + ARRAY_TYPE)


class _Compiler(PGCompiler_psycopg):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # psycopg would send arrays as text, quoting each element for the server to parse: half the time of a bulk
        # insert. Scalars are sent as psycopg chooses.
        self.string = ARRAY_PARAMETER.sub("%b", self.string)

    def _process_positional(self) -> None:
        # before their places are known, parameters have names
        self.named = NAMED_ARRAY_PARAMETER.sub(r"\1b", self.string)
        give_places: Callable[[], None] = super()._process_positional
        give_places()

    def render_bind_cast(self, type_: SqlType, dbapi_type: SqlType, sqltext: str) -> str:
        # An explicit cast to varchar(n) cuts text off without an error (PostgreSQL manual, 8.3), so that too long text
        # would be stored, or found, shortened. SQLAlchemy leaves the length out for single values only.
        text: str = super().render_bind_cast(type_, dbapi_type, sqltext)  # type: ignore[no-untyped-call]
        return ARRAY_OF_TEXT.sub("", text)


class _Dialect(PGDialect_psycopg):
    supports_statement_cache = True
    statement_compiler = _Compiler
    # Subscripts of JSONB exist from version 14 on; compiled statements must not depend on the server they are for.
    _supports_jsonb_subscripting = False


class Connector:
    """Opens connections of one alias, sync and async."""

    begin = "BEGIN"
    exclusive = False

    def __init__(self, settings: DatabaseSettings) -> None:
        self.settings = settings
        arguments: dict[str, object] = {"autocommit": True}
        if not settings.prepare:
            arguments["prepare_threshold"] = None
        elif settings.prepare_threshold is not None:
            arguments["prepare_threshold"] = settings.prepare_threshold
        self.arguments = {**settings.options, **arguments}
        self.url = URL.create(
            "postgresql+psycopg",
            username=settings.user or None,
            password=settings.password or None,
            host=settings.host or None,
            port=settings.port or None,
            database=settings.name,
        )

    def limit(self, asynchronous: bool) -> int:
        return self.settings.max_pool_size

    def _options(self) -> dict[str, Any]:
        return {
            "poolclass": NullPool,
            "pool_reset_on_return": None,
            "paramstyle": "format",
            "use_native_hstore": False,
        }

    def engine(self) -> Engine:
        """The synchronous engine; dorm's pool keeps the connections it creates."""
        connection, _ = connection_classes()
        engine = create_engine(self.url, connect_args=self.arguments, **self._options())
        # a listener on the engine itself would count as a user's listener
        event.listen(
            engine.dialect, "do_connect", lambda _dialect, _record, args, keys: connection.connect(*args, **keys)
        )
        return engine

    def async_engine(self) -> Engine:
        """The asynchronous engine, as its synchronous façade."""
        _, connection = connection_classes()
        arguments = {**self.arguments, "async_creator_fn": connection.connect}
        return create_engine(self.url, connect_args=arguments, _is_async=True, **self._options())

    def link(self, fairy: PoolProxiedConnection) -> PostgresLink:
        return PostgresLink(fairy, fairy.driver_connection)

    def async_link(self, fairy: PoolProxiedConnection, wait: Wait, to_the_end: Wait) -> AsyncPostgresLink:
        return AsyncPostgresLink(fairy, fairy.driver_connection, wait, to_the_end)

    def close(self) -> None:
        """Does nothing: the connector holds nothing beyond the pools."""


# ------------------------------------------------------------------------------------------------------------- errors


def _driver() -> Any:
    """psycopg, if it has been imported; before that, no error can come from it."""
    return sys.modules.get("psycopg")


def is_driver_error(error: BaseException) -> bool:
    """Whether psycopg raised it."""
    driver = _driver()
    return driver is not None and isinstance(error, driver.Error)


def is_transient(error: Any) -> bool:
    """Whether another attempt may succeed: connection errors, but not timeouts or refused log-ins."""
    driver = _driver()
    if driver is None or not isinstance(error, (driver.OperationalError, driver.InterfaceError)):
        return False
    if error.sqlstate is not None:
        return error.sqlstate.startswith(CONNECTION_STATES)
    if isinstance(error, driver.InterfaceError):
        return bool(NEVER_SENT.search(str(error)))
    return not HOPELESS.search(str(error))


def proves_not_run(error: BaseException) -> bool:
    """Whether the statement cannot have reached the server."""
    return bool(NEVER_SENT.search(str(error)))


def translate(error: Any) -> DatabaseError:
    """The library's error for a psycopg error.

    Of the server's DETAIL only the columns of a violated key are used: it quotes the values of the row. The text of the
    psycopg error is shortened likewise, since it is printed as the cause; its ``diag`` is left complete.
    """
    state = error.sqlstate
    text = _without_values(error, error.diag.message_primary or str(error).strip() or type(error).__name__)
    error.args = (text,)
    details = {"sqlstate": state, "constraint": error.diag.constraint_name, "table": error.diag.table_name}
    if state == "42P01":
        found = MISSING_TABLE.search(text)
        table = found[1] if found else "?"
        return exceptions.OperationalError(missing_table(table, text), sqlstate=state, table=table)
    if state == "42703":
        return exceptions.ProgrammingError(missing_column(text), **details)
    if state == "0A000" and "cached plan" in text:
        return exceptions.OperationalError(
            f"a table of this statement was altered after the statement had been prepared ({text}). It is prepared anew next "
            "time: run the whole block again.",
            sqlstate=state,
        )
    details["columns"] = _columns(error)
    kind = BY_STATE.get(state or "")
    if kind is None:
        driver = _driver()
        kind = next(
            (getattr(exceptions, name) for name in BY_NAME if isinstance(error, getattr(driver, name))), DatabaseError
        )
    if details["columns"] and details["table"] and issubclass(kind, exceptions.IntegrityError):
        text = f"{text} ({details['table']}: {', '.join(details['columns'])})"
    return kind(text, **details)


def _without_values(error: Any, text: str) -> str:
    """A message about an invalid value for a type, without the value that it quotes."""
    if isinstance(error, _driver().DataError) and error.sqlstate not in NAMING_STATES:
        return QUOTED.sub(r"\1***\1", text)
    return text


def _columns(error: Any) -> list[str]:
    if error.diag.column_name:
        return [error.diag.column_name]
    found = KEY_COLUMNS.match(error.diag.message_detail or "")
    return [column.strip().strip('"') for column in found[1].split(", ")] if found else []


# ----------------------------------------------------------------------------------------------------------- the whole


class PostgreSQL:
    """PostgreSQL 13 and later."""

    engine = BUILT_IN[1]

    def __init__(self) -> None:
        self._spelling = PostgresqlHooks(FEATURES.display_name)

    def features(self, server_version: Version | None = None) -> Features:
        return FEATURES if server_version is None or server_version >= (15,) else BEFORE_15

    def sqlalchemy_dialect(self) -> SQLAlchemyDialect:
        """Psycopg's, with parameters as psycopg writes them."""
        made: Callable[..., SQLAlchemyDialect] = _Dialect
        return made(paramstyle="format", use_native_hstore=False)

    def spelling(self, features: Features) -> PostgresqlHooks:
        return self._spelling

    def connector(self, settings: DatabaseSettings) -> Connector:
        return Connector(settings)

    is_driver_error = staticmethod(is_driver_error)
    translate = staticmethod(translate)
    is_transient = staticmethod(is_transient)
    proves_not_run = staticmethod(proves_not_run)

    def means_closed(self, error: BaseException) -> bool:
        # the link knows by itself
        return False


DIALECT: Dialect = PostgreSQL()
