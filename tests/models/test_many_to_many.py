"""``article.tags``: linking, unlinking, both directions, junction models, costs."""

from __future__ import annotations

import pytest

import dorm


class Tag(dorm.Model):
    name = dorm.CharField(max_length=20)


class Article(dorm.Model):
    title = dorm.CharField(max_length=20)
    tags = dorm.ManyToManyField(Tag, related_name="articles")
    secret = dorm.ManyToManyField(Tag, related_name="+")


class Person(dorm.Model):
    name = dorm.CharField(max_length=20)
    follows = dorm.ManyToManyField("self", related_name="followers")
    friends = dorm.ManyToManyField("self")


class Team(dorm.Model):
    name = dorm.CharField(max_length=20)
    members = dorm.ManyToManyField(Person, through="Membership", related_name="teams")


class Membership(dorm.Model):
    team = dorm.ForeignKey(Team, dorm.CASCADE)
    person = dorm.ForeignKey(Person, dorm.CASCADE)
    role = dorm.CharField(max_length=20, default="member")


class Choir(dorm.Model):
    name = dorm.CharField(max_length=20)
    singers = dorm.ManyToManyField(Person, through="Seat", related_name="choirs")


class Seat(dorm.Model):
    choir = dorm.ForeignKey(Choir, dorm.CASCADE)
    person = dorm.ForeignKey(Person, dorm.SET_NULL, null=True)


pytestmark = pytest.mark.models(Tag, Article, Person, Team, Membership, Choir, Seat)


async def setup(mode, tags=3):
    # keys of the two sides must differ, or a mix-up of the junction's columns would go unnoticed
    await mode.call(Article.objects, "bulk_create", [Article(title=str(n)) for n in range(10)])
    article = await mode.call(Article.objects, "create", title="a")
    made = [await mode.call(Tag.objects, "create", name=f"t{n}") for n in range(tags)]
    return article, made


async def names(mode, manager):
    return sorted(row.name for row in await mode.fetch(manager.all()))


async def test_links_are_added_removed_set_and_cleared(database, mode):
    article, (one, two, three) = await setup(mode)
    await mode.call(article.tags, "add", one)
    await mode.call(article.tags, "add", one, two.pk, str(two.pk))
    assert ["t0", "t1"] == await names(mode, article.tags)
    await mode.call(article.tags, "set", [two, three])
    assert ["t1", "t2"] == await names(mode, article.tags)
    await mode.call(article.tags, "remove", two, one)
    assert ["t2"] == await names(mode, article.tags)
    await mode.call(article.tags, "set", [one], clear=True)
    assert ["t0"] == await names(mode, article.tags)
    await mode.call(article.tags, "clear")
    assert [] == await names(mode, article.tags)


async def test_the_other_side_has_the_same_verbs(database, mode):
    article, (one, *_) = await setup(mode)
    await mode.call(one.articles, "add", article)
    assert ["t0"] == await names(mode, article.tags)
    assert [article] == await mode.fetch(one.articles.filter(title="a"))
    await mode.call(one.articles, "remove", article)
    assert [] == await names(mode, article.tags)


async def test_costs_are_bounded(database, mode, queries):
    article, tags = await setup(mode, 5)
    for _ in range(2):
        with queries() as log:
            await mode.call(article.tags, "add", *tags)
        assert (1, []) == (log.count, log.control)
    with queries() as log:
        assert 5 == len(await mode.fetch(article.tags.all()))
    assert (1, 1) == (log.count, len(log.containing("JOIN")))
    assert 1 == log.sql[0].upper().count("JOIN")
    for verb, args in (("remove", tags[:2]), ("clear", ())):
        with queries() as log:
            await mode.call(article.tags, verb, *args)
        assert 1 == log.count
    with queries() as log:
        await mode.call(article.tags, "add")
        await mode.call(article.tags, "remove")
    assert 0 == log.count


async def test_set_keeps_the_links_that_stay(database, mode):
    article, (one, two, three) = await setup(mode)
    await mode.call(article.tags, "add", one, two)
    before = set(database.rows("SELECT * FROM test_many_to_many_article_tags"))
    await mode.call(article.tags, "set", [one, two, three])
    assert before < set(database.rows("SELECT * FROM test_many_to_many_article_tags"))


async def test_rows_are_made_and_linked_together(database, mode):
    article, _ = await setup(mode, 0)
    made = await mode.call(article.tags, "create", name="new")
    again, created = await mode.call(article.tags, "get_or_create", name="new")
    assert (made, False) == (again, created)
    other, created = await mode.call(article.tags, "update_or_create", name="other", defaults={"name": "renamed"})
    assert (True, "renamed") == (created, other.name)
    exists, _ = await mode.call(article.tags, "exists_or_create", name="new")
    assert exists
    await mode.call(article.tags, "bulk_create", [Tag(name="b1"), Tag(name="b2")])
    assert ["b1", "b2", "new", "renamed"] == await names(mode, article.tags)


