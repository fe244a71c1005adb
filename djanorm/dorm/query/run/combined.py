"""Set operations: ``union``, ``intersection``, ``difference``, and ``union_with`` over models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Self

from dorm.exceptions import FieldDoesNotExist, NotSupportedError
from dorm.expressions.base import Expression, as_operand
from dorm.expressions.conditions import Q
from dorm.expressions.ordering import OrderBy
from dorm.expressions.references import F
from dorm.expressions.values import Value
from dorm.query.describe.base import M, R, root_of, with_state
from dorm.query.describe.chain import kind_of_tuple
from dorm.query.describe.names import Names
from dorm.query.describe.selected_relations import loaded_fields, paths_of
from dorm.query.describe.state import QueryState
from dorm.query.run.async_reading import AsyncReading
from dorm.utils.suggest import hint

if TYPE_CHECKING:
    from dorm.dialects.elements import Element
    from dorm.expressions.contract import Slots


class CombinedQuerySet(AsyncReading[M, R]):
    """The rows of a set operation. It can be ordered by output columns, sliced, counted, narrowed and combined again.

    Methods that would act on a single branch raise ``NotSupportedError``.
    """

    def __bool__(self) -> bool:
        return bool(self._fetch_all())

    def _output_names(self) -> dict[str, str]:
        """The names of output columns: as users may write them -> as the compiler uses them."""
        assert self.state.combined is not None
        first = self.state.combined[2][0]
        if self.state.select is not None:
            return {name: name for name, _ in self.state.select}
        while first.combined is not None:
            first = first.combined[2][0]
        if first.row != "instance":
            return {name: name for name, _ in first.select or ()}
        loaded = loaded_fields(first.opts, first.only, first.defer)
        names = {name: field.attname for field in loaded for name in (field.attname, field.name)}
        names["pk"] = first.opts.pk.attname
        names.update({name: name for name in _shown(first)})
        return names

    def _output(self, name: str) -> str:
        names = self._output_names()
        if name not in names:
            raise FieldDoesNotExist(
                f"'{name}' is not among the columns of this set operation. {hint(name, sorted(names))}"
            )
        return names[name]

    def order_by(self, *terms: Any) -> Self:
        """Order by output columns, ``-`` for descending."""
        if self.state.is_sliced:
            raise TypeError("Cannot reorder a query once a slice has been taken.")
        order = []
        for term in terms:
            name, direction = _order_name(term)
            order.append(_Term(self._output(name), direction))
        return with_state(self, self.state.evolve(order=tuple(order)))

    def _values(self, row: str, fields: tuple[Any, ...], expressions: dict[str, Any]) -> Any:
        if expressions:
            raise NotSupportedError(
                "Calling QuerySet.values() with expressions after a set operation is not supported."
            )
        names = [getattr(field, "lookup_path", field) for field in fields] or list(
            dict.fromkeys(self._output_names().values())
        )
        select = tuple((name, F(self._output(name))) for name in names)
        state = self.state
        # without a slice the set operation is over the selected values, as in Django; the rows of a slice are fixed
        narrows = state.combined is not None and state.combined[0] == "union" and not state.is_sliced
        chosen = tuple((n, _Narrowed(e)) for n, e in select)
        return with_state(self, state.evolve(row=row, select=chosen, narrows_branches=narrows))

    def values(self, *fields: object, **expressions: object) -> CombinedQuerySet[M, dict[str, Any]]:
        """Rows as dicts of the named output columns."""
        return self._values("dict", fields, expressions)

    def values_list(
        self, *fields: object, flat: bool = False, named: bool = False, **expressions: object
    ) -> CombinedQuerySet[M, Any]:
        """Rows as tuples of the named output columns; ``flat`` and ``named`` as for a queryset."""
        kind = kind_of_tuple(len(fields) + len(expressions), flat, named)
        return self._values(kind, fields, expressions)

    async def avalues(self, *fields: object, **expressions: object) -> list[dict[str, object]]:
        """The rows of :meth:`values`, fetched."""
        return await self.values(*fields, **expressions)

    async def avalues_list(
        self, *fields: object, flat: bool = False, named: bool = False, **expressions: object
    ) -> list[object]:
        """The rows of :meth:`values_list`, fetched."""
        return await self.values_list(*fields, flat=flat, named=named, **expressions)

    def _ordered(self) -> object:
        state = self.state
        if state.order or state.is_sliced:
            return self
        names = self._output_names()
        return self.order_by("pk") if "pk" in names else self.order_by(next(iter(names)))

    def union(self, *others: Any, all: bool = False) -> CombinedQuerySet[M, R]:
        """Rows of any of the querysets."""
        return combine(self, "union", others, all)

    def intersection(self, *others: Any) -> CombinedQuerySet[M, R]:
        """Rows of every one of the querysets."""
        return combine(self, "intersection", others, False)

    def difference(self, *others: Any) -> CombinedQuerySet[M, R]:
        """Rows of this queryset that are in none of the others."""
        return combine(self, "difference", others, False)

    def get(self, *conditions: Q[M] | Expression | tuple[str, Any], **lookups: Any) -> R:
        """The one row of the set operation; it takes no conditions."""
        if conditions or lookups:
            self._refuse("get() with conditions")
        return super().get()

    # -- methods that would act on one branch ----------------------------------------------------------------------

    def _refuse(self, method: str) -> NoReturn:
        assert self.state.combined is not None
        operator = self.state.combined[0]
        raise NotSupportedError(
            f"Calling QuerySet.{method} after {operator}() is not supported. Apply it to each queryset before combining "
            "them."
        )


def _refusing(name: str) -> object:
    def method(self: CombinedQuerySet, *args: object, **kwargs: object) -> NoReturn:
        self._refuse(f"{name}()")

    method.__name__ = name
    method.__qualname__ = f"CombinedQuerySet.{name}"
    method.__doc__ = f"Refused: ``{name}()`` would act on one branch only."
    return method


UNSUPPORTED = (
    "filter", "exclude", "complex_filter", "annotate", "alias", "distinct", "select_related", "prefetch_related",
    "select_for_update", "only", "defer", "aggregate", "aaggregate", "in_bulk", "ain_bulk", "contains", "acontains",
    "create", "acreate", "update", "aupdate", "delete", "adelete", "bulk_create", "abulk_create", "bulk_update",
    "abulk_update", "upsert", "aupsert", "get_or_create", "aget_or_create", "update_or_create", "aupdate_or_create",
    "exists_or_create", "aexists_or_create", "latest", "alatest", "earliest", "aearliest", "raw", "araw",
)  # fmt: skip
for _name in UNSUPPORTED:
    setattr(CombinedQuerySet, _name, _refusing(_name))


class _Term:
    """One term of the order of a set operation: an output column and a direction."""

    __slots__ = ("_order", "name")

    def __init__(self, name: str, order: OrderBy) -> None:
        self.name = name
        self._order = order

    def cache_key(self, values: list[object]) -> Any:
        """Name and direction."""
        order = self._order
        return (self.name, order.descending, order.nulls_first, order.nulls_last)

    def parameterized(self, slots: Slots) -> _Term:
        """Itself: it holds no value."""
        return self

    def reverse_ordering(self) -> _Term:
        """The other direction."""
        return _Term(self.name, self._order.reverse_ordering())

    def directed(self, element: Element) -> Element:
        """``element`` with this term's direction."""
        return self._order.directed(element)


