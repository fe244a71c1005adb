"""Changes of the session that hand-written SQL may leave behind for the next borrower of the connection."""

from __future__ import annotations

import re

from dorm.exceptions import NotSupportedError
from dorm.utils.caches import remembered

RESET = (
    "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; SELECT pg_advisory_unlock_all(); "
    "DISCARD TEMP; DISCARD SEQUENCES"
)
"""As DISCARD ALL, but for the statements that the driver has prepared."""

COPY = re.compile(r"(?:^|;)\s*COPY\b[^;]*\b(?:FROM\s+STDIN|TO\s+STDOUT)\b", re.IGNORECASE)
PLAIN = re.compile(
    r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/|\()*(?:SELECT|VALUES|TABLE|SHOW|INSERT|UPDATE|DELETE|MERGE|WITH)\b",
    re.IGNORECASE | re.DOTALL,
)
SEVERAL = re.compile(r";\s*\S")
TEXT = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
NAMED = re.compile(r"\b(?:INTO|AS|RECURSIVE|WITH)\s+(?:\"?[\w$]+\"?\.)?\"?[\w$]+\"?\s*\(", re.IGNORECASE)
CALLED = re.compile(r"([\w$]+)\"?\s*\(")
HARMLESS = frozenset(
    """
    abs age all any array array_agg as avg between bool_and bool_or by cast ceil ceiling char char_length character coalesce
    concat concat_ws conflict count cube current_database current_schema current_setting date date_part date_trunc decimal
    dense_rank distinct every except exists exp extract filter first_value floor format from generate_series greatest group
    grouping having in inet intersect interval is join json_agg json_array_length json_build_object json_object_agg
    jsonb_agg jsonb_array_elements jsonb_array_length jsonb_build_object jsonb_each jsonb_object_agg jsonb_set json_each lag
    last_value lead least left length limit ln localtime lower lpad ltrim make_date materialized max md5 min mod not now
    nullif numeric offset on or order over overlaps overlay partition percent_rank position power random rank regexp_match
    regexp_replace repeat replace returning reverse right rollup round row row_number rpad rtrim select set sets split_part
    sqrt string_agg strpos substr substring sum then timestamp timestamptz to_char to_date to_json to_jsonb to_number
    to_regclass to_timestamp translate trim trunc union unnest upper using values varchar varying when where within
    """.split()  # noqa: SIM905
)
"""Functions, types and key words before a parenthesis that leave no trace; any other function might."""


@remembered(512)
def leaves_traces(sql: str) -> bool:
    """Whether hand-written ``sql`` may have changed the session; True when in doubt."""
    if not PLAIN.match(sql) or SEVERAL.search(sql):
        return True
    text = NAMED.sub(" ", TEXT.sub("''", sql))
    return any(not _harmless(name.lower()) for name in CALLED.findall(text))


def _harmless(name: str) -> bool:
    return name in HARMLESS or (name.startswith("pg_") and "advisory" not in name)


@remembered(512)
def refuse_copy(sql: str) -> None:
    """Raises for a COPY that talks to the client: it would leave the connection in the middle of it."""
    if COPY.search(TEXT.sub("", sql)):
        raise NotSupportedError(
            "COPY from STDIN or to STDOUT cannot be executed like a statement. Use bulk_create() to write many rows and "
            "execute_streaming() to read them, or cursor.copy() of a psycopg connection of your own."
        )
