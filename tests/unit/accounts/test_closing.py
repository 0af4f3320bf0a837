"""An organisation that is cancelled: the end of its account is asked for once, for an operator."""

from datetime import timedelta

import pytest

from tenantry.accounts.closing import Closing
from tenantry.accounts.model import Account, Kind, OperationStatus, ProvisioningStatus
from tenantry.errors import (
    ApprovalExpiredError,
    ConflictError,
    OrganizationSuspendedError,
    UnavailableError,
)
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.keys import organization_key
from tenantry.persistence.writes import Assign
from tests.support.clock import FakeIds
from tests.unit.accounts.conftest import GRACE, OPERATOR, OWNER, REASON, World
from tests.unit.accounts.test_teardown import active, asked

AT_WORK = (ProvisioningStatus.PENDING, ProvisioningStatus.CREATING)


def cancel(world: World, tenant_id: str = "acme") -> None:
    world.table.transact([Assign(organization_key(tenant_id), {"status": "CANCELLED"}, {})])


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def closing(world: World, heard: list[str]) -> Closing:
    stamp = Stamp(world.clock, FakeIds())
    return Closing(
        world.accounts, world.hosting, stamp, lambda _what, its: heard.append(its.tenant_id)
    )


@pytest.mark.parametrize("kind", ["public", "private", "dedicated"])
def test_its_account_goes_from_the_cancellation_to_its_certificate(
    world: World, closing: Closing, heard: list[str], kind: str
) -> None:
    account = active(world, kind)
    cancel(world)

    begun = closing.begin("acme", "c-1")

    assert begun
    assert (begun.kind, begun.status) == (Kind.TEARDOWN, OperationStatus.AWAITING_APPROVAL)
    assert (begun.requested_by, begun.correlation_id) == ("system", "c-1")
    assert heard == ["acme"]
    assert "AccountTeardownRequested" in world.events()
    approve(world, account)
    world.clock.advance(GRACE + timedelta(seconds=1))
    world.goes_on()
    assert world.account(account.account_id).status is ProvisioningStatus.DELETED
    assert not world.estate.items["acme"]
    assert world.estate.items["ajax"]


def approve(world: World, account: Account) -> None:
    operation = world.operation(world.account(account.account_id))
    values = {"approvalId": operation.approval_id}
    world.teardowns.approve(OPERATOR, account.account_id, values, as_operator=True, reason=REASON)


def test_it_is_asked_for_once_however_often_it_is_heard(
    world: World, closing: Closing, heard: list[str]
) -> None:
    account = active(world)
    cancel(world)
    begun = closing.begin("acme")
    before = world.account(account.account_id)

    assert begun
    assert closing.begin("acme") is None
    approve(world, account)
    assert closing.begin("acme") is None
    world.clock.advance(GRACE + timedelta(seconds=1))
    world.goes_on()
    assert closing.begin("acme") is None

    assert before.operation_id == begun.operation_id
    assert heard == ["acme"]


def test_an_organisation_that_goes_on_keeps_its_account(world: World, closing: Closing) -> None:
    account = active(world)

    assert closing.begin("acme") is None
    assert world.account(account.account_id) == account


def test_where_there_is_no_account_there_is_nothing_to_end(world: World, closing: Closing) -> None:
    cancel(world)
    assert closing.begin("acme") is None
    assert closing.begin("nobody") is None


@pytest.mark.parametrize("status", AT_WORK)
def test_an_account_that_is_being_made_is_ended_after_that(
    world: World, closing: Closing, status: ProvisioningStatus
) -> None:
    account = world.request()
    if status is ProvisioningStatus.CREATING:
        world.line.move_up()
    cancel(world)

    with pytest.raises(UnavailableError):
        closing.begin("acme")

    world.goes_on()
    if world.account(account.account_id).status is ProvisioningStatus.ACTIVE:
        assert closing.begin("acme")


def test_of_an_account_that_failed_nothing_is_left_to_end(world: World, closing: Closing) -> None:
    world.stacks.fails = "Quota exceeded"
    world.request()
    world.goes_on()
    cancel(world)

    assert closing.begin("acme") is None


def test_what_a_member_asked_for_is_asked_for_anew_since_no_owner_can_approve_it(
    world: World, closing: Closing
) -> None:
    account = active(world)
    waiting = asked(world, account, OWNER)
    cancel(world)

    begun = closing.begin("acme")

    assert begun
    assert begun.operation_id != waiting.operation_id
    approve(world, account)
    assert world.operation(world.account(account.account_id)).approved_by == "root"


def test_nobody_of_the_organisation_approves_it(world: World, closing: Closing) -> None:
    account = active(world)
    cancel(world)
    begun = closing.begin("acme")

    assert begun
    with pytest.raises((OrganizationSuspendedError, ConflictError)):
        world.teardowns.approve(OWNER, account.account_id, {"approvalId": begun.approval_id})


def test_an_operator_has_ninety_days(world: World, closing: Closing) -> None:
    account = active(world)
    cancel(world)
    closing.begin("acme")

    world.clock.advance(timedelta(days=90))
    with pytest.raises(ApprovalExpiredError):
        approve(world, account)

    world.clock.advance(timedelta(seconds=-1))
    approve(world, account)
