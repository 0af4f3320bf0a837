"""Moves as their state machine runs them, over real tables and buckets in this process.

Row 27: whatever goes wrong in whatever state, the organisation ends moved, or where it was.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from tenantry.accounts.model import (
    Account,
    CloudType,
    Kind,
    Names,
    Operation,
    OperationStatus,
    StepName,
)
from tenantry.accounts.moving import Moving
from tenantry.accounts.provisioning import Failure, Task
from tenantry.accounts.repository import Place
from tenantry.accounts.step_functions import execution_input
from tenantry.accounts.tenant_copies import DynamoDBTenantCopies
from tenantry.errors import ConflictError, OrganizationMovingError, PlanChangedError, TenantryError
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.table import Table
from tenantry.persistence.writes import Remove
from tenantry.runtime.identifiers import derived_id
from tenantry.tenancy.router import TenantRouter
from tenantry.tenancy.tenant_table import TenantTable
from tests.support.accounts import FakeStacks
from tests.support.clock import FakeClock, FakeIds, no_sleep
from tests.support.state_machine import StateMachine, TaskError, substituted
from tests.support.tables import create_table, items
from tests.support.things import made, retitled, thing_key
from tests.unit.accounts.conftest import OWNER, SHARED, Stopped, World

DEFINITION = (Path(__file__).parents[3] / "statemachines" / "move_account.asl.json").read_text()
METHODS = {
    "ValidateMove": "validate",
    "VerifyTarget": "verify",
    "Backfill": "backfill",
    "CatchUp": "catch_up",
    "RaiseFence": "fence",
    "CopyTail": "copy_tail",
    "Compare": "compare",
    "Flip": "flip",
    "AnnounceMove": "announce",
    "CompensateMove": "compensate",
}
SHARED_STEPS = ("AdoptShared", "CreateStack", "AwaitStack")
NO_WAY_BACK = {"Flip", "AnnounceMove"}
SETTLE = timedelta(seconds=90)
BUCKETS = {"CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}}


@dataclass
class Stacks(FakeStacks):
    """Stacks that have a table and two buckets in them."""

    dynamodb: Any = None
    s3: Any = None

    def create(self, account: Account, token: str) -> None:
        if account.account_id not in self.made:
            names = Names("tenantry", account.account_id)
            create_table(self.dynamodb, "tenant", names.table)
            for bucket in (names.raw, names.processed):
                self.s3.create_bucket(Bucket=bucket, **BUCKETS)
        super().create(account, token)

    def removed(self, account: Account) -> None:
        names = Names("tenantry", account.account_id)
        self.dynamodb.delete_table(TableName=names.table)
        for bucket in (names.raw, names.processed):
            for each in self.s3.list_objects_v2(Bucket=bucket).get("Contents", []):
                self.s3.delete_object(Bucket=bucket, Key=each["Key"])
            self.s3.delete_bucket(Bucket=bucket)


@dataclass
class MovingWorld(World):
    """The accounts context in memory, and tenants' places on `dynamodb` and `s3`."""

    dynamodb: Any = None
    s3: Any = None
    meanwhile: Callable[[str], None] = lambda _function: None
    functions: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.stacks = Stacks(dynamodb=self.dynamodb, s3=self.s3)
        self.stacks.gone = self.stacks.removed
        self.provisioning = type(self.provisioning)(
            **{**vars(self.provisioning), "stacks": self.stacks}
        )
        self.copies = DynamoDBTenantCopies(
            self.dynamodb, self.s3, lambda place: self.at(place.table), SHARED.table
        )
        self.moving = Moving(self.provisioning, self.copies, SETTLE, pages=1)
        self.router = TenantRouter(
            *(SHARED.table, SHARED.raw, SHARED.processed),
            region="eu-central-1",
            own="tenantry-account-",
            arn=lambda kind, name: f"{kind}/{name}",
        )

    def at(self, name: str) -> Table:
        return Table(self.dynamodb, name, sleep=no_sleep)

    def tenant_table(self, tenant_id: str = "acme") -> TenantTable:
        """As a context reaches it: the route is read, and followed."""
        standing = self.service.access.standing(OWNER)
        place = self.router.find(standing, writes=True)
        return TenantTable(self.at(place.table), place)

    def both(self, account: Account) -> tuple[Place, Place]:
        names = Names("tenantry", account.account_id)
        return (
            Place("acme", SHARED.table, SHARED.raw, SHARED.processed),
            Place("acme", names.table, names.raw, names.processed),
        )

    def execute(self, operation: Operation) -> str:
        if operation.kind is not Kind.MOVE:
            return super().execute(operation)
        names = [f"{name}Function" for name in (*METHODS, *SHARED_STEPS)]
        machine = StateMachine(
            substituted(DEFINITION, names),
            self._invoke,
            waited=lambda seconds: self.clock.advance(timedelta(seconds=seconds)),
        )
        return machine.run(execution_input(operation)).status

    def _called(self, name: str, payload: dict[str, Any]) -> Any:
        if name not in METHODS:
            return super()._called(name, payload)
        self.functions.append(name)
        self.meanwhile(name)
        given = (Failure if name == "CompensateMove" else Task).model_validate(payload)
        try:
            done = getattr(self.moving, METHODS[name])(given)
        except TenantryError as error:
            told = json.dumps({"errorMessage": str(error), "errorType": type(error).__name__})
            raise TaskError(type(error).__name__, told) from error
        return done.model_dump(mode="json")

    def move(self, account: Account, to: str) -> Operation:
        operation = self.service.move(OWNER, account.account_id, CloudType(to)).operation
        assert operation
        return operation


