"""INSERTs of rows some of whose values the database computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dorm.dialects.sql import hooks_for
from dorm.exceptions import FieldError
from dorm.expressions.base import Expression
from dorm.expressions.references import ColumnRef
from dorm.expressions.values import Value
from dorm.functions.base import Func
from dorm.functions.numbers import Round
from dorm.query.compile.compiler import QueryScope
from dorm.query.compile.scope import Compilation, names_of_column
from dorm.query.describe.names import Names
from dorm.query.describe.parts import Slots
from dorm.query.describe.state import QueryState
from dorm.query.run import scoped_plans
from dorm.query.run.statements import compile_statement
from dorm.query.write.sources import computed_insertion
from dorm.query.write.write_plans import finished, returned

if TYPE_CHECKING:
    from dorm.fields.base import Field
    from dorm.meta.options import Options


def computed(fields: Sequence[Field], rows: Sequence[Sequence[object]]) -> list[Field]:
    """The fields for which some row has an expression in place of a value."""
    columns = zip(*rows, strict=True)
    return [
        field
        for field, column in zip(fields, columns, strict=False)
        if any(issubclass(kind, Expression) for kind in set(map(type, column)))
    ]


def with_expressions(
    session: Any, options: Any, fields: Sequence[Any], rows: Sequence[Any], returning: Sequence[Any], on_conflict: Any
) -> list[Any]:
    """Insert rows some of whose values the database computes; compiled for this call only."""
    found: list[Any] = []
    for row in rows:
        compilation = Compilation(session.dialect, session.features)
        state = QueryState(options)
        slots = Slots()
        prepared = scoped_plans.put_in_force(compilation, slots)
        scope = QueryScope(compilation, state)
        assigned = {}
        given: list[tuple[str, Expression | None]] = []
        for number, (field, value) in enumerate(zip(fields, row, strict=True)):
            if isinstance(value, Expression):
                resolved = value.resolve(Names(state)).assigned(field)
                if not session.features.native_decimal:
                    resolved = as_stored(resolved, options, field.name)
                _refuse(options, field, resolved)
                resolved = prepared(resolved)
                given.append((field.name, resolved))
                alone = all(isinstance(node, Value | Func) for node in resolved.flatten())
                with compilation.attributing_to(names_of_column(field), alone=alone):
                    element = resolved.parameterized(slots).build(scope).sql
            else:
                given.append((field.name, None))
                name = f"given{number}"
                element = sa.bindparam(name, value, type_=field.write_type())
                compilation.columns[name] = names_of_column(field)
            assigned[options.query_table.c[field.column]] = element
        insert = hooks_for(session.features).insert(options.query_table).values(assigned)
        sql = finished(insert, options.query_table, returning, on_conflict, session.features)
        statement, bind = compile_statement(sql, compilation, "write", computed_insertion(options, given))
        params = bind(slots.samples) if bind is not None else slots.samples
        if returning:
            hydrate = returned(options, returning, session)
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


def _refuse(options: Options, field: Field, expression: Expression) -> None:
    if expression.contains_aggregate:
        raise FieldError(f"Aggregate functions are not allowed in this query ({field.name}={expression!r}).")
    for node in expression.flatten():
        if isinstance(node, ColumnRef):
            raise ValueError(
                f"Failed to insert expression {expression!r} on {options.object_name}.{field.name}: F() expressions can "
                "only be used to update, not to insert."
            )
