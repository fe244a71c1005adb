"""A lazy reference by class name means the model of the own app, however late it is defined."""

from __future__ import annotations

import pytest

import dorm
from dorm.meta.registry import registry


@pytest.fixture(autouse=True)
def forget_models():
    before = registry.snapshot()
    yield
    registry.restore(before)


def model(name, app, **fields):
    meta = type("Meta", (), {"app_label": app})
    return type(name, (dorm.Model,), {"__module__": __name__, "Meta": meta, **fields})


def test_a_class_that_follows_in_the_own_app_wins_over_one_of_another_app():
    model("Ribbon", "elsewhere")
    gift = model(
        "Gift",
        "gifts",
        ribbon=dorm.ForeignKey("Ribbon", dorm.CASCADE),
        spare=dorm.ManyToManyField("Ribbon", related_name="spare_for"),
    )
    own = model("Ribbon", "gifts")
    assert gift._meta.get_field("ribbon").related_model is own
    assert gift._meta.get_field("spare").related_model is own


def test_a_class_that_came_before_in_the_own_app_wins_too():
    own = model("Ribbon", "gifts")
    model("Ribbon", "elsewhere")
    gift = model("Gift", "gifts", ribbon=dorm.ForeignKey("Ribbon", dorm.CASCADE))
    assert gift._meta.get_field("ribbon").related_model is own


def test_a_name_that_only_another_app_has_is_found_there():
    other = model("Ribbon", "elsewhere")
    gift = model("Gift", "gifts", ribbon=dorm.ForeignKey("Ribbon", dorm.CASCADE))
    assert gift._meta.get_field("ribbon").related_model is other


def test_a_name_that_two_other_apps_have_is_ambiguous():
    model("Ribbon", "elsewhere")
    model("Ribbon", "somewhere")
    gift = model("Gift", "gifts", ribbon=dorm.ForeignKey("Ribbon", dorm.CASCADE))
    with pytest.raises(dorm.ImproperlyConfigured, match=r"elsewhere\.Ribbon, somewhere\.Ribbon"):
        gift.objects.filter(ribbon__id=1)


def test_two_apps_may_have_the_same_pair_of_models():
    """The first app's reverse name is no clash for the second app, whose own class only comes after it is named."""
    pairs = []
    for app in ("first", "second"):
        book = model("Tome", app, tags=dorm.ManyToManyField("Earmark", related_name="tomes"))
        pairs.append((book, model("Earmark", app)))
    for book, tag in pairs:
        assert book._meta.get_field("tags").related_model is tag


def test_a_reverse_name_that_is_taken_in_another_app_is_reported_when_the_relation_is_used():
    """No own class came: the bare name means the other app's model, whose reverse name is taken."""
    model("Tome", "first", tags=dorm.ManyToManyField("Earmark", related_name="tomes"))
    model("Earmark", "first")
    tome = model("Tome", "second", tags=dorm.ManyToManyField("Earmark", related_name="tomes"))
    for _ in range(2):
        with pytest.raises(dorm.ImproperlyConfigured, match=r"second\.Tome\.tags and first\.Tome\.tags both appear"):
            tome.objects.filter(tags__id=1)
    own = model("Earmark", "second")
    assert tome._meta.get_field("tags").related_model is own
