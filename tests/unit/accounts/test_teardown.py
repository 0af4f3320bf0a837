"""The end of an account: two people, time to think, and then every state with what goes wrong.

Whatever happens it ends deleted, or it stands where it stands and goes on when it is retried.
"""

import gzip
import itertools
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from functions.accounts.replies import plan_reply
from tenantry.accounts.certificate import Certificate
from tenantry.accounts.model import (
    Account,
    CloudType,
    Operation,
    OperationStatus,
    ProvisioningStatus,
    StepName,
    StepState,
)
from tenantry.accounts.repository import Listing, Stack
from tenantry.accounts.vending import Progress, State
from tenantry.errors import (
    ApprovalExpiredError,
    ConflictError,
    CorruptDataError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    OrganizationMovingError,
    OrganizationSuspendedError,
    OwnApprovalError,
    PlanChangedError,
)
from tenantry.tenancy.access import OrganizationStatus
from tenantry.tenancy.caller import Caller
from tests.support.fakes.vending import SETTINGS
from tests.support.state_machine import TaskError
from tests.unit.accounts.conftest import (
    GRACE,
    OPERATOR,
    OWNER,
    REASON,
    TEARDOWN_FUNCTIONS,
    World,
)
from tests.unit.accounts.test_provisioning import PASSING, always, first, stopped

KINDS = ("public", "private", "dedicated")
_LEFT_OUT = {
    "public": ("AwaitDeletion", "Release", "Close", "Halt"),
    "private": ("Release", "Close", "Halt"),
    "dedicated": ("Halt",),
}
STATES = [
    pytest.param(kind, function, id=f"{kind}-{function}")
    for kind in KINDS
    for function in TEARDOWN_FUNCTIONS
    if function not in _LEFT_OUT[kind]
]
BEFORE_IT_COMMITS = ("AwaitGrace", "Export", "StopInflows")
OTHER = Caller(user_id="ben", tenant_id="acme")


def active(world: World, kind: str = "public") -> Account:
    account = world.request(kind)
    assert world.goes_on() == 0
    world.estate.fill("acme")
    world.estate.fill("ajax")
    return world.account(account.account_id)


def asked(world: World, account: Account, caller: Caller = OWNER) -> Operation:
    would = world.teardowns.plan(caller, account.account_id)
    operation = world.teardowns.request(caller, account.account_id, plan=would.hash).operation
    assert operation
    return operation


def approved(world: World, account: Account) -> Operation:
    waiting = asked(world, account)
    values = {"approvalId": waiting.approval_id}
    outcome = world.teardowns.approve(
        OPERATOR, account.account_id, values, as_operator=True, reason=REASON
    )
    assert outcome.operation
    return outcome.operation


def due(world: World, account: Account) -> Operation:
    """Approved, and the grace period is over."""
    operation = approved(world, account)
    world.clock.advance(GRACE + timedelta(seconds=1))
    return operation


def is_gone(world: World, account_id: str) -> None:
    account = world.account(account_id)
    operation = world.operation(account)
    assert (account.status, operation.status) == (ProvisioningStatus.DELETED, "SUCCEEDED")
    assert operation.percent == 100
    assert world.hosted().route["state"] == "deleted"
    assert world.accounts.of("acme") is None
    assert not world.estate.items["acme"]
    assert not world.estate.objects["acme"]
    assert not world.stacks.made
    assert not [name for name in world.tree.values if name.startswith(account_id)]
    assert operation.certificate
    certificate = Certificate.read(world.archive.kept[operation.certificate]).statement
    assert (certificate.found.items, certificate.found.objects) == (8, 5)
    assert certificate.left.is_empty
    assert (certificate.requested_by, certificate.approved_by) == ("ada", "root")
    assert "AccountTornDown" in world.events()
    assert world.places_taken == 0
    if account.cloud_type is CloudType.DEDICATED:
        (lodging,) = world.vendor.made.values()
        assert (lodging.closed, lodging.unit) == (True, world.vendor.settings.quarantine_unit)
        (kept,) = [each for each in certificate.kept if lodging.aws_account_id in each.what]
        assert kept.until
        assert kept.until - timedelta(days=90) >= operation.created_at
    # Others have all that they had.
    assert (len(world.estate.items["ajax"]), len(world.estate.objects["ajax"])) == (8, 5)


