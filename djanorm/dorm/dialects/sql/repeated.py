"""SQL that repeats a part once per row: lists of rows in VALUES, branches of a CASE, members of an IN.

Compiling an SQLAlchemy statement costs time in proportion to its length. Here each repeated part is compiled once, and so is
the statement around it, in which the compiler leaves a hole for the part. `RepeatingText` fills the holes for any number of
rows. This is the one place where SQL text is put together from compiled pieces.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import roles
from sqlalchemy.sql.compiler import SQLCompiler

from dorm.dialects.elements import Element

HOLE = "\0"
"""What encloses the number of a hole: a character that no text of SQL can hold, quoted names included."""


class Repeated(sa.ColumnElement[Any]):
    """A part of a statement that comes once per row, with commas or other separators in between.

    :param part: the part.
    :param first: how it is written for the first row, where that differs.
    """

    inherit_cache = False

    def __init__(self, part: sa.ClauseElement, first: sa.ClauseElement | None = None, *, separator: str = ", ") -> None:
        self.type = sa.types.NULLTYPE
        self.part = part
        self.first = first
        self.separator = separator


class Branches(sa.ColumnElement[Any]):
    """``CASE subject WHEN … THEN … ELSE otherwise END`` with one branch per row.

    :param key: what ``subject`` is compared with in a branch.
    :param value: the result of the branch.
    """

    inherit_cache = False

    def __init__(self, subject: Element, key: Element, value: Element, otherwise: Element) -> None:
        self.type = otherwise.type
        self.subject = subject
        self.otherwise = otherwise
        self.branches = Repeated(_Branch(key, value), separator=" ")


class _Branch(sa.ColumnElement[Any]):
    inherit_cache = False

    def __init__(self, key: Element, value: Element) -> None:
        self.type = value.type
        self.when = key
        self.then = value


class RowsToInsert(roles.DMLSelectRole, sa.ClauseElement):
    """``VALUES (…), (…)``: what an INSERT inserts.

    :param rows: one group of parameters in parentheses.
    """

    inherit_cache = False

    def __init__(self, rows: Repeated) -> None:
        self.rows = rows


class TableOfRows(sa.TableClause):
    """``(VALUES (…), (…)) AS name``, whose columns are called ``column1``, ``column2`` …

    :param width: the number of columns.
    """

    inherit_cache = False

    def __init__(self, name: str, rows: Repeated, width: int) -> None:
        super().__init__(name, *(sa.column(f"column{number}") for number in range(1, width + 1)))
        self.rows = rows


@compiles(Repeated)
def _hole(element: Repeated, compiler: Any, **_: object) -> str:
    """Leave a hole, and note on the compiler what belongs there."""
    holes: list[Repeated] = compiler.__dict__.setdefault("holes", [])
    holes.append(element)
    return f"{HOLE}{len(holes) - 1}{HOLE}"


@compiles(Branches)
def _case(element: Branches, compiler: SQLCompiler, **options: Any) -> str:
    subject, branches, otherwise = (
        compiler.process(part, **options) for part in (element.subject, element.branches, element.otherwise)
    )
    return f"CASE {subject} {branches} ELSE {otherwise} END"


@compiles(_Branch)
def _branch(element: _Branch, compiler: SQLCompiler, **options: Any) -> str:
    return f"WHEN {compiler.process(element.when, **options)} THEN {compiler.process(element.then, **options)}"


@compiles(RowsToInsert)
def _rows_to_insert(element: RowsToInsert, compiler: SQLCompiler, **options: Any) -> str:
    return f"VALUES {compiler.process(element.rows)}"


@compiles(TableOfRows)
def _table_of_rows(element: TableOfRows, compiler: SQLCompiler, **options: Any) -> str:
    return f"(VALUES {compiler.process(element.rows)}) AS {compiler.preparer.quote(str(element.name))}"


class RepeatingText:
    """The text of a statement for any number of rows.

    :param statement: a statement whose parameters all stand in `Repeated` parts.
    """

    __slots__ = ("_holes", "_texts")

    def __init__(self, statement: sa.ClauseElement, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        assert not compiled.positiontup, compiled.string
        holes = [_Written(element, dialect) for element in compiled.holes]
        pieces = compiled.string.split(HOLE)
        self._texts: list[str] = pieces[::2]
        self._holes = [holes[int(number)] for number in pieces[1::2]]

    def text(self, count: int) -> str:
        """The text for ``count`` rows, of which there is at least one."""
        written = [self._texts[0]]
        for hole, text in zip(self._holes, self._texts[1:], strict=True):
            written.append(hole.text(count))
            written.append(text)
        return "".join(written)


class _Written:
    """A repeated part as text."""

    __slots__ = ("first", "other")

    def __init__(self, element: Repeated, dialect: Dialect) -> None:
        part = element.part.compile(dialect=dialect).string
        self.first = part if element.first is None else element.first.compile(dialect=dialect).string
        self.other = element.separator + part

    def text(self, count: int) -> str:
        return self.first + self.other * (count - 1)
