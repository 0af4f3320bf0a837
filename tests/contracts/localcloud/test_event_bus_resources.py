"""A policy on an event bus allows what is done with that bus, and no other.

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
