"""INSERT statements: one row, many rows, conflicts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from dorm.db.execution import Statement
from dorm.dialects.kinds import Kind
from dorm.dialects.registry import features_of
from dorm.dialects.sql import hooks_for
from dorm.exceptions import FieldError
from dorm.expressions.base import Expression
from dorm.expressions.references import ColumnRef
from dorm.expressions.values import Value
from dorm.fields.types import CustomType, PreparedType, StoredType
from dorm.functions.base import Func
from dorm.functions.numbers import Round
from dorm.query.compile.compiler import QueryScope
from dorm.query.compile.layout import Layout, Output
from dorm.query.compile.scope import Compilation, names_of_column
from dorm.query.describe.names import Names
from dorm.query.describe.state import QueryState, Slots
from dorm.query.run.hydrate import make_hydrator
from dorm.query.run.plan import compile_statement, plans
from dorm.utils.codegen import FunctionText

_VALUES = re.compile(r"VALUES (\(.*\))(?= ON CONFLICT| RETURNING|$)", re.DOTALL)
_QUOTED = re.compile(r'"(?:[^"]|"")*"')


class WritePlan:
    """A compiled write.

    :ivar bind: from the values of one row to parameters; None when they are the same.
    :ivar hydrate: from returned rows to converted tuples.
    :ivar text: for many rows, the number of rows -> the SQL text.
    """

    __slots__ = ("bind", "flatten", "hydrate", "statement", "text", "used")

    def __init__(self, statement: Statement, bind: Any, hydrate: Any, text: Any = None, flatten: Any = None) -> None:
        self.statement = statement
        self.bind = bind
        self.hydrate = hydrate
        self.text = text
        self.flatten = flatten
        self.used = False


def _returning(options: Any, returning: Sequence[Any], session: Any) -> Callable[[list[Any]], list[Any]] | None:
    if not returning:
        return None
    outputs = tuple(Output(field.attname, field, None) for field in returning)
    return make_hydrator(Layout("tuple", options, outputs), session.dialect, session.alias)


def _statement(
    compilation: Compilation, options: Any, fields: Sequence[Any], returning: Sequence[Any], on_conflict: Any
) -> Any:
    table = options.table
    insert = hooks_for(compilation.features).insert(table)
    if fields:
        insert = insert.values(
            {
                table.c[field.column]: compilation.bind(f"v[{n}]", field.write_type(), names_of_column(field))
                for n, field in enumerate(fields)
            }
        )
    return _finished(insert, table, returning, on_conflict)


def _finished(insert: Any, table: Any, returning: Sequence[Any], on_conflict: Any) -> Any:
    if on_conflict == "ignore":
        insert = insert.on_conflict_do_nothing()
    elif on_conflict is not None:
        _, unique, updated = on_conflict
        elements = [table.c[field.column] for field in unique]
        if updated:
            assigned = {field.column: insert.excluded[field.column] for field in updated}
            insert = insert.on_conflict_do_update(index_elements=elements, set_=assigned)
        else:
            insert = insert.on_conflict_do_nothing(index_elements=elements)
    return insert.returning(*(table.c[field.column] for field in returning)) if returning else insert


def compile_one(session: Any, options: Any, fields: Sequence[Any], returning: Sequence[Any], key: Any) -> WritePlan:
    """The plan of inserting one row."""
    compilation = Compilation(session.dialect, session.features)
    sql = _statement(compilation, options, fields, returning, None)
    statement, bind = compile_statement(sql, compilation, "write", key)
    if not fields:
        statement = Statement(_default_values(statement.sql), "write", (), key)
        bind = None
    return WritePlan(statement, bind, _returning(options, returning, session))


def _default_values(text: str) -> str:
    """An INSERT of a row made of nothing but defaults."""
    plain = _without_names(text)
    before = plain.split(" VALUES", maxsplit=1)[0]
    table = before.split(" (", maxsplit=1)[0].removesuffix(" DEFAULT")
    at = plain.find(" RETURNING")
    return f"{text[: len(table)]} DEFAULT VALUES{text[at:] if at >= 0 else ''}"


def _without_names(text: str) -> str:
    """The text with every quoted name blanked, because names may contain the key words that it is split at."""
    return _QUOTED.sub(lambda found: "_" * len(found.group()), text)


def insert_many(
    session: Any, options: Any, fields: Sequence[Any], rows: Sequence[Any], returning: Sequence[Any], on_conflict: Any
) -> list[Any]:
    """Insert rows, in as few statements as the database takes."""
    fields, rows = _in_table_order(options, fields, rows)
    columns = list(zip(*rows, strict=True))
    if computed(fields, rows):
        return with_expressions(session, options, fields, rows, returning, on_conflict)
    if not fields:
        plan = compile_one(session, options, fields, returning, None)
        inserted: list[Any] = []
        for _ in rows:
            inserted += plan.hydrate(session.fetch_returning(plan.statement, None)) if returning else []
            if not returning:
                session.run(plan.statement, None)
        return inserted
    if session.features.unnest_insert and len(rows) > 1 and not any(_is_array(field) for field in fields):
        return _unnested(session, options, fields, columns, returning, on_conflict)
    size = max(1, session.features.max_parameters // len(fields))
    found: list[Any] = []
    for at in range(0, len(rows), size):
        found += _values(session, options, fields, rows[at : at + size], returning, on_conflict)
    return found


def computed(fields: Sequence[Any], rows: Sequence[Any]) -> list[Any]:
    """The fields for which some row has an expression in place of a value."""
    columns = zip(*rows, strict=True)
    return [
        field
        for field, column in zip(fields, columns, strict=False)
        if any(issubclass(kind, Expression) for kind in set(map(type, column)))
    ]


def _in_table_order(options: Any, fields: Sequence[Any], rows: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    """Fields and values in the order of the table's columns, in which SQLAlchemy writes them."""
    places = {id(field): place for place, field in enumerate(options.concrete_fields)}
    order = sorted(range(len(fields)), key=lambda n: places[id(fields[n])])
    if order == list(range(len(fields))):
        return fields, rows
    return [fields[n] for n in order], [tuple(row[n] for n in order) for row in rows]