@pytest.fixture
def world(moto: None, clock: FakeClock) -> MovingWorld:
    return founded(clock, boto3.client("dynamodb"), boto3.client("s3"))


def founded(clock: FakeClock, dynamodb: Any, s3: Any) -> MovingWorld:
    """Acme in the shared place with things, files and a neighbour whose name begins alike."""
    create_table(dynamodb, "tenant", SHARED.table)
    for bucket in (SHARED.raw, SHARED.processed):
        s3.create_bucket(Bucket=bucket, **BUCKETS)
    made_world = MovingWorld(clock, dynamodb=dynamodb, s3=s3)
    made_world.found()
    return made_world


def settled(world: MovingWorld) -> Account:
    account = world.request("public")
    world.goes_on()
    stamp = Stamp(world.clock, FakeIds("a"))
    for number in range(12):
        world.tenant_table().write(made(stamp, str(number)))
    below = {"PK": "ORG#acme#PROJECT#1", "SK": "TASK#1"}
    world.at(SHARED.table).put({**below, "n": 0.1, "tenant_id": "acme"})
    world.at(SHARED.table).put({"PK": "ORG#acme2", "SK": "THING#1", "tenant_id": "acme2"})
    for key in ("acme/1.txt", "acme/a/2.txt", "acme2/1.txt"):
        world.s3.put_object(Bucket=SHARED.raw, Key=key, Body=key.encode())
    world.s3.put_object(Bucket=SHARED.processed, Key="acme/p.txt", Body=b"p")
    return world.account(account.account_id)


def is_moved(world: MovingWorld, account: Account, to: str) -> None:
    now = world.account(account.account_id)
    operation = world.operation(now)
    assert (operation.status, operation.percent) == (OperationStatus.SUCCEEDED, 100)
    assert (now.cloud_type, now.status, now.error) == (CloudType(to), "active", None)
    route = world.hosted().route
    assert (route["kind"], route["state"]) == (to, "active")
    old, new = world.both(account) if to == "private" else world.both(account)[::-1]
    assert world.copies.sums(old) == world.copies.sums(new)
    assert world.places_taken == 0
    world.tenant_table().write(made(Stamp(world.clock, FakeIds("c")), f"new-{uuid.uuid4().hex}"))


def is_back(world: MovingWorld, account: Account) -> None:
    now = world.account(account.account_id)
    operation = world.operation(now)
    assert operation.status is OperationStatus.FAILED
    assert operation.error_code
    assert (now.cloud_type, now.status) == (account.cloud_type, "active")
    assert now.error
    route = world.hosted().route
    assert (route["kind"], route["state"]) == (account.cloud_type, "active")
    assert world.places_taken == 0
    assert account.account_id not in world.stacks.made
    world.tenant_table().write(made(Stamp(world.clock, FakeIds("c")), f"new-{uuid.uuid4().hex}"))


