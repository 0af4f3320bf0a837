"""Moves as their state machine runs them, over real tables and buckets in this process.

Row 27: whatever goes wrong in whatever state, the organisation ends moved, or where it was.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import boto3
import pytest

from tenantry.accounts.model import (
    Account,
    CloudType,
    Kind,
    Names,
    OperationStatus,
    StepName,
    Sums,
)
from tenantry.accounts.moving import Moving
from tenantry.accounts.repository import Place
from tenantry.accounts.tenant_copies import DynamoDBTenantCopies
from tenantry.errors import ConflictError, OrganizationMovingError, PlanChangedError
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.table import Table
from tenantry.persistence.writes import Remove
from tenantry.runtime.identifiers import derived_id
from tenantry.tenancy.holdings import Store, partitions
from tenantry.tenancy.router import TenantRouter
from tenantry.tenancy.tenant_table import TenantTable
from tests.support.accounts import FakeStacks
from tests.support.clock import FakeClock, FakeIds, no_sleep
from tests.support.faults import Fault, injected, stop_after, stop_before
from tests.support.faults import Stopped as Crashed
from tests.support.state_machine import TaskError
from tests.support.tables import create_table, items
from tests.support.things import made, retitled, thing_key
from tests.unit.accounts.conftest import OWNER, SHARED
from tests.unit.accounts.moves import FORWARD, MADE_BY, MoveWorld, faulty

CONFIRMED_WITHIN = timedelta(minutes=10)
KEPT = timedelta(days=7)
SETTLE = timedelta(seconds=90)
BUCKETS = {"CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}}


@dataclass
class Stacks(FakeStacks):
    """Stacks that have a table and two buckets in them."""

    dynamodb: Any = None
    s3: Any = None

    def create(self, account: Account, token: str) -> None:
        if self.find(account) is None:
            names = Names.of("tenantry", account)
            if not account.has_own_buckets:
                create_table(self.dynamodb, "tenant", names.table)
            for bucket in (names.raw, names.processed):
                self.s3.create_bucket(Bucket=bucket, **BUCKETS)
        super().create(account, token)

    def removed(self, account: Account) -> None:
        names = Names.of("tenantry", account)
        if not account.has_own_buckets:
            self.dynamodb.delete_table(TableName=names.table)
        for bucket in (names.raw, names.processed):
            for each in self.s3.list_objects_v2(Bucket=bucket).get("Contents", []):
                self.s3.delete_object(Bucket=bucket, Key=each["Key"])
            self.s3.delete_bucket(Bucket=bucket)


@dataclass
class MovingWorld(MoveWorld):
    """The accounts context in memory, and tenants' places on `dynamodb` and `s3`."""

    dynamodb: Any = None
    s3: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.stacks = Stacks(dynamodb=self.dynamodb, s3=self.s3)
        self.stacks.gone = self.stacks.removed
        self.copies = DynamoDBTenantCopies(
            lambda _place: Clients(self), partial(partitions, Store.TENANT), SHARED.table
        )
        self.provisioning = replace(self.provisioning, stacks=self.stacks, copies=self.copies)
        self.moving = Moving(
            self.provisioning, self.copies, SETTLE, CONFIRMED_WITHIN, KEPT, pages=1
        )
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

    def sums(self, place: Place) -> Sums:
        found = Sums()
        while not found.is_whole:
            found = self.copies.sums(place, found, self.clock() + timedelta(hours=1))
        return found


@dataclass(frozen=True)
class Clients:
    """A session's."""

    world: MovingWorld

    @property
    def dynamodb(self) -> Any:
        return self.world.dynamodb

    @property
    def s3(self) -> Any:
        return self.world.s3

    @property
    def sts(self) -> Any:
        return boto3.client("sts")

    def table(self, name: str) -> Table:
        return self.world.at(name)


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
    below = {"PK": "ORG#acme#EXPORTS", "SK": "2026-03"}
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
    assert world.sums(old) == world.sums(new)
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


