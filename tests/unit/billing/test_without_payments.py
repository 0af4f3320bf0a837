"""A deployment without Stripe: plans change freely, periods and trials pass all the same."""

from typing import Any

import pytest

from tenantry.errors import (
    BillingNotConfiguredError,
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    OrganizationSuspendedError,
    OverNewLimitsError,
)
from tenantry.organizations.model import PlanName
from tenantry.tenancy.caller import Caller
from tests.unit.billing.conftest import OPERATOR, World


def test_there_is_no_subscription_at_first(free: World) -> None:
    found = free.billing.read(free.ada)

    assert (found.plan, found.status, found.entity_version) == ("FREE", "NONE", 0)
    assert free.billing.billing == "NOT_CONFIGURED"


def test_a_larger_plan_is_there_at_once_with_its_seats(free: World) -> None:
    free.update("STARTER")

    assert (free.subscription.status, free.organization.plan, free.limits) == (
        "ACTIVE",
        "STARTER",
        25,
    )
    assert free.told() == ["SubscriptionStarted"]
    assert free.told("ORGANIZATION") == ["OrganizationPlanChanged"]
    assert free.subscription.period_end == free.on(30)


def test_an_upgrade_keeps_the_period(free: World) -> None:
    free.update("STARTER")
    free.wait(10)

    free.update("PROFESSIONAL")

    assert free.subscription.period_end == free.on(20)
    assert free.told() == ["SubscriptionUpgraded"]


def test_a_smaller_plan_waits_for_the_periods_end(free: World) -> None:
    free.update("PROFESSIONAL")
    free.update("STARTER")
    assert (free.organization.plan, free.subscription.pending_plan) == ("PROFESSIONAL", "STARTER")
    assert free.told() == ["SubscriptionDowngradeScheduled"]

    free.wait(29.9)
    assert free.organization.plan == "PROFESSIONAL"
    free.wait(0.1)

    assert (free.organization.plan, free.subscription.pending_plan) == ("STARTER", None)
    assert free.told() == ["SubscriptionDowngraded"]
    assert free.subscription.period_end == free.on(30)


def test_the_plan_that_costs_nothing_ends_the_subscription(free: World) -> None:
    free.update("STARTER")
    free.update("FREE")
    assert free.told() == ["SubscriptionCancellationScheduled"]

    free.wait(30)

    assert (free.organization.plan, free.subscription.status) == ("FREE", "NONE")
    assert free.organization.status == "ACTIVE"
    assert free.told() == ["SubscriptionCancelled"]


def test_more_in_use_than_the_smaller_plan_allows_is_refused_with_a_list(free: World) -> None:
    free.update("PROFESSIONAL")
    free.uses(users=26, projects=25, storage=50 * 1024**3 + 1)

    with pytest.raises(OverNewLimitsError) as refused:
        free.update("STARTER")

    assert refused.value.code == "OVER_NEW_LIMITS"
    assert refused.value.details == {
        "over": [
            {"limit": "users", "used": 26, "allowed": 25},
            {"limit": "storage", "used": 50 * 1024**3 + 1, "allowed": 50 * 1024**3},
        ]
    }
    assert free.subscription.pending_plan is None


def test_what_grew_meanwhile_is_kept_and_named(free: World) -> None:
    free.update("PROFESSIONAL")
    free.update("STARTER")
    free.uses(users=40)

    free.wait(30)

    stored = free.table.items[f"ORG#{free.tenant_id}", "ORGANIZATION"]
    assert stored["events"][0]["data"]["over"] == ["users"]
    assert (free.organization.plan, free.organization.is_full) == ("STARTER", True)


def test_a_pending_change_is_taken_back(free: World) -> None:
    free.update("PROFESSIONAL")
    free.update("STARTER")

    free.billing.resume(free.ada)

    assert (free.subscription.pending_plan, free.told()) == (None, ["SubscriptionResumed"])
    free.wait(30)
    assert (free.organization.plan, free.told()) == ("PROFESSIONAL", ["SubscriptionRenewed"])


