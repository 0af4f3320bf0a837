"""Asking for an account, looking at it, trying again and giving up."""

from collections.abc import Callable
from typing import Any

import pytest

from tenantry.accounts.model import Account, Names, OperationStatus, ProvisioningStatus
from tenantry.errors import (
    AccountExistsError,
    ConflictError,
    ForbiddenError,
    IdempotencyMismatchError,
    InvalidInputError,
    NotAMemberError,
    NotFoundError,
    OrganizationSuspendedError,
    PlanChangedError,
)
from tests.unit.accounts.conftest import OPERATOR, OWNER, REASON, World

VALUES: dict[str, Any] = {"name": "Own", "masterAccountName": "Acme", "cloudType": "private"}
STRANGER = OWNER.model_copy(update={"user_id": "bob", "tenant_id": "ajax"})


def failed(world: World) -> Account:
    account = world.request()
    world.stacks.fails = "no"
    world.goes_on()
    world.stacks.fails = None
    return world.account(account.account_id)


def test_what_was_asked_for_waits(world: World) -> None:
    outcome = world.service.request(OWNER, {**VALUES, "licenses": 5, "addresses": ["Here"]})

    account, operation = outcome.account, outcome.operation
    assert account
    assert operation
    assert (account.status, operation.status) == ("pending", "PENDING")
    assert (account.tenant_id, account.licenses, account.addresses) == ("acme", 5, ("Here",))
    assert operation.percent == 0
    assert "AccountRequested" in world.events()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"cloudType": "PRIVATE"}, "cloudType"),
        ({"region": "us-east-1"}, "region"),
        ({"region": "moon"}, "region"),
        ({"licenses": 0}, "licenses"),
        ({"technicalUser": "a b"}, "technicalUser"),
        ({"addresses": ["a", "a"]}, "addresses"),
        ({"options": {"capacity": "much"}}, "options.capacity"),
        ({"options": {"ownBuckets": True}}, "options.ownBuckets"),
        ({"name": " "}, "name"),
        ({"shoe": 1}, "shoe"),
    ],
)
def test_what_is_wrong_is_said(world: World, values: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        world.service.request(OWNER, {**VALUES, **values})

    assert [fault["field"] for fault in refused.value.faults] == [field]


def test_the_same_key_makes_one_account(world: World) -> None:
    first = world.request(clientMutationId="k")

    assert world.request(clientMutationId="k") == first
    with pytest.raises(IdempotencyMismatchError):
        world.request(clientMutationId="k", name="Other")
    with pytest.raises(AccountExistsError):
        world.request(clientMutationId="other")


def test_a_key_repeated_later_answers_the_account_as_it_stands(world: World) -> None:
    world.request(clientMutationId="k")
    world.goes_on()

    assert world.request(clientMutationId="k").status is ProvisioningStatus.ACTIVE


def test_a_dry_run_changes_nothing_and_its_plan_holds(world: World) -> None:
    before = dict(world.table.items)
    plan = world.service.request(OWNER, VALUES, dry_run=True).plan
    assert plan
    assert plan.steps[0] == "VALIDATE"
    assert world.table.items == before

    with pytest.raises(PlanChangedError):
        world.service.request(OWNER, {**VALUES, "name": "Another"}, plan=plan.hash)
    assert world.service.request(OWNER, VALUES, plan=plan.hash).account
    with pytest.raises(AccountExistsError):
        world.service.request(OWNER, VALUES, dry_run=True)


@pytest.mark.parametrize("kind", ["public", "own-buckets", "private", "dedicated"])
@pytest.mark.parametrize("looked", ["k-1", None])
@pytest.mark.parametrize("executed", ["k-1", "k-2", None])
def test_a_plan_is_executed_with_whatever_key(
    world: World, kind: str, looked: str | None, executed: str | None
) -> None:
    """Names follow from the key: they are shown, and are no part of what is agreed on."""
    values = VALUES | (
        {"cloudType": "public", "options": {"ownBuckets": True}}
        if kind == "own-buckets"
        else {"cloudType": kind}
    )

    def by(key: str | None) -> dict[str, Any]:
        return {**values, "clientMutationId": key} if key else values

    plan = world.service.request(OWNER, by(looked), dry_run=True).plan
    assert plan
    other = {**by(executed), "name": "Another"}
    with pytest.raises(PlanChangedError):
        world.service.request(OWNER, other, plan=plan.hash)
    account = world.service.request(OWNER, by(executed), plan=plan.hash).account

    assert account
    named = Names.of("tenantry", account).own
    if kind in ("own-buckets", "private"):
        told = any(named in each for each in plan.resources)
        assert told is (looked is not None and looked == executed)


def test_a_plan_to_retry_does_not_outlive_what_it_was_made_of(world: World) -> None:
    account = failed(world)
    plan = world.service.retry(OWNER, account.account_id, dry_run=True).plan
    assert plan
    assert plan.steps[0] == "RESERVE"
    world.service.cancel(OWNER, account.account_id)

    with pytest.raises(PlanChangedError):
        world.service.retry(OWNER, account.account_id, plan=plan.hash)


def test_an_organisation_with_data_is_moved_and_not_set_up_anew(world: World) -> None:
    world.found("full", "eve", used_projects=1)
    caller = OWNER.model_copy(update={"user_id": "eve", "tenant_id": "full"})

    with pytest.raises(ConflictError):
        world.request("private", caller)
    assert world.request("public", caller)


def test_a_suspended_organisation_asks_for_nothing(world: World) -> None:
    world.found("poor", "eve", status="SUSPENDED")

    with pytest.raises(OrganizationSuspendedError):
        world.request(caller=OWNER.model_copy(update={"user_id": "eve", "tenant_id": "poor"}))


def test_nobody_but_its_owner_sees_or_changes_an_account(world: World) -> None:
    world.found("ajax", "bob")
    account = world.request()

    for call in (
        lambda: world.service.read(STRANGER, account.account_id),
        lambda: world.service.retry(STRANGER, account.account_id),
        lambda: world.service.cancel(STRANGER, account.account_id),
        lambda: world.service.operation(STRANGER, account.account_id, account.operation_id),
    ):
        with pytest.raises(NotFoundError):
            call()
    with pytest.raises(NotAMemberError):
        world.service.request(STRANGER, {**VALUES, "organizationId": "acme"})
    assert world.service.page(STRANGER, None, None).items == ()
    assert world.service.own(STRANGER) is None


def test_an_operator_acts_for_any_organisation(world: World) -> None:
    world.found("ajax", "bob")
    for tenant_id in ("acme", "ajax"):
        values = {**VALUES, "organizationId": tenant_id}
        assert world.service.request(OPERATOR, values, as_operator=True, reason=REASON).account

    page = world.service.page(OPERATOR, 1, None, as_operator=True)
    rest = world.service.page(OPERATOR, 5, page.next_cursor, as_operator=True)
    assert {each.tenant_id for each in (*page.items, *rest.items)} == {"acme", "ajax"}
    with pytest.raises(NotFoundError):
        world.service.request(
            OPERATOR, {**VALUES, "organizationId": "none"}, as_operator=True, reason=REASON
        )


def reasons(world: World) -> list[tuple[str, Any]]:
    """Events on the items as they stand, with the reason that each gives."""
    events = [e for item in world.table.items.values() for e in item.get("events", [])]
    return [(e["type"], e["data"].get("reason")) for e in events if "account_id" in e["data"]]


def test_an_operator_says_why_and_the_organisation_reads_it(world: World) -> None:
    values = {**VALUES, "organizationId": "acme"}
    for given in (None, " ", "x" * 121):
        with pytest.raises(InvalidInputError) as refused:
            world.service.request(OPERATOR, values, as_operator=True, reason=given)
        assert [fault["field"] for fault in refused.value.faults] == ["reason"]
    assert world.service.request(OPERATOR, values, as_operator=True, dry_run=True).plan

    asked = world.service.request(OPERATOR, values, as_operator=True, reason=REASON).account

    assert asked
    assert reasons(world) == [("AccountRequested", REASON)]
    commands = (world.service.retry, world.service.cancel, world.teardowns.request)
    for command in commands:
        with pytest.raises(InvalidInputError):
            command(OPERATOR, asked.account_id, as_operator=True)
    to, approval = {"to": "public"}, {"approvalId": "one"}
    with pytest.raises(InvalidInputError):
        world.service.move(OPERATOR, asked.account_id, to, as_operator=True, plan="one")
    with pytest.raises(InvalidInputError):
        world.teardowns.approve(OPERATOR, asked.account_id, approval, as_operator=True)

    world.service.cancel(OPERATOR, asked.account_id, as_operator=True, reason=REASON)
    assert reasons(world) == [("AccountCancelled", REASON)]


def test_an_owner_needs_no_reason_and_may_give_one(world: World) -> None:
    account = world.request()
    world.service.cancel(OWNER, account.account_id, reason="too early")

    assert reasons(world) == [("AccountCancelled", "too early")]


def test_who_may_not_is_refused_before_a_reason_is_asked_for(world: World) -> None:
    world.operators.suspended.add("root")
    with pytest.raises(ForbiddenError):
        world.service.retry(OPERATOR, "any", as_operator=True)


def test_giving_up_what_runs_is_told_at_once(world: World) -> None:
    """Before it was only marked, and nobody's act was in the log until it had ended."""
    account = world.request()

    def cancelled(name: str, call: Callable[[], Any]) -> Any:
        if name == "CreateStack":
            world.service.cancel(OPERATOR, account.account_id, as_operator=True, reason=REASON)
            told.extend(reasons(world))
        return call()

    told: list[tuple[str, Any]] = []
    world.fault = cancelled
    world.goes_on()

    assert ("AccountCancelRequested", REASON) in told
    assert world.account(account.account_id).status is ProvisioningStatus.DELETED


def test_who_is_no_operator_is_none_by_saying_so(world: World) -> None:
    world.operators.suspended.add("root")

    for caller in (OWNER, OPERATOR):
        with pytest.raises(ForbiddenError):
            world.service.page(caller, None, None, as_operator=True)


def test_a_retry_is_asked_for_once(world: World) -> None:
    account = failed(world)
    first = world.service.retry(OWNER, account.account_id)

    assert world.service.retry(OWNER, account.account_id) == first
    assert first.account
    assert (first.account.status, first.account.error) == ("pending", None)


def test_an_active_account_is_neither_retried_nor_cancelled(world: World) -> None:
    account = world.request()
    world.goes_on()

    for command in (world.service.retry, world.service.cancel):
        with pytest.raises(ConflictError):
            command(OWNER, account.account_id)


def test_what_waits_is_cancelled_at_once_and_the_organisation_is_free(world: World) -> None:
    account = world.request()
    outcome = world.service.cancel(OWNER, account.account_id)

    assert outcome.account
    assert outcome.account.status is ProvisioningStatus.DELETED
    assert world.service.cancel(OWNER, account.account_id) == outcome
    second = world.request("public")
    world.goes_on()
    assert world.account(second.account_id).status is ProvisioningStatus.ACTIVE
    assert world.executions.started[-1].account_id == second.account_id


def test_what_runs_is_undone_and_then_cancelled(world: World) -> None:
    account = world.request()

    def cancels(name: str, call: Any) -> Any:
        if name == "Seed":
            world.service.cancel(OWNER, account.account_id)
        return call()

    world.fault = cancels
    world.goes_on()

    assert world.account(account.account_id).status is ProvisioningStatus.DELETED
    assert world.operation(account).status is OperationStatus.CANCELLED
    assert world.operation(account).error_code == "CANCELLED"
    assert not world.stacks.made
    assert not world.tree.values
    assert world.hosted().route == {}
    assert world.places_taken == 0
    assert world.request("public")


def test_what_failed_is_given_up(world: World) -> None:
    account = failed(world)
    outcome = world.service.cancel(OWNER, account.account_id)

    assert outcome.operation
    assert outcome.operation.status is OperationStatus.CANCELLED
    assert world.request("public")


def test_the_ledger_is_shown_with_what_cloudformation_told(world: World) -> None:
    account = world.request()
    world.goes_on()

    operation, events = world.service.operation(OWNER, account.account_id, account.operation_id)

    assert operation.percent == 100
    assert {event.resource for event in events} == {"Table"}
    with pytest.raises(NotFoundError):
        world.service.operation(OWNER, account.account_id, "none")


def test_somebody_who_is_no_owner_may_not(world: World) -> None:
    world.table.items["ORG#acme", "MEMBER#ada"]["role"] = "ADMIN"

    with pytest.raises(ForbiddenError):
        world.request()
    with pytest.raises(ForbiddenError):
        world.service.own(OWNER)


# buckets of its own


def test_a_plan_names_the_buckets_that_a_public_account_gets_beside_the_shared_table(
    world: World,
) -> None:
    values = {**VALUES, "cloudType": "public", "options": {"ownBuckets": True}}
    shared = world.service.request(OWNER, {**VALUES, "cloudType": "public"}, dry_run=True).plan
    plan = world.service.request(OWNER, {**values, "clientMutationId": "k"}, dry_run=True).plan
    assert shared
    assert plan
    assert plan.resources[0] == "the shared table"
    assert [each.rpartition("-")[2] for each in plan.resources if "bucket" in each] == [
        "raw",
        "processed",
    ]
    assert not [each for each in plan.resources if each.startswith("table ")]
    assert shared.resources == ("the shared table", "the shared buckets")
    assert plan.hash != shared.hash


def test_what_has_files_already_is_not_given_other_buckets(world: World) -> None:
    """They would stay behind where nobody looks."""
    world.found("umbrella", "eve", used_storage=1)
    eve = OWNER.model_copy(update={"user_id": "eve", "tenant_id": "umbrella"})
    values = {**VALUES, "cloudType": "public"}

    with pytest.raises(ConflictError):
        world.service.request(eve, {**values, "options": {"ownBuckets": True}})
    assert world.service.request(eve, values).account