CASES = [
    *(("private", f, how) for f in FORWARD for how in ("lost answer", "stopped")),
    *(("public", f, "error") for f in FORWARD),
]
"""Every fault in every state: tests/unit/accounts/test_moving.py; here are real tables."""
COPYING = ("VERIFY", "BACKFILL", "CATCH_UP", "FENCE", "COPY_TAIL", "COMPARE", "CONFIRM")
"""The steps that work on the tenant's places; the others write the ledger alone."""


@pytest.mark.parametrize(("to", "function", "fault"), CASES)
def test_whatever_goes_wrong_it_ends_moved_or_where_it_was(
    world: MovingWorld, to: str, function: str, fault: str
) -> None:
    account = settled(world)
    if to == "public":
        world.move(account, "private")
        world.goes_on()
        account = world.account(account.account_id)
    seen = faulty(world, function, fault)
    world.move(account, to)
    world.goes_on(12)
    world.fault = None

    assert seen
    if world.account(account.account_id).cloud_type is CloudType(to):
        is_moved(world, account, to)
    else:
        assert function != "Announce"
        assert not (function == "OPEN" and fault != "error")
        if to == "private":
            is_back(world, account)
        else:
            assert world.hosted().route["kind"] == "private"
            world.tenant_table().write(made(Stamp(world.clock, FakeIds("c")), "after"))
            left = [i for i in items(world.dynamodb, SHARED.table) if i["PK"]["S"] == "ORG#acme"]
            # Before anything was made there is what the move before has left.
            assert function == "VALIDATE" or [i["SK"]["S"] for i in left] == ["FENCE"]


def test_a_copy_that_differs_is_not_gone_to(world: MovingWorld) -> None:
    account = settled(world)
    names = Names("tenantry", account.account_id)

    def meanwhile(function: str) -> None:
        if function == "COMPARE":
            world.at(names.table).put({**thing_key("1"), "title": "another"})

    world.meanwhile = meanwhile
    world.move(account, "private")
    world.goes_on()

    is_back(world, account)
    assert world.operation(world.account(account.account_id)).error_code == "COPY_DIFFERS"


@pytest.mark.parametrize("where", [0, 1])
@pytest.mark.parametrize("step", ["COMPARE", "CONFIRM"])
def test_what_dynamodb_deletes_in_its_own_time_makes_no_copy_differ(
    world: MovingWorld, where: int, step: str
) -> None:
    """What has ended goes in each table when its turn comes, in hours or days."""
    account = settled(world)
    for minutes in (-60, 30):
        ends = int((world.clock() + timedelta(minutes=minutes)).timestamp())
        ending = {**thing_key(f"ends-{minutes}"), "tenant_id": "acme", "purge_at": ends}
        world.at(SHARED.table).put(ending)
    lasts = int((world.clock() + timedelta(days=30)).timestamp())
    lasting = {**thing_key("lasts"), "tenant_id": "acme", "purge_at": lasts}
    world.at(SHARED.table).put(lasting)

    def meanwhile(function: str) -> None:
        if function == step:
            for minutes in (-60, 30):
                world.at(world.both(account)[where].table).delete(thing_key(f"ends-{minutes}"))

    world.meanwhile = meanwhile
    world.move(account, "private")
    world.goes_on()

    is_moved(world, account, "private")
    moved = world.at(world.both(account)[1].table)
    assert moved.get(thing_key("lasts"))
    assert where == 1 or moved.get(thing_key("ends-30"))
    assert (world.both(account)[1].table, "acme/PROBE") not in world.data.items


def test_what_lasts_is_compared_although_it_ends_one_day(world: MovingWorld) -> None:
    account = settled(world)
    lasts = int((world.clock() + timedelta(days=30)).timestamp())
    lasting = {**thing_key("lasts"), "tenant_id": "acme", "purge_at": lasts}
    world.at(SHARED.table).put(lasting)

    def meanwhile(function: str) -> None:
        if function == "COMPARE":
            world.at(world.both(account)[1].table).delete(thing_key("lasts"))

    world.meanwhile = meanwhile
    world.move(account, "private")
    world.goes_on()

    is_back(world, account)


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


