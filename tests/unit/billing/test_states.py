"""A subscription's states, driven at random: what must hold whatever is done in whatever order."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tenantry.errors import TenantryError
from tests.unit.billing.conftest import OPERATOR, World

PLANS = ("FREE", "STARTER", "PROFESSIONAL")
LIVING = ("active", "trialing", "past_due", "unpaid")

# status: whether the organisation has a plan that costs something, and may be open
EXPECTED = {
    "NONE": (False, True),
    "TRIALING": (True, True),
    "ACTIVE": (True, True),
    "PAST_DUE": (True, True),
    "SUSPENDED": (True, False),
    "CANCELLED": (False, False),
}
# Which status may follow which; staying is always possible.
FOLLOWS = {
    "NONE": {"TRIALING", "ACTIVE", "PAST_DUE", "CANCELLED"},
    "TRIALING": {"NONE", "ACTIVE", "PAST_DUE", "CANCELLED"},
    "ACTIVE": {"NONE", "PAST_DUE", "SUSPENDED", "CANCELLED"},
    "PAST_DUE": {"NONE", "ACTIVE", "SUSPENDED", "CANCELLED"},
    "SUSPENDED": {"NONE", "ACTIVE", "CANCELLED"},
    "CANCELLED": set(),
}


class Subscriptions(RuleBasedStateMachine):
    @initialize(pays=st.booleans())
    def begin(self, pays: bool) -> None:
        self.world = World(pays=pays)
        self.before = "NONE"
        self.trials = 0
        self.by_operator = False
        self.granted: tuple[Any, Any] | None = None

    def attempt(self, call: Any) -> None:
        try:
            call()
        except TenantryError:
            return

    # what an owner does

    @rule(plan=st.sampled_from(PLANS))
    def update(self, plan: str) -> None:
        if not self.world.pays:
            self.granted = None  # where nobody pays, a larger plan takes its place
        self.attempt(lambda: self.world.update(plan))

    @rule(plan=st.sampled_from(PLANS))
    def trial(self, plan: str) -> None:
        def start() -> None:
            self.world.billing.start_trial(self.world.ada, {"plan": plan})
            self.trials += 1

        self.attempt(start)

    @rule(closes=st.booleans())
    def cancel(self, closes: bool) -> None:
        values = {"closeOrganization": closes}
        self.attempt(lambda: self.world.billing.cancel(self.world.ada, values))

    @rule()
    def resume(self) -> None:
        self.attempt(lambda: self.world.billing.resume(self.world.ada))

    @rule(plan=st.sampled_from(PLANS[1:]))
    def buy(self, plan: str) -> None:
        if not self.world.stripe.declines:
            self.attempt(lambda: self.world.buy(plan))

    # what happens at Stripe

    @rule()
    def period_over(self) -> None:
        if found := self.living():
            self.world.stripe.period_over(found)

    @rule(reason=st.sampled_from(["cancellation_requested", "payment_failed"]))
    def end(self, reason: str) -> None:
        if found := self.living():
            self.world.stripe.end(found, reason)

    @rule(declines=st.booleans())
    def card(self, declines: bool) -> None:
        self.world.stripe.declines = declines
        if not declines and (found := self.living()):
            self.world.stripe.recover(found)

    @rule(number=st.integers(0, 1000))
    def hear(self, number: int) -> None:
        """Of any event, however old."""
        events = self.world.stripe.events
        if self.world.pays and events:
            self.attempt(lambda: self.world.hear(events[number % len(events)]))

    # what time and operators do

    @rule(days=st.sampled_from([0.1, 3, 8, 15, 31]))
    def wait(self, days: float) -> None:
        self.world.clock.advance(timedelta(days=days))

    @rule()
    def sweep(self) -> None:
        assert self.world.sweep().failed == 0

    @rule(suspends=st.booleans())
    def operate(self, suspends: bool) -> None:
        organizations, about = self.world.organizations, self.world.tenant_id

        def operate() -> None:
            decide = organizations.suspend if suspends else organizations.reactivate
            decide(OPERATOR, about, "because")
            self.by_operator = suspends

        self.attempt(operate)

    @rule(plan=st.sampled_from(PLANS[1:]), days=st.sampled_from([2, 10, 40]))
    def grant(self, plan: str, days: int) -> None:
        def grant() -> None:
            given = self.world.grant(plan, days)
            self.granted = given.plan, given.period_end

        self.attempt(grant)

    def living(self) -> str | None:
        objects = self.world.stripe.objects.values()
        found = [
            o["id"] for o in objects if o["object"] == "subscription" and o["status"] in LIVING
        ]
        return found[0] if found else None

    # what must hold

    @invariant()
    def the_organisation_has_what_its_subscription_says(self) -> None:
        subscription, organization = self.world.subscription, self.world.organization
        costs, open_ = EXPECTED[subscription.status]
        assert organization.plan == subscription.plan
        assert organization.on_trial == (subscription.status == "TRIALING")
        assert (subscription.plan != "FREE") is costs
        if subscription.status == "CANCELLED":
            assert organization.status == "CANCELLED"
        elif open_:
            assert organization.status == ("SUSPENDED" if self.by_operator else "ACTIVE")

    @invariant()
    def only_known_ways_are_gone(self) -> None:
        now = str(self.world.subscription.status)
        assert now == self.before or now in FOLLOWS[self.before], (self.before, now)
        self.before = now

    @invariant()
    def what_was_granted_stands_until_its_end_or_a_purchase(self) -> None:
        """Whatever Stripe tells of what was bought before, and whenever."""
        if self.granted is None:
            return
        subscription, (plan, until) = self.world.subscription, self.granted
        if subscription.subscription_id or until is None or self.world.clock() >= until:
            self.granted = None
        else:
            assert (subscription.plan, subscription.granted) == (plan, True)

    @invariant()
    def there_is_one_trial_at_most(self) -> None:
        assert self.trials <= 1

    @invariant()
    def every_version_is_told_of(self) -> None:
        for sk in ("SUBSCRIPTION", "ORGANIZATION"):
            stored = self.world.table.items.get((f"ORG#{self.world.tenant_id}", sk))
            assert stored is None or stored["events"]

    @invariant()
    def what_is_due_is_found(self) -> None:
        subscription = self.world.subscription
        stored = self.world.table.items.get((f"ORG#{self.world.tenant_id}", "SUBSCRIPTION"), {})
        assert ("GSI2PK" in stored) is (subscription.due_at is not None)

    def teardown(self) -> None:
        """In the end, when all is heard and done, it is as Stripe says."""
        if not hasattr(self, "world") or not self.world.pays:
            return
        customer = self.world.subscription.customer_id
        if customer is None or self.world.subscription.status == "CANCELLED":
            return
        if self.world.stripe.events:
            self.world.hear(self.world.stripe.events[0])
        found, subscription = self.world.payments.payments_of(customer), self.world.subscription
        if found is not None and found.subscription_id == subscription.subscription_id:
            assert subscription.plan == found.plan
            assert subscription.period_end == found.period_end


Subscriptions.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestSubscriptions = Subscriptions.TestCase
"""Deployments with and without payments, 100 runs of 40 steps."""


@pytest.mark.parametrize("status", EXPECTED)
def test_every_status_is_in_both_tables(status: str) -> None:
    assert status in FOLLOWS
