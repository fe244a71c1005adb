"""Instances from verbatim SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from dorm.db import announcements, bridge, placeholders, routers
from dorm.db.execution import Statement, classify
from dorm.db.sessions import session as session_of
from dorm.expressions.values import Value
from dorm.query.compile.layout import Layout, Output
from dorm.query.describe.prefetch_lookups import check_lookups
from dorm.query.run.hydrate import make_hydrator
from dorm.query.run.prefetch import prefetch_instances

if TYPE_CHECKING:
    from sqlalchemy import Dialect as SQLAlchemyDialect

M = TypeVar("M")


class RawQuerySet(Generic[M]):
    """The rows of a hand-written SELECT as instances. Lazy; the rows are kept.

    Columns are matched by name; other columns become attributes; missing ones are deferred.

    :param sql: the text; never build it from user input.
    :param params: a list for ``%s`` and ``?``, a mapping for ``%(name)s``.
    :raises ValueError: for empty SQL, or parameters that do not match the placeholders.
    """

    def __init__(
        self,
        model: Any,
        sql: str,
        params: Any = None,
        using: str | None = None,
        translations: dict[str, str] | None = None,
        prefetch: tuple[Any, ...] = (),
    ) -> None:
        self.model = model
        self.sql = sql
        self.params = params
        if translations is not None and not isinstance(translations, Mapping):
            raise TypeError(f"translations map columns to fields; they are not {type(translations).__name__}.")
        self.translations = translations or {}
        self._using = using
        self._prefetch = prefetch
        self._result_cache: list[object] | None = None
        placeholders.check(sql, params)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.sql}>"

    @property
    def db(self) -> str:
        """The alias that the query goes to."""
        return self._using or routers.db_for_read(self.model)

    @property
    def columns(self) -> list[str]:
        """The names of the result's columns."""
        return list(self._run()[0])

    def using(self, alias: str | None) -> RawQuerySet[M]:
        """The same query on another database."""
        return RawQuerySet(self.model, self.sql, self.params, alias, self.translations, self._prefetch)

    def prefetch_related(self, *lookups: object) -> RawQuerySet[M]:
        """Prefetch relations of the instances."""
        if lookups == (None,):
            chosen: tuple[Any, ...] = ()
        else:
            chosen = (*self._prefetch, *(getattr(lookup, "lookup_path", lookup) for lookup in lookups))
            check_lookups(self.model._meta, chosen)
        return RawQuerySet(self.model, self.sql, self.params, self._using, self.translations, chosen)

    def _run(self) -> tuple[tuple[str, ...], list[Any], str]:
        alias = self.db
        session = session_of(alias)
        text, values = placeholders.translate(self.sql, self._plain_params(), session.dialect.paramstyle)
        hints = placeholders.column_hints(text, session.dialect.paramstyle)
        if values is not None:
            values = [self._adapted(value, session.dialect) for value in values]
        statement = Statement(text, classify(text), hints, hand_written=True)
        names, rows, _ = announcements.raw(alias, statement, lambda: session.fetch_named(statement, values))
        return names, rows, alias

    def _plain_params(self) -> object:
        params = self.params
        return list(params) if isinstance(params, set | frozenset) else params

    @staticmethod
    def _adapted(value: Any, dialect: SQLAlchemyDialect) -> object:
        """A Python value as its type stores it, so that raw SQL compares it with stored values correctly."""
        if hasattr(value, "_meta"):
            value = value.pk
        field = Value(value).result_field() if value is not None else None
        if field is None:
            return value
        process = field.sql_type().dialect_impl(dialect).bind_processor(dialect)
        return value if process is None else process(value)

    def _fetch_all(self) -> list[Any]:
        if self._result_cache is None:
            names, rows, alias = self._run()
            session = session_of(alias)
            layout = self._layout(names)
            found = make_hydrator(layout, session.dialect, alias)(rows)
            if self._prefetch and found:
                prefetch_instances(found, self._prefetch, alias)
            self._result_cache = found
        return self._result_cache

    def _layout(self, names: tuple[str, ...]) -> Layout:
        opts = self.model._meta
        by_column = {field.column: field for field in opts.concrete_fields}
        by_lower = {column.lower(): field for column, field in by_column.items()}
        outputs = []
        for name in names:
            field = None
            wanted = self.translations.get(name, name)
            if wanted in by_column:
                field = by_column[wanted]
            elif wanted.lower() in by_lower:
                field = by_lower[wanted.lower()]
            elif name in self.translations:
                field = opts.get_field(wanted)
            outputs.append(Output(field.attname if field is not None else name, field, None))
        if not any(output.field is not None and output.field.primary_key for output in outputs):
            raise ValueError(
                f"Raw query must include the primary key: the column {opts.pk.column!r} of {opts.object_name} is not "
                f"among {', '.join(names)}."
            )
        return Layout("instance", opts, tuple(outputs))

    def __iter__(self) -> Iterator[M]:
        return iter(self._fetch_all())

    def __len__(self) -> int:
        return len(self._fetch_all())

    def __bool__(self) -> bool:
        return bool(self._fetch_all())

    @overload
    def __getitem__(self, item: int) -> M: ...
    @overload
    def __getitem__(self, item: slice) -> list[M]: ...
    def __getitem__(self, item: Any) -> Any:
        return self._fetch_all()[item]

    def iterator(self) -> Iterator[M]:
        """The rows one by one, without caching them."""
        return iter(self.using(self._using)._fetch_all())

    async def aiterator(self) -> AsyncIterator[M]:
        for row in await bridge.run_async(self.using(self._using)._fetch_all):
            yield row

    def __await__(self) -> Generator[Any, None, list[M]]:
        return bridge.run_async(self._fetch_all).__await__()

    async def __aiter__(self) -> AsyncIterator[M]:
        for row in await bridge.run_async(self._fetch_all):
            yield row
