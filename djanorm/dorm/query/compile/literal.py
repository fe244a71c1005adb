"""Conditions and expressions over one table with literal values, for constraints and indexes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dorm.db import engines
from dorm.expressions.base import as_operand
from dorm.query.compile.clauses import Clauses
from dorm.query.compile.compiler import QueryScope
from dorm.query.compile.scope import Compilation
from dorm.query.describe.names import Names
from dorm.query.describe.parts import Slots
from dorm.query.describe.state import QueryState

if TYPE_CHECKING:
    from sqlalchemy.sql.selectable import FromClause

    from dorm.dialects.elements import Element
    from dorm.expressions.base import Expression
    from dorm.expressions.conditions import Q
    from dorm.meta.options import Options

_SLOT = re.compile(r"v\[(\d+)\]")


class LiteralCompilation(Compilation):
    """A compilation that writes values as literals."""

    literal = True

    def __init__(self, dialect: Any, features: Any, samples: list[Any]) -> None:
        super().__init__(dialect, features)
        self.samples = samples

    def bind(self, source: str, type_: Any, column: str | None = None) -> Any:
        """A parameter with the value of its slot."""
        match = _SLOT.fullmatch(source)
        value = self.samples[int(match.group(1))] if match else int(source)
        return sa.bindparam(None, value, type_=type_, unique=True)


def _scope(options: Options, table: Any, samples: list[object]) -> QueryScope:
    features = table.metadata.info.get("features") or engines.get("default").features
    return QueryScope(LiteralCompilation(None, features, samples), QueryState(options), table=table)


def condition_on(options: Options, condition: Q, table: FromClause) -> Element:
    """A ``Q`` over the columns of ``table``."""
    slots = Slots()
    predicate = Names(QueryState(options)).predicate(condition).parameterized(slots)
    clause = Clauses(_scope(options, table, slots.samples)).build(predicate).sql
    if isinstance(clause, bool):
        return sa.true() if clause else sa.false()
    return clause


def expression_on(options: Options, expression: Expression, table: FromClause) -> Element:
    """An expression over the columns of ``table``."""
    slots = Slots()
    resolved = as_operand(expression).resolve(Names(QueryState(options))).parameterized(slots)
    return resolved.build(_scope(options, table, slots.samples)).sql
