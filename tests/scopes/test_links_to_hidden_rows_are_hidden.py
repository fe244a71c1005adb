"""The junction of a many-to-many relation has no tenant of its own: a link is visible when both of its ends are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import dorm
from dorm import Count, F, Q, scopes


class Article(dorm.Model):
    tenant = dorm.IntegerField()
    topics: Any = dorm.ManyToManyField("Topic", related_name="articles")


class Topic(dorm.Model):
    tenant = dorm.IntegerField()
    parts: Any = dorm.ManyToManyField("self", symmetrical=False, related_name="wholes")


pytestmark = pytest.mark.models([Article, Topic])


@pytest.fixture
def filled(database):
    """Articles 1 and 2 and topics 1 and 2 of tenant 1, article 3 and topic 3 of tenant 2; article 2 is linked to topic 3 only."""
    Topic.objects.bulk_create([Topic(id=key, tenant=1 + key // 3) for key in (1, 2, 3)])
    Article.objects.bulk_create([Article(id=key, tenant=1 + key // 3) for key in (1, 2, 3)])
    Article(id=1).topics.add(1, 2, 3)
    Article(id=2).topics.add(3)
    Article(id=3).topics.add(1, 3)
    Topic(id=1).parts.add(2, 3)
    with scopes.register(lambda model: Q(tenant=1) if "tenant" in model._meta.names else None):
        yield


READS: dict[str, tuple[Callable[[], Any], list[Any]]] = {
    "an aggregate": (lambda: Article.objects.annotate(n=Count("topics")).values_list("pk", "n"), [(1, 2), (2, 0)]),
    "an aggregate from the other side": (
        lambda: Topic.objects.annotate(n=Count("articles")).values_list("pk", "n"),
        [(1, 1), (2, 1)],
    ),
    "aggregates over two relations": (
        lambda: Topic.objects.annotate(n=Count("articles"), parts_=Count("parts")).values_list("pk", "n", "parts_"),
        [(1, 1, 1), (2, 1, 0)],
    ),
    "a key that is hidden": (lambda: Article.objects.filter(topics=3).values_list("pk"), []),
    "a key that is hidden, excluded": (lambda: Article.objects.exclude(topics=3).values_list("pk"), [(1,), (2,)]),
    "absence": (lambda: Article.objects.filter(topics__isnull=True).values_list("pk"), [(2,)]),
    "presence": (lambda: Article.objects.filter(topics__isnull=False).distinct().values_list("pk"), [(1,)]),
    "absence, excluded": (lambda: Article.objects.exclude(topics__isnull=True).distinct().values_list("pk"), [(1,)]),
    "keys as values": (lambda: Article.objects.values_list("pk", "topics"), [(1, 1), (1, 2), (2, None)]),
    "keys as values of an expression": (
        lambda: Article.objects.annotate(topic=F("topics")).values_list("pk", "topic"),
        [(1, 1), (1, 2), (2, None)],
    ),
    "a relation of a model with itself": (lambda: Topic.objects.values_list("pk", "parts"), [(1, 2), (2, None)]),
    "two relations in a row": (lambda: Article.objects.filter(topics__parts=3).values_list("pk"), []),
}


@pytest.mark.parametrize("name", list(READS))
async def test_a_link_to_a_hidden_row_is_hidden(filled, mode, name):
    query, rows = READS[name]
    assert sorted(await mode.fetch(query()), key=repr) == sorted(rows, key=repr)


async def test_a_link_is_hidden_from_totals(filled, mode):
    assert await mode.call(Article.objects, "aggregate", n=Count("topics")) == {"n": 2}


def test_without_a_scope_the_statement_is_the_one_it_was(filled):
    with scopes.unscoped():
        assert " IN (" not in Article.objects.annotate(n=Count("topics")).sql().sql
        assert Article.objects.aggregate(n=Count("topics")) == {"n": 6}
