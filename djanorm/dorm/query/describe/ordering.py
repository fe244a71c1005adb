"""The terms of ORDER BY: from ``order_by()`` or ``Meta.ordering`` to elements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dorm.aggregates import Aggregate
from dorm.exceptions import FieldDoesNotExist, FieldError, ImproperlyConfigured, InvalidRelationPath
from dorm.expressions.base import as_operand, is_operand
from dorm.expressions.ordering import OrderBy
from dorm.expressions.references import AnnotationRef, ColumnRef
from dorm.functions.numbers import Random
from dorm.query.describe.names import Names

if TYPE_CHECKING:
    from dorm.meta.options import Options


class RandomOrder(Random):
    """``order_by("?")``."""


def resolve_terms(names: Names, terms: Iterable[Any]) -> tuple[OrderBy, ...]:
    """The arguments of ``order_by()``. The name of a relation stands for the ``Meta.ordering`` of the related model.

    :raises FieldDoesNotExist: for an unknown name.
    :raises FieldError: for anything that cannot order rows.
    """
    return tuple(made for term in terms for made in _resolved(names, term))


def _resolved(names: Names, term: Any) -> tuple[OrderBy, ...]:
    if isinstance(term, str):
        if names.state.annotations:
            return _named_terms(names, term, ())
        found: tuple[OrderBy, ...] = names.opts.derived(("order", term), _named_terms, names, term, ())
        return found
    if not isinstance(term, OrderBy) and not is_operand(term):
        raise FieldError(f"order_by() takes names and expressions, not {term!r}.")
    return (_checked(_as_order(term).resolve(names)),)


def _as_order(term: object) -> OrderBy:
    return term if isinstance(term, OrderBy) else OrderBy(as_operand(term))


def _checked(term: Any) -> OrderBy:
    for node in term.flatten():
        if isinstance(node, Aggregate):
            raise FieldError(
                "Using an aggregate in order_by() without also including it in annotate() is not allowed: "
                f"{term.expression!r}"
            )
    return term


def _named_terms(names: Names, term: str, followed: tuple[Any, ...]) -> tuple[OrderBy, ...]:
    """A name with an optional sign.

    :param followed: the relations already followed through the order of their models.
    """
    if term == "?":
        return (OrderBy(RandomOrder()),)
    descending = term.startswith("-")
    name = term[1:] if descending else term
    if not name:
        raise FieldError(f"order_by() got {term!r}, which names nothing.")
    reference = names.reference(name)
    relation = _relation_of(reference, name)
    ordering = relation.hops()[-1].target.ordering if relation is not None else ()
    if not ordering:
        return (OrderBy(reference, descending),)
    if relation in followed:
        raise FieldError(f"Infinite loop caused by ordering: {name!r} of {names.opts.object_name} orders by itself.")
    found: list[OrderBy] = []
    for own in ordering:
        if isinstance(own, str) and own != "?":
            sign, own_name = ("-", own[1:]) if own.startswith("-") else ("", own)
            found += _named_terms(names, f"{sign}{name}__{own_name}", (*followed, relation))
        elif isinstance(own, str):
            found.append(OrderBy(RandomOrder()))
        else:
            found.append(_checked(_as_order(own).resolve(_NamesUnder(names.state, name))))
    return tuple(made.reverse_ordering() for made in found) if descending else tuple(found)


def _relation_of(reference: object, name: str) -> Any:
    """The relation at the end of a term; None for columns, including those of keys."""
    if not isinstance(reference, ColumnRef) or name.rpartition("__")[2] == "pk":
        return None
    return reference.path.relation


class _NamesUnder(Names):
    """The names of a related model, seen from the model whose rows are ordered."""

    __slots__ = ("_prefix",)

    def __init__(self, state: object, prefix: str) -> None:
        super().__init__(state)
        self._prefix = prefix

    def reference(self, name: str) -> Any:
        return super().reference(f"{self._prefix}__{name}")

    def template(self, name: str) -> Any:
        return super().template(f"{self._prefix}__{name}")


def meta_order(opts: Options) -> tuple[OrderBy, ...]:
    """``Meta.ordering``, resolved once per model.

    :raises ImproperlyConfigured: for an unknown name.
    """
    found: tuple[OrderBy, ...] = opts.derived("meta order", _resolved_meta_order, opts)
    return found


def _resolved_meta_order(opts: Options) -> tuple[OrderBy, ...]:
    try:
        return resolve_terms(Names(_Bare(opts)), opts.ordering)
    except (FieldDoesNotExist, InvalidRelationPath) as problem:
        raise ImproperlyConfigured(f"{opts.label}: ordering {opts.ordering!r} cannot be used: {problem}") from problem


class _Bare:
    """The minimal state that a resolver of names needs."""

    annotations: dict[str, Any] = {}
    using = None

    def __init__(self, opts: Any) -> None:
        self.opts = opts


def effective_order(state: Any) -> tuple[OrderBy, ...]:
    """The terms that order the rows of ``state``, with ``reverse()`` applied."""
    terms = state.order
    if terms is None:
        grouped = state.group is not None and state.group != "pk"
        terms = () if grouped or not state.opts.ordering else meta_order(state.opts)
        if terms and state.distinct is True and state.select is not None:
            terms = _between_distinct_values(state, terms)
    if not terms and state.partition is not None:
        # numbered rows need a definite order, so that they are the same each time
        terms = resolve_terms(Names(state), ("pk",))
    return tuple(term.reverse_ordering() for term in terms) if state.reversed else terms


def _between_distinct_values(state: Any, terms: tuple[OrderBy, ...]) -> tuple[OrderBy, ...]:
    """The terms of ``Meta.ordering`` that read only selected values.

    Other terms would have to be selected as well, and would make equal values distinct.
    """
    selected = set()
    for _, expression in state.select:
        if isinstance(expression, AnnotationRef):
            expression = state.annotations.get(expression.name, expression)
        if isinstance(expression, ColumnRef):
            selected.add(expression.path.key)
    key: Any = Names(state).reference("pk")
    if key.path.key in selected:
        return terms
    read = ([n for n in term.expression.flatten() if isinstance(n, ColumnRef)] for term in terms)
    return tuple(
        term
        for term, columns in zip(terms, read, strict=True)
        if all(column.path.key in selected for column in columns)
    )
