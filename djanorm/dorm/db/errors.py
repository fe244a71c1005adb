"""The one place where errors of drivers and of SQLAlchemy become the library's own."""

from __future__ import annotations

import re

from sqlalchemy import exc as sa_exc

from dorm import exceptions
from dorm.conf.keys import mask_text
from dorm.dialects import registry
from dorm.exceptions import DatabaseError

CREDENTIALS = re.compile(r"(\bpassword\s*[:=]\s*)(\"[^\"]*\"|'[^']*'|\S+)", re.IGNORECASE)
BY_NAME = {
    "NoSuchTableError": exceptions.OperationalError,
    "CompileError": exceptions.ProgrammingError,
    "UnsupportedCompilationError": exceptions.NotSupportedError,
}


def driver_error(error: BaseException) -> BaseException:
    """The driver's error inside one of SQLAlchemy's, or the error itself."""
    if isinstance(error, sa_exc.DBAPIError) and error.orig is not None:
        return error.orig
    return error


def translate(error: BaseException, *, alias: str | None = None) -> BaseException:
    """The error to raise instead of ``error``, with the driver's error as its cause; other errors as they are."""
    original = driver_error(error)
    for dialect in registry.dialects_of(original):
        if dialect.is_driver_error(original):
            return _caused(dialect.translate(original), original)
    if isinstance(original, sa_exc.TimeoutError):
        return _caused(exceptions.PoolTimeout(pool_timeout_text(alias)), original)
    if isinstance(original, sa_exc.SQLAlchemyError):
        kind = BY_NAME.get(type(original).__name__, DatabaseError)
        return _caused(kind(without_secrets(str(original.args[0] if original.args else original))), original)
    if isinstance(original, UnicodeEncodeError):
        # text with lone surrogates, which no database can hold
        told = exceptions.DataError(f"a value cannot be sent to the database: {original}")
        original.object = original.object[original.start : original.end]
        original.args = (original.encoding, original.object, original.start, original.end, original.reason)
        return _caused(told, original)
    return error


def pool_timeout_text(alias: str | None) -> str:
    return (
        f"no connection of alias {alias!r} became free within POOL_TIMEOUT. Every connection is in use: raise "
        "MAX_POOL_SIZE, or look for transactions and streams that stay open."
    )


def without_secrets(text: str) -> str:
    """``text`` with the passwords of URLs, connection strings and messages masked."""
    return CREDENTIALS.sub(r"\1***", mask_text(text))


def _caused(error: DatabaseError, cause: BaseException) -> DatabaseError:
    error.__cause__ = cause
    error.__suppress_context__ = True
    return error
