"""`full_clean()` wants the row of a foreign key to exist and to be one of those offered, and values unique per date."""

from __future__ import annotations

import datetime

import pytest

import dorm
from dorm import Q, ValidationError


class Tutor(dorm.Model):
    name = dorm.CharField(max_length=10, unique=True)
    active = dorm.BooleanField(default=True)


class Lesson(dorm.Model):
    tutor = dorm.ForeignKey(Tutor, dorm.CASCADE, null=True, blank=True, limit_choices_to={"active": True})
    helper = dorm.ForeignKey(
        Tutor,
        dorm.CASCADE,
        null=True,
        blank=True,
        to_field="name",
        related_name="+",
        limit_choices_to=lambda: ~Q(name="no"),
    )


class Post(dorm.Model):
    slug = dorm.CharField(max_length=10, unique_for_date="posted")
    title = dorm.CharField(max_length=10, unique_for_month="posted", blank=True, null=True)
    posted = dorm.DateField()


class Diary(dorm.Model):
    author = dorm.CharField(max_length=10, unique_for_year="seen", blank=True, null=True)
    seen = dorm.DateTimeField(null=True, blank=True)


class Unique(dorm.Model):
    code = dorm.CharField(max_length=5, unique=True)
    slug = dorm.CharField(max_length=10, unique_for_date="day")
    day = dorm.DateField()


pytestmark = pytest.mark.models([Tutor, Lesson, Post, Unique])


async def complaint(mode, row, verb="full_clean", **arguments):
    try:
        await mode.call(row, verb, **arguments)
    except ValidationError as error:
        return error.message_dict
    return None


async def test_the_row_must_exist_and_be_offered(database, mode, queries):
    ada = await mode.call(Tutor.objects, "create", name="ada")
    retired = await mode.call(Tutor.objects, "create", name="no", active=False)
    assert await complaint(mode, Lesson(tutor=ada, helper=ada)) is None
    assert await complaint(mode, Lesson()) is None
    with queries() as log:
        assert await complaint(mode, Lesson(tutor_id=99)) == {"tutor": ["tutor instance with id 99 does not exist."]}
    assert log.count == 1
    assert await complaint(mode, Lesson(helper_id="x")) == {"helper": ["tutor instance with name 'x' does not exist."]}
    assert await complaint(mode, Lesson(tutor=retired)) == {
        "tutor": [f"tutor instance with id {retired.pk} does not exist."]
    }
    assert list(await complaint(mode, Lesson(helper=retired))) == ["helper"]
    assert await complaint(mode, Lesson(tutor_id=99), exclude=["tutor"]) is None


async def test_saving_does_not_ask(database, mode, queries):
    ada = await mode.call(Tutor.objects, "create", name="ada", active=False)
    with queries() as log:
        await mode.call(Lesson.objects, "create", tutor=ada)
    assert log.count == 1


async def test_values_may_be_unique_per_day_month_and_year(database, mode, queries):
    day = datetime.date(2024, 2, 29)
    kept = await mode.call(Post.objects, "create", slug="a", title="t", posted=day)
    same = {"slug": ["Slug must be unique for Posted date."]}
    with queries() as log:
        assert await complaint(mode, Post(slug="a", posted=day)) == same
    assert log.count == 1
    assert await complaint(mode, Post(slug="a", posted=day), "validate_unique") == same
    assert await complaint(mode, Post(slug="a", posted=day.replace(day=28))) is None
    assert await complaint(mode, Post(slug="b", title="t", posted=day.replace(day=1))) == {
        "title": ["Title must be unique for Posted month."]
    }
    assert await complaint(mode, Post(slug="b", title="t", posted=day.replace(month=3))) is None
    assert await complaint(mode, Post(slug="a", posted=day), exclude=["slug"]) is None
    assert await complaint(mode, Post(slug="a", posted=day), exclude=["posted"]) is None
    assert await complaint(mode, kept) is None


@pytest.mark.parametrize("use_tz", [False, True])
async def test_the_year_of_a_moment_is_that_of_the_zone(database, mode, use_tz):
    dorm.configure(USE_TZ=use_tz, TIME_ZONE="Asia/Tokyo")
    await mode.call(dorm, "create_tables", Diary)
    # New Year in Tokyo comes nine hours early
    late = datetime.datetime(2023, 12, 31, 20, tzinfo=datetime.UTC if use_tz else None)
    await mode.call(Diary.objects, "create", author="x", seen=late)
    same = {"author": ["Author must be unique for Seen year."]}
    other = Diary(author="x", seen=late.replace(month=6, day=1))
    assert await complaint(mode, other) == (None if use_tz else same)
    other = Diary(author="x", seen=late.replace(year=2024, month=6, day=1))
    assert await complaint(mode, other) == (same if use_tz else None)
    assert await complaint(mode, Diary(author="x")) is None


def test_a_save_looks_at_what_the_database_holds_unique_only(database):
    day = datetime.date(2024, 2, 29)
    Unique.objects.create(code="a", slug="s", day=day)
    Unique.objects.create(code="b", slug="s", day=day)
    with dorm.transaction.atomic():
        Unique.objects.create(code="c", slug="s", day=day)
    assert Unique.objects.count() == 3
    with pytest.raises(dorm.exceptions.DuplicateError, match="Code"):
        Unique.objects.create(code="b", slug="s", day=day)
    with pytest.raises(ValidationError) as caught:
        Unique(code="a", slug="s", day=day).full_clean()
    assert list(caught.value.error_dict) == ["code", "slug"]
