"""What a database can do, as the rest of the library may know it."""

from __future__ import annotations

from dataclasses import dataclass

TIME_UNITS = ("hour", "minute", "second")
"""The units of time that are shorter than a day."""


@dataclass(frozen=True, slots=True)
class Features:
    """What a database can do, as data. Code asks here instead of comparing names."""

    vendor: str
    display_name: str
    placeholder: str
    # ---- storage
    native_uuid: bool
    native_json: bool
    native_arrays: bool
    native_boolean: bool
    native_decimal: bool
    native_datetime: bool
    native_interval: bool
    native_inet: bool
    native_ranges: bool
    native_hstore: bool
    native_citext: bool
    native_enum: bool
    native_nan: bool
    # ---- statements
    max_parameters: int
    supports_returning: bool
    supports_upsert: bool
    array_parameter_in: bool
    json_each_in: bool
    unnest_insert: bool
    update_from_values: bool
    distinct_on: bool
    joins_exists: bool  # EXISTS among conditions that must all hold is planned as a join
    nulls_first_last: bool
    set_operation_parentheses: bool
    limit_needed_for_offset: bool
    filter_clause: bool
    # whether a parameter that stands in several places must have a name for equal expressions of it to be one expression
    names_shared_parameters: bool
    # whether GROUP BY knows columns of the queries around a subquery
    groups_by_outer_columns: bool
    window_functions: bool
    tablesample: bool
    explain_formats: tuple[str, ...]
    explain_analyze: bool
    # ---- locks and transactions
    row_locks: bool
    row_lock_flags: frozenset[str]
    savepoints: bool
    transactional_ddl: bool
    failed_statement_breaks_transaction: bool
    advisory_locks: bool
    deferrable_constraints: bool
    select_for_update_needs_transaction: bool
    # ---- schema
    schemas: bool
    comments: bool
    identity_columns: bool
    add_foreign_key_later: bool
    alter_column: bool
    concurrent_indexes: bool
    index_methods: tuple[str, ...]
    covering_indexes: bool
    partial_indexes: bool
    expression_indexes: bool
    exclusion_constraints: bool
    generated_columns_virtual: bool
    max_identifier_length: int
    # ---- connections
    pooled: bool
    server_side_cursors: bool
    listen_notify: bool
    copy: bool
    statement_timeout: bool


def missing_table(table: str, text: str) -> str:
    """What to say about a table that does not exist, after the database's own ``text``."""
    return (
        f"table {table!r} does not exist ({text}). dorm.create_tables() makes the tables of all models that are imported; "
        "those that are there already are migrated with SQL of your own."
    )


def missing_column(text: str) -> str:
    """What to say about a column that does not exist, after the database's own ``text``."""
    return (
        f"{text}. If a model has a field that its table lacks: dorm.create_tables() leaves existing tables as they are. Add the "
        "column with ALTER TABLE, or make the table anew, without its rows, with dorm.drop_tables() and dorm.create_tables()."
    )
