"""From a stream record to the events it carries: pure, so that every border case is a unit test."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from tenantry.errors import CorruptDataError
from tenantry.messaging.event import Envelope
from tenantry.persistence.items import from_wire

_NEEDED = frozenset({"events", "tenant_id", "entity_type", "entity_id", "entity_version"})


def envelopes(record: Mapping[str, Any]) -> list[Envelope]:
    """The events of a DynamoDB stream record that its old image does not have yet.

    None for a removal, for a copy (which carries no events) and for a change that stamped none.
    CorruptDataError when an event is there but cannot be read.
    """
    if record.get("eventName") not in ("INSERT", "MODIFY"):
        return []
    try:
        change = record["dynamodb"]
        new, old = _needed(change.get("NewImage")), _needed(change.get("OldImage"))
        stamped: list[dict[str, Any]] = new.get("events") or []
        known = {event["id"] for event in old.get("events") or []}
        return [
            Envelope(
                **event,
                tenant_id=new.get("tenant_id"),
                entity_type=new["entity_type"],
                entity_id=new["entity_id"],
                entity_version=new["entity_version"],
            )
            for event in stamped
            if event["id"] not in known
        ]
    except (ValidationError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise CorruptDataError(f"a stamped event cannot be read: {type(error).__name__}") from error


def _needed(image: Mapping[str, Any] | None) -> dict[str, Any]:
    return from_wire({name: value for name, value in (image or {}).items() if name in _NEEDED})
