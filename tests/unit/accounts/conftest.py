"""The whole context in memory, with the state machine as it is defined: only AWS is not there."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tenantry.accounts.costs import prices
from tenantry.accounts.dynamodb import DynamoDBAccountRepository
from tenantry.accounts.farewells import DynamoDBFarewells
from tenantry.accounts.line import Line
from tenantry.accounts.model import Account, Kind, Names, Operation
from tenantry.accounts.own_accounts import Guard, OwnAccounts
from tenantry.accounts.provisioning import (
    Failure,
    Ledger,
    Provisioning,
    Seeding,
    Shared,
    Task,
    Vending,
)
from tenantry.accounts.service import AccountService
from tenantry.accounts.step_functions import execution_input
from tenantry.accounts.teardown import Paged, Teardown
from tenantry.accounts.teardown_service import TeardownService
from tenantry.accounts.technical_user_service import TechnicalUserService
from tenantry.accounts.technical_users import TechnicalUsers
from tenantry.errors import NotAMemberError, TenantryError
from tenantry.messaging.stamp import Stamp
from tenantry.organizations.dynamodb import (
    DynamoDBMachineRepository,
    DynamoDBOrganizationRepository,
)
from tenantry.organizations.hosting import Hosted, OrganizationHosting
from tenantry.organizations.machines import MachineWrites
from tenantry.organizations.model import Member, Organization
from tenantry.persistence.keys import member_key, organization_key
from tenantry.persistence.writes import Create
from tenantry.tenancy.access import Standing
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import OPERATOR_GROUP
from tests.support.accounts import (
    FakeArchive,
    FakeBodies,
    FakeEntrance,
    FakeEstate,
    FakeExecutions,
    FakeMachineClients,
    FakePeople,
    FakeSealKeys,
    FakeSigner,
    FakeStacks,
    FakeTenantData,
    FakeTree,
)
from tests.support.clock import START, FakeClock, FakeIds
from tests.support.fakes.copies import FakeCopies
from tests.support.fakes.organizations import FakeOperators
from tests.support.fakes.table import InMemoryTable
from tests.support.fakes.vending import FakeVendor
from tests.support.state_machine import StateMachine, TaskError, substituted

DEFINITION = (
    Path(__file__).parents[3] / "statemachines" / "provision_account.asl.json"
).read_text()
FUNCTIONS = (
    "Validate",
    "Reserve",
    "AdoptShared",
    "Vend",
    "Place",
    "CreateStack",
    "AwaitStack",
    "Guard",
    "Configure",
    "Seed",
    "Verify",
    "Activate",
    "Announce",
    "Compensate",
)
TEARDOWN = (Path(__file__).parents[3] / "statemachines" / "teardown_account.asl.json").read_text()
TEARDOWN_FUNCTIONS = (
    "AwaitGrace",
    "Export",
    "StopInflows",
    "Purge",
    "DeleteStack",
    "AwaitDeletion",
    "Inventory",
    "Release",
    "Close",
    "Certify",
    "Halt",
)
GRACE = timedelta(hours=1)
KEPT = timedelta(days=7)
SHARED = Shared("shared", "shared-raw", "shared-processed")
OWNER = Caller(user_id="ada", tenant_id="acme")
OPERATOR = Caller(user_id="root", groups=frozenset({OPERATOR_GROUP}))
REASON = "Ticket 42"

type Fault = Callable[[str, Callable[[], Any]], Any]
"""Stands in the way of a function: its name, and what calls it."""


class Machines(MachineWrites, DynamoDBMachineRepository):
    """As the function has them."""


class Stopped(BaseException):
    """The execution was stopped from outside, in the middle of a task or before it."""


@dataclass
class World:
    clock: FakeClock
    table: InMemoryTable = field(default_factory=InMemoryTable)
    stacks: FakeStacks = field(default_factory=FakeStacks)
    vendor: FakeVendor = field(default_factory=FakeVendor)
    entrance: FakeEntrance = field(default_factory=FakeEntrance)
    tree: FakeTree = field(default_factory=FakeTree)
    data: FakeTenantData = field(default_factory=FakeTenantData)
    copies: Any = field(default_factory=FakeCopies)
    estate: FakeEstate = field(default_factory=FakeEstate)
    clients: FakeMachineClients = field(default_factory=FakeMachineClients)
    people: FakePeople = field(default_factory=FakePeople)
    seal_keys: FakeSealKeys = field(default_factory=FakeSealKeys)
    archive: FakeArchive = field(default_factory=FakeArchive)
    executions: FakeExecutions = field(default_factory=FakeExecutions)
    operators: FakeOperators = field(default_factory=FakeOperators)
    reported: list[str] = field(default_factory=list)
    left_aside: list[str] = field(default_factory=list)
    """Organisations whose operation could not be read."""
    fault: Fault | None = None
    places: int = 10
    transitions: int = 0
    """States that the latest execution went through."""

    def __post_init__(self) -> None:
        stamp = Stamp(self.clock, FakeIds())
        self.stacks.gone = lambda its: self.data.lose(Names.of("tenantry", its).table)
        self.vendor.clock = self.clock
        self.own = OwnAccounts(
            vendor=self.vendor,
            settings=self.vendor.settings,
            report=lambda what, _account: self.reported.append(what),
        )
        self.accounts = DynamoDBAccountRepository(
            self.table, self.places, lambda _what, tenant_id: self.left_aside.append(tenant_id)
        )
        self.organizations = DynamoDBOrganizationRepository(self.table)
        self.hosting = OrganizationHosting(self.organizations)
        self.machines = Machines(self.table)
        self.users = TechnicalUsers(self.clients, self.machines, self.clock)
        self.provisioning = Provisioning(
            ledger=Ledger(self.accounts, stamp),
            stamp=stamp,
            prefix="tenantry",
            shared=SHARED,
            hosting=self.hosting,
            stacks=self.stacks,
            tree=self.tree,
            data=self.data,
            own=self.own,
            guards=Guard(self.entrance, lambda: "a guess"),
            offers_dedicated=True,
            copies=self.copies,
            kept=KEPT,
            pages=2,
            users=self.users,
        )
        self.clients.now = self.clock
        self.estate.clients = self.clients
        self.estate.stacks = self.stacks
        self.estate.tree = self.tree
        self.farewells = DynamoDBFarewells(self.table)
        self.bodies = FakeBodies(self.estate, self.archive)
        self.teardown = Teardown(
            ledger=Ledger(self.accounts, stamp),
            stamp=stamp,
            hosting=self.hosting,
            stacks=self.stacks,
            estate=self.estate,
            archive=self.archive,
            bodies=self.bodies,
            signer=FakeSigner(),
            people=self.people,
            farewells=self.farewells,
            seal_keys=self.seal_keys,
            seals_kept=timedelta(days=2557),
            keeps=timedelta(days=365),
            own=self.own,
            report=lambda what, _operation: self.reported.append(what),
        )
        self.line = Line(
            self.accounts,
            self.executions,
            stamp,
            report=lambda what, _operation: self.reported.append(what),
        )
        self.service = AccountService(
            accounts=self.accounts,
            access=_Access(self.organizations),
            hosting=self.hosting,
            operators=self.operators,
            stamp=stamp,
            tree=self.tree,
            region="eu-central-1",
            prefix="tenantry",
            offers_dedicated=True,
        )
        self.technical_users = TechnicalUserService(self.service, self.users, "https://token")
        self.teardowns = TeardownService(self.service, self.estate, GRACE, prices())
        self._taken = 0

    # what is there

    def found(self, tenant_id: str = "acme", user_id: str = "ada", **fields: Any) -> None:
        """An organisation with its owner."""
        organization = Organization(
            tenant_id=tenant_id,
            name=tenant_id,
            slug=tenant_id,
            founder_id=user_id,
            created_at=START,
            updated_at=START,
            **fields,
        )
        member = Member.model_validate(
            {"tenant_id": tenant_id, "user_id": user_id, "role": "OWNER", "joined_at": START}
        )
        item = {
            **organization.model_dump(mode="json", exclude_none=True, exclude={"entity_version"}),
            "entity_type": "Organization",
            "entity_id": tenant_id,
        }
        item = {name: value for name, value in item.items() if value != {}}
        self.table.write(Create(organization_key(tenant_id), item))
        self.table.write(
            Create(
                member_key(tenant_id, user_id),
                {
                    "entity_type": "Member",
                    "entity_id": user_id,
                    "tenant_id": tenant_id,
                    "role": member.role.value,
                    "status": "ACTIVE",
                    "created_at": START.isoformat(),
                    "GSI1PK": f"USER#{user_id}",
                    "GSI1SK": f"ORG#{tenant_id}",
                },
            )
        )

    def request(self, cloud_type: str = "private", caller: Caller = OWNER, **more: Any) -> Account:
        """Of a kind; `own-buckets` is public, with buckets of its own."""
        if cloud_type == "own-buckets":
            cloud_type, more = "public", {"options": {"ownBuckets": True}, **more}
        asked = {"name": "Own", "masterAccountName": "Acme", "technicalUser": "erp"}
        values = {**asked, "cloudType": cloud_type, **more}
        account = self.service.request(caller, values).account
        assert account
        return account

    def account(self, account_id: str) -> Account:
        found = self.accounts.get(account_id)
        assert found
        return found

    def operation(self, account: Account) -> Operation:
        _, found = self.accounts.read(account.account_id, account.operation_id)
        assert found
        return found

    def hosted(self, tenant_id: str = "acme") -> Hosted:
        found = self.hosting.find(tenant_id)
        assert found
        return found

    @property
    def places_taken(self) -> int:
        found = self.table.items.get(("OPERATIONS", "PLACES"), {})
        return int(found.get("taken", 0))

    def events(self) -> list[str]:
        """Types of the events on the items as they stand."""
        return [e["type"] for item in self.table.items.values() for e in item.get("events", [])]

    # what happens

    def goes_on(self, sweeps: int = 8) -> int:
        """Let everything happen that happens by itself; answers how many sweeps it took.

        What starts runs to its end, what ends is settled by its event; then time passes and the
        reconciler sweeps, until nothing is open.
        """
        for sweep in range(sweeps):
            self.line.move_up()
            self._run_started()
            if not self._left():
                return sweep
            self.clock.advance(timedelta(minutes=6))
            self.line.sweep()
            self._run_started()
        return sweeps

    def _left(self) -> bool:
        items = self.table.items.values()
        return any(
            item["status"] in ("PENDING", "RUNNING", "COMPENSATING")
            for item in items
            if item.get("entity_type") == "AccountOperation"
        )

    def _run_started(self) -> None:
        while self._taken < len(self.executions.started):
            operation = self.executions.started[self._taken]
            self._taken += 1
            name = operation.execution_name
            try:
                ended = self.execute(operation)
                self.executions.states[name] = ended
            except Stopped:
                self.executions.states[name] = "ABORTED"

    def execute(self, operation: Operation) -> str:
        definition, functions = (
            (TEARDOWN, TEARDOWN_FUNCTIONS)
            if operation.kind is Kind.TEARDOWN
            else (DEFINITION, FUNCTIONS)
        )
        machine = StateMachine(
            substituted(definition, [f"{name}Function" for name in functions]),
            self._invoke,
            waited=lambda seconds: self.clock.advance(timedelta(seconds=seconds)),
        )
        ended = machine.run(execution_input(operation))
        self.transitions = len(ended.states)
        return ended.status

    def _invoke(self, function: str, payload: dict[str, Any]) -> Any:
        name = function.removesuffix("Function")

        def call() -> Any:
            return self._called(name, payload)

        return self.fault(name, call) if self.fault else call()

    def _called(self, name: str, payload: dict[str, Any]) -> Any:
        step = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
        kinds: dict[str, type[Task]] = {
            "Compensate": Failure,
            "Halt": Failure,
            **dict.fromkeys(("Export", "Purge", "Inventory"), Paged),
            "Vend": Vending,
            "Seed": Seeding,
        }
        given = kinds.get(name, Task).model_validate(payload)
        its = self.teardown if name in TEARDOWN_FUNCTIONS else self.provisioning
        try:
            done = getattr(its, step)(given)
        except TenantryError as error:
            told = json.dumps({"errorMessage": str(error), "errorType": type(error).__name__})
            raise TaskError(type(error).__name__, told) from error
        return done.model_dump(mode="json")


@dataclass(frozen=True)
class _Access:
    organizations: DynamoDBOrganizationRepository

    def standing(self, caller: Caller) -> Standing:
        found = self.organizations.acting(caller.organization_id, caller.user_id)
        if found.organization is None or found.member is None:
            raise NotAMemberError("not a member")
        return found.member.standing_in(found.organization)


@pytest.fixture
def world(clock: FakeClock) -> World:
    made = World(clock)
    made.found()
    return made