def stands_still(world: World, account_id: str) -> None:
    account = world.account(account_id)
    operation = world.operation(account)
    assert (account.status, operation.status) == (ProvisioningStatus.FAILED, "FAILED")
    assert operation.error_code
    assert account.error
    assert world.hosted().route["state"] in ("closing", "deleting")
    assert world.places_taken == 0
    assert "a teardown has failed and waits to be retried" in world.reported


# two people


def test_the_plan_says_what_there_is_and_executing_it_takes_its_hash(world: World) -> None:
    account = active(world)
    would = world.teardowns.plan(OWNER, account.account_id)
    assert would.inventory
    assert (would.inventory.items, would.inventory.objects) == (8, 5)
    dry = world.teardowns.request(OWNER, account.account_id, dry_run=True)
    assert dry.plan == would
    assert world.account(account.account_id) == account

    with pytest.raises(InvalidInputError):
        world.teardowns.request(OWNER, account.account_id)
    world.estate.items["acme"].append("one more")
    with pytest.raises(PlanChangedError):
        world.teardowns.request(OWNER, account.account_id, plan=would.hash)
    assert world.account(account.account_id) == account


def test_nothing_happens_until_it_is_approved(world: World) -> None:
    account = active(world)
    operation = asked(world, account)
    world.clock.advance(timedelta(days=6))
    world.goes_on(sweeps=2)

    assert world.operation(world.account(account.account_id)) == operation
    assert world.hosted().route["state"] == "active"
    assert world.account(account.account_id).status is ProvisioningStatus.ACTIVE


def test_asking_again_answers_what_waits(world: World) -> None:
    account = active(world)
    operation = asked(world, account)

    again = world.teardowns.request(OWNER, account.account_id, plan="whatever it was")
    assert again.operation == operation


def test_who_asked_does_not_approve(world: World) -> None:
    account = active(world)
    operation = asked(world, account)

    with pytest.raises(OwnApprovalError):
        world.teardowns.approve(OWNER, account.account_id, {"approvalId": operation.approval_id})
    assert world.operation(world.account(account.account_id)) == operation


def test_an_operator_who_asked_does_not_approve_as_an_owner_either(world: World) -> None:
    account = active(world)
    would = world.teardowns.plan(OPERATOR, account.account_id, as_operator=True)
    operation = world.teardowns.request(
        OPERATOR, account.account_id, as_operator=True, reason=REASON, plan=would.hash
    ).operation
    assert operation
    values = {"approvalId": operation.approval_id}
    with pytest.raises(OwnApprovalError):
        world.teardowns.approve(
            OPERATOR, account.account_id, values, as_operator=True, reason=REASON
        )
    assert world.teardowns.approve(OWNER, account.account_id, values).operation


def test_a_stranger_does_not_approve(world: World) -> None:
    account = active(world)
    operation = asked(world, account)
    world.found("ajax", "bob")
    values = {"approvalId": operation.approval_id}

    with pytest.raises(NotFoundError):
        world.teardowns.approve(Caller(user_id="bob", tenant_id="ajax"), account.account_id, values)
    with pytest.raises(ForbiddenError):
        world.teardowns.approve(OTHER, account.account_id, values)
    with pytest.raises(NotFoundError):
        world.teardowns.approve(
            OPERATOR, account.account_id, {"approvalId": "another"}, as_operator=True, reason=REASON
        )


def test_an_approval_that_comes_too_late_is_refused_and_it_is_asked_for_anew(world: World) -> None:
    account = active(world)
    operation = asked(world, account)
    world.clock.advance(timedelta(days=7))
    values = {"approvalId": operation.approval_id}
    with pytest.raises(ApprovalExpiredError):
        world.teardowns.approve(
            OPERATOR, account.account_id, values, as_operator=True, reason=REASON
        )

    anew = asked(world, world.account(account.account_id))
    assert anew.approval_id != operation.approval_id
    with pytest.raises(NotFoundError):
        world.teardowns.approve(
            OPERATOR, account.account_id, values, as_operator=True, reason=REASON
        )


