"""The worker of exports, through its handler: stopped at any call, told twice, or not answered.

On moto: one process at a time. Its queue is a queue, so that a message that is not done comes
again, and each run's calls are counted over all of its invocations.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
import moto.s3.models
import pytest

from functions.audit import api, write_exports
from tenantry.audit import dynamodb_exports, exporting
from tenantry.messaging.changes import envelopes
from tenantry.messaging.event import Envelope
from tenantry.persistence.items import without_events
from tenantry.persistence.keys import organization_key
from tenantry.persistence.table import Table
from tenantry.persistence.writes import Copy
from tenantry.tenancy.router import Whereabouts
from tenantry.tenancy.tenant_table import TenantTable
from tests.integration.audit.conftest import Audit, bodies, envelope
from tests.support.capacity import measured
from tests.support.clock import START
from tests.support.faults import (
    WRITES,
    Stopped,
    injected,
    lose_answer,
    recorded,
    refused,
    stop_after,
    stop_before,
)
from tests.support.invocations import appsync_event, forget, queue_event, wire
from tests.support.lambda_context import lambda_context
from tests.support.tables import create_table, items

BUCKET = "exports"
UPLOADS = WRITES | {
    "PutObject",
    "CreateMultipartUpload",
    "UploadPart",
    "CompleteMultipartUpload",
    "AbortMultipartUpload",
}
COUNT = 9
EVER = {"from": START.isoformat(), "to": (START + timedelta(days=20)).isoformat()}


@dataclass
class Exports:
    """Asks as AppSync does, and delivers as stream, bus and queue do."""

    audit: Audit
    tenant: Table
    queue: str

    def ask(self, field: str, user: str = "ada", organization: str = "t-1", **given: Any) -> Any:
        parent = "Query" if field.startswith("audit") else "Mutation"
        event = appsync_event(field, given, user=user, organization=organization, parent=parent)
        return api.handler(event, lambda_context())

    def request(self, **given: Any) -> dict[str, Any]:
        answer = self.ask("requestAuditExport", input={**EVER, "format": "JSONL", **given})
        job: dict[str, Any] = answer["data"]
        return job

    def told(self) -> list[Envelope]:
        """The events that stand on the jobs now, as the stream would publish them."""
        stored = items(self.tenant._client, self.tenant.name)
        records = [{"eventName": "INSERT", "dynamodb": {"NewImage": item}} for item in stored]
        return [event for record in records for event in envelopes(record)]

    def enqueue(self) -> None:
        """What the rule of the bus lets through."""
        asked = (event for event in self.told() if event.type == "AuditExportRequested")
        for body in bodies(*asked):
            boto3.client("sqs").send_message(QueueUrl=self.queue, MessageBody=body)

    def deliver(self, times: int = 1) -> bool:
        """Hand over one message, as often as told; False when none waits.

        It is deleted only when it is done, as the mapping of the queue does.
        """
        sqs = boto3.client("sqs")
        received = sqs.receive_message(QueueUrl=self.queue, VisibilityTimeout=0)
        for message in received.get("Messages", [])[:1]:
            for _ in range(times):
                answer = write_exports.handler(queue_event([message["Body"]]), lambda_context())
            if not answer["batchItemFailures"]:
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
            return True
        return False

    def drain(self) -> None:
        for _ in range(200):
            if not self.deliver():
                return
        raise AssertionError("the queue does not run dry")

    def result(self, job: dict[str, Any], **whose: str) -> bytes:
        followed = self.ask("auditExport", id=job["id"], **whose)["data"]
        assert followed["state"] == "DONE", followed
        assert followed["url"]
        key = urlsplit(followed["url"]).path.removeprefix(f"/{BUCKET}").lstrip("/")
        content: bytes = boto3.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
        assert followed["size"] == len(content)
        return content


@pytest.fixture
def exports(audit: Audit, tenant_table: Table, monkeypatch: pytest.MonkeyPatch) -> Exports:
    sqs = boto3.client("sqs")
    queue = sqs.create_queue(QueueName="write-exports")["QueueUrl"]
    boto3.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    wire(
        monkeypatch,
        PLATFORM_TABLE=audit.platform.name,
        AUDIT_TABLE=audit.table.name,
        TENANT_TABLE=tenant_table.name,
        PREFIX="tenantry",
        EXPORTS_BUCKET=BUCKET,
        EXPORTS_QUEUE_URL=queue,
        TENANT_DATA_ROLE_ARN="arn:aws:iam::123456789012:role/tenant-data",
    )
    audit.join("ada", "t-1")
    audit.join("eve", "t-2")
    for number in range(COUNT):
        at = START + timedelta(hours=20 * number + 1)
        audit.deliver(*bodies(envelope(number, at, data={"canary": f"canary-1-{number}"})))
    audit.deliver(*bodies(envelope(99, START + timedelta(hours=1), tenant_id="t-2")))
    return Exports(audit, tenant_table, queue)


@pytest.fixture
def slices(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    def make(looked: int, part: int) -> None:
        monkeypatch.setattr(exporting, "LOOKED_AT_A_SLICE", looked)
        monkeypatch.setattr(exporting, "PART", part)
        monkeypatch.setattr(exporting, "AT_ONCE", 4)
        monkeypatch.setattr(dynamodb_exports, "PROVED_EVERY", timedelta(0))
        monkeypatch.setattr(moto.s3.models, "S3_UPLOAD_PART_MIN_SIZE", 1)

    return make


def ids(content: bytes) -> list[str]:
    return [json.loads(line)["event_id"] for line in content.decode().splitlines()]


EVERYTHING = [f"e-{number:05}" for number in range(COUNT)]
SIZES = [(4, 10**9), (4, 1)]


@pytest.mark.parametrize(("looked", "part"), SIZES, ids=["in one piece", "in parts"])
def test_an_export_goes_on_by_its_own_messages_until_it_is_whole(
    exports: Exports, slices: Callable[[int, int], None], looked: int, part: int
) -> None:
    slices(looked, part)
    job = exports.request()
    exports.enqueue()

    seen = []
    while exports.deliver():
        seen.append(exports.ask("auditExport", id=job["id"])["data"]["percent"])

    assert ids(exports.result(job)) == EVERYTHING
    assert seen == sorted(seen)
    assert seen[-1] == 100
    assert len(seen) > 2
    [told] = exports.told()
    assert (told.type, told.actor.id, told.actor.role) == ("AuditExported", "ada", "OWNER")
    assert told.correlation_id == "Root=1-5f-1"
    assert told.request.source_ip == "203.0.113.7"


@pytest.mark.parametrize(("stop", "part"), [(stop_before, 1), (stop_after, 1), (stop_after, 10**9)])
def test_stopped_at_any_call_the_export_ends_whole_and_is_told_once(
    exports: Exports, slices: Callable[[int, int], None], stop: Any, part: int
) -> None:
    """Row 12: for every call of the worker, of every slice, in parts and in one piece."""
    slices(4, part)
    own = [*UPLOADS - {"AssumeRole"}, "BatchGetItem", "GetObject", "Query"]
    exports.request()
    exports.enqueue()
    with recorded() as calls:
        exports.drain()
    count = len(calls.of(*own))
    assert count > 10

    for at in range(1, count + 1):
        job = exports.request()
        exports.enqueue()
        stopped = 0
        with injected(stop(at, own)):
            while True:
                try:
                    if not exports.deliver():
                        break
                except Stopped:
                    stopped += 1
        assert stopped == 1, at
        assert ids(exports.result(job)) == EVERYTHING, at
        told = [event for event in exports.told() if event.entity_id == job["id"]]
        assert [event.type for event in told] == ["AuditExported"], at


@pytest.mark.parametrize(("looked", "part"), SIZES, ids=["in one piece", "in parts"])
def test_every_answer_that_is_lost_ends_as_if_it_had_come(
    exports: Exports, slices: Callable[[int, int], None], looked: int, part: int
) -> None:
    """Row 11: the SDK asks again, and the second time finds what the first has done."""
    slices(looked, part)
    exports.request()
    exports.enqueue()
    with recorded() as calls:
        exports.drain()

    for at in range(1, len(calls.of(*UPLOADS - {"AssumeRole"})) + 1):
        job = exports.request()
        exports.enqueue()
        with injected(lose_answer(at, UPLOADS - {"AssumeRole"})):
            exports.drain()
        assert ids(exports.result(job)) == EVERYTHING, at


def test_messages_that_come_several_times_change_nothing(
    exports: Exports, slices: Callable[[int, int], None]
) -> None:
    """Row 13."""
    slices(4, 1)
    job = exports.request()
    for _ in range(5):
        exports.enqueue()

    while exports.deliver(times=3):
        pass

    assert ids(exports.result(job)) == EVERYTHING
    assert [event.type for event in exports.told()] == ["AuditExported"]


def test_busy_services_are_waited_for(exports: Exports, slices: Callable[[int, int], None]) -> None:
    slices(4, 1)
    job = exports.request()
    exports.enqueue()

    with injected(
        refused("SlowDown", "UploadPart", "PutObject", share=0.4, seed=5, status=503),
        refused("ThrottlingException", "UpdateItem", "Query", share=0.3, seed=6),
    ):
        exports.drain()

    assert ids(exports.result(job)) == EVERYTHING


def test_nobody_gets_another_organisations_export(exports: Exports) -> None:
    job = exports.request()
    exports.enqueue()
    exports.drain()

    for field in ("auditExport", "cancelAuditExport"):
        assert exports.ask(field, "eve", "t-2", id=job["id"])["error"]["code"] == "NOT_FOUND"
    assert exports.ask("auditExports", "eve", "t-2")["data"]["items"] == []
    assert exports.ask("auditExport", "eve", "t-1", id=job["id"])["error"]["code"] == "NOT_A_MEMBER"


def test_a_forged_message_names_no_job_of_another_organisation(exports: Exports) -> None:
    """Whoever could send to the queue would still have to name a job where it stands."""
    job = exports.request()
    [told] = exports.told()
    forged = told.model_copy(update={"tenant_id": "t-2"})
    write_exports.handler(queue_event(bodies(forged)), lambda_context())

    assert exports.ask("auditExport", id=job["id"])["data"]["state"] == "REQUESTED"
    stranger = json.loads(bodies(told)[0]) | {"account": "999999999999"}
    answer = write_exports.handler(queue_event([json.dumps(stranger)]), lambda_context())
    assert answer["batchItemFailures"]


@pytest.mark.parametrize("format_", ["CSV", "PDF"])
def test_a_report_shows_who_has_access_and_who_exported(exports: Exports, format_: str) -> None:
    first = exports.request()
    exports.enqueue()
    exports.drain()
    exports.audit.deliver(*bodies(*exports.told()))
    span = {**EVER, "to": (START + timedelta(days=3000)).isoformat()}
    [asked] = exports.ask("requestComplianceReport", input={**span, "format": format_}).values()
    exports.enqueue()
    exports.drain()

    content = exports.result(asked)

    if format_ == "PDF":
        assert content.startswith(b"%PDF")
    else:
        text = content.decode("utf-8-sig")
        assert '"Ada","","OWNER","ACTIVE"' in text
        assert '"AuditExported","Ada","OWNER"' in text
        assert first["id"] in text
        assert "Wrong passwords are refused by the identity provider" in text
        assert "Eve" not in text


def test_work_is_done_with_credentials_of_the_organisation_alone(exports: Exports) -> None:
    exports.request()
    exports.enqueue()
    forget()
    with recorded() as calls:
        exports.drain()

    [assumed] = calls.of("AssumeRole")
    assert "t-1%2F%2A" in str(assumed.request.body)
    signers = {
        str(call.request.headers["Authorization"]).split("Credential=")[1].split("/")[0]
        for call in calls.of("BatchGetItem", "UpdateItem", "Query", "PutObject")
    }
    assert len(signers) == 1
    assert "testing" not in signers


def test_what_asking_and_following_cost(exports: Exports) -> None:
    exports.ask("auditExports")
    with measured(exports.tenant._client) as asking:
        job = exports.request()
    with measured(exports.tenant._client) as keyed:
        other = exports.request(clientMutationId="k-1")
    with measured(exports.tenant._client) as again:
        assert exports.request(clientMutationId="k-1") == other
    with measured(exports.tenant._client) as following:
        exports.ask("auditExport", id=job["id"])
    with measured(exports.tenant._client) as cancelling:
        exports.ask("cancelAuditExport", id=job["id"])

    assert asking.operations == ["BatchGetItem", "TransactWriteItems"]
    assert (asking.read_units, asking.write_units, asking.index_write_units) == (2, 6, 0)
    assert keyed.operations == ["BatchGetItem", "TransactWriteItems"]
    assert (keyed.read_units, keyed.write_units, keyed.index_write_units) == (2, 8, 0)
    assert again.operations == ["BatchGetItem", "TransactWriteItems", "GetItem", "BatchGetItem"]
    assert following.operations == ["BatchGetItem", "BatchGetItem"]
    assert (following.read_units, following.write_units) == (4, 0)
    assert cancelling.operations == ["BatchGetItem", "BatchGetItem", "TransactWriteItems"]
    assert (cancelling.read_units, cancelling.write_units) == (4, 8)


def test_what_a_slice_costs(exports: Exports) -> None:
    exports.request()
    exports.enqueue()
    exports.drain()
    exports.request()
    asked = [event for event in exports.told() if event.type == "AuditExportRequested"]
    for body in bodies(*asked):
        with measured(exports.tenant._client) as slice_:
            write_exports.handler(queue_event([body]), lambda_context())

    # Where the organisation's data is; the job and the work on it, claimed; a month's entries; the
    # result, and the job's end; then whether it is time to prove how many are open.
    assert slice_.operations == [
        *("GetItem", "BatchGetItem", "TransactWriteItems", "Query", "PutObject"),
        *("TransactWriteItems", "GetItem"),
    ]
    assert slice_.write_units == 12


def test_a_slice_waits_while_its_organisation_moves_and_is_written_where_it_went(
    exports: Exports,
) -> None:
    job = exports.request()
    [body] = bodies(*(e for e in exports.told() if e.type == "AuditExportRequested"))

    def routed(epoch: int, **route: str) -> None:
        platform = exports.audit.platform
        platform.copy(Copy(organization_key("t-1"), {"route": route}, "route_epoch", epoch))

    routed(2, kind="public", state="moving")
    answer = write_exports.handler(queue_event([body]), lambda_context())
    assert not answer["batchItemFailures"]
    waiting = boto3.client("sqs").get_queue_attributes(
        QueueUrl=exports.queue, AttributeNames=["ApproximateNumberOfMessagesDelayed"]
    )["Attributes"]
    assert waiting["ApproximateNumberOfMessagesDelayed"] == "1"
    assert exports.ask("auditExport", id=job["id"])["data"]["state"] == "REQUESTED"
    refused = exports.ask("requestAuditExport", input={**EVER, "format": "CSV"})["error"]
    assert (refused["code"], refused["details"]) == ("ORGANIZATION_MOVING", {"retryAfter": 30})

    client = exports.tenant._client
    own = Table(client, create_table(client, "tenant", "tenantry-account-1"))
    for item in items(client, exports.tenant.name):
        client.put_item(TableName=own.name, Item=without_events(item))
    TenantTable(own, Whereabouts("t-1", "private", own.name, "", "", "", 2)).raise_fence(2)
    names = {name: f"tenantry-account-1-{name}" for name in ("raw", "processed")}
    place = {"region": "eu-central-1", "table": own.name, **names}
    routed(3, kind="private", state="active", **place)
    write_exports.handler(queue_event([body]), lambda_context())

    assert exports.result(job)
    assert [each["state"] for each in exports.ask("auditExports")["data"]["items"]] == ["DONE"]
