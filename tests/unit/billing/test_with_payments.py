"""Where Stripe takes payments: nothing is had that is not paid, and what Stripe says is so."""

from collections.abc import Callable
from typing import Any

import pytest

from tenantry.billing.model import Notice, SubscriptionStatus
from tenantry.billing.service import BillingService
from tenantry.errors import (
    ConflictError,
    NotFoundError,
    OverNewLimitsError,
    PaymentDeclinedError,
    UnavailableError,
)
from tests.unit.billing.conftest import OPERATOR, World


def state(world: World) -> tuple[str, ...]:
    """Plan and status of the subscription, plan and status of the organisation."""
    subscription, organization = world.subscription, world.organization
    return subscription.plan, subscription.status, organization.plan, organization.status


# buying


def test_a_wish_alone_changes_nothing(paid: World) -> None:
    answer = paid.billing.update(paid.ada, {"plan": "PROFESSIONAL"})

    assert answer.checkout_url is not None
    assert state(paid) == ("FREE", "NONE", "FREE", "ACTIVE")
    assert paid.told() == ["BillingCustomerCreated"]


def test_what_was_paid_is_there_when_stripe_tells(paid: World) -> None:
    paid.buy("STARTER")
    assert paid.limits == 5

    paid.hear()

    assert state(paid) == ("STARTER", "ACTIVE", "STARTER", "ACTIVE")
    assert paid.limits == 25
    assert paid.told() == ["SubscriptionStarted"]
    assert paid.told("ORGANIZATION") == ["OrganizationPlanChanged"]


def test_a_card_that_is_declined_buys_nothing(paid: World) -> None:
    url = paid.billing.checkout(paid.ada, {"plan": "STARTER"})
    paid.stripe.declines = True

    with pytest.raises(Exception, match="declined"):
        paid.stripe.pay(url.rpartition("/")[2])
    paid.hear()

    assert state(paid) == ("FREE", "NONE", "FREE", "ACTIVE")


@pytest.mark.parametrize("plan", ["STARTER", "PROFESSIONAL"])
def test_no_command_of_an_owner_gives_a_plan_away(paid: World, plan: str) -> None:
    """Whatever order they are tried in, before anything was bought."""
    tries: list[Callable[[], Any]] = [
        lambda: paid.update(plan),
        lambda: paid.billing.cancel(paid.ada, None),
        lambda: paid.billing.resume(paid.ada),
        lambda: paid.update("FREE"),
        lambda: paid.billing.checkout(paid.ada, {"plan": plan}),
        lambda: paid.billing.portal(paid.ada),
    ]
    for _ in range(2):
        for each in tries:
            try:
                each()
            except (ConflictError, NotFoundError):
                continue
            finally:
                assert paid.organization.plan == "FREE"
        paid.hear(paid.stripe.events[0])
        paid.wait(40)
        tries.reverse()

    assert paid.organization.plan == "FREE"


def test_a_deployment_that_forgot_that_it_takes_payments_would_give_plans_away(
    paid: World,
) -> None:
    """The twin of the test above."""
    forgetful = BillingService(paid.billing.access, paid.ledger, None)

    forgetful.update(paid.ada, {"plan": "PROFESSIONAL"})

    assert paid.organization.plan == "PROFESSIONAL"


def test_a_plan_without_a_price_is_not_sold(paid: World) -> None:
    with pytest.raises(NotFoundError):
        paid.update("ENTERPRISE")


def test_a_second_subscription_is_not_sold(paid: World) -> None:
    paid.bought()

    with pytest.raises(ConflictError):
        paid.billing.checkout(paid.ada, {"plan": "PROFESSIONAL"})


def test_a_larger_plan_is_paid_in_the_same_breath(paid: World) -> None:
    paid.bought()

    answer = paid.billing.update(paid.ada, {"plan": "PROFESSIONAL"})

    assert answer.checkout_url is None
    assert state(paid) == ("PROFESSIONAL", "ACTIVE", "PROFESSIONAL", "ACTIVE")
    assert paid.told() == ["SubscriptionUpgraded"]


def test_a_larger_plan_that_is_not_paid_is_not_had(paid: World) -> None:
    paid.bought()
    paid.stripe.declines = True

    with pytest.raises(PaymentDeclinedError):
        paid.update("PROFESSIONAL")

    assert state(paid) == ("STARTER", "ACTIVE", "STARTER", "ACTIVE")
    paid.stripe.declines = False
    assert paid.update("PROFESSIONAL").plan == "PROFESSIONAL"


