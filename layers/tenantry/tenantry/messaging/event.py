"""Events: what an entity's change says to the rest of the product.

An `Event` is stamped on the item it happened to (one conditional write for state and event); the
stream publisher puts it on the bus as an `Envelope`.
"""

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class Actor(BaseModel):
    """Who caused a change: a user, an operator of the platform, a program that an organisation lets
    act for it, or the system itself."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    id: str
    kind: Literal["user", "operator", "machine", "system"] = "user"
    role: str | None = None
    """The role it was done in, where the change is one of an organisation's members."""
    on_behalf_of: str | None = None
    """The support session in which an operator acted for an organisation."""


SYSTEM = Actor(id="system", kind="system")


class RequestOrigin(BaseModel):
    """Where a request came from, as far as it is known."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    source_ip: str | None = None
    user_agent: str | None = Field(default=None, max_length=512)


class EventData(BaseModel):
    """Base of every event's payload; a subclass is a type of event and its schema.

    `type` is the event's name (past tense), `context` whose it is, `version` grows when a field
    would have to be removed or narrowed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    type: ClassVar[str]
    context: ClassVar[str]
    version: ClassVar[int] = 1


class Event(BaseModel):
    """One thing that happened, as it is stored on the item it happened to."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    id: str
    type: str
    context: str
    version: int = 1
    occurred_at: datetime
    actor: Actor
    correlation_id: str | None = None
    request: RequestOrigin = RequestOrigin()
    data: dict[str, JsonValue]

    def stored(self) -> dict[str, Any]:
        """As plain JSON values, without what is empty."""
        return self.model_dump(mode="json", exclude_none=True)


class Envelope(Event):
    """An event on the bus: the event and the entity, and the organisation, that it happened to.

    `tenant_id` is None for what happens to a user outside of any organisation. Consumers assume
    no order: they ignore what is older than the `entity_version` they have applied.
    """

    tenant_id: str | None = None
    entity_type: str
    entity_id: str
    entity_version: int

    @property
    def trail(self) -> dict[str, str | None]:
        """What every log line about this event carries."""
        return {
            "tenant_id": self.tenant_id,
            "user_id": self.actor.id,
            "correlation_id": self.correlation_id,
            "event_id": self.id,
            "event_type": self.type,
        }
