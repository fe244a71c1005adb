"""The only module that turns text into code: functions generated for one model, column type or compiled query.

What may enter the text
-----------------------

* lines and expressions written out in this package, and positions (``c3``, ``v[0]``);
* names that :meth:`FunctionText.keep` hands out for objects: the objects themselves stay outside the text;
* names from elsewhere (fields, annotations) where :func:`is_plain_name` accepts them, else as :func:`quoted` text.

No value of a row, no argument of a query and no ``repr`` of an object ever enters it.

Each function has its own file name, under which :mod:`linecache` holds its lines, so that a traceback, ``inspect``
and a debugger show them. The lines are dropped when the function is gone.
"""

from __future__ import annotations

import itertools
import keyword
import linecache
import unicodedata
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

#: An expression over ``{0}``, the raw value in a variable, and ``{name}`` for each object that it needs.
Template: TypeAlias = "tuple[str, Mapping[str, object]]"

_numbers = itertools.count(1)
_gone: deque[str] = deque()


class FunctionText:
    """A function being written: its lines, and the objects that they name.

    :param name: what the function is called.
    :param subject: what it does and for whom, for the file name in tracebacks: ``"rows of shop.Order"``.
    """

    __slots__ = ("lines", "name", "names", "subject")

    def __init__(self, name: str, subject: str) -> None:
        self.name = name
        self.subject = subject
        self.names: dict[str, object] = {}
        self.lines: list[str] = []

    def keep(self, value: object, prefix: str) -> str:
        """A name for an object that the function needs."""
        name = f"{prefix}{len(self.names)}"
        self.names[name] = value
        return name

    def expression(self, template: Template, raw: str) -> str:
        """The text of a template about the variable ``raw``, its objects kept."""
        text, needed = template
        kept = {name: self.keep(value, f"{name}_") for name, value in needed.items() if f"{{{name}}}" in text}
        return text.format(raw, **kept)

    def define(self, *parameters: str, fast_names: bool = False) -> Callable[..., Any]:
        """The compiled function.

        :param parameters: its parameters as Python writes them.
        :param fast_names: make the kept objects defaults of further parameters: local variables, which are read faster
            than global ones. For functions that are called by position only.
        """
        if fast_names:
            parameters = (*parameters, *(f"{name}={name}" for name in self.names))
        head = f"def {self.name}({', '.join(parameters)}):\n    "
        return define(self.name, head + "\n    ".join(self.lines) + "\n", self.names, self.subject)


def define(name: str, text: str, names: Mapping[str, object], subject: str) -> Callable[..., Any]:
    """The function ``name`` that ``text`` defines, with ``names`` as its global ones."""
    while _gone:
        linecache.cache.pop(_gone.popleft(), None)
    file = f"<dorm {next(_numbers)}: {subject}>"
    space: dict[str, Any] = {**names, "__name__": __name__}
    exec(compile(text, file, "exec"), space)  # noqa: S102  (the text is made as this module says)
    function = space.pop(name)
    # without a time of change the entry is never compared with a file
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    # a frame of a traceback keeps the code, though the function may be gone. The collector may call this at any moment,
    # also during an iteration over the cache, so the entry is removed later
    weakref.finalize(function.__code__, _gone.append, file)
    made: Callable[..., Any] = function
    return made


def decoder_of(template: Template, subject: str) -> Callable[[object], object]:
    """A function of one raw value, None-safe, from a template."""
    text = FunctionText("decode", subject)
    text.lines.append(f"return None if v is None else ({text.expression(template, 'v')})")
    return text.define("v")


def is_plain_name(text: str) -> bool:
    """Whether a name can stand in the text as it is: an identifier that Python reads back as the same name."""
    return (
        text.isidentifier()
        and not keyword.iskeyword(text)
        and text != "__debug__"
        and (text.isascii() or unicodedata.normalize("NFKC", text) == text)
    )


def quoted(text: str) -> str:
    """The literal of a text, also where a subclass of ``str`` shows itself in another way."""
    return str.__repr__(text)
