"""The chain methods: each returns a new queryset and runs nothing. Unknown names raise here."""

from __future__ import annotations

import unicodedata
from typing import Any, Self

from dorm.db import masking
from dorm.exceptions import FieldDoesNotExist, FieldError
from dorm.expressions.base import Expression, as_operand, is_operand
from dorm.expressions.conditions import AND, OR, XOR, Q
from dorm.expressions.paths import RelationRef, TypedExpression
from dorm.expressions.references import AnnotationRef, ColumnRef, weight
from dorm.query.describe.base import M, QueryRoot, R, known_rows, root_of, with_state
from dorm.query.describe.combining import combined
from dorm.query.describe.fan_out import keeps_rows, selecting
from dorm.query.describe.names import Names
from dorm.query.describe.ordering import resolve_terms
from dorm.query.describe.paths import column_path
from dorm.query.describe.predicates import Predicate, joined
from dorm.query.describe.prefetch_lookups import check_lookups
from dorm.query.describe.redefinition import redefined
from dorm.query.describe.selected_relations import step_of
from dorm.query.describe.state import AnnotateStep, FilterStep, QueryState
from dorm.utils.bounds import PARTS, check_number, too_large


class Chaining(QueryRoot[M, R]):
    """The chain methods of a queryset."""

    def all(self) -> Self:
        """A copy."""
        root = root_of(self)
        if root is not self:
            return with_state(root, root.state) if known_rows(root) is None else root
        return with_state(self, self.state)

    def none(self) -> Self:
        """A queryset that matches nothing and never queries."""
        root = root_of(self)
        return with_state(root, root.state.evolve(empty=True))

    def using(self, alias: str | None) -> Self:
        """The same queryset on another database; routers are not asked."""
        root = root_of(self)
        return with_state(root, root.state.evolve(using=alias))

    def filter(self, *conditions: Q[M] | Expression | tuple[str, Any], **lookups: Any) -> Self:
        """Rows for which everything holds. Conditions in one call share their joins.

        :raises FieldDoesNotExist: for a name that does not exist, at this line.
        :raises TypeError: after slicing.
        """
        root = root_of(self)
        if not conditions and not lookups:
            return with_state(root, root.state)
        state = root.state
        _need_unsliced(state, "filter")
        step = FilterStep(condition(state, conditions, lookups, False), state.sticky)
        return with_state(
            root, state.with_step(step) if not state.sticky else state.with_step(step).evolve(sticky=False)
        )

    def exclude(self, *conditions: Q[M] | Expression | tuple[str, Any], **lookups: Any) -> Self:
        """Rows for which not all of it holds; NULL-safe, and over multi-valued relations about all related rows."""
        root = root_of(self)
        if not conditions and not lookups:
            return with_state(root, root.state)
        state = root.state
        _need_unsliced(state, "exclude")
        step = FilterStep(condition(state, conditions, lookups, True), state.sticky)
        return with_state(
            root, state.with_step(step) if not state.sticky else state.with_step(step).evolve(sticky=False)
        )

    def _sticky(self) -> Self:
        """The next ``filter()`` shares the joins of the last one."""
        return with_state(self, self.state.evolve(sticky=True))

    def complex_filter(self, condition: Any) -> Self:
        """``filter()`` with a ``Q`` or a dict of lookups (Django 5.2)."""
        return self.filter(condition) if isinstance(condition, Q) else self.filter(**condition)

    def order_by(self, *terms: str | Expression | TypedExpression[Any, M] | RelationRef[Any, M]) -> Self:
        """Replaces the order; without terms the rows are unordered. An earlier ``reverse()`` still applies.

        :param terms: names with an optional ``-``, paths, annotations, expressions, ``"?"``.
        :raises TypeError: after slicing.
        """
        root = root_of(self)
        state = root.state
        _need_unsliced(state, "order_by")
        names = Names(state)
        return with_state(root, state.evolve(order=resolve_terms(names, terms)))

    def reverse(self) -> Self:
        """The effective order the other way round.

        :raises TypeError: after slicing.
        """
        root = root_of(self)
        state = root.state
        if state.is_sliced:
            raise TypeError("Cannot reverse a query once a slice has been taken.")
        return with_state(root, state.evolve(reversed=not state.reversed))

    def distinct(self, *names: object) -> Self:
        """Removes duplicate rows; with names, keeps the first row of each value, where the database supports it."""
        root = root_of(self)
        state = root.state
        if state.is_sliced:
            raise TypeError("Cannot create distinct fields once a slice has been taken.")
        if not names:
            return with_state(root, state.evolve(distinct=True))
        resolver = Names(state)
        terms = tuple(resolver.reference(n) if isinstance(n, str) else as_operand(n).resolve(resolver) for n in names)
        return with_state(root, state.evolve(distinct=terms))

    # -- annotations -----------------------------------------------------------------------------------------------

    def annotate(self, *expressions: object, **named: object) -> Self:
        """Computed values per row, as attributes.

        :raises ValueError: when a name is that of a field.
        :raises TypeError: for values that are not expressions, and for those that would change the rows of a slice.
        """
        return self._annotate(expressions, named, True)

    def alias(self, *expressions: Any, **named: Any) -> Self:
        """Like :meth:`annotate`, for later use only: rows do not carry the values."""
        return self._annotate(expressions, named, False)

    def _annotate(self, positional: tuple[object, ...], named: dict[str, object], selected: bool) -> Self:
        root = root_of(self)
        state: QueryState = root.state
        every = {**named_aggregates(positional, named), **named}
        for name, value in every.items():
            state = with_annotation(state, name, value, selected)
        return with_state(root, state)

    # -- the contents of rows --------------------------------------------------------------------------------------

    def _values(self, row: str, fields: tuple[object, ...], expressions: dict[str, object]) -> Any:
        root = root_of(self)
        state: QueryState = root.state
        names: list[str] = []
        check_number(len(fields) + len(expressions), "columns")
        for field in fields:
            if isinstance(field, str):
                names.append(field)
                continue
            path = getattr(field, "lookup_path", None)
            if path is not None:
                names.append(path)
                continue
            name = _free_name(state, field, expressions)
            expressions = {**expressions, name: field}
            names.append(name)
        for name, value in expressions.items():
            state = with_annotation(state, name, value, True)
            if name not in names:
                names.append(name)
        if not names:
            names = [field.attname for field in state.opts.concrete_fields]
            names += list(state.annotations if state.selected is None else state.selected)
        resolver = Names(state)
        select = tuple((name, _selectable(resolver, name)) for name in names)
        return with_state(root, selecting(state, row, select))

    def select_related(self, *paths: object) -> Self:
        """Loads related objects of single-valued relations in the same query; None clears.

        :raises FieldDoesNotExist: for an unknown name or a plain field.
        :raises ValueError: for a relation of several rows.
        """
        root = root_of(self)
        state = root.state
        if paths == (None,):
            return with_state(root, state.evolve(select_related=()))
        if state.row != "instance":
            raise TypeError("Cannot call select_related() after .values() or .values_list()")
        if not paths:
            return with_state(root, state.evolve(select_related=True))
        before = state.select_related if isinstance(state.select_related, tuple) else ()
        named = [getattr(path, "lookup_path", path) for path in paths]
        for path in named:
            if not isinstance(path, str):
                raise TypeError(f"select_related() takes names of relations, not {path!r}.")
            opts = state.opts
            for name in path.split("__"):
                opts = step_of(opts, name, path).hops()[-1].target
        return with_state(root, state.evolve(select_related=tuple(dict.fromkeys((*before, *named)))))

    def prefetch_related(self, *lookups: object) -> Self:
        """Loads related objects in one further query per relation; None clears.

        :raises FieldDoesNotExist: for a name that is not a relation.
        """
        root = root_of(self)
        state = root.state
        if lookups == (None,):
            return with_state(root, state.evolve(prefetch=()))
        named = tuple(getattr(lookup, "lookup_path", lookup) for lookup in lookups)
        every = (*state.prefetch, *named)
        check_lookups(state.opts, every)
        return with_state(root, state.evolve(prefetch=every))

    def only(self, *names: Any) -> Self:
        """Loads these columns and the key; the rest when it is read. Earlier ``defer()`` calls still count."""
        root = root_of(self)
        state = root.state
        if state.row != "instance":
            raise TypeError("Cannot call only() after .values() or .values_list()")
        if names == (None,):
            raise TypeError("Cannot pass None as an argument to only().")
        wanted = frozenset(self._loadable(name) for name in names)
        left_out = state.defer if state.only is None else frozenset()
        return with_state(root, state.evolve(only=wanted - left_out, defer=frozenset()))

    def defer(self, *names: Any) -> Self:
        """Loads all columns but these; None loads everything again."""
        root = root_of(self)
        state = root.state
        if state.row != "instance":
            raise TypeError("Cannot call defer() after .values() or .values_list()")
        if names == (None,):
            return with_state(root, state.evolve(only=None, defer=frozenset()))
        left_out = frozenset(self._loadable(name) for name in names)
        if state.only is None:
            return with_state(root, state.evolve(defer=state.defer | left_out))
        kept = state.only - left_out
        if kept:
            return with_state(root, state.evolve(only=kept))
        return with_state(root, state.evolve(only=None, defer=left_out - state.only))

    def _loadable(self, name: object) -> str:
        name = getattr(name, "lookup_path", name)
        if not isinstance(name, str):
            raise TypeError(f"only() and defer() take names of fields, not {name!r}.")
        opts = self.state.opts
        column_path(opts, name)
        return opts.pk.name if name == "pk" else name

    # -- locks, caches, subqueries ---------------------------------------------------------------------------------

    def select_for_update(
        self,
        *,
        skip_locked: bool = False,
        no_wait: bool = False,
        of: Any = (),
        nowait: bool = False,
        no_key: bool = False,
    ) -> Self:
        """Locks the rows until the transaction ends.

        :raises ValueError: for ``skip_locked`` together with ``no_wait``.
        """
        no_wait = no_wait or nowait
        if no_wait and skip_locked:
            raise ValueError("The no_wait (nowait) option cannot be used with skip_locked.")
        tables = (of,) if isinstance(of, str) else tuple(of or ())
        root = root_of(self)
        for name in tables:
            if name != "self":
                step_of(root.state.opts, name, name)
        return with_state(root, root.state.evolve(lock=(no_wait, skip_locked, no_key, tables)))

    def lookup(self, column: str | None = None) -> Any:
        """This query as a subquery of one column: ``filter(article_id__in=top.lookup("pk"))``.

        :param column: the column; may be left out when exactly one is selected.
        :raises ValueError: when several are selected and none is named.
        """
        root = root_of(self)
        if column is not None:
            return root._values("flat", (column,), {})
        if root.state.row == "instance":
            return root._values("flat", ("pk",), {})
        if len(root.state.select or ()) != 1:
            names = ", ".join(name for name, _ in root.state.select or ())
            raise ValueError(f"lookup() needs the name of a column: this queryset selects {names}.")
        return root

    def cache(self, timeout: float | None = None, *, using: str = "default") -> Self:
        """Keeps the rows in a cache. Without configured caches it is an ordinary queryset."""
        root = root_of(self)
        return with_state(root, root.state)

    def cached(self, *, timeout: float | None = None, using: str = "default") -> Self:
        """``all().cache(timeout=…)``."""
        return self.cache(timeout, using=using)

    # -- combining -------------------------------------------------------------------------------------------------

    def __and__(self, other: object) -> Self:
        return combined(self, other, AND)

    def __or__(self, other: object) -> Self:
        return combined(self, other, OR)

    def __xor__(self, other: object) -> Self:
        return combined(self, other, XOR)


