"""``Model._meta``: names, fields, checks of the declaration."""

from __future__ import annotations

import itertools

import pytest

import dorm
from dorm import fields
from dorm.exceptions import FieldDoesNotExist, ImproperlyConfigured
from dorm.meta.app_labels import app_label_of
from dorm.meta.options import words_of

NUMBERS = itertools.count()


def model(*, bases: tuple[type, ...] = (), module: str = __name__, **members):
    meta = type("Meta", (), members.pop("meta", {}))
    name = f"Made{next(NUMBERS)}"
    return type(dorm.Model)(name, bases or (dorm.Model,), {"__module__": module, "Meta": meta, **members})


@pytest.mark.parametrize(
    ("module", "app"),
    [
        ("blog.models", "blog"),
        ("shop.payments.models", "shop.payments"),
        ("shop.payments.models.orders", "shop.payments"),
        ("library.extra", "library"),
        ("models", "models"),
        ("other", "other"),
    ],
)
def test_the_app_comes_from_the_module(module, app):
    assert app_label_of(module) == app


def test_default_names():
    made = model(module="shop.payments.models")
    name = made.__name__
    assert made._meta.label == f"shop.payments.{name}"
    assert made._meta.db_table == f"payments_{name.lower()}"
    assert made._meta.model_name == name.lower()
    assert words_of("BlogPost") == "blog post"
    assert words_of("HTTPServer") == "http server"


def test_a_long_default_table_name_is_shortened_and_a_given_one_refused():
    long = type(dorm.Model)("M" * 80, (dorm.Model,), {"__module__": __name__})
    assert len(long._meta.db_table) == 63
    with pytest.raises(ImproperlyConfigured, match="63"):
        model(meta={"db_table": "t" * 64})


def test_the_implicit_key_comes_first_and_honours_the_setting():
    made = model(name=dorm.CharField(max_length=3))
    assert [field.name for field in made._meta.fields] == ["id", "name"]
    assert isinstance(made._meta.pk, fields.BigAutoField)
    assert made._meta.pk.auto_created is True
    dorm.configure(DEFAULT_AUTO_FIELD="dorm.fields.AutoField")
    try:
        assert type(model()._meta.pk) is fields.AutoField
        for wrong in ("dorm.fields.Nothing", "dorm.fields.CharField", "dorm.fields.UUIDField", fields.IntegerField):
            dorm.configure(DEFAULT_AUTO_FIELD=wrong)
            with pytest.raises(ImproperlyConfigured, match=getattr(wrong, "__name__", wrong)):
                model()
    finally:
        dorm.configure(DEFAULT_AUTO_FIELD="dorm.fields.BigAutoField")


def test_fields_are_found_by_name_and_attname():
    target = model()
    made = model(
        owner=dorm.ForeignKey(target, dorm.CASCADE, related_name="owned"),
        tags=dorm.ManyToManyField(target, related_name="+"),
    )
    meta = made._meta
    assert meta.get_field("owner") is meta.get_field("owner_id") is made.owner
    assert [field.name for field in meta.fields] == ["id", "owner", "tags"]
    assert [field.name for field in meta.concrete_fields] == ["id", "owner"]
    assert [field.name for field in meta.many_to_many] == ["tags"]
    assert target._meta.get_field("owned").related_model is made
    with pytest.raises(FieldDoesNotExist, match="'owner'"):
        meta.get_field("ownr")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ((), ()),
        (("a", "b"), (("a", "b"),)),
        ([("a", "b"), ["b", "c"]], (("a", "b"), ("b", "c"))),
        (["a", "b"], (("a", "b"),)),
    ],
)
def test_unique_together_is_a_tuple_of_tuples(given, kept):
    numbers = {name: dorm.IntegerField() for name in "abc"}
    assert model(**numbers, meta={"unique_together": given})._meta.unique_together == kept


