"""The way back from every dead-letter queue."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ops.redrive import main
from tenantry.deadletters.model import Kind, Place
from tenantry.deadletters.sqs import Redrive

PREFIX = "shop"
RECORD = {"eventID": "1", "eventName": "INSERT", "dynamodb": {"NewImage": {"PK": {"S": "ORG#a"}}}}


class Publisher:
    """Stands where the publisher's Lambda is; `broken` makes it fail as Lambda says it."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.broken = False

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - AWS's names
        assert FunctionName == "shop-streams-publish-changes"
        if self.broken:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b"out of memory")}
        self.records += json.loads(Payload)["Records"]
        return {"Payload": io.BytesIO(b"{}")}


@pytest.fixture
def publisher() -> Publisher:
    return Publisher()


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        yield boto3.client("sqs")


@pytest.fixture
def redrive(sqs: Any, publisher: Publisher) -> Redrive:
    aws: Callable[[str], Any] = {
        "sqs": sqs,
        "s3": boto3.client("s3"),
        "lambda": publisher,
    }.__getitem__
    return Redrive(aws, PREFIX)


@pytest.fixture
def bucket(sqs: Any) -> str:
    """The deployment's bucket of stream failures, versioned as in the template."""
    s3, name = boto3.client("s3"), "shop-streamfailures-1x2y3z"
    for each in (name, "shopper-streamfailures-1", "shop-website-1"):
        s3.create_bucket(
            Bucket=each, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def _given_up(payload: Any) -> str:
    """What Lambda writes: https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html"""
    return json.dumps(
        {
            "requestContext": {
                "requestId": "316aa6d0-8154-xmpl-9af7-85d5f4a6bc81",
                "functionArn": "arn:aws:lambda:eu-central-1:000000000000:function:x",
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 6,
            },
            "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
            "version": "1.0",
            "timestamp": "2026-11-14T00:13:49.717Z",
            "DDBStreamBatchInfo": {"shardId": "shardId-1", "batchSize": 2},
            "payload": payload,
        }
    )


def _queue(sqs: Any, name: str, **attributes: str) -> str:
    return str(sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def _arn(sqs: Any, url: str) -> str:
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])


def _bodies(sqs: Any, url: str) -> list[str]:
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return sorted(message["Body"] for message in messages)


def test_only_dead_letter_queues_of_the_deployment_are_listed(sqs: Any, redrive: Redrive) -> None:
    dead = _queue(sqs, "shop-audit-events-dead-letters")
    kept = _queue(sqs, "shop-streams-publisher-failures")
    _queue(sqs, "shop-audit-events")
    _queue(sqs, "other-audit-events-dead-letters")
    sqs.send_message(QueueUrl=dead, MessageBody="x")

    assert redrive.queues() == {dead: 1, kept: 0}


def test_dead_letters_go_back_to_the_queue_they_came_from(sqs: Any, redrive: Redrive) -> None:
    dead = _queue(sqs, "shop-audit-events-dead-letters")
    policy = json.dumps({"deadLetterTargetArn": _arn(sqs, dead), "maxReceiveCount": 5})
    source = _queue(sqs, "shop-audit-events", RedrivePolicy=policy)
    for body in ("one", "two"):
        sqs.send_message(QueueUrl=dead, MessageBody=body)

    moved = redrive.run(dead)

    assert (moved.waiting, moved.moved, moved.stayed) == (2, 2, 0)
    assert _bodies(sqs, source) == ["one", "two"]
    assert _bodies(sqs, dead) == []


def test_an_undelivered_event_goes_to_the_target_it_was_for(sqs: Any, redrive: Redrive) -> None:
    dead = _queue(sqs, "shop-audit-rule-dead-letters")
    target = _queue(sqs, "shop-audit-events")
    sqs.send_message(
        QueueUrl=dead,
        MessageBody="event",
        MessageAttributes={
            "TARGET_ARN": {"DataType": "String", "StringValue": _arn(sqs, target)},
            "ERROR_CODE": {"DataType": "String", "StringValue": "SDK_CLIENT_ERROR"},
        },
    )

    moved = redrive.run(dead)

    assert moved.causes == ("SDK_CLIENT_ERROR",)
    assert _bodies(sqs, target) == ["event"]


def test_a_kept_record_is_published_again(sqs: Any, redrive: Redrive, publisher: Publisher) -> None:
    kept = _queue(sqs, "shop-streams-publisher-failures")
    body = json.dumps({"cause": "ThrottlingException", "record": RECORD})
    sqs.send_message(QueueUrl=kept, MessageBody=body)

    moved = redrive.run(kept)

    assert moved.causes == ("ThrottlingException",)
    assert publisher.records == [RECORD]
    assert _bodies(sqs, kept) == []


@pytest.mark.parametrize("body", ["not json", "[]", '{"cause": "x"}'])
def test_what_has_no_way_back_stays(sqs: Any, redrive: Redrive, body: str) -> None:
    kept = _queue(sqs, "shop-streams-publisher-failures")
    sqs.send_message(QueueUrl=kept, MessageBody=body)

    moved = redrive.run(kept)

    assert (moved.moved, moved.stayed) == (0, 1)
    assert redrive._waiting(kept) == 0  # in flight, not gone
    in_flight = sqs.get_queue_attributes(QueueUrl=kept, AttributeNames=["All"])["Attributes"]
    assert in_flight["ApproximateNumberOfMessagesNotVisible"] == "1"


