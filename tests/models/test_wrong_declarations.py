"""What is declared wrongly is an ImproperlyConfigured that names the model and the culprit, whoever asks first."""

from __future__ import annotations

import pytest

import dorm


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
