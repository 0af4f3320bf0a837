"""A bus takes events from the accounts that its policy names, and tells whose they are.

"Sending and receiving events between AWS accounts in Amazon EventBridge", EventBridge user guide:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

ELSEWHERE = "222222222222"
PATTERN = json.dumps({"source": ["product"]})


@pytest.fixture
def abroad(client: Any) -> Any:
    """Clients of another account."""
    keys = {"aws_access_key_id": ELSEWHERE, "aws_secret_access_key": "test"}
    return lambda service: client(service, **keys)


@pytest.fixture
def bus(client: Any, name: str) -> Iterator[tuple[str, str]]:
    """The ARN of a bus, and a queue that gets what is put onto it."""
    events, sqs = client("events"), client("sqs")
    arn = events.create_event_bus(Name=name)["EventBusArn"]
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    events.put_rule(Name=name, EventBusName=name, EventPattern=PATTERN)
    target = {"Id": "queue", "Arn": found["Attributes"]["QueueArn"]}
    events.put_targets(Rule=name, EventBusName=name, Targets=[target])
    yield arn, queue
    events.remove_targets(Rule=name, EventBusName=name, Ids=["queue"])
    events.delete_rule(Name=name, EventBusName=name)
    events.delete_event_bus(Name=name)


def entry(bus: str) -> dict[str, str]:
    return {"EventBusName": bus, "Source": "product", "DetailType": "Told", "Detail": '{"n": 1}'}


def let_in(client: Any, bus: str, account: str) -> None:
    client("events").put_permission(
        EventBusName=bus.rpartition("/")[2],
        Action="events:PutEvents",
        Principal=account,
        StatementId="them",
    )


def received(client: Any, queue: str, seconds: int = 5) -> list[dict[str, Any]]:
    answer = client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=seconds)
    return [json.loads(each["Body"]) for each in answer.get("Messages", [])]


def test_an_account_that_may_is_heard_under_its_own_name(
    client: Any, abroad: Any, bus: tuple[str, str]
) -> None:
    arn, queue = bus
    let_in(client, arn, ELSEWHERE)

    answer = abroad("events").put_events(Entries=[entry(arn)])

    assert answer["FailedEntryCount"] == 0
    (event,) = received(client, queue)
    assert (event["account"], event["detail"]) == (ELSEWHERE, {"n": 1})


def test_an_account_that_may_not_is_refused(client: Any, abroad: Any, bus: tuple[str, str]) -> None:
    arn, queue = bus
    let_in(client, arn, "333333333333")

    with pytest.raises(ClientError) as refused:
        abroad("events").put_events(Entries=[entry(arn)])

    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    assert received(client, queue, seconds=0) == []


def test_a_rule_hands_on_to_a_bus_of_another_account(
    client: Any, abroad: Any, bus: tuple[str, str], name: str
) -> None:
    arn, queue = bus
    let_in(client, arn, ELSEWHERE)
    events = abroad("events")
    events.put_rule(Name=name, EventPattern=PATTERN)
    events.put_targets(Rule=name, Targets=[{"Id": "bus", "Arn": arn, "RoleArn": _any_role()}])

    events.put_events(Entries=[{**entry(arn), "EventBusName": "default"}])

    (event,) = received(client, queue)
    assert event["account"] == ELSEWHERE


def _any_role() -> str:
    return f"arn:aws:iam::{ELSEWHERE}:role/tells"
