"""Ports: the places where what was given up waits, who is an operator, what they did."""

from typing import Protocol

from tenantry.deadletters.model import Moved, Place
from tenantry.messaging.event import Event
from tenantry.tenancy.caller import Caller


class Operators(Protocol):
    def require_active(self, caller: Caller) -> None:
        """Return for an operator who is not suspended; ForbiddenError otherwise."""


class Places(Protocol):
    def places(self) -> list[Place]:
        """Every place of the deployment, by name."""

    def redrive(self, place: Place, most: int) -> Moved:
        """Hand up to `most` of what waits there back; what has no way back stays."""


class Redrives(Protocol):
    def keep(self, redrive_id: str, moved: Moved, event: Event) -> None:
        """Keep what an operator did, with its event."""