def test_asking_for_the_plan_one_has_takes_a_pending_change_back(free: World) -> None:
    free.update("PROFESSIONAL")
    free.update("STARTER")

    free.update("PROFESSIONAL")

    assert free.subscription.pending_plan is None


def test_what_is_so_already_is_not_written_again(free: World) -> None:
    free.update("PROFESSIONAL")
    version = free.update("STARTER").entity_version

    assert free.update("STARTER").entity_version == version
    free.billing.resume(free.ada)
    version = free.subscription.entity_version
    assert free.update("PROFESSIONAL").entity_version == version
    assert free.billing.resume(free.ada).entity_version == version


def test_periods_that_no_schedule_saw_are_made_up_for_at_once(free: World) -> None:
    free.update("STARTER")

    free.wait(100)

    assert free.subscription.period_end == free.on(20)
    assert free.subscription.entity_version == 2


def test_a_change_made_on_an_older_state_is_refused(free: World) -> None:
    version = free.update("STARTER").entity_version
    free.update("PROFESSIONAL", expectedVersion=version)

    with pytest.raises(ConflictError):
        free.update("ENTERPRISE", expectedVersion=version)


# trials


def test_a_trial_gives_a_plan_for_two_weeks(free: World) -> None:
    free.billing.start_trial(free.ada, None)
    assert (free.organization.plan, free.subscription.status) == ("PROFESSIONAL", "TRIALING")
    assert free.told() == ["TrialStarted"]

    free.wait(11)
    assert free.told() == ["TrialEndingAnnounced"]
    assert free.sweep().moved == 0
    free.wait(3)

    assert (free.organization.plan, free.subscription.status) == ("FREE", "NONE")
    assert free.told() == ["TrialEnded"]
    assert free.wait(100).looked_at == 0


def test_an_organisation_says_that_its_plan_is_a_trial_until_it_is_taken(free: World) -> None:
    """What costs money to give away, such as mails, is given as to who pays nothing."""
    free.billing.start_trial(free.ada, None)
    assert free.organization.on_trial

    free.update("PROFESSIONAL")

    assert not free.organization.on_trial
    stored = free.table.items[f"ORG#{free.tenant_id}", "ORGANIZATION"]
    [changed] = stored["events"]
    assert (changed["type"], changed["data"]["before"], changed["data"]["after"]) == (
        "OrganizationPlanChanged",
        "PROFESSIONAL",
        "PROFESSIONAL",
    )
    assert changed["data"]["on_trial"] is False
    assert stored["entity_version"] == 3


def test_there_is_one_trial_an_organisation(free: World) -> None:
    free.billing.start_trial(free.ada, {"plan": "STARTER"})

    for _ in range(2):
        with pytest.raises(ConflictError):
            free.billing.start_trial(free.ada, {"plan": "STARTER"})
        free.wait(15)


@pytest.mark.parametrize("plan", ["STARTER", "PROFESSIONAL", "ENTERPRISE"])
def test_a_trial_ends_with_a_subscription(free: World, plan: str) -> None:
    free.billing.start_trial(free.ada, None)

    free.update(plan)

    assert (free.organization.plan, free.subscription.status) == (plan, "ACTIVE")
    assert free.told() == ["TrialEnded", "SubscriptionStarted"]
    free.wait(15)
    assert free.organization.plan == plan


@pytest.mark.parametrize("values", [{"plan": "FREE"}, {"plan": "STARTER"}])
def test_who_has_a_subscription_or_asks_for_nothing_has_no_trial(
    free: World, values: dict[str, Any]
) -> None:
    if values["plan"] != "FREE":
        free.update("STARTER")

    with pytest.raises(ConflictError):
        free.billing.start_trial(free.ada, values)


# cancelling


def test_a_cancelled_subscription_ends_with_its_period(free: World) -> None:
    free.update("STARTER")
    free.billing.cancel(free.ada, None)

    free.wait(30)

    assert (free.organization.plan, free.organization.status) == ("FREE", "ACTIVE")


