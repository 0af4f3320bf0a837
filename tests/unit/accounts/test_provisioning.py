"""Provisioning as the state machine runs it: every state with everything that may go wrong there.

Row 27 of what the product survives: each ends active, or with nothing left and the cause said.
"""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tenantry.accounts.model import CloudType, Names, OperationStatus, ProvisioningStatus
from tenantry.accounts.repository import Advance
from tenantry.errors import HostingNotOfferedError, UnavailableError
from tenantry.organizations.model import PlanName
from tests.support.accounts import account as an_account
from tests.support.accounts import operation
from tests.support.fakes.vending import SETTINGS
from tests.support.state_machine import TaskError
from tests.unit.accounts.conftest import FUNCTIONS, OPERATOR, OWNER, Fault, Stopped, World

KINDS = ("public", "own-buckets", "private", "dedicated")
_STACK = ("CreateStack", "AwaitStack")
_OWN_ACCOUNT = ("Vend", "Place", "Guard")
_LEFT_OUT = {
    "public": (*_STACK, *_OWN_ACCOUNT, "Compensate"),
    "own-buckets": ("AdoptShared", *_OWN_ACCOUNT, "Compensate"),
    "private": ("AdoptShared", *_OWN_ACCOUNT, "Compensate"),
    "dedicated": ("AdoptShared", "Compensate"),
}
FORWARD = {kind: [f for f in FUNCTIONS if f not in left] for kind, left in _LEFT_OUT.items()}
# From here on the organisation may write into what was made: no way back.
NO_WAY_BACK = {"Activate", "Announce"}
PASSING = (
    "UnavailableError",
    "States.Timeout",
    "Sandbox.Timedout",
    "Lambda.TooManyRequestsException",
)
"""Busy, out of time, throttled: as Step Functions tells of a task that may be tried again."""


def always(function: str, error: str) -> Fault:
    """The function fails, and does nothing."""

    def fault(name: str, call: Callable[[], Any]) -> Any:
        if name == function:
            raise TaskError(error)
        return call()

    return fault


def first(function: str, times: int, error: str, *, after: bool = False) -> Fault:
    """It fails so many times, before it did anything or after it did all."""
    seen = itertools.count(1)

    def fault(name: str, call: Callable[[], Any]) -> Any:
        if name == function and next(seen) <= times:
            if after:
                call()
            raise TaskError(error)
        return call()

    return fault


def stopped(function: str, *, after: bool) -> Fault:
    """Somebody stops the execution there, once."""
    seen = itertools.count(1)

    def fault(name: str, call: Callable[[], Any]) -> Any:
        if name == function and next(seen) == 1:
            if after:
                call()
            raise Stopped
        return call()

    return fault


def is_active(world: World, account_id: str) -> None:
    account = world.account(account_id)
    operation = world.operation(account)
    assert (account.status, operation.status) == (
        ProvisioningStatus.ACTIVE,
        OperationStatus.SUCCEEDED,
    )
    assert operation.percent == 100
    assert account.error is None
    hosted = world.hosted(account.tenant_id)
    assert (hosted.route["account"], hosted.route["state"]) == (account_id, "active")
    if account.cloud_type is not CloudType.PUBLIC:
        names = Names.of("tenantry", account)
        assert account.table_name == hosted.route["table"] == names.table
        assert world.stacks.made[account_id].is_ready
        assert world.tree.values[f"{account_id}/provisioning-status"] == "active"
        assert world.tree.values[f"{account_id}/provisioning-error"] == "none"
    else:
        assert account.table_name == "shared"
    if account.has_own_buckets:
        names, told = Names.of("tenantry", account), world.tree.values
        assert "table" not in hosted.route
        assert told[f"{account_id}/dynamodb/table-name"] == "shared"
        assert (hosted.route["raw"], hosted.route["processed"]) == (names.raw, names.processed)
        assert told[f"{account_id}/s3/raw-bucket"] == names.raw
        assert world.stacks.made[f"{account_id}/own"].is_ready
    assert (account.table_name, f"{account.tenant_id}/DEFAULTS") in world.data.items
    assert operation.identity
    assert operation.identity.endswith(f"tenant-{account.tenant_id}")
    if account.cloud_type is CloudType.DEDICATED:
        (lodging,) = [each for each in world.vendor.made.values() if not each.closed_at]
        assert lodging.aws_account_id == account.aws_account_id == hosted.route["aws_account"]
        assert hosted.route["role"].startswith(f"arn:aws:iam::{account.aws_account_id}:role/")
        assert lodging.unit == world.vendor.settings.unit
    [client] = world.clients.of(account)
    [machine] = world.users.lasting(account)
    assert (machine.client_id, machine.tenant_id) == (client.client_id, account.tenant_id)


