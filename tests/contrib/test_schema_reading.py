"""Schemas filled from instances: keys, related objects, statements."""

from __future__ import annotations

import uuid

import pytest

import dorm

pytest.importorskip("pydantic")

from pydantic import ConfigDict, TypeAdapter, ValidationError, model_validator

from dorm.contrib.pydantic import DormSchema, schema_for


class Region(dorm.Model):
    id = dorm.UUIDField(primary_key=True, default=uuid.uuid4)
    name = dorm.CharField(max_length=20)


class Farm(dorm.Model):
    name = dorm.CharField(max_length=20)
    region = dorm.ForeignKey(Region, on_delete=dorm.CASCADE, null=True, related_name="farms")

    @property
    def loud(self):
        return self.name.upper()


class Permit(dorm.Model):
    farm = dorm.OneToOneField(Farm, on_delete=dorm.CASCADE, related_name="permit")
    text = dorm.CharField(max_length=20)


class Crop(dorm.Model):
    name = dorm.CharField(max_length=20)
    farms = dorm.ManyToManyField(Farm, related_name="crops")
    home = dorm.ForeignKey(Farm, on_delete=dorm.CASCADE, related_name="natives")


pytestmark = pytest.mark.models([Region, Farm, Permit, Crop])


class RegionOut(DormSchema):
    class Meta:
        model = Region


class PermitOut(DormSchema):
    class Meta:
        model = Permit
        fields = ("text",)


class CropOut(DormSchema):
    class Meta:
        model = Crop
        fields = ("name",)


class FarmOut(DormSchema):
    class Meta:
        model = Farm


class FarmFull(DormSchema):
    loud: str

    class Meta:
        model = Farm
        fields = ("name", "region", "permit", "crops", "natives")
        nested = {"region": RegionOut, "permit": PermitOut, "crops": CropOut, "natives": CropOut}


class CropFull(DormSchema):
    class Meta:
        model = Crop
        exclude = ("id",)
        nested = {"farms": FarmOut, "home": FarmOut}


def make():
    region = Region.objects.create(name="south")
    farm = Farm.objects.create(name="hill", region=region)
    Permit.objects.create(farm=farm, text="yes")
    crop = Crop.objects.create(name="rye", home=farm)
    crop.farms.add(farm)
    return region, farm, crop


def test_a_foreign_key_is_read_without_a_query(database, queries):
    region, farm, _ = make()
    loaded = Farm.objects.get(pk=farm.pk)
    with queries() as log:
        out = FarmOut.model_validate(loaded)
    assert log.count == 0
    assert out.model_dump() == {"id": farm.pk, "name": "hill", "region": region.pk}
    assert schema_for(Farm).model_validate(loaded).region == region.pk


def test_related_objects_are_nested(database):
    region, farm, _ = make()
    out = FarmFull.model_validate(Farm.objects.get(pk=farm.pk))
    assert out.model_dump() == {
        "loud": "HILL",
        "name": "hill",
        "region": {"id": region.pk, "name": "south"},
        "permit": {"text": "yes"},
        "crops": [{"name": "rye"}],
        "natives": [{"name": "rye"}],
    }


def test_what_was_loaded_before_is_not_loaded_again(database, queries):
    _, farm, crop = make()
    loaded = Farm.objects.select_related("region", "permit").prefetch_related("crops", "natives").get(pk=farm.pk)
    again = Crop.objects.select_related("home").prefetch_related("farms").get(pk=crop.pk)
    with queries() as log:
        FarmFull.model_validate(loaded)
        assert CropFull.model_validate(again).home.name == "hill"
    assert log.count == 0


def test_nothing_related_is_none_or_an_empty_list(database):
    farm = Farm.objects.create(name="lone")
    out = FarmFull.model_validate(farm)
    assert (out.region, out.permit, out.crops, out.natives) == (None, None, [], [])


def test_an_instance_that_was_never_saved_has_no_links():
    out = FarmFull.model_validate(Farm(name="new"))
    assert (out.name, out.permit, out.crops, out.natives) == ("new", None, [], [])


