"""The measurement of storage as its schedule runs it: what it writes, costs and survives."""

import json
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import boto3
import pytest

from functions.usage import meter_storage
from tenantry.audit.dynamodb_seals import DynamoDBSealedOrganizations
from tenantry.messaging.stamp import Stamp
from tenantry.organizations.dynamodb import DynamoDBOrganizationRepository
from tenantry.organizations.room import Room, going, held, settled
from tenantry.persistence.keys import organization_key
from tenantry.persistence.table import Table
from tenantry.persistence.writes import Count
from tenantry.runtime.identifiers import new_id, now
from tenantry.tenancy import s3 as adapter
from tenantry.tenancy.access import MemberStatus, OrganizationStatus, Standing
from tenantry.tenancy.roles import Role
from tenantry.tenancy.stored import Area, Metered, Stored
from tenantry.usage.dynamodb import DynamoDBUsage
from tenantry.usage.dynamodb_storage import DynamoDBMetering
from tenantry.usage.storage import Counter, StorageMetering
from tests.contracts.organizations.test_organization_repository import create, organization
from tests.support.capacity import measured
from tests.support.clock import START
from tests.support.faults import Stopped, injected, lose_answer, recorded, stop_after
from tests.support.invocations import wire
from tests.support.lambda_context import lambda_context
from tests.support.ministack import MiniStack

BUCKETS = ("shared-raw", "shared-processed")
WHAT_COUNTS = {"ListObjectVersions", "PutItem", "TransactWriteItems", "UpdateItem"}


@dataclass
class Metering:
    table: Table
    log: Table

    def found(self, *tenants: str, **fields: Any) -> None:
        for tenant in tenants:
            create(DynamoDBOrganizationRepository(self.table), organization(tenant, tenant))
            DynamoDBSealedOrganizations(self.log).add(tenant, START.date())
            self.set(tenant, **fields)

    def set(self, tenant: str, **fields: Any) -> None:
        item = self.table.get(organization_key(tenant))
        assert item
        self.table.put({**item, **fields})

    def upload(self, key: str, size: int, bucket: str = "shared-raw") -> None:
        """As a form does: nobody of ours sees it."""
        boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=b"x" * size)

    def run(self, *, anew: bool = True, remaining_ms: int = 300_000) -> Any:
        context = lambda_context(remaining_ms=remaining_ms)
        return meter_storage.handler({"anew": anew}, context)

    def state(self, *tenants: str) -> Any:
        """Counters, and the measurements without their times."""
        counters = [
            (item or {}).get("used_storage")
            for item in (self.table.get(organization_key(tenant)) for tenant in tenants)
        ]
        rows = [
            (row["entity_type"], row["areas"])
            for tenant in tenants
            for row in self.table.query(f"ORG#{tenant}", prefix="STORAGE#", limit=9).items
        ]
        return counters, rows


@pytest.fixture
def metering(
    platform_table: Table, audit_table: Table, monkeypatch: pytest.MonkeyPatch
) -> Metering:
    for name in BUCKETS:
        boto3.client("s3").create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        boto3.client("s3").put_bucket_versioning(
            Bucket=name, VersioningConfiguration={"Status": "Enabled"}
        )
    wire(
        monkeypatch,
        PLATFORM_TABLE=platform_table.name,
        AUDIT_TABLE=audit_table.name,
        PREFIX="tenantry",
        TENANT_TABLE="shared",
        TENANT_RAW_BUCKET="shared-raw",
        TENANT_PROCESSED_BUCKET="shared-processed",
        TENANT_DATA_ROLE_ARN="arn:aws:iam::123456789012:role/TenantData",
        PLATFORM_ACCOUNT_ID="123456789012",
    )
    return Metering(platform_table, audit_table)