def test_an_organisation_that_is_closed_ends_with_its_period(free: World) -> None:
    free.update("STARTER")
    free.billing.cancel(free.ada, {"closeOrganization": True})
    free.wait(29)
    assert free.organization.status == "ACTIVE"

    free.wait(1)

    assert free.organization.status == "CANCELLED"
    assert free.told("ORGANIZATION") == ["OrganizationPlanChanged", "OrganizationCancelled"]
    assert free.subscription.status == "CANCELLED"
    assert free.billing.read(free.ada).status == "CANCELLED"


def test_an_organisation_without_a_period_has_a_week_to_think_again(free: World) -> None:
    free.billing.cancel(free.ada, {"closeOrganization": True})
    free.wait(6)
    free.billing.resume(free.ada)
    free.wait(6)
    assert free.organization.status == "ACTIVE"

    free.billing.cancel(free.ada, {"closeOrganization": True})
    free.wait(7)

    assert free.organization.status == "CANCELLED"


def test_closing_during_a_trial_ends_both_together(free: World) -> None:
    free.billing.start_trial(free.ada, None)
    free.billing.cancel(free.ada, {"closeOrganization": True})
    free.wait(13)
    assert free.organization.status == "ACTIVE"

    free.wait(1)

    assert free.organization.status == "CANCELLED"


@pytest.mark.parametrize("trial", [True, False])
def test_there_must_be_something_to_cancel(free: World, trial: bool) -> None:
    if trial:
        free.billing.start_trial(free.ada, None)

    with pytest.raises(ConflictError):
        free.billing.cancel(free.ada, {})


def test_nothing_is_changed_in_an_organisation_that_has_ended(free: World) -> None:
    free.billing.cancel(free.ada, {"closeOrganization": True})
    free.wait(7)
    pay: list[Any] = [
        lambda: free.update("STARTER"),
        lambda: free.billing.start_trial(free.ada, None),
        lambda: free.billing.cancel(free.ada, {"closeOrganization": True}),
        lambda: free.billing.resume(free.ada),
        lambda: free.billing.checkout(free.ada, {"plan": "STARTER"}),
        lambda: free.billing.portal(free.ada),
    ]

    for each in pay:
        with pytest.raises(OrganizationSuspendedError):
            each()


def test_a_closed_organisation_stays_closed_whatever_an_operator_did_meanwhile(
    free: World,
) -> None:
    free.update("STARTER")
    free.billing.cancel(free.ada, {"closeOrganization": True})
    free.organizations.suspend(OPERATOR, free.tenant_id, "abuse")

    free.wait(30)

    assert free.organization.status == "CANCELLED"


# who may, and what there is not


def test_there_is_nothing_to_pay(free: World) -> None:
    with pytest.raises(BillingNotConfiguredError):
        free.billing.checkout(free.ada, {"plan": "STARTER"})
    with pytest.raises(BillingNotConfiguredError):
        free.billing.portal(free.ada)


def test_only_members_and_of_them_only_owners_decide(free: World) -> None:
    stranger = Caller(user_id="eve", tenant_id=free.tenant_id)

    with pytest.raises(ForbiddenError):
        free.billing.update(stranger, {"plan": "STARTER"})
    with pytest.raises(ForbiddenError):
        free.billing.read(stranger)


@pytest.mark.parametrize(
    "values", [{}, {"plan": "GOLD"}, {"plan": "STARTER", "price": 0}, {"plan": None}]
)
def test_a_bad_wish_is_refused_whole(free: World, values: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        free.billing.update(free.ada, values)


def test_plans_from_before_there_were_payments_go_on_when_they_are_paid(free: World) -> None:
    """Stripe is configured after the organisation took a plan that nobody was charged for."""
    free.update("PROFESSIONAL")
    later = World(clock=free.clock, table=free.table)
    later.tenant_id = free.tenant_id

    later.wait(30)
    assert (later.subscription.status, later.told()) == ("PAST_DUE", ["PaymentFailed"])
    assert later.organization.plan is PlanName.PROFESSIONAL
    later.wait(14)

    assert later.organization.status == "SUSPENDED"
