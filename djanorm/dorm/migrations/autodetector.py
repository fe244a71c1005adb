"""``MigrationAutodetector``: the name of the class that will compare two project states."""

from __future__ import annotations

from dorm.exceptions import NotSupportedError


class MigrationAutodetector:
    """Finds the operations between two states. It cannot be instantiated: this release has no migrations.

    :raises NotSupportedError: always; it says what to use instead.
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise NotSupportedError(
            "MigrationAutodetector needs migrations, which this release does not have: make missing tables with "
            "dorm.create_tables(), and change existing ones with SQL of your own."
        )
