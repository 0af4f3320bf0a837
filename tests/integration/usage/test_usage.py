"""The usage functions: warnings, the proof of seats, their cost, and all at once."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from functions.usage import prove_counters, warn
from tenantry.audit.dynamodb_seals import DynamoDBSealedOrganizations
from tenantry.messaging.changes import envelopes
from tenantry.messaging.stamp import Stamp
from tenantry.organizations.dynamodb import DynamoDBOrganizationRepository
from tenantry.persistence.keys import member_key, organization_key
from tenantry.persistence.table import Table
from tenantry.persistence.writes import Change, Count, Create
from tenantry.runtime.identifiers import new_id
from tenantry.usage.dynamodb import DynamoDBSeats, DynamoDBUsage
from tenantry.usage.service import CounterProof
from tests.contracts.organizations.test_organization_repository import create, organization
from tests.support.capacity import measured
from tests.support.clock import START, FakeClock
from tests.support.faults import Stopped, injected, lose_answer, stop_after, stop_before
from tests.support.invocations import wire
from tests.support.lambda_context import lambda_context
from tests.support.ministack import MiniStack
from tests.support.tables import items


@dataclass
class Usage:
    """Speaks to the functions as the queue and the schedules do."""

    table: Table
    log: Table | None = None

    def found(self, *tenants: str) -> None:
        """Organisations, each with its owner, of which the audit has heard."""
        assert self.log
        for tenant in tenants:
            made = organization(tenant, tenant)
            create(DynamoDBOrganizationRepository(self.table), made)
            DynamoDBSealedOrganizations(self.log).add(tenant, START.date())

    def warn(self, *, anew: bool = True) -> Any:
        return warn.handler({"anew": anew}, lambda_context(remaining_ms=120_000))

    def prove(self, *, anew: bool = True, remaining_ms: int = 300_000) -> Any:
        return prove_counters.handler({"anew": anew}, lambda_context(remaining_ms=remaining_ms))

    def set(self, tenant: str, **values: Any) -> None:
        item = self.table.get(organization_key(tenant))
        assert item
        self.table.put({**item, **values})

    def get(self, tenant: str, name: str) -> Any:
        item = self.table.get(organization_key(tenant))
        assert item
        return item[name]

    def told(self, tenant: str) -> list[tuple[str, int]]:
        """The events on an organisation's usage as they would be published, and its version."""
        [item] = [
            item
            for item in items(self.table._client, self.table.name)
            if (item["PK"]["S"], item["SK"]["S"]) == (f"ORG#{tenant}", "USAGE")
        ]
        record = {"eventName": "INSERT", "dynamodb": {"NewImage": item}}
        return [(each.type, each.entity_version) for each in envelopes(record)]


@pytest.fixture
def usage(platform_table: Table, audit_table: Table, monkeypatch: pytest.MonkeyPatch) -> Usage:
    wire(monkeypatch, PLATFORM_TABLE=platform_table.name, AUDIT_TABLE=audit_table.name)
    monkeypatch.setattr("tenantry.usage.bootstrap.own_counters", tuple)  # the users alone
    return Usage(platform_table, audit_table)


def test_organisations_that_the_audit_has_heard_of_are_visited_once(usage: Usage) -> None:
    usage.found("t-1", "t-2", "t-3")
    assert usage.log
    DynamoDBSealedOrganizations(usage.log).add("t-1", START.date())

    assert usage.warn() == {"visited": 3, "told": 0, "ended": True}


def test_warnings_are_told_once_and_by_the_schedule_only_when_it_is_time(usage: Usage) -> None:
    usage.found("t-1", "t-2")
    usage.set("t-1", used_users=4)

    assert usage.warn(anew=False) == {"visited": 2, "told": 1, "ended": True}
    assert usage.told("t-1") == [("UsageWarning", 1)]
    assert usage.warn(anew=False) == {"visited": 0, "told": 0, "ended": False}
    assert usage.warn() == {"visited": 2, "told": 0, "ended": True}
    usage.set("t-1", used_users=5)
    assert usage.warn()["told"] == 1
    assert usage.told("t-1") == [("UsageWarning", 2)]


def test_a_counter_that_drifted_is_repaired_told_and_counted(
    usage: Usage, capsys: pytest.CaptureFixture[str]
) -> None:
    usage.found("t-1", "t-2")
    usage.set("t-1", used_users=4)

    assert usage.prove() == {"visited": 2, "drifted": 1, "ended": True}

    assert usage.get("t-1", "used_users") == 1
    assert usage.get("t-1", "entity_version") == 1
    assert usage.told("t-1") == [("CounterDrifted", 1)]
    metric = [line for line in capsys.readouterr().out.splitlines() if "CounterDrifts" in line]
    assert json.loads(metric[-1])["CounterDrifts"] == [1.0]
    assert usage.prove() == {"visited": 2, "drifted": 0, "ended": True}


def test_a_run_without_time_goes_on_later_where_it_was(usage: Usage) -> None:
    usage.found(*(f"t-{number}" for number in range(8)))

    short = usage.prove(anew=False, remaining_ms=59_000)

    assert short == {"visited": 0, "drifted": 0, "ended": False}
    assert usage.prove(anew=False) == {"visited": 8, "drifted": 0, "ended": True}


