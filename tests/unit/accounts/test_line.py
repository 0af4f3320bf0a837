"""The line: first come, first served, so many at a time, and nobody is forgotten."""

from datetime import timedelta

import pytest

from tenantry.accounts.model import Operation, OperationStatus, ProvisioningStatus
from tests.support.clock import FakeClock
from tests.unit.accounts.conftest import OPERATOR, REASON, World


def ask(world: World, number: int, kind: str = "public") -> str:
    tenant_id = f"org-{number:04}"
    world.found(tenant_id, f"u-{number}")
    world.clock.advance(timedelta(seconds=1))
    values = {
        "organizationId": tenant_id,
        "name": "Own",
        "masterAccountName": "Own",
        "cloudType": kind,
    }
    account = world.service.request(OPERATOR, values, as_operator=True, reason=REASON).account
    assert account
    return account.account_id


@pytest.fixture
def narrow(clock: FakeClock) -> World:
    return World(clock, places=3)


def test_so_many_start_and_the_others_wait(narrow: World) -> None:
    asked = [ask(narrow, number) for number in range(5)]

    assert narrow.line.move_up() == 3
    assert narrow.line.move_up() == 0
    assert [op.account_id for op in narrow.executions.started] == asked[:3]
    assert narrow.places_taken == 3


def test_who_ends_lets_the_next_one_in(narrow: World) -> None:
    asked = [ask(narrow, number) for number in range(5)]
    narrow.line.move_up()
    narrow._run_started()

    assert narrow.line.move_up() == 2
    assert [op.account_id for op in narrow.executions.started] == asked


@pytest.mark.figures
def test_many_more_than_there_are_places_all_get_theirs_in_turn(narrow: World) -> None:
    """A thousand of them are in tests/integration/accounts/test_a_thousand.py."""
    asked = [ask(narrow, number) for number in range(60)]
    most = 0
    while narrow.line.move_up():
        most = max(most, narrow.places_taken)
        narrow._run_started()

    assert most == 3
    assert [op.account_id for op in narrow.executions.started] == asked
    assert all(narrow.account(each).status is ProvisioningStatus.ACTIVE for each in asked)
    assert narrow.places_taken == 0


def test_one_who_fails_gives_the_place_back(narrow: World) -> None:
    asked = [ask(narrow, number) for number in range(3)]
    narrow.data.silent = 10**6  # nothing comes through the stream
    narrow.goes_on()

    assert {narrow.account(each).status for each in asked} == {ProvisioningStatus.FAILED}
    assert narrow.places_taken == 0


def test_one_that_runs_quietly_is_left_alone_for_a_while_and_then_stopped(world: World) -> None:
    account = world.request()
    world.line.move_up()
    (run,) = world.executions.started
    world.clock.advance(timedelta(minutes=10))
    world.line.sweep()
    assert world.executions.states == {run.execution_name: "RUNNING"}

    world.clock.advance(timedelta(minutes=25))
    world.line.sweep()

    assert world.executions.states[run.execution_name] == "ABORTED"
    assert world.operation(account).run == 2


def test_one_that_speaks_is_not_looked_at(world: World) -> None:
    world.request()
    world.line.move_up()
    world.clock.advance(timedelta(minutes=4))

    assert world.line.sweep() == 0


def test_two_starters_at_once_start_one_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.request()
    waiting = world.accounts.waiting(5)
    monkeypatch.setattr(world.accounts, "waiting", lambda _limit, _until: waiting)  # a stale read

    assert [world.line.move_up(), world.line.move_up()] == [1, 0]
    assert world.places_taken == 1


# no room


def test_those_who_wait_for_aws_accounts_hold_nobody_up(narrow: World) -> None:
    narrow.vendor.is_busy = True
    waiting = [ask(narrow, number, "dedicated") for number in range(3)]
    narrow.line.move_up()
    narrow._run_started()
    assert narrow.places_taken == 0

    other = ask(narrow, 3)
    narrow.line.move_up()
    narrow._run_started()

    assert narrow.account(other).status is ProvisioningStatus.ACTIVE
    assert {narrow.account(each).status for each in waiting} == {ProvisioningStatus.CREATING}


def test_however_many_ask_again_there_are_places_for_others(narrow: World) -> None:
    """Five are back in the line and may ask again; of three places one is somebody else's."""
    narrow.vendor.is_busy = True
    for number in range(5):
        ask(narrow, number, "dedicated")
        narrow.line.move_up()
        narrow._run_started()
    narrow.clock.advance(timedelta(hours=1))
    others = [ask(narrow, number) for number in range(5, 7)]

    narrow.line.move_up()

    assert {op.account_id for op in narrow.executions.started[-3:]} > set(others)


