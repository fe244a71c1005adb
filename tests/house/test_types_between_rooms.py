"""What rooms hand each other has a type, and the types go down the layers as the imports do.

The numbers only fall. When yours is lower, write the lower one here; when it is higher, say what the value is: a model's
options are `Options`, a row is an `Instance`, what is only passed on is `object`.
"""

from __future__ import annotations

import ast
import tokenize

import pytest

from support.source import SourceFile, package_files, report

#: The most `Any` per thousand lines of the package.
ANY_PER_THOUSAND_LINES = 45
#: The most comments that silence a type checker.
IGNORES = 47
#: How far a number may fall before it must be written down here.
SLACK = 0.05

#: Modules that know each other by type, with the reason. A group may shrink or go; a new one, or a larger one, may not come.
CIRCLES = {
    frozenset({"dorm.constraints", "dorm.meta.options"}): (
        "options hold constraints, and the compiler that constraints ask for takes the options of their model"
    ),
    frozenset({"dorm.expressions.base", "dorm.expressions.ordering"}): (
        "every expression can order a query by itself, and such a term is an expression"
    ),
    frozenset({"dorm.fields.base", "dorm.fields.related", "dorm.fields.relations"}): (
        "what a field reads as depends on whether it is a relation, and all four checkers want that said in the base class"
    ),
}


def test_any_becomes_rarer():
    count = sum(_anys(file.tree) for file in package_files())
    lines = sum(len(file.text.splitlines()) for file in package_files())
    _check(1000 * count / lines, ANY_PER_THOUSAND_LINES, "`Any` per thousand lines", "ANY_PER_THOUSAND_LINES")


def test_silenced_checkers_become_rarer():
    found = [place for file in package_files() for place in _ignores(file)]
    _check(len(found), IGNORES, "lines that silence a type checker", "IGNORES", report(found))


def test_no_module_knows_itself_through_others():
    """Imports for type checkers count: a circle of types is a room that cannot be understood alone."""
    circles = [frozenset(circle) for circle in _circles(_imports()) if len(circle) > 1]
    found = [", ".join(sorted(circle)) for circle in circles if not any(circle <= known for known in CIRCLES)]
    assert not found, f"Modules that import each other, for type checkers at least:{report(found)}"
    gone = [", ".join(sorted(known)) for known in CIRCLES if known not in circles]
    assert not gone, f"No circle any more, or a smaller one: write that into CIRCLES.{report(gone)}"


@pytest.mark.parametrize(
    ("graph", "circles"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"a"}, "c": {"a"}}, [{"a", "b"}]),
        ({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": {"d"}}, [{"d", "e"}, {"a", "b", "c"}]),
    ],
)
def test_circles_are_found(graph, circles):
    assert [circle for circle in _circles(graph) if len(circle) > 1] == circles


def _check(number: float, most: float, what: str, constant: str, details: str = "") -> None:
    assert number <= most, f"{number:.1f} {what}; {most} was reached before.{details}"
    assert number >= most * (1 - SLACK) - 1, f"{number:.1f} {what}: lower {constant}, which is {most}."


def _anys(tree: ast.AST) -> int:
    return sum(isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(tree))


def _ignores(file: SourceFile) -> list[str]:
    with file.path.open("rb") as source:
        return [
            f"{file.name}:{token.start[0]}"
            for token in tokenize.tokenize(source.readline)
            if token.type == tokenize.COMMENT
            and any(
                mark in token.string for mark in ("type: ignore", "pyright: ignore", "ty: ignore", "pyrefly: ignore")
            )
        ]


def _imports() -> dict[str, set[str]]:
    """Each module of the package and those that it imports, at run time or under ``TYPE_CHECKING``."""
    modules = {file.module for file in package_files()}
    graph: dict[str, set[str]] = {}
    for file in package_files():
        named = graph[file.module] = set()
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Import):
                named.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    submodule = f"{node.module}.{alias.name}"
                    named.add(submodule if submodule in modules else node.module or "")
        named &= modules
        named.discard(file.module)
    return graph


def _circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """The strongly connected parts of a graph (Tarjan)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    open_nodes: list[str] = []
    found: list[set[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        open_nodes.append(node)
        for other in sorted(graph[node]):
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in open_nodes:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            start = open_nodes.index(node)
            found.append(set(open_nodes[start:]))
            del open_nodes[start:]

    for node in graph:
        if node not in order:
            visit(node)
    return found