class _Narrowed(F):
    """A column of a set operation's result, by name."""

    def __init__(self, column: F) -> None:
        super().__init__(column.name)

    def parameterized(self, slots: Slots) -> _Narrowed:
        return self


def _order_name(term: str) -> tuple[str, OrderBy]:
    if isinstance(term, str):
        descending = term.startswith("-")
        column = term[1:] if descending else term
        return column, OrderBy(column, descending)
    order = term if isinstance(term, OrderBy) else OrderBy(term)
    if not isinstance(order.expression, F):
        raise NotSupportedError("A set operation is ordered by the names of its output columns.")
    return order.expression.name, order


def combine(first: Any, operator: str, others: tuple[Any, ...], every: bool) -> CombinedQuerySet[Any, Any]:
    """The set operation of several querysets. Runs nothing and opens nothing.

    Instances get the related objects that the first queryset asks for.

    :raises TypeError: for branches of different models, or with different columns.
    :raises NotSupportedError: for a branch that locks its rows.
    """
    root = root_of(first)
    states = [root.state]
    for other in others:
        if not hasattr(other, "get_queryset"):
            raise TypeError(f"{operator}() takes querysets, not {other!r}.")
        states.append(root_of(other).state)
    if any(state.lock is not None for state in states):
        raise NotSupportedError(
            f"select_for_update() is not possible inside {operator}(): a database locks the rows of tables, and not those of "
            "a set operation. Lock the rows in a query of their own: filter(pk__in=…).select_for_update()."
        )
    _check(operator, states)
    kept = _without_empty(operator, states)
    state = QueryState(root.state.opts)
    row = root.state.row
    using = next((s.using for s in states if s.using is not None), None)
    changes = {"combined": (operator, every, tuple(kept)), "row": row, "using": using}
    if row == "instance":
        # a set operation has no columns of related models: select_related() of the first queryset becomes a prefetch
        changes["prefetch"] = (*paths_of(root.state), *root.state.prefetch)
    if not kept:
        changes["combined"] = (operator, every, (root.state,))
        changes["empty"] = True
    made = object.__new__(CombinedQuerySet)
    made.__dict__.update(model=root.model, _query=state.evolve(**changes))
    return made


