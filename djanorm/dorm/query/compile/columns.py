"""The columns of one SELECT: those of the result, and those that only ORDER BY and GROUP BY need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from dorm.dialects.elements import Element, Label
from dorm.expressions.base import Built, Expression, Uncacheable
from dorm.expressions.references import AnnotationRef
from dorm.query.compile.joins import Join
from dorm.query.compile.layout import Output
from dorm.query.compile.result_types import free_number


class Columns:
    """The columns of a SELECT, in order.

    :ivar related: the joins whose columns are those of related instances.
    """

    __slots__ = ("_all", "_computed", "_hidden", "_labels", "related")

    def __init__(self) -> None:
        self.related: tuple[Join, ...] = ()
        self._all: list[Element] = []
        self._hidden: list[Element] = []
        self._labels: dict[str, Label] = {}
        self._computed: dict[Any, Label] = {}

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Element]:
        return iter(self._all)

    @property
    def hidden(self) -> Sequence[Any]:
        """The columns that no row shows."""
        return self._hidden

    def add(self, element: Any) -> None:
        """Add a column unchanged."""
        self._all.append(element)

    def add_instances(self, elements: Iterable[Any], joins: Iterable[Join]) -> None:
        """Add the columns of instances, and of the related ones that ``joins`` lead to."""
        self._all.extend(elements)
        self.related = tuple(joins)

    def add_annotation(self, name: str, built: Built, label: str) -> Output:
        """Add the column of an annotation, which GROUP BY and ORDER BY may refer to by name."""
        self._labels[name] = built.sql.label(label)
        self._all.append(self._labels[name])
        return self._output(name, built)

    def add_value(self, name: str, expression: Expression, built: Built, label: str) -> Output:
        """Add the column of a selected value."""
        if isinstance(built.sql, sa.Column):
            self._all.append(built.sql)
            return self._output(name, built)
        labelled = built.sql.label(label)
        self._all.append(labelled)
        key = _key_of(expression)
        if key is not None:
            self._computed[key] = labelled
        return self._output(name, built)

    @staticmethod
    def _output(name: str, built: Built) -> Output:
        computed = not isinstance(built.sql, sa.Column)
        return Output(name, free_number(built.field) if computed else built.field, built.sql.type)

    def hide(self, elements: Sequence[Any]) -> None:
        """Add hidden columns at the end."""
        self._hidden += elements
        self._all += elements

    def hold(self, element: Any) -> None:
        """Select ``element`` if it is not selected yet."""
        if not self.has(element):
            self._all.append(element)

    def has(self, element: Element) -> bool:
        """Whether ``element`` is one of the columns, as it stands."""
        return any(element is column for column in self._all)

    def annotation(self, name: str) -> Label | None:
        """The selected column of an annotation."""
        return self._labels.get(name)

    def label_of(self, expression: Expression) -> Label | None:
        """The selected column that holds ``expression``; None when it is not selected, or a column as it stands."""
        if isinstance(expression, AnnotationRef):
            return self._labels.get(expression.name)
        return self._computed.get(_key_of(expression)) if self._computed else None

    def place_of(self, label: object) -> Element:
        """A selected column by its position. (A name would refer to a column of the table that has the same one.)"""
        place = next(n for n, column in enumerate(self._all, 1) if column is label)
        return sa.literal_column(str(place))


def _key_of(expression: Expression) -> object:
    """A key that is equal for equal expressions; None for an expression that has none."""
    try:
        return expression.cache_key([])
    except Uncacheable:
        return None
