"""Whoever may send, and delete, a message may do it with ten at once.

"Amazon SQS API permissions: Actions and resource reference", Amazon SQS developer guide:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
"""

from __future__ import annotations

import json
from typing import Any

import pytest

SEND = """
import boto3

def handler(event, context):
    entries = [{"Id": str(n), "MessageBody": "x"} for n in range(2)]
    answer = boto3.client("sqs").send_message_batch(QueueUrl=event["url"], Entries=entries)
    return len(answer["Successful"])
"""


@pytest.fixture(scope="module")
def urls(client: Any) -> tuple[str, str]:
    sqs = client("sqs")
    own, other = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("batch-a", "batch-b"))
    return own, other


@pytest.fixture(scope="module")
def function(functions: Any, urls: tuple[str, str]) -> str:
    allowed = {
        "Effect": "Allow",
        "Action": "sqs:SendMessage",
        "Resource": "arn:aws:sqs:eu-central-1:000000000000:batch-a",
    }
    return str(functions.create(SEND, [allowed]))


def _sent(client: Any, function: str, url: str) -> Any:
    answer = client("lambda").invoke(FunctionName=function, Payload=json.dumps({"url": url}))
    said = json.loads(answer["Payload"].read())
    return said if "FunctionError" not in answer else said["errorMessage"]


def test_a_batch_is_sent_by_whom_may_send(
    client: Any, function: str, urls: tuple[str, str]
) -> None:
    assert _sent(client, function, urls[0]) == 2


def test_a_batch_to_another_queue_is_refused(
    client: Any, function: str, urls: tuple[str, str]
) -> None:
    assert "AccessDenied" in _sent(client, function, urls[1])
