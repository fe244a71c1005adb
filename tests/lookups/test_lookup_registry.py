"""Lookups and transforms of one's own: registered, found along the classes of fields, and taken back."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

import dorm
from dorm import Lookup, Transform, register_lookup, unregister_lookup
from dorm.exceptions import FieldDoesNotExist, FieldError
from dorm.lookups import registry


class Shouted(dorm.CharField):
    """A field class of one's own."""


class Shelf(dorm.Model):
    label = dorm.CharField(max_length=20, null=True)
    loud = Shouted(max_length=20, default="")
    size = dorm.IntegerField(default=0)


class Jar(dorm.Model):
    name = dorm.CharField(max_length=20)
    shelf = dorm.ForeignKey(Shelf, on_delete=dorm.CASCADE, related_name="jars")


pytestmark = pytest.mark.models([Shelf, Jar])


class DividesBy(Lookup):
    """``size__divides_by=3``"""

    lookup_name = "divides_by"

    def build(self, scope, left, right):
        return left.sql.op("%")(right.sql(left.field)) == sa.literal_column("0")


class Doubled(Transform):
    """``size__doubled__gt=3``"""

    lookup_name = "doubled"
    function = "abs"

    def element(self, scope, arguments):
        return arguments[0].sql * sa.literal_column("2")


@pytest.fixture
def own():
    """Registers, and takes everything back."""
    done = []

    def register(field, lookup, name=None):
        field.register_lookup(lookup, name)
        done.append((field, name or lookup.lookup_name))

    yield register
    for field, name in done:
        registry.remove(field, name)


@pytest.fixture
def templates():
    names = []

    def register(name, *rest):
        register_lookup(name, *rest)
        names.append(name)

    yield register
    for name in names:
        unregister_lookup(name)


def sizes(**lookups):
    return sorted(Shelf.objects.filter(**lookups).values_list("size", flat=True))


def fill():
    Shelf.objects.bulk_create([Shelf(label=f"l{n}", size=n) for n in (1, 2, 3, 4, 6)])


@pytest.mark.parametrize("given", [DividesBy, DividesBy()], ids=["class", "object"])
def test_a_lookup_class_and_a_lookup_object_both_register(given, own, database):
    fill()
    own(dorm.IntegerField, given)
    assert sizes(size__divides_by=3) == [3, 6]
    assert sizes(size__divides_by=2) == [2, 4, 6]
    assert sorted(Shelf.objects.exclude(size__divides_by=2).values_list("size", flat=True)) == [1, 3]
    assert sizes(size__divides_by=dorm.F("size")) == [1, 2, 3, 4, 6]


def test_registration_works_as_a_decorator(database):
    try:

        @dorm.IntegerField.register_lookup
        class OneLess(Lookup):
            lookup_name = "one_less"

            def build(self, scope, left, right):
                return left.sql + sa.literal_column("1") == right.sql(left.field)

        fill()
        assert OneLess.lookup_name == "one_less"
        assert sizes(size__one_less=4) == [3]
    finally:
        registry.remove(dorm.IntegerField, "one_less")


def test_a_transform_takes_every_lookup_behind_it(own, database):
    fill()
    own(dorm.IntegerField, Doubled)
    assert sizes(size__doubled=4) == [2]
    assert sizes(size__doubled__gt=6) == [4, 6]
    assert sizes(size__doubled__in=[2, 12]) == [1, 6]
    assert sizes(size__doubled__doubled=4) == [1]
    assert sizes(size__doubled__isnull=True) == []
    assert list(Shelf.objects.order_by("-size__doubled").values_list("size__doubled", flat=True)) == [12, 8, 6, 4, 2]
    assert list(Shelf.objects.annotate(d=dorm.F("size__doubled")).filter(d=8).values_list("size", flat=True)) == [4]


def test_a_lookup_works_over_relations_and_below_not(own, database):
    fill()
    own(dorm.IntegerField, DividesBy)
    for shelf in Shelf.objects.all():
        Jar.objects.create(name=f"j{shelf.size}", shelf=shelf)
    assert sorted(Jar.objects.filter(shelf__size__divides_by=3).values_list("name", flat=True)) == ["j3", "j6"]
    assert sorted(Jar.objects.exclude(shelf__size__divides_by=2).values_list("name", flat=True)) == ["j1", "j3"]
    assert Shelf.objects.exclude(jars__shelf__size__divides_by=1).count() == 0


