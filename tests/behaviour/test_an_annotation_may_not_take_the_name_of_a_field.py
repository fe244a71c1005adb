"""A computed value never hides a field, a relation or `pk`, and the message names it."""

from __future__ import annotations

from behaviour.bookshop import Author
from behaviour.cases import refused_without_sql
from dorm import Count, F, Value


def test_an_annotation_may_not_take_the_name_of_a_field(shop, queries):
    attempts = [
        lambda: Author.objects.annotate(name=Count("books")),
        lambda: Author.objects.annotate(books=Count("books")),
        lambda: Author.objects.annotate(profile=Value(1)),
        lambda: Author.objects.annotate(country_id=Value(1)),
        lambda: Author.objects.annotate(pk=Count("books")),
        lambda: Author.objects.alias(age=Value(1)),
        lambda: Author.objects.values("age").annotate(age=Count("books")),
        lambda: Author.objects.values("name", name=F("age")),
    ]
    refused_without_sql(queries, ValueError, attempts, "conflict")