def test_a_writer_who_read_the_route_before_the_fence_is_refused_after_it(
    world: MovingWorld,
) -> None:
    """The route keeps out who reads it; who has read it before, the condition on their write."""
    account = settled(world)
    early, stamp = world.tenant_table(), Stamp(world.clock, FakeIds("b"))
    written: list[str] = []
    refused: list[str] = []

    def meanwhile(function: str) -> None:
        name = f"{function}-{len(written)}"
        try:
            early.write(made(stamp, name))
            written.append(name)
        except OrganizationMovingError:
            refused.append(function)

    world.meanwhile = meanwhile
    world.move(account, "private")
    world.goes_on()
    world.meanwhile = lambda _function: None

    assert {name.partition("-")[0] for name in written} == {
        *("VALIDATE", "VERIFY", "BACKFILL", "CATCH_UP", "FENCE"),
    }
    assert set(refused) == {"COPY_TAIL", "COMPARE", "FLIP", "CONFIRM", "OPEN"}
    assert all(world.tenant_table().get(thing_key(name)) for name in written)


def test_what_is_reached_too_late_or_differs_after_the_flip_goes_back(world: MovingWorld) -> None:
    """Everybody has been sent to the copy, and reads there; nobody has written into it."""
    account = settled(world)
    names = Names("tenantry", account.account_id)
    before = world.sums(world.both(account)[0])
    read: list[str] = []

    def meanwhile(function: str) -> None:
        if function == "CONFIRM":
            standing = world.service.access.standing(OWNER)
            read.append(world.router.find(standing, writes=False).table)
            with pytest.raises(OrganizationMovingError):
                world.router.find(standing, writes=True)
            world.at(names.table).put({**thing_key("1"), "title": "another"})

    world.meanwhile = meanwhile
    world.move(account, "private")
    world.goes_on()

    assert read
    assert set(read) == {names.table}
    operation = world.operation(world.account(account.account_id))
    assert operation.error_code == "COPY_DIFFERS"
    assert operation.step(StepName.FLIP).state == "UNDONE"
    assert operation.old is not None
    assert operation.new is not None
    assert operation.old.checksum != operation.new.checksum
    assert world.sums(world.both(account)[0]) == before
    is_back(world, account)


def test_a_copy_that_is_not_confirmed_in_time_is_left_again(world: MovingWorld) -> None:
    account = settled(world)
    epochs: list[int] = []

    def meanwhile(function: str) -> None:
        if function == "CONFIRM" and not epochs:
            epochs.append(world.hosted().route_epoch)
            world.clock.advance(CONFIRMED_WITHIN)

    world.meanwhile = meanwhile
    world.move(account, "private")
    world.goes_on()

    now = world.account(account.account_id)
    assert world.operation(now).error_code == "MOVE_UNCONFIRMED"
    assert world.hosted().route_epoch > epochs[0]
    is_back(world, account)


def test_a_move_that_is_given_up_before_it_opens_goes_back_at_once(world: MovingWorld) -> None:
    account = settled(world)

    def meanwhile(function: str) -> None:
        if function == "CONFIRM":
            world.service.cancel(OWNER, account.account_id)

    world.meanwhile = meanwhile
    world.move(account, "private")
    world.goes_on()

    assert "OPEN" not in world.functions
    now = world.account(account.account_id)
    assert world.operation(now).status is OperationStatus.CANCELLED
    assert world.hosted().route["kind"] == "public"
    world.tenant_table().write(made(Stamp(world.clock, FakeIds("c")), "after"))


