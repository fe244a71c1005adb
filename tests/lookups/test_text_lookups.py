"""Text lookups mean what Python means, wildcards and case included, on both databases."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dorm
from dorm import F, Value
from dorm.functions import Concat, Lower


class Line(dorm.Model):
    text = dorm.CharField(max_length=40, null=True)
    other = dorm.CharField(max_length=40, null=True)
    number = dorm.IntegerField(default=0)


pytestmark = pytest.mark.models([Line])

TIMES = int(os.environ.get("DORM_TEST_EXAMPLES", "1"))
some = settings(max_examples=40 * TIMES, deadline=None, suppress_health_check=list(HealthCheck), database=None)

MEANINGS: dict[str, Callable[[str, str], bool]] = {
    "exact": lambda text, part: text == part,
    "iexact": lambda text, part: text.lower() == part.lower(),
    "contains": lambda text, part: part in text,
    "icontains": lambda text, part: part.lower() in text.lower(),
    "startswith": lambda text, part: text.startswith(part),
    "istartswith": lambda text, part: text.lower().startswith(part.lower()),
    "endswith": lambda text, part: text.endswith(part),
    "iendswith": lambda text, part: text.lower().endswith(part.lower()),
}
texts = st.text(st.sampled_from("aAbäÄéÉжЖ%_\\'\" 1*?[].^$"), max_size=4)


@pytest.mark.parametrize("lookup", MEANINGS)
def test_a_text_lookup_means_what_python_means(lookup, database):
    alphabet = "aAbäÄéÉжЖ%_\\'\" 1*?[].^$"
    stored = ["", *alphabet, *(a + b for a in alphabet for b in "aÄ%_\\"), "aÄ%_\\", "%%", "__", "\\\\", "\\%", "\\_"]
    Line.objects.bulk_create([Line(text=text) for text in stored] + [Line(text=None)])
    means = MEANINGS[lookup]

    @some
    @given(part=texts)
    def check(part: str) -> None:
        found = sorted(Line.objects.filter(**{f"text__{lookup}": part}).values_list("text", flat=True))
        assert found == sorted(text for text in stored if means(text, part))
        assert Line.objects.exclude(**{f"text__{lookup}": part}).count() == len(stored) + 1 - len(found)

    for part in ("", "%", "_", "\\", "\\%", "a%", "Ä", "%_"):
        check.hypothesis.inner_test(part)
    check()


@pytest.mark.parametrize("lookup", MEANINGS)
def test_null_matches_no_text_at_all(lookup, database):
    Line.objects.create(text=None)
    for part in ("", "a"):
        assert Line.objects.filter(**{f"text__{lookup}": part}).count() == 0
        assert Line.objects.exclude(**{f"text__{lookup}": part}).count() == 1


PAIRS = [
    ("axb", "a%b"),
    ("axb", "a_b"),
    ("a%b", "a%b"),
    ("xa%bx", "a%b"),
    ("a\\b", "\\"),
    ("ab", "a\\b"),
    ("Äb", "ä"),
    ("a", None),
    (None, "a"),
    ("a", ""),
]


@pytest.mark.parametrize("lookup", MEANINGS)
@pytest.mark.parametrize(
    "right", [F("other"), Concat("other", Value("")), Lower(Value("A%"))], ids=["F", "Concat", "Lower"]
)
def test_wildcards_of_another_column_mean_themselves_too(lookup, right, database):
    Line.objects.bulk_create([Line(text=text, other=other) for text, other in PAIRS])
    means = MEANINGS[lookup]

    def other(line: tuple[str | None, str | None]) -> str | None:
        if isinstance(right, Lower):
            return "a%"
        return (line[1] or "") if isinstance(right, Concat) else line[1]

    wanted = [
        line for line in PAIRS if line[0] is not None and (part := other(line)) is not None and means(line[0], part)
    ]  # fmt: skip
    rows = Line.objects.filter(**{f"text__{lookup}": right}).order_by("pk")
    assert list(rows.values_list("text", "other")) == wanted


def test_text_lookups_read_other_types_as_text(database):
    Line.objects.bulk_create([Line(number=n) for n in (15, 150, -15, 7)])
    assert sorted(Line.objects.filter(number__contains="15").values_list("number", flat=True)) == [-15, 15, 150]
    assert sorted(Line.objects.filter(number__startswith=15).values_list("number", flat=True)) == [15, 150]
    assert sorted(Line.objects.filter(number__endswith="5").values_list("number", flat=True)) == [-15, 15]
    assert sorted(Line.objects.filter(number__regex="^-").values_list("number", flat=True)) == [-15]


def test_regular_expressions_find_anywhere_and_mind_the_case(database):
    Line.objects.bulk_create([Line(text=text) for text in ("Ada 1", "ada", "b%", None)])
    assert list(Line.objects.filter(text__regex="[Aa]d").order_by("pk").values_list("text", flat=True)) == [
        "Ada 1",
        "ada",
    ]
    assert list(Line.objects.filter(text__regex="^a").values_list("text", flat=True)) == ["ada"]
    assert list(Line.objects.filter(text__iregex="^ADA$").values_list("text", flat=True)) == ["ada"]
    assert list(Line.objects.filter(text__regex=r"\d$").values_list("text", flat=True)) == ["Ada 1"]
    assert Line.objects.exclude(text__regex="a").count() == 2


def test_long_values_of_a_list_are_compared_whole(database):
    """A list is no place to cut a value to the length of its column."""
    Line.objects.create(text="x" * 40)
    assert Line.objects.filter(text__in=["x" * 41]).count() == 0
    assert Line.objects.filter(text="x" * 41).count() == 0
    assert Line.objects.filter(text__in=["x" * 40]).count() == 1
    assert Line.objects.exclude(text__in=["x" * 41]).count() == 1


@pytest.mark.parametrize(
    "value", ["", "'", '"', "\\", "a,b", "{a}", "NULL", "null", "[1]", "ä🜁", "\n\t", "%", "1", "true"]
)
def test_a_list_holds_any_text(value, database):
    Line.objects.bulk_create([Line(text=value), Line(text="zz"), Line(text=None)])
    assert list(Line.objects.filter(text__in=[value]).values_list("text", flat=True)) == [value]
    assert list(Line.objects.filter(text__in=[value, "other"]).values_list("text", flat=True)) == [value]
    assert Line.objects.exclude(text__in=[value]).count() == 2
