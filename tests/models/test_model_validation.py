"""`full_clean()` and its parts."""

from __future__ import annotations

import pytest

import dorm
from dorm import F
from dorm.validators import MinLengthValidator


class Place(dorm.Model):
    name = dorm.CharField(max_length=8, validators=[MinLengthValidator(2)])
    code = dorm.CharField(max_length=8, unique=True, null=True, blank=True)
    row = dorm.IntegerField(default=0)
    seat = dorm.IntegerField(default=0)
    floor = dorm.IntegerField(default=0)
    made = dorm.DateTimeField(auto_now_add=True)

    class Meta:
        unique_together = [("row", "seat")]
        constraints = [dorm.UniqueConstraint(fields=["floor", "name"], name="one_name_per_floor")]

    def clean(self):
        if self.name == "bad":
            raise dorm.ValidationError("bad places are refused", code="bad")
        if self.name == "worse":
            raise dorm.ValidationError({"name": "worse still"})


pytestmark = pytest.mark.models.with_args(Place)


async def problems(mode, place, verb="full_clean", **kwargs):
    with pytest.raises(dorm.ValidationError) as caught:
        await mode.call(place, verb, **kwargs)
    return caught.value


async def test_a_valid_instance_passes_and_values_are_converted(database, mode):
    place = Place(name="ok")
    place.__dict__["row"] = "5"
    assert await mode.call(place, "full_clean") is None
    assert 5 == place.row


async def test_every_phase_reports_into_one_error(database, mode):
    await mode.call(Place.objects, "create", name="taken", code="x", row=1, seat=1, floor=1)
    error = await problems(mode, Place(name="", code="x", row=1, seat=1, floor=2))
    assert {"name", "code", "__all__"} == set(error.message)
    error = await problems(mode, Place(name="bad", code="x", floor=5, seat=5))
    assert {"code", "__all__"} == set(error.message)
    assert ["bad places are refused"] == error.message_dict["__all__"]


async def test_a_field_that_failed_is_left_out_of_the_uniqueness_check(database, mode, queries):
    await mode.call(Place.objects, "create", name="taken", code="x")
    error = await problems(mode, Place(name="worse", code="waytoolongcode", row=9))
    assert {"name", "code"} == set(error.message)


async def test_constraints_of_meta_count_as_unique_sets(database, mode):
    await mode.call(Place.objects, "create", name="hall", floor=1)
    error = await problems(mode, Place(name="hall", floor=1, seat=3), "validate_unique")
    assert ["__all__"] == list(error.message)
    assert "Floor" in error.messages[0] and "Name" in error.messages[0]


async def test_uniqueness_costs_one_query_without_a_clash(database, mode, queries):
    place = await mode.call(Place.objects, "create", name="ok", code="x")
    with queries() as log:
        await mode.call(place, "validate_unique")
        await mode.call(Place(name="other", code="y", row=1, floor=1), "validate_unique")
        await mode.call(Place(name="other", code=None, row=None, floor=None), "validate_unique")
        await mode.call(Place(name=F("name"), code="z"), "validate_unique", exclude=["row", "code"])
    assert 2 == log.count


async def test_exclusions_are_honoured(database, mode):
    await mode.call(Place.objects, "create", name="ok", code="x")
    place = Place(name="", code="x", row=4, floor=4)
    await mode.call(place, "full_clean", exclude=["name", "code"])
    await mode.call(place, "validate_unique", exclude={"code"})
    place.clean_fields(exclude={"name"})


async def test_saving_does_not_validate_fields(database, mode):
    await mode.call(Place(name="b"), "save")
    assert 1 == database.count("test_model_validation_place")


async def test_deferred_columns_are_not_checked(database, mode, queries):
    await mode.call(Place.objects, "create", name="ok")
    place = await mode.call(Place.objects.only("row"), "get")
    with queries() as log:
        place.clean_fields()
    assert 0 == log.count


async def test_each_problem_keeps_its_code(database, mode):
    await mode.call(Place.objects, "create", name="taken", code="x", row=1, seat=1, floor=1)
    error = await problems(mode, Place(name="b", code="x", row=1, seat=1, floor=2))
    assert {name: [single.code for single in singles] for name, singles in error.error_dict.items()} == {
        "name": ["min_length"],
        "code": ["unique"],
        "__all__": ["unique_together"],
    }
    assert error.error_dict["name"][0].params["limit_value"] == 2
    error = await problems(mode, Place(name="bad", floor=5))
    assert [single.code for single in error.error_dict["__all__"]] == ["bad"]
    with pytest.raises(dorm.ValidationError) as caught:
        Place(row="five")
    assert [single.code for single in caught.value.error_dict["row"]] == ["invalid"]