def test_what_was_compared_is_kept_and_is_whole(world: MovingWorld) -> None:
    account = settled(world)
    before = world.sums(world.both(account)[0])
    world.move(account, "private")
    world.goes_on()

    ended = world.operation(world.account(account.account_id))
    assert ended.old == ended.new == before
    assert ended.old is not None
    assert (ended.old.items, ended.old.objects) == (before.items, 3)


def test_it_is_caught_up_until_little_is_left(world: MovingWorld) -> None:
    """What is written during a pass is the next one's, and the fence waits for few of them."""
    account = settled(world)
    world.moving = replace(world.moving, little=3)
    left = [8, 5, 2]
    stamp = Stamp(world.clock, FakeIds("b"))

    def meanwhile(function: str) -> None:
        at_start = function == "CATCH_UP" and world.operation(
            world.account(account.account_id)
        ).position in (None,)
        if at_start and left:
            for number in range(left.pop(0)):
                world.tenant_table().write(made(stamp, f"{len(left)}-{number}"))

    world.meanwhile = meanwhile
    world.move(account, "private")
    world.goes_on()

    assert not left
    is_moved(world, account, "private")


def test_the_old_copy_goes_when_it_was_kept_long_enough(world: MovingWorld) -> None:
    account = settled(world)
    world.move(account, "private")
    assert world.moving.retire_due() == 0
    world.goes_on()
    assert world.moving.retire_due() == 0
    before = world.sums(world.both(account)[1])
    ended = world.operation(world.account(account.account_id))
    assert not world.moving.retire(account.account_id, ended.operation_id)
    assert world.account(account.account_id).retiring is None
    world.clock.advance(KEPT)
    retired(world)

    assert world.sums(world.both(account)[1]) == before
    left = items(world.dynamodb, SHARED.table)
    assert [(i["PK"]["S"], i["SK"]["S"]) for i in left] == [
        ("ORG#acme", "FENCE"),
        ("ORG#acme2", "THING#1"),
    ]
    files = world.s3.list_objects_v2(Bucket=SHARED.raw)["Contents"]
    assert [each["Key"] for each in files] == ["acme2/1.txt"]
    assert world.accounts.retiring(world.clock() + KEPT, 10) == []
    assert world.account(account.account_id).retiring is None


def retired(world: MovingWorld, sweeps: int = 60) -> int:
    """Sweep until something is gone; answers how many sweeps it took."""
    for sweep in range(sweeps):
        if world.moving.retire_due():
            return sweep
    raise AssertionError("the old copy does not go")


def test_a_stack_that_was_left_goes_too(world: MovingWorld) -> None:
    account = settled(world)
    world.move(account, "private")
    world.goes_on()
    world.move(account, "public")
    world.goes_on()
    world.clock.advance(KEPT)
    # The first move's old copy is lived in again: it is forgotten, and not removed.
    retired(world)
    retired(world)

    assert account.account_id not in world.stacks.made
    assert world.tenant_table().get(thing_key("1"))


def test_versions_of_objects_go_with_the_old_copy(world: MovingWorld) -> None:
    account = settled(world)
    versioned = {"Bucket": SHARED.raw, "VersioningConfiguration": {"Status": "Enabled"}}
    world.s3.put_bucket_versioning(**versioned)
    for body in (b"1", b"2"):
        world.s3.put_object(Bucket=SHARED.raw, Key="acme/1.txt", Body=body)
    world.s3.delete_object(Bucket=SHARED.raw, Key="acme/a/2.txt")
    world.move(account, "private")
    world.goes_on()
    world.clock.advance(KEPT)
    retired(world)

    page = world.s3.list_object_versions(Bucket=SHARED.raw)
    left = [each["Key"] for each in [*page["Versions"], *page.get("DeleteMarkers", [])]]
    assert left == ["acme2/1.txt"]


