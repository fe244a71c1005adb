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


@pytest.mark.parametrize(("to_field", "words"), [("nope", "is no column"), ("title", "unique"), (5, "is no column")])
def test_to_field_names_a_unique_column_of_the_target(to_field, words):
    declared("Target", title=dorm.CharField(max_length=9), code=dorm.CharField(max_length=9, unique=True))
    with refused(r"Wrong\.target", f"to_field={to_field!r}", words):
        declared(target=dorm.ForeignKey("Target", dorm.CASCADE, to_field=to_field)).target.target_field
    assert declared("Right", target=dorm.ForeignKey("Target", dorm.CASCADE, to_field="code")).target.target_field.unique


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
