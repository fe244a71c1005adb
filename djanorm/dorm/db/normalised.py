"""Hand-written SQL without what changes from call to call: two texts of the same query become equal.

Comments go, texts, numbers and placeholders become ``?``, white space and the case of bare words do not count, and
neither does the length of an ``IN`` list or the number of rows of ``VALUES``. The names of savepoints are values too.
"""

from __future__ import annotations

import re

from dorm.utils.caches import remembered
from dorm.utils.patterns import lazy_pattern

TOKEN = lazy_pattern(
    r"""
      (?P<gap>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<name>"(?:[^"]|"")*"|`[^`]*`)
    | (?P<value>
        [Ee]'(?:[^'\\]|''|\\.)*(?:'|\Z)                                     # text with escapes (PostgreSQL)
        |(?:[BbNnXx]|[Uu]&)?'(?:[^']|'')*(?:'|\Z)                           # text
        |\$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)               # text between dollars
        |\d[\w.]*(?:(?<=[eE])[+-]\d+)?|\.\d\w*                              # number
        |%\(\w+\)[sbt]|%[sbt]|\$\d+|\?\d*|:[A-Za-z_]\w*(?<!::))             # placeholder
    | (?P<word>[^\W\d][\w$]*)
    | (?P<double>::|%%|\|\||<>|!=|<=|>=|->>|->|:=)
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)
VALUE = "?"
SIGNED = lazy_pattern(r"(?<=[(,=<>]) [-+] \?")
MEMBERS = lazy_pattern(r"\bin \( \?(?: , \?)+ \)")
ROWS = lazy_pattern(r"(\( [^()]* \))(?: , \1)+")
SAVEPOINT = lazy_pattern(
    r'^((?:rollback (?:work |transaction )?to |release )?savepoint|rollback to|release) (?:"[^"]*"|\w+)$'
)


@remembered(512)
def normalised(sql: str) -> str:
    """``sql`` in a form that is equal for statements that differ only in their values.

    The text is for comparing and for reading; no database gets it. It holds no value of the statement.
    """
    words = []
    for token in TOKEN.finditer(sql):
        kind = token.lastgroup if token.lastgroup != "tag" else "value"
        text = token[0]
        if kind == "value":
            words.append(VALUE)
        elif kind == "word":
            words.append(text.lower())
        elif kind != "gap":
            words.append(text)
    while words and words[-1] == ";":
        words.pop()
    text = SIGNED.sub(" ?", " ".join(words))
    text = ROWS.sub(r"\1", MEMBERS.sub("in ( ? )", text))
    return SAVEPOINT.sub(rf"\1 {VALUE}", text)
