"""Makes events of payloads: the one place where id, time, actor and origin are put on them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from tenantry.messaging.event import SYSTEM, Actor, Event, EventData, RequestOrigin


@dataclass(frozen=True)
class Cause:
    """Why something happens: who asked, from where, under which correlation id."""

    actor: Actor = SYSTEM
    correlation_id: str | None = None
    request: RequestOrigin = field(default_factory=RequestOrigin)


@dataclass(frozen=True)
class Stamp:
    """Time and ids for events, injected so that tests can fix them."""

    now: Callable[[], datetime]
    new_id: Callable[[], str]

    def event(self, data: EventData, cause: Cause, event_id: str | None = None) -> Event:
        """`data` as an event of now; `event_id` for one that must come out the same twice.

        One that no request led to, such as a sweep's, leads all that follows from it itself.
        """
        its_id = event_id or self.new_id()
        return Event(
            id=its_id,
            type=data.type,
            context=data.context,
            version=data.version,
            occurred_at=self.now(),
            actor=cause.actor,
            correlation_id=cause.correlation_id or its_id,
            request=cause.request,
            data=data.model_dump(mode="json"),
        )
