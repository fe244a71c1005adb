"""Limits on the size of one query, so that no input can cost minutes of time or exhaust the stack.

They are far above the limits of databases (SQLite joins 64 tables and selects 2,000 columns, PostgreSQL 1,664).
"""

from __future__ import annotations

from dorm.exceptions import FieldError

STEPS = 100  # of a path such as author__press__name
LETTERS = 8000  # of a path
NAMED = 1500  # annotations of a query
PARTS = 50_000  # expressions and conditions, each counted wherever the statement repeats it
DEPTH = 250  # conditions inside conditions
SHOWN = 60


def check_path(name: str) -> None:
    """Refuses a path that is too long for a query.

    :raises FieldError: with the beginning of the path.
    """
    if len(name) > LETTERS or name.count("__") > STEPS:
        raise FieldError(
            f"The path '{name[:SHOWN]}…' has {name.count('__') + 1} steps and {len(name)} characters; at most {STEPS} steps "
            f"and {LETTERS} characters are possible."
        )


def check_number(count: int, what: str) -> None:
    """Refuses more annotations or aggregates than a query can return."""
    if count > NAMED:
        raise FieldError(f"A query has at most {NAMED} {what}, not {count}: ask for them in several queries.")


def too_large() -> FieldError:
    """The error for an expression or condition that repeats its parts too often."""
    return FieldError(
        f"An expression or condition of this query has more than {PARTS} parts, counting each part wherever the statement "
        "repeats it: compute a part once in a subquery, or in a query of its own."
    )


def too_deep() -> FieldError:
    """The error for conditions nested deeper than Python's stack."""
    return FieldError(
        "The conditions or expressions of this query are nested too deeply, or the code that builds it calls itself without "
        "end. Use lists of conditions (Q(…) | Q(…) | …, __in) and several queries instead."
    )
