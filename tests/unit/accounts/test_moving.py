"""Moves in memory. Row 27: whatever goes wrong in whatever state, it ends moved or where it was."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from tenantry.accounts.model import Account, CloudType, Names, NotMoved, OperationStatus
from tenantry.accounts.moving import Moving
from tenantry.errors import ConflictError
from tenantry.tenancy.stored import Area, Metered, Stored
from tests.support.clock import START, FakeClock
from tests.support.fakes.copies import FakeCopies
from tests.unit.accounts.conftest import GRACE, OPERATOR, OWNER, SHARED
from tests.unit.accounts.moves import FAULTS, FORWARD, MADE_BY, MoveWorld, faulty

MINUTE = timedelta(minutes=1)
OWN_FAULTS = (*FAULTS, "lost answer", "stopped")
ENDLESS = tuple(f"{how} for good" for how in ("timeout", "throttle", "busy", "lost"))

STATES = [(to, each) for to, made in MADE_BY.items() for each in (*made, *FORWARD)]


@pytest.fixture
def world(clock: FakeClock) -> MoveWorld:
    found = MoveWorld(clock)
    found.found()
    return found


@pytest.fixture
def copies(world: MoveWorld) -> FakeCopies:
    made = FakeCopies()
    world.moving = Moving(
        world.provisioning, made, MINUTE, 10 * MINUTE, timedelta(days=7), pages=2, little=1
    )
    return made


def settled(world: MoveWorld, copies: FakeCopies, at: str = "public") -> Account:
    account = world.request("public")
    world.goes_on()
    for number in range(5):
        copies.write(SHARED.table, world.hosted().route_epoch, f"thing-{number}", "as it was")
    if at == "private":
        world.move(account, "private")
        world.goes_on()
    return world.account(account.account_id)


def own(account: Account) -> str:
    return Names("tenantry", account.account_id).table


def where_it_lives(world: MoveWorld, account: Account) -> str:
    """Active, routed as the account says, and open for whoever reads the route now; its programs
    act as before, wherever it lives."""
    now = world.account(account.account_id)
    route = world.hosted().route
    assert (now.status, route["kind"], route["state"]) == ("active", now.cloud_type, "active")
    assert world.places_taken == 0
    [machine] = world.users.lasting(now)
    assert [each.client_id for each in world.clients.of(now)] == [machine.client_id]
    return own(account) if now.cloud_type is CloudType.PRIVATE else SHARED.table


@pytest.mark.figures
@pytest.mark.parametrize("fault", [*OWN_FAULTS, *ENDLESS])
@pytest.mark.parametrize(("to", "function"), STATES)
def test_whatever_goes_wrong_it_ends_moved_or_where_it_was(
    world: MoveWorld, copies: FakeCopies, to: str, function: str, fault: str
) -> None:
    account = settled(world, copies, at="public" if to == "private" else "private")
    source = where_it_lives(world, account)
    before = dict(copies.things(source))
    seen = faulty(world, function, fault)

    operation = world.move(account, to)
    world.goes_on(20)
    world.fault = None

    assert seen
    lives = where_it_lives(world, account)
    assert copies.things(lives) == before
    copies.write(lives, world.hosted().route_epoch, "after", "written")
    ended = world.operation(world.account(account.account_id))
    assert ended.operation_id == operation.operation_id
    if lives == source:
        assert ended.status is OperationStatus.FAILED
        assert ended.error_code
        assert (account.account_id in world.stacks.made) is (to == "public")
        # A move back that fails before it made anything leaves what the first one has left.
        if to == "public" and function not in ("VALIDATE", "AdoptShared"):
            assert copies.things(SHARED.table) == {}
    else:
        assert ended.status is OperationStatus.SUCCEEDED
        assert ended.old == ended.new


@pytest.mark.figures
@pytest.mark.parametrize("undoing", [*FAULTS, "lost answer", "stopped"])
@pytest.mark.parametrize(("to", "function"), [c for c in STATES if c[1] not in FORWARD[-2:]])
def test_undoing_may_fail_too(
    world: MoveWorld, copies: FakeCopies, to: str, function: str, undoing: str
) -> None:
    account = settled(world, copies, at="public" if to == "private" else "private")
    source = where_it_lives(world, account)
    before = dict(copies.things(source))
    first = faulty(world, function, "error")
    fails = world.fault
    second = faulty(world, "CompensateMove", undoing)
    undoes = world.fault
    assert fails
    assert undoes
    world.fault = lambda name, call: fails(name, lambda: undoes(name, call))

    world.move(account, to)
    world.goes_on(20)

    assert first
    assert second
    # Whoever could not even begin to undo leaves an operation that goes forward once more.
    lives = where_it_lives(world, account)
    assert copies.things(lives) == before
    if lives == source == SHARED.table:
        assert account.account_id not in world.stacks.made
    elif lives == source and function not in ("VALIDATE", "AdoptShared"):
        assert copies.things(SHARED.table) == {}


@pytest.mark.parametrize(
    "function", ["VALIDATE", "made", "VERIFY", "CATCH_UP", "COPY_TAIL", "COMPARE", "CONFIRM"]
)
@pytest.mark.parametrize("to", ["private", "public"])
def test_a_move_that_failed_is_retried_from_its_beginning(
    world: MoveWorld, copies: FakeCopies, to: str, function: str
) -> None:
    """Nothing stands of what it copied or compared: its organisation has worked on since."""
    account = settled(world, copies, at="public" if to == "private" else "private")
    source = where_it_lives(world, account)
    seen = faulty(world, MADE_BY[to][0] if function == "made" else function, "error for good")
    failed = world.move(account, to)
    world.goes_on(20)
    world.fault = None
    assert seen
    copies.write(source, world.hosted().route_epoch, "thing-0", "is another")
    copies.write(source, world.hosted().route_epoch, "thing-9", "is new")
    del copies.things(source)["thing-1"]
    now = dict(copies.things(source))

    plan = world.service.retry(OWNER, account.account_id, dry_run=True).plan
    assert plan
    assert plan.steps == tuple(step.name for step in failed.steps)
    outcome = world.service.retry(OWNER, account.account_id, plan=plan.hash)
    assert outcome.operation
    assert (outcome.operation.operation_id, outcome.operation.status) == (
        failed.operation_id,
        "PENDING",
    )
    assert world.service.retry(OWNER, account.account_id).operation == outcome.operation
    world.goes_on(20)

    assert world.account(account.account_id).cloud_type == to
    assert world.account(account.account_id).error is None
    lives = where_it_lives(world, account)
    assert lives != source
    assert copies.things(lives) == now
    ended = world.operation(world.account(account.account_id))
    assert (ended.status, ended.error_code) == ("SUCCEEDED", None)
    assert ended.old == ended.new


@pytest.mark.parametrize("ends", ["moved", "given up"])
def test_what_has_not_failed_is_not_retried_and_a_dry_run_says_so(
    world: MoveWorld, copies: FakeCopies, ends: str
) -> None:
    account = settled(world, copies)
    world.move(account, "private")
    if ends == "given up":
        world.service.cancel(OWNER, account.account_id)
    world.goes_on()

    for dry_run in (True, False):
        with pytest.raises(ConflictError):
            world.service.retry(OWNER, account.account_id, dry_run=dry_run)


def test_a_move_is_not_retried_to_where_the_old_copy_is_being_removed(
    world: MoveWorld, copies: FakeCopies
) -> None:
    account = settled(world, copies, at="private")
    faulty(world, "VALIDATE", "error for good")
    world.move(account, "public")
    world.goes_on(20)
    world.fault = None
    world.clock.advance(timedelta(days=8))
    world.moving.retire_due()
    assert world.account(account.account_id).retiring

    for dry_run in (True, False):
        with pytest.raises(ConflictError):
            world.service.retry(OWNER, account.account_id, dry_run=dry_run)

    retired(world)
    world.service.retry(OWNER, account.account_id)
    world.goes_on(20)
    assert where_it_lives(world, account) == SHARED.table


@pytest.mark.parametrize("to", ["private", "public"])
def test_a_start_that_nobody_heard_of_is_made_up_for(
    world: MoveWorld, copies: FakeCopies, to: str
) -> None:
    """Row 28."""
    account = settled(world, copies, at="public" if to == "private" else "private")
    world.move(account, to)
    world.line.move_up()
    world.executions.started.pop()
    world.executions.states.popitem()

    assert world.goes_on() <= 2
    assert world.account(account.account_id).cloud_type == to
    where_it_lives(world, account)


def test_what_is_given_up_while_it_waits_to_be_confirmed_goes_back_at_once(
    world: MoveWorld, copies: FakeCopies
) -> None:
    account = settled(world, copies)
    began = world.clock()
    asked = list[int]()

    def meanwhile(step: str) -> None:
        if step == "CONFIRM" and not asked:
            asked.append(1)
            world.service.cancel(OWNER, account.account_id)

    world.meanwhile = meanwhile
    world.move(account, "private")
    world.goes_on()

    assert asked
    assert where_it_lives(world, account) == SHARED.table
    now = world.operation(world.account(account.account_id))
    assert now.status is OperationStatus.CANCELLED
    assert world.clock() - began < 10 * MINUTE


def living_beside(world: MoveWorld, copies: FakeCopies) -> Account:
    """Active in the shared table, with buckets of its own."""
    account = world.request("own-buckets")
    world.goes_on()
    copies.write(SHARED.table, world.hosted().route_epoch, "thing", "as it was")
    return world.account(account.account_id)


def retired(world: MoveWorld) -> None:
    world.clock.advance(timedelta(days=8))
    for _ in range(12):
        world.moving.retire_due()


def test_what_has_its_own_buckets_moves_out_of_them_and_into_them_again(
    world: MoveWorld, copies: FakeCopies
) -> None:
    account = living_beside(world, copies)
    its, beside = account.account_id, f"{account.account_id}/own"

    world.move(account, "private")
    world.goes_on()
    assert where_it_lives(world, account) == own(account)
    assert set(world.stacks.made) == {its, beside}
    assert world.tree.values[f"{its}/s3/raw-bucket"] == world.hosted().route["raw"]
    assert world.tree.values[f"{its}/dynamodb/table-name"] == own(account)
    retired(world)
    assert set(world.stacks.made) == {its}
    assert copies.things(SHARED.table) == {}

    world.move(account, "public")
    world.goes_on()
    names = Names.of("tenantry", world.account(its))
    assert where_it_lives(world, account) == SHARED.table
    assert world.hosted().route["raw"] == names.raw == f"{own(account)}-own-raw"
    assert set(world.stacks.made) == {its, beside}
    world.stacks.gone = lambda _its: world.tree.remove(account)
    retired(world)
    assert set(world.stacks.made) == {beside}
    # The stack of before told by the same names, and took that along.
    assert world.tree.values[f"{its}/s3/raw-bucket"] == names.raw


@pytest.mark.figures
@pytest.mark.parametrize("function", ["CreateStack", "AwaitStack", *FORWARD])
@pytest.mark.parametrize("to", ["private", "public"])
def test_a_move_of_one_with_its_own_buckets_leaves_the_stack_it_lives_in_alone(
    world: MoveWorld, copies: FakeCopies, to: str, function: str
) -> None:
    account = living_beside(world, copies)
    if to == "public":
        world.move(account, "private")
        world.goes_on()
        retired(world)
    lived = set(world.stacks.made)
    before = dict(copies.things(own(account) if to == "public" else SHARED.table))
    seen = faulty(world, function, "error")

    world.move(account, to)
    world.goes_on(20)
    world.fault = None

    assert seen
    lives = where_it_lives(world, account)
    assert copies.things(lives) == before
    if world.account(account.account_id).cloud_type.value == to:
        assert function == "Announce"
        assert lived < set(world.stacks.made)
    else:
        assert set(world.stacks.made) == lived


def test_what_moves_to_what_all_share_is_found_by_nobodys_parameters(
    world: MoveWorld, copies: FakeCopies
) -> None:
    account = settled(world, copies, at="private")
    assert world.tree.values

    world.move(account, "public")
    world.goes_on()

    assert where_it_lives(world, account) == SHARED.table
    assert world.tree.values == {}


@pytest.mark.parametrize("at", ["public", "private"])
def test_a_teardown_takes_both_stacks_that_a_move_has_left(
    world: MoveWorld, copies: FakeCopies, at: str
) -> None:
    account = living_beside(world, copies)
    world.move(account, "private")
    world.goes_on()
    if at == "public":
        retired(world)
        world.move(account, "public")
        world.goes_on()
    assert len(world.stacks.made) == 2

    would = world.teardowns.plan(OWNER, account.account_id)
    waits = world.teardowns.request(OWNER, account.account_id, plan=would.hash).operation
    assert waits
    given = {"approvalId": waits.approval_id}
    world.teardowns.approve(
        OPERATOR, account.account_id, given, as_operator=True, reason="Ticket 42"
    )
    world.clock.advance(2 * GRACE)
    world.goes_on()

    assert world.stacks.made == {}
    assert world.account(account.account_id).status == "deleted"


def test_the_plan_says_what_does_not_move(world: MoveWorld, copies: FakeCopies) -> None:
    account = settled(world, copies)

    def planned() -> NotMoved | None:
        would = world.service.move(OWNER, account.account_id, {"to": "private"}, dry_run=True).plan
        assert would
        hashes.add(would.hash)
        return would.not_moved

    hashes = set[str]()
    assert planned() == NotMoved()
    measured = Metered(
        tenant_id="acme",
        day=START.date(),
        measured_at=START,
        areas={
            Area.RAW: Stored(objects=2, bytes=20, old_versions=3, old_bytes=30),
            Area.PROCESSED: Stored(old_versions=1, old_bytes=5),
        },
    )
    world.service = replace(world.service, measurements=Kept([measured]))
    assert planned() == NotMoved(4, 35, START)
    assert len(hashes) == 1, "it changes nothing of what would be moved"


@dataclass(frozen=True)
class Kept:
    """What was measured."""

    days: list[Metered]

    def page(
        self, _tenant_id: str, limit: int, _after: str | None
    ) -> tuple[list[Metered], str | None]:
        return self.days[:limit], None
