"""One of two modules whose models refer to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dorm
from dorm import ForeignKey, RelatedManager

if TYPE_CHECKING:
    from behind import Publisher


class Magazine(dorm.Model):
    title = dorm.CharField(max_length=10)
    publisher: ForeignKey[Publisher] = ForeignKey("Publisher", on_delete=dorm.CASCADE)
    flagship_of: RelatedManager[Publisher]


def name(magazine: Magazine) -> str:
    return magazine.publisher.name


def wrong(magazine: Magazine) -> int:
    return magazine.publisher.name  # error
