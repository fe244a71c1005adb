"""Django 5.2's ``get_choices()``, instances that describe themselves, managers that compare."""

from __future__ import annotations

import pytest

import dorm
from behaviour.bookshop import Author
from dorm import CharField, Q

BLANK = ("", "---------")


class Hall(dorm.Model):
    name = dorm.CharField(max_length=20)
    code = dorm.CharField(max_length=5, unique=True)

    def __str__(self):
        return self.name

    class Meta:
        ordering = ["name"]


class Show(dorm.Model):
    title = dorm.CharField(max_length=20)
    hall = dorm.ForeignKey(Hall, dorm.CASCADE, null=True, limit_choices_to=lambda: {"name__lt": "c"})
    code = dorm.ForeignKey(Hall, dorm.CASCADE, null=True, to_field="code", related_name="coded")
    halls = dorm.ManyToManyField(Hall, related_name="shows", limit_choices_to=Q(name="b"))

    def __str__(self):
        return f"{self.title} in {self.hall.name}"


pytestmark = pytest.mark.models([Hall, Show])


@pytest.fixture
def halls(database):
    made = [Hall.objects.create(name=name, code=name * 2) for name in ("c", "b", "a")]
    for hall in made:
        Show.objects.create(title=f"by {hall.name}", hall=hall)
    return made


def choices_of(field, **options):
    """Choices are for forms, which ask synchronously."""
    return field.get_choices(**options)


def test_choices_of_a_plain_field():
    pairs = [("a", "A"), ("Group", [("b", "B")])]
    field = CharField(choices=pairs)
    assert field.get_choices() == [BLANK, *pairs]
    assert field.get_choices(include_blank=False) == pairs
    assert field.get_choices(blank_choice=[("", "none")])[0] == ("", "none")
    for own in ([("", "nothing"), ("a", "A")], [("Group", [(None, "nothing")])]):
        assert CharField(choices=own).get_choices() == own
    assert CharField(choices=[]).get_choices(include_blank=False) == []


def test_choices_of_a_function_are_asked_when_they_are_read():
    known = [("a", "A")]
    field = CharField(choices=lambda: known)
    assert list(field.choices) == [("a", "A")]
    known.append(("b", "B"))
    assert (field.choices[-1], len(field.choices), field.choices[:1]) == (("b", "B"), 2, [("a", "A")])
    assert field.choices == [("a", "A"), ("b", "B")]
    assert field.flatchoices == [("a", "A"), ("b", "B")]
    assert field.get_choices() == [BLANK, ("a", "A"), ("b", "B")]
    field.clean("b")
    with pytest.raises(dorm.ValidationError):
        field.clean("c")


def test_rows_that_a_relation_may_refer_to(halls):
    c, b, a = halls
    hall, code, many = (Show._meta.get_field(name) for name in ("hall", "code", "halls"))
    assert choices_of(hall) == [BLANK, (a.pk, "a"), (b.pk, "b")]
    assert choices_of(hall, include_blank=False, limit_choices_to={}) == [(a.pk, "a"), (b.pk, "b"), (c.pk, "c")]
    assert choices_of(hall, include_blank=False, ordering=("-name",)) == [(b.pk, "b"), (a.pk, "a")]
    assert choices_of(code, include_blank=False) == [("aa", "a"), ("bb", "b"), ("cc", "c")]
    assert choices_of(many, include_blank=False) == [(b.pk, "b")]
    assert hall.get_limit_choices_to() == {"name__lt": "c"}


def test_rows_that_may_refer_to_a_model(halls):
    relation = Show._meta.get_field("hall").remote_field
    found = choices_of(relation, include_blank=False, limit_choices_to={"title__contains": "a"}, ordering=("-title",))
    assert found == [(3, "by a in a")]
    assert [key for key, _ in choices_of(relation, limit_choices_to={}, ordering=("-pk",))] == ["", 3, 2, 1]


async def test_a_repr_is_the_text_of_the_instance_and_costs_nothing(halls, mode, queries):
    show = await mode.call(Show.objects.select_related("hall"), "get", title="by a")
    bare = await mode.call(Show.objects, "get", title="by a")
    lacking = await mode.call(Hall.objects.only("code"), "get", code="aa")
    with queries() as log:
        assert repr(show) == "<Show: by a in a>"
        assert repr(bare) == "<Show: pk=3>"
        assert repr(lacking) == "<Hall: pk=3>"
        assert repr(Author(pk=4)) == str(Author(pk=4)) == "<Author: pk=4>"
    assert log.count == 0
    assert repr([Hall(name="x")]) == "[<Hall: x>]"


def test_managers_of_one_model_are_equal(halls):
    assert Hall.objects == Hall.objects
    assert Hall.objects == Hall._default_manager
    assert hash(Hall.objects) == hash(Hall.objects)
    assert Hall.objects != Show.objects
    assert Hall.objects != Hall.objects.db_manager("default")
    assert Hall.objects.all() != Hall.objects.all()
    c, b, _ = halls
    assert c.show_set == Hall.objects.get(pk=c.pk).show_set
    assert c.show_set != b.show_set
    assert c.shows != c.show_set


async def test_an_instance_without_key_has_no_related_rows(halls, mode):
    hall, show = Hall(name="x", code="xx"), Show(title="x")
    for unsaved, accessor in ((hall, "show_set"), (hall, "coded"), (hall, "shows"), (show, "halls")):
        with pytest.raises(ValueError, match="needs to have a primary key value"):
            getattr(unsaved, accessor)
    await mode.call(hall, "save")
    assert await mode.call(hall.coded, "count") == 0


def test_through_fields_stay_as_they_were_given():
    field = dorm.ManyToManyField("Hall", through="Show", through_fields=["code", "hall"])
    assert field.remote_field.through_fields == ["code", "hall"]


async def test_emptiness_is_a_type(halls, mode):
    assert isinstance(Hall.objects.none(), dorm.EmptyQuerySet)
    assert isinstance(Hall.objects.values("pk").none(), dorm.EmptyQuerySet)
    assert not isinstance(Hall.objects.filter(name="nobody"), dorm.EmptyQuerySet)
    with pytest.raises(TypeError):
        dorm.EmptyQuerySet()
