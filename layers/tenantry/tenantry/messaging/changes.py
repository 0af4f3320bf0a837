"""From a stream record to the events it carries: pure, so that every border case is a unit test."""

from collections.abc import Collection, Mapping
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
        known = {event["id"] for event in old.get("events") or []}
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise CorruptDataError(f"a stamped event cannot be read: {type(error).__name__}") from error
    return stamped(new, known)


def stamped(item: Mapping[str, Any], known: Collection[str] = ()) -> list[Envelope]:
    """The events of an item's latest version, without those that are known; CorruptDataError when
    one cannot be read."""
    try:
        return [
            Envelope(
                **event,
                tenant_id=item.get("tenant_id"),
                entity_type=item["entity_type"],
                entity_id=item["entity_id"],
                entity_version=item["entity_version"],
            )
            for event in item.get("events") or []
            if event["id"] not in known
        ]
    except (ValidationError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise CorruptDataError(f"a stamped event cannot be read: {type(error).__name__}") from error


def _needed(image: Mapping[str, Any] | None) -> dict[str, Any]:
    return from_wire({name: value for name, value in (image or {}).items() if name in _NEEDED})