def test_a_smaller_plan_waits_for_stripes_period(paid: World) -> None:
    subscription_id = paid.bought("PROFESSIONAL")
    paid.update("STARTER")
    assert (paid.organization.plan, paid.subscription.pending_plan) == ("PROFESSIONAL", "STARTER")
    assert paid.told() == ["SubscriptionDowngradeScheduled"]

    paid.stripe.period_over(subscription_id)
    paid.hear()

    assert (paid.organization.plan, paid.subscription.pending_plan) == ("STARTER", None)
    assert paid.told() == ["SubscriptionDowngraded"]


def test_a_smaller_plan_is_refused_with_the_same_list_before_stripe_is_asked(paid: World) -> None:
    paid.bought("PROFESSIONAL")
    paid.uses(users=26)
    asked = len(paid.stripe.requests)

    with pytest.raises(OverNewLimitsError):
        paid.update("STARTER")

    assert len(paid.stripe.requests) == asked


def test_a_pending_change_is_taken_back_at_stripe_too(paid: World) -> None:
    subscription_id = paid.bought("PROFESSIONAL")
    paid.update("STARTER")

    paid.billing.resume(paid.ada)
    paid.stripe.period_over(subscription_id)
    paid.hear()

    assert paid.organization.plan == "PROFESSIONAL"


def test_a_subscription_ends_with_its_period(paid: World) -> None:
    subscription_id = paid.bought()
    paid.billing.cancel(paid.ada, None)
    assert paid.told() == ["SubscriptionCancellationScheduled"]

    paid.stripe.period_over(subscription_id)
    paid.hear()

    assert state(paid) == ("FREE", "NONE", "FREE", "ACTIVE")
    assert paid.bought("PROFESSIONAL") != subscription_id
    assert paid.organization.plan == "PROFESSIONAL"


def test_what_is_cancelled_in_stripes_portal_is_seen_and_taken_back_here(paid: World) -> None:
    subscription_id = paid.bought()
    paid.stripe.cancel_in_portal(subscription_id)
    paid.hear()
    assert paid.subscription.pending_plan == "FREE"
    assert paid.told() == ["SubscriptionCancellationScheduled"]

    paid.billing.resume(paid.ada)
    paid.stripe.period_over(subscription_id)
    paid.hear()

    assert state(paid) == ("STARTER", "ACTIVE", "STARTER", "ACTIVE")


def test_an_organisation_ends_with_it_only_when_its_owner_said_so(paid: World) -> None:
    subscription_id = paid.bought()
    paid.billing.cancel(paid.ada, {"closeOrganization": True})
    paid.stripe.period_over(subscription_id)
    paid.hear()
    assert state(paid) == ("FREE", "CANCELLED", "FREE", "CANCELLED")

    other = World()
    subscription_id = other.bought()
    other.stripe.end(subscription_id, "cancellation_requested")  # in Stripe's portal
    other.hear()
    assert state(other) == ("FREE", "NONE", "FREE", "ACTIVE")


def test_who_pays_for_an_organisation_that_has_ended_opens_nothing_and_it_is_told(
    paid: World,
) -> None:
    """At a Checkout page that was still open."""
    url = paid.billing.checkout(paid.ada, {"plan": "STARTER"})
    paid.billing.cancel(paid.ada, {"closeOrganization": True})
    paid.wait(7)

    paid.stripe.pay(url.rpartition("/")[2])
    paid.hear()

    assert state(paid) == ("FREE", "CANCELLED", "FREE", "CANCELLED")
    assert paid.reports == ["an organisation that has ended still pays"]


def test_a_trial_goes_over_into_what_is_bought(paid: World) -> None:
    paid.billing.start_trial(paid.ada, None)

    paid.bought("STARTER")

    assert state(paid) == ("STARTER", "ACTIVE", "STARTER", "ACTIVE")
    assert paid.told() == ["TrialEnded", "SubscriptionStarted"]


def test_the_portal_is_for_who_has_bought(paid: World) -> None:
    with pytest.raises(NotFoundError):
        paid.billing.portal(paid.ada)

    paid.bought()

    assert "/portal/" in paid.billing.portal(paid.ada)


# not paying


def unpaid(world: World) -> str:
    """Stripe's subscription, whose second period was not paid."""
    subscription_id = world.bought()
    world.wait(30)
    world.stripe.declines = True
    world.stripe.period_over(subscription_id)
    world.hear()
    return subscription_id