def _need_unsliced(state: QueryState, what: str) -> None:
    if state.low or state.high is not None:
        raise TypeError(
            f"Cannot {'reorder a query' if what == 'order_by' else f'{what} a query'} once a slice has been taken."
        )


def condition(state: QueryState, conditions: tuple[object, ...], lookups: dict[str, Any], negated: bool) -> Predicate:
    """The resolved condition of one ``filter()`` or ``exclude()``.

    :raises FieldError: for an aggregate when the rows are not groups.
    """
    names = Names(state)
    if not conditions:
        made = names.lookups(lookups, negated)
    else:
        children = [names.predicate(item) for item in conditions]
        if lookups:
            children.append(names.lookups(lookups, False))
        made = joined(children, AND, negated)
    if made.contains_aggregate and state.group is None:
        raise FieldError("A condition on an aggregate needs it as an annotation: annotate(n=Count(…)).filter(n=…).")
    return made


def with_annotation(state: QueryState, name: str, value: object, selected: bool) -> QueryState:
    """``state`` with one more annotation.

    :raises ValueError: when the name is that of a field, or cannot be a name.
    :raises TypeError: when the value is not an expression.
    """
    opts = state.opts
    if name in opts.names or name == "pk":
        raise ValueError(
            f"The annotation '{name}' conflicts with a field on the model {opts.object_name}; choose another name."
        )
    check_alias(name)
    if not is_operand(value):
        given = masking.shown(name, value)
        raise TypeError(f"annotate() takes expressions; {name}={given} is none. For a constant use Value({given}).")
    expression = as_operand(value).resolve(Names(state))
    check_number(len(state.annotations), "annotations")
    if state.annotations and weight(expression) > PARTS:
        raise too_large()
    changes: dict[str, object] = {}
    if isinstance(expression, AnnotationRef) and expression.name == name:
        expression = state.annotations[name]  # promoted to an annotation, or turned into an alias
    else:
        if name in state.annotations:
            state, expression = redefined(state, name, expression)
        if state.is_sliced and not keeps_rows(state, expression):
            raise TypeError(
                f"Cannot annotate a query with {name}={value!r} once a slice has been taken: its rows would change."
            )
        changes["steps"] = (*state.steps, AnnotateStep(name, expression))
        changes["annotations"] = {**state.annotations, name: expression}
    if not selected:
        shown = state.annotations if state.selected is None else state.selected
        changes["selected"] = tuple(n for n in shown if n != name)
    elif state.selected is not None:
        changes["selected"] = (*(n for n in state.selected if n != name), name)
    if expression.contains_aggregate:
        # the first aggregate after values() groups by the selected values
        plain = [n for n, selected in state.select or () if not selected.contains_aggregate]
        changes["group"] = "pk" if state.select is None else tuple(plain)
    if state.select is not None and selected:
        changes["select"] = (
            *(item for item in state.select if item[0] != name),
            (name, AnnotationRef(name, expression)),
        )
    return state.evolve(**changes)