def _is_array(field: Any) -> bool:
    return field.kind is Kind.ARRAY or isinstance(field.sql_type(), sa.ARRAY)


def _key(
    name: str, session: Any, options: Any, fields: Sequence[Any], returning: Sequence[Any], on_conflict: Any
) -> Any:
    conflict = on_conflict
    if isinstance(on_conflict, tuple):
        conflict = (tuple(id(f) for f in on_conflict[1]), tuple(id(f) for f in on_conflict[2]))
    version = options.registry.version
    return (name, session.alias, options, version, tuple(map(id, fields)), tuple(map(id, returning)), conflict)


def _values(
    session: Any, options: Any, fields: Sequence[Any], rows: Sequence[Any], returning: Sequence[Any], on_conflict: Any
) -> list[Any]:
    key = _key("insert many", session, options, fields, returning, on_conflict)
    plan = plans.get(key)
    if plan is None:
        plan = _compile_values(session, options, fields, returning, on_conflict, key)
        plans.put(key, plan)
    columns = plan.statement.columns * len(rows)
    statement = Statement(plan.text(len(rows)), "write", columns, key)
    params = plan.flatten(rows)
    if returning:
        return plan.hydrate(session.fetch_returning(statement, params))
    session.run(statement, params)
    return []


def _compile_values(
    session: Any, options: Any, fields: Sequence[Any], returning: Sequence[Any], on_conflict: Any, key: Any
) -> WritePlan:
    compilation = Compilation(session.dialect, session.features)
    sql = _statement(compilation, options, fields, returning, on_conflict)
    statement, _ = compile_statement(sql, compilation, "write", key)
    match = _VALUES.search(_without_names(statement.sql))
    assert match is not None, statement.sql
    before, group, after = (
        statement.sql[: match.start(1)],
        statement.sql[slice(*match.span(1))],
        statement.sql[match.end(1) :],
    )

    def text(count: int) -> str:
        return before + ", ".join([group] * count) + after

    hydrate = _returning(options, returning, session)
    return WritePlan(statement, None, hydrate, text, _flattener(fields, session.dialect))


def _processor(field: Any, dialect: Any) -> Any:
    return field.write_type().dialect_impl(dialect).bind_processor(dialect)


def _flattener(fields: Sequence[Any], dialect: Any) -> Callable[[Sequence[Any]], list[Any]]:
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
            process = _processor(field, dialect)
            template = "{process}({0})"
        parts.append(column if process is None else text.expression((template, {"process": process}), column))
    targets = "".join(f"c{number}, " for number in range(len(fields)))
    text.lines.append(f"return [x for {targets} in rows for x in ({', '.join(parts)},)]")
    return text.define("rows")


