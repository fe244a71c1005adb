"""From an SQLAlchemy statement to the text that a driver gets, and the function that binds values to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dorm.db.execution import NamedStatement, NamedValues, Statement, changes_session
from dorm.db.identity import Source
from dorm.query.compile.scope import Compilation
from dorm.utils.codegen import FunctionText, quoted

Binder = Callable[[Any], Any]


def compile_statement(
    sql: Any,
    compilation: Compilation,
    kind: Any,
    source: Source | None = None,
    width: int | None = None,
    assigned: Sequence[str] | None = None,
) -> tuple[Statement, Binder | None]:
    """An SQLAlchemy statement as text for the driver, and the function that binds values to it.

    :param width: how many values there will be; when they are the parameters as they stand, no function is needed.
    :param assigned: the columns that an INSERT without values has values for: none of them, to insert nothing but defaults.
    """
    compiled = sql.compile(dialect=compilation.dialect, column_keys=assigned)
    names = list(compiled.positiontup or ())
    processors = compiled._bind_processors
    binder = FunctionText("bind", "parameters of a statement")
    parts: list[str] = []
    for name in names:
        formula = compilation.binds.get(name)
        process = processors.get(name)
        if formula is None:
            value = compiled.binds[name].effective_value
            if value == 0:
                # the OFFSET that goes with a LIMIT
                compilation.columns[name] = ""
            parts.append(binder.keep(process(value) if process is not None else value, "fixed"))
        elif process is not None:
            parts.append(f"{binder.keep(process, 'process')}({formula})")
        else:
            parts.append(formula)
    unusual = changes_session(compiled.string)
    if compilation.grouped and compilation.features.names_shared_parameters and len(set(names)) < len(names):
        # a database takes two parameters for two expressions, in GROUP BY and beside it, whatever their values
        first = {name: n for n, name in reversed(list(enumerate(names)))}
        about = compilation.about(list(first), compiled.named)
        statement: Statement = NamedStatement(
            compiled.named, kind, about, source, names=names, plain=compiled.string, hand_written=unusual
        )
        pairs = ", ".join(f"{quoted(name)}: {parts[n]}" for name, n in first.items())
        binder.lines.append(f"return {binder.keep(NamedValues, 'Named')}({{{pairs}}})")
        return statement, binder.define("v")
    statement = Statement(
        compiled.string, kind, compilation.about(names, compiled.string), source, hand_written=unusual
    )
    if width in (None, len(parts)) and parts == [f"v[{n}]" for n in range(len(parts))]:
        return statement, None
    binder.lines.append(f"return ({', '.join(parts)}{',' if len(parts) == 1 else ''})")
    return statement, binder.define("v")
