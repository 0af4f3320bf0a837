"""How a context takes a limit, by two contexts that exist here alone, many at once (row 8).

`Shelves` has its rows beside the counter and moves both in one transaction. `Vaults` has them where
no transaction reaches, as in a tenant's own table: it takes first, and gives back after.
"""

import random
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import tenantry
from functions.usage import prove_counters
from tenantry.audit.dynamodb_seals import DynamoDBSealedOrganizations
from tenantry.errors import ConflictError, CorruptDataError, LimitExceededError
from tenantry.messaging.stamp import Stamp
from tenantry.organizations import counters
from tenantry.organizations.counters import ATTRIBUTES, Kind, given_back, refusal, taken
from tenantry.organizations.dynamodb import DynamoDBOrganizationRepository
from tenantry.organizations.model import PLANS, PlanName
from tenantry.persistence.keys import key, organization_key, organization_pk
from tenantry.persistence.table import ConditionFailedError, Table
from tenantry.persistence.writes import Count, Create, Remove
from tenantry.runtime.identifiers import new_id
from tenantry.tenancy.access import MemberStatus, OrganizationStatus, Standing
from tenantry.tenancy.roles import Role
from tenantry.usage.bootstrap import registration
from tenantry.usage.dynamodb import DynamoDBUsage
from tenantry.usage.service import CounterProof
from tests.contracts.organizations.test_organization_repository import create, organization
from tests.support.clock import START, FakeClock
from tests.support.invocations import wire
from tests.support.lambda_context import lambda_context
from tests.support.ministack import MiniStack

GIB = 1024**3
THREADS, TRIES = 64, 500
STANDING = Standing(
    "t-1", "ada", Role.ADMIN, MemberStatus.ACTIVE, OrganizationStatus.ACTIVE, plan="STARTER"
)
LIMITS = {
    Kind.PROJECTS: PLANS[PlanName.STARTER].max_projects,
    Kind.STORAGE: PLANS[PlanName.STARTER].max_storage,
}


@dataclass
class Shelves:
    """Rows on the platform table, each of a size."""

    table: Table
    kind: Kind
    counter: str = ""
    settles: timedelta = timedelta()

    def __post_init__(self) -> None:
        self.counter = ATTRIBUTES[self.kind]

    def put(self, row: str, size: int) -> None:
        made = Create(self._key(row), {"size": size})
        try:
            self.table.transact([made, taken(STANDING, self.kind, size)])
        except ConditionFailedError as failure:
            if 1 in failure.failures:
                raise refusal(STANDING, self.kind, failure.items[1]) from failure
            raise ConflictError("There is such a row.") from failure

    def take_away(self, row: str, size: int) -> None:
        try:
            self.table.transact([Remove(self._key(row)), given_back("t-1", self.kind, size)])
        except ConditionFailedError as failure:
            raise ConflictError("There is no such row.") from failure

    def rows(self, tenant_id: str) -> int:
        found, start = 0, None
        while True:
            page = self.table.query(
                organization_pk(tenant_id), prefix=f"{self.kind}#", limit=200, start=start
            )
            found += sum(int(item["size"]) for item in page.items)
            if (start := page.next_key) is None:
                return found

    @property
    def counted(self) -> int:
        item = self.table.get(organization_key("t-1"))
        assert item
        return int(item.get(self.counter) or 0)

    def _key(self, row: str) -> dict[str, str]:
        return key(organization_pk("t-1"), f"{self.kind}#{row}")


class Vaults(Shelves):
    """The same rows where no transaction reaches them."""

    def put(self, row: str, size: int) -> None:
        try:
            self.table.transact([taken(STANDING, self.kind, size)])
        except ConditionFailedError as failure:
            raise refusal(STANDING, self.kind, failure.items[0]) from failure
        try:
            self.write(row, size)
        except ConditionFailedError as failure:
            self.table.transact([given_back("t-1", self.kind, size)])
            raise ConflictError("There is such a row.") from failure

    def write(self, row: str, size: int) -> None:
        self.table.write(Create(self._key(row), {"size": size}))

    def take_away(self, row: str, size: int) -> None:
        self.table.delete(self._key(row))
        self.table.transact([given_back("t-1", self.kind, size)])