def _unnested(
    session: Any, options: Any, fields: Sequence[Any], columns: list[Any], returning: Sequence[Any], on_conflict: Any
) -> list[Any]:
    """One array per column: the statement is the same for any number of rows."""
    key = _key("insert unnested", session, options, fields, returning, on_conflict)
    plan = plans.get(key)
    if plan is None:
        plan = _compile_unnested(session, options, fields, returning, on_conflict, key)
        plans.put(key, plan)
    params = [
        list(column) if process is None else [process(value) for value in column]
        for column, process in zip(columns, plan.flatten, strict=True)
    ]
    if returning:
        return plan.hydrate(session.fetch_returning(plan.statement, params))
    session.run(plan.statement, params)
    return []


def _compile_unnested(
    session: Any, options: Any, fields: Sequence[Any], returning: Sequence[Any], on_conflict: Any, key: Any
) -> WritePlan:
    dialect = session.dialect
    compilation = Compilation(dialect, session.features)
    table = options.table
    # the values are processed before, so the parameters only need the name of the column's type
    arrays = [
        sa.bindparam(
            f"p{n}", type_=sa.ARRAY(_Bare(dialect.type_compiler_instance.process(_plain_type(field, dialect))))
        )
        for n, field in enumerate(fields)
    ]
    names = [f"c{n}" for n in range(len(fields))]
    source = sa.func.unnest(*arrays).table_valued(*names, with_ordinality="place", name="given").render_derived()
    insert = hooks_for(session.features).insert(table)
    insert = insert.from_select(
        [table.c[field.column] for field in fields],
        sa.select(*(source.c[name] for name in names)).order_by(source.c.place),
    )
    for n, field in enumerate(fields):
        compilation.binds[f"p{n}"] = f"v[{n}]"
        compilation.columns[f"p{n}"] = names_of_column(field)
    statement, _ = compile_statement(_finished(insert, table, returning, on_conflict), compilation, "write", key)
    processors = [_processor(field, dialect) for field in fields]
    return WritePlan(statement, None, _returning(options, returning, session), None, processors)


def _plain_type(field: Any, dialect: Any) -> Any:
    return field.sql_type().dialect_impl(dialect)


class _Bare(sa.types.UserDefinedType[Any]):
    """A type by its name in SQL, without any conversion."""

    cache_ok = False

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        return self.name


def with_expressions(
    session: Any, options: Any, fields: Sequence[Any], rows: Sequence[Any], returning: Sequence[Any], on_conflict: Any
) -> list[Any]:
    """Insert rows some of whose values the database computes; compiled for this call only."""
    found: list[Any] = []
    for row in rows:
        compilation = Compilation(session.dialect, session.features)
        state = QueryState(options)
        scope = QueryScope(compilation, state)
        slots = Slots()
        assigned = {}
        for number, (field, value) in enumerate(zip(fields, row, strict=True)):
            if isinstance(value, Expression):
                resolved = value.resolve(Names(state)).assigned(field)
                if not session.features.native_decimal:
                    resolved = as_stored(resolved, options, field.name)
                _refuse(options, field, resolved)
                alone = all(isinstance(node, Value | Func) for node in resolved.flatten())
                with compilation.attributing_to(names_of_column(field), alone=alone):
                    element = resolved.slotted(slots).build(scope).sql
            else:
                name = f"given{number}"
                element = sa.bindparam(name, value, type_=field.write_type())
                compilation.columns[name] = names_of_column(field)
            assigned[options.table.c[field.column]] = element
        insert = hooks_for(session.features).insert(options.table).values(assigned)
        sql = _finished(insert, options.table, returning, on_conflict)
        statement, bind = compile_statement(sql, compilation, "write")
        params = bind(slots.samples) if bind is not None else slots.samples
        if returning:
            hydrate = _returning(options, returning, session)
            assert hydrate is not None
            found += hydrate(session.fetch_returning(statement, params))
        else:
            session.run(statement, params)
    return found


def as_stored(expression: Expression, options: Any, name: str) -> Expression:
    """What a database without decimals stores for a computed value: rounded as the column will be read."""
    places = getattr(options.get_field(name), "decimal_places", None)
    if places is None or isinstance(expression, Value) or hasattr(expression.result_field(), "typed_null"):
        return expression
    return Round(expression, places)


def _refuse(options: Any, field: Any, expression: Expression) -> None:
    if expression.contains_aggregate:
        raise FieldError(f"Aggregate functions are not allowed in this query ({field.name}={expression!r}).")
    for node in expression.flatten():
        if isinstance(node, ColumnRef):
            raise ValueError(
                f"Failed to insert expression {expression!r} on {options.object_name}.{field.name}: F() expressions can "
                "only be used to update, not to insert."
            )
