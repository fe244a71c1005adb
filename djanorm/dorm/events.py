"""Write events: be told of every row that is written, whatever verb writes it.

    from dorm.events import subscribe

    stop = subscribe(receiver, models=[Invoice], want=["values", "old"])

The how-to "Watch the writes" has examples; the reference lists what an event says.
"""

from __future__ import annotations

from dorm.db.write_events import KINDS, Subscription, WriteEvent, subscribe

__all__ = ["KINDS", "Subscription", "WriteEvent", "subscribe"]
