"""The local cloud tells whether anything still happens behind what it answered."""

import json
import time
import urllib.request
from typing import Any

from localcloud.place import Place

# Begins late enough to be seen, and ends by itself.
SLOW = """
import time

def handler(event, context):
    time.sleep(1)
"""
MAY_READ = [{"Effect": "Allow", "Action": ["sqs:*"], "Resource": "*"}]


def is_quiet(cloud: Place) -> bool:
    with urllib.request.urlopen(f"{cloud.endpoint}/_localcloud/quiet") as answer:
        return bool(json.load(answer)["quiet"])


def until_quiet(cloud: Place) -> float:
    began = time.monotonic()
    while not is_quiet(cloud):
        assert time.monotonic() - began < 20
        time.sleep(0.02)
    return time.monotonic() - began


def test_it_is_not_quiet_while_a_message_waits_for_its_function_or_is_worked_on(
    cloud: Place, client: Any, functions: Any
) -> None:
    queue = client("sqs").create_queue(QueueName="quiet-queue")["QueueUrl"]
    function = functions.create(SLOW, MAY_READ)
    client("lambda").create_event_source_mapping(
        EventSourceArn=client("sqs").get_queue_attributes(
            QueueUrl=queue, AttributeNames=["QueueArn"]
        )["Attributes"]["QueueArn"],
        FunctionName=function,
    )
    until_quiet(cloud)

    client("sqs").send_message(QueueUrl=queue, MessageBody="{}")

    assert until_quiet(cloud) > 0.9


def test_a_message_that_nobody_reads_disturbs_nobody(cloud: Place, client: Any) -> None:
    queue = client("sqs").create_queue(QueueName="quiet-unread")["QueueUrl"]
    until_quiet(cloud)

    client("sqs").send_message(QueueUrl=queue, MessageBody="{}")

    assert is_quiet(cloud)


def test_it_is_not_quiet_while_a_stream_is_worked_on(
    cloud: Place, client: Any, functions: Any
) -> None:
    table = client("dynamodb").create_table(
        TableName="quiet-table",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]
    client("lambda").create_event_source_mapping(
        EventSourceArn=table["LatestStreamArn"],
        FunctionName=functions.create(SLOW),
        StartingPosition="TRIM_HORIZON",
    )
    until_quiet(cloud)

    client("dynamodb").put_item(TableName="quiet-table", Item={"PK": {"S": "one"}})

    assert until_quiet(cloud) > 0.9