def test_a_record_stays_when_the_publisher_itself_fails(
    sqs: Any, redrive: Redrive, publisher: Publisher
) -> None:
    publisher.broken = True
    kept = _queue(sqs, "shop-streams-publisher-failures")
    sqs.send_message(QueueUrl=kept, MessageBody=json.dumps({"cause": "x", "record": RECORD}))

    moved = redrive.run(kept)

    assert moved.stayed == 1
    assert "out of memory" in moved.causes[0]


def test_what_fails_again_waits_for_the_next_run(sqs: Any, redrive: Redrive) -> None:
    dead = _queue(sqs, "shop-audit-rule-dead-letters")
    sqs.send_message(
        QueueUrl=dead,
        MessageBody="event",
        MessageAttributes={"TARGET_ARN": {"DataType": "String", "StringValue": _arn(sqs, dead)}},
    )

    assert redrive.run(dead).moved == 1
    assert redrive.queues()[dead] == 1


@pytest.mark.parametrize("as_text", [True, False])
def test_a_batch_that_was_given_up_is_published_again(
    redrive: Redrive, bucket: str, publisher: Publisher, as_text: bool
) -> None:
    event = {"Records": [RECORD, RECORD | {"eventID": "2"}]}
    payload = json.dumps(event) if as_text else event
    s3 = boto3.client("s3")
    s3.put_object(Bucket=bucket, Key="aws/lambda/m/s/2026/11/14/one", Body=_given_up(payload))
    assert redrive.buckets() == {bucket: 1}

    moved = redrive.run_bucket(bucket)

    assert (moved.waiting, moved.moved, moved.stayed) == (1, 1, 0)
    assert moved.causes == ("RetryAttemptsExhausted",)
    assert publisher.records == event["Records"]
    assert redrive.buckets() == {bucket: 0}


@pytest.mark.parametrize("body", ["not json", "[]", "{}", _given_up("no event"), _given_up({})])
def test_an_object_that_is_no_batch_stays(redrive: Redrive, bucket: str, body: str) -> None:
    boto3.client("s3").put_object(Bucket=bucket, Key="x", Body=body)

    assert redrive.run_bucket(bucket).causes == ("not a batch that was given up",)
    assert redrive.buckets() == {bucket: 1}


def test_a_batch_stays_when_the_publisher_fails(
    redrive: Redrive, bucket: str, publisher: Publisher
) -> None:
    publisher.broken = True
    boto3.client("s3").put_object(Bucket=bucket, Key="x", Body=_given_up({"Records": [RECORD]}))

    assert redrive.run_bucket(bucket).stayed == 1
    assert redrive.buckets() == {bucket: 1}


def _said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *options: str
) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["redrive", "--prefix", PREFIX, *options])
    return main(), capsys.readouterr().out


def test_the_table_shows_queues_and_the_bucket(
    sqs: Any, bucket: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _queue(sqs, "shop-streams-publisher-failures")
    boto3.client("s3").put_object(Bucket=bucket, Key="x", Body="{}")

    status, said = _said(capsys, monkeypatch, "--dry-run")

    assert status == 0
    assert "shop-streams-publisher-failures" in said
    assert bucket in said
    assert boto3.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 1


def test_the_region_may_be_named(
    sqs: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _queue(sqs, "shop-streams-publisher-failures")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION")

    assert "No region" in _said(capsys, monkeypatch)[1]
    here = _said(capsys, monkeypatch, "--region", "eu-central-1", "--dry-run")[1]
    elsewhere = _said(capsys, monkeypatch, "--region", "eu-west-1", "--dry-run")[1]
    assert "publisher-failures" in here
    assert "publisher-failures" not in elsewhere


def test_without_credentials_it_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))

    status, said = _said(capsys, monkeypatch)

    assert status == 1
    assert "credentials" in said


def test_operators_see_every_place_with_what_waits(sqs: Any, redrive: Redrive, bucket: str) -> None:
    dead = _queue(sqs, "shop-audit-events-dead-letters")
    _queue(sqs, "shop-publisher-failures")
    sqs.send_message(QueueUrl=dead, MessageBody="x")

    assert redrive.places() == [
        Place("shop-audit-events-dead-letters", Kind.DEAD_LETTERS, 1),
        Place("shop-publisher-failures", Kind.RECORDS, 0),
        Place(bucket, Kind.BATCHES, 0),
    ]


def test_no_more_than_asked_for_is_moved_at_once(sqs: Any, redrive: Redrive) -> None:
    dead = _queue(sqs, "shop-audit-events-dead-letters")
    policy = json.dumps({"deadLetterTargetArn": _arn(sqs, dead), "maxReceiveCount": 5})
    _queue(sqs, "shop-audit-events", RedrivePolicy=policy)
    for body in ("one", "two", "three"):
        sqs.send_message(QueueUrl=dead, MessageBody=body)
    [place] = redrive.places()

    moved = redrive.redrive(place, most=2)

    assert (moved.moved, moved.stayed) == (2, 0)
    assert redrive.places()[0].waiting == 1


def test_no_more_batches_than_asked_for_are_moved_at_once(
    redrive: Redrive, bucket: str, publisher: Publisher
) -> None:
    for name in ("a", "b"):
        boto3.client("s3").put_object(
            Bucket=bucket, Key=name, Body=_given_up({"Records": [RECORD]})
        )
    own = Redrive(redrive.aws, PREFIX, bucket)
    [place] = own.places()

    assert own.redrive(place, most=1).moved == 1
    assert len(publisher.records) == 1
    assert own.places() == [Place(bucket, Kind.BATCHES, 1)]
