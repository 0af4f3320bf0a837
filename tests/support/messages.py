"""A bus and a failure queue that remember, and events as EventBridge and SQS deliver them.

Shapes: "Events" (https://docs.aws.amazon.com/eventbridge/latest/ref/events.html) and "Using Lambda
with Amazon SQS" (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tenantry.messaging.event import Envelope

PLATFORM_ACCOUNT = "000000000000"


class FakeBus:
    """Keeps what is published; `refuse` says which event is refused, and why."""

    def __init__(self, refuse: Callable[[Envelope], str | None] = lambda _: None) -> None:
        self.events: list[Envelope] = []
        self.calls = 0
        self._refuse = refuse

    def publish(self, events: Sequence[Envelope]) -> Mapping[int, str]:
        self.calls += 1
        causes = [self._refuse(event) for event in events]
        self.events += [e for e, cause in zip(events, causes, strict=True) if cause is None]
        return {n: cause for n, cause in enumerate(causes) if cause is not None}


class FakeFailureQueue:
    """Keeps records with their causes, as the queue's message would carry them."""

    def __init__(self) -> None:
        self.kept: list[tuple[Mapping[str, Any], str]] = []

    def keep(self, record: Mapping[str, Any], cause: str) -> None:
        self.kept.append((json.loads(json.dumps(record)), cause))


def bus_event(envelope: Envelope, account: str = PLATFORM_ACCOUNT, **other: Any) -> dict[str, Any]:
    """The event as EventBridge gives it to a target; `other` overrides its fields."""
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": envelope.type,
        "source": f"tenantry.{envelope.context}",
        "account": account,
        "time": "2026-03-02T09:00:00Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": envelope.model_dump(mode="json", exclude_none=True),
        **other,
    }


def queue_event(*bodies: Mapping[str, Any] | str) -> dict[str, Any]:
    """The batch that Lambda gets from SQS; message ids count up from `message-0`."""
    return {
        "Records": [
            {
                "messageId": f"message-{number}",
                "receiptHandle": "handle",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1772442000000",
                    "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                    "ApproximateFirstReceiveTimestamp": "1772442000001",
                },
                "messageAttributes": {},
                "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:eu-central-1:{PLATFORM_ACCOUNT}:queue",
                "awsRegion": "eu-central-1",
            }
            for number, body in enumerate(bodies)
        ]
    }
