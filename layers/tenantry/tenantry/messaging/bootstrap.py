"""Wires the stream publisher."""

from functools import cache

import boto3

from tenantry.bootstrap import CONFIG, SINGLE_ATTEMPT, settings
from tenantry.messaging.eventbridge import EventBridgeBus
from tenantry.messaging.publisher import ChangePublisher
from tenantry.messaging.sqs import SqsFailureQueue


@cache
def change_publisher() -> ChangePublisher:
    return ChangePublisher(
        bus=EventBridgeBus(
            boto3.client("events", config=SINGLE_ATTEMPT), settings().required("EVENT_BUS")
        ),
        failures=SqsFailureQueue(
            boto3.client("sqs", config=CONFIG),
            settings().required("PUBLISHER_FAILURE_QUEUE_URL"),
        ),
    )
