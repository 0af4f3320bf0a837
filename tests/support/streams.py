"""DynamoDB Streams and Lambda's reading of them, with AWS's documented semantics.

"Using AWS Lambda with Amazon DynamoDB" (https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html),
"How Lambda processes records from stream and queue-based event sources" and "Retaining discarded
batches": records of one item come in the order of its writes; a batch that fails is tried again;
bisecting halves it, without counting as a retry; ReportBatchItemFailures begins again at the
lowest failed sequence number; what runs out of retries goes to the on-failure destination, and
the shard goes on.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tenantry.persistence.items import to_wire
from tests.support.lambda_context import lambda_context

type Record = dict[str, Any]
type Handler = Callable[[dict[str, Any], Any], Any]

ARN = "arn:aws:dynamodb:eu-central-1:000000000000:table/platform/stream/2026-03-02T09:00:00.000"


class Records:
    """Makes stream records of what happened to items; numbers them as one shard."""

    def __init__(self) -> None:
        self._number = 100

    def of(self, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Record:
        """The record of one write; `old` and `new` are plain items, None where there is none."""
        return self.of_images(
            to_wire(old) if old is not None else None, to_wire(new) if new is not None else None
        )

    def of_images(self, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Record:
        """The same of items in DynamoDB's form."""
        kind = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
        some = new if new is not None else old or {}
        change: dict[str, Any] = {
            "Keys": {name: some[name] for name in ("PK", "SK") if name in some},
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        }
        if new is not None:
            change["NewImage"] = dict(new)
        if old is not None:
            change["OldImage"] = dict(old)
        return self._record(kind, change)

    def read(self, client: Any, table: str, streams: Any) -> list[Record]:
        """Every record that a table's own stream holds, as Lambda would be given them.

        `client` (dynamodb) and `streams` (dynamodbstreams) are clients of the table's cloud.
        """
        found = []
        arn = client.describe_table(TableName=table)["Table"]["LatestStreamArn"]
        for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            iterator = streams.get_shard_iterator(
                StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while iterator:
                answer = streams.get_records(ShardIterator=iterator)
                for record in answer["Records"]:
                    change = dict(record["dynamodb"])
                    change.pop("ApproximateCreationDateTime", None)
                    found.append(self._record(record["eventName"], change))
                iterator = answer.get("NextShardIterator") if answer["Records"] else None
        return found

    def _record(self, kind: str, change: Mapping[str, Any]) -> Record:
        self._number += 1
        return {
            "eventID": f"{self._number:032x}",
            "eventName": kind,
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "eu-central-1",
            "eventSourceARN": ARN,
            "dynamodb": {
                "ApproximateCreationDateTime": 1772442000.0,
                **change,
                "SequenceNumber": f"{self._number:021d}",
                "SizeBytes": 100,
            },
        }


@dataclass(frozen=True)
class Discarded:
    """What the on-failure destination is given: an S3 one keeps the records too."""

    condition: str
    records: tuple[Record, ...]


@dataclass
class StreamDriver:
    """Reads one shard into a handler, as an event source mapping is configured to."""

    handler: Handler
    batch_size: int = 100
    maximum_retry_attempts: int = 3
    bisect_batch_on_function_error: bool = True
    report_batch_item_failures: bool = True
    discarded: list[Discarded] = field(default_factory=list)
    invocations: list[int] = field(default_factory=list)
    """The size of each batch that the handler was given."""

    def run(self, records: Sequence[Record]) -> None:
        """Hand over all `records`; afterwards each was processed, or is in `discarded`."""
        for start in range(0, len(records), self.batch_size):
            self._batch(list(records[start : start + self.batch_size]), 0)

    def _batch(self, batch: list[Record], tried: int) -> None:
        while batch:
            failed_at = self._invoke(batch)
            if failed_at is None:
                return
            if failed_at > 0:
                # Records before the checkpoint are done; a smaller batch starts its own retries.
                batch, tried = batch[failed_at:], 0
                continue
            if self.bisect_batch_on_function_error and len(batch) > 1:
                half = len(batch) // 2
                self._batch(batch[:half], tried)
                batch = batch[half:]
                continue
            tried += 1
            if tried > self.maximum_retry_attempts:
                self.discarded.append(Discarded("RetryAttemptsExhausted", tuple(batch)))
                return

    def _invoke(self, batch: list[Record]) -> int | None:
        """None when all went well, otherwise the position of the first failed record."""
        self.invocations.append(len(batch))
        try:
            answer = self.handler({"Records": copy.deepcopy(batch)}, lambda_context())
        except Exception:
            return 0
        if not self.report_batch_item_failures or not answer:
            return None
        failures = answer.get("batchItemFailures")
        if not failures:
            return None
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        positions = [
            numbers.index(failure["itemIdentifier"]) if failure["itemIdentifier"] in numbers else 0
            for failure in failures
        ]
        return min(positions)


def shuffled_with_duplicates(
    records: Sequence[Any], at_most: int, choose: Callable[[int, int], int]
) -> Iterator[Any]:
    """Each record 1 to `at_most` times, in an order of its own; `choose` is a `randint`."""
    copies = [each for each in records for _ in range(choose(1, at_most))]
    for left in range(len(copies), 0, -1):
        position = choose(0, left - 1)
        copies[position], copies[left - 1] = copies[left - 1], copies[position]
        yield copies[left - 1]
