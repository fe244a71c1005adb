"""Keeping secrets out of log lines. Signal receivers get the values as they are.

When in doubt, a value is masked. A value is shown if the compiler, or the form of a hand-written statement, proves that
it meets only other columns; otherwise it is hidden as soon as a sensitive name appears anywhere in the statement.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dorm.utils.patterns import lazy_pattern

if TYPE_CHECKING:
    from dorm.db.execution import Statement

BUILT_IN = (
    "password",
    "passwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "authorization",
    "auth_token",
    "access_key",
    "private_key",
)
MASK = "***"
SHORTEST = 3  # the length of a text of one character, such as the escape character of LIKE
TABLE = r'(?:"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|[^\s()"`\[])+'
# columns that the text does not spell out: rows without a list of columns, and names written with escapes
UNNAMED = lazy_pattern(
    rf"\bINTO\s+{TABLE}(?:\s+AS\s+{TABLE})?(?:\s+OVERRIDING\s+\w+\s+VALUE)?\s*(?:\(\s*)?"
    rf'\b(?:VALUES|SELECT|TABLE|WITH)\b|\bINSERT\s+VALUES\b|\bU&"',
    re.IGNORECASE,
)
COMMENT = lazy_pattern(r"--[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
LITERALS = lazy_pattern(
    r"""
      (?P<name>"(?:[^"]|"")*"|`[^`]*`)
    | (?P<text>\b[Ee]'(?:[^'\\]|''|\\.)*(?:'|\Z)
        |'(?:[^']|'')*(?:'|\Z)
        |--[^\n]*
        |/\*.*?(?:\*/|\Z)
        |(?<!\w)\$(?P<tag>[A-Za-z_]\w*)\$.*?(?:\$(?P=tag)\$|\Z)
        |(?<!\w)\$\$.*?(?:\$\$|\Z))
    | (?P<number>(?<![\w$.])(?:0x[0-9a-f]+|[0-9][0-9._]+)(?:e[+-]?[0-9]+)?(?!\w))
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_patterns: list[str] = list(BUILT_IN)


def add_sensitive_pattern(*patterns: str) -> None:
    """Masks logged parameters of columns whose name contains one of ``patterns``, in any case; idempotent.

    Raises ``ValueError`` for an empty pattern, which would mask everything.
    """
    for pattern in patterns:
        folded = pattern.lower().strip()
        if not folded:
            raise ValueError("a sensitive pattern must not be empty")
        if folded not in _patterns:
            _patterns.append(folded)


def reset_sensitive_patterns() -> None:
    """Restores the built-in list."""
    _patterns[:] = BUILT_IN


def is_sensitive(column: str | None) -> bool:
    """Whether values of a column of that name are masked."""
    if column is None:
        return False
    folded = column.lower()
    return any(pattern in folded for pattern in _patterns)


def in_doubt(text: str) -> bool:
    """Whether a value that belongs to an unknown part of ``text`` may be a secret."""
    return is_sensitive(text) or any(UNNAMED.search(form) for form in {text, COMMENT.sub(" ", text)})


def shown(name: str, value: object) -> str:
    """``value`` for a message about something called ``name``."""
    return MASK if is_sensitive(name) else reprlib.repr(value)


def masked(statement: Statement, params: Sequence[object] | None) -> list[object]:
    """The parameters for a log line: a value that may be a secret is ``***``.

    ``statement.columns`` says which columns a parameter belongs to; where it does not, any name in the text may be
    meant.
    """
    columns = statement.columns
    known: dict[str, bool] = {}
    shown = []
    for index, value in enumerate(params or ()):
        column = columns[index] if index < len(columns) else None
        about = statement.sql if column is None else column
        hidden = known.get(about)
        if hidden is None:
            hidden = known[about] = in_doubt(about)
        shown.append(MASK if hidden and value is not None else value)
    return shown


def masked_sql(sql: str, kind: str = "other") -> str:
    """SQL for a log line: where it names something sensitive, texts, numbers and comments in it are ``***``."""
    if not in_doubt(sql):
        return sql
    return LITERALS.sub(lambda found: _masked_literal(found, kind), sql)


def _masked_literal(found: re.Match[str], kind: str) -> str:
    text = found[0]
    if found["name"] is not None or (found["number"] is not None and kind == "ddl"):
        return text
    if found["number"] is not None:
        return MASK
    if text.startswith(("--", "/*")):
        return f"/*{MASK}*/"
    return text if len(text) <= SHORTEST else f"'{MASK}'"


def reveals_secrets(statement: Statement, params: Sequence[object] | None) -> bool:
    """Whether a log line masks a part of the statement; its plan is then not logged."""
    return masked_sql(statement.sql, statement.kind) != statement.sql or masked(statement, params) != list(params or ())
