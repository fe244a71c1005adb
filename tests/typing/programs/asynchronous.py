"""The async twins read as their sync verbs do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from typing_extensions import assert_type

import dorm
from dorm import Count


class Author(dorm.Model):
    name = dorm.CharField(max_length=10)
    age = dorm.IntegerField()


async def verbs() -> None:
    assert_type(await Author.objects.aget(pk=1), Author)
    assert_type(await Author.objects.aget_or_none(pk=1), Author | None)
    assert_type(await Author.objects.afirst(), Author | None)
    assert_type(await Author.objects.acount(), int)
    assert_type(await Author.objects.aexists(), bool)
    assert_type(await Author.objects.aaggregate(n=Count("pk")), dict[str, Any])
    assert_type(await Author.objects.acreate(name="x", age=1), Author)
    assert_type(await Author.objects.aget_or_create(name="x"), tuple[Author, bool])
    assert_type(await Author.objects.abulk_create([Author(name="x")]), list[Author])
    assert_type(await Author.objects.aupdate(age=3), int)
    assert_type(await Author.objects.adelete(), tuple[int, dict[str, int]])


async def rows() -> None:
    assert_type(await Author.objects.filter(age=1), list[Author])
    assert_type(await Author.objects.values("name"), list[dict[str, Any]])
    assert_type([one async for one in Author.objects.all()], list[Author])
    async for author in Author.objects.filter(age=1).aiterator():
        assert_type(author, Author)


async def instances(author: Author) -> None:
    assert_type(await author.asave(), None)
    assert_type(await author.adelete(), tuple[int, dict[str, int]])
    await author.arefresh_from_db()


async def names() -> AsyncIterator[str]:
    async for author in Author.objects.all():
        yield author.name


async def mistakes() -> str:
    Author.objects.aget(pk=1).name  # error
    (await Author.objects.aget(pk=1)).naem  # error
    (await Author.objects.afirst()).name  # error
    for author in Author.objects.aiterator():  # error
        print(author)
    return await Author.objects.acount()  # error
