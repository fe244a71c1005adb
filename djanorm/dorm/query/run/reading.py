"""Verbs that read: one row, counts, aggregates, streams."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from uuid import UUID

from dorm.aggregates import Aggregate
from dorm.constraints import UniqueConstraint
from dorm.exceptions import InvalidArgument
from dorm.expressions.arithmetic import ExpressionWrapper
from dorm.expressions.base import Expression, as_operand, is_operand
from dorm.expressions.conditions import Q
from dorm.expressions.references import AnnotationRef, ColumnRef
from dorm.expressions.values import RawSQL, Value
from dorm.fields.numbers import BooleanField
from dorm.functions.comparison import Coalesce
from dorm.query.describe.base import M, R, known_rows, root_of, with_state
from dorm.query.describe.chain import check_alias, condition, named_aggregates
from dorm.query.describe.names import Names
from dorm.query.describe.ordering import resolve_terms
from dorm.query.describe.predicates import Term
from dorm.query.describe.state import FilterStep, QueryState
from dorm.query.run.aliases import read_alias, rows_of
from dorm.query.run.evaluation import Evaluation
from dorm.utils.bounds import check_number
from dorm.utils.lazy import lazy_import

if TYPE_CHECKING:
    from dorm.db import session
    from dorm.fields.base import Field
    from dorm.fields.instances import Instance
    from dorm.meta.options import Options
    from dorm.query.run import pipeline, prefetch, raw
    from dorm.query.run.raw import RawQuerySet
else:
    session = lazy_import("dorm.db.session", globals())
    pipeline = lazy_import("dorm.query.run.pipeline", globals())
    prefetch = lazy_import("dorm.query.run.prefetch", globals())
    raw = lazy_import("dorm.query.run.raw", globals())

GET_LIMIT = 2
SORTED_ALIKE = frozenset({int, UUID})
"""Kinds of keys that Python sorts as every database does; how texts sort depends on the collation."""


class Reading(Evaluation[M, R]):
    """The reading verbs of a queryset."""

    def get(self, *conditions: Q[M] | Expression | tuple[str, Any], **lookups: Any) -> R:
        """The one row for which the conditions hold.

        :raises DoesNotExist: of the model, when there is none.
        :raises MultipleObjectsReturned: of the model, when there are several.
        """
        root = root_of(self)
        rows = root._at_most_two(conditions, lookups)
        if len(rows) == 1:
            return rows[0]
        opts = root.state.opts
        if not rows:
            raise opts.model.DoesNotExist(f"{opts.object_name} matching query does not exist.")
        raise opts.model.MultipleObjectsReturned(
            f"get() returned more than one {opts.object_name}; narrow the conditions, or use first() or filter()."
        )

    def get_or_none(self, *conditions: Q[M] | Expression | tuple[str, Any], **lookups: Any) -> R | None:
        """Like :meth:`get`, but None when there is no row."""
        root = root_of(self)
        rows = root._at_most_two(conditions, lookups)
        return root.get(*conditions, **lookups) if len(rows) > 1 else (rows[0] if rows else None)

    def _at_most_two(self, conditions: tuple[object, ...], lookups: dict[str, Any]) -> list[Any]:
        state: QueryState = self.state
        sliced = state.low or state.high is not None
        if conditions or lookups:
            if sliced:
                raise TypeError("Cannot filter a query once a slice has been taken.")
            step = FilterStep(condition(state, conditions, lookups, False))
            made = object.__new__(QueryState)
            data = made.__dict__
            data.update(state.__dict__)
            data["steps"] = (*state.steps, step)
            if not isinstance(state.distinct, tuple):
                data["order"] = ()
            data["high"] = GET_LIMIT
            return self._fetch(made)
        if sliced:
            return rows_of(with_state(self, state)[:GET_LIMIT])
        # which row DISTINCT ON keeps depends on the order
        order = state.order if isinstance(state.distinct, tuple) else ()
        return self._fetch(state.evolve(order=order, high=GET_LIMIT))

    def first(self) -> R | None:
        """The first row in the effective order, else by key; None when there is none."""
        root = root_of(self)
        rows = root._prefetched_in_order()
        if rows is None:
            rows = rows_of(root._ordered()[:1])
        return rows[0] if rows else None

    def last(self) -> R | None:
        """The last row in the effective order, else by key; None when there is none."""
        root = root_of(self)
        rows = rows_of(root) if root.state.is_sliced else root._prefetched_in_order()
        if rows is not None:
            return rows[-1] if rows else None
        rows = rows_of(root._ordered().reverse()[:1])
        return rows[0] if rows else None

    def _prefetched_in_order(self) -> list[Any] | None:
        """The rows of a prefetch as first() and last() see them; None without any, and when only the database can sort."""
        rows = self._result_cache
        if rows is None or self._origin is None:
            return None
        if rows.ordered if isinstance(rows, prefetch.Chosen) else self.ordered:
            return rows
        return sorted(rows, key=attrgetter("pk")) if all(type(row.pk) in SORTED_ALIKE for row in rows) else None

    def _ordered(self) -> Any:
        state = self.state
        if state.combined is not None or state.order or (state.order is None and state.opts.ordering):
            if state.group is None or state.group == "pk" or state.order:
                return self
        if state.is_sliced:
            return self
        if state.group is not None and state.group != "pk":
            raise TypeError(
                "Cannot use first() or last() on an unordered queryset of groups: add order_by() with what it groups by."
            )
        return with_state(self, state.evolve(order=resolve_terms(Names(state), ("pk",))))

    def latest(self, *fields: str) -> R:
        """The row with the largest values of ``fields`` (Django 5.2).

        :raises DoesNotExist: when there is no row.
        """
        return self._earliest_by(fields, True)

    def earliest(self, *fields: str) -> R:
        """The row with the smallest values of ``fields`` (Django 5.2)."""
        return self._earliest_by(fields, False)

    def _earliest_by(self, fields: tuple[str, ...], last: bool) -> Any:
        root = root_of(self)
        if not fields:
            wanted = getattr(root.state.opts, "get_latest_by", None)
            if wanted is None:
                raise ValueError("earliest() and latest() require fields as positional arguments.")
            fields = (wanted,) if isinstance(wanted, str) else tuple(wanted)
        if root.state.is_sliced:
            raise TypeError("Cannot change a query once a slice has been taken.")
        ordered = root.order_by(*fields)
        rows = rows_of((ordered.reverse() if last else ordered)[:1])
        if rows:
            return rows[0]
        opts = root.state.opts
        raise opts.model.DoesNotExist(f"{opts.object_name} matching query does not exist.")

    def count(self) -> int:
        """The number of rows the queryset would return."""
        if self._result_cache is not None:
            return len(self._result_cache)
        root = root_of(self)
        rows = pipeline.fetch(root.state, read_alias(root), "count")
        return rows[0] if rows else 0

    def exists(self) -> bool:
        """Whether there is a row."""
        if self._result_cache is not None:
            return bool(self._result_cache)
        root = root_of(self)
        return bool(pipeline.fetch(root.state, read_alias(root), "exists"))

    def contains(self, instance: Instance) -> bool:
        """Whether the instance is among the rows (Django 5.2)."""
        root = root_of(self)
        if root.state.row != "instance":
            raise TypeError("Cannot call QuerySet.contains() after .values() or .values_list().")
        opts = getattr(instance, "_meta", None)
        if opts is None:
            raise TypeError("'obj' must be a model instance.")
        if opts.concrete_model is not root.state.opts.concrete_model:
            return False
        if instance.pk is None:
            raise ValueError("QuerySet.contains() cannot be used on unsaved objects.")
        rows = known_rows(root)
        if rows is not None:
            return instance in rows
        return root.filter(pk=instance.pk).exists()

    def aggregate(self, *expressions: object, **named: object) -> dict[str, Any]:
        """Aggregates over exactly the rows of the queryset.

        :param expressions: aggregates that get the name ``<field>__<function>``.
        :returns: a dict of results by name.
        :raises TypeError: for an expression that is not an aggregate, or one without a name.
        """
        if isinstance(self.state.distinct, tuple):
            raise NotImplementedError("aggregate() + distinct(fields) not implemented.")
        root = root_of(self)
        state: QueryState = root.state
        every = {**named_aggregates(expressions, named, "aggregate"), **named}
        check_number(len(every), "aggregates")
        resolved: list[tuple[str, Any]] = []
        for name, value in every.items():
            check_alias(name)
            if not is_operand(value):
                raise TypeError(f"QuerySet.aggregate() received non-expression(s): {value!r}.")
            resolver = Names(state.evolve(annotations={**state.annotations, **dict(resolved)}) if resolved else state)
            resolver.aggregatable = frozenset(state.annotations)
            expression = as_operand(value).resolve(resolver)
            if not expression.contains_aggregate:
                raise TypeError(f"{name} is not an aggregate expression")
            resolved.append((name, _inlined(expression, dict(resolved))))
        if not resolved:
            return {}
        rows = pipeline.fetch(state.evolve(aggregates=tuple(resolved), lock=None), read_alias(root), "aggregate")
        if rows:
            return rows[0]
        try:
            return {name: _of_nothing(expression) for name, expression in resolved}
        except _AskError:
            return pipeline.fetch(_over_nothing(state, tuple(resolved)), read_alias(root), "aggregate")[0]

    def in_bulk(self, id_list: Any = None, *, field_name: str = "pk") -> dict[Any, R]:
        """Instances by key.

        :param id_list: the keys; None means all rows.
        :param field_name: another unique field to use as the key, or the one that ``distinct()`` names.
        :raises InvalidArgument: when that field is not unique.
        """
        root = root_of(self)
        opts = root.state.opts
        if root.state.is_sliced:
            raise TypeError("Cannot use 'limit' or 'offset' with in_bulk().")
        if root.state.row != "instance":
            raise TypeError("in_bulk() cannot be used with values() or values_list().")
        field = opts.pk if field_name == "pk" else opts.get_field(field_name)
        column = getattr(field, "concrete", False)  # the reverse side of a relation has none
        if not column or not (field.unique or field_name in _single_unique(opts) or _is_distinct_on(root.state, field)):
            raise InvalidArgument(f"in_bulk()'s field_name must be a unique field but {field_name!r} isn't.")
        if id_list is not None:
            keys = list(id_list)
            if not keys:
                return {}
            rows = rows_of(root.filter(**{f"{field_name}__in": keys}))
        else:
            rows = rows_of(with_state(root, root.state))
        return {getattr(row, field.attname): row for row in rows}

    def explain(
        self, *, format: str | None = None, analyze: bool = False, verbose: bool = False, **options: bool
    ) -> str:
        """The database's plan for this query, as text.

        :param format: ``text``, ``json``, ``yaml`` or ``xml`` where the database knows it.
        :param analyze: run the query and measure, where the database can.
        :param options: what else the database's EXPLAIN takes: ``costs=False``, ``settings=True`` on PostgreSQL.
        :raises ValueError: for a format or an option that the database does not have.
        """
        root = root_of(self)
        if format is not None and not isinstance(format, str):
            raise TypeError(f"explain() takes the name of a format, not {type(format).__name__}.")
        if verbose:
            options["verbose"] = True
        return pipeline.explain(root.state, read_alias(root), analyze, format, options)

    def iterator(self, chunk_size: int | None = None) -> Iterator[R]:
        """Rows one by one, without keeping them.

        :param chunk_size: rows held at a time; a server-side cursor where the database has one. Default 2000.
        :raises InvalidArgument: for a size below 1, or one that no cursor takes.
        :raises ValueError: for prefetching without a size.
        """
        root = root_of(self)
        return root._stream_rows(root._checked_chunks(chunk_size))

    def _checked_chunks(self, chunk_size: int | None) -> Generator[list[R], None, None]:
        if chunk_size is not None and not 1 <= chunk_size <= session.LARGEST_CHUNK:
            raise InvalidArgument(
                f"chunk_size must be at least 1 and at most {session.LARGEST_CHUNK}, not {chunk_size}."
            )
        if self.state.prefetch and chunk_size is None:
            raise ValueError("chunk_size must be provided when using QuerySet.iterator() after prefetch_related().")
        return self._stream_chunks(chunk_size or pipeline.STREAM_CHUNK)

    @staticmethod
    def _stream_rows(chunks: Generator[list[R], None, None]) -> Iterator[R]:
        try:
            for rows in chunks:
                yield from rows
        finally:
            chunks.close()

    def _stream_chunks(self, chunk_size: int) -> Generator[list[R], None, None]:
        state: QueryState = self.state
        alias = read_alias(self)
        chunks = pipeline.stream(state, alias, chunk_size)
        try:
            for rows in chunks:
                if state.row == "instance":
                    self._finish(rows, state.evolve(prefetch=()), alias)
                    if state.prefetch:
                        prefetch.prefetch_instances(rows, state.prefetch, alias)
                yield rows
        finally:
            chunks.close()

    def raw(self, sql: str, params: Any = None, translations: dict[str, str] | None = None) -> RawQuerySet[M]:
        """Instances from verbatim SQL.

        :param sql: a SELECT that returns the key; ``%s``, ``?`` or ``%(name)s`` placeholders.
        :param params: a list or a mapping.
        """
        root = root_of(self)
        state = root.state
        return raw.RawQuerySet(root.model, sql, params, state.using, translations, state.prefetch)


def _inlined(expression: Expression, siblings: dict[str, object]) -> object:
    """References to earlier results of the same ``aggregate()`` call, replaced by those expressions."""
    if isinstance(expression, AnnotationRef) and expression.name in siblings:
        return siblings[expression.name]
    return expression.rebuilt(lambda child: _inlined(child, siblings)) if expression.anatomy else expression


class _AskError(Exception):
    """Raised when only the database knows the result."""


def _of_nothing(expression: Expression | None) -> object:
    """The result of an aggregate over no rows, when no query was sent.

    :raises _AskError: for an expression whose result is not known here.
    """
    if expression is None:
        return None
    if isinstance(expression, Value):
        return expression.value
    if isinstance(expression, Coalesce):
        values = (_of_nothing(part) for part in expression.source_expressions)
        return next((value for value in values if value is not None), None)
    if isinstance(expression, ExpressionWrapper):
        return _of_nothing(expression.expression)
    if isinstance(expression, Aggregate):
        return 0 if expression.name == "count" else _of_nothing(expression.default)
    raise _AskError


def _over_nothing(state: QueryState, aggregates: tuple[tuple[str, object], ...]) -> QueryState:
    """The aggregates over an empty selection of ``state``, computed by the database."""
    never = FilterStep(Term(RawSQL("1 = 0", output_field=BooleanField())))
    steps = (*(step for step in state.steps if not isinstance(step, FilterStep)), never)
    return state.evolve(
        aggregates=aggregates, steps=steps, lock=None, empty=False, order=(), low=0, high=None, distinct=False
    )


def _is_distinct_on(state: QueryState, field: Field) -> bool:
    """Whether ``distinct()`` leaves one row for each value of ``field``."""
    terms = state.distinct
    if not isinstance(terms, tuple) or len(terms) != 1 or not isinstance(terms[0], ColumnRef):
        return False
    return not terms[0].path.hops and terms[0].path.field is field


def _single_unique(opts: Options) -> set[str]:
    found: set[str] = {name for names in opts.unique_together if len(names) == 1 for name in names}
    for constraint in opts.constraints:
        if isinstance(constraint, UniqueConstraint) and len(constraint.fields) == 1 and constraint.condition is None:
            found.add(constraint.fields[0])
    return found