@pytest.mark.parametrize("to", ["private", "public"])
def test_older_versions_are_there_where_they_were_until_the_old_copys_time(
    world: MovingWorld, to: str
) -> None:
    """Whoever overwrote or removed something before the move gets it back from there."""
    account = settled(world)
    if to == "public":
        world.move(account, "private")
        world.goes_on()
        account = world.account(account.account_id)
    source, target = world.both(account) if to == "private" else world.both(account)[::-1]
    versioned = {"Bucket": source.raw, "VersioningConfiguration": {"Status": "Enabled"}}
    world.s3.put_bucket_versioning(**versioned)
    for body in (b"older", b"latest"):
        world.s3.put_object(Bucket=source.raw, Key="acme/1.txt", Body=body)
    world.s3.put_object(Bucket=source.raw, Key="acme/gone.txt", Body=b"gone")
    world.s3.delete_object(Bucket=source.raw, Key="acme/gone.txt")
    world.move(account, to)
    world.goes_on()
    is_moved(world, account, to)

    page = world.s3.list_object_versions(Bucket=source.raw, Prefix="acme/")
    bodies = {
        world.s3.get_object(Bucket=source.raw, Key=each["Key"], VersionId=each["VersionId"])[
            "Body"
        ].read()
        for each in page["Versions"]
    }
    assert {b"older", b"latest", b"gone"} <= bodies
    moved = world.s3.list_object_versions(Bucket=target.raw, Prefix="acme/")["Versions"]
    assert sorted(each["Key"] for each in moved) == ["acme/1.txt", "acme/a/2.txt"]
    latest = world.s3.get_object(Bucket=target.raw, Key="acme/1.txt")
    assert latest["Body"].read() == b"latest"


@pytest.mark.figures
@pytest.mark.parametrize("how", [stop_before, stop_after])
@pytest.mark.parametrize("to", ["private", "public"])
def test_a_step_stopped_at_any_call_converges_when_it_comes_again(
    world: MovingWorld, to: str, how: Callable[[int], Fault]
) -> None:
    """Row 12: each task of a move, and of its undoing, stopped at its k-th call, for every k."""
    account = settled(world)
    if to == "public":
        world.move(account, "private")
        world.goes_on()
        account = world.account(account.account_id)
    source, _ = world.both(account) if to == "private" else world.both(account)[::-1]
    before, stops = world.sums(source), dict[str, int]()

    def everywhere(name: str, call: Callable[[], Any]) -> Any:
        if name in MADE_BY[to]:
            return call()  # where all that is called is what stands in for CloudFormation
        return again_and_again(call, how, lambda: stops.update({name: stops.get(name, 0) + 1}))

    world.fault = everywhere
    world.move(account, to)
    world.goes_on()
    world.fault = None

    assert set(stops) == {*COPYING}
    assert sum(stops.values()) > 40
    assert world.sums(world.both(account)[0 if to == "public" else 1]) == before
    is_moved(world, account, to)


@pytest.mark.figures
@pytest.mark.parametrize("how", [stop_before, stop_after])
def test_undoing_a_move_stopped_at_any_call_leaves_it_where_it_was(
    world: MovingWorld, how: Callable[[int], Fault]
) -> None:
    """Back to a place of its own: the way to one is undone by removing its stack."""
    account = settled(world)
    world.move(account, "private")
    world.goes_on()
    account = world.account(account.account_id)
    target, source = world.both(account)
    before, stops = world.sums(source), list[str]()

    def everywhere(name: str, call: Callable[[], Any]) -> Any:
        if name == "CONFIRM":
            raise TaskError("TaskFailedError")
        if name != "CompensateMove":
            return call()
        return again_and_again(call, how, lambda: stops.append(name))

    world.fault = everywhere
    world.move(account, "public")
    world.goes_on()
    world.fault = None

    assert stops
    assert world.sums(source) == before
    assert world.operation(world.account(account.account_id)).status is OperationStatus.FAILED
    left = [i for i in items(world.dynamodb, target.table) if i["PK"]["S"] == "ORG#acme"]
    assert [each["SK"]["S"] for each in left] == ["FENCE"]
    route = world.hosted().route
    assert (route["kind"], route["state"]) == ("private", "active")


