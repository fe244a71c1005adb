"""Code that works with any model, and models that inherit."""

from __future__ import annotations

from typing import TypeVar

from typing_extensions import Self, assert_type

import dorm

M = TypeVar("M", bound=dorm.Model)


class Stamped(dorm.Model):
    made = dorm.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True
        ordering = ["made"]

    @classmethod
    def newest(cls) -> Self | None:
        return cls.objects.order_by("-made").first()


class Post(Stamped):
    title = dorm.CharField(max_length=10)

    class Meta(Stamped.Meta):
        db_table = "posts"


def find(model: type[M], key: int) -> M | None:
    return model.objects.filter(pk=key).first()


def first_of(model: type[M]) -> M:
    return model.objects.all()[0]


def used() -> None:
    assert_type(find(Post, 1), Post | None)
    assert_type(first_of(Post).title, str)
    assert_type(Post.newest(), Post | None)
    find(str, 1)  # error
    first_of(Post).titel  # error
