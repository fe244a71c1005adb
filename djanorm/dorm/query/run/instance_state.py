"""The state of one instance beside its values: whether it is stored, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, overload

if TYPE_CHECKING:
    from dorm.fields.instances import Instance


class ModelState:
    """The `_state` of an instance.

    :ivar adding: True until the first insert or load.
    :ivar db: the alias the instance was loaded from or saved to; None before that.
    :ivar written: True when the row was written to ``db`` through this instance, so that is where it is written again.
    :ivar default_key: the key that came from the key field's default, which no row can have yet.
    :ivar unique_checked: True when the caller of `save()` handles a duplicate itself (`get_or_create` and friends).
    :ivar stale: columns that were saved as expressions, whose values are not known here.
    """

    # Defaults on the class: a new instance's state is created without running `__init__`.
    adding: bool = True
    db: str | None = None
    written: bool = False
    default_key: object = None
    unique_checked: bool = False
    stale: frozenset[str] = frozenset()

    def __init__(self, adding: bool = True, db: str | None = None) -> None:
        self.adding = adding
        self.db = db

    def __repr__(self) -> str:
        return f"<ModelState adding={self.adding} db={self.db!r}>"

    def copy(self) -> ModelState:
        """An independent copy of the state, for pickles and copies of the instance."""
        twin = object.__new__(ModelState)
        twin.__dict__.update(self.__dict__)
        return twin


class LazyState:
    """The class attribute `_state`: makes the state of an instance that was loaded from ``default`` when first asked.

    Loading rows is the hot path, and the state of most instances is never read, so they carry none. `__init__` and loads
    from other aliases store one, which then hides this non-data descriptor.
    """

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Instance, owner: type) -> ModelState: ...
    def __get__(self, instance: Instance | None, owner: type) -> Self | ModelState:
        if instance is None:
            return self
        state = instance.__dict__["_state"] = ModelState(adding=False, db="default")
        return state


def state_of(instance: Instance) -> tuple[bool, str | None]:
    """``(adding, db)``, without creating a state for an instance that carries none."""
    state = instance.__dict__.get("_state")
    return (False, "default") if state is None else (state.adding, state.db)
