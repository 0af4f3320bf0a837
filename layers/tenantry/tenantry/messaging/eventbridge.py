"""Adapter: events to an EventBridge bus, ten an entry list and at most 256 KB a request."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from tenantry.messaging.event import Envelope

if TYPE_CHECKING:
    from types_boto3_events.client import EventBridgeClient

_ENTRIES = 10
_BYTES = 256 * 1024
_OVERHEAD = 256


class EventBridgeBus:
    def __init__(self, client: "EventBridgeClient", name: str) -> None:
        self._client: Any = client
        self._name = name

    def publish(self, events: Sequence[Envelope]) -> Mapping[int, str]:
        """Publish `events`; answers the positions that were refused, each with its cause."""
        refused: dict[int, str] = {}
        for batch in self._batches(events):
            try:
                answer = self._client.put_events(Entries=[entry for _, entry in batch])
            except (ClientError, BotoCoreError) as error:
                refused |= {position: f"{type(error).__name__}: {error}" for position, _ in batch}
                continue
            for (position, _), result in zip(batch, answer["Entries"], strict=True):
                if result.get("ErrorCode"):
                    refused[position] = f"{result['ErrorCode']}: {result.get('ErrorMessage', '')}"
        return refused

    def _batches(self, events: Sequence[Envelope]) -> Iterator[list[tuple[int, Mapping[str, Any]]]]:
        batch: list[tuple[int, Mapping[str, Any]]] = []
        size = 0
        for position, event in enumerate(events):
            detail = event.model_dump_json(exclude_none=True)
            cost = len(detail.encode()) + _OVERHEAD
            if batch and (len(batch) == _ENTRIES or size + cost > _BYTES):
                yield batch
                batch, size = [], 0
            size += cost
            batch.append(
                (
                    position,
                    {
                        "EventBusName": self._name,
                        "Source": f"tenantry.{event.context}",
                        "DetailType": event.type,
                        "Detail": detail,
                        "Time": event.occurred_at,
                    },
                )
            )
        if batch:
            yield batch
