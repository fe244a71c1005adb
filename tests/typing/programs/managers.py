"""Managers are querysets: the default one, own ones, and those made from querysets."""

from __future__ import annotations

from typing import Any

from typing_extensions import Self, assert_type

import dorm
from dorm import BaseManager, Manager, QuerySet


class AuthorManager(Manager["Author"]):
    def adults(self) -> Self:
        return self.filter(age__gte=18)


class PostQuerySet(QuerySet["Post"]):
    def live(self) -> Self:
        return self.filter(live=True)


class PostManager(PostQuerySet, Manager["Post"]):
    pass


class Author(dorm.Model):
    name = dorm.CharField(max_length=10)
    age = dorm.IntegerField()

    objects = AuthorManager()


class Post(dorm.Model):
    title = dorm.CharField(max_length=10)
    live = dorm.BooleanField(default=False)

    objects = PostManager()
    by_queryset = PostQuerySet.as_manager()
    made = Manager.from_queryset(PostQuerySet)()


class Plain(dorm.Model):
    name = dorm.CharField(max_length=10)


class View:
    queryset = Plain.objects.all()


def default(plain: Plain) -> None:
    assert_type(Plain.objects, BaseManager[Plain])
    assert_type(Plain.objects.get(pk=1), Plain)
    plain.objects  # error


def own() -> None:
    assert_type(Author.objects.adults().first(), Author | None)
    assert_type(Author.objects.adults().filter(name="x").adults().get(), Author)
    Author.objects.adlts()  # error
    assert_type(Post.objects.live().filter(title="x").live().first(), Post | None)
    assert_type(Post.by_queryset.live().first(), Post | None)
    assert_type(Post.made.live().filter(title="x").live().first(), Post | None)
    Post.objects.adults()  # error


def kept(view: View) -> str | None:
    first = view.queryset.first()
    return first.name if first else None


def rows(queryset: QuerySet[Post]) -> list[Any]:
    return list(queryset.live())  # error
