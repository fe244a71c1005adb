"""A parent saved after it was assigned gives its key when the child is written, by whichever verb."""

from __future__ import annotations

import pytest

import dorm


class Country(dorm.Model):
    """Its key is a text: empty, not None, until there is one."""

    code = dorm.CharField(max_length=10, primary_key=True)
    short = dorm.CharField(max_length=10, unique=True, null=True)


class Region(dorm.Model):
    name = dorm.CharField(max_length=10)


class City(dorm.Model):
    name = dorm.CharField(max_length=10, default="x")
    country = dorm.ForeignKey(Country, dorm.CASCADE, null=True)
    region = dorm.ForeignKey(Region, dorm.CASCADE, null=True)
    by_short = dorm.ForeignKey(Country, dorm.SET_NULL, null=True, to_field="short", related_name="by_short")
    mayor = dorm.OneToOneField(Region, dorm.CASCADE, null=True, related_name="seat")


pytestmark = pytest.mark.models([Country, Region, City])


async def stored(mode, city):
    fresh = await mode.call(City.objects, "get", pk=city.pk)
    return fresh.country_id, fresh.region_id


async def written(mode, verb, city):
    if verb == "save":
        await mode.call(city, "save")
    elif verb == "update_fields":
        await mode.call(city, "save", update_fields=["country", "region"])
    elif verb == "bulk_update":
        await mode.call(City.objects, "bulk_update", [city], ["country", "region"])
    elif verb == "bulk_create":
        await mode.call(City.objects, "bulk_create", [city])
    else:
        await mode.call(City.objects, "upsert", [city], unique_fields=["id"])


@pytest.mark.parametrize("verb", ["save", "update_fields", "bulk_update", "bulk_create", "upsert"])
async def test_every_writing_verb_takes_it(database, mode, verb):
    city = City(id=1)
    if verb in ("update_fields", "bulk_update"):
        await mode.call(city, "save")
    country, region = Country(), Region(name="r")
    city.country, city.region = country, region
    country.code = "at"
    await mode.call(country, "save")
    await mode.call(region, "save")
    await written(mode, verb, city)
    assert await stored(mode, city) == ("at", region.pk)
    assert (city.country, city.region) == (country, region)


@pytest.mark.parametrize("verb", ["save", "update_fields", "bulk_update", "bulk_create", "upsert"])
async def test_every_writing_verb_refuses_a_parent_that_is_not_saved(database, mode, verb):
    city = City(id=1)
    if verb in ("update_fields", "bulk_update"):
        await mode.call(city, "save")
    city.region = Region(name="r")
    with pytest.raises(ValueError, match="prohibited to prevent data loss due to unsaved related object 'region'"):
        await written(mode, verb, city)


async def test_a_parent_that_has_another_key_by_now_is_forgotten(database, mode):
    one = await mode.call(Region.objects, "create", name="one")
    city = await mode.call(City.objects, "create", region=one)
    first = one.pk
    one.pk = None
    await mode.call(one, "save")
    await mode.call(City.objects, "bulk_update", [city], ["region"])
    assert city.region_id == first
    assert await stored(mode, city) == (None, first)


async def test_a_key_that_was_deferred_is_loaded(database, mode):
    await mode.call(Country.objects, "create", code="at", short="a")

    def refer():
        country = Country.objects.defer("short").get()
        city = City.objects.create(by_short=country)
        assert city.by_short_id == "a"
        assert list(Country.objects.defer("short").get().by_short.all()) == [city]
        Country.objects.defer("short").get().delete()
        return City.objects.get().by_short_id

    assert (await dorm.run(refer) if not mode.sync else refer()) is None


async def test_what_was_refused_is_nobodys_reverse(database, mode):
    region = await mode.call(Region.objects, "create", name="r")
    city = await mode.call(City.objects, "create", mayor=region)
    for refused in ("create", "get_or_create"):
        with pytest.raises(dorm.IntegrityError):
            await mode.call(City.objects, refused, mayor=region, pk=city.pk, name="another")
        assert "seat" not in region.__dict__
    for refused in ({"bogus": 1}, {"name": "x", "country": region}, {"id": "none"}):
        with pytest.raises((TypeError, ValueError, dorm.ValidationError)):
            await mode.call(City.objects, "create", mayor=region, **refused)
        assert "seat" not in region.__dict__
    unsaved = Region(name="u")
    with pytest.raises(ValueError, match="unsaved related object 'mayor'"):
        await mode.call(City.objects, "create", mayor=unsaved)
    assert "seat" not in unsaved.__dict__
    with pytest.raises(dorm.IntegrityError):
        await mode.call(City.objects, "bulk_create", [City(mayor=region), City(mayor=region)])
    assert "seat" not in region.__dict__


@pytest.mark.parametrize("verb", ["create", "get_or_create", "update_or_create"])
async def test_the_reverse_of_a_one_to_one_relation_is_no_column(database, mode, verb):
    city = await mode.call(City.objects, "create")
    with pytest.raises(ValueError, match="do not exist in this model: seat"):
        await mode.call(Region.objects, verb, name="r", seat=city)
    assert await mode.call(Region.objects, "count") == 0
