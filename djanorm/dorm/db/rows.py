"""Rows of hand-written SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self


class Row(tuple[Any, ...]):  # noqa: SLOT001 - tuples cannot have slots for more than themselves
    """A row readable by position, by column name, and by ``keys()``; ``dict(row)`` works."""

    _index: Mapping[str, int]

    def __new__(cls, values: Iterable[object], index: Mapping[str, int]) -> Self:
        row = super().__new__(cls, values)
        row._index = index
        return row

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            try:
                return super().__getitem__(self._index[key])
            except KeyError:
                raise KeyError(f"the row has no column {key!r}; it has {', '.join(self._index)}") from None
        return super().__getitem__(key)

    def __reduce__(self) -> tuple[object, ...]:
        return Row, (tuple(self), dict(self._index))

    def __repr__(self) -> str:
        return f"Row({', '.join(f'{name}={self[name]!r}' for name in self._index)})"

    def keys(self) -> list[str]:
        """The column names, in order."""
        return list(self._index)

    def values(self) -> list[Any]:
        return list(self)

    def items(self) -> list[tuple[str, Any]]:
        return [(name, self[name]) for name in self._index]

    def get(self, key: str, default: object = None) -> Any:
        return self[key] if key in self._index else default


def named(names: Iterable[str], rows: Iterable[tuple[object, ...]]) -> list[Row]:
    """Rows that know the names of their columns."""
    index: dict[str, int] = {}
    for position, name in enumerate(names):
        index.setdefault(name, position)
    return [Row(row, index) for row in rows]
