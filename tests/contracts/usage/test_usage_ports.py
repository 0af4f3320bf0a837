"""The register, sweeps' progress, and what was told of usage, on the fakes and on DynamoDB."""

from dataclasses import dataclass
from itertools import count

import pytest

from tenantry.audit.dynamodb_seals import DynamoDBSealedOrganizations
from tenantry.errors import ConflictError
from tenantry.messaging.event import Event
from tenantry.organizations.counters import Kind
from tenantry.organizations.dynamodb import DynamoDBOrganizationRepository
from tenantry.persistence.keys import member_key, organization_key
from tenantry.persistence.table import Table
from tenantry.persistence.writes import Count
from tenantry.usage.dynamodb import (
    DynamoDBProgress,
    DynamoDBSeats,
    DynamoDBUsage,
)
from tenantry.usage.model import Counted, Progress, Told, UsageLedger
from tenantry.usage.repository import ProgressStore, Register, UsageRepository
from tests.contracts.organizations.test_organization_repository import create, organization
from tests.support.clock import START
from tests.support.fakes.usage import InMemoryProgress, InMemoryRegister, InMemoryUsage

_numbers = count(1)


def event() -> Event:
    return Event(
        id=f"e-{next(_numbers)}",
        type="SomethingHappened",
        context="usage",
        occurred_at=START,
        actor={"id": "system"},
        data={},
    )


@dataclass(frozen=True)
class Stores:
    """With the organisation t-1, in which one seat is taken."""

    progress: ProgressStore
    usage: UsageRepository


@pytest.fixture(params=["in-memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "in-memory":
        usage = InMemoryUsage({"t-1": organization()})
        usage.counters["t-1", "used_users"] = Counted(1, None)
        return Stores(InMemoryProgress(), usage)
    table: Table = request.getfixturevalue("platform_table")
    create(DynamoDBOrganizationRepository(table), organization())
    return Stores(DynamoDBProgress(table), DynamoDBUsage(table))


@pytest.fixture(params=["in-memory", "dynamodb"])
def register(request: pytest.FixtureRequest) -> Register:
    """Of sixty organisations; the audit's own contract holds more of its list."""
    tenants = {f"t-{number}" for number in range(60)}
    if request.param == "in-memory":
        return InMemoryRegister(tenants)
    kept = DynamoDBSealedOrganizations(request.getfixturevalue("audit_table"))
    for tenant in [*tenants, *tenants]:
        kept.add(tenant, START.date())
    return kept


def test_organisations_are_found_in_pages(register: Register) -> None:
    found, position = list[str](), None
    while True:
        page, position = register.page(position, 2)
        assert len(page) <= 2
        found += page
        if position is None:
            break

    assert sorted(found) == sorted({f"t-{number}" for number in range(60)})


def test_progress_goes_on_from_what_was_read(stores: Stores) -> None:
    fresh = stores.progress.read("s")
    assert fresh == Progress(name="s")

    begun = fresh.begun(START)
    stores.progress.save(begun)
    visited = begun.visited("t-1")
    stores.progress.save(visited)
    assert stores.progress.read("s") == visited
    onward = visited.visited(None)
    stores.progress.save(onward)
    ended = onward.ended(START)
    stores.progress.save(ended)

    assert stores.progress.read("s") == ended
    assert (ended.is_through, ended.after, ended.is_under_way) == (True, None, False)


def test_of_two_runs_one_goes_on(stores: Stores) -> None:
    begun = stores.progress.read("s").begun(START)
    stores.progress.save(begun)
    with pytest.raises(ConflictError):
        stores.progress.save(begun.model_copy(update={"after": "t-5"}))

    stores.progress.save(begun.visited("t-1"))
    with pytest.raises(ConflictError):
        stores.progress.save(begun.visited("t-2"))
    assert stores.progress.read("s").after == "t-1"


def test_usage_is_read_with_what_was_told(stores: Stores) -> None:
    empty = UsageLedger(tenant_id="t-1")
    assert stores.usage.read(["t-1", "t-2"]) == {"t-1": (organization(), empty)}

    told = empty.next({Kind.API_CALLS: Told(level=80, limit=10, period="2026-03")})
    stores.usage.tell(empty, told, [event()])

    assert stores.usage.ledger("t-1") == told
    assert stores.usage.read(["t-1"]) == {"t-1": (organization(), told)}
    more = told.next({Kind.USERS: Told(level=100, limit=5)})
    stores.usage.tell(told, more, [event()])
    assert stores.usage.ledger("t-1") == more
    with pytest.raises(ConflictError):
        stores.usage.tell(told, told.next(), [event()])


def test_a_counter_is_repaired_where_it_stands_as_seen(stores: Stores) -> None:
    seen = stores.usage.counted("t-1", "used_users")
    assert seen == Counted(1, None)
    empty = UsageLedger(tenant_id="t-1")

    stores.usage.repair("used_users", seen, 4, (empty, empty.next()), event())

    assert stores.usage.counted("t-1", "used_users") == Counted(4, None)
    now = stores.usage.ledger("t-1")
    assert now.entity_version == 1
    with pytest.raises(ConflictError):
        stores.usage.repair("used_users", seen, 9, (now, now.next()), event())
    assert stores.usage.counted("t-1", "used_users") == Counted(4, None)
    assert stores.usage.ledger("t-1") == now


def test_a_counter_that_was_never_there_is_repaired_too(stores: Stores) -> None:
    seen = stores.usage.counted("t-1", "used_things")
    assert seen == Counted(None, None)
    empty = UsageLedger(tenant_id="t-1")

    stores.usage.repair("used_things", seen, 4, (empty, empty.next()), event())

    assert stores.usage.counted("t-1", "used_things") == Counted(4, None)


def test_of_an_organisation_that_is_gone_nothing_is_counted(stores: Stores) -> None:
    assert stores.usage.counted("t-2", "used_users") is None


def test_a_counter_that_moved_there_and_back_is_seen_to_have_moved(platform_table: Table) -> None:
    create(DynamoDBOrganizationRepository(platform_table), organization())
    usage = DynamoDBUsage(platform_table)
    seen = usage.counted("t-1", "used_users")
    assert seen
    for by in (1, -1):
        platform_table.transact([Count(organization_key("t-1"), "used_users", by)])

    assert usage.counted("t-1", "used_users") == Counted(1, 2)
    empty = UsageLedger(tenant_id="t-1")
    with pytest.raises(ConflictError):
        usage.repair("used_users", seen, 4, (empty, empty.next()), event())


def test_seats_are_members_who_hold_one_and_pending_invitations(platform_table: Table) -> None:
    statuses = {
        "MEMBER#a": "ACTIVE",
        "MEMBER#b": "SUSPENDED",
        "MEMBER#c": "REMOVED",
        "INVITATION#a": "PENDING",
        "INVITATION#b": "ACCEPTED",
        "INVITATION#c": "REVOKED",
        "INVITATION#d": "EXPIRED",
        "INVITATION#e": "DECLINED",
        "INVITELINK#a": "PENDING",
        "DOMAIN#x": "PENDING",
    }
    for sk, status in statuses.items():
        platform_table.put({"PK": "ORG#t-1", "SK": sk, "status": status})
    platform_table.put({**member_key("t-2", "z"), "status": "ACTIVE"})

    assert DynamoDBSeats(platform_table).rows("t-1") == 3


def test_seats_are_counted_over_pages(platform_table: Table) -> None:
    for number in range(450):
        platform_table.put({**member_key("t-1", f"u-{number}"), "status": "ACTIVE"})

    assert DynamoDBSeats(platform_table).rows("t-1") == 450
