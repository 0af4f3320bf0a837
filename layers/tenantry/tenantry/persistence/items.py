"""Items: plain Python values to DynamoDB's and back."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from tenantry.messaging.event import Event

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()

Item = dict[str, Any]
RECENT = 8
"""How many of an item's latest versions keep the ids they were written by, to recognise a write."""


def to_wire(values: Mapping[str, Any]) -> dict[str, Any]:
    """DynamoDB's form of `values`; None is left out, as an absent attribute says the same."""
    return {
        name: _serializer.serialize(_exact(value))
        for name, value in values.items()
        if value is not None
    }


def from_wire(item: Mapping[str, Any]) -> Item:
    """Plain values of DynamoDB's form; whole numbers are int, others float."""
    return {name: _plain(_deserializer.deserialize(value)) for name, value in item.items()}


def stamped(
    attributes: Mapping[str, Any], version: int, events: Sequence[Event], ids: Sequence[str]
) -> dict[str, Any]:
    """`attributes` as the state `version` of an entity, with the events that led to it.

    `ids` are those of the events, or of the write itself when it tells nobody anything.
    """
    told = {"events": [event.stored() for event in events]} if events else {}
    return {
        **attributes,
        "entity_version": version,
        **told,
        "event_ids": {slot(version): list(ids)},
    }


def slot(version: int) -> str:
    """Where in `event_ids` a version's ids stand: the newest RECENT versions have one each."""
    return f"v{version % RECENT}"


def without_events(item: Item) -> Item:
    """For writers that copy, restore or repair: the same state, telling nobody anything."""
    return {name: value for name, value in item.items() if name != "events"}


def recent_event_ids(item: Mapping[str, Any]) -> frozenset[str]:
    """What the item's latest versions were written by: ids of events, or of writes without."""
    slots: Mapping[str, list[str]] = item.get("event_ids", {})
    return frozenset(event_id for ids in slots.values() for event_id in ids)


def _exact(value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, Mapping):
        return {name: _exact(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_exact(inner) for inner in value]
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
