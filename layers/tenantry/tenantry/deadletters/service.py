"""Use cases of operators: see what was given up, and send it back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tenantry.deadletters.events import DeadLettersReturned
from tenantry.deadletters.model import Moved, Place, RedriveInput
from tenantry.deadletters.repository import Operators, Places, Redrives
from tenantry.errors import NotFoundError
from tenantry.messaging.stamp import Stamp
from tenantry.runtime.inputs import parse
from tenantry.tenancy.caller import Caller


@dataclass(frozen=True)
class DeadLetterService:
    operators: Operators
    places: Places
    redrives: Redrives
    stamp: Stamp

    def waiting(self, caller: Caller) -> list[Place]:
        """Every place where something could wait; operators only."""
        self.operators.require_active(caller)
        return self.places.places()

    def redrive(self, caller: Caller, values: Mapping[str, Any]) -> Moved:
        """Send up to `most` of what waits at a place back; emits DeadLettersReturned.

        Whoever is interrupted, or does it twice, loses nothing: consumers know events by their id.
        """
        self.operators.require_active(caller)
        given = parse(RedriveInput, values)
        place = next((each for each in self.places.places() if each.name == given.name), None)
        if place is None:
            raise NotFoundError("There is no such queue or bucket of dead letters.")
        moved = self.places.redrive(place, given.most)
        if moved.moved or moved.stayed:
            data = DeadLettersReturned(place=moved.place, moved=moved.moved, stayed=moved.stayed)
            event = self.stamp.event(data, caller.operator_cause)
            self.redrives.keep(self.stamp.new_id(), moved, event)
        return moved