def test_what_was_uploaded_is_counted_and_told_in_figures(
    metering: Metering, capsys: pytest.CaptureFixture[str]
) -> None:
    metering.found("t-1", "t-2")
    metering.upload("t-1/a", 10)
    metering.upload("t-1/a", 7)
    metering.upload("t-1/b", 5, "shared-processed")
    metering.upload("t-10/a", 1000)  # of somebody whose name begins alike

    assert metering.run() == {"measured": 2, "drifted": 0, "ended": True, "waiting": 0}

    counters, rows = metering.state("t-1", "t-2")
    assert counters == [12, 0]
    raw, processed = rows[0][1]["raw"], rows[0][1]["processed"]
    assert raw == {"objects": 1, "bytes": 7, "old_versions": 1, "old_bytes": 10}
    assert processed == {"objects": 1, "bytes": 5, "old_versions": 0, "old_bytes": 0}
    told = [line for line in capsys.readouterr().out.splitlines() if "StoredBytes" in line]
    figures = json.loads(told[-1])
    assert (figures["StoredBytes"], figures["StoredOldBytes"]) == ([12.0], [10.0])
    # Alarms ring by these.
    assert 0 < figures["StorageRoundAge"][0] < 3600
    assert (figures["StorageWaiting"], figures["StorageLongestWait"]) == ([0.0], [0.0])


def test_objects_are_counted_where_the_route_leads(metering: Metering) -> None:
    own = {"raw": "tenantry-account-1-own-raw", "processed": "tenantry-account-1-own-processed"}
    for name in own.values():
        boto3.client("s3").create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
    metering.found("t-1", route={"kind": "public", "region": "eu-central-1", **own})
    metering.upload("t-1/left", 99)
    metering.upload("t-1/a", 3, own["raw"])

    metering.run()

    assert metering.state("t-1")[0] == [3]


def test_a_run_without_time_for_all_of_one_is_gone_on_with_by_the_next(
    metering: Metering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "_COUNTED", 2)
    metering.found("t-1")
    for number in range(9):
        metering.upload(f"t-1/{number}", number)
    context = lambda_context(remaining_ms=300_000)
    with recorded() as calls:
        # Its time is up when it has listed three pages.
        monkeypatch.setattr(
            type(context),
            "get_remaining_time_in_millis",
            lambda _self: 300_000 if len(calls.of("ListObjectVersions")) < 3 else 1_000,
        )
        assert meter_storage.handler({}, context)["measured"] == 0
    monkeypatch.setattr(type(context), "get_remaining_time_in_millis", lambda _self: 300_000)
    with recorded() as calls:
        assert meter_storage.handler({}, context) == {
            "measured": 1,
            "drifted": 0,
            "ended": True,
            "waiting": 0,
        }

    assert metering.state("t-1")[0] == [36]
    assert len(calls.of("ListObjectVersions")) == 6 - 3


def test_a_bucket_that_is_gone_keeps_nobody_else_waiting(metering: Metering) -> None:
    gone = {"raw": "tenantry-account-9-own-raw", "processed": "tenantry-account-9-own-processed"}
    metering.found("t-1", route={"kind": "public", "region": "eu-central-1", **gone})
    metering.found("t-2")
    metering.upload("t-2/a", 4)

    assert metering.run() == {"measured": 1, "drifted": 0, "ended": True, "waiting": 0}
    assert metering.state("t-2")[0] == [4]


def test_wherever_it_stops_the_next_run_comes_to_the_same(metering: Metering) -> None:
    metering.found("t-1", "t-2")
    metering.upload("t-1/a", 10)
    metering.upload("t-2/a", 20)
    with recorded() as calls:
        metering.run()
    expected = metering.state("t-1", "t-2")
    assert expected[0] == [10, 20]
    count = sum(each in WHAT_COUNTS for each in calls.operations)
    assert count > 6

    for at in range(1, count + 1):
        for tenant in ("t-1", "t-2"):
            metering.set(tenant, used_storage=0)
        with pytest.raises(Stopped), injected(stop_after(at, WHAT_COUNTS)):
            metering.run()
        metering.run(anew=False)
        assert metering.state("t-1", "t-2") == expected, f"stopped at {at}"


@pytest.mark.parametrize("operation", ["PutItem", "TransactWriteItems"])
def test_a_lost_answer_changes_nothing(metering: Metering, operation: str) -> None:
    metering.found("t-1")
    metering.upload("t-1/a", 10)
    with injected(lose_answer(operations={operation})):
        metering.run()

    assert metering.state("t-1")[0] == [10]
    assert metering.run()["measured"] == 1