def check_alias(name: str) -> None:
    """Refuse a name that cannot be the name of a column of the result.

    :raises ValueError: naming it.
    """
    bad = any(c.isspace() or c in "\"'`;%#" or unicodedata.category(c) == "Cc" for c in name)
    if bad or "--" in name or "/*" in name or not name:
        raise ValueError(
            "Column aliases cannot contain whitespace characters, hashes, control characters, quotation marks, "
            f"semicolons, percent signs, or SQL comments: {name!r}."
        )


def named_aggregates(
    positional: tuple[object, ...], named: dict[str, object], verb: str = "annotate"
) -> dict[str, object]:
    """Names for positional aggregates: ``<field>__<function>``.

    :raises TypeError: for anything but an expression, and for expressions without a default name.
    :raises ValueError: when the default name is taken.
    """
    found: dict[str, Any] = {}
    for item in positional:
        if not is_operand(item) or getattr(item, "lookup_path", "") is None:
            raise TypeError(f"QuerySet.{verb}() received non-expression(s): {item!r}.")
        alias = getattr(item, "default_alias", None)
        if alias is None:
            what = "aggregates" if verb == "aggregate" else "annotations"
            raise TypeError(f"Complex {what} require an alias: {verb}(name=…), not {item!r} alone.")
        if alias in named or alias in found:
            raise ValueError(f"The named annotation '{alias}' conflicts with the default name for another annotation.")
        found[alias] = item
    return found


