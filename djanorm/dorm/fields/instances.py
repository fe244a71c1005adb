"""``Instance``: what the vocabulary knows of a row of a model, and how a model says what its relations read as.

Fields, lookups and writes handle instances without knowing ``dorm.models.Model``, which is built on top of them and
inherits from ``Instance``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

N_contra = TypeVar("N_contra", contravariant=True)
Manager_co = TypeVar("Manager_co", covariant=True)


class Instance:
    """An instance of some model: the part of ``Model`` that lower layers may rely on."""

    _meta: ClassVar[Any]

    if TYPE_CHECKING:
        _state: Any
        pk: Any


class Linked(Protocol[Manager_co]):
    """An instance whose class says which manager a many-to-many relation to it reads as."""

    @property
    def _linked_manager(self) -> Manager_co: ...


class LinkedByName(Protocol[Manager_co]):
    """An instance whose relation names its target in a text, so that the type of the rows is not known."""

    @property
    def _unknown_manager(self) -> Manager_co: ...


class LinksMany(Protocol[N_contra, Manager_co]):
    """The same said by the instance that has the relation, for rows of type ``N_contra``; mypy understands only this."""

    def _manager_of(self, row: N_contra, /) -> Manager_co: ...
