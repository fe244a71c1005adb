"""Rows behind a many-to-many relation: one join with the junction, shared with the conditions that follow."""

from __future__ import annotations

from typing import Any

from dorm.expressions.references import ColumnRef
from dorm.fields.relations import Hop
from dorm.query.describe.base import Q, with_state
from dorm.query.describe.names import Names
from dorm.query.describe.paths import Path
from dorm.query.describe.state import AnnotateStep, FilterStep, sharing


def linked_to(queryset: Q, junction: Any, keys: list[object], owner: str | None = None, after: int | None = None) -> Q:
    """Rows that a many-to-many junction links to ``keys``; the next ``filter()`` is about the same link.

    :param owner: the attribute of each row that gets the key on the other side, if any.
    :param after: the number of steps before the link, as if the rest were chained to it; None for all.
    """
    state = queryset.state
    after = len(state.steps) if after is None else after
    later = state.steps[after:]
    far = junction.target
    hop = Hop(state.opts, junction.model._meta, far.target_field, far, multiple=True, nullable=True)
    name = f"{junction.model._meta.label}.{junction.source.name}"
    reference = ColumnRef(Path(state.opts, name, (hop,), junction.source, None, 0))
    predicate = Names(state).compare(reference, "in", keys)
    link: tuple[object, ...] = (FilterStep(predicate),)
    changes: dict[str, object] = {"sticky": not later}
    if owner is not None:
        link += (AnnotateStep(owner, reference),)
        changes["annotations"] = {**state.annotations, owner: reference}
        changes["selected"] = None if state.selected is None else (*state.selected, owner)
    return with_state(queryset, state.evolve(steps=(*state.steps[:after], *link, *sharing(later)), **changes))
