"""The other of two modules whose models refer to each other."""

from __future__ import annotations

from before import Magazine
from typing_extensions import assert_type

import dorm


class Publisher(dorm.Model):
    name = dorm.CharField(max_length=10)
    flagship = dorm.ForeignKey(Magazine, on_delete=dorm.SET_NULL, null=True, related_name="flagship_of")


def titles(publisher: Publisher, magazine: Magazine) -> None:
    assert_type(publisher.flagship, Magazine | None)
    assert_type(magazine.publisher, Publisher)
    assert_type(magazine.flagship_of.first(), Publisher | None)
    publisher.flagship.title  # error
