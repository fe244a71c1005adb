"""SQLite's spelling of values inside documents."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.operators import OperatorType

from dorm.dialects import sqlite_json
from dorm.dialects.contract import Bound
from dorm.dialects.elements import Element, SqlType
from dorm.dialects.sql.base import JsonText, SqlHooks
from dorm.dialects.sql.sqlite_lists import JsonList

_KINDS = {"number": ("integer", "real"), "text": ("text",), "boolean": ("true", "false")}
# the order of kinds on PostgreSQL, which sorts documents by itself
_RANKS = ("null", "text", "integer", "real", "true", "false", "array", "object")
_ZERO: Element = sa.literal_column("0")


class JsonNumber(sa.types.TypeDecorator[object]):
    """Binds a number; one too large for SQLite's integers as a floating point number, as which its JSON reads it."""

    impl = sa.Float
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            try:
                return float(value)
            except OverflowError:
                return math.inf if value > 0 else -math.inf
        return value


def _canonical(value: object) -> str | None:
    return sqlite_json.canonical(json.dumps(value))


class SqliteDocuments(SqlHooks):
    """Documents are JSON text; a missing key is NULL, JSON's null is not."""

    def json_value(self, document: Element, keys: tuple[str, ...]) -> Element:
        if not keys:
            return document
        return _read(document, keys, lambda source, path: source.op("->", return_type=document.type)(path))

    def json_form(self, document: Element, keys: tuple[str, ...], form: str) -> Element:
        """A value inside a document as a number, a boolean or a string when it is one; with "any" as text in any case."""
        found, value = _type(document, keys), _extract(document, keys)
        if form == "any":
            return sa.case((_is_kind(found, "boolean"), found), else_=sa.cast(value, sa.Text()))
        types: dict[str, SqlType] = {"number": sa.Float(), "text": sa.Text(), "boolean": sa.Boolean()}
        return sa.type_coerce(sa.case((_is_kind(found, form), value)), types[form])

    def json_is_null(self, document: Element, keys: tuple[str, ...]) -> Element:
        return _type(document, keys).is_not_distinct_from(sa.literal_column("'null'"))

    def json_present(self, document: Element, keys: tuple[str, ...]) -> Element:
        return _type(document, keys).is_not(None)

    def json_compare(
        self, document: Element, keys: tuple[str, ...], kind: str, operate: OperatorType, bound: Bound
    ) -> Element:
        """Compare only values of the same kind."""
        if kind == "document":
            return sa.func.dorm_json(self.json_value(document, keys)).operate(
                operate, sa.func.dorm_json(bound(JsonText()))
            )
        found, value = _type(document, keys), _extract(document, keys)
        types: dict[str, SqlType] = {"number": JsonNumber(), "text": sa.Text(), "boolean": sa.Boolean()}
        return sa.and_(_is_kind(found, kind), value.operate(operate, bound(types[kind])))

    def json_pair(self, left: Element, right: Element, operate: OperatorType, ordered: bool) -> Element:
        if ordered:
            return sa.func.dorm_json_compare(left, right, type_=sa.Integer()).operate(operate, _ZERO)
        return sa.func.dorm_json(left).operate(operate, sa.func.dorm_json(right))

    def json_member(self, document: Element, keys: tuple[str, ...], bound: Bound) -> Element:
        listed = sa.func.json_each(bound(JsonList(None, _canonical))).table_valued("value", name=None)
        value = sa.func.dorm_json(self.json_value(document, keys))
        return value.in_(sa.select(listed.c.value).correlate(None))

    def json_equal(self, document: Element, other: Element) -> Element:
        return sa.func.dorm_json(document) == sa.func.dorm_json(other)

    def json_contains(self, document: Element, part: Element) -> Element:
        return sa.func.dorm_json_contains(document, part, type_=sa.Boolean())

    def json_has_key(self, document: Element, key: Element) -> Element:
        """A row of json_each() with the key; its texts end at the first NUL, so documents that hold one are read here."""
        rows = sa.func.json_each(document).table_valued("key", "value", "type", name=None)
        # keys of lists are numbers, and a plain text has no keys
        name = sa.case(
            (sa.func.typeof(rows.c.key) == _quoted("text"), rows.c.key), (rows.c.type == _quoted("text"), rows.c.value)
        )
        found = sa.exists(sa.select(sa.literal_column("1")).select_from(rows).where(name == key).correlate_except(rows))
        nul: Element = sa.literal_column(r"'\u0000'")
        holds_nul: Element = sa.func.instr(document, nul) > _ZERO
        return sa.case((holds_nul, sa.func.dorm_json_has_key(document, key)), else_=found)

    def sort_keys(self, element: Element, is_document: bool) -> tuple[Element, ...]:
        """Documents sort by kind, then numbers as numbers and text as text."""
        if not is_document:
            return (element,)
        found = _type(element, ())
        ranks = sa.case(*((found == _quoted(name), _digit(name)) for name in _RANKS))
        return ranks, _extract(element, ())


def _quoted(name: str) -> Element:
    return sa.literal_column(f"'{name}'")


def _digit(name: str) -> Element:
    # both booleans, and both kinds of numbers, are one kind
    alike = next((kinds[0] for kinds in _KINDS.values() if name in kinds), name)
    return sa.literal_column(str(_RANKS.index(alike)))


def _is_kind(found: Element, kind: str) -> Element:
    return found.in_([_quoted(name) for name in _KINDS[kind]])


def _type(document: Element, keys: tuple[str, ...]) -> Element:
    return _read(document, keys, lambda source, path: sa.func.json_type(source, path, type_=sa.Text()))


def _extract(document: Element, keys: tuple[str, ...]) -> Element:
    return _read(document, keys, lambda source, path: sa.func.json_extract(source, path, type_=sa.types.NULLTYPE))


def _read(document: Element, keys: tuple[str, ...], read: Callable[[Element, Element], Element]) -> Element:
    """The result of ``read`` at the end of ``keys``, NULL where there is nothing."""
    paths = sqlite_json.paths(keys)
    if paths is None:
        steps = sa.literal(json.dumps(keys), sa.Text())
        paths, document = ["$"], sa.func.dorm_json_at(document, steps, type_=document.type)
    found = [read(document, sa.literal(path, sa.Text())) for path in paths]
    # a number is an index or a key, depending on what it meets, so at most one of the paths leads somewhere
    return found[0] if len(found) == 1 else sa.func.coalesce(*found, type_=found[0].type)
