"""Functions that are made from text show their lines in tracebacks, and leave nothing behind when they are gone."""

from __future__ import annotations

import enum
import gc
import inspect
import linecache
import traceback

import pytest

import dorm
from dorm.fields.types import DecimalType
from dorm.query.run.plan_cache import plans
from dorm.utils.codegen import FunctionText, decoder_of, is_plain_name, quoted


class Broken(Exception):
    pass


class Fragile(dorm.IntegerField):
    def from_db_value(self, value, expression, connection):
        if value == 13:
            raise Broken
        return value

    def get_prep_value(self, value):
        if value == 14:
            raise Broken
        return value


class Picky(dorm.IntegerField):
    def to_python(self, value):
        if value == 13.0 and isinstance(value, float):
            raise Broken
        return super().to_python(value)


class Thing(dorm.Model):
    fragile = Fragile(default=0)
    picky = Picky(default=0)


pytestmark = pytest.mark.models([Thing])


def lines_of(problem: BaseException) -> list[str]:
    """The lines that a traceback shows of generated functions."""
    frames = traceback.extract_tb(problem.__traceback__)
    return [frame.line or "" for frame in frames if frame.filename.startswith("<dorm ")]


def entries() -> list[str]:
    return [name for name in linecache.cache if name.startswith("<dorm ")]


async def test_a_traceback_shows_the_line_that_loads_a_row(database, mode):
    await mode.call(Thing.objects, "create", fragile=13)
    with pytest.raises(Broken) as caught:
        await mode.fetch(Thing.objects.all())
    (line,) = lines_of(caught.value)
    assert line.startswith("o.fragile = from_db_value")
    assert "rows of test_generated_code.Thing" in "".join(traceback.format_tb(caught.value.__traceback__))


def test_a_traceback_shows_the_line_of_the_constructor():
    with pytest.raises(Broken) as caught:
        Thing(picky=13.0)
    assert [line.partition(" if ")[0] for line in lines_of(caught.value)] == ["picky = default2_"]
    assert "constructor of test_generated_code.Thing" in traceback.format_tb(caught.value.__traceback__)[-3]


async def test_a_traceback_shows_the_line_that_binds_parameters(database, mode):
    with pytest.raises(Broken) as caught:
        await mode.call(Thing.objects, "create", fragile=14)
    assert [line.partition("(v[")[0] for line in lines_of(caught.value)] == ["return (process0"]
    with pytest.raises(Broken) as caught:
        await mode.call(Thing.objects, "bulk_create", [Thing(fragile=14), Thing(fragile=15)])
    if database.vendor == "sqlite":  # PostgreSQL gets one array per column, which no generated function makes
        assert {line.partition(" in rows")[0] for line in lines_of(caught.value)} == {"return [x for c0, c1, "}


def test_the_source_of_a_generated_function_can_be_inspected():
    double = FunctionText("double", "a test")
    double.lines.append(f"return {double.keep(2, 'factor')} * value")
    function = double.define("value", fast_names=True)
    assert function(4) == 8
    assert inspect.getsource(function) == "def double(value, factor0=factor0):\n    return factor0 * value\n"
    linecache.checkcache()
    assert inspect.getsource(function) == "def double(value, factor0=factor0):\n    return factor0 * value\n"


def test_the_lines_go_with_the_function(database):
    def query() -> None:
        plans.clear()
        list(Thing.objects.filter(picky__gte=1))

    query()
    gc.collect()
    query()
    before = len(entries())
    for _ in range(50):
        query()
    gc.collect()
    decoder_of(("{0}", {}), "a test")
    assert len(entries()) <= before + 2


def test_a_traceback_that_is_kept_still_shows_its_lines():
    text = FunctionText("fail", "a test")
    text.lines.append("raise problem()")
    function = text.define("problem")
    try:
        function(Broken)
    except Broken as problem:
        caught = problem
    del function, text
    gc.collect()
    decoder_of(("{0}", {}), "a test")
    assert lines_of(caught) == ["raise problem()"]


def test_the_objects_of_two_templates_do_not_meet():
    template = DecimalType(dorm.DecimalField(max_digits=4, decimal_places=1).plain_type(), 1, 4).decoder(
        _Features(native_decimal=False)
    )
    other = DecimalType(dorm.DecimalField(max_digits=4, decimal_places=3).plain_type(), 3, 4).decoder(
        _Features(native_decimal=False)
    )
    text = FunctionText("both", "a test")
    text.lines.append(f"return {text.expression(template, 'a')}, {text.expression(other, 'b')}")
    assert list(map(str, text.define("a", "b")(1.5, 2.25))) == ["1.5", "2.250"]


class _Features:
    def __init__(self, **features):
        self.__dict__.update(features)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("name", True),
        ("größe", True),
        ("class", False),
        ("a b", False),
        ("__debug__", False),
        ("ﬁn", False),
        ("", False),
    ],
)
def test_names_that_python_would_read_otherwise_are_not_written_plainly(name, plain):
    assert is_plain_name(name) is plain


class Names(enum.StrEnum):
    TWICE = "twice"


class Loud(str):
    __slots__ = ()

    def __str__(self):
        return "raise SystemExit"

    __repr__ = __format__ = __str__  # type: ignore[assignment]


@pytest.mark.parametrize("name", [Names.TWICE, Loud("twice")])
async def test_a_name_that_shows_itself_in_another_way_stays_a_name(database, mode, name):
    await mode.call(Thing.objects, "create", picky=2)
    rows = Thing.objects.annotate(**{name: dorm.F("picky") * 2})
    assert [row.twice for row in await mode.fetch(rows)] == [4]
    assert await mode.fetch(rows.values(name)) == [{"twice": 4}]
    assert await mode.fetch(rows.values_list(name, flat=True)) == [4]
    assert quoted(name) == "'twice'"