def nothing_is_left(world: World, account_id: str) -> None:
    account = world.account(account_id)
    operation = world.operation(account)
    assert (account.status, operation.status) == (ProvisioningStatus.FAILED, OperationStatus.FAILED)
    assert account.error
    assert operation.error_code
    assert not world.stacks.made
    assert not world.data.items
    assert world.hosted().route == {}
    assert world.clients.made == {}
    assert world.users.lasting(account) == []
    told = {n: v for n, v in world.tree.values.items() if v != account.error}
    assert set(told.values()) <= {"failed", account.cloud_type.value}
    assert account.aws_account_id is None
    for lodging in world.vendor.made.values():
        assert lodging.closed_at
        assert lodging.unit == world.vendor.settings.quarantine_unit


def is_settled(world: World, account_id: str) -> None:
    """Active, or nothing is left of it; one account, and no place is taken for good."""
    if world.account(account_id).status is ProvisioningStatus.ACTIVE:
        is_active(world, account_id)
    else:
        nothing_is_left(world, account_id)
    assert world.places_taken == 0
    held = [i for i in world.table.items.values() if i.get("entity_type") == "AccountReservation"]
    assert [item["account_id"] for item in held] == [account_id]


def cases() -> list[Any]:
    """Every state of every kind of account."""
    return [
        pytest.param(kind, function, id=f"{kind}-{function}")
        for kind in KINDS
        for function in FORWARD[kind]
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_an_account_becomes_active(world: World, kind: str) -> None:
    account = world.request(kind)

    assert world.goes_on() == 0
    is_active(world, account.account_id)
    assert {"AccountProvisioned"} <= set(world.events())


@pytest.mark.parametrize(
    ("kind", "transitions"), [("public", 11), ("own-buckets", 15), ("private", 15)]
)
def test_orchestration_costs_little_beyond_the_steps(
    world: World, kind: str, transitions: int
) -> None:
    """Eight steps: three states choose a way, and of a private account each look at its stack is
    three more."""
    world.stacks.looks = 1
    world.data.silent = 0
    world.request(kind)
    world.goes_on()

    assert world.transitions == transitions


@pytest.mark.figures
@pytest.mark.parametrize(("kind", "function"), cases())
def test_a_task_that_fails_for_good_is_compensated_and_a_retry_makes_it_active(
    world: World, kind: str, function: str
) -> None:
    account = world.request(kind)
    world.fault = always(function, "TaskFailedError")
    world.goes_on(sweeps=3)

    if function in NO_WAY_BACK and world.hosted().route.get("state") == "active":
        # The organisation writes there already: it goes forward as soon as it can.
        assert world.operation(account).is_open
        world.fault = None
        world.goes_on()
        is_active(world, account.account_id)
        return
    is_settled(world, account.account_id)
    nothing_is_left(world, account.account_id)
    assert world.operation(account).error_code == "TASK_FAILED"
    world.fault = None
    world.service.retry(OWNER, account.account_id)
    world.goes_on()
    is_settled(world, account.account_id)
    is_active(world, account.account_id)


@pytest.mark.figures
@pytest.mark.parametrize("error", PASSING)
@pytest.mark.parametrize(("kind", "function"), cases())
def test_what_passes_is_waited_out(world: World, kind: str, function: str, error: str) -> None:
    account = world.request(kind)
    world.fault = first(function, 4, error)

    assert world.goes_on() == 0
    is_settled(world, account.account_id)
    is_active(world, account.account_id)


@pytest.mark.figures
@pytest.mark.parametrize("error", PASSING)
@pytest.mark.parametrize(("kind", "function"), cases())
def test_what_does_not_pass_is_settled(world: World, kind: str, function: str, error: str) -> None:
    account = world.request(kind)
    world.fault = always(function, error)
    world.goes_on(sweeps=3)
    world.fault = None
    world.goes_on()

    is_settled(world, account.account_id)


@pytest.mark.figures
@pytest.mark.parametrize(("kind", "function"), cases())
def test_a_lost_answer_changes_nothing(world: World, kind: str, function: str) -> None:
    account = world.request(kind)
    world.fault = first(function, 1, "Lambda.ServiceException", after=True)

    assert world.goes_on() == 0
    is_settled(world, account.account_id)
    is_active(world, account.account_id)


@pytest.mark.figures
@pytest.mark.parametrize(("kind", "function"), cases())
def test_success_that_is_told_as_failure_is_settled(world: World, kind: str, function: str) -> None:
    account = world.request(kind)
    world.fault = first(function, 1, "TaskFailedError", after=True)
    world.goes_on()

    is_settled(world, account.account_id)
    if function in NO_WAY_BACK:
        is_active(world, account.account_id)


@pytest.mark.figures
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("kind", "function"), cases())
def test_an_execution_stopped_from_outside_is_settled_within_two_sweeps(
    world: World, kind: str, function: str, after: bool
) -> None:
    account = world.request(kind)
    world.fault = stopped(function, after=after)

    assert world.goes_on() <= 2
    is_settled(world, account.account_id)