def again_and_again(
    call: Callable[[], Any], how: Callable[[int], Fault], stopped: Callable[[], None]
) -> Any:
    """Stopped at its first call of AWS, and delivered again; then at its second, to the last."""
    for number in count(1):
        try:
            with injected(how(number)):
                return call()
        except Crashed:
            stopped()
    raise AssertionError("it never ends")


def test_nobody_moves_back_to_a_copy_that_goes(world: MovingWorld) -> None:
    account = settled(world)
    world.move(account, "private")
    world.goes_on()
    world.clock.advance(KEPT)
    assert world.moving.retire_due() == 0  # a page of it
    assert world.account(account.account_id).retiring

    with pytest.raises(ConflictError):
        world.move(account, "public")
    retired(world)
    world.move(account, "public")
    world.goes_on()
    is_moved(world, world.account(account.account_id), "public")


def test_what_something_is_at_work_on_is_not_removed(world: MovingWorld) -> None:
    account = settled(world)
    world.move(account, "private")
    world.goes_on()
    before = items(world.dynamodb, SHARED.table)
    world.clock.advance(KEPT)
    world.move(account, "public")

    assert world.moving.retire_due() == 0
    assert items(world.dynamodb, SHARED.table) == before


def test_a_move_back_that_failed_early_leaves_the_old_copy_to_the_sweep(
    world: MovingWorld,
) -> None:
    account = settled(world)
    world.move(account, "private")
    world.goes_on()
    world.move(account, "public")
    world.service.cancel(OWNER, account.account_id)
    world.clock.advance(KEPT)
    retired(world)

    assert world.hosted().route["kind"] == "private"
    assert not [i for i in items(world.dynamodb, SHARED.table) if "THING" in i["SK"]["S"]][1:]


def test_asking_twice_is_one_move_and_a_plan_holds(world: MovingWorld) -> None:
    account = settled(world)
    planned = world.service.move(OWNER, account.account_id, {"to": "private"}, dry_run=True).plan
    assert planned
    assert world.operation(world.account(account.account_id)).kind is Kind.PROVISION
    with pytest.raises(PlanChangedError):
        world.service.move(OWNER, account.account_id, {"to": "private"}, plan="another")

    first = world.service.move(OWNER, account.account_id, {"to": "private"}, plan=planned.hash)
    again = world.service.move(OWNER, account.account_id, {"to": "private"}, plan=planned.hash)

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
        world.service.move(OWNER, account.account_id, {"to": to}, dry_run=True)


def test_objects_move_out_of_buckets_of_its_own_and_into_them_again(world: MovingWorld) -> None:
    account = world.request("own-buckets")
    world.goes_on()
    route = world.hosted().route
    world.tenant_table().write(made(Stamp(world.clock, FakeIds("a"))))
    world.s3.put_object(Bucket=route["raw"], Key="acme/1.txt", Body=b"one")
    world.s3.put_object(Bucket=SHARED.raw, Key="acme2/1.txt", Body=b"two")

    for to in ("private", "public"):
        world.move(account, to)
        world.goes_on()
        now = world.account(account.account_id)
        assert (now.cloud_type, now.status, now.error) == (CloudType(to), "active", None)
        place = world.router.find(world.service.access.standing(OWNER), writes=True)
        assert place.raw != SHARED.raw
        read = world.s3.get_object(Bucket=place.raw, Key="acme/1.txt")
        assert read["Body"].read() == b"one"
        assert world.tenant_table().get(thing_key("1"))
        world.clock.advance(2 * KEPT)
        for _ in range(30):
            world.moving.retire_due()
        left = {each["Name"] for each in world.s3.list_buckets()["Buckets"]}
        assert left == {SHARED.raw, SHARED.processed, place.raw, place.processed}
    assert world.s3.list_objects_v2(Bucket=SHARED.raw)["KeyCount"] == 1
