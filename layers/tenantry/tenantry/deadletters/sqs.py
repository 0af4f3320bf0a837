"""Adapter: dead-letter queues, and the bucket of stream failures, with the way back of each.

- A queue's dead letters go back to the queue they came from;
- events that EventBridge could not deliver go to the target they were for;
- stream records that could not be published, alone or as a batch, are handed to the publisher
  again.

A message or object is deleted only after it has been handed on, so an interrupted run loses
nothing and may deliver twice, which consumers know how to take. Only what lay there at the start
is moved: what fails again stays for the next run.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from tenantry.deadletters.model import Kind, Moved, Place

PUBLISHER = "streams-publish-changes"
FAILURES = "publisher-failures"
BUCKET = "streamfailures"
_BATCH = 10
_VISIBILITY = 120

Message = Mapping[str, Any]


class NoWayBackError(Exception):
    """The message does not say where it belongs, or was not taken; it stays where it is."""


def _nothing() -> None:
    """Nobody watches the progress."""


@dataclass(frozen=True)
class Redrive:
    """Moves messages of the deployment `prefix`; `aws` makes clients of its account.

    `bucket` is that of the stream failures, which is looked for by its name when it is not given.
    """

    aws: Callable[[str], Any]
    prefix: str
    bucket: str | None = None

    def places(self) -> list[Place]:
        """Queues and buckets where something could wait, by name."""
        queues = [
            Place(name, Kind.RECORDS if name.endswith(FAILURES) else Kind.DEAD_LETTERS, count)
            for url, count in self.queues().items()
            for name in (name_of(url),)
        ]
        buckets = [Place(name, Kind.BATCHES, count) for name, count in self.buckets().items()]
        return sorted([*queues, *buckets], key=lambda place: place.name)

    def redrive(self, place: Place, most: int) -> Moved:
        """Hand up to `most` of what waits at `place` back."""
        if place.kind is Kind.BATCHES:
            return self.run_bucket(place.name, most=most)
        url = self.aws("sqs").get_queue_url(QueueName=place.name)["QueueUrl"]
        return self.run(url, most=most)

    def queues(self) -> dict[str, int]:
        """Every dead-letter queue of the deployment by URL, with how many messages wait there."""
        return {
            url: self._waiting(url)
            for url in self._all_queues()
            if name_of(url).endswith(("-dead-letters", FAILURES))
        }

    def buckets(self) -> dict[str, int]:
        """The bucket of stream failures by its name, with how many objects wait there."""
        if self.bucket:
            return {self.bucket: len(self._objects(self.bucket))}
        names = (bucket["Name"] for bucket in self.aws("s3").list_buckets()["Buckets"])
        wanted = f"{self.prefix}-{BUCKET}-"  # the stack has the prefix's name
        return {name: len(self._objects(name)) for name in names if name.startswith(wanted)}

    def run_bucket(
        self, bucket: str, advance: Callable[[], None] = _nothing, most: int | None = None
    ) -> Moved:
        """Hand the batches in the bucket to the publisher; what is no such batch stays."""
        keys, moved = self._objects(bucket)[:most], 0
        causes: list[str] = []
        for key in keys:
            body = self.aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
            try:
                causes.append(self._publish_batch(body))
            except NoWayBackError as error:
                causes.append(str(error))
            else:
                moved += 1
                self.aws("s3").delete_object(Bucket=bucket, Key=key)  # its versions expire later
            advance()
        return Moved(bucket, len(keys), moved, len(keys) - moved, tuple(dict.fromkeys(causes)))

    def run(
        self, url: str, advance: Callable[[], None] = _nothing, most: int | None = None
    ) -> Moved:
        """Send what waits in the queue back; messages without a way back stay."""
        waiting, moved, stayed = self._waiting(url), 0, 0
        if most is not None:
            waiting = min(waiting, most)
        causes: list[str] = []
        send = self._way_back(url)
        for message in self._received(url, waiting):
            try:
                causes.append(send(message))
            except NoWayBackError as error:
                stayed += 1
                causes.append(str(error))
            else:
                moved += 1
                self.aws("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            advance()
        return Moved(name_of(url), waiting, moved, stayed, tuple(dict.fromkeys(causes)))

    def _way_back(self, url: str) -> Callable[[Message], str]:
        if name_of(url).endswith(FAILURES):
            return self._publish_again
        for source in self._all_queues():
            if self._dead_letters_of(source) == name_of(url):
                return partial(self._send, source)
        return self._deliver_again

    def _all_queues(self) -> Iterator[str]:
        """Page by page: the models that functions ship describe no paginators."""
        asked: dict[str, Any] = {"QueueNamePrefix": f"{self.prefix}-", "MaxResults": 1000}
        while True:
            page = self.aws("sqs").list_queues(**asked)
            yield from page.get("QueueUrls", [])
            if "NextToken" not in page:
                return
            asked["NextToken"] = page["NextToken"]

    def _dead_letters_of(self, url: str) -> str:
        """The name of the queue's dead-letter queue, read from the queue itself: the local cloud
        does not list the sources of one."""
        answer = self.aws("sqs").get_queue_attributes(
            QueueUrl=url, AttributeNames=["RedrivePolicy"]
        )
        policy = json.loads(answer.get("Attributes", {}).get("RedrivePolicy", "{}"))
        return str(policy.get("deadLetterTargetArn", "")).rpartition(":")[2]

    def _send(self, source: str, message: Message) -> str:
        self.aws("sqs").send_message(QueueUrl=source, MessageBody=message["Body"])
        return "received too often"

    def _deliver_again(self, message: Message) -> str:
        """To the target of the rule that failed, which EventBridge names on the message."""
        attributes = message.get("MessageAttributes", {})
        target = attributes.get("TARGET_ARN", {}).get("StringValue", "")
        if ":sqs:" not in target:
            raise NoWayBackError(f"no queue is named as target ({target or 'none'})")
        url = self.aws("sqs").get_queue_url(QueueName=target.rsplit(":", 1)[-1])["QueueUrl"]
        self.aws("sqs").send_message(QueueUrl=url, MessageBody=message["Body"])
        return str(attributes.get("ERROR_CODE", {}).get("StringValue", "not delivered"))

    def _publish_again(self, message: Message) -> str:
        """Through the publisher itself, which keeps the record again if it still fails."""
        try:
            kept = json.loads(message["Body"])
            record, cause = kept["record"], str(kept["cause"])
        except (ValueError, KeyError, TypeError) as error:
            raise NoWayBackError("not a kept stream record") from error
        self._invoke_publisher([record])
        return cause

    def _publish_batch(self, body: bytes) -> str:
        """Lambda wrote the object: the event it gave up, as text in `payload`, and why.

        https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
        """
        try:
            given_up = json.loads(body)
            event = given_up["payload"]
            records = (json.loads(event) if isinstance(event, str) else event)["Records"]
            cause = str(given_up["requestContext"]["condition"])
        except (ValueError, KeyError, TypeError) as error:
            raise NoWayBackError("not a batch that was given up") from error
        self._invoke_publisher(records)
        return cause

    def _invoke_publisher(self, records: list[Any]) -> None:
        answer = self.aws("lambda").invoke(
            FunctionName=f"{self.prefix}-{PUBLISHER}",
            Payload=json.dumps({"Records": records}).encode(),
        )
        said = answer["Payload"].read()
        if answer.get("FunctionError") or json.loads(said).get("batchItemFailures"):
            raise NoWayBackError(f"the publisher failed: {said[:200]!r}")

    def _objects(self, bucket: str) -> list[str]:
        found: list[str] = []
        asked: dict[str, Any] = {"Bucket": bucket}
        while True:
            page = self.aws("s3").list_objects_v2(**asked)
            found += [each["Key"] for each in page.get("Contents", [])]
            if not page.get("IsTruncated"):
                return found
            asked["ContinuationToken"] = page["NextContinuationToken"]

    def _waiting(self, url: str) -> int:
        answer = self.aws("sqs").get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def _received(self, url: str, most: int) -> Iterator[Message]:
        """Each message that waits now, once, until `most` have come or none is left."""
        seen: set[str] = set()
        while len(seen) < most:
            batch = (
                self.aws("sqs")
                .receive_message(
                    QueueUrl=url,
                    MaxNumberOfMessages=min(_BATCH, most - len(seen)),
                    VisibilityTimeout=_VISIBILITY,
                    WaitTimeSeconds=1,
                    MessageAttributeNames=["All"],
                )
                .get("Messages", [])
            )
            if not batch:
                return
            for message in batch:
                if message["MessageId"] not in seen and len(seen) < most:
                    seen.add(message["MessageId"])
                    yield message


def name_of(url: str) -> str:
    """The name of the queue at `url`."""
    return url.rsplit("/", 1)[-1]