def test_public_to_private_and_back(world: MovingWorld) -> None:
    account = settled(world)
    neighbour = [i for i in items(world.dynamodb, SHARED.table) if i["PK"]["S"] == "ORG#acme2"]

    world.move(account, "private")
    world.goes_on()
    is_moved(world, account, "private")
    assert world.tenant_table().place.kind == "private"
    world.tenant_table().transact([Remove(thing_key("3"))])

    world.move(account, "public")
    world.goes_on()
    is_moved(world, world.account(account.account_id), "public")
    assert world.tenant_table().get(thing_key("3")) is None
    assert neighbour == [
        i for i in items(world.dynamodb, SHARED.table) if i["PK"]["S"] == "ORG#acme2"
    ]


def test_a_copy_carries_no_events(world: MovingWorld) -> None:
    account = settled(world)
    world.move(account, "private")
    world.goes_on()

    copied = items(world.dynamodb, Names("tenantry", account.account_id).table)
    assert len(copied) > 12
    assert not [item for item in copied if "events" in item]
    stamp = Stamp(world.clock, FakeIds("d"))
    world.tenant_table().write(retitled(stamp, 1, "after", "1"))
    changed = world.tenant_table().get(thing_key("1"))
    assert changed is not None
    assert len(changed["events"]) == 1


def test_what_is_written_and_removed_meanwhile_is_moved_too(world: MovingWorld) -> None:
    account = settled(world)
    stamp = Stamp(world.clock, FakeIds("b"))
    written: list[str] = []
    refused: list[str] = []

    def meanwhile(function: str) -> None:
        name = f"{function}-{len(written)}-{len(refused)}"
        try:
            table = world.tenant_table()
            table.write(made(stamp, name))
            if found := table.get(thing_key("1")):
                table.write(retitled(stamp, found["entity_version"], name, "1"))
            table.transact([Remove(thing_key("2"))])
            written.append(name)
        except OrganizationMovingError:
            refused.append(name)

    world.meanwhile = meanwhile
    world.move(account, "private")
    world.goes_on()
    world.meanwhile = lambda _function: None

    table = world.tenant_table()
    assert table.place.kind == "private"
    assert written
    assert refused
    assert all(table.get(thing_key(name)) for name in written)
    assert not any(table.get(thing_key(name)) for name in refused)
    assert table.get(thing_key("2")) is None
    last = table.get(thing_key("1"))
    assert last is not None
    assert last["title"] == written[-1]


def test_the_tail_waits_for_what_began_before_the_fence(world: MovingWorld) -> None:
    account = settled(world)
    operation = world.move(account, "private")
    world.goes_on()

    _, ended = world.accounts.read(account.account_id, operation.operation_id)
    assert ended is not None
    fenced = ended.step(StepName.FENCE).ended_at
    copied = ended.step(StepName.COPY_TAIL).ended_at
    assert fenced
    assert copied
    assert copied - fenced >= SETTLE


FORWARD = [name for name in METHODS if name != "CompensateMove"]
CASES = [
    *(("private", f, how) for f in FORWARD for how in ("error", "lost answer", "stopped")),
    *(("private", f, "lost for good") for f in ("RaiseFence", "CopyTail", "Flip")),
    *(("public", f, "error") for f in FORWARD),
]


@pytest.mark.parametrize(("to", "function", "fault"), CASES)
def test_whatever_goes_wrong_it_ends_moved_or_where_it_was(
    world: MovingWorld, to: str, function: str, fault: str
) -> None:
    account = settled(world)
    if to == "public":
        world.move(account, "private")
        world.goes_on()
        account = world.account(account.account_id)
    seen: list[str] = []

    def faulty(name: str, call: Callable[[], Any]) -> Any:
        if name != function or (seen and fault != "lost for good"):
            return call()
        if len(seen) >= 8:
            return call()
        seen.append(name)
        if fault == "error":
            raise TaskError("Runtime.ExitError")
        call()
        if fault == "stopped":
            raise Stopped
        raise TaskError("UnavailableError")

    world.fault = faulty
    world.move(account, to)
    world.goes_on(12)
    world.fault = None

    assert seen
    if world.account(account.account_id).cloud_type is CloudType(to):
        is_moved(world, account, to)
    else:
        assert not (function in NO_WAY_BACK and fault != "error")
        if to == "private":
            is_back(world, account)
        else:
            assert world.hosted().route["kind"] == "private"
            world.tenant_table().write(made(Stamp(world.clock, FakeIds("c")), "after"))
            left = [i for i in items(world.dynamodb, SHARED.table) if i["PK"]["S"] == "ORG#acme"]
            # Before anything was made there is what the move before has left.
            assert function == "ValidateMove" or [i["SK"]["S"] for i in left] == ["FENCE"]