# time to think


def test_an_approved_account_is_read_only_for_its_grace_period(world: World) -> None:
    account = active(world)
    before = world.hosted().route_epoch
    approved(world, account)
    world.clock.advance(GRACE - timedelta(minutes=10))
    world.line.move_up()

    assert world.places_taken == 0
    assert world.account(account.account_id).status is ProvisioningStatus.DELETING
    assert world.hosted().route["state"] == "closing"
    assert world.hosted().route_epoch == before + 1
    assert len(world.estate.items["acme"]) == 8


def test_a_run_that_begins_too_early_waits_for_the_end_of_the_grace_period(world: World) -> None:
    """The line keeps it back before, and this step does not rely on that."""
    account = active(world)
    due(world, account)
    ended: list[timedelta] = []

    def early(name: str, call: Callable[[], Any]) -> Any:
        operation = world.operation(world.account(account.account_id))
        assert operation.not_before
        if name == "AwaitGrace" and not ended:
            world.clock.advance(operation.not_before - timedelta(seconds=90) - world.clock())
            ended.append(timedelta())
        if name == "Export":
            assert world.clock() >= operation.not_before
        return call()

    world.fault = early
    world.goes_on()
    is_gone(world, account.account_id)
    assert ended


def test_cancelled_in_its_grace_period_it_is_as_it_was(world: World) -> None:
    account = active(world)
    approved(world, account)
    world.clock.advance(GRACE / 2)
    cancelled = world.service.cancel(OWNER, account.account_id)
    world.clock.advance(GRACE)
    world.goes_on()

    assert cancelled.operation
    assert cancelled.operation.status == "CANCELLED"
    assert world.account(account.account_id).status is ProvisioningStatus.ACTIVE
    assert world.hosted().route["state"] == "active"
    assert "AccountTeardownCancelled" in world.events()
    assert len(world.estate.items["acme"]) == 8
    held = world.accounts.of("acme")
    assert held
    assert held.account_id == account.account_id


def test_cancelled_while_it_runs_it_is_given_up_at_its_next_step(world: World) -> None:
    account = active(world)
    due(world, account)

    def cancels(name: str, call: Any) -> Any:
        if name == "Export":
            world.service.cancel(OWNER, account.account_id)
        return call()

    world.fault = cancels
    world.goes_on()

    operation = world.operation(world.account(account.account_id))
    assert operation.status == "CANCELLED"
    assert world.account(account.account_id).status is ProvisioningStatus.ACTIVE
    assert world.hosted().route["state"] == "active"
    assert world.places_taken == 0
    assert len(world.estate.items["acme"]) == 8


def test_once_it_takes_things_away_it_cannot_be_cancelled(world: World) -> None:
    account = active(world)
    due(world, account)
    world.fault = always("Purge", "TaskFailedError")
    world.goes_on()
    stands_still(world, account.account_id)

    with pytest.raises(ConflictError):
        world.service.cancel(OPERATOR, account.account_id, as_operator=True, reason=REASON)


# to the end


@pytest.mark.parametrize("kind", [*KINDS, "own-buckets"])
def test_everything_goes_and_a_certificate_stays(world: World, kind: str) -> None:
    account = active(world, kind)
    operation = due(world, account)

    assert world.goes_on() == 0
    is_gone(world, account.account_id)
    exported = [
        json.loads(line)["is"]
        for name, body in sorted(world.archive.kept.items())
        if name.startswith(f"exports/{account.account_id}/{operation.operation_id}/")
        and name.endswith(".jsonl.gz")
        for line in gzip.decompress(body).splitlines()
    ]
    assert exported == [f"acme/item-{n}" for n in range(8)] + [f"acme/object-{n}" for n in range(5)]


