"""The counter of open exports, held against them every day by the function that proves counters."""

from datetime import timedelta
from typing import Any

import pytest

from functions.usage import prove_counters
from tenantry.audit.bootstrap.counting import own_counters
from tenantry.audit.dynamodb_exports import DynamoDBJobRepository
from tenantry.audit.dynamodb_seals import DynamoDBSealedOrganizations
from tenantry.audit.events import AuditExportCancelled
from tenantry.messaging.event import Event
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.persistence.keys import key, organization_key
from tenantry.persistence.table import Table
from tests.contracts.audit.test_exports import COUNT, job
from tests.integration.audit.conftest import Audit
from tests.support.capacity import measured
from tests.support.clock import START, FakeClock, FakeIds
from tests.support.invocations import wire
from tests.support.lambda_context import lambda_context
from tests.support.tables import in_shared, items


@pytest.fixture
def jobs(
    audit: Audit, tenant_table: Table, monkeypatch: pytest.MonkeyPatch
) -> DynamoDBJobRepository:
    """Of an organisation that the audit has heard of, with two open exports."""
    wired(monkeypatch, tenant_table)
    audit.join("ada")
    DynamoDBSealedOrganizations(audit.table).add("t-1", START.date())
    found = DynamoDBJobRepository(in_shared(tenant_table))
    for number in (1, 2):
        found.create(job(number), told(job(number)))
    return found


def wired(patch: pytest.MonkeyPatch, tenant_table: Table) -> None:
    wire(
        patch,
        TENANT_TABLE=tenant_table.name,
        PREFIX="tenantry",
        EXPORTS_BUCKET="exports",
        TENANT_DATA_ROLE_ARN="arn:aws:iam::123456789012:role/tenant-data",
    )


def told(of: Any) -> Event:
    data = AuditExportCancelled(
        export_id=of.job_id,
        kind=of.kind.value,
        format=of.format.value,
        from_time=of.from_,
        to_time=of.to,
    )
    return Stamp(now=FakeClock(START), new_id=FakeIds()).event(data, Cause())


def proven() -> int:
    answer = prove_counters.handler({"anew": True}, lambda_context(remaining_ms=300_000))
    assert answer["ended"]
    return int(answer["drifted"])


def counted(table: Table) -> Any:
    return (table.get(COUNT) or {}).get("open_jobs")


@pytest.mark.parametrize("drifted", [0, 1, 5])
def test_one_that_has_drifted_is_repaired_and_told_once(
    jobs: DynamoDBJobRepository, audit: Audit, tenant_table: Table, drifted: int
) -> None:
    tenant_table.put({**(tenant_table.get(COUNT) or {}), "open_jobs": drifted})

    assert proven() == 1
    assert counted(tenant_table) == 2
    assert proven() == 0

    ledger = audit.platform.get(key("ORG#t-1", "USAGE"))
    assert ledger
    [event] = ledger["events"]
    assert (event["type"], event["data"]) == (
        "CounterDrifted",
        {"organization_id": "t-1", "counter": "open_exports", "counted": drifted, "rows": 2},
    )


def test_one_that_is_right_is_left(
    jobs: DynamoDBJobRepository, audit: Audit, tenant_table: Table
) -> None:
    assert proven() == 0

    assert counted(tenant_table) == 2
    assert audit.platform.get(key("ORG#t-1", "USAGE")) is None


def test_where_there_are_no_exports_none_is_made_to_be_counted(
    audit: Audit, tenant_table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An organisation that was torn down has nothing, and keeps it so."""
    wired(monkeypatch, tenant_table)
    audit.join("ada")
    DynamoDBSealedOrganizations(audit.table).add("t-1", START.date())

    assert proven() == 0

    assert items(tenant_table._client, tenant_table.name) == []


def test_jobs_that_cannot_be_read_are_left_aside(
    jobs: DynamoDBJobRepository, tenant_table: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    where = key("ORG#t-1#EXPORTS", "EXPORT#j-001")
    tenant_table.put({**(tenant_table.get(where) or {}), "format": "TELEX"})

    assert proven() == 0

    assert '"LeftAside":[1.0]' in capsys.readouterr().out


@pytest.mark.parametrize("state", ["flipping", "closing", "nowhere"])
def test_one_that_moves_is_left_for_the_next_day(
    jobs: DynamoDBJobRepository, audit: Audit, tenant_table: Table, state: str
) -> None:
    tenant_table.put({**(tenant_table.get(COUNT) or {}), "open_jobs": 4})
    found = audit.platform.get(organization_key("t-1"))
    audit.platform.put({**(found or {}), "route": {"kind": "public", "state": state}})

    assert proven() == 0

    assert counted(tenant_table) == 4


def test_the_proof_of_the_day_asks_for_no_time_since_the_last(
    jobs: DynamoDBJobRepository, tenant_table: Table
) -> None:
    jobs.prove("t-1", START)
    tenant_table.put({**(tenant_table.get(COUNT) or {}), "open_jobs": 4})

    assert not jobs.prove("t-1", START + timedelta(minutes=1)), "a worker leaves it for an hour"
    assert proven() == 1


def test_what_the_proof_of_the_day_costs(jobs: DynamoDBJobRepository, tenant_table: Table) -> None:
    """As docs/operations.md says."""
    [own] = own_counters()
    with measured(tenant_table._client) as cost:
        assert own.prove("t-1") is None

    of_the_day = ["GetItem", "AssumeRole"]
    assert cost.operations == [*of_the_day, "GetItem", "Query", "TransactWriteItems"]
    assert (cost.read_units, cost.write_units) == (3, 4)