def test_a_lookup_belongs_to_a_class_and_those_below_it(own):
    class Marked(Lookup):
        lookup_name = "marked"

    own(Shouted, Marked)
    Shelf.objects.filter(loud__marked="x")
    with pytest.raises(FieldDoesNotExist, match="marked"):
        Shelf.objects.filter(label__marked="x")
    assert "marked" in Shouted.get_lookups()
    assert "marked" not in dorm.CharField.get_lookups()


def test_another_name_may_be_given(own, database):
    fill()
    own(dorm.IntegerField, DividesBy, "multiple_of")
    assert sizes(size__multiple_of=3) == [3, 6]
    with pytest.raises(FieldDoesNotExist):
        Shelf.objects.filter(size__divides_by=3)


def test_the_nearer_class_wins(own, database):
    class Never(Lookup):
        lookup_name = "exact"

        def build(self, scope, left, right):
            return sa.false()

    Shelf.objects.create(label="a", loud="a")
    own(Shouted, Never)
    assert Shelf.objects.filter(label="a").count() == 1
    assert Shelf.objects.filter(loud="a").count() == 0
    registry.remove(Shouted, "exact")
    assert Shelf.objects.filter(loud="a").count() == 1


def test_a_template_makes_a_lookup_for_every_field(templates, database):
    fill()
    templates("longer_than", "LENGTH({col}) > %s")
    templates("as_text", "CAST({col} AS TEXT) = %s", str)
    assert Shelf.objects.filter(label__longer_than=1).count() == 5
    assert Shelf.objects.filter(label__longer_than=2).count() == 0
    assert sizes(size__as_text=3) == [3]
    assert Jar.objects.filter(shelf__label__longer_than=1).count() == 0
    assert Shelf.objects.exclude(label__longer_than=1).count() == 0


def test_a_template_binds_its_value_and_keeps_percent_signs(templates, database):
    Shelf.objects.bulk_create([Shelf(label="100%"), Shelf(label="'; --"), Shelf(label=None)])
    templates("like", "{col} LIKE %s")
    templates("half", "({col} || '%') = %s")
    assert Shelf.objects.filter(label__like="100%").count() == 1
    assert Shelf.objects.filter(label__like="%").count() == 2
    assert Shelf.objects.filter(label__like="'; --").count() == 1
    assert Shelf.objects.filter(label__half="100%%").count() == 1


@pytest.mark.parametrize("template", ["{col} = 1", "x = %s", "{col} = %s OR %s", ""])
def test_a_template_without_its_marks_is_refused(template):
    with pytest.raises(ValueError, match="col"):
        register_lookup("broken", template)
    with pytest.raises(FieldDoesNotExist):
        Shelf.objects.filter(label__broken=1)


def test_a_registered_name_is_known_at_once_and_forgotten_at_once(templates, database):
    with pytest.raises(FieldDoesNotExist, match="twice_as_long"):
        Shelf.objects.filter(label__twice_as_long=1)
    templates("twice_as_long", "LENGTH({col}) = 2 * %s")
    Shelf.objects.create(label="ab")
    assert Shelf.objects.filter(label__twice_as_long=1).count() == 1
    unregister_lookup("twice_as_long")
    unregister_lookup("twice_as_long")
    with pytest.raises(FieldDoesNotExist, match="twice_as_long"):
        Shelf.objects.filter(label__twice_as_long=1)


def test_a_name_registered_again_means_the_new_thing(templates, database):
    fill()
    templates("versus", "{col} > %s")
    assert sizes(size__versus=3) == [4, 6]
    templates("versus", "{col} < %s")
    assert sizes(size__versus=3) == [1, 2]


def test_a_lookup_that_builds_nothing_says_so(own, database):
    class Unfinished(Lookup):
        lookup_name = "unfinished"

    own(dorm.IntegerField, Unfinished)
    with pytest.raises(NotImplementedError, match=r"Unfinished\.build"):
        list(Shelf.objects.filter(size__unfinished=1))


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("label__contians", ("contians", "contains", "Shelf")),
        ("size__gtt", ("gtt", "gt")),
        ("labell", ("labell", "label", "Shelf")),
        ("jars__nmae", ("nmae", "name", "jars__nmae")),
        ("label__size", ("size", "label__size")),
        ("size__year", ("year", "IntegerField")),
        ("pk__label", ("label",)),
    ],
)
def test_an_unknown_name_raises_where_it_is_written_and_names_the_nearest(name, parts, queries):
    with queries() as log:
        with pytest.raises(FieldError) as caught:
            Shelf.objects.filter(**{name: 1})
        with pytest.raises(FieldError):
            Shelf.objects.exclude(dorm.Q(**{name: 1}) | dorm.Q(size=1))
    assert log.count == 0
    assert all(part in str(caught.value) for part in parts), str(caught.value)
