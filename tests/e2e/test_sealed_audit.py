"""The audit as people and operators prove it, on sealed data of the deployed product."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from localcloud.client import until
from localcloud.demo.sealing import Log, verified
from localcloud.demo.stage import Stage, on
from localcloud.demo.story import Story
from localcloud.deployed import deployed_cloud
from tenantry.audit.completeness import CompletenessService
from tenantry.audit.dynamodb import DynamoDBAuditLog
from tenantry.audit.dynamodb_gaps import (
    DynamoDBGaps,
    DynamoDBItems,
    DynamoDBLatest,
    DynamoDBLedgers,
)
from tenantry.audit.dynamodb_seals import DynamoDBSealedOrganizations
from tenantry.audit.eventbridge_archive import EventBridgeArchive
from tenantry.audit.service import RecordingService
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.items import from_wire
from tenantry.persistence.table import Table
from tenantry.runtime.identifiers import new_id
from tests.e2e.commands import run, run_in_vain
from tests.e2e.conftest import People, Person
from tests.e2e.test_events import told_of

RENAME = """mutation($input: UpdateOrganizationInput!) {
  updateOrganization(input: $input) { version }
}"""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A local cloud of its own, as `make demo` has one."""
    with deployed_cloud() as running:
        yield on(*running)


@pytest.fixture(scope="module")
def product(stage: Stage) -> Any:
    return stage[0]


@pytest.fixture(scope="module")
def aws(stage: Stage) -> Callable[[str], Any]:
    return stage[1]


@pytest.fixture(scope="module")
def people(product: Any, aws: Callable[[str], Any]) -> People:
    return People(product, aws)


@pytest.fixture(scope="module")
def log(product: Any, aws: Callable[[str], Any]) -> Log:
    return Log(aws, product.outputs)


@pytest.fixture(scope="module")
def sealed(people: People, log: Log) -> tuple[Person, date]:
    """Somebody whose organisation was sealed, and the day of it."""
    owner = people.owner()
    for version in (1, 2):
        given = {"name": f"Renamed {version}", "expectedVersion": version}
        people.product.graphql(RENAME, owner.tokens, input=given)
    day = log.move_back(owner.organization_id, wanted={"OrganizationUpdated": 2})
    log.seal(owner.organization_id, day)
    return owner, day


def ask(stage: Any, who: Person, day: date) -> dict[str, Any]:
    story = Story(stage[0], stage[1], stage[2], None)  # type: ignore[arg-type]  # tells nobody
    return verified(story, who.tokens, day)


def test_a_sealed_day_is_proven_and_a_changed_entry_is_named(
    stage: Any, sealed: tuple[Person, date], log: Log
) -> None:
    owner, day = sealed
    told = ask(stage, owner, day)
    assert (told["verified"], told["seals"], told["findingCount"]) == (True, 1, 0), told
    assert told["entries"] >= 4

    entry = log.entries(owner.organization_id, day)[0]
    log.put({**entry, "correlation_id": {"S": "another"}})
    told = ask(stage, owner, day)
    assert [(found["kind"], found["eventId"]) for found in told["findings"]] == [
        ("ALTERED", entry["event_id"]["S"])
    ]

    log.put(entry)
    assert ask(stage, owner, day)["verified"]


def test_operators_prove_it_from_a_copy_with_the_public_key(
    stage: Any, sealed: tuple[Person, date], aws: Callable[[str], Any], tmp_path: Path
) -> None:
    owner, _ = sealed
    outputs = stage[0].outputs
    copy, pem = tmp_path / "seals", tmp_path / "seals.pem"
    public = aws("kms").get_public_key(KeyId=outputs["SealSigningKeyArn"])["PublicKey"]
    pem.write_bytes(as_pem(public))
    s3, bucket = aws("s3"), outputs["SealsBucket"]
    prefix = f"{owner.organization_id}/"
    for each in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
        path = copy / each["Key"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read())

    command = ("python", "-m", "ops.verify_audit", str(copy), "--public-key", str(pem))
    environment = {"PYTHONPATH": "layers/tenantry"}
    assert "proven" in run(*command, **environment)

    body = bytearray(path.read_bytes())
    body[200] ^= 1
    path.write_bytes(bytes(body))
    assert "not proven" in run_in_vain(*command, **environment)