@pytest.mark.figures
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("error", ["TaskFailedError", *PASSING])
@pytest.mark.parametrize("kind", KINDS)
def test_undoing_that_fails_is_taken_up_until_nothing_is_left(
    world: World, kind: str, error: str, after: bool
) -> None:
    account = world.request(kind)
    undoing = first("Compensate", 5, error, after=after)
    world.fault = lambda name, call: (
        undoing(name, call)
        if name != "Verify"
        else always("Verify", "ProbeFailedError")(name, call)
    )
    world.goes_on()

    is_settled(world, account.account_id)
    nothing_is_left(world, account.account_id)
    # When the turn itself could not be written down, its cause was not either.
    assert world.operation(account).error_code in ("PROBE_FAILED", "STOPPED")


def test_undoing_that_never_ends_is_reported(world: World) -> None:
    world.request("private")
    world.stacks.fails = "no"
    world.fault = always("Compensate", "TaskFailedError")
    world.goes_on(sweeps=12)

    assert world.reported


def test_a_stack_that_fails_tells_why_and_is_retried_to_active(world: World) -> None:
    account = world.request("private")
    world.stacks.fails = "parameter already exists"
    world.goes_on()

    nothing_is_left(world, account.account_id)
    failed = world.account(account.account_id)
    assert failed.error == "STACK_FAILED: Table: parameter already exists"
    _, operation = world.accounts.read(account.account_id, account.operation_id)
    assert operation
    assert [e.status for e in world.accounts.noted(operation, 10)]
    world.stacks.fails = None
    world.service.retry(OWNER, account.account_id)
    world.goes_on()
    is_active(world, account.account_id)
    assert len(world.stacks.asked) == 2


def test_a_task_of_an_older_run_leaves_everything_alone(world: World) -> None:
    account = world.request("private")
    world.line.move_up()
    (first_run,) = world.executions.started
    world.executions.states[first_run.execution_name] = "TIMED_OUT"
    world.line.ended(account.account_id, account.operation_id, 1)
    before = world.operation(account)

    assert world.execute(first_run) == "SUCCEEDED"
    assert world.operation(account) == before
    world.goes_on()
    is_settled(world, account.account_id)


def test_a_start_that_was_lost_is_made_up_for(world: World) -> None:
    account = world.request("private")
    world.line.move_up()
    world.executions.started.clear()
    world.executions.states.clear()

    assert world.goes_on() <= 1
    is_active(world, account.account_id)


