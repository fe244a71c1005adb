"""How statements run for models with subscribers: each determines its rows, and announces them before and after.

Each function takes the announcement, the function that runs the statement, and its arguments; it returns what the
statement returns.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Any

from dorm import scopes
from dorm.db.announcements import Announcement, Keys
from dorm.db.sessions import session as session_of
from dorm.db.write_events import NO_ROWS, Rows
from dorm.dialects.sql import hooks_for
from dorm.expressions.base import Expression
from dorm.expressions.conditions import Q
from dorm.fields.base import Field
from dorm.meta.options import Options
from dorm.query.describe.names import Names
from dorm.query.describe.state import FilterStep, QueryState
from dorm.query.write.chosen_rows import Chosen, chosen_by, narrowed, portions, rows_of, where_in
from dorm.query.write.state_writes import run_returning, run_state

Args = tuple[Any, ...]
Fields = Sequence[Field[Any]]
Statement = Callable[..., Any]
TOGETHER = 100
"""How many rows are looked for by several columns in one query."""


# ----------------------------------------------------------------------------------------------------------------
# inserts


def one_insert(announcement: Announcement, statement: Statement, args: Args) -> tuple[object, ...] | None:
    """INSERT of one row; ``args``: options, fields, values, alias, fields to bring back."""
    options, fields, values, using, returning = args
    wide = _widened(announcement, options, returning)
    announcement.before(_given_keys(options, fields, [values]))
    row = statement(options, fields, values, using, wide)
    _tell_inserted(announcement, options, [row], wide)
    return row[: len(returning)] if returning else None


def many_inserts(announcement: Announcement, statement: Statement, args: Args) -> list[tuple[object, ...]]:
    """INSERT of several rows; ``args``: options, fields, rows, alias, fields to bring back, what to do with conflicts."""
    options, fields, rows, using, returning, on_conflict = args
    wide = _widened(announcement, options, returning)
    if announcement.kind != "upsert":
        announcement.before(_given_keys(options, fields, rows))
        found = statement(options, fields, rows, using, wide, on_conflict)
        _tell_inserted(announcement, options, found, wide)
    else:
        mark = hooks_for(session_of(using).features).inserted
        there: Chosen = {}
        if mark is None or "old" in announcement.want:
            wanted = options.concrete_fields if "old" in announcement.want else ()
            there = _rows_with(options, fields, rows, on_conflict[1], using, wanted)
        announcement.before(_given_keys(options, fields, rows), there)
        marked = wide if mark is None else (*wide, mark)
        found = statement(options, fields, rows, using, marked, on_conflict)
        place = _place_of_key(options, wide)
        updated = {row[place] for row in found if (row[place] in there if mark is None else not row[-1])}
        _tell_inserted(announcement, options, found, wide, there, updated)
    return [row[: len(returning)] for row in found] if returning else []


def _widened(announcement: Announcement, options: Options, returning: Fields) -> Fields:
    """The fields to return: those that the writer asked for, the key, and all columns if values are wanted."""
    more = options.concrete_fields if "values" in announcement.want else (options.pk,)
    known = {id(field) for field in returning}
    return (*returning, *(field for field in more if id(field) not in known))


def _given_keys(options: Options, fields: Fields, rows: Sequence[Sequence[object]]) -> Keys | None:
    """The keys of rows that have theirs already; None when the database generates one of them."""
    place = next((number for number, field in enumerate(fields) if field is options.pk), None)
    if place is None:
        return None
    keys = tuple(row[place] for row in rows)
    return None if any(key is None or isinstance(key, Expression) for key in keys) else keys


def _place_of_key(options: Options, wide: Fields) -> int:
    return next(number for number, field in enumerate(wide) if field is options.pk)


def _tell_inserted(
    announcement: Announcement,
    options: Options,
    rows: Sequence[Sequence[object]],
    wide: Fields,
    there: Rows = NO_ROWS,
    updated: Collection[Hashable] = (),
) -> None:
    """Announce that rows were inserted, or, those whose keys are ``updated``, updated by an upsert.

    :param wide: the fields whose values ``rows`` hold, the key among them.
    :param there: the rows that existed before.
    """
    place = _place_of_key(options, wide)
    keys = tuple(dict.fromkeys(row[place] for row in rows))
    if not keys:
        return
    values: Rows | None = None
    if "values" in announcement.want:
        values = {row[place]: {field.name: value for field, value in zip(wide, row, strict=False)} for row in rows}
    announcement.after(keys, values=values, old=there, inserted=frozenset(keys).difference(updated))


def _rows_with(
    options: Options, fields: Fields, rows: Sequence[Sequence[object]], unique: Fields, using: str, wanted: Fields
) -> Chosen:
    """The existing rows with the unique values of ``rows``, which an upsert updates."""
    places = [place for place, field in enumerate(fields) if any(field is one for one in unique)]
    values = [tuple(row[place] for place in places) for row in rows]
    # NULL equals nothing, so it clashes with nothing
    values = [line for line in values if len(line) == len(unique) and all(value is not None for value in line)]
    names = [fields[place].attname for place in places]
    found: Chosen = {}
    for at in range(0, len(values), TOGETHER):
        conditions = [Q(*zip(names, line, strict=True)) for line in values[at : at + TOGETHER]]
        state = QueryState(options)
        state = state.with_step(FilterStep(Names(state).predicate(functools.reduce(operator.or_, conditions))))
        found.update(chosen_by(state, using, wanted))
    return found


# ---------------------------------------------------------------------------------------------------- updates and
# deletes


def update_by_key(announcement: Announcement, statement: Statement, args: Args) -> int:
    """UPDATE of one row; ``args``: options, key, fields, values, alias."""
    options, key, _, _, using = args
    return _by_key(announcement, statement, args, options, key, using)


def delete_by_key(announcement: Announcement, statement: Statement, args: Args) -> int:
    """DELETE of the row of one key, or of those that refer to it; ``args``: options, field, its value, alias."""
    options, field, key, using = args
    if field.primary_key:
        return _by_key(announcement, statement, args, options, key, using)
    return delete_by_state(announcement, run_state, (where_in(options, field, [key]), using, "delete"))


def _by_key(
    announcement: Announcement, statement: Statement, args: Args, options: Options, key: Hashable, using: str
) -> int:
    key = options.pk.to_python(key)
    old: Chosen = {}
    if "old" in announcement.want:
        old = rows_of(options, [key], using, options.concrete_fields, lock=True)
    announcement.before((key,), old)
    count: int = statement(*args)
    if count:
        _tell_changed(announcement, options, {key: key}, using, old)
    return count


def update_by_keys(announcement: Announcement, statement: Statement, args: Args) -> int:
    """UPDATE that gives each row its own values; ``args``: options, keys, alias, and what the statement needs."""
    options, keys, using, *_ = args
    old = rows_of(options, keys, using, _old_fields(announcement, options), lock=True)
    if not old:
        return 0
    announcement.before(tuple(old), old)
    count: int = statement(*args)
    _tell_changed(announcement, options, dict(zip(old, old, strict=True)), using, old)
    return count


def update_by_state(announcement: Announcement, statement: Statement, args: Args) -> int:
    """UPDATE of the rows of a query; ``args``: state, alias, use.

    The rows are looked up first and the update is narrowed to them, so that it changes no row which was not named.
    """
    state, using, _ = args
    options = state.opts
    old = chosen_by(state, using, _old_fields(announcement, options))
    if not old:
        return 0
    announcement.before(tuple(old), old)
    if any(options.get_field(name).primary_key for name, _ in state.assignments):
        # one by one, because what the database gives back are the new keys
        renamed = {key: new for key in old for new in run_returning(narrowed(state, options.pk, [key]), using)}
    else:
        parts = [run_returning(narrowed(state, options.pk, part), using) for part in portions(old, using)]
        renamed = {key: key for part in parts for key in part}
    if renamed:
        _tell_changed(announcement, options, renamed, using, old)
    return len(renamed)


def delete_by_state(announcement: Announcement, statement: Statement, args: Args) -> int:
    """DELETE of the rows of a query; ``args``: state, alias, use. Narrowed as an update is."""
    state, using, use = args
    options = state.opts
    old = chosen_by(state, using, _old_fields(announcement, options))
    if not old:
        return 0
    announcement.before(tuple(old), old)
    base = QueryState(options) if state.is_sliced else state
    count = sum(statement(narrowed(base, options.pk, part), using, use) for part in portions(old, using))
    # a row that the cascade of another one deleted is gone without being counted
    staying = rows_of(options, old, using, ()) if count < len(old) else {}
    keys = tuple(key for key in old if key not in staying)
    if keys:
        announcement.after(keys, values=NO_ROWS, old=old)
    return count


def _old_fields(announcement: Announcement, options: Options) -> Fields:
    return options.concrete_fields if "old" in announcement.want else ()


def _tell_changed(
    announcement: Announcement, options: Options, renamed: Mapping[Hashable, Hashable], using: str, old: Rows
) -> None:
    """Announce that rows were updated or deleted.

    :param renamed: the new keys of the rows, by their old ones.
    """
    values: Rows | None = None
    if "values" in announcement.want and announcement.kind != "delete":
        with scopes.unscoped():  # the write may have moved them out of a scope
            now = rows_of(options, renamed.values(), using, options.concrete_fields)
        values = {key: now[new] for key, new in renamed.items() if new in now}
    announcement.after(tuple(renamed), values=values, old=old)
