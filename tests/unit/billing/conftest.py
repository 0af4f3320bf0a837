"""Billing over a table in memory, with and without a Stripe that is asked in-process."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from localcloud.payments.peer import World as StripeWorld
from tenantry.billing.dynamodb import DynamoDBSubscriptionRepository
from tenantry.billing.model import Notice, Subscription
from tenantry.billing.service import (
    BillingService,
    EndingService,
    GrantService,
    Ledger,
    SettlingService,
    SweepService,
    Swept,
)
from tenantry.messaging.once import Once
from tenantry.messaging.stamp import Stamp
from tenantry.organizations.dynamodb import (
    DynamoDBAccess,
    DynamoDBDomainRepository,
    DynamoDBOrganizationRepository,
    OrganizationItems,
)
from tenantry.organizations.model import Organization
from tenantry.organizations.service import OrganizationService
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.metering import Unmetered
from tests.support.clock import FakeClock, FakeIds
from tests.support.fakes.billing import InMemoryMarkers, payments_by
from tests.support.fakes.organizations import FakeDns, FakeOperators
from tests.support.fakes.table import InMemoryTable

OPERATOR = Caller(user_id="root", groups=frozenset({"SuperAdmin"}))


@dataclass
class World:
    """An organisation of Ada's, its billing, and Stripe, which is used when it `pays`."""

    pays: bool = True
    clock: FakeClock = field(default_factory=FakeClock)
    table: InMemoryTable = field(default_factory=InMemoryTable)
    reports: list[str] = field(default_factory=list)
    asked: int = 0

    def __post_init__(self) -> None:
        stamp = Stamp(now=self.clock, new_id=FakeIds())
        self.stripe = StripeWorld(now=lambda: self.clock().timestamp())
        self.payments = payments_by(self.stripe)
        provider = (lambda: self.payments) if self.pays else None
        self.ledger = Ledger(
            DynamoDBSubscriptionRepository(self.table, OrganizationItems()),
            stamp,
            lambda what, _tenant_id: self.reports.append(what),
        )
        self.organizations = OrganizationService(
            DynamoDBOrganizationRepository(self.table),
            DynamoDBDomainRepository(self.table),
            FakeDns(),
            FakeOperators(),
            stamp,
            new_token=lambda: "token",
        )
        made = self.organizations.create(Caller(user_id="ada"), {"name": "Acme"})
        self.tenant_id = made.tenant_id
        self.billing = BillingService(
            DynamoDBAccess(self.table, Unmetered(), self.clock), self.ledger, provider
        )
        self.operators = FakeOperators()
        self.grants = GrantService(self.operators, self.ledger)
        self.ending = EndingService(self.ledger, provider)
        self.sweeper = SweepService(self.ledger, provider)
        # Each hearing is of a new event, unless a test says otherwise.
        self.markers = InMemoryMarkers()
        once = Once(self.markers, "billing", timedelta(minutes=2), self.clock)
        self.settling = SettlingService(self.ledger, lambda: self.payments, once)

    @property
    def ada(self) -> Caller:
        """The owner, in a request of their own each time."""
        self.asked += 1
        return Caller(user_id="ada", tenant_id=self.tenant_id, correlation_id=f"r-{self.asked}")

    @property
    def subscription(self) -> Subscription:
        return self.ledger.subscriptions.account(self.tenant_id).subscription

    @property
    def organization(self) -> Organization:
        return self.ledger.subscriptions.account(self.tenant_id).organization

    @property
    def limits(self) -> int | None:
        return self.organization.limits.max_users

    def uses(self, **used: int) -> None:
        """Have so many users, projects, bytes."""
        item = self.table.items[f"ORG#{self.tenant_id}", "ORGANIZATION"]
        self.table.put({**item, **{f"used_{name}": count for name, count in used.items()}})

    def update(self, plan: str, **more: Any) -> Subscription:
        return self.billing.update(self.ada, {"plan": plan, **more}).subscription

    def grant(
        self, plan: str = "ENTERPRISE", days: float = 90, by: Caller = OPERATOR
    ) -> Subscription:
        """An operator's grant, from now on for so many days."""
        until = self.on(days).isoformat()
        return self.grants.grant(by, self.tenant_id, plan, until, "contract 7")

    def buy(self, plan: str = "STARTER") -> str:
        """Pay at the Checkout; answers Stripe's subscription, of which we have not heard yet."""
        url = self.billing.checkout(self.ada, {"plan": plan})
        return str(self.stripe.pay(url.rpartition("/")[2])["id"])

    def hear(self, event: dict[str, Any] | None = None) -> str | None:
        """Be told of an event of Stripe's, by default of the last."""
        event = event or self.stripe.events[-1]
        self.markers.seen.clear()
        about = event["data"]["object"]
        customer = about["id"] if about["object"] == "customer" else about["customer"]
        return self.settling.settle(
            Notice(event_id=event["id"], type=event["type"], customer_id=customer)
        )

    def bought(self, plan: str = "STARTER") -> str:
        subscription_id = self.buy(plan)
        self.hear()
        return subscription_id

    def sweep(self) -> Swept:
        return self.sweeper.run()

    def wait(self, days: float) -> Swept:
        self.clock.advance(timedelta(days=days))
        return self.sweep()

    def told(self, item: str = "SUBSCRIPTION") -> list[str]:
        """The types of the events that were stamped on the item's latest version."""
        stored = self.table.items[f"ORG#{self.tenant_id}", item]
        return [event["type"] for event in stored["events"]]

    def on(self, days: float) -> datetime:
        return self.clock() + timedelta(days=days)


@pytest.fixture
def paid() -> World:
    """Where Stripe takes payments."""
    return World()


@pytest.fixture
def free() -> World:
    """Where nobody does."""
    return World(pays=False)
