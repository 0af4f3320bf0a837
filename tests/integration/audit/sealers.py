"""The sealer and the verifier as they are deployed, on any AWS: bucket, keys, queue, archive."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from functions.audit import seal_days, start_sealing, verify_api
from tenantry.audit.bootstrap.recording import recording_service
from tenantry.audit.seals import Seal
from tenantry.messaging.event import Envelope
from tenantry.persistence.table import Table
from tests.support.clock import FakeClock
from tests.support.invocations import appsync_event, queue_event
from tests.support.lambda_context import lambda_context

DAY = date(2026, 3, 2)
NEXT = DAY + timedelta(days=1)


@dataclass
class Sealers:
    """Seals and verifies by the handlers; `clock` says when."""

    client: Any
    """Makes a client of an AWS service."""
    platform: Table
    table: Table
    clock: FakeClock
    environment: dict[str, str]

    def record(self, *envelopes: Envelope) -> None:
        for each in envelopes:
            recording_service().record(each)

    def at(self, moment: datetime) -> None:
        self.clock.advance(moment - self.clock())

    def over(self, day: date) -> None:
        """Move on to when `day` can be sealed."""
        self.at(datetime(day.year, day.month, day.day, 2, 30, tzinfo=UTC) + timedelta(days=1))

    def start(self) -> int:
        return int(start_sealing.handler({}, lambda_context())["organizations"])

    def waiting(self) -> list[str]:
        """The tasks in the queue, which then are gone."""
        sqs, url = self.client("sqs"), self.environment["SEAL_QUEUE_URL"]
        bodies: list[str] = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for each in messages:
                bodies.append(each["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
        return bodies

    def work(self, *bodies: str) -> list[str]:
        """Hand tasks over; answers the messages that come again."""
        answer = seal_days.handler(queue_event(bodies), lambda_context())
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def seal(self, day: date = DAY, tenant_id: str = "t-1") -> list[str]:
        return self.work(json.dumps({"tenant_id": tenant_id, "day": day.isoformat()}))

    def ask(self, user: str = "ada", organization: str = "t-1", **arguments: Any) -> Any:
        given = {"from": "2026-03-02T00:00:00Z", "to": "2026-03-05T00:00:00Z", **arguments}
        event = appsync_event(
            "verifyAudit", given, user=user, organization=organization, parent="Query"
        )
        return verify_api.handler(event, lambda_context())

    def seals(self) -> list[Seal]:
        """Every seal of the bucket, in order."""
        s3, bucket = self.client("s3"), self.environment["SEALS_BUCKET"]
        keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        bodies = [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys]
        return sorted(map(Seal.read, bodies), key=lambda seal: seal.statement.sequence)


def resources(client: Any) -> dict[str, str]:
    """A bucket, keys, a queue, and a bus with its archive, of a test's own."""
    unique = uuid.uuid4().hex[:12]
    s3, kms, events = client("s3"), client("kms"), client("events")
    bucket = f"seals-{unique}"
    s3.create_bucket(
        Bucket=bucket,
        ObjectLockEnabledForBucket=True,
        CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
    )
    signing = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    bus = events.create_event_bus(Name=f"bus-{unique}")["EventBusArn"]
    archive = events.create_archive(ArchiveName=f"bus-{unique}", EventSourceArn=bus)["ArchiveArn"]
    rule = events.put_rule(
        Name="record", EventBusName=f"bus-{unique}", EventPattern='{"source":[{"prefix":"t"}]}'
    )["RuleArn"]
    return {
        "SEALS_BUCKET": bucket,
        "SEAL_SIGNING_KEY_ARN": signing["Arn"],
        "SEAL_WRAPPING_KEY_ARN": kms.create_key()["KeyMetadata"]["Arn"],
        "SEAL_QUEUE_URL": client("sqs").create_queue(QueueName=f"seals-{unique}")["QueueUrl"],
        "EVENT_BUS": f"bus-{unique}",
        "EVENT_BUS_ARN": bus,
        "EVENT_ARCHIVE_ARN": archive,
        "RECORD_EVENTS_RULE_ARN": rule,
    }


def heads(seals: Sequence[Seal]) -> list[tuple[int, str]]:
    return [(seal.statement.sequence, seal.statement.head) for seal in seals]