def test_without_the_run_number_an_older_run_would_work_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above on older runs."""
    account = world.request("private")
    world.line.move_up()
    (first_run,) = world.executions.started
    world.executions.states[first_run.execution_name] = "TIMED_OUT"
    world.line.ended(account.account_id, account.operation_id, 1)
    ledger = world.provisioning.ledger

    def unguarded(given: Any) -> Any:
        account_, operation = ledger.accounts.read(given.account_id, given.operation_id)
        return account_, operation

    monkeypatch.setattr(type(ledger), "open", lambda _self, given: unguarded(given))
    before = world.operation(account)
    world.execute(first_run)

    assert world.operation(account) != before


# an AWS account of the organisation's own


def test_an_account_of_its_own_goes_through_its_steps_and_names_its_number(world: World) -> None:
    account = world.request("dedicated")
    world.goes_on()

    is_active(world, account.account_id)
    names = [step.name.value for step in world.operation(account).steps]
    assert names[2:6] == ["VEND", "PLACE", "CREATE", "GUARD"]
    number = world.account(account.account_id).aws_account_id
    assert world.tree.values[f"{account.account_id}/aws/account-id"] == number
    assert world.hosted().route["secret"].endswith(f"/{account.account_id}/external-id")


def test_no_account_moves_on_without_an_event() -> None:
    """The audit counts versions: one that nobody is told of would look like a lost event."""
    with pytest.raises(ValueError, match="tells an event"):
        Advance((operation(), operation()), (an_account(), an_account()))


def test_the_external_id_stands_in_no_ledger_and_in_no_event(world: World) -> None:
    account = world.request("dedicated")
    world.goes_on()

    written = repr(world.table.items) + repr(world.tree.values)
    assert "external-id" in written, "its name is told, so that it is found"
    assert account.account_id in written
    assert "a guess" not in written


@pytest.mark.parametrize("looks", [1, 5, 40])
def test_an_account_that_takes_its_time_is_waited_for(world: World, looks: int) -> None:
    world.vendor.takes = looks
    account = world.request("dedicated")

    assert world.goes_on() == 0
    is_active(world, account.account_id)
    assert world.vendor.calls.count("begin") == 1


def test_a_vend_that_comes_again_after_its_end_asks_nobody(world: World) -> None:
    """Step Functions may deliver a task twice; by then whoever makes accounts may be away."""
    account = world.request("dedicated")
    seen: list[int] = []

    def again(name: str, call: Callable[[], Any]) -> Any:
        answer = call()
        if name == "Vend" and answer["done"]:
            before = len(world.vendor.calls)
            assert call() == {**answer, "request": None}
            seen.append(len(world.vendor.calls) - before)
        return answer

    world.fault = again
    assert world.goes_on() == 0

    assert seen == [0]
    is_active(world, account.account_id)


def test_no_room_for_an_account_is_a_wait_and_no_failure(world: World) -> None:
    """AWS makes five accounts at a time; whoever comes then waits and asks again."""
    world.vendor.is_busy = True
    tries = itertools.count(1)

    def room(name: str, call: Callable[[], Any]) -> Any:
        if name == "Vend" and next(tries) == 6:
            world.vendor.is_busy = False
        return call()

    world.fault = room
    account = world.request("dedicated")

    assert world.goes_on(40) < 40
    is_active(world, account.account_id)
    assert len(world.vendor.made) == 1


def test_waiting_for_room_can_be_given_up(world: World) -> None:
    world.vendor.is_busy = True
    tries = itertools.count(1)

    def asked(name: str, call: Callable[[], Any]) -> Any:
        if name == "Vend" and next(tries) == 5:
            world.service.cancel(OWNER, account.account_id)
        return call()

    account = world.request("dedicated")
    world.fault = asked
    world.goes_on()

    assert world.account(account.account_id).status is ProvisioningStatus.DELETED
    assert world.operation(account).status is OperationStatus.CANCELLED
    assert world.vendor.made == {}


def test_an_account_that_is_refused_says_why_and_is_asked_for_again_by_a_retry(
    world: World,
) -> None:
    world.vendor.refuses = ["INTERNAL_FAILURE"]
    account = world.request("dedicated")
    world.goes_on()

    failed = world.account(account.account_id)
    assert failed.error == "VENDING_FAILED: No AWS account was made: INTERNAL_FAILURE."
    world.service.retry(OWNER, account.account_id)
    world.goes_on()
    is_active(world, account.account_id)


def test_what_failed_is_closed_and_a_retry_takes_another_account_at_another_address(
    world: World,
) -> None:
    world.stacks.fails = "no"
    account = world.request("dedicated")
    world.goes_on()
    nothing_is_left(world, account.account_id)
    world.stacks.fails = None
    world.service.retry(OWNER, account.account_id)
    world.goes_on()

    is_active(world, account.account_id)
    first_one, second = world.vendor.made.values()
    assert (first_one.closed_at is None, second.closed_at is None) == (False, True)
    assert first_one.order.email != second.order.email
    assert world.account(account.account_id).generation == 2


def test_an_account_that_may_not_be_closed_now_stays_in_quarantine_and_somebody_is_told(
    world: World,
) -> None:
    world.vendor.settings = SETTINGS.model_copy(update={"most_closures": 0})
    world.stacks.fails = "no"
    account = world.request("dedicated")

    assert world.goes_on() == 0
    (lodging,) = world.vendor.made.values()
    assert (lodging.closed_at, lodging.unit) == (None, SETTINGS.quarantine_unit)
    assert world.account(account.account_id).status is ProvisioningStatus.FAILED
    assert world.reported == ["an AWS account waits in quarantine to be closed"]


def test_a_unit_without_its_policies_takes_nobody_in(world: World) -> None:
    world.vendor.policies = {}
    account = world.request("dedicated")
    world.goes_on()

    nothing_is_left(world, account.account_id)
    assert world.operation(account).error_code == "GUARDRAIL_MISSING"
    assert world.stacks.asked == []


def test_an_account_that_lets_the_platform_in_without_its_id_is_not_used(world: World) -> None:
    world.entrance.is_loose = True
    account = world.request("dedicated")
    world.goes_on()

    nothing_is_left(world, account.account_id)
    assert world.operation(account).error_code == "EXTERNAL_ID_IGNORED"


def test_a_hundred_requests_at_the_vendors_door_make_one_account(world: World) -> None:
    """Every answer of the vendor's is lost once, and every look at it repeated."""
    lost = itertools.count(1)

    def after(name: str) -> None:
        if name in ("begin", "place", "look") and next(lost) % 2:
            raise UnavailableError("The answer was lost.")

    world.vendor.after = after
    account = world.request("dedicated")
    world.goes_on()

    is_active(world, account.account_id)
    assert len(world.vendor.made) == 1