@pytest.fixture
def table(ministack: MiniStack, ministack_platform_table: Table) -> Table:
    made = Table(ministack.client("dynamodb"), ministack_platform_table.name)
    found = organization("t-1")
    create(
        DynamoDBOrganizationRepository(made), found.model_copy(update={"plan": PlanName.STARTER})
    )
    return made


@dataclass
class Seen:
    """The most that was ever counted, and how many were refused."""

    most: int = 0
    refused: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, counted: int) -> None:
        with self._lock:
            self.most = max(self.most, counted)

    def refuse(self) -> None:
        with self._lock:
            self.refused += 1


def amid(shelves: Shelves, sizes: Callable[[random.Random], int]) -> Seen:
    """500 rows put by 64 threads, of which each third is taken away again."""
    seen = Seen()

    def work(number: int) -> None:
        size = sizes(random.Random(number))
        try:
            shelves.put(f"r-{number}", size)
        except LimitExceededError:
            seen.refuse()
            return
        finally:
            if number % 5 == 0:
                seen.note(shelves.counted)
        if number % 3 == 0:
            shelves.take_away(f"r-{number}", size)

    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(work, number) for number in range(TRIES)]:
            done.result()
    seen.note(shelves.counted)
    return seen


@pytest.mark.parametrize("kept_in", [Shelves, Vaults])
@pytest.mark.parametrize("kind", LIMITS)
def test_64_threads_never_pass_a_limit_and_the_counter_equals_the_rows(
    table: Table, kept_in: type[Shelves], kind: Kind
) -> None:
    limit = LIMITS[kind]
    assert limit is not None
    shelves = kept_in(table, kind)

    seen = amid(shelves, lambda dice: 1 if kind is Kind.PROJECTS else dice.randint(1, 9) * GIB)

    assert seen.most <= limit
    assert seen.refused > 0
    assert shelves.counted == shelves.rows("t-1") <= limit


