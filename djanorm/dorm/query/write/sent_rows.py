"""How the rows of a bulk write travel: as one group of parameters per row, or as one array per column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa

from dorm.db.execution import Statement
from dorm.db.identity import Source
from dorm.dialects.kinds import Kind
from dorm.dialects.registry import features_of
from dorm.dialects.sql import hooks_for
from dorm.dialects.sql.repeated import Repeated, RepeatingText
from dorm.fields.types import CustomType, PreparedType, StoredType
from dorm.query.compile.scope import Compilation, names_of_column
from dorm.query.run.statements import compile_statement
from dorm.utils.codegen import FunctionText

if TYPE_CHECKING:
    from sqlalchemy import Dialect as SQLAlchemyDialect

    from dorm.db.session import Session
    from dorm.fields.base import Field

Rows = Sequence[Sequence[object]]


class RowsPlan(Protocol):
    """A compiled write of any number of rows."""

    hydrate: Callable[[list[Any]], list[Any]] | None
    """From the rows that the database returns to converted tuples; None where nothing is returned."""
    used: bool
    """For the cache of plans."""

    def sent(self, rows: Rows) -> tuple[Statement, list[object]]:
        """The statement that writes ``rows``, and its parameters."""
        ...


class GroupedRows:
    """A write whose text holds one group of parameters per row.

    :param fields: those whose values each row has, in order.
    :param statement: the statement, with a `Repeated` part where the rows stand.
    """

    __slots__ = ("_columns", "_flatten", "_last", "_source", "_text", "hydrate", "used")

    def __init__(
        self, fields: Sequence[Any], statement: sa.ClauseElement, session: Any, source: Source, hydrate: Any = None
    ) -> None:
        self._text = RepeatingText(statement, session.dialect)
        self._flatten = _flattener(fields, session.dialect)
        self._columns = tuple([names_of_column(field) for field in fields])
        self._source = source
        self._last = (0, Statement("", "write"))
        self.hydrate = hydrate
        self.used = False

    def sent(self, rows: Rows) -> tuple[Statement, list[object]]:
        """The statement that writes ``rows``, and its parameters."""
        count, statement = self._last
        if count != len(rows):
            count = len(rows)
            statement = Statement(self._text.text(count), "write", self._columns * count, self._source)
            self._last = (count, statement)
        return statement, self._flatten(rows)


class RowsInArrays:
    """A write whose text is the same for any number of rows: it takes one array per column.

    :param fields: those whose values each row has, in order.
    :param make: from the table of the arrays, whose columns are called ``c0``, ``c1`` …, to the statement.
    """

    __slots__ = ("_processors", "_statement", "hydrate", "used")

    def __init__(
        self,
        fields: Sequence[Any],
        make: Callable[[sa.FromClause], sa.ClauseElement],
        session: Any,
        made_from: Source,
        hydrate: Any = None,
    ) -> None:
        dialect = session.dialect
        compilation = Compilation(dialect, session.features)
        types = [field.sql_type().dialect_impl(dialect) for field in fields]
        for number, field in enumerate(fields):
            compilation.binds[f"p{number}"] = f"v[{number}]"
            compilation.columns[f"p{number}"] = names_of_column(field)
        source = hooks_for(session.features).arrays_as_rows(list(compilation.binds), types, dialect)
        self._statement, _ = compile_statement(make(source), compilation, "write", made_from)
        self._processors = [processor_of(field, dialect) for field in fields]
        self.hydrate = hydrate
        self.used = False

    def sent(self, rows: Rows) -> tuple[Statement, list[object]]:
        """The statement that writes ``rows``, and its parameters."""
        columns = zip(*rows, strict=True)
        return self._statement, [
            list(column) if process is None else [process(value) for value in column]
            for column, process in zip(columns, self._processors, strict=True)
        ]


def fits_arrays(fields: Sequence[Field], session: Session) -> bool:
    """Whether rows of these fields can travel as arrays: an array of arrays would be one of several dimensions."""
    return session.features.unnest_insert and not any(_is_array(field) for field in fields)


def _is_array(field: Field) -> bool:
    return field.kind is Kind.ARRAY or isinstance(field.sql_type(), sa.ARRAY)


def groups_of(fields: Sequence[Field], session: Session, *, typed: bool = False) -> Repeated:
    """One group of parameters in parentheses per row.

    :param typed: for a list of rows whose columns have no types but those that its first row gives them.
    """
    parameters = [sa.bindparam(f"p{number}", type_=field.write_type()) for number, field in enumerate(fields)]
    if not typed:
        return Repeated(sa.tuple_(*parameters))
    hooks, dialect = hooks_for(session.features), session.dialect
    first = [
        hooks.typed_parameter(parameter, field.sql_type(), dialect)
        for parameter, field in zip(parameters, fields, strict=True)
    ]
    return Repeated(sa.tuple_(*parameters), sa.tuple_(*first))


def processor_of(field: Field, dialect: SQLAlchemyDialect) -> Callable[[object], object] | None:
    """From a value of ``field``, as it stands on an instance, to the driver's; None where nothing changes."""
    process: Callable[[object], object] | None = field.write_type().dialect_impl(dialect).bind_processor(dialect)
    return process


def _flattener(fields: Sequence[Field], dialect: SQLAlchemyDialect) -> Callable[[Rows], list[object]]:
    """A function that turns rows into one flat list of parameters."""
    text = FunctionText("flatten", "parameters of many rows")
    parts = []
    for number, field in enumerate(fields):
        sql_type = field.write_type()
        column = f"c{number}"
        if isinstance(sql_type, StoredType) and not isinstance(sql_type, (CustomType, PreparedType)):
            process = sql_type.encoder(features_of(dialect))
            template = "None if {0} is None else {process}({0})"
        else:
            process = processor_of(field, dialect)
            template = "{process}({0})"
        parts.append(column if process is None else text.expression((template, {"process": process}), column))
    targets = "".join(f"c{number}, " for number in range(len(fields)))
    text.lines.append(f"return [x for {targets} in rows for x in ({', '.join(parts)},)]")
    return text.define("rows")
