"""``Statement``: what plans keep and sessions run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from dorm.db.identity import FROM_TEXT, Source
from dorm.utils.caches import remembered
from dorm.utils.patterns import lazy_pattern

Kind = Literal["read", "write", "ddl", "control", "other"]

LEADING = lazy_pattern(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/|\()+", re.DOTALL)
WORD = lazy_pattern(r"[A-Za-z]+")
READS = frozenset({"SELECT", "VALUES", "TABLE", "SHOW", "EXPLAIN"})
WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "COPY", "TRUNCATE"})
DDL = frozenset({"CREATE", "ALTER", "DROP", "COMMENT", "REINDEX", "VACUUM", "ANALYZE", "GRANT", "REVOKE", "REFRESH"})
CONTROL = frozenset({"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "ABORT"})
ENDING = lazy_pattern(
    r"(?:COMMIT|END|ABORT|ROLLBACK|PREPARE\s+TRANSACTION)\b(?!\s+(?:(?:WORK|TRANSACTION)\s+)?TO\b)(?!\s+PREPARED\b)",
    re.IGNORECASE,
)
MAY_END = lazy_pattern(r"\b(?:COMMIT|END|ABORT|ROLLBACK|PREPARE)\b", re.IGNORECASE)
QUOTED = lazy_pattern(
    r"""\b[eE]'(?:\\.|[^'\\])*'|'(?:[^']|'')*'|"[^"]*"|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/""", re.DOTALL
)
WRITING_WORD = lazy_pattern(r"\b(INSERT|UPDATE|DELETE|MERGE|REPLACE)\b", re.IGNORECASE)
LOCKING = lazy_pattern(r"\bFOR\s+(UPDATE|NO\s+KEY\s+UPDATE|SHARE|KEY\s+SHARE)\b", re.IGNORECASE)
SETS_SESSION = lazy_pattern(r"\b(?:set_config|setseed|\w*advisory\w*)\s*\(", re.IGNORECASE)


class Statement:
    """One statement in the placeholders of its driver: ``?`` on SQLite, ``%s`` on PostgreSQL.

    ``columns`` says, per parameter position, which columns the value belongs to, for masking: their names, "" for none,
    None where only the text of the statement tells. It may be shorter than the list of parameters. ``source`` is what the
    package made it from, None for hand-written SQL and transaction control. ``hand_written`` says that it may do anything,
    whatever its kind. Treat it as immutable.
    """

    __slots__ = ("_identity", "columns", "hand_written", "kind", "source", "sql")

    def __init__(
        self,
        sql: str,
        kind: Kind = "other",
        columns: tuple[str | None, ...] = (),
        source: Source | None = None,
        *,
        hand_written: bool = False,
    ) -> None:
        self.sql = sql
        self.kind: Kind = kind
        self.columns = columns
        self.source = source
        self.hand_written = hand_written
        self._identity: str | None = None

    @property
    def identity(self) -> str:
        """Which query it is, whatever its values: 16 hexadecimal digits, the same in every process."""
        known = self._identity
        if known is None:
            known = self._identity = (self.source or FROM_TEXT).identity(self.sql)
        return known

    def describe(self) -> str:
        """The query in words, without values: its verb, its model and its structure, or its normalised text."""
        return (self.source or FROM_TEXT).describe(self.sql)

    def __repr__(self) -> str:
        return f"<Statement {self.kind}: {self.sql}>"

    def after(self, words: str) -> Statement:
        """This statement with words before it, such as ``EXPLAIN``: what asks for its plan, and is another statement."""
        return Statement(f"{words} {self.sql}", "read", self.columns)


class NamedStatement(Statement):
    """A statement whose parameters have names, so that one may stand in several places; it takes `NamedValues`.

    :param names: the name of the parameter in each place.
    :param plain: the text with a plain placeholder in each place, to be shown.
    """

    __slots__ = ("names", "plain")

    def __init__(
        self,
        sql: str,
        kind: Kind,
        columns: tuple[str | None, ...],
        source: Source | None = None,
        *,
        names: Sequence[str],
        plain: str,
        hand_written: bool = False,
    ) -> None:
        super().__init__(sql, kind, columns, source, hand_written=hand_written)
        self.names = names
        self.plain = plain

    def after(self, words: str) -> Statement:
        text, plain = f"{words} {self.sql}", f"{words} {self.plain}"
        return NamedStatement(text, "read", self.columns, names=self.names, plain=plain)


class NamedValues(dict[str, Any]):
    """Values by the names of their parameters, for a `NamedStatement`. It iterates over the values, as a list does."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values())

    def in_places(self, statement: Statement) -> tuple[Statement, list[object]]:
        """The statement with a plain placeholder in each place, and the value that stands there: to be shown."""
        assert isinstance(statement, NamedStatement)
        known = dict(zip(self.keys(), statement.columns, strict=False))
        columns = tuple([known.get(name) for name in statement.names])
        shown = Statement(statement.plain, statement.kind, columns, statement.source)
        return shown, [self[name] for name in statement.names]


def changes_session(sql: str) -> bool:
    """Whether a statement calls a function that changes the session: its settings, its random numbers, its locks."""
    return SETS_SESSION.search(sql) is not None


@remembered(512)
def classify(sql: str) -> Kind:
    """The kind of a hand-written statement, as far as its text shows; ``other`` is treated as a write."""
    opening = LEADING.match(sql)
    word_match = WORD.match(sql, opening.end() if opening else 0)
    word = word_match[0].upper() if word_match else ""
    if word in READS:
        # EXPLAIN ANALYZE runs what it explains; data-modifying subqueries exist in WITH only
        return "write" if word == "EXPLAIN" and WRITING_WORD.search(sql) else "read"
    if word == "WITH":
        return "write" if WRITING_WORD.search(sql) else "read"
    if word == "PRAGMA":
        return "other" if "=" in sql else "read"
    if word in WRITES:
        return "write"
    if word in DDL:
        return "ddl"
    return "control" if word in CONTROL else "other"


@remembered(512)
def ends_transaction(sql: str) -> bool:
    """Whether hand-written SQL, of one statement or several, ends the transaction it runs in.

    Another transaction may have begun at once, so that the connection does not show it.
    """
    if MAY_END.search(sql) is None:
        return False
    parts = [part.lstrip().lstrip("(").lstrip() for part in QUOTED.sub(" ", sql).split(";")]
    # the body of a trigger or function ends with END
    if any(part[:6].upper() == "CREATE" for part in parts):
        parts = [part for part in parts if part[:3].upper() != "END"]
    return any(ENDING.match(part) for part in parts)


@remembered(512)
def statement_for(sql: str) -> Statement:
    """A statement for hand-written SQL, cached by its text."""
    return Statement(sql, classify(sql), hand_written=True)
