"""What operators do with what was given up."""

from typing import ClassVar

from tenantry.messaging.event import EventData


class DeadLettersReturned(EventData):
    """An operator sent what waited at a place back to where it failed."""

    context: ClassVar[str] = "deadletters"
    type: ClassVar[str] = "DeadLettersReturned"

    place: str
    moved: int
    stayed: int
