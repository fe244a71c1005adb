"""From the driver's tuples to instances, dicts, tuples: one generated function per plan.

Instances are made without ``__init__`` and without validation. They are built as objects of a plain twin class, which
has the same layout but no ``__setattr__``, and then given their own class: attributes are stored as fast and as
compactly as Python can store them.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from dorm.db.handles import get_connection
from dorm.dialects.columns import plain_type
from dorm.meta.roots import root_of
from dorm.query.compile.layout import Block, Layout, Output
from dorm.query.run.instance_state import ModelState
from dorm.utils.caches import remembered
from dorm.utils.codegen import FunctionText, is_plain_name, quoted

if TYPE_CHECKING:
    from sqlalchemy import Dialect as SQLAlchemyDialect

    from dorm.dialects.elements import SqlType
    from dorm.expressions.contract import FieldLike
    from dorm.meta.options import Options

Hydrate = Callable[[list[Any]], list[Any]]
OwnedHydrate = Callable[[list[Any], Any], list[Any]]
PIECE = 1000


class ParentKey(NamedTuple):
    """Which attribute of a prefetched instance identifies its parent.

    :ivar key: the attribute, or annotation, that holds the owner's key.
    :ivar back: the attribute that gets the owner. None for linked rows: one instance may belong to several owners, and
        does not keep the key.
    """

    key: str
    back: str | None = None


class RowText(FunctionText):
    """A function of the driver's rows being written.

    :ivar converts: whether a column needs conversion.
    """

    __slots__ = ("alias", "converts", "dialect")

    def __init__(self, layout: Layout, dialect: Any, alias: str) -> None:
        super().__init__("hydrate", f"rows of {layout.opts.label}")
        self.dialect = dialect
        self.alias = alias
        self.converts = False

    def column(self, position: int, field: Any, type_: Any) -> str:
        """The expression that converts column ``position``."""
        raw = f"c{position}"
        converted = self._convert(raw, field, type_)
        if converted != raw:
            self.converts = True
        return converted

    def _convert(self, raw: str, field: FieldLike | None, type_: SqlType) -> str:
        sql_type = plain_type(field.sql_type() if field is not None else type_)
        text = raw
        inline = getattr(sql_type, "inline_result", None)
        if inline is not None:
            template = inline(self.dialect)
            if template is not None:
                text = f"(None if {raw} is None else {self.expression(template, raw)})"
        elif isinstance(sql_type, sa.Float | sa.Integer):
            # a column of these types needs nothing; what a function computes may come as another kind of number
            if field is None or field.model is None:
                kind = "float" if isinstance(sql_type, sa.Float) else "int"
                text = f"(None if {raw} is None else {kind}({raw}))" if field is not None else raw
        elif sql_type is not None:
            process = sql_type.dialect_impl(self.dialect).result_processor(self.dialect, None)
            if process is not None:
                text = f"{self.keep(process, 'process')}({raw})"
        custom = getattr(field, "from_db_value", None)
        if custom is not None:
            connection = self.keep(get_connection(self.alias), "connection")
            text = f"{self.keep(custom, 'from_db_value')}({text}, None, {connection})"
        return text


def _targets(count: int) -> str:
    return ", ".join(f"c{n}" for n in range(count)) + ("," if count == 1 else "")


def make_hydrator(layout: Layout, dialect: SQLAlchemyDialect, alias: str) -> Hydrate:
    """The function that turns the driver's rows into rows of the queryset's shape."""
    if layout.row == "instance":
        return _instances(layout, dialect, alias)
    return _values(layout, dialect, alias)


def make_owned_hydrator(layout: Layout, dialect: SQLAlchemyDialect, alias: str, parent_key: ParentKey) -> OwnedHydrate:
    """A function of the driver's rows and the owners, which hands each instance to its owner when it creates it.

    ``owners[key]`` is a function that takes the instance; where instances refer back, a pair of the owner and that
    function.
    """
    return _instances(layout, dialect, alias, parent_key)


@remembered(512)
def row_class(names: tuple[str, ...]) -> Any:
    """The class of named rows; its rows can be pickled."""
    made: Any = namedtuple("Row", names)  # type: ignore[misc]  # noqa: PYI024
    setattr(made, "__reduce__", lambda row: (make_row, (names, tuple(row))))  # noqa: B010  (checkers know no such slot)
    return made


def make_row(names: tuple[str, ...], values: tuple[object, ...]) -> Any:
    """A named row, as unpickled."""
    return row_class(names)(*values)


def _pieces(rows: list[object]) -> Iterator[object]:
    """Yields rows in chunks and drops each chunk, so that instances can reuse its memory."""
    for start in range(0, len(rows), PIECE):
        end = start + PIECE
        piece = rows[start:end]
        rows[start:end] = [None] * len(piece)
        yield from piece
        del piece


def _values(layout: Layout, dialect: SQLAlchemyDialect, alias: str) -> Hydrate:
    source = RowText(layout, dialect, alias)
    parts = [source.column(n, output.field, output.type) for n, output in enumerate(layout.outputs)]
    targets = _targets(len(parts) + layout.hidden)
    if layout.row == "flat":
        body = parts[0]
    elif layout.row == "dict":
        body = "{" + ", ".join(f"{quoted(o.name)}: {p}" for o, p in zip(layout.outputs, parts, strict=True)) + "}"
    elif layout.row == "named":
        made = row_class(tuple(output.name for output in layout.outputs))
        body = f"{source.keep(made, 'Row')}({', '.join(parts)})"
    else:
        if not source.converts and not layout.hidden:
            return list
        body = "(" + ", ".join(parts) + ("," if len(parts) == 1 else "") + ")"
    source.lines.append(f"return [{body} for {targets} in rows]")
    return source.define("rows", fast_names=True)


def _instances(layout: Layout, dialect: SQLAlchemyDialect, alias: str, parent_key: ParentKey | None = None) -> Any:
    model = layout.opts.model
    plain = not _overrides_from_db(model)
    source = RowText(layout, dialect, alias)
    total = len(layout.outputs) + sum(len(b.fields) for b in layout.blocks) + len(layout.annotations) + layout.hidden
    start = total - len(layout.annotations) - layout.hidden
    annotations = [(o, source.column(start + n, o.field, o.type)) for n, o in enumerate(layout.annotations)]
    source.lines += ["out = []", "add = out.append"]
    pieces = source.keep(_pieces, "pieces")
    loop = f"for {_targets(total)} in rows if len(rows) <= {PIECE} else {pieces}(rows):"
    after: list[str] = []
    if parent_key is None:
        source.lines.append(loop)
    elif parent_key.back is None:
        source.lines += ["known = {}", "seen = known.get", loop]
        annotations = _linked(source, layout, parent_key, annotations, start)
        after += ["    known[key] = o", "    take(o)"]
    else:
        source.lines.append(loop)
        after.append("    take(o)")
    for number in reversed(range(len(layout.blocks))):
        _block(source, layout, number, alias, after)
    columns = [(output, number) for number, output in enumerate(layout.outputs)]
    if plain:
        _object(source, "o", layout.opts, columns, alias, "    ")
    else:
        _from_db(source, model, columns, alias)
    for output, value in annotations:
        _store(source, "o", output.name, value, "    ", plain)
    for number, block in enumerate(layout.blocks):
        if block.parent is None:
            _store(source, "o", block.attribute, f"r{number}", "    ", plain)
    if parent_key is not None and parent_key.back is not None:
        source.lines.append(f"    owner, take = owners[{_attribute('o', parent_key.key)}]")
        if all(block.parent is not None or block.attribute != parent_key.back for block in layout.blocks):
            _store(source, "o", parent_key.back, "owner", "    ", plain)
    if plain:
        source.lines.append(f"    o.__class__ = {source.keep(model, 'Model')}")
    source.lines += [*after, "    add(o)", "return out"]
    parameters = ("rows",) if parent_key is None else ("rows", "owners")
    return source.define(*parameters, fast_names=True)


def _linked(source: RowText, layout: Layout, parent_key: ParentKey, annotations: list[Any], start: int) -> list[Any]:
    """The first lines of a loop over linked rows: an instance that exists already is handed to a further owner.

    :returns: the annotations that the instances keep.
    """
    key = next(n for n, output in enumerate(layout.outputs) if output.field.primary_key)
    kept = [(output, value) for output, value in annotations if output.name != parent_key.key]
    owner = next(value for output, value in annotations if output.name == parent_key.key)
    # the key distinguishes rows, unless they carry further values, which may be unhashable
    values = [f"repr(c{start + n})" for n, (output, _) in enumerate(annotations) if output.name != parent_key.key]
    source.lines += [
        f"    key = ({', '.join([f'c{key}', *values])})",
        f"    take = owners[{owner}]",
        "    o = seen(key)",
        "    if o is not None:",
        "        take(o)",
        "        continue",
    ]
    return kept


def _from_db(source: RowText, model: Any, columns: list[tuple[Output, int]], alias: str) -> None:
    """The instance that the model's ``from_db()`` returns."""
    names = source.keep([output.name for output, _ in columns], "names")
    parts = [source.column(position, output.field, output.type) for output, position in columns]
    source.lines.append(
        f"    o = {source.keep(model.from_db, 'from_db')}({quoted(alias)}, {names}, [{', '.join(parts)}])"
    )