async def test_misuse_is_explained(database, mode):
    article, (one, *_) = await setup(mode)
    with pytest.raises(ValueError, match="Article"):
        Article(title="new").tags
    with pytest.raises(ValueError, match="not saved"):
        await mode.call(article.tags, "add", Tag(name="new"))
    with pytest.raises(TypeError, match="Tag"):
        await mode.call(article.tags, "add", article)
    with pytest.raises(TypeError, match=r"\.set\("):
        article.tags = [one]
    with pytest.raises(dorm.ValidationError):
        await mode.call(article.tags, "add", "no key")


async def test_links_to_oneself_count_both_ways_unless_asked_otherwise(database, mode):
    ann, bob = [await mode.call(Person.objects, "create", name=name) for name in ("ann", "bob")]
    await mode.call(ann.follows, "add", bob)
    assert (["bob"], [], ["ann"]) == (
        await names(mode, ann.follows),
        await names(mode, bob.follows),
        await names(mode, bob.followers),
    )
    await mode.call(ann.friends, "add", bob)
    assert (["bob"], ["ann"]) == (await names(mode, ann.friends), await names(mode, bob.friends))
    await mode.call(bob.friends, "remove", ann)
    assert ([], []) == (await names(mode, ann.friends), await names(mode, bob.friends))
    await mode.call(ann.friends, "set", [ann, bob])
    await mode.call(ann.friends, "clear")
    assert 0 == database.count("test_many_to_many_person_friends")


async def test_a_relation_without_a_reverse_name_still_reads(database, mode):
    article, (one, *_) = await setup(mode)
    await mode.call(article.secret, "add", one)
    assert ["t0"] == await names(mode, article.secret)
    assert 1 == await mode.call(article.secret, "count")


async def test_a_junction_model_of_ones_own_takes_values(database, mode):
    team = await mode.call(Team.objects, "create", name="t")
    ann, bob = [await mode.call(Person.objects, "create", name=name) for name in ("ann", "bob")]
    await mode.call(Membership.objects, "create", team=team, person=ann, role="lead")
    await mode.call(team.members, "add", ann, bob, through_defaults={"role": lambda: "guest"})
    assert ["ann", "bob"] == await names(mode, team.members)
    assert [("guest",), ("lead",)] == database.rows("SELECT role FROM test_many_to_many_membership ORDER BY role")
    assert ["t"] == await names(mode, bob.teams)
    await mode.call(bob.teams, "create", name="second", through_defaults={"role": "chief"})
    assert "chief" == (await mode.call(Membership.objects, "get", team__name="second")).role
    assert team.members.through is Membership
    await mode.call(team.members, "remove", bob)
    assert ["ann"] == await names(mode, team.members)


async def test_conditions_on_the_junction_concern_the_link_itself(database, mode):
    one, two = [await mode.call(Team.objects, "create", name=name) for name in "ab"]
    ann = await mode.call(Person.objects, "create", name="ann")
    await mode.call(Membership.objects, "create", team=one, person=ann, role="lead")
    await mode.call(Membership.objects, "create", team=two, person=ann, role="guest")
    assert [ann] == await mode.fetch(one.members.filter(membership__role="lead"))
    assert [] == await mode.fetch(two.members.filter(membership__role="lead"))


async def test_prefetched_links_are_served_from_memory_until_they_change(database, mode, queries):
    article, (one, two, _) = await setup(mode)
    await mode.call(article.tags, "add", one, two)
    article = await mode.call(Article.objects.prefetch_related("tags"), "get", pk=article.pk)
    with queries() as log:
        assert ["t0", "t1"] == sorted(tag.name for tag in article.tags.all())
    assert 0 == log.count
    await mode.call(article.tags, "remove", one)
    assert ["t1"] == await names(mode, article.tags)


async def test_linking_is_safe_against_a_concurrent_link(database, mode):
    article, (one, *_) = await setup(mode)
    database.run("INSERT INTO test_many_to_many_article_tags (article_id, tag_id) VALUES (?, ?)", article.pk, one.pk)
    await mode.call(article.tags, "add", one)
    assert 1 == database.count("test_many_to_many_article_tags")


async def test_links_that_lead_nowhere_stay_when_the_others_are_set(database, mode):
    choir = await mode.call(Choir.objects, "create", name="a")
    ann, bob = await mode.call(Person.objects, "bulk_create", [Person(name="ann"), Person(name="bob")])
    await mode.call(Seat.objects, "bulk_create", [Seat(choir=choir), Seat(choir=choir, person=ann)])
    await mode.call(choir.singers, "set", [bob])
    seats = Seat.objects.order_by("pk").values_list("person", flat=True)
    assert await mode.fetch(seats) == [None, bob.pk]
