"""Decorators keep the signature of what they decorate."""

from __future__ import annotations

from typing_extensions import assert_type

from dorm import transaction


@transaction.atomic
def transfer(amount: int, *, note: str = "") -> bool:
    return amount > 0


@transaction.atomic(using="other", durable=True)
def moved(amount: int) -> str:
    return str(amount)


@transaction.aatomic
async def transferred(amount: int) -> bool:
    return amount > 0


@transaction.aatomic(using="other")
async def amoved(amount: int) -> str:
    return str(amount)


def called() -> None:
    assert_type(transfer(3, note="x"), bool)
    assert_type(moved(3), str)
    transfer("3")  # error
    transfer(3, nte="x")  # error
    moved()  # error
    with transaction.atomic():
        transaction.on_commit(lambda: None)


async def awaited() -> None:
    assert_type(await transferred(3), bool)
    assert_type(await amoved(3), str)
    await transferred("3")  # error
    async with transaction.aatomic(savepoint=False):
        pass