def _block(source: RowText, layout: Layout, number: int, alias: str, after: list[str]) -> None:
    block: Block = layout.blocks[number]
    source.lines += [f"    if c{block.start + block.key} is None:", f"        r{number} = None", "    else:"]
    columns = [(Output(f.attname, f, None), block.start + n) for n, f in enumerate(block.fields)]
    _object(source, f"r{number}", block.opts, columns, alias, "        ")
    for child, other in enumerate(layout.blocks):
        if other.parent == number:
            _store(source, f"r{number}", other.attribute, f"r{child}", "        ")
    source.lines.append(f"        r{number}.__class__ = {source.keep(block.opts.model, 'Model')}")
    if block.back is not None:
        owner = "o" if block.parent is None else f"r{block.parent}"
        after.append(f"    if r{number} is not None: r{number}.__dict__[{quoted(block.back)}] = {owner}")


def _object(
    source: RowText, name: str, opts: Options, columns: list[tuple[Output, int]], alias: str, indent: str
) -> None:
    twin = twin_of(opts)
    source.lines.append(f"{indent}{name} = {source.keep(twin.__new__, 'new')}({source.keep(twin, 'Twin')})")
    for output, position in columns:
        _store(source, name, output.name, source.column(position, output.field, output.type), indent)
    if alias != "default":
        state = source.keep(ModelState, "State")
        source.lines.append(f"{indent}{name}._state = {state}(adding=False, db={quoted(alias)})")


def _store(source: RowText, owner: str, attribute: str, value: str, indent: str, plain: bool = True) -> None:
    """An assignment; ``plain`` where the owner's class does not have its ``__setattr__`` yet."""
    target = _attribute(owner, attribute) if plain else f"{owner}.__dict__[{quoted(attribute)}]"
    source.lines.append(f"{indent}{target} = {value}")


def _attribute(owner: str, name: str) -> str:
    """An attribute of an object that holds nothing under the name but what is stored there."""
    return f"{owner}.{str.__str__(name)}" if is_plain_name(name) else f"{owner}.__dict__[{quoted(name)}]"


def twin_of(opts: Options) -> type:
    """A plain class whose objects can become instances of the model."""
    made: type = opts.derived("twin", _make_twin, opts)
    return made


def _make_twin(opts: Any) -> type:
    twin = type(opts.object_name, (), {})
    twin().__class__ = opts.model  # fails here, clearly, for a model whose objects have another layout
    return twin


def _overrides_from_db(model: Any) -> bool:
    root: Any = root_of(model)
    return model.from_db.__func__ is not root.from_db.__func__
