"""What the lookups of documents accept on their right."""

from __future__ import annotations

import pytest

import dorm
from dorm import F


class Leaflet(dorm.Model):
    data = dorm.JSONField()


pytestmark = pytest.mark.models([Leaflet])


@pytest.mark.parametrize("value", [None, 1.5, True, ["a"], F("pk")])
def test_a_key_is_a_text(value, database):
    for lookup, given in (("json_has_key", value), ("json_has_any", [value]), ("json_has_all", ["a", value])):
        with pytest.raises(ValueError, match="needs the name of a key, not"):
            Leaflet.objects.filter(**{f"data__{lookup}": given})


def test_several_keys_are_a_list(database):
    Leaflet.objects.create(data={"ab": 1})
    assert Leaflet.objects.filter(data__json_has_any=["a", "ab"]).count() == 1
    assert Leaflet.objects.filter(data__json_has_any="ab").count() == 1
    with pytest.raises(ValueError, match="json_has_any"):
        Leaflet.objects.filter(data__json_has_any=None)