def test_an_event_that_the_log_lost_comes_back_from_the_archive_of_the_bus(
    stage: Any, people: People, log: Log, aws: Callable[[str], Any]
) -> None:
    """Found and asked for here, with the adapters as they are deployed: no clock there can be moved
    on to when today is over. Replayed by the archive, recorded by the deployed recorder."""
    outputs, owner = stage[0].outputs, people.owner()
    service, gaps = completeness(aws, outputs), list[int]()
    service = replace(service, report=gaps.append)
    today = renamed(people, log, owner)
    lost = next(each for each in today if version(each) == 2)
    aws("dynamodb").delete_item(
        TableName=outputs["AuditTable"], Key={name: lost[name] for name in ("PK", "SK")}
    )

    def entries() -> list[dict[str, Any]]:
        return log.entries(owner.organization_id, datetime.now(UTC).date())

    service.check(owner.organization_id, list(map(from_wire, entries())))
    service.settle(owner.organization_id)
    assert gaps == [1, 1], "told that it is missing, and that it still is"

    back = until(
        "the lost event", lambda: [e for e in entries() if version(e) == 2 and is_renaming(e)], 60
    )
    assert {**back[0], "recorded_at": ""} == {**lost, "recorded_at": ""}
    service.check(owner.organization_id, list(map(from_wire, entries())))
    service.settle(owner.organization_id)
    for kind in ("AuditGapFound", "AuditGapRepaired"):
        [told] = [e for e in told_of(people.product, owner, kind) if e["type"] == kind]
        assert json.loads(told["data"])["missing_version"] == 2
    assert gaps == [1, 1]


def test_the_deployed_sealer_tells_of_a_gap_and_asks_the_archive(
    stage: Any, people: People, log: Log, aws: Callable[[str], Any]
) -> None:
    owner = people.owner()
    found = renamed(people, log, owner)
    lost = next(each for each in found if version(each) == 2)
    before = {each["ReplayName"] for each in aws("events").list_replays()["Replays"]}
    aws("dynamodb").delete_item(
        TableName=stage[0].outputs["AuditTable"], Key={name: lost[name] for name in ("PK", "SK")}
    )
    day = log.move_back(owner.organization_id, wanted={"OrganizationUpdated": 1})
    log.seal(owner.organization_id, day)

    kind = "AuditGapFound"
    [told] = [e for e in told_of(people.product, owner, kind) if e["type"] == kind]
    data = json.loads(told["data"])
    assert (data["entity_type"], data["missing_version"]) == ("Organization", 2)
    replays = until(
        "the replay",
        lambda: {each["ReplayName"] for each in aws("events").list_replays()["Replays"]} - before,
    )
    assert {name.partition("-")[0] for name in replays} == {"audit"}


def test_entries_end_when_their_plan_says_and_a_larger_plan_keeps_them(
    stage: Any, people: People, log: Log, aws: Callable[[str], Any]
) -> None:
    """A hundred days ago is past the retention of FREE and of no other plan."""
    outputs, owner = stage[0].outputs, people.owner()
    own, table = owner.organization_id, aws("dynamodb")
    renamed(people, log, owner)
    began = (datetime.now(UTC) - timedelta(days=100)).date()
    log.move_back(own, wanted={"OrganizationUpdated": 2}, day=began)
    begins(table, outputs["AuditTable"], own, began)
    set_on(table, outputs["PlatformTable"], own, created_at=f"{began}T00:00:00+00:00")
    log.seal(own, (datetime.now(UTC) - timedelta(hours=2)).date() - timedelta(days=1))

    def swept(plan: str) -> set[bool]:
        set_on(table, outputs["PlatformTable"], own, plan=plan)
        table.delete_item(
            TableName=outputs["AuditTable"],
            Key={"PK": {"S": "AUDIT#RETENTION"}, "SK": {"S": "PROGRESS"}},
        )
        name = f"{outputs['Prefix']}-audit-sweep-retention"
        answer = aws("lambda").invoke(FunctionName=name, Payload=b"{}")
        assert "FunctionError" not in answer, answer["Payload"].read()
        return {"purge_at" in entry for entry in log.entries(own, began)}

    assert swept("FREE") == {True}
    [end] = {int(entry["purge_at"]["N"]) for entry in log.entries(own, began)}
    assert timedelta(days=6) < datetime.fromtimestamp(end, UTC) - datetime.now(UTC)
    assert ask(stage, owner, began)["verified"], "an end changes nothing of what was sealed"
    for plan in ("STARTER", "PROFESSIONAL", "ENTERPRISE"):
        assert swept(plan) == {False}, plan
    assert ask(stage, owner, began)["verified"]


