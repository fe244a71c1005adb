"""A model whose primary key is a one-to-one relation: conditions follow the keys to the column that is compared."""

from __future__ import annotations

import pytest

import dorm


class Person(dorm.Model):
    name = dorm.CharField(max_length=20)


class Passport(dorm.Model):
    person = dorm.OneToOneField(Person, dorm.CASCADE, primary_key=True, related_name="passport")


class Visa(dorm.Model):
    passport = dorm.ForeignKey(Passport, dorm.CASCADE, null=True, related_name="visas")
    earlier = dorm.ForeignKey("self", dorm.CASCADE, null=True)


class Stamp(dorm.Model):
    passports = dorm.ManyToManyField(Passport, related_name="stamps")


class Renewal(dorm.Model):
    passport = dorm.OneToOneField(Passport, dorm.CASCADE, primary_key=True, related_name="renewal")


pytestmark = pytest.mark.models([Person, Passport, Visa, Stamp, Renewal])


async def test_instances_are_compared_by_the_key_at_the_end_of_the_chain(database, mode):
    # keys that differ from model to model, so that reading the wrong one shows
    await mode.call(Person.objects, "create", id=50, name="somebody else")
    ada = await mode.call(Person.objects, "create", id=7, name="Ada")
    bob = await mode.call(Person.objects, "create", id=8, name="Bob")
    passport = await mode.call(Passport.objects, "create", person=ada)
    other = await mode.call(Passport.objects, "create", person=bob)
    visa = await mode.call(Visa.objects, "create", id=90, passport=passport)
    later = await mode.call(Visa.objects, "create", id=91, passport=other, earlier=visa)
    stamp = await mode.call(Stamp.objects, "create", id=60)
    await mode.call(stamp.passports, "add", passport)
    renewal = await mode.call(Renewal.objects, "create", passport=passport)

    for queryset, expected in [
        (Person.objects.filter(passport=passport), [ada]),
        (Person.objects.filter(passport__in=[passport, other]), [ada, bob]),
        (Person.objects.filter(passport__pk=passport), [ada]),
        (Person.objects.exclude(passport=passport).filter(passport__isnull=False), [bob]),
        (Person.objects.filter(passport__visas=visa), [ada]),
        (Person.objects.filter(passport__renewal=renewal), [ada]),
        (Passport.objects.filter(person=ada), [passport]),
        (Passport.objects.filter(pk=ada), [passport]),
        (Passport.objects.filter(pk=passport), [passport]),
        (Passport.objects.filter(pk__in=[ada, bob]), [passport, other]),
        (Passport.objects.filter(renewal=renewal), [passport]),
        (Visa.objects.filter(passport=passport), [visa]),
        (Visa.objects.filter(passport__person=ada), [visa]),
        (Visa.objects.filter(passport__person__in=[ada]), [visa]),
        (Visa.objects.filter(passport__pk=ada), [visa]),
        (Visa.objects.filter(passport__pk=passport), [visa]),
        (Visa.objects.exclude(passport__person=ada), [later]),
        (Visa.objects.filter(passport__renewal=renewal), [visa]),
        (Visa.objects.filter(earlier=visa), [later]),
        (Visa.objects.filter(visa=later), [visa]),
        (Stamp.objects.filter(passports=passport), [stamp]),
        (Stamp.objects.filter(passports__person=ada), [stamp]),
        (Stamp.objects.filter(passports__person__in=[ada, bob]), [stamp]),
        (Renewal.objects.filter(passport=passport), [renewal]),
        (Renewal.objects.filter(passport__person=ada), [renewal]),
        (Renewal.objects.filter(pk=renewal), [renewal]),
        (Renewal.objects.filter(pk=passport), [renewal]),
    ]:
        assert await mode.fetch(queryset.order_by("pk")) == expected, queryset.query


async def test_what_is_no_instance_of_the_related_model_is_refused(database, mode, queries):
    ada = await mode.call(Person.objects, "create", name="Ada")
    stamp = await mode.call(Stamp.objects, "create")
    with queries() as log:
        for model, lookups in [
            (Person, {"passport": stamp}),
            (Visa, {"passport": ada}),
            (Visa, {"passport__person": stamp}),
            (Visa, {"passport__person": Person(name="unsaved")}),
        ]:
            with pytest.raises(ValueError, match="instances"):
                await mode.fetch(model.objects.filter(**lookups))
    assert log.count == 0
