"""Equality, hashes, texts, pickles and copies of instances."""

from __future__ import annotations

import copy
import pickle

import pytest

import dorm

pytestmark = pytest.mark.models()


class Person(dorm.Model):
    name = dorm.CharField(max_length=20)
    best = dorm.ForeignKey("self", dorm.SET_NULL, null=True)


class Admin(Person):
    class Meta:
        proxy = True


class Other(dorm.Model):
    name = dorm.CharField(max_length=20)


def local_model():
    class Hidden(dorm.Model):
        name = dorm.CharField(max_length=20)

    return Hidden


def test_the_same_key_of_the_same_model_is_the_same_thing():
    assert Person(id=1, name="a") == Person(id=1, name="b")
    assert Person(id=1) != Person(id=2)
    assert Person(id=1) != Other(id=1)
    assert Person(id=1) == Admin(id=1)
    assert Person(id=1) != 1
    assert hash(Person(id=1)) == hash(Admin(id=1))
    assert 2 == len({Person(id=1), Person(id=1), Person(id=2)})


def test_an_unsaved_instance_equals_only_itself_and_has_no_hash():
    person = Person()
    assert person == person  # noqa: PLR0124
    assert person != Person()
    with pytest.raises(TypeError, match="Person"):
        hash(person)


def test_texts_show_the_key():
    assert "<Person: pk=3>" == repr(Person(id=3)) == str(Person(id=3))
    assert "<Person: pk=None>" == repr(Person())


def test_pk_reads_and_writes_the_key():
    person = Person(id=1)
    person.pk = 2
    assert (2, 2) == (person.id, person.pk)


@pytest.mark.parametrize("twin_of", [lambda x: pickle.loads(pickle.dumps(x)), copy.copy, copy.deepcopy])
def test_pickles_and_copies_are_independent(twin_of):
    person = Person(id=1, name="a", best=Person(id=2, name="b"))
    twin = twin_of(person)
    assert (person, "a", "b") == (twin, twin.name, twin.best.name)
    twin.name = "changed"
    twin._state.adding = False
    assert ("a", True) == (person.name, person._state.adding)


def test_models_and_errors_made_inside_functions_can_be_pickled():
    model = local_model()
    assert "x" == pickle.loads(pickle.dumps(model(id=1, name="x"))).name
    assert pickle.loads(pickle.dumps(model)) is model
    error = pickle.loads(pickle.dumps(model.DoesNotExist("gone")))
    assert (model.DoesNotExist, ("gone",)) == (type(error), error.args)


def test_errors_of_models_can_be_pickled():
    for kind in (Person.DoesNotExist, Person.MultipleObjectsReturned):
        again = pickle.loads(pickle.dumps(kind("text")))
        assert (kind, "text") == (type(again), str(again))


def test_a_new_instance_knows_that_it_is_new():
    assert (True, None) == (Person()._state.adding, Person()._state.db)
