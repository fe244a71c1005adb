"""What a database can do, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Features:
    """What a database can do, as data. The library asks here; it never compares names. Each field is read somewhere.

    What values look like in columns (``native_…``) must not depend on a version that is learned from the server only: it
    would change under the rows.
    """

    vendor: str
    """The ENGINE whose dialect spells for this database."""
    display_name: str
    """Its name in messages."""

    # ---- how values are stored; False: as text, as a number, as 0 and 1
    native_uuid: bool
    native_json: bool
    native_arrays: bool
    native_boolean: bool
    native_decimal: bool
    native_datetime: bool
    """DATE, TIME and TIMESTAMP."""
    native_interval: bool
    native_nan: bool
    """Whether a float may be NaN."""

    # ---- statements
    max_parameters: int
    """Of one statement."""
    supports_returning: bool
    """``INSERT … RETURNING``; without it no value can be read that the database made."""
    list_parameter: bool
    """Whether a list of any length is one parameter, see :meth:`~dorm.dialects.contract.Spelling.member`."""
    unnest_insert: bool
    """Whether many rows are inserted from one array per column, see :meth:`~dorm.dialects.contract.Spelling.arrays_as_rows`."""
    update_from_values: bool
    """``UPDATE … FROM (VALUES …)``."""
    distinct_on: bool
    joins_exists: bool
    """Whether EXISTS among conditions that must all hold is planned as a join."""
    names_shared_parameters: bool
    """Whether a parameter that stands in several places must have a name for equal expressions of it to be one expression."""
    groups_by_outer_columns: bool
    """Whether GROUP BY knows columns of the queries around a subquery."""

    # ---- locks and transactions
    row_locks: bool
    failed_statement_breaks_transaction: bool
    """Whether a transaction takes no statement after one that failed."""
    deferrable_constraints: bool

    # ---- schema
    identity_columns: bool
    add_foreign_key_later: bool
    """Whether ALTER TABLE adds and drops foreign keys."""
    extensions: bool
    """Whether types come with CREATE EXTENSION."""
    covering_indexes: bool
    partial_indexes: bool
    expression_indexes: bool
    exclusion_constraints: bool
    nulls_not_distinct: bool
    """Whether NULLs can be made equal in a unique constraint."""

    # ---- connections
    pooled: bool
    """Whether connections go back to a pool after each statement. Without, each thread keeps one, and its link has an
    ``execute()`` that takes SQL and parameters and returns a cursor."""
