"""`python -m ops.redrive`: sends what was given up back to where it failed.

It lies in dead-letter queues and, of whole batches of a stream, in the bucket of stream failures.
Each kind has its way back:
- a queue's dead letters go back to the queue they came from;
- events that EventBridge could not deliver go to the target they were for;
- stream records that could not be published, alone or as a batch, are handed to the publisher
  again.

A message or object is deleted only after it has been handed on, so an interrupted run loses
nothing and may deliver twice, which consumers know how to take. Only what lay there at the start
is moved: what fails again stays for the next run.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

PUBLISHER = "streams-publish-changes"
FAILURES = "publisher-failures"
BUCKET = "streamfailures"
_BATCH = 10
_VISIBILITY = 120
_SHOWN_CAUSE = 80

Message = Mapping[str, Any]


class NoWayBackError(Exception):
    """The message does not say where it belongs, or was not taken; it stays where it is."""


@dataclass(frozen=True)
class Moved:
    """What became of one queue's messages, or of a bucket's objects."""

    place: str
    waiting: int
    moved: int
    stayed: int
    causes: tuple[str, ...]


@dataclass(frozen=True)
class Redrive:
    """Moves messages of the deployment `prefix`; `aws` makes clients of its account."""

    aws: Callable[[str], Any]
    prefix: str

    def queues(self) -> dict[str, int]:
        """Every dead-letter queue of the deployment by URL, with how many messages wait there."""
        return {
            url: self._waiting(url)
            for url in self._all_queues()
            if _name(url).endswith(("-dead-letters", FAILURES))
        }

    def buckets(self) -> dict[str, int]:
        """The bucket of stream failures by its name, with how many objects wait there."""
        pages = self.aws("s3").get_paginator("list_buckets").paginate()
        names = (bucket["Name"] for page in pages for bucket in page.get("Buckets", []))
        wanted = f"{self.prefix}-{BUCKET}-"  # the stack has the prefix's name
        return {name: len(self._objects(name)) for name in names if name.startswith(wanted)}

    def run_bucket(self, bucket: str, advance: Callable[[], None] = lambda: None) -> Moved:
        """Hand the batches in the bucket to the publisher; what is no such batch stays."""
        keys, moved = self._objects(bucket), 0
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

    def run(self, url: str, advance: Callable[[], None] = lambda: None) -> Moved:
        """Send what waits in the queue back; messages without a way back stay."""
        waiting, moved, stayed = self._waiting(url), 0, 0
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
        return Moved(_name(url), waiting, moved, stayed, tuple(dict.fromkeys(causes)))

    def _way_back(self, url: str) -> Callable[[Message], str]:
        if _name(url).endswith(FAILURES):
            return self._publish_again
        for source in self._all_queues():
            if self._dead_letters_of(source) == _name(url):
                return partial(self._send, source)
        return self._deliver_again

    def _all_queues(self) -> Iterator[str]:
        pages = self.aws("sqs").get_paginator("list_queues").paginate(QueueNamePrefix=self.prefix)
        for page in pages:
            yield from page.get("QueueUrls", [])

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
        pages = self.aws("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

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
                    MaxNumberOfMessages=_BATCH,
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


def _name(url: str) -> str:
    return url.rsplit("/", 1)[-1]


def main() -> int:
    """Show or move what waits; 1 when something stayed, or AWS could not be asked."""
    parser = argparse.ArgumentParser(prog="python -m ops.redrive", description=__doc__)
    parser.add_argument("--outputs", type=Path, default=Path(".localcloud/outputs.json"))
    parser.add_argument("--prefix", help="the deployment's prefix (default: from the outputs)")
    parser.add_argument("--region", help="where the deployment is (default: the shell's)")
    parser.add_argument("--queue", default=os.environ.get("QUEUE", ""), help="part of a name")
    parser.add_argument("--dry-run", action="store_true", help="show what waits, move nothing")
    options = parser.parse_args()
    console = Console()
    outputs = json.loads(options.outputs.read_text()) if options.outputs.exists() else {}
    prefix = options.prefix or outputs.get("Prefix")
    if not prefix:
        console.print("Nothing is deployed here: run `make up` first, or name a --prefix.")
        return 1
    aws = _clients(None if options.prefix else outputs, options.region)
    try:
        done = _redriven(Redrive(aws, prefix), options.queue, options.dry_run, console)
    except NoRegionError:
        console.print("No region: name the deployment's --region, or set AWS_DEFAULT_REGION.")
        return 1
    except (BotoCoreError, ClientError) as error:
        console.print(f"{prefix} could not be asked: {error}", markup=False)
        return 1
    table = Table("queue or bucket", "waiting", "moved", "stayed", "causes")
    for each in done:
        causes = "\n".join(cause[:_SHOWN_CAUSE] for cause in each.causes)
        table.add_row(each.place, str(each.waiting), str(each.moved), str(each.stayed), causes)
    console.print(table)
    return 1 if any(each.stayed for each in done) and not options.dry_run else 0


def _redriven(redrive: Redrive, part: str, dry_run: bool, console: Console) -> list[Moved]:
    """What became of every place whose name has `part` in it; in a dry run, what waits there."""
    places = [
        *((url, _name(url), count, redrive.run) for url, count in redrive.queues().items()),
        *((name, name, count, redrive.run_bucket) for name, count in redrive.buckets().items()),
    ]
    places = [place for place in places if part in place[1]]
    if dry_run:
        return [Moved(name, count, 0, count, ()) for _, name, count, _ in places]
    done = []
    with Progress(console=console) as progress:
        for place, name, count, run in places:
            task = progress.add_task(name, total=count)
            done.append(run(place, partial(progress.advance, task)))
    return done


def _clients(outputs: Mapping[str, str] | None, region: str | None) -> Callable[[str], Any]:
    """Clients of the local cloud that `outputs` names, or of the account of the environment."""
    given: dict[str, str] = {"region_name": region} if region else {}
    if outputs and outputs.get("Endpoint"):
        given = {
            "endpoint_url": outputs["Endpoint"],
            "region_name": outputs["Region"],
            "aws_access_key_id": "test",  # the local cloud's root
            "aws_secret_access_key": "test",
        }
    session: Any = boto3.session.Session()
    return lambda service: session.client(service, **given)


if __name__ == "__main__":
    sys.exit(main())
