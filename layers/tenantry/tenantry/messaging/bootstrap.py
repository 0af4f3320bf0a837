"""Wires the stream publisher, and the admission of what other accounts tell."""

from functools import cache

import boto3

from tenantry.bootstrap import CONFIG, SINGLE_ATTEMPT, platform_table, settings
from tenantry.messaging.admission import Admission
from tenantry.messaging.eventbridge import EventBridgeBus
from tenantry.messaging.publisher import ChangePublisher
from tenantry.messaging.registered import RegisteredSenders
from tenantry.messaging.sqs import SqsFailureQueue
from tenantry.tenancy.holdings import told_of_tenants_tables


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


@cache
def admission() -> Admission:
    return Admission(
        senders=RegisteredSenders(platform_table()),
        bus=EventBridgeBus(boto3.client("events", config=CONFIG), settings().required("EVENT_BUS")),
        believed=told_of_tenants_tables(),
    )