def test_the_latest_version_of_each_object_is_kept_and_the_certificate_says_until_when(
    world: World,
) -> None:
    account = active(world)
    operation = due(world, account)
    # It stops in the middle of it; another run goes on where it was.
    world.bodies.at_once = 2
    calls = itertools.count(1)

    def third(name: str, call: Callable[[], Any]) -> Any:
        if name == "Export" and next(calls) == 3:
            raise TaskError("TaskFailedError")
        return call()

    world.fault = third
    world.goes_on()
    stands_still(world, account.account_id)
    position = world.operation(world.account(account.account_id)).position
    assert position
    assert world.bodies.asked == [None, "2"]
    world.fault = None
    world.service.retry(OPERATOR, account.account_id, as_operator=True, reason="case 1")
    world.goes_on()

    is_gone(world, account.account_id)
    folder = f"exports/{account.account_id}/{operation.operation_id}/objects/"
    assert world.bodies.asked == [None, "2", position]
    bodies = {n: body for n, body in world.archive.kept.items() if n.startswith(folder)}
    assert bodies == {f"{folder}acme/object-{n}": f"acme/object-{n}".encode() for n in range(5)}
    done = world.operation(world.account(account.account_id))
    assert (done.copied, done.copied_bytes) == (5, sum(map(len, bodies.values())))
    certificate = Certificate.read(world.archive.kept[str(done.certificate)]).statement
    [kept] = [each for each in certificate.kept if folder in each.what]
    assert kept.what == f"the latest version of 5 objects, 65 bytes: {folder}"
    assert kept.until == certificate.certified_at + timedelta(days=365)


def test_before_anything_is_taken_away_nobody_reads_or_writes_any_more(world: World) -> None:
    account = active(world)
    due(world, account)
    before = world.hosted().route_epoch
    seen: list[tuple[str, int]] = []

    def look(name: str, call: Callable[[], Any]) -> Any:
        if name == "Purge":
            seen.append((world.hosted().route["state"], world.hosted().route_epoch))
        return call()

    world.fault = look
    world.goes_on()

    assert set(seen) == {("deleting", before + 1)}
    is_gone(world, account.account_id)


