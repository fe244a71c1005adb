"""remove(), clear() and set() of a many-to-many relation touch what the related default manager sees, and no more."""

from __future__ import annotations

import pytest

import dorm


class Shown(dorm.Manager["Tag"]):
    def get_queryset(self):
        return super().get_queryset().filter(hidden=False)


class Tag(dorm.Model):
    name = dorm.CharField(max_length=10)
    hidden = dorm.BooleanField(default=False)
    shown = Shown()
    objects = dorm.Manager()


class Post(dorm.Model):
    name = dorm.CharField(max_length=10)
    tags = dorm.ManyToManyField(Tag, related_name="posts")
    near = dorm.ManyToManyField("self")

    objects = dorm.Manager()


class Living(dorm.Manager["Link"]):
    def get_queryset(self):
        return super().get_queryset().filter(ended=False)


class Link(dorm.Model):
    topic = dorm.ForeignKey("Topic", dorm.CASCADE)
    tag = dorm.ForeignKey(Tag, dorm.CASCADE)
    ended = dorm.BooleanField(default=False)
    living = Living()
    objects = dorm.Manager()


class Topic(dorm.Model):
    tags = dorm.ManyToManyField(Tag, through=Link, related_name="topics")


pytestmark = pytest.mark.models([Tag, Post, Topic, Link])


async def filled(mode):
    post = await mode.call(Post.objects, "create", name="p")
    seen, other, hidden = [
        await mode.call(Tag.objects, "create", name=name, hidden=name == "hidden") for name in ("a", "b", "hidden")
    ]
    await mode.call(post.tags, "add", seen, other, hidden)
    return post, seen, other, hidden


async def linked(mode, post):
    links = Post.tags.through.objects.filter(post=post).order_by("pk")
    return [name for (name,) in await mode.fetch(links.values_list("tag__name"))]


async def test_clearing(database, mode):
    post, *_ = await filled(mode)
    await mode.call(post.tags, "clear")
    assert await linked(mode, post) == ["hidden"]


@pytest.mark.parametrize("by_key", [False, True])
async def test_removing(database, mode, by_key):
    post, seen, _, hidden = await filled(mode)
    await mode.call(post.tags, "remove", *[tag.pk if by_key else tag for tag in (seen, hidden)])
    assert await linked(mode, post) == ["b", "hidden"]


@pytest.mark.parametrize("clear", [False, True])
async def test_setting(database, mode, clear):
    post, seen, _, hidden = await filled(mode)
    await mode.call(post.tags, "set", [seen], clear=clear)
    assert sorted(await linked(mode, post)) == ["a", "hidden"]
    await mode.call(post.tags, "set", [hidden], clear=clear)
    assert await linked(mode, post) == ["hidden"]


async def test_from_the_other_side_nothing_is_hidden(database, mode):
    post, _, _, hidden = await filled(mode)
    await mode.call(hidden.posts, "clear")
    assert await linked(mode, post) == ["a", "b"]


async def test_links_that_their_own_model_hides_stay_too(database, mode):
    topic = await mode.call(Topic.objects, "create")
    tag, old = [await mode.call(Tag.objects, "create", name=name) for name in "ab"]
    await mode.call(Link.objects, "create", topic=topic, tag=tag)
    await mode.call(Link.objects, "create", topic=topic, tag=old, ended=True)
    await mode.call(topic.tags, "clear")
    assert await mode.fetch(Link.objects.values_list("tag__name", flat=True)) == ["b"]


async def test_a_plain_manager_needs_no_subquery(database, mode, queries):
    one, two = [await mode.call(Post.objects, "create", name=name) for name in "ab"]
    await mode.call(one.near, "add", two)
    with queries() as log:
        await mode.call(one.near, "clear")
    (sql,) = log.containing("DELETE")
    assert "SELECT" not in sql
    assert await mode.call(two.near, "count") == 0