def test_a_nested_relation_that_cannot_be_null_is_required():
    required = {name for name, info in CropFull.model_fields.items() if info.is_required()}
    assert required == {"name", "home"}
    with pytest.raises(ValidationError):
        CropFull(name="rye", home=None)
    assert CropFull(name="rye", home={"name": "hill"}).farms == []


def test_a_declared_list_holds_keys_or_objects(database):
    class Keys(DormSchema):
        crops: list[int]
        natives: list[CropOut]
        permit: int | None = None

        class Meta:
            model = Farm
            fields = ("name",)

    class Objects(DormSchema):
        model_config = ConfigDict(arbitrary_types_allowed=True)

        region: Region

        class Meta:
            model = Farm
            fields = ("name",)

    _, farm, crop = make()
    loaded = Farm.objects.get(pk=farm.pk)
    assert Keys.model_validate(loaded).model_dump() == {
        "crops": [crop.pk], "natives": [{"name": "rye"}], "permit": loaded.permit.pk, "name": "hill",
    }  # fmt: skip
    assert Objects.model_validate(loaded).region is loaded.region


def test_deferred_columns_are_loaded(database, queries):
    _, farm, _ = make()
    loaded = Farm.objects.only("id", "region").get(pk=farm.pk)
    with queries() as log:
        assert FarmOut.model_validate(loaded).name == "hill"
    assert log.count == 1


def test_a_payload_creates_a_row(database):
    region, _, _ = make()
    payload = schema_for(Farm, exclude=("id",))(name="new", region=str(region.pk))
    made = Farm.objects.create(**payload.model_dump())
    assert Farm.objects.get(pk=made.pk).region_id == region.pk


def test_errors_of_the_database_are_not_dressed_up(database):
    _, farm, _ = make()
    loaded = Farm.objects.get(pk=farm.pk)
    dorm.drop_tables(Crop)
    with pytest.raises(dorm.DatabaseError):
        FarmFull.model_validate(loaded)


async def test_a_relation_that_is_not_loaded_follows_the_rule_for_async_code(database):
    class Nested(DormSchema):
        class Meta:
            model = Farm
            nested = {"region": RegionOut}

    region = await Region.objects.acreate(name="south")
    farm = await Farm.objects.acreate(name="hill", region=region)
    dorm.configure(ASYNC_LAZY="raise")
    with pytest.raises(dorm.LazyLoadError, match="Farm.region"):
        Nested.model_validate(await Farm.objects.aget(pk=farm.pk))
    loaded = await Farm.objects.select_related("region").aget(pk=farm.pk)
    assert Nested.model_validate(loaded).region.name == "south"


def test_other_objects_are_read_by_their_attributes():
    class Thing:
        id, name, region = 1, "thing", None

    assert FarmOut.model_validate(Thing()).model_dump() == {"id": 1, "name": "thing", "region": None}


def test_a_validator_of_the_whole_sees_the_instance():
    class Seen(DormSchema):
        kind: str = ""

        @model_validator(mode="before")
        @classmethod
        def note(cls, data):
            return {"name": data.name, "kind": type(data).__name__}

        class Meta:
            model = Farm
            fields = ("name",)

    assert Seen.model_validate(Farm(name="a")).name == "a"


def test_errors_show_the_instance():
    class Strict(DormSchema):
        missing: int

        class Meta:
            model = Farm
            fields = ("name",)

    with pytest.raises(ValidationError) as caught:
        Strict.model_validate(Farm(id=3, name="a"))
    assert [(error["loc"], repr(error["input"])) for error in caught.value.errors()] == [(("missing",), "<Farm: pk=3>")]


def test_lists_of_instances_are_read_by_a_type_adapter():
    adapter = TypeAdapter(list[FarmOut])
    assert [out.name for out in adapter.validate_python([Farm(name="a"), Farm(name="b")])] == ["a", "b"]


def test_a_proxy_reads_instances_of_its_model():
    class FarmView(Farm):
        class Meta:
            proxy = True

    assert schema_for(FarmView).model_validate(Farm(name="a", region_id=None)).region is None
