"""A policy on an event bus, or an archive, allows what is done with that one, and no other.

"Actions, resources, and condition keys for Amazon EventBridge", service authorization reference:
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
"""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

DESCRIBE = """
import boto3

def handler(event, context):
    return boto3.client("events").describe_event_bus(Name=event["bus"])["Name"]
"""


@pytest.fixture(scope="module")
def function(client: Any, functions: Any) -> str:
    client("events").create_event_bus(Name="own")
    client("events").create_event_bus(Name="other")
    return str(
        functions.create(
            DESCRIBE,
            [
                {
                    "Effect": "Allow",
                    "Action": "events:DescribeEventBus",
                    "Resource": "arn:aws:events:eu-central-1:000000000000:event-bus/own",
                }
            ],
        )
    )


def test_the_bus_that_the_policy_names_is_described(client: Any, function: str) -> None:
    answer = client("lambda").invoke(FunctionName=function, Payload=b'{"bus": "own"}')

    assert answer["Payload"].read() == b'"own"'


def test_another_bus_is_denied(client: Any, function: str) -> None:
    answer = client("lambda").invoke(FunctionName=function, Payload=b'{"bus": "other"}')

    assert b"AccessDenied" in answer["Payload"].read()


def test_root_may_do_all(client: Any) -> None:
    client("events").create_event_bus(Name="short-lived")
    client("events").delete_event_bus(Name="short-lived")

    with pytest.raises(ClientError):
        client("events").describe_event_bus(Name="short-lived")


REPLAY = """
import boto3

def handler(event, context):
    return boto3.client("events").start_replay(
        ReplayName="replay-" + event["archive"],
        EventSourceArn="arn:aws:events:eu-central-1:000000000000:archive/" + event["archive"],
        EventStartTime=0,
        EventEndTime=1,
        Destination={"Arn": "arn:aws:events:eu-central-1:000000000000:event-bus/archived"},
    )["State"]
"""


@pytest.fixture(scope="module")
def replaying(client: Any, functions: Any) -> str:
    events = client("events")
    bus = events.create_event_bus(Name="archived")["EventBusArn"]
    for name in ("own", "other"):
        events.create_archive(ArchiveName=name, EventSourceArn=bus)
    archive = "arn:aws:events:eu-central-1:000000000000:archive/own"
    allowed = {"Effect": "Allow", "Action": "events:StartReplay", "Resource": archive}
    return str(functions.create(REPLAY, [allowed]))


@pytest.mark.parametrize(
    ("archive", "answered"), [("own", b"STARTING"), ("other", b"AccessDenied")]
)
def test_the_archive_that_the_policy_names_is_replayed_and_no_other(
    client: Any, replaying: str, archive: str, answered: bytes
) -> None:
    payload = f'{{"archive": "{archive}"}}'.encode()
    answer = client("lambda").invoke(FunctionName=replaying, Payload=payload)

    assert answered in answer["Payload"].read()
