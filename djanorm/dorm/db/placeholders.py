"""Placeholders of hand-written SQL.

``%s``, ``?``, ``%(name)s`` and ``$1`` are understood on every database. Markers inside quoted
text, quoted identifiers, dollar-quoted text and comments are not placeholders. With parameters ``%%`` is a percent
sign; without parameters the text is sent as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from dorm.utils.caches import remembered

ParamStyle = str
"""``"qmark"`` or ``"format"``, as dialects of SQLAlchemy name it."""

TOKENS = re.compile(
    r"""
      (?P<skip>(?<![\w$])[Ee]'(?:[^'\\]|''|\\.)*'                 # text with escapes (PostgreSQL)
        |'(?:[^']|'')*'                                         # text
        |"(?:[^"]|"")*"                                         # identifier
        |`[^`]*`
        |--[^\n]*
        |/\*.*?(?:\*/|\Z)
        |(?<!\w)\$(?P<tag>[^\x00-@\[-^`{-\x7f][^\x00-/:-@\[-^`{-\x7f]*)\$.*?(?:\$(?P=tag)\$|\Z)
        |(?<!\w)\$\$.*?(?:\$\$|\Z))
    | (?P<percent>%%)
    | (?P<format>%s)
    | %\((?P<named>[^()]+)\)s
    | (?<![\w$])\$(?P<dollar>[1-9][0-9]*)
    | (?P<operator>\?(?:\|(?!\|)|&))
    | (?P<qmark>\?)
    """,
    re.VERBOSE | re.DOTALL,
)
STYLES = {"format": "%s", "qmark": "?", "named": "%(name)s", "dollar": "$1"}


class _Parsed:
    """The pieces between the placeholders, and the names of the placeholders."""

    __slots__ = ("keys", "pieces", "style")

    def __init__(self, pieces: list[str], keys: list[Any], style: str | None) -> None:
        self.pieces = pieces
        self.keys = keys
        self.style = style


@remembered(512)
def _parse(sql: str) -> _Parsed:
    styles = {kind for match in TOKENS.finditer(sql) if (kind := _kind(match)) in STYLES}
    # `?` next to explicit markers is an operator (jsonb) or a mistake that the count shows
    explicit = styles - {"qmark"}
    if len(explicit) > 1:
        raise ValueError(f"the SQL mixes the placeholders {' and '.join(sorted(STYLES[s] for s in explicit))}")
    style = next(iter(explicit), None) or ("qmark" if styles else None)
    pieces: list[str] = []
    keys: list[Any] = []
    text = ""
    at = 0
    for match in TOKENS.finditer(sql):
        kind = _kind(match)
        text += sql[at : match.start()]
        at = match.end()
        if kind == "percent":
            text += "%"
        elif kind == "skip":
            # the drivers' rule: with parameters, a doubled percent sign means one, inside quotes too
            text += match[0].replace("%%", "%")
        elif kind == style:
            pieces.append(text)
            text = ""
            keys.append(match["named"] if kind == "named" else int(match["dollar"]) - 1 if kind == "dollar" else None)
        else:
            text += match[0]
    pieces.append(text + sql[at:])
    return _Parsed(pieces, keys, style)


def _kind(match: re.Match[str]) -> str:
    for name in ("skip", "percent", "format", "named", "dollar", "operator", "qmark"):
        if match[name] is not None:
            return name
    return "skip"


def count(sql: str) -> int:
    """How many positional values the placeholders of ``sql`` need; for named ones, how many names."""
    parsed = _parse(sql)
    if parsed.style == "named":
        return len(set(parsed.keys))
    if parsed.style == "dollar":
        return max(parsed.keys) + 1
    return len(parsed.keys)


def check(sql: str, params: Any) -> None:
    """Raises ``ValueError`` for empty SQL, for a comment that is left open (servers read those in quadratic time), and for
    parameters that do not match the placeholders.
    """
    if not isinstance(sql, str):
        raise TypeError(f"SQL is text, not {type(sql).__name__}")
    if not sql or not sql.strip():
        raise ValueError("the SQL is empty")
    if "/*" in sql and _leaves_comment_open(sql):
        raise ValueError("the SQL has a comment that is not closed: '/*' needs a '*/'")
    if params is None or not len(params):
        if params is not None and count(sql):
            raise ValueError(f"the SQL has {count(sql)} placeholders, but no parameters were given")
        return
    parsed = _parse(sql)
    if isinstance(params, Mapping):
        if parsed.style != "named":
            raise ValueError("a mapping of parameters needs placeholders of the form %(name)s")
        missing = sorted(set(parsed.keys) - set(params))
        if missing:
            raise ValueError(f"the parameters lack {', '.join(map(repr, missing))}")
        return
    if parsed.style == "named":
        raise ValueError("placeholders of the form %(name)s need a mapping of parameters")
    if isinstance(params, (str, bytes)):
        raise ValueError("parameters must be a list or a mapping, not text")
    needed = count(sql)
    if needed != len(params):
        raise ValueError(f"the SQL has {needed} placeholders, but {len(params)} parameters were given")


def _leaves_comment_open(sql: str) -> bool:
    tokens = (match[0] for match in TOKENS.finditer(sql))
    return any(token.startswith("/*") and not token.endswith("*/", 2) for token in tokens)


def translate(sql: str, params: Any, paramstyle: ParamStyle) -> tuple[str, list[object] | None]:
    """SQL and parameters as the driver of ``paramstyle`` takes them; parameters None means "none at all".

    Raises ``ValueError`` as :func:`check` does.
    """
    check(sql, params)
    if params is None or not len(params):
        return sql, None
    parsed = _parse(sql)
    pieces = parsed.pieces
    if paramstyle == "format":
        pieces = [piece.replace("%", "%%") for piece in pieces]
        text = "%s".join(pieces)
    else:
        text = "?".join(pieces)
    return text, _values(parsed, params)


def filled(sql: str, texts: Sequence[str]) -> str:
    """SQL for reading, with ``texts`` in the places of its placeholders. Never send it."""
    parsed = _parse(sql)
    pieces = [parsed.pieces[0]]
    for text, piece in zip(texts, parsed.pieces[1:], strict=True):
        pieces += [text, piece]
    return "".join(pieces)


def _values(parsed: _Parsed, params: Mapping[str, object] | Sequence[object]) -> list[object]:
    if isinstance(params, Mapping):
        return [params[key] for key in parsed.keys]
    if parsed.style == "dollar":
        return [params[key] for key in parsed.keys]
    return list(params)


NAME = r'(?:"(?P<quoted>(?:[^"]|"")+)"|(?P<bare>(?<!\w)[A-Za-z_]\w{0,200}))'
COMPARED = re.compile(NAME + r"\s{0,9}(?:=|<>|!=|<=|>=|<|>)\s{0,9}\Z")
ENDED = re.compile(r"\s{0,9}(?:\Z|[,);]|(?:AND|OR|WHERE|GROUP|ORDER|LIMIT|RETURNING)\b)", re.IGNORECASE)
LOOK_BACK = 240


@remembered(512)
def column_hints(sql: str, paramstyle: ParamStyle) -> tuple[str, ...]:
    """Per parameter of hand-written SQL in driver placeholders, the columns its value may belong to, for masking.

    In ``name = %s`` between AND, OR, commas and the like the value belongs to that column; any parameter may also
    belong to whatever the rest of the text names.
    """
    kind = "qmark" if paramstyle == "qmark" else "format"
    names: list[str] = []
    rest: list[str] = []
    end = 0
    for match in TOKENS.finditer(sql):
        if _kind(match) != kind:
            continue
        before = sql[end : match.start()]
        found = COMPARED.search(before, max(len(before) - LOOK_BACK, 0))
        if found is None or not ENDED.match(sql, match.end()):
            names.append("")
            rest.append(before)
        else:
            names.append(found["bare"] or found["quoted"])
            rest.append(before[: found.start()])
        end = match.end()
    said = "".join([*rest, sql[end:]])
    return tuple(f"{name} {said}" if name else said for name in names)