def _check(operator: str, states: list[QueryState]) -> None:
    first = states[0]
    width = _width(first)
    for state in states[1:]:
        same = state.opts.concrete_model is first.opts.concrete_model
        if first.row == "instance" and (state.row != "instance" or not same):
            raise TypeError(
                f"{operator}() of instances needs querysets of one model, {first.opts.object_name}; select columns with "
                "values() or values_list() to combine different models."
            )
        if state.row == "instance" and first.row != "instance" and not same:
            raise TypeError(f"{operator}() combines values() with values(); call values() on every queryset.")
        if _width(state) != width:
            raise TypeError(
                f"{operator}() needs the same number of columns in every queryset: {width} and {_width(state)}."
            )
        if first.row == "instance" and set(_attributes(state)) != set(_attributes(first)):
            names = ", ".join(sorted(set(_attributes(state)) ^ set(_attributes(first))))
            raise TypeError(
                f"{operator}() of instances needs the same columns in every queryset, and only some have {names}: give all "
                "of them the same only(), defer() and annotate(), or select columns with values()."
            )


def _width(state: QueryState) -> int:
    state = _source(state)
    return len(_attributes(state) if state.select is None else state.select)


def _source(state: QueryState) -> QueryState:
    """The state that defines the columns: itself, or the first branch of a set operation without a selection."""
    while state.combined is not None and state.select is None:
        state = state.combined[2][0]
    return state


def _attributes(state: QueryState) -> list[str]:
    """The attributes that the columns of a query set on instances."""
    state = _source(state)
    return [*(field.attname for field in loaded_fields(state.opts, state.only, state.defer)), *_shown(state)]


def _shown(state: QueryState) -> tuple[str, ...]:
    """The annotations that rows carry."""
    return tuple(state.annotations) if state.selected is None else state.selected


def _without_empty(operator: str, states: list[QueryState]) -> list[QueryState]:
    """The branches that may have rows."""
    first, *others = states
    if operator == "union":
        return [state for state in states if not state.empty]
    if operator == "intersection":
        return [] if any(state.empty for state in states) else states
    return [] if first.empty else [first, *(state for state in others if not state.empty)]


def union_with(head: Any, others: tuple[object, ...], every: bool, order_by: Any) -> CombinedQuerySet:
    """UNION over different models.

    Output columns are those of ``head``; each branch fills a column from its mapping, else from its field of the same
    name, else with NULL.

    :param others: managers, querysets, or ``(queryset, {output name: expression or field name})``.
    :raises TypeError: for anything else.
    :raises FieldDoesNotExist: for a name in a mapping that is not an output column.
    """
    root = root_of(head)
    if root.state.row == "instance":
        root = root.values(*(field.attname for field in root.state.opts.concrete_fields))
    columns = [name for name, _ in root.state.select or ()]
    branches = [_branch(other, columns) for other in others]
    made = combine(with_state(root, root.state.evolve(row="dict")), "union", tuple(branches), every)
    if order_by is None:
        return made
    return made.order_by(*((order_by,) if isinstance(order_by, str) else order_by))


def _branch(other: Any, columns: list[str]) -> object:
    mapping: dict[str, object] = {}
    if isinstance(other, tuple):
        if len(other) != 2 or not isinstance(other[1], dict):
            raise TypeError("union_with() takes querysets, managers, or (queryset, {column: expression}) pairs.")
        other, mapping = other
    if not hasattr(other, "get_queryset"):
        raise TypeError(f"union_with() takes querysets, managers, or pairs with a mapping, not {other!r}.")
    unknown = next((name for name in mapping if name not in columns), None)
    if unknown is not None:
        raise FieldDoesNotExist(f"union_with(): '{unknown}' is not among the output columns. {hint(unknown, columns)}")
    root = root_of(other)
    state: QueryState = root.state
    names = Names(state)
    select = []
    for column in columns:
        if column in mapping:
            value = mapping[column]
            expression = names.reference(value) if isinstance(value, str) else as_operand(value).resolve(names)
        elif column in state.opts.names or column in state.annotations:
            expression = names.reference(column)
        else:
            expression = Value(None)
        select.append((column, expression))
    return with_state(root, state.evolve(row="dict", select=tuple(select), select_related=()))
