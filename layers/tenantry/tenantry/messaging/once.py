"""At-least-once made effectively once, for effects that are not idempotent by themselves.

A marker per consumer and event says STARTED before the effect and DONE after it. Whoever finds
DONE does nothing. Whoever finds STARTED past its lease redoes the effect: the one who wrote it
died between marker and effect, and an effect done twice is better than one never done. Within the
lease another worker has it, so the message comes back later.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

KEPT = timedelta(days=14)
"""Longer than a message can wait: a queue keeps it for 14 days at most."""


class Markers(Protocol):
    """Port: markers of what a consumer has begun and done."""

    def begin(self, consumer: str, event_id: str, now: datetime, lease: timedelta) -> bool:
        """Take the event for `lease`: True to do it, False when it is done.

        UnavailableError while another worker's lease runs.
        """

    def done(self, consumer: str, event_id: str, now: datetime) -> None:
        """The effect is there; the marker may be purged KEPT later."""


@dataclass(frozen=True)
class Once:
    """`consumer`'s guard around an effect; `lease` is longer than its function may run."""

    markers: Markers
    consumer: str
    lease: timedelta
    now: Callable[[], datetime]

    def run(self, event_id: str, effect: Callable[[], None]) -> bool:
        """Do `effect` unless it was done for this event; answers whether it was done now."""
        if not self.markers.begin(self.consumer, event_id, self.now(), self.lease):
            return False
        effect()
        self.markers.done(self.consumer, event_id, self.now())
        return True