def _selectable(names: Names, name: str) -> Expression:
    state = names.state
    if state.selected is not None and name in state.annotations and name not in state.selected:
        raise FieldError(f"Cannot select the '{name}' alias. Use annotate() to promote it.")
    try:
        reference = names.reference(name)
    except FieldDoesNotExist as problem:
        text = str(problem).split(" For literal text")[0]
        raise FieldDoesNotExist(text) from None
    if isinstance(reference, ColumnRef):
        return ColumnRef(column_path(names.opts, name)) if "__" in name else reference
    return reference


def _free_name(state: QueryState, expression: object, taken: dict[str, object]) -> str:
    base = getattr(expression, "default_alias", None) if hasattr(expression, "default_alias") else None
    name = base or type(expression).__name__.lower()
    number = 1
    candidate = name
    while candidate in taken or candidate in state.annotations or candidate in state.opts.names:
        number += 1
        candidate = f"{name}{number}"
    return candidate


def kind_of_tuple(width: int, flat: bool, named: bool) -> str:
    """The kind of rows that ``values_list()`` of ``width`` values gives.

    :raises TypeError: for ``flat`` together with ``named``.
    :raises ValueError: for ``flat`` with several fields.
    """
    if flat and named:
        raise TypeError("'flat' and 'named' can't be used together.")
    if flat and width > 1:
        raise ValueError("'flat' needs exactly one field: values_list('name', flat=True).")
    return "flat" if flat else "named" if named else "tuple"