def test_where_nobody_makes_accounts_none_is_asked_for(world: World) -> None:
    closed = replace(world.service, offers_dedicated=False)
    with pytest.raises(HostingNotOfferedError):
        closed.request(
            OWNER, {"name": "Own", "masterAccountName": "Acme", "cloudType": "dedicated"}
        )


def test_owners_ask_for_an_aws_account_on_some_plans_alone_and_operators_for_anybody(
    world: World,
) -> None:
    given = {"name": "Own", "masterAccountName": "Acme", "cloudType": "dedicated"}
    service = replace(world.service, dedicated_plans=frozenset({PlanName.ENTERPRISE}))
    for dry_run in (True, False):
        with pytest.raises(HostingNotOfferedError):
            service.request(OWNER, given, dry_run=dry_run)
    assert service.request(OWNER, {**given, "cloudType": "private"}, dry_run=True).plan

    given |= {"organizationId": OWNER.organization_id}
    asked = service.request(OPERATOR, given, as_operator=True, dry_run=True)
    assert asked.plan
    enterprise = replace(world.service, dedicated_plans=frozenset({PlanName.FREE}))
    assert enterprise.request(OWNER, given, dry_run=True).plan


def test_a_deployment_that_lost_its_vendor_fails_what_waits(world: World) -> None:
    world.provisioning = replace(world.provisioning, offers_dedicated=False)
    account = world.request("dedicated")
    world.goes_on()

    assert world.account(account.account_id).status is ProvisioningStatus.FAILED
    assert world.operation(account).error_code == "HOSTING_NOT_OFFERED"