def test_who_does_not_pay_has_time_then_is_suspended_and_open_again_when_paid(
    paid: World,
) -> None:
    subscription_id = unpaid(paid)
    assert state(paid) == ("STARTER", "PAST_DUE", "STARTER", "ACTIVE")
    assert paid.told() == ["PaymentFailed"]
    assert paid.subscription.grace_end == paid.on(14)

    paid.wait(13.9)
    assert state(paid) == ("STARTER", "PAST_DUE", "STARTER", "ACTIVE")
    paid.wait(0.1)
    assert state(paid) == ("STARTER", "SUSPENDED", "STARTER", "SUSPENDED")
    assert paid.told("ORGANIZATION") == ["OrganizationSuspended"]
    assert paid.organization.suspended_for == "non-payment"

    assert "/portal/" in paid.billing.portal(paid.ada)
    paid.stripe.recover(subscription_id)
    paid.hear()
    assert state(paid) == ("STARTER", "ACTIVE", "STARTER", "ACTIVE")
    assert paid.told("ORGANIZATION") == ["OrganizationReactivated"]


def test_who_has_paid_is_not_suspended_though_we_never_heard_of_it(paid: World) -> None:
    subscription_id = unpaid(paid)
    paid.stripe.recover(subscription_id)

    paid.wait(14)

    assert state(paid) == ("STARTER", "ACTIVE", "STARTER", "ACTIVE")


def test_nobody_is_suspended_while_stripe_does_not_answer(paid: World) -> None:
    unpaid(paid)
    paid.stripe.is_down = True

    assert paid.wait(15).failed == 1
    assert paid.organization.status == "ACTIVE"
    paid.stripe.is_down = False
    paid.sweep()

    assert paid.organization.status == "SUSPENDED"


def test_what_an_operator_closed_paying_does_not_open(paid: World) -> None:
    subscription_id = unpaid(paid)
    paid.wait(14)
    paid.organizations.suspend(OPERATOR, paid.tenant_id, "abuse")

    paid.stripe.recover(subscription_id)
    paid.hear()

    assert state(paid) == ("STARTER", "ACTIVE", "STARTER", "SUSPENDED")


def test_what_an_operator_opened_is_not_suspended_again_for_the_same_debt(paid: World) -> None:
    unpaid(paid)
    paid.wait(14)
    paid.organizations.reactivate(OPERATOR, paid.tenant_id, "they will pay")

    paid.hear()
    paid.wait(1)

    assert paid.organization.status == "ACTIVE"


def test_what_stripe_gave_up_is_still_owed_and_bought_anew(paid: World) -> None:
    subscription_id = unpaid(paid)
    paid.stripe.end(subscription_id, "payment_failed")
    paid.hear()
    assert state(paid) == ("STARTER", "PAST_DUE", "STARTER", "ACTIVE")
    paid.wait(14)
    assert paid.organization.status == "SUSPENDED"

    paid.stripe.declines = False
    paid.bought("STARTER")

    assert state(paid) == ("STARTER", "ACTIVE", "STARTER", "ACTIVE")


def test_who_owes_changes_no_plan(paid: World) -> None:
    unpaid(paid)

    with pytest.raises(ConflictError):
        paid.update("PROFESSIONAL")


# what Stripe tells


def test_a_customer_nobody_here_has_is_nobodys(paid: World) -> None:
    paid.bought()

    strange = Notice(event_id="evt_1", type="invoice.paid", customer_id="cus_other")

    assert paid.settling.settle(strange) is None


def test_a_notice_that_comes_again_is_not_asked_about_again(paid: World) -> None:
    paid.buy()
    event = paid.stripe.events[-1]
    notice = Notice(
        event_id=event["id"], type=event["type"], customer_id=event["data"]["object"]["customer"]
    )
    assert paid.settling.settle(notice) == paid.tenant_id
    asked = len(paid.stripe.requests)

    assert paid.settling.settle(notice) is None
    assert len(paid.stripe.requests) == asked


def test_metadata_names_nobody(paid: World) -> None:
    """Whoever has the dashboard can write another organisation's id into a customer of theirs."""
    theirs = paid.stripe.create_customer({"metadata": {"organization_id": paid.tenant_id}})
    paid.stripe.subscribe(theirs["id"], "price_professional")["metadata"] = {
        "organization_id": paid.tenant_id
    }

    assert paid.hear() is None
    assert paid.organization.plan == "FREE"