def test_without_the_guard_they_would_pass_it(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin."""

    def unguarded(standing: Standing, kind: Kind, amount: int = 1) -> Count:
        return replace(counters.taken(standing, kind, amount), limit=None)

    monkeypatch.setattr(f"{__name__}.taken", unguarded)
    assert amid(Shelves(table, Kind.PROJECTS), lambda _: 1).most > (LIMITS[Kind.PROJECTS] or 0)


# what dies in between, and the proof


class Dies(Vaults):
    """Every fourth process ends between the counter and the row, on the way in and out."""

    def write(self, row: str, size: int) -> None:
        if int(row[2:]) % 4 == 1:
            raise CorruptDataError("it died")
        super().write(row, size)


def proof(table: Table, shelves: Shelves, clock: FakeClock, **more: Any) -> CounterProof:
    stamp = Stamp(now=clock, new_id=new_id)
    return CounterProof(shelves, DynamoDBUsage(table), stamp, **more)


def test_what_died_in_between_is_counted_too_much_never_too_little_and_proven_right(
    table: Table, clock: FakeClock
) -> None:
    shelves = Dies(table, Kind.STORAGE, settles=timedelta(seconds=30))
    for number in range(12):
        with suppress(CorruptDataError):
            shelves.put(f"r-{number}", GIB)
        assert shelves.counted >= shelves.rows("t-1")
    assert (shelves.counted, shelves.rows("t-1")) == (12 * GIB, 9 * GIB)

    assert proof(table, shelves, clock, pause=clock.sleep).visit(["t-1"]) == 1

    assert shelves.counted == shelves.rows("t-1") == 9 * GIB
    assert clock.slept == [30]


def test_a_row_that_is_on_its_way_is_no_drift(table: Table, clock: FakeClock) -> None:
    shelves = Vaults(table, Kind.STORAGE, settles=timedelta(seconds=30))
    table.transact([taken(STANDING, Kind.STORAGE, GIB)])

    def meanwhile(_seconds: float) -> None:
        shelves.write("r-1", GIB)

    assert proof(table, shelves, clock, pause=meanwhile).visit(["t-1"]) == 0
    assert shelves.counted == GIB


def test_not_waited_for_it_would_be_taken_for_one(table: Table, clock: FakeClock) -> None:
    """The twin: the counter is set back, and then the row is there."""
    shelves = Vaults(table, Kind.STORAGE)
    table.transact([taken(STANDING, Kind.STORAGE, GIB)])

    assert proof(table, shelves, clock).visit(["t-1"]) == 1
    shelves.write("r-1", GIB)
    assert shelves.counted < shelves.rows("t-1")


# registration


CONTEXT = """
from tenantry.bootstrap import platform_table
from tests.integration.usage.test_counted_rows import Shelves
from tenantry.organizations.counters import Kind

def row_counters():
    return (Shelves(platform_table(), Kind.PROJECTS), Shelves(platform_table(), Kind.STORAGE))
"""


@pytest.fixture
def joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A context `shelves` that has joined: nothing but files of its own."""
    wiring = tmp_path / "shelves" / "bootstrap"
    wiring.mkdir(parents=True)
    for package in (wiring.parent, wiring):
        (package / "__init__.py").write_text("")
    (wiring / "counting.py").write_text(CONTEXT)
    monkeypatch.setattr(tenantry, "__path__", [*tenantry.__path__, str(tmp_path)])
    yield
    for module in [name for name in sys.modules if name.startswith("tenantry.shelves")]:
        del sys.modules[module]


def test_the_daily_proof_finds_what_a_context_registers_repairs_and_tells_it(
    joined: None,
    platform_table: Table,
    audit_table: Table,
    tenant_table: Table,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wire(
        monkeypatch,
        PLATFORM_TABLE=platform_table.name,
        AUDIT_TABLE=audit_table.name,
        TENANT_TABLE=tenant_table.name,
        PREFIX="tenantry",
        EXPORTS_BUCKET="exports",
        TENANT_DATA_ROLE_ARN="arn:aws:iam::123456789012:role/tenant-data",
    )
    create(DynamoDBOrganizationRepository(platform_table), organization("t-1"))
    DynamoDBSealedOrganizations(audit_table).add("t-1", START.date())
    found = platform_table.get(organization_key("t-1"))
    assert found
    platform_table.put({**found, "used_projects": 7, "used_storage": GIB})

    assert [rows.counter for rows in registration.row_counters()] == [
        "used_projects",
        "used_storage",
        "used_users",
    ]
    answer = prove_counters.handler({"anew": True}, lambda_context(remaining_ms=300_000))

    # One organisation, for each of three counters and for that of exports.
    assert answer == {"visited": 4, "drifted": 2, "ended": True}
    repaired = platform_table.get(organization_key("t-1"))
    assert repaired
    assert (repaired["used_projects"], repaired["used_storage"]) == (0, 0)


def test_alone_there_are_the_users_and_the_exports(
    platform_table: Table, tenant_table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire(monkeypatch, PLATFORM_TABLE=platform_table.name, TENANT_TABLE=tenant_table.name)
    assert [rows.counter for rows in registration.row_counters()] == ["used_users"]
    assert [own.counter for own in registration.own_counters()] == ["open_exports"]


def test_a_counter_of_two_contexts_is_refused(
    joined: None, tmp_path: Path, platform_table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire(monkeypatch, PLATFORM_TABLE=platform_table.name)
    wiring = tmp_path / "shelves" / "bootstrap" / "counting.py"
    wiring.write_text(CONTEXT.replace("Kind.STORAGE", "Kind.PROJECTS"))
    with pytest.raises(ValueError, match="used_projects is registered twice"):
        registration.row_counters()
