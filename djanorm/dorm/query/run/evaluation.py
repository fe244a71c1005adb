"""Evaluation of a queryset: the database it reads from, the rows it caches, and its text and HTML forms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self, overload

from dorm.query.describe.base import M, R, root_of, with_state
from dorm.query.describe.chain import Chaining
from dorm.query.describe.state import QueryState
from dorm.query.run.aliases import alias_of_owned, read_alias
from dorm.utils.lazy import lazy_import

if TYPE_CHECKING:
    from dorm.query.run import display, pipeline, prefetch
else:
    pipeline = lazy_import("dorm.query.run.pipeline", globals())
    display = lazy_import("dorm.query.run.display", globals())
    prefetch = lazy_import("dorm.query.run.prefetch", globals())


class Evaluation(Chaining[M, R]):
    """A queryset that runs its query once, when its rows are first used, and caches them."""

    # -- the database ----------------------------------------------------------------------------------------------

    @property
    def db(self) -> str:
        """The alias that a read would use."""
        hints = self._hints
        return read_alias(self) if hints is None else alias_of_owned(self, hints)

    # -- evaluation ------------------------------------------------------------------------------------------------

    def _fetch_all(self) -> list[Any]:
        """The rows, fetched once and kept."""
        rows = self._result_cache
        if rows is not None:
            return rows
        if self._is_manager:
            return self.get_queryset()._fetch_all() if self._own_root else with_state(self, self.state)._fetch_all()
        rows = self._fetch(self.state)
        self.__dict__["_result_cache"] = rows
        return rows

    def _fetch(self, state: QueryState) -> list[object]:
        """The rows of ``state`` as rows of this queryset."""
        alias = read_alias(self)
        rows = pipeline.fetch(state, alias)
        if state.row == "instance" and rows:
            self._finish(rows, state, alias)
        return rows

    def _finish(self, rows: list[Any], state: QueryState, alias: str) -> None:
        """Adds to fetched instances the owner of a related manager, and prefetched relations."""
        known = self._known_related
        if known is not None:
            field, owner = known
            key = getattr(owner, field.target_field.attname)
            for row in rows:
                data = row.__dict__
                if data.setdefault(field.attname, key) == key and field.name not in data:
                    data[field.name] = owner
        if state.prefetch:
            prefetch.prefetch_instances(rows, state.prefetch, alias)

    def __iter__(self) -> Iterator[R]:
        rows = self._result_cache
        return iter(self._fetch_all() if rows is None else rows)

    def __len__(self) -> int:
        rows = self._result_cache
        if rows is not None:
            return len(rows)
        if self._is_manager:
            # list() calls len() as a size hint; do not run a COUNT for it
            raise TypeError(
                f"A manager has no len(): use {self.state.opts.object_name}.{self.name or 'objects'}.count()."
            )
        return len(self._fetch_all())

    def __bool__(self) -> bool:
        return bool(self._fetch_all())

    def __contains__(self, item: object) -> bool:
        return item in self._fetch_all()

    def __repr__(self) -> str:
        if self._is_manager:
            return f"<{type(self).__name__} of {getattr(self.model, '__name__', self.model)}>"
        return display.text_of(self)

    def _repr_html_(self) -> str | None:
        """The first rows as an HTML table, for notebooks; sensitive columns are masked and nothing else is loaded."""
        return None if self._is_manager else display.table_of(self)

    def sql(self) -> display.Shown:
        """The statement and its parameters, without running it; sensitive values are masked."""
        root = root_of(self)
        return display.statement_of(root.state, read_alias(root))

    @property
    def query(self) -> display.ShownQuery:
        """The query as text: ``str(queryset.query)`` is the statement with its parameters in place (Django 5.2)."""
        root = root_of(self)
        return display.ShownQuery(root.state, read_alias(root))

    @overload
    def __getitem__(self, item: int) -> R: ...
    @overload
    def __getitem__(self, item: slice) -> Self: ...
    def __getitem__(self, item: object) -> Any:
        """One row, or a lazy slice.

        :raises IndexError: when there is no such row.
        :raises TypeError: for anything but an integer or a slice.
        :raises ValueError: for negative positions and steps.
        """
        if isinstance(item, slice):
            return self._slice(item)
        if not isinstance(item, int):
            raise TypeError(f"QuerySet indices must be integers or slices, not {type(item).__name__}.")
        if item < 0:
            raise ValueError("Negative indexing is not supported.")
        if self._result_cache is not None:
            return self._result_cache[item]
        root = root_of(self)
        rows = root._fetch(_sliced(root.state, item, item + 1))
        if not rows:
            raise IndexError(f"There is no row {item}.")
        return rows[0]

    def _slice(self, item: slice) -> object:
        for bound in (item.start, item.stop):
            if bound is not None and not isinstance(bound, int):
                raise TypeError("The bounds of a slice must be integers.")
            if bound is not None and bound < 0:
                raise ValueError("Negative indexing is not supported.")
        if item.step is not None:
            if item.step < 1:
                raise ValueError("The step of a slice must be a positive integer.")
            if item.step != 1:
                raise ValueError("A slice of a queryset has no step; take a slice of list(queryset).")
        root = root_of(self)
        if self._result_cache is not None:
            made = with_state(root, _sliced(root.state, item.start or 0, item.stop))
            made.__dict__["_result_cache"] = self._result_cache[item]
            return made
        return with_state(root, _sliced(root.state, item.start or 0, item.stop))


def _sliced(state: QueryState, start: int, stop: int | None) -> QueryState:
    low = state.low + start
    high = state.high
    if stop is not None:
        bound = state.low + stop
        high = bound if high is None else min(high, bound)
    if high is not None and low >= high:
        return state.evolve(low=low, high=low, empty=True)
    return state.evolve(low=low, high=high)