@pytest.mark.figures
def test_a_month_without_room_ends_in_an_account(world: World) -> None:
    world.vendor.is_busy = True
    account = world.account(ask(world, 0, "dedicated"))
    for _ in range(30):
        world.goes_on(1)
        operation = world.operation(account)
        assert (operation.status, operation.resumes) == (OperationStatus.PENDING, 0)
        world.clock.advance(timedelta(days=1))
    world.vendor.is_busy = False
    world.goes_on()

    assert world.account(account.account_id).status is ProvisioningStatus.ACTIVE
    assert world.places_taken == 0
    assert len(world.vendor.made) == 1


def test_it_asks_again_no_sooner_than_it_is_to(world: World) -> None:
    world.vendor.is_busy = True
    ask(world, 0, "dedicated")
    world.line.move_up()
    world._run_started()

    assert world.line.move_up() == 0
    world.clock.advance(timedelta(seconds=61))
    assert world.line.move_up() == 1


def test_one_that_is_back_in_the_line_is_given_up_by_undoing_what_it_did(world: World) -> None:
    world.vendor.is_busy = True
    account = world.account(ask(world, 0, "dedicated"))
    world.line.move_up()
    world._run_started()

    world.service.cancel(
        OPERATOR,
        account.account_id,
        as_operator=True,
        plan=world.service.cancel(
            OPERATOR, account.account_id, as_operator=True, dry_run=True
        ).plan.hash,  # type: ignore[union-attr]  # a dry run answers its plan
        reason=REASON,
    )
    world.goes_on(1)

    assert world.operation(account).status is OperationStatus.CANCELLED
    assert world.account(account.account_id).status is ProvisioningStatus.DELETED
    assert world.places_taken == 0


# what cannot be dealt with


def unreadable(world: World, line: str) -> None:
    """Another operation in a line, before all others, of which nobody knows what its status is."""
    its = next(
        item for item in world.table.items.values() if item.get("entity_type") == "AccountOperation"
    )
    key = ("ACCOUNT#broken", "OPERATION#broken")
    broken = {**its, "PK": key[0], "SK": key[1], "status": "PAUSED", "tenant_id": "broken"}
    world.table.items[key] = {**broken, "GSI2PK": line, "GSI2SK": "2000"}


def test_an_operation_that_cannot_be_read_keeps_nobody_waiting(world: World) -> None:
    ask(world, 0)
    unreadable(world, "OPERATIONS#WAITING")

    assert world.line.move_up() == 1
    assert world.left_aside == ["broken"]


def test_however_many_cannot_be_read_the_next_one_is_found(world: World) -> None:
    ask(world, 0)
    unreadable(world, "OPERATIONS#WAITING")
    broken = world.table.items.pop(("ACCOUNT#broken", "OPERATION#broken"))
    for number in range(30):
        key = (f"ACCOUNT#broken-{number}", "OPERATION#broken")
        world.table.items[key] = {**broken, "PK": key[0]}

    assert world.line.move_up() == 1


def test_a_sweep_goes_on_behind_one_that_cannot_be_read(world: World) -> None:
    ask(world, 0)
    world.line.move_up()
    (run,) = world.executions.started
    world.executions.states[run.execution_name] = "ABORTED"
    shard = next(
        str(item["GSI2PK"])
        for item in world.table.items.values()
        if str(item.get("GSI2PK")).startswith("OPERATIONS#OPEN")
    )
    unreadable(world, shard)
    world.clock.advance(timedelta(minutes=10))

    assert world.line.sweep() == 1
    assert world.executions.started[-1].run == 2


def test_one_that_cannot_be_settled_or_started_keeps_nobody_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [ask(world, number) for number in range(3)]
    start = world.executions.start

    def refused(operation: Operation) -> None:
        if operation.account_id == asked[1]:
            raise RuntimeError("no")
        start(operation)

    monkeypatch.setattr(world.executions, "start", refused)
    with pytest.raises(RuntimeError):
        world.line.move_up()
    assert [op.account_id for op in world.executions.started] == [asked[0], asked[2]]

    world.clock.advance(timedelta(minutes=10))
    for run in world.executions.started:
        world.executions.states[run.execution_name] = "ABORTED"
    with pytest.raises(RuntimeError):
        world.line.sweep()

    assert [op.run for op in world.executions.started] == [1, 1, 2, 2]
