"""What is declared wrongly is an ImproperlyConfigured that names the model and the culprit, whoever asks first."""

from __future__ import annotations

import pytest

import dorm
from dorm import F
from dorm.meta.registry import registry


@pytest.fixture(autouse=True)
def _no_traces():
    before = registry.snapshot()
    yield
    registry.restore(before)


def declared(name="Wrong", meta=None, **attributes):
    """A model made from what a test is about."""
    body = {"__module__": __name__, **attributes}
    if meta is not None:
        body["Meta"] = type("Meta", (), meta)
    return type(name, (dorm.Model,), body)


def refused(*words):
    return pytest.raises(dorm.ImproperlyConfigured, match=".*".join(words))


def test_a_target_that_never_comes_is_named_by_every_access():
    model = declared(
        gone=dorm.ForeignKey("Nowhere", dorm.CASCADE), maybe=dorm.ForeignKey("No", dorm.CASCADE, null=True)
    )
    row = model(gone_id=1)
    assert row.maybe is None
    for access in (
        lambda: row.gone,
        lambda: model(gone_id=None).gone,
        lambda: model(gone=row),
        lambda: setattr(row, "gone", row),
    ):
        with refused(r"Wrong\.gone", "'Nowhere'"):
            access()


@pytest.mark.parametrize(("to_field", "words"), [("nope", "is no column"), ("title", "unique")])
def test_to_field_names_a_unique_column_of_the_target(to_field, words):
    declared("Target", title=dorm.CharField(max_length=9), code=dorm.CharField(max_length=9, unique=True))
    with refused(r"Wrong\.target", f"to_field={to_field!r}", words):
        declared(target=dorm.ForeignKey("Target", dorm.CASCADE, to_field=to_field)).target.target_field
    assert declared("Right", target=dorm.ForeignKey("Target", dorm.CASCADE, to_field="code")).target.target_field.unique


@pytest.mark.parametrize("to_field", [5, 'code"; DROP', ""])
def test_what_is_no_name_is_refused_where_it_is_written(to_field):
    with refused("ForeignKey: to_field", repr(to_field), "is not a name"):
        dorm.ForeignKey("Target", dorm.CASCADE, to_field=to_field)


@pytest.mark.parametrize("term", [5, None, ("number",)])
def test_what_orders_nothing_is_refused_where_it_stands(term):
    with refused("Wrong: ordering takes names and expressions", repr(term).strip("()")):
        declared(meta={"ordering": [term]}, number=dorm.IntegerField())


@pytest.mark.parametrize("term", ["target__nope", "number__nope", "--number", "+number", "-", F("nope").desc()])
def test_an_order_that_leads_nowhere_is_refused_by_the_first_use(database, term):
    declared("Target")
    model = declared(
        meta={"ordering": [term]}, number=dorm.IntegerField(), target=dorm.ForeignKey("Target", dorm.CASCADE)
    )
    for _ in range(2):
        with refused("Wrong: ordering"):
            list(model.objects.all())


JUNK = [
    ({"indexes": ["number"]}, "indexes must be a list of Index objects"),
    ({"indexes": dorm.Index(fields=["number"])}, "indexes must be a list of Index objects"),
    ({"constraints": [5]}, "constraints must be a list of constraints"),
    ({"constraints": [dorm.Index(fields=["number"])]}, "constraints must be a list of constraints"),
    ({"unique_together": [5]}, r"unique_together must be .* not \[5\]"),
    ({"unique_together": [None]}, r"unique_together must be .* not \[None\]"),
    ({"app_label": 5}, "app_label must be text, not 5"),
    ({"db_table": ["t"]}, r"db_table must be text, not \['t'\]"),
    ({"default_manager_name": []}, r"default_manager_name must be text, not \[\]"),
]


@pytest.mark.parametrize(("meta", "words"), JUNK, ids=[words for _, words in JUNK])
def test_options_of_the_wrong_kind_are_named(meta, words):
    with refused("Wrong", words):
        declared(meta=meta, number=dorm.IntegerField())


@pytest.mark.parametrize("option", ["related_name", "related_query_name"])
def test_reverse_names_are_text(option):
    with refused(r"Wrong\.parent", f"{option} must be text, not 5"):
        declared(parent=dorm.ForeignKey("self", dorm.CASCADE, **{option: 5}))
    with refused(r"Wrong\.parent", "related_name must be text"):
        declared(parent=dorm.ManyToManyField("Wrong", related_name=True))


@pytest.mark.parametrize("junk", [5, "ab"])
def test_choices_are_pairs(junk):
    with pytest.raises(ValueError, match=f"choices must be pairs .* not {junk!r}"):
        dorm.CharField(max_length=3, choices=junk)


@pytest.mark.parametrize("junk", [None, len, [5], "len"])
def test_validators_are_functions(junk):
    with pytest.raises(TypeError, match="validators must be a list of functions"):
        dorm.CharField(max_length=3, validators=junk)


def test_columns_differ_by_more_than_case():
    with refused("Wrong: a and b both use", "'c' and 'C'", "db_column"):
        declared(a=dorm.IntegerField(db_column="c"), b=dorm.IntegerField(db_column="C"))
    with refused("Wrong: a and A both use", "db_column"):
        declared(a=dorm.IntegerField(), A=dorm.IntegerField())
    assert declared(a=dorm.IntegerField(), A=dorm.IntegerField(db_column="a_2"))._meta.get_field("A").column == "a_2"


@pytest.mark.parametrize("junk", [None, 5])
def test_a_field_is_asked_for_by_name(junk):
    model = declared(number=dorm.IntegerField())
    with pytest.raises(dorm.FieldDoesNotExist, match=f"Wrong has no field named {junk}.*number"):
        model._meta.get_field(junk)
    with pytest.raises(ValueError, match=f"update_fields names {junk}, .*number"):
        model(pk=1).save(update_fields=[junk])
