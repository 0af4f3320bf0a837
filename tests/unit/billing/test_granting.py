"""Plans that operators give: nobody pays for them, and they end by themselves."""

from datetime import timedelta

import pytest

from tenantry.billing.model import SubscriptionStatus
from tenantry.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from tenantry.organizations.model import PlanName
from tenantry.tenancy.access import OrganizationStatus
from tests.unit.billing.conftest import OPERATOR, World

NEVER_SOLD = PlanName.ENTERPRISE


@pytest.fixture(params=[True, False], ids=["Stripe", "nobody"])
def world(request: pytest.FixtureRequest) -> World:
    """Whoever takes the payments."""
    return World(pays=request.param)


def test_a_granted_plan_holds_until_its_end_and_no_longer(world: World) -> None:
    granted = world.grant(days=90)

    assert (granted.plan, granted.status) == (NEVER_SOLD, SubscriptionStatus.ACTIVE)
    assert (granted.granted, granted.period_end) == (True, world.on(90))
    assert world.organization.plan is NEVER_SOLD
    assert world.limits is None
    assert world.told() == ["PlanGranted"]
    assert world.told("ORGANIZATION") == ["OrganizationPlanChanged"]

    assert world.wait(89).moved == 0
    assert world.organization.plan is NEVER_SOLD
    assert world.wait(1.1).moved == 1

    assert world.organization.plan is PlanName.FREE
    assert world.subscription.status is SubscriptionStatus.NONE
    assert not world.subscription.granted
    assert world.told() == ["PlanGrantEnded"]
    assert world.wait(90).moved == 0


def test_who_granted_and_why_is_told(world: World) -> None:
    world.grant()

    [event] = world.table.items[f"ORG#{world.tenant_id}", "SUBSCRIPTION"]["events"]
    assert (event["actor"]["id"], event["actor"]["kind"]) == ("root", "operator")
    assert event["data"]["reason"] == "contract 7"
    assert (event["data"]["before"], event["data"]["plan"]) == ("FREE", "ENTERPRISE")


def test_granting_again_is_told_once_and_another_end_counts(world: World) -> None:
    first = world.grant(days=90)

    assert world.grant(days=90) == first
    longer = world.grant(days=180)

    assert longer.entity_version == first.entity_version + 1
    assert longer.period_end == world.on(180)


def test_only_active_operators_grant(world: World) -> None:
    with pytest.raises(ForbiddenError):
        world.grant(by=world.ada)
    world.operators.suspended.add("root")
    with pytest.raises(ForbiddenError):
        world.grant()
    assert world.subscription.entity_version == 0


@pytest.mark.parametrize(
    ("plan", "until", "reason", "field"),
    [
        ("FREE", "2027-01-01T00:00:00Z", "x", "plan"),
        ("GOLD", "2027-01-01T00:00:00Z", "x", "plan"),
        ("STARTER", "2020-01-01T00:00:00Z", "x", "until"),
        ("STARTER", "2099-01-01T00:00:00Z", "x", "until"),
        ("STARTER", "2027-01-01T00:00:00", "x", "until"),
        ("STARTER", "soon", "x", "until"),
        ("STARTER", "2027-01-01T00:00:00Z", " ", "reason"),
    ],
)
def test_a_grant_has_a_plan_an_end_and_a_reason(
    free: World, plan: str, until: str, reason: str, field: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        free.grants.grant(OPERATOR, free.tenant_id, plan, until, reason)

    assert [fault["field"] for fault in refused.value.faults] == [field]


def test_there_is_no_grant_where_there_is_no_organisation(free: World) -> None:
    with pytest.raises(NotFoundError):
        free.grants.grant(OPERATOR, "no-such", "STARTER", free.on(9).isoformat(), "x")


def test_a_grant_takes_the_place_of_a_trial(world: World) -> None:
    world.billing.start_trial(world.ada, {"plan": "STARTER"})

    world.grant(days=90)

    assert world.wait(20).moved == 0
    assert world.organization.plan is NEVER_SOLD
    with pytest.raises(ConflictError):
        world.billing.start_trial(world.ada, None)


def test_what_is_paid_for_is_not_granted_over(paid: World) -> None:
    paid.bought("STARTER")

    with pytest.raises(ConflictError):
        paid.grant()
    assert paid.organization.plan is PlanName.STARTER


def test_a_grant_opens_what_was_suspended_for_not_paying(paid: World) -> None:
    subscription = paid.bought("STARTER")
    paid.stripe.end(subscription, "payment_failed")
    paid.hear()
    paid.wait(15)
    assert paid.organization.status == "SUSPENDED"

    paid.grant()

    assert paid.organization.status == "ACTIVE"
    [_, reactivated] = paid.table.items[f"ORG#{paid.tenant_id}", "ORGANIZATION"]["events"]
    assert reactivated["data"]["reason"] == "granted"


def test_what_stripe_tells_of_what_was_bought_before_changes_no_grant(paid: World) -> None:
    """Shuffled or late, of a subscription that has ended: whatever is told, a grant stands."""
    paid.billing.checkout(paid.ada, {"plan": "STARTER"})  # a customer who has not paid
    paid.grant()
    stands = paid.subscription
    events = list(paid.stripe.events)
    assert events

    for event in [*events, *events[::-1]]:
        paid.hear(event)
    assert paid.wait(1).moved == 0

    assert paid.subscription.model_copy(update={"syncs": stands.syncs}) == stands
    assert paid.organization.plan is NEVER_SOLD


@pytest.mark.parametrize(
    ("reason", "plan"), [("cancellation_requested", "FREE"), ("payment_failed", "STARTER")]
)
def test_what_was_ended_at_stripe_changes_no_grant(paid: World, reason: str, plan: str) -> None:
    subscription = paid.bought("STARTER")
    paid.stripe.end(subscription, reason)
    paid.hear()
    assert paid.organization.plan == plan
    paid.grant()
    stands = paid.subscription

    for event in list(paid.stripe.events):
        paid.hear(event)

    assert paid.subscription.model_copy(update={"syncs": stands.syncs}) == stands


def test_a_subscription_that_is_bought_ends_the_grant(paid: World) -> None:
    paid.grant(days=90)

    paid.bought("STARTER")

    assert paid.organization.plan is PlanName.STARTER
    assert not paid.subscription.granted
    subscription = paid.subscription.subscription_id or ""
    for _ in range(4):
        paid.clock.advance(timedelta(days=30))
        paid.stripe.period_over(subscription)
        paid.hear()
    assert paid.sweep().failed == 0
    assert paid.organization.plan is PlanName.STARTER


def test_a_smaller_plan_than_was_granted_does_not_follow_it_unpaid(world: World) -> None:
    world.grant()

    with pytest.raises(ConflictError):
        world.update("STARTER")
    assert world.update("FREE").pending_plan is PlanName.FREE


def test_a_larger_plan_where_nobody_takes_payments_ends_the_grant(free: World) -> None:
    free.grant("STARTER", days=3)

    assert free.update("PROFESSIONAL").period_end == free.on(30)

    free.wait(4)
    assert free.organization.plan is PlanName.PROFESSIONAL
    assert not free.subscription.granted


def test_an_organisation_closes_with_its_grant(free: World) -> None:
    free.grant(days=9)
    free.billing.cancel(free.ada, {"closeOrganization": True})

    free.wait(10)

    assert free.organization.status is OrganizationStatus.CANCELLED
    with pytest.raises(ConflictError):
        free.grant()
