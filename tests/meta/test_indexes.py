"""``Index`` and constraints as values: names, comparison, serialising, misuse."""

from __future__ import annotations

import importlib
import pickle
import types

import pytest

import dorm
from dorm.constraints import CheckConstraint, Deferrable, ExclusionConstraint, UniqueConstraint
from dorm.exceptions import ImproperlyConfigured
from dorm.indexes import Index
from dorm.utils.identifiers import QuotedName

OBJECTS = [
    Index(fields=["a", "-b"]),
    Index(fields=["a"], name="n", unique=True),
    Index(fields=["a"], name="n", condition=dorm.Q(a__gt=1)),
    Index(fields=["a"], name="n", include=["b"], opclasses=["text_ops"], method="gin"),
    Index(dorm.Lower("a"), name="n"),
    UniqueConstraint(fields=["a"], name="n"),
    UniqueConstraint(fields=["a"], name="n", condition=dorm.Q(a__gt=1), violation_error_message="taken"),
    UniqueConstraint(fields=["a"], name="n", deferrable=Deferrable.IMMEDIATE),
    UniqueConstraint(dorm.Lower("a"), name="n"),
    CheckConstraint(condition=dorm.Q(a__gt=1), name="n", violation_error_code="small"),
    ExclusionConstraint(name="n", expressions=[("a", "=")], index_type="spgist"),
]


@pytest.mark.parametrize("made", OBJECTS, ids=repr)
def test_an_equal_object_is_built_from_the_parts(made):
    path, args, kwargs = made.deconstruct()
    module, _, name = path.rpartition(".")
    again = getattr(importlib.import_module(module), name)(*args, **kwargs)
    assert again == made
    assert hash(again) == hash(made)
    assert repr(again) == repr(made)
    assert made.clone() == made
    assert pickle.loads(pickle.dumps(made)) == made


def test_all_of_them_differ():
    for i, one in enumerate(OBJECTS):
        for other in OBJECTS[i + 1 :]:
            assert one != other


def test_automatic_names():
    assert Index(fields=["title", "-slug"]).get_name("Article") == "idx_article_title_slug"
    assert Index(fields=["title"], unique=True).get_name("Article") == "uniq_article_title"
    assert Index(["title"], "mine").get_name("Article") == "mine"
    long = Index(fields=["a" * 40, "b" * 40])
    assert len(long.get_name("Model")) == 63
    assert long.get_name("Model") != Index(fields=["a" * 40, "b" * 41]).get_name("Model")


def test_an_index_of_a_model_gets_its_name():
    options = types.SimpleNamespace(model_name="car", app_label="shop.cars", label="shop.cars.Car")
    assert Index(fields=["a"]).for_model(options).name == "idx_car_a"
    assert Index(fields=["a"], name="%(app_label)s_%(class)s_a").for_model(options).name == "cars_car_a"
    with pytest.raises(ImproperlyConfigured, match="%"):
        Index(fields=["a"], name="%(model)s_a").for_model(options)
    with pytest.raises(ImproperlyConfigured):
        Index(fields=["a"], name="no\x00name").for_model(options)
    with pytest.raises(ImproperlyConfigured, match="63"):
        Index(fields=["a"], name="n" * 64).for_model(options)
    assert Index(fields=["a"], name=QuotedName("a > 0")).for_model(options).name == "a > 0"


MISUSES = [
    (lambda: Index(fields=[]), ValueError),
    (Index, ValueError),
    (lambda: Index(fields="name"), ValueError),
    (lambda: Index(fields=[1]), ValueError),
    (lambda: Index(dorm.F("a"), fields=["a"], name="n"), ValueError),
    (lambda: Index(dorm.Lower("a")), ValueError),
    (lambda: Index(fields=["a"], condition=dorm.Q(a=1)), ValueError),
    (lambda: Index(fields=["a"], opclasses=["x", "y"], name="n"), ValueError),
    (lambda: UniqueConstraint(fields=["a"]), ValueError),
    (lambda: UniqueConstraint(name="n"), ValueError),
    (lambda: UniqueConstraint(fields=["a"], name="n", condition=5), ValueError),
    (lambda: UniqueConstraint(fields=["a"], name="n", deferrable=True), TypeError),
    (
        lambda: UniqueConstraint(fields=["a"], name="n", condition=dorm.Q(a=1), deferrable=Deferrable.DEFERRED),
        ValueError,
    ),
    (lambda: CheckConstraint(name="n"), TypeError),
    (lambda: CheckConstraint(condition="a > 1", name="n"), TypeError),
    (lambda: CheckConstraint(condition=dorm.Q(a=1), name=""), ValueError),
    (lambda: ExclusionConstraint(name="n", expressions=[]), ValueError),
]


@pytest.mark.parametrize(("build", "error"), MISUSES, ids=range(len(MISUSES)))
def test_misuse_is_refused(build, error):
    with pytest.raises(error):
        build()


def test_a_check_may_use_its_older_name():
    old = CheckConstraint(check=dorm.Q(a=1), name="n")
    assert old == CheckConstraint(condition=dorm.Q(a=1), name="n")
    assert old.check == dorm.Q(a=1)


def test_messages_name_the_constraint():
    assert "n" in UniqueConstraint(fields=["a"], name="n").get_violation_error_message()
    own = UniqueConstraint(fields=["a"], name="n", violation_error_message="%(name)s is taken")
    assert own.get_violation_error_message() == "n is taken"
