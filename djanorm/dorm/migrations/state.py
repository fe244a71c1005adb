"""``ProjectState``: the name of the models as a history of migrations describes them."""

from __future__ import annotations

from dorm.exceptions import NotSupportedError
from dorm.migrations.historical import ModelState, historical

__all__ = ["ModelState", "ProjectState", "historical"]


class ProjectState:
    """The models of a project at one point of its history. It cannot be instantiated: this release has no migrations.

    :raises NotSupportedError: always; it says what to use instead.
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise NotSupportedError(
            "ProjectState needs migrations, which this release does not have: make missing tables with "
            "dorm.create_tables(), and change existing ones with SQL of your own."
        )
