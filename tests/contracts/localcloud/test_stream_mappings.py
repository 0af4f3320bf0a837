"""What becomes of stream records that a function could not process.

"Configuring partial batch response with DynamoDB and Lambda" and "Retaining discarded records
for a DynamoDB event source in Lambda", AWS Lambda developer guide:
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import DynamoDBStreamEvent

ALLOWED = [{"Effect": "Allow", "Action": ["sqs:SendMessage", "dynamodb:*"], "Resource": "*"}]

# Tells the queue what it was given, then reports or raises at the items named poison.
SOURCE = """
import json
import boto3

SEEN = {seen!r}

def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=SEEN, MessageBody=json.dumps(event))
    poison = [
        record["dynamodb"]["SequenceNumber"]
        for record in event["Records"]
        if record["dynamodb"]["Keys"]["PK"]["S"].startswith("poison")
    ]
    if poison and {raises!r}:
        raise ValueError("poison")
    return {{"batchItemFailures": [{{"itemIdentifier": number}} for number in poison]}}
"""


class Stream:
    """A table, a function on its stream, and the queue that tells what the function was given."""

    def __init__(self, client: Any, functions: Any, name: str) -> None:
        self._client = client
        self._functions = functions
        self.name = name
        self.batches: list[list[str]] = []
        self.mapping = ""
        self.sequence_numbers: dict[str, str] = {}
        self._seen = client("sqs").create_queue(QueueName=f"{name}-seen")["QueueUrl"]
        table = client("dynamodb").create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        self._arn = table["TableDescription"]["LatestStreamArn"]

    def consume(self, *, raises: bool = False, **options: Any) -> None:
        function = self._functions.create(SOURCE.format(seen=self._seen, raises=raises), ALLOWED)
        mapping = self._client("lambda").create_event_source_mapping(
            EventSourceArn=self._arn,
            FunctionName=function,
            StartingPosition="TRIM_HORIZON",
            BatchSize=10,
            **options,
        )
        self.mapping = mapping["UUID"]

    def write(self, *keys: str) -> None:
        for key in keys:
            self._client("dynamodb").put_item(TableName=self.name, Item={"PK": {"S": key}})

    def seen(self) -> list[list[str]]:
        """The keys of every batch so far, in the order of the calls."""
        answer = self._client("sqs").receive_message(
            QueueUrl=self._seen, MaxNumberOfMessages=1, WaitTimeSeconds=0
        )
        for message in answer.get("Messages", []):
            batch = []
            for record in DynamoDBStreamEvent(json.loads(message["Body"])).records:
                assert record.dynamodb is not None
                key = record.dynamodb.keys["PK"]
                assert record.dynamodb.sequence_number is not None
                self.sequence_numbers[key] = record.dynamodb.sequence_number
                batch.append(key)
            self.batches.append(batch)
            self._client("sqs").delete_message(
                QueueUrl=self._seen, ReceiptHandle=message["ReceiptHandle"]
            )
        return self.batches


@pytest.fixture
def stream(client: Any, functions: Any, name: str) -> Stream:
    return Stream(client, functions, name)


def messages(client: Any, url: str) -> list[Any]:
    answer = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


def test_a_reported_record_is_tried_again_from_there(
    client: Any, stream: Stream, until: Callable[..., Any]
) -> None:
    stream.write("first", "poison", "last")
    stream.consume(FunctionResponseTypes=["ReportBatchItemFailures"])

    until(lambda: len(stream.seen()) >= 3)
    client("lambda").delete_event_source_mapping(UUID=stream.mapping)

    assert stream.batches[:3] == [
        ["first", "poison", "last"],
        ["poison", "last"],
        ["poison", "last"],
    ]


def test_after_its_attempts_a_batch_goes_to_the_destination_and_the_shard_goes_on(
    client: Any, stream: Stream, until: Callable[..., Any]
) -> None:
    failed = client("sqs").create_queue(QueueName=f"{stream.name}-failed")["QueueUrl"]
    stream.write("first", "poison")
    stream.consume(
        FunctionResponseTypes=["ReportBatchItemFailures"],
        MaximumRetryAttempts=1,
        DestinationConfig={
            "OnFailure": {
                "Destination": f"arn:aws:sqs:eu-central-1:000000000000:{stream.name}-failed"
            }
        },
    )
    until(lambda: len(stream.seen()) >= 2)
    stream.write("after")
    until(lambda: stream.seen()[-1] == ["after"])

    assert stream.batches == [["first", "poison"], ["poison"], ["after"]]
    (record,) = until(lambda: messages(client, failed))
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    batch = record["DDBStreamBatchInfo"]
    assert batch["batchSize"] == 1
    assert batch["startSequenceNumber"] == stream.sequence_numbers["poison"]
    assert "payload" not in record


def test_a_bucket_as_destination_keeps_the_records_themselves(
    client: Any, stream: Stream, until: Callable[..., Any]
) -> None:
    client("s3").create_bucket(
        Bucket=f"{stream.name}-failed",
        CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
    )
    stream.write("poison")
    stream.consume(
        raises=True,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{stream.name}-failed"}},
    )

    (kept,) = until(
        lambda: client("s3").list_objects_v2(Bucket=f"{stream.name}-failed").get("Contents")
    )

    assert kept["Key"].startswith("aws/lambda/")
    body = client("s3").get_object(Bucket=f"{stream.name}-failed", Key=kept["Key"])["Body"].read()
    (record,) = DynamoDBStreamEvent(json.loads(json.loads(body)["payload"])).records
    assert record.dynamodb is not None
    assert record.dynamodb.new_image == {"PK": "poison"}


def test_a_batch_is_halved_until_the_poison_is_alone(
    client: Any, stream: Stream, until: Callable[..., Any]
) -> None:
    stream.write("a", "b", "poison", "d")
    stream.consume(raises=True, MaximumRetryAttempts=0, BisectBatchOnFunctionError=True)

    until(lambda: stream.seen()[-1:] == [["d"]])

    assert ["a", "b"] in stream.batches
    assert ["poison"] in stream.batches
    assert stream.batches[-1] == ["d"]


def test_one_stream_does_not_wait_for_another(
    client: Any, functions: Any, stream: Stream, until: Callable[..., Any], name: str
) -> None:
    other = Stream(client, functions, f"{name}-other")
    other.write("poison")
    other.consume(FunctionResponseTypes=["ReportBatchItemFailures"])
    until(other.seen)

    stream.write("first")
    stream.consume()

    assert until(stream.seen) == [["first"]]
    client("lambda").delete_event_source_mapping(UUID=other.mapping)
