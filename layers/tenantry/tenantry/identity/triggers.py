"""What Cognito's triggers say of the person they are about."""

from typing import Any

from tenantry.identity.model import Arrival
from tenantry.messaging.event import Actor
from tenantry.messaging.stamp import Cause
from tenantry.runtime.observability import logger


def arrival_of(event: dict[str, Any]) -> Arrival:
    """The person of an event about an existing user."""
    return Arrival.of(event["userName"], event["request"].get("userAttributes") or {})


def metadata_of(event: dict[str, Any]) -> dict[str, str]:
    """The client metadata; Cognito leaves it out when there is none."""
    return event["request"].get("clientMetadata") or {}


def cause_of(arrival: Arrival) -> Cause:
    """The person as the cause of what follows, under the invocation's correlation id."""
    return Cause(actor=Actor(id=arrival.user_id), correlation_id=logger.get_correlation_id())
