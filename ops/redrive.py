"""`python -m ops.redrive`: sends what lies in dead-letter queues back to where it failed.

Three kinds of message lie there, and each has its way back:
- a queue's dead letters go back to the queue they came from;
- events that EventBridge could not deliver go to the target they were for;
- stream records that could not be published are handed to the publisher again.

A message is deleted only after it has been handed on, so an interrupted run loses nothing and may
deliver twice, which consumers know how to take. Only what lay there at the start is moved: what
fails again stays for the next run.
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
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

PUBLISHER = "streams-publish-changes"
FAILURES = "publisher-failures"
_BATCH = 10
_VISIBILITY = 120
_SHOWN_CAUSE = 80

Message = Mapping[str, Any]


class NoWayBackError(Exception):
    """The message does not say where it belongs; it stays where it is."""


@dataclass(frozen=True)
class Moved:
    """What became of one queue's messages."""

    queue: str
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
        answer = self.aws("lambda").invoke(
            FunctionName=f"{self.prefix}-{PUBLISHER}",
            Payload=json.dumps({"Records": [record]}).encode(),
        )
        if answer.get("FunctionError"):
            raise NoWayBackError(f"the publisher failed: {answer['Payload'].read()[:200]!r}")
        return cause

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
    """Show or move what waits; 1 when something stayed."""
    parser = argparse.ArgumentParser(prog="python -m ops.redrive", description=__doc__)
    parser.add_argument("--outputs", type=Path, default=Path(".localcloud/outputs.json"))
    parser.add_argument("--prefix", help="the deployment's prefix (default: from the outputs)")
    parser.add_argument("--queue", default=os.environ.get("QUEUE", ""), help="part of a name")
    parser.add_argument("--dry-run", action="store_true", help="show what waits, move nothing")
    options = parser.parse_args()
    console = Console()
    outputs = json.loads(options.outputs.read_text()) if options.outputs.exists() else {}
    prefix = options.prefix or outputs.get("Prefix")
    if not prefix:
        console.print("Nothing is deployed here: run `make up` first, or name a --prefix.")
        return 1
    redrive = Redrive(_clients(None if options.prefix else outputs), prefix)
    waiting = {u: n for u, n in redrive.queues().items() if options.queue in _name(u)}
    if options.dry_run:
        done = [Moved(_name(url), count, 0, count, ()) for url, count in waiting.items()]
    else:
        with Progress(console=console) as progress:
            done = []
            for url, count in waiting.items():
                task = progress.add_task(_name(url), total=count)
                done.append(redrive.run(url, lambda task=task: progress.advance(task)))  # type: ignore[misc]
    table = Table("queue", "waiting", "moved", "stayed", "causes")
    for queue in done:
        causes = "\n".join(cause[:_SHOWN_CAUSE] for cause in queue.causes)
        table.add_row(queue.queue, str(queue.waiting), str(queue.moved), str(queue.stayed), causes)
    console.print(table)
    return 1 if any(queue.stayed for queue in done) and not options.dry_run else 0


def _clients(outputs: Mapping[str, str] | None) -> Callable[[str], Any]:
    """Clients of the local cloud that `outputs` names, or of the account of the environment."""
    local: dict[str, str] = {}
    if outputs and outputs.get("Endpoint"):
        local = {
            "endpoint_url": outputs["Endpoint"],
            "region_name": outputs["Region"],
            "aws_access_key_id": "test",  # the local cloud's root
            "aws_secret_access_key": "test",
        }
    session: Any = boto3.session.Session()
    return lambda service: session.client(service, **local)


if __name__ == "__main__":
    sys.exit(main())