def test_a_customer_who_was_deleted_has_no_subscription_and_can_buy_again(paid: World) -> None:
    paid.bought()
    paid.stripe.delete_customer(paid.subscription.customer_id or "")
    paid.hear()

    assert state(paid) == ("FREE", "NONE", "FREE", "ACTIVE")
    paid.bought("PROFESSIONAL")
    assert paid.organization.plan == "PROFESSIONAL"


def test_a_customer_who_was_deleted_unheard_is_noticed_when_they_buy(paid: World) -> None:
    paid.billing.checkout(paid.ada, {"plan": "STARTER"})
    paid.stripe.delete_customer(paid.subscription.customer_id or "")

    paid.bought("PROFESSIONAL")

    assert paid.organization.plan == "PROFESSIONAL"
    assert paid.reports == ["the provider knows this customer no more"]


def test_an_event_that_changes_nothing_makes_no_version(paid: World) -> None:
    paid.bought()
    version = paid.subscription.entity_version

    for event in paid.stripe.events:
        paid.hear(event)

    assert paid.subscription.entity_version == version
    assert paid.subscription.syncs > 1


def test_an_older_answer_never_replaces_a_newer_one(
    paid: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One asks while it is unpaid; before it stores that, another hears that it is paid."""
    subscription_id = paid.bought()
    asked = paid.payments.payments_of

    def slowly(customer_id: str) -> Any:
        found = asked(customer_id)
        monkeypatch.setattr(paid.payments, "payments_of", asked)
        paid.stripe.recover(subscription_id)
        paid.hear()
        return found

    paid.stripe.objects[subscription_id]["status"] = "past_due"
    monkeypatch.setattr(paid.payments, "payments_of", slowly)
    paid.hear()

    assert paid.subscription.status is SubscriptionStatus.ACTIVE


def test_without_counting_the_looks_an_older_answer_would_replace_a_newer_one(
    paid: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above: the newer answer was what stood there, and changed no version."""
    monkeypatch.setattr(paid.ledger.subscriptions, "looked", lambda _account: None)

    with pytest.raises(AssertionError):
        test_an_older_answer_never_replaces_a_newer_one(paid, monkeypatch)


def test_one_who_is_always_overtaken_comes_back_later(
    paid: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid.bought()
    asked = paid.payments.payments_of

    def overtaken(customer_id: str) -> Any:
        found = asked(customer_id)
        paid.ledger.subscriptions.looked(paid.ledger.subscriptions.account(paid.tenant_id))
        return found

    monkeypatch.setattr(paid.payments, "payments_of", overtaken)
    with pytest.raises(UnavailableError):
        paid.hear()


def test_a_renewal_that_nobody_told_of_is_found_when_it_is_due(paid: World) -> None:
    subscription_id = paid.bought()
    paid.wait(30)
    paid.stripe.period_over(subscription_id)

    paid.wait(0.1)

    assert paid.told() == ["SubscriptionRenewed"]
    assert paid.wait(1).looked_at == 0


# schedules


def test_a_sweep_is_bounded_and_the_next_one_goes_on(free: World) -> None:
    for number in range(10):
        made = free.organizations.create(free.ada, {"name": f"Acme {number}"})
        free.tenant_id = made.tenant_id
        free.billing.start_trial(free.ada, None)
    object.__setattr__(free.sweeper, "most", 4)
    object.__setattr__(free.sweeper, "page", 2)

    runs = [free.wait(20), free.sweep(), free.sweep(), free.sweep()]

    assert [run.looked_at for run in runs] == [4, 4, 2, 0]
    assert [run.unfinished for run in runs] == [True, True, False, False]


def test_a_sweep_stops_in_time(free: World) -> None:
    free.billing.start_trial(free.ada, None)
    free.wait(0)

    done = free.sweeper.run(in_time=lambda: False)
    assert done.looked_at == 0
    free.wait(20)
    assert free.organization.plan == "FREE"


def test_one_that_fails_keeps_no_other_waiting(free: World) -> None:
    broken = free.tenant_id
    free.billing.start_trial(free.ada, None)
    for number in range(5):
        free.tenant_id = free.organizations.create(free.ada, {"name": f"A {number}"}).tenant_id
        free.billing.start_trial(free.ada, None)
    free.table.items[f"ORG#{broken}", "SUBSCRIPTION"]["status"] = "NONSENSE"

    done = free.wait(20)

    assert (done.looked_at, done.failed) == (6, 1)
    assert free.organization.plan == "FREE"