WRONG = [
    ({"orderings": ["id"]}, "orderings.*'ordering'"),
    ({"ordering": "name"}, "list"),
    ({"unique_together": "name"}, "unique_together"),
    ({"unique_together": [("name", "nope")]}, "nope"),
    ({"unique_together": [("name", "links")]}, "links"),
    ({"indexes": [dorm.Index(fields=["-nope"])]}, "nope"),
    ({"indexes": [dorm.Index(fields=["name"]), dorm.Index(fields=["-name"])]}, "two indexes"),
    ({"db_table": "a\x00b"}, "not a name"),
    ({"db_table": 5}, "text"),
]


@pytest.mark.parametrize(("meta", "said"), WRONG, ids=[str(meta) for meta, _ in WRONG])
def test_wrong_options_are_named(meta, said):
    with pytest.raises(ImproperlyConfigured, match=f"(?s){said}"):
        model(name=dorm.CharField(max_length=3), links=dorm.ManyToManyField("self", related_name="+"), meta=meta)


def test_ordering_by_an_unknown_name_is_an_error_at_every_use():
    made = model(title=dorm.CharField(max_length=3), meta={"ordering": ["-titel"]})
    for _ in range(2):
        with pytest.raises(ImproperlyConfigured, match="'title'"):
            _ = made._meta.names


def test_ordering_may_follow_relations_and_keys():
    target = model(name=dorm.CharField(max_length=3))
    made = model(
        target=dorm.ForeignKey(target, dorm.CASCADE, related_name="+"),
        meta={"ordering": ["target__name", "-pk", "?", "target_id"]},
    )
    assert "target" in made._meta.names


BAD_FIELDS = [
    ({"a": dorm.IntegerField(db_column="x"), "b": dorm.IntegerField(db_column="x")}, "column 'x'"),
    ({"a": dorm.IntegerField(primary_key=True), "b": dorm.IntegerField(primary_key=True)}, "several primary keys"),
    ({"id": dorm.IntegerField()}, "primary_key"),
    ({"number": dorm.AutoField()}, "primary_key=True"),
    ({"a": dorm.ForeignKey("self", dorm.CASCADE, related_name="+"), "a_id": dorm.IntegerField(db_column="x")}, "a_id"),
    ({"a": dorm.ForeignKey("self", dorm.CASCADE, related_name="two words")}, "related_name"),
    ({"a": dorm.ForeignKey("self", dorm.CASCADE, related_name="a__b")}, "__"),
    ({"a": dorm.ForeignKey("self", dorm.CASCADE, related_name="a" * 64)}, "63"),
    ({"a": dorm.ForeignKey("self", dorm.CASCADE, related_query_name="1a")}, "related_query_name"),
]


@pytest.mark.parametrize(("members", "said"), BAD_FIELDS, ids=[said for _, said in BAD_FIELDS])
def test_fields_that_cannot_be_are_named(members, said):
    with pytest.raises(ImproperlyConfigured, match=said):
        model(**{name: field.clone() for name, field in members.items()})


def test_indexes_and_constraints_of_an_abstract_parent_belong_to_each_child():
    class Base(dorm.Model):
        name = dorm.CharField(max_length=3)

        class Meta:
            abstract = True
            indexes = [dorm.Index(fields=["name"]), dorm.Index(fields=["-name"], name="%(app_label)s_%(class)s_down")]

    class One(Base):
        pass

    class Two(Base):
        pass

    assert [index.name for index in One._meta.indexes] == ["idx_one_name", "test_options_one_down"]
    assert [index.name for index in Two._meta.indexes] == ["idx_two_name", "test_options_two_down"]


def test_the_light_table_has_the_columns_and_their_types():
    target = model(code=dorm.UUIDField(primary_key=True))
    made = model(
        owner=dorm.ForeignKey(target, dorm.CASCADE, related_name="+"),
        name=dorm.CharField(max_length=3, db_column="Name$"),
    )
    table = made._meta.query_table
    assert [column.name for column in table.c] == ["id", "owner_id", "Name$"]
    assert table.c["owner_id"].type is target.code.sql_type()
    assert not table.foreign_keys