def renamed(people: People, log: Log, owner: Person) -> list[dict[str, Any]]:
    """An organisation whose versions 2 and 3 are renamings; its entries of today."""
    for number in (1, 2):
        given = {"name": f"Renamed {number}", "expectedVersion": number}
        people.product.graphql(RENAME, owner.tokens, input=given)
    told_of(people.product, owner, "OrganizationUpdated", 2)
    return log.entries(owner.organization_id, datetime.now(UTC).date())


def begins(table: Any, name: str, organization: str, day: date) -> None:
    """Sealing of the organisation begins with an earlier day than today."""
    shard = hashlib.sha256(organization.encode()).hexdigest()[0]
    table.put_item(
        TableName=name,
        Item={
            "PK": {"S": f"AUDIT#ORGANIZATIONS#{shard}"},
            "SK": {"S": organization},
            "since": {"S": day.isoformat()},
        },
    )


def set_on(table: Any, name: str, organization: str, **values: str) -> None:
    """Attributes of an organisation's item."""
    for attribute, value in values.items():
        table.update_item(
            TableName=name,
            Key={"PK": {"S": f"ORG#{organization}"}, "SK": {"S": "ORGANIZATION"}},
            UpdateExpression="SET #n = :v",
            ExpressionAttributeNames={"#n": attribute},
            ExpressionAttributeValues={":v": {"S": value}},
        )


def version(entry: dict[str, Any]) -> int:
    return int(entry["entity_version"]["N"]) if entry["entity_type"]["S"] == "Organization" else 0


def is_renaming(entry: dict[str, Any]) -> bool:
    return bool(entry["type"]["S"] == "OrganizationUpdated")


def completeness(aws: Callable[[str], Any], outputs: dict[str, str]) -> CompletenessService:
    audit, platform = (
        Table(aws("dynamodb"), outputs[name]) for name in ("AuditTable", "PlatformTable")
    )
    events, bus = aws("events"), outputs["EventBusName"]
    [archive] = events.list_archives(NamePrefix=bus)["Archives"]
    source = events.describe_event_bus(Name=bus)["Arn"]
    [rule] = [
        each["Arn"]
        for each in events.list_rules(EventBusName=bus)["Rules"]
        if "RecordEventsRule" in each["Name"]
    ]
    arn = events.describe_archive(ArchiveName=archive["ArchiveName"])["ArchiveArn"]
    return CompletenessService(
        ledgers=DynamoDBLedgers(audit),
        gaps=DynamoDBGaps(platform),
        items=DynamoDBItems(platform),
        latest=DynamoDBLatest(
            platform, audit, lambda what, tenant: pytest.fail(f"{tenant}: {what}")
        ),
        archive=EventBridgeArchive(events, arn, source, rule),
        log=RecordingService(
            DynamoDBAuditLog(audit), DynamoDBSealedOrganizations(audit), lambda: datetime.now(UTC)
        ),
        stamp=Stamp(lambda: datetime.now(UTC), new_id),
        report=lambda _count: None,
        left_aside=lambda what, tenant: pytest.fail(f"{tenant}: {what}"),
    )


def as_pem(der: bytes) -> bytes:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_der_public_key,
    )

    public = load_der_public_key(der)
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