def test_what_a_round_costs(metering: Metering) -> None:
    """docs/operations.md, "What things cost"."""
    count = 6
    metering.found(*(f"t-{number}" for number in range(count)))
    for number in range(count):
        metering.upload(f"t-{number}/a", 10)
    metering.run()
    with measured(metering.table._client) as same:
        metering.run()
    for number in range(count):
        metering.upload(f"t-{number}/b", 10)
    with measured(metering.table._client) as changed:
        metering.run()

    assert len(same.calls.of("ListObjectVersions")) == 2 * count
    seen = {
        name: (len(cost.calls.all), cost.read_units, cost.write_units)
        for name, cost in (("same", same), ("changed", changed))
    }
    # Of each run, what waits is looked for, three times, and how old the round is. Of each
    # organisation: itself and its counter are read, its measurement and the progress are
    # written; a counter that changes is written with the measurement, in a transaction.
    assert seen == {"same": (78, 58, 14), "changed": (78, 58, 32)}


@dataclass
class Bucket:
    """Objects by name, two a page, that many put and take away at once as a context does."""

    table: Table
    objects: dict[str, int]
    lowest: int = 0
    """How much more the counter said than lay there, at its least."""

    place = "raw processed"

    def __post_init__(self) -> None:
        self.lock = threading.Lock()

    def page(self, area: Area, position: str | None) -> tuple[Stored, str | None]:
        with self.lock:
            found = sorted(self.objects.items()) if area is Area.RAW else []
        page = [each for each in found if each[0] > (position or "")]
        sizes = [size for _, size in page[:2]]
        return Stored(objects=len(sizes), bytes=sum(sizes)), page[1][0] if page[2:] else None

    def uses(self, person: int) -> None:
        """Uploads, learns of it and deletes, some of it never."""
        for number in range(16):
            room = self._room(f"{person}-{number}", 10)
            self.table.transact(held(STANDING, room))
            if number % 4 == 2:  # it never comes
                self.table.transact(settled(room))
                continue
            self._set(room.room_id, 7)
            self.table.transact(settled(room, 7))
            if number % 8 == 1:
                end = self._room(f"end-{person}-{number}", 7)
                self.table.transact(going(end))
                self._set(room.room_id, 0)
                self.table.transact(settled(end))

    def look(self) -> None:
        """How much more is counted than lies there, never less: what lies there is looked at
        before, and by then has room until it is gone."""
        with self.lock:
            # No object comes or goes while the counter is read.
            item = self.table.get(organization_key("t-1")) or {}
            self.lowest = min(self.lowest, item["used_storage"] - sum(self.objects.values()))

    def _set(self, name: str, size: int) -> None:
        with self.lock:
            self.objects.pop(name, None)
            if size:
                self.objects[name] = size

    @staticmethod
    def _room(room_id: str, size: int) -> Room:
        until = now() + timedelta(hours=1)
        return Room(tenant_id="t-1", room_id=room_id, bytes=size, until=until)


STANDING = Standing(
    "t-1", "ada", Role.ADMIN, MemberStatus.ACTIVE, OrganizationStatus.ACTIVE, plan="FREE"
)


class SlowMetering(DynamoDBMetering):
    """Much moves between its look at the counter and what it does then."""

    people: Sequence[Future[None]] = ()

    def keep(self, metered: Metered, counter: tuple[Counter, int] | None) -> bool:
        while counter and any(not each.done() for each in self.people):
            if (self.counter(metered.tenant_id).moves or 0) >= (counter[0].moves or 0) + 40:
                break
        return super().keep(metered, counter)


def test_a_counter_is_set_over_nothing_that_has_moved_and_never_says_too_little(
    ministack: MiniStack, ministack_platform_table: Table
) -> None:
    """On the local cloud: one that says too much is measured while eight upload and delete."""
    table = Table(ministack.client("dynamodb"), ministack_platform_table.name)
    create(DynamoDBOrganizationRepository(table), organization("t-1"))
    table.transact((Count(organization_key("t-1"), "used_storage", 10_000),))
    bucket, store, stamp = Bucket(table, {}), SlowMetering(table), Stamp(now, new_id)

    def measuring() -> int:
        usage = DynamoDBUsage(table)
        metering = StorageMetering(usage, store, lambda _: bucket, stamp, lambda: True)
        metering.visit(["t-1"])
        return metering.tally.drifted

    with ThreadPoolExecutor(8) as pool:
        store.people = [pool.submit(bucket.uses, number) for number in range(8)]
        while not all(each.done() for each in store.people):
            measuring()
            bucket.look()
        for each in store.people:
            each.result()
    bucket.look()
    measuring()

    assert bucket.lowest == 0
    item = table.get(organization_key("t-1"))
    assert item
    assert item["used_storage"] == sum(bucket.objects.values()) == 8 * 10 * 7
    assert store.rooms("t-1") == []
