"""The rows of a write: looked up for subscribers, and locked where the database locks rows."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeVar

from dorm.db.sessions import session as session_of
from dorm.expressions.subqueries import Subquery
from dorm.fields.base import Field
from dorm.meta.options import Options
from dorm.query.describe.names import Names
from dorm.query.describe.state import AnnotateStep, FilterStep, QueryState
from dorm.query.run import pipeline

Key = TypeVar("Key")
Chosen = dict[Hashable, dict[str, object]]
"""The values of rows by key and field name."""


def where_in(options: Options, field: Field[Any], keys: Sequence[object]) -> QueryState:
    """The rows whose ``field`` is one of ``keys``."""
    return narrowed(QueryState(options), field, keys)


def narrowed(state: QueryState, field: Field[Any], keys: Sequence[object]) -> QueryState:
    """Those rows of ``state`` whose ``field`` is one of ``keys``."""
    return state.with_step(FilterStep(Names(state).lookups({f"{field.attname}__in": keys}, False)))


def portions(keys: Iterable[Key], using: str) -> list[list[Key]]:
    """``keys`` in lists that are short enough for one statement each."""
    listed = list(keys)
    features = session_of(using).features
    if features.list_parameter:
        return [listed] if listed else []
    size = max(1, features.max_parameters - 100)
    return [listed[at : at + size] for at in range(0, len(listed), size)]


def chosen_by(state: QueryState, using: str, fields: Sequence[Field] = ()) -> Chosen:
    """The rows that an UPDATE or DELETE of ``state`` will affect, locked until the transaction ends.

    :param fields: what to read of each row besides its key.
    """
    if state.is_sliced or state.distinct or state.group is not None or _has_annotations(state):
        # rows of groups cannot be locked, but rows found by their keys can
        inner = state.evolve(assignments=None, lock=None, prefetch=(), select_related=())
        keys = Subquery(_Query(_selecting(inner, "flat", ())))
        state = QueryState(state.opts)
        state = state.with_step(FilterStep(Names(state).lookups({"pk__in": keys}, False)))
    if session_of(using).features.row_locks:
        state = state.evolve(lock=(False, False, False, ("self",)))
    return _read(state, using, fields)


def rows_of(
    options: Options, keys: Iterable[Hashable], using: str, fields: Sequence[Field[Any]], *, lock: bool = False
) -> Chosen:
    """Rows by their keys, as they are stored now; rows that do not exist are left out.

    :param lock: lock them until the transaction ends.
    """
    found: Chosen = {}
    for part in portions(keys, using):
        state = where_in(options, options.pk, part)
        found.update(chosen_by(state, using, fields) if lock else _read(state, using, fields))
    return found


class _Query:
    """A state where expressions take a queryset."""

    __slots__ = ("state",)

    def __init__(self, state: QueryState) -> None:
        self.state = state

    def get_queryset(self) -> _Query:
        return self


def _has_annotations(state: QueryState) -> bool:
    return any(isinstance(step, AnnotateStep) for step in state.steps)


def _read(state: QueryState, using: str, fields: Sequence[Field]) -> Chosen:
    state = _selecting(state.evolve(assignments=None, prefetch=(), order=(), using=using), "tuple", fields)
    names = [field.name for field in fields]
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in pipeline.fetch(state, using)}


def _selecting(state: QueryState, row: str, fields: Sequence[Field]) -> QueryState:
    names = Names(state)
    select = [("pk", names.reference("pk")), *((field.attname, names.reference(field.attname)) for field in fields)]
    return state.evolve(row=row, select=tuple(select), select_related=(), only=None, defer=frozenset())