def test_what_a_round_costs(usage: Usage) -> None:
    usage.found(*(f"t-{number}" for number in range(8)))
    usage.warn()
    usage.prove()

    with measured(usage.table._client) as cost:
        usage.warn()
    read = cost.operations.count("BatchGetItem")
    # Progress is read, a round begun, each part that holds somebody noted, the round ended.
    assert read <= 8
    assert len(cost.operations) == 1 + 1 + 16 + 2 * read + 1
    assert cost.write_units == read + 2
    assert cost.read_units == 1 + 16 + 8 * 2

    with measured(usage.table._client) as cost:
        usage.prove()
    # Of each organisation its counter, its members and its invitations.
    assert len(cost.operations) == 1 + 1 + 16 + read + 8 * 3 + 1


def test_an_organisation_that_is_gone_or_broken_holds_up_no_other(usage: Usage) -> None:
    usage.found("t-1", "t-2", "t-3")
    usage.set("t-1", used_users=5)
    usage.set("t-2", created_at="soon")
    usage.table._client.delete_item(
        TableName=usage.table.name, Key={"PK": {"S": "ORG#t-3"}, "SK": {"S": "ORGANIZATION"}}
    )

    assert usage.warn() == {"visited": 3, "told": 1, "ended": True}
    assert usage.prove()["visited"] == 3


@pytest.mark.parametrize("stop", [stop_before, stop_after])
def test_runs_that_stop_anywhere_are_gone_on_with(usage: Usage, stop: Any) -> None:
    """Each run stops at another write; each warning is told once all the same."""
    tenants = [f"t-{number}" for number in range(4)]
    usage.found(*tenants)
    for tenant in tenants:
        usage.set(tenant, used_users=5)
    for at in range(1, 9):
        with suppress(Stopped), injected(stop(at, {"PutItem", "UpdateItem"})):
            usage.warn()

    usage.warn()

    assert [usage.told(tenant) for tenant in tenants] == [[("UsageWarning", 1)]] * 4


@pytest.mark.parametrize("at", range(1, 5))
def test_a_lost_answer_changes_nothing_of_the_outcome(
    ministack: MiniStack, ministack_platform_table: Table, clock: FakeClock, at: int
) -> None:
    usage = Usage(ministack_platform_table)
    seats = Seats(Table(ministack.client("dynamodb"), ministack_platform_table.name))
    usage.set("t-1", used_users=5)

    with injected(lose_answer(at=at)):
        drifted = seats.prove(clock)

    assert drifted == 1
    assert usage.get("t-1", "used_users") == 1
    assert usage.told("t-1") == [("CounterDrifted", 1)]


class Seats:
    """People who come and go while the counter is proven, on the local cloud."""

    def __init__(self, table: Table) -> None:
        self.table = table
        create(DynamoDBOrganizationRepository(table), organization("t-1"))

    def come_and_go(self, number: int) -> None:
        """A member joins and leaves, again and again: each time row and counter move together."""
        where, own = organization_key("t-1"), member_key("t-1", f"p-{number}")
        for version in range(6):
            joins = version % 2 == 0
            member: Create | Change = (
                Create(own, {"status": "ACTIVE"})
                if version == 0
                else Change(own, version, {"status": "ACTIVE" if joins else "REMOVED"}, ())
            )
            self.table.transact([member, Count(where, "used_users", 1 if joins else -1)])

    def prove(self, clock: FakeClock) -> int:
        stamp = Stamp(now=clock, new_id=new_id)
        rows, usage = DynamoDBSeats(self.table), DynamoDBUsage(self.table)
        return CounterProof(rows, usage, stamp).visit(["t-1"])

    @property
    def counts(self) -> tuple[int, int]:
        """What is counted, and the rows."""
        item = self.table.get(organization_key("t-1"))
        assert item
        return item["used_users"], DynamoDBSeats(self.table).rows("t-1")


@pytest.fixture
def seats(ministack: MiniStack, ministack_platform_table: Table) -> Seats:
    return Seats(Table(ministack.client("dynamodb"), ministack_platform_table.name))


def test_a_proof_among_people_who_come_and_go_makes_nothing_wrong(
    seats: Seats, clock: FakeClock
) -> None:
    """30 people in ten threads, while the counter is proven again and again."""
    with ThreadPoolExecutor(12) as pool:
        people = [pool.submit(seats.come_and_go, number) for number in range(30)]
        found = [pool.submit(seats.prove, clock) for _ in range(40)]
        for person in people:
            person.result()
        assert sum(each.result() for each in found) == 0

    assert seats.counts == (1, 1)


def test_runs_at_once_repair_and_tell_a_drift_once(seats: Seats, clock: FakeClock) -> None:
    item = seats.table.get(organization_key("t-1"))
    assert item
    seats.table.put({**item, "used_users": 9})

    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(seats.prove, clock) for _ in range(8)]

    assert sum(each.result() for each in found) == 1
    assert seats.counts == (1, 1)