@pytest.mark.parametrize("kind", KINDS)
def test_who_began_before_the_approval_writes_nothing_that_the_export_does_not_have(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """However short the grace period is: the route that they know is older than the fence."""
    account = active(world, kind)
    known = world.hosted().route_epoch
    due(world, account)
    refused = list[str]()
    exported = world.estate.export

    def export(its: Account, after: str | None) -> Listing:
        with pytest.raises(OrganizationMovingError):
            world.estate.write("acme", known, "acme/item-late")
        refused.append(its.account_id)
        return exported(its, after)

    monkeypatch.setattr(world.estate, "export", export)
    world.goes_on()

    assert len(refused) > 1
    is_gone(world, account.account_id)


def test_a_fence_of_an_end_that_is_given_up_keeps_nobody_out(world: World) -> None:
    account = active(world)
    due(world, account)
    world.fault = always("Export", "States.Timeout")
    world.goes_on()
    world.fault = None
    world.estate.fence(account, world.hosted().route_epoch)
    world.service.cancel(OWNER, account.account_id)

    world.estate.write("acme", world.hosted().route_epoch, "acme/item-after")


def test_a_certificate_with_another_byte_is_not_read(world: World) -> None:
    account = active(world)
    due(world, account)
    world.goes_on()
    name = world.operation(world.account(account.account_id)).certificate
    assert name
    written = world.archive.kept[name]
    assert Certificate.read(written).written == written

    with pytest.raises(CorruptDataError):
        Certificate.read(written.replace(b'":', b'": ', 1))


def test_the_organisation_ends_with_its_account(world: World) -> None:
    account = active(world)
    due(world, account)
    world.goes_on()

    assert world.hosted().status is OrganizationStatus.CANCELLED
    assert world.events().count("OrganizationCancelled") == 1
    with pytest.raises(OrganizationSuspendedError):
        world.request("private")


def test_one_that_was_cancelled_before_is_not_told_of_again(world: World) -> None:
    account = active(world)
    due(world, account)
    where = ("ORG#acme", "ORGANIZATION")
    world.table.items[where] = {**world.table.items[where], "status": "CANCELLED"}
    world.goes_on()

    is_gone(world, account.account_id)
    assert "OrganizationCancelled" not in world.events()


def test_users_leave_with_their_only_organisation_and_others_stay(world: World) -> None:
    account = active(world)
    world.people.of["acme"] = [f"user-{n:03}" for n in range(60)]
    world.people.of["ajax"] = ["bob"]
    world.people.elsewhere = {"user-007", "user-042"}
    due(world, account)
    # The first run stops in the middle of it, and whoever was seen off is so again.
    calls = itertools.count(1)

    def third(name: str, call: Callable[[], Any]) -> Any:
        if name == "Purge" and next(calls) == 3:
            raise TaskError("TaskFailedError")
        return call()

    world.fault = third
    world.goes_on()
    stands_still(world, account.account_id)
    world.fault = None
    world.service.retry(OPERATOR, account.account_id, as_operator=True, reason=REASON)
    world.goes_on()

    is_gone(world, account.account_id)
    everybody = set(world.people.of["acme"])
    assert world.people.gone == everybody - {"user-007", "user-042"}
    operation = world.operation(world.account(account.account_id))
    certificate = Certificate.read(world.archive.kept[str(operation.certificate)]).statement
    assert certificate.people == 58


def test_the_key_of_the_seals_is_destroyed_at_a_date_that_the_certificate_names(
    world: World,
) -> None:
    account = active(world)
    due(world, account)
    world.goes_on()

    operation = world.operation(world.account(account.account_id))
    certificate = Certificate.read(world.archive.kept[str(operation.certificate)]).statement
    until = {each.what: each.until for each in certificate.kept}
    date = certificate.certified_at + timedelta(days=30)
    assert world.seal_keys.dates == {"acme": date}
    assert until["the organisation's own key of these seals"] == date
    locked = certificate.certified_at + timedelta(days=2557)
    assert until["the locked seals of the audit log, whose last is locked"] == locked
    assert any("SUBSCRIPTION" in each or "subscription" in each for each in until)


def test_what_lies_where_nobody_declared_it_stops_the_teardown_until_it_is_gone(
    world: World,
) -> None:
    account = active(world)
    due(world, account)
    world.estate.planted = ["item ORG#acme#UNHEARD / OF of shared"]
    world.goes_on()
    stands_still(world, account.account_id)
    assert "ORG#acme#UNHEARD" in str(world.account(account.account_id).error)

    world.estate.planted = []
    world.service.retry(OPERATOR, account.account_id, as_operator=True, reason=REASON)
    world.goes_on()
    is_gone(world, account.account_id)


def test_the_old_copy_of_an_account_that_moved_goes_too(world: World) -> None:
    """It had a table of its own before, which is kept for a while."""
    account = active(world, "public")
    world.stacks.made[account.account_id] = Stack("CREATE_COMPLETE")
    due(world, account)
    world.goes_on()

    is_gone(world, account.account_id)


@pytest.mark.parametrize("kind", KINDS)
def test_what_came_after_the_purge_is_purged_by_a_retry(world: World, kind: str) -> None:
    account = active(world, kind)
    due(world, account)

    def late(name: str, call: Callable[[], Any]) -> Any:
        if name == "Inventory":
            world.estate.items["acme"] = ["acme/item-late"]
        return call()

    world.fault = late
    world.goes_on()
    stands_still(world, account.account_id)
    assert world.account(account.account_id).error == "LEFTOVERS: Still there: 1 items"

    world.fault = None
    world.service.retry(OPERATOR, account.account_id, as_operator=True, reason=REASON)
    world.goes_on()
    is_gone(world, account.account_id)


def test_what_is_left_is_found_and_quarantined_until_it_is_cleaned(world: World) -> None:
    account = active(world)
    due(world, account)
    world.estate.orphans = ["bucket tenantry-account-leftover"]
    world.goes_on()

    stands_still(world, account.account_id)
    operation = world.operation(world.account(account.account_id))
    assert operation.error_code == "LEFTOVERS"
    assert operation.step(StepName.INVENTORY).state is StepState.FAILED
    assert "tenantry-account-leftover" in (operation.error or "")
    assert operation.certificate is None

    world.estate.orphans = []
    world.service.retry(OPERATOR, account.account_id, as_operator=True, reason=REASON)
    world.goes_on()
    is_gone(world, account.account_id)


ARN = "arn:aws:sns:eu-central-1:000000000000:somebodys"


def test_what_the_index_of_tags_alone_tells_of_has_time_to_be_forgotten(world: World) -> None:
    """Tags linger on AWS: a topic that is gone is told of for minutes."""
    account = active(world)
    due(world, account)
    world.estate.orphans = [ARN]
    looks = itertools.count(1)

    def forgotten(name: str, call: Callable[[], Any]) -> Any:
        if name == "Inventory" and next(looks) == 20:
            world.estate.orphans = []
        return call()

    world.fault = forgotten
    world.goes_on()

    is_gone(world, account.account_id)


@pytest.mark.parametrize("beside", [[], ["bucket tenantry-account-leftover"]])
def test_what_is_there_still_after_that_time_or_has_our_names_is_left_over(
    world: World, beside: list[str]
) -> None:
    account = active(world)
    due(world, account)
    world.estate.orphans = [ARN, *beside]
    looked: list[Any] = []

    def seen(name: str, call: Callable[[], Any]) -> Any:
        looked.extend([world.clock()] if name == "Inventory" else [])
        return call()

    world.fault = seen
    world.goes_on()

    stands_still(world, account.account_id)
    operation = world.operation(world.account(account.account_id))
    assert operation.error_code == "LEFTOVERS"
    assert ARN in (operation.error or "")
    waited = looked[-1] - looked[0]
    assert waited >= timedelta(minutes=30) if not beside else waited < timedelta(minutes=1)


@pytest.mark.figures
@pytest.mark.parametrize(("kind", "function"), STATES)
def test_a_task_that_fails_for_good_stands_and_a_retry_goes_on(
    world: World, kind: str, function: str
) -> None:
    account = active(world, kind)
    due(world, account)
    world.fault = always(function, "TaskFailedError")
    world.goes_on(sweeps=3)
    stands_still(world, account.account_id)

    world.fault = None
    world.service.retry(OPERATOR, account.account_id, as_operator=True, reason=REASON)
    world.goes_on()
    is_gone(world, account.account_id)


@pytest.mark.figures
@pytest.mark.parametrize(("kind", "function"), STATES)
@pytest.mark.parametrize("after", [False, True], ids=["nothing-done", "answer-lost"])
@pytest.mark.parametrize("error", PASSING)
def test_what_passes_is_tried_again(
    world: World, kind: str, function: str, error: str, after: bool
) -> None:
    account = active(world, kind)
    due(world, account)
    world.fault = first(function, 2, error, after=after)
    world.goes_on()

    is_gone(world, account.account_id)


@pytest.mark.figures
@pytest.mark.parametrize(("kind", "function"), STATES)
@pytest.mark.parametrize("error", PASSING)
def test_what_does_not_pass_stands_and_a_retry_goes_on(
    world: World, kind: str, function: str, error: str
) -> None:
    account = active(world, kind)
    due(world, account)
    world.fault = always(function, error)
    world.goes_on(sweeps=3)
    stands_still(world, account.account_id)

    world.fault = None
    world.service.retry(OPERATOR, account.account_id, as_operator=True, reason=REASON)
    world.goes_on()
    is_gone(world, account.account_id)


@pytest.mark.figures
@pytest.mark.parametrize(("kind", "function"), STATES)
def test_success_that_is_told_as_failure_stands_and_a_retry_goes_on(
    world: World, kind: str, function: str
) -> None:
    account = active(world, kind)
    due(world, account)
    world.fault = first(function, 1, "TaskFailedError", after=True)
    world.goes_on(sweeps=3)

    if function != "Certify":  # which has ended it, whatever was told
        stands_still(world, account.account_id)
        world.service.retry(OPERATOR, account.account_id, as_operator=True, reason=REASON)
        world.goes_on()
    is_gone(world, account.account_id)


@pytest.mark.figures
@pytest.mark.parametrize("fault", ["error", "lost answer", "stopped", *PASSING])
@pytest.mark.parametrize("function", [f for f in TEARDOWN_FUNCTIONS if f != "Halt"])
def test_halting_may_fail_too(world: World, function: str, fault: str) -> None:
    """What could not be written down as failed is found by the sweep, and goes on by itself."""
    account = active(world, "dedicated")
    due(world, account)
    failing = first(function, 1, "TaskFailedError")
    halting = {
        "error": first("Halt", 1, "TaskFailedError"),
        "lost answer": first("Halt", 1, "TaskFailedError", after=True),
        "stopped": stopped("Halt", after=False),
    }.get(fault) or first("Halt", 2, fault)
    world.fault = lambda name, call: failing(name, lambda: halting(name, call))
    world.goes_on(sweeps=12)

    if world.account(account.account_id).status is not ProvisioningStatus.DELETED:
        stands_still(world, account.account_id)
        world.service.retry(OPERATOR, account.account_id, as_operator=True, reason=REASON)
        world.goes_on()
    is_gone(world, account.account_id)


@pytest.mark.figures
@pytest.mark.parametrize(("kind", "function"), STATES)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_stopped_from_outside_it_is_settled_within_two_sweeps(
    world: World, kind: str, function: str, after: bool
) -> None:
    account = active(world, kind)
    due(world, account)
    world.fault = stopped(function, after=after)
    assert world.goes_on() <= 2

    if world.account(account.account_id).status is ProvisioningStatus.DELETED:
        is_gone(world, account.account_id)
        return
    assert function in BEFORE_IT_COMMITS
    stands_still(world, account.account_id)
    world.service.retry(OPERATOR, account.account_id, as_operator=True, reason=REASON)
    world.goes_on()
    is_gone(world, account.account_id)


@pytest.mark.parametrize("kind", KINDS)
def test_a_start_that_nobody_heard_of_is_made_up_for(world: World, kind: str) -> None:
    """Row 28."""
    account = active(world, kind)
    due(world, account)
    world.line.move_up()
    world.executions.started.pop()
    world.executions.states.popitem()

    assert world.goes_on() <= 2
    is_gone(world, account.account_id)


def test_a_stack_that_cannot_be_deleted_is_told(world: World) -> None:
    account = active(world, "private")
    due(world, account)
    find = world.stacks.find

    def fails(its: Account) -> Any:
        found = find(its)
        return found and type(found)("DELETE_FAILED", "the bucket is not empty")

    world.stacks.find = fails  # type: ignore[assignment,method-assign]
    world.goes_on(sweeps=3)
    stands_still(world, account.account_id)
    assert world.operation(world.account(account.account_id)).error_code == "STACK_FAILED"

    world.stacks.find = find  # type: ignore[method-assign]
    world.service.retry(OPERATOR, account.account_id, as_operator=True, reason=REASON)
    world.goes_on()
    is_gone(world, account.account_id)


def test_a_certificate_is_made_once_whatever_its_signature(world: World) -> None:
    account = active(world)
    due(world, account)
    world.fault = first("Certify", 1, "States.Timeout", after=False)
    world.goes_on()
    is_gone(world, account.account_id)
    assert account.cloud_type is CloudType.PUBLIC
    assert len([name for name in world.archive.kept if name.startswith("certificates/")]) == 1


def test_a_failed_account_that_is_cancelled_leaves_no_parameters(world: World) -> None:
    account = world.request("private")
    world.stacks.fails = "no"
    world.goes_on()
    assert world.tree.values
    world.service.cancel(OWNER, account.account_id)

    assert world.tree.values == {}


# what it costs: docs/operations.md, "Accounts and their operations"


@pytest.mark.parametrize(
    ("kind", "transitions"), [("public", 16), ("private", 19), ("dedicated", 26)]
)
def test_a_teardown_takes_so_many_transitions(world: World, kind: str, transitions: int) -> None:
    """Of a small tenant, after its grace period, with its stack and AWS account gone at once."""
    account = active(world, kind)
    world.estate.at_once = 100
    world.stacks.looks = 0
    due(world, account)
    world.goes_on()

    is_gone(world, account.account_id)
    assert world.transitions == transitions


# an AWS account of the organisation's own


def test_an_account_that_is_enrolled_is_released_before_it_is_closed(world: World) -> None:
    account = active(world, "dedicated")
    (lodging,) = world.vendor.made.values()
    lodging.enrolled = True
    due(world, account)
    world.goes_on()

    is_gone(world, account.account_id)
    assert not lodging.enrolled
    calls = [c for c in world.vendor.calls if c in ("release", "quarantine", "close")]
    assert calls.index("close") > calls.index("quarantine") > calls.index("release")


def test_no_room_for_a_closure_is_a_wait_and_no_failure(world: World) -> None:
    """AWS closes a tenth of an organisation's accounts in 30 days, and no more."""
    account = active(world, "dedicated")
    world.vendor.settings = SETTINGS.model_copy(update={"most_closures": 0})
    tries = itertools.count(1)

    def room(name: str, call: Callable[[], Any]) -> Any:
        if name == "Close" and next(tries) == 6:
            world.vendor.settings = SETTINGS
        return call()

    due(world, account)
    world.fault = room
    assert world.goes_on(40) < 40

    is_gone(world, account.account_id)


@pytest.mark.figures
def test_a_month_without_a_closure_ends_in_a_certificate_and_keeps_no_place(world: World) -> None:
    account = active(world, "dedicated")
    world.vendor.settings = SETTINGS.model_copy(update={"most_closures": 0})
    due(world, account)
    for _ in range(30):
        world.goes_on(1)
        operation = world.operation(world.account(account.account_id))
        assert (operation.status, operation.resumes) == (OperationStatus.PENDING, 0)
        assert world.places_taken == 0
        world.clock.advance(timedelta(days=1))
    world.vendor.settings = SETTINGS
    world.goes_on()

    is_gone(world, account.account_id)


def test_what_was_given_up_earlier_is_closed_with_it(world: World) -> None:
    """A first try failed while AWS allowed no closure: its account lay in quarantine."""
    world.vendor.settings = SETTINGS.model_copy(update={"most_closures": 0})
    world.stacks.fails = "no"
    account = world.request("dedicated")
    world.goes_on()
    world.stacks.fails, world.vendor.settings = None, SETTINGS
    world.service.retry(OWNER, account.account_id)
    world.goes_on()
    world.estate.fill("acme")
    due(world, world.account(account.account_id))
    world.goes_on()

    assert world.account(account.account_id).status is ProvisioningStatus.DELETED
    assert all(each.closed_at for each in world.vendor.made.values())
    assert len(world.vendor.made) == 2


def test_without_the_closing_step_an_account_would_stay_open(world: World) -> None:
    """The twin: terminating a product alone closes nothing."""
    account = active(world, "dedicated")
    due(world, account)
    done = Progress(state=State.DONE)
    world.vendor.close = lambda aws_account_id: done  # type: ignore[method-assign] # noqa: ARG005
    world.goes_on()

    (lodging,) = world.vendor.made.values()
    assert not lodging.closed


@pytest.mark.parametrize("how", ["closed", "gone"])
def test_an_aws_account_that_is_closed_already_or_gone_is_torn_down(world: World, how: str) -> None:
    account = active(world, "dedicated")
    (lodging,) = world.vendor.made.values()
    if how == "gone":
        world.vendor.made.clear()
    else:
        lodging.closed_at, lodging.closed = world.clock(), True
    due(world, account)
    world.goes_on()

    ended = world.account(account.account_id)
    assert ended.status is ProvisioningStatus.DELETED
    assert world.operation(ended).certificate


def test_what_is_counted_up_to_a_bound_is_told_as_at_least_and_certified_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenantry.accounts.teardown_service._COUNTED", 6)
    account = active(world)
    counted = plan_reply(world.teardowns.plan(OWNER, account.account_id))["inventory"]

    assert (counted["items"], counted["objects"]) == (6, 5)
    assert (counted["isWhole"], counted["atLeast"]) == (False, ["items"])
    due(world, account)
    world.goes_on()
    is_gone(world, account.account_id)
    operation = world.operation(world.account(account.account_id))
    assert operation.certificate
    found = Certificate.read(world.archive.kept[operation.certificate]).statement.found
    assert (found.items, found.objects, found.is_whole) == (8, 5, True)


def test_what_is_counted_whole_is_at_least_nothing(world: World) -> None:
    account = active(world)
    counted = plan_reply(world.teardowns.plan(OWNER, account.account_id))["inventory"]
    assert (counted["isWhole"], counted["atLeast"]) == (True, [])