def test_a_copy_that_differs_is_not_gone_to(world: MovingWorld) -> None:
    account = settled(world)
    names = Names("tenantry", account.account_id)

    def meanwhile(function: str) -> None:
        if function == "Compare":
            world.at(names.table).put({**thing_key("1"), "title": "another"})

    world.meanwhile = meanwhile
    world.move(account, "private")
    world.goes_on()

    is_back(world, account)
    assert world.operation(world.account(account.account_id)).error_code == "COPY_DIFFERS"


def test_a_copier_that_comes_late_writes_nothing(world: MovingWorld) -> None:
    """A task of a run that was given up may still be at work when the data has moved."""
    account = settled(world)
    epoch = world.hosted().route_epoch
    world.move(account, "private")
    world.goes_on()
    source, target = world.both(account)
    world.at(SHARED.table).put({**thing_key("late"), "title": "late"})

    for old in (epoch, epoch + 1):
        with pytest.raises(OrganizationMovingError):
            world.copies.copy(source, target, old, None)


def test_the_old_copy_goes_when_it_was_kept_long_enough(world: MovingWorld) -> None:
    account = settled(world)
    operation = world.move(account, "private")
    week = timedelta(days=7)

    def retired() -> bool:
        return world.moving.retire(account.account_id, operation.operation_id, week)

    assert not retired()
    world.goes_on()
    assert not retired()
    before = world.copies.sums(world.both(account)[1])
    world.clock.advance(week)
    assert retired()

    assert world.copies.sums(world.both(account)[1]) == before
    left = items(world.dynamodb, SHARED.table)
    assert [(i["PK"]["S"], i["SK"]["S"]) for i in left] == [
        ("ORG#acme", "FENCE"),
        ("ORG#acme2", "THING#1"),
    ]
    files = world.s3.list_objects_v2(Bucket=SHARED.raw)["Contents"]
    assert [each["Key"] for each in files] == ["acme2/1.txt"]


def test_what_is_lived_in_again_is_not_removed(world: MovingWorld) -> None:
    account = settled(world)
    first = world.move(account, "private")
    world.goes_on()
    world.move(account, "public")
    world.goes_on()
    world.clock.advance(timedelta(days=30))

    assert not world.moving.retire(account.account_id, first.operation_id, timedelta(0))
    assert world.tenant_table().get(thing_key("1"))


def test_asking_twice_is_one_move_and_a_plan_holds(world: MovingWorld) -> None:
    account = settled(world)
    planned = world.service.move(OWNER, account.account_id, CloudType.PRIVATE, dry_run=True).plan
    assert planned
    assert world.operation(world.account(account.account_id)).kind is Kind.PROVISION
    with pytest.raises(PlanChangedError):
        world.service.move(OWNER, account.account_id, CloudType.PRIVATE, plan="another")

    first = world.service.move(OWNER, account.account_id, CloudType.PRIVATE, plan=planned.hash)
    again = world.service.move(OWNER, account.account_id, CloudType.PRIVATE)

    assert first.operation == again.operation
    assert first.operation
    assert first.operation.operation_id != derived_id("operation", account.account_id, "PROVISION")


def test_a_move_that_waits_can_be_given_up_and_the_account_is_where_it_was(
    world: MovingWorld,
) -> None:
    account = settled(world)
    world.move(account, "private")
    world.goes_on()
    parameters = dict(world.tree.values)
    assert parameters
    world.move(account, "public")

    world.service.cancel(OWNER, account.account_id)
    world.goes_on()

    assert world.tree.values == parameters
    now = world.account(account.account_id)
    assert (now.status, now.cloud_type) == ("active", CloudType.PRIVATE)
    assert world.operation(now).status is OperationStatus.CANCELLED
    assert world.places_taken == 0
    world.move(account, "public")
    world.goes_on()
    is_moved(world, now, "public")


@pytest.mark.parametrize("to", ["public", "dedicated"])
def test_where_it_is_or_cannot_be_it_is_not_moved(world: MovingWorld, to: str) -> None:
    account = settled(world)
    with pytest.raises(ConflictError):
        world.service.move(OWNER, account.account_id, CloudType(to))
