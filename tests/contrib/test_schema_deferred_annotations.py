# no `from __future__ import annotations` here: deferred annotations are what is tested
"""Class bodies whose annotations Python 3.14 leaves unevaluated; before, the same bodies name nothing later."""

import sys

import pytest

import dorm

pytest.importorskip("pydantic")

from dorm.contrib.pydantic import DormSchema
from dorm.contrib.pydantic.annotations import add_annotations, annotated_names


class Hut(dorm.Model):
    name = dorm.CharField(max_length=20)
    rooms = dorm.IntegerField(default=1)


class HutOut(DormSchema):
    extra: int = 2
    rooms: str = "many"

    class Meta:
        model = Hut


def test_plain_annotations_are_honoured():
    assert list(HutOut.model_fields) == ["id", "name", "rooms", "extra"]
    assert HutOut(name="a").model_dump() == {"id": None, "name": "a", "rooms": "many", "extra": 2}


def test_annotations_are_put_before_those_of_the_body():
    body = {"__annotations__": {"b": str}}
    add_annotations(body, {"a": int, "b": int})
    assert body["__annotations__"] == {"a": int, "b": str}
    assert annotated_names(body) == {"a", "b"}
    empty = {}
    add_annotations(empty, {"a": int})
    assert annotated_names(empty) == {"a"}


@pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations are evaluated at once")
def test_annotations_may_name_what_is_defined_later():
    source = """
class Early(DormSchema):
    later: Later | None = None

    class Meta:
        model = Hut
        fields = ("name",)

class Later(DormSchema):
    y: int
"""
    scope = {"DormSchema": DormSchema, "Hut": Hut, "__name__": __name__}
    exec(compile(source, "<early>", "exec", dont_inherit=True), scope)
    early = scope["Early"]
    early.model_rebuild(_types_namespace=scope)
    assert list(early.model_fields) == ["name", "later"]
    assert early(name="a", later={"y": 1}).later.y == 1
