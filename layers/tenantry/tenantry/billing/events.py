"""What happens to subscriptions. Ids of ours only: the provider's say nothing to anybody else."""

from datetime import datetime
from typing import ClassVar

from tenantry.messaging.event import EventData


class BillingEvent(EventData):
    """Base of them: each is about one organisation's subscription."""

    context: ClassVar[str] = "billing"

    organization_id: str


class BillingCustomerCreated(BillingEvent):
    """The organisation is known to the provider of payments from now on."""

    type: ClassVar[str] = "BillingCustomerCreated"


class TrialStarted(BillingEvent):
    type: ClassVar[str] = "TrialStarted"

    plan: str
    ends_at: datetime


class TrialEndingAnnounced(BillingEvent):
    """The trial is about to end."""

    type: ClassVar[str] = "TrialEndingAnnounced"

    plan: str
    ends_at: datetime


class TrialEnded(BillingEvent):
    """`converted`: by a subscription, and not by its time."""

    type: ClassVar[str] = "TrialEnded"

    plan: str
    converted: bool


class SubscriptionStarted(BillingEvent):
    type: ClassVar[str] = "SubscriptionStarted"

    plan: str
    period_end: datetime | None


class SubscriptionUpgraded(BillingEvent):
    type: ClassVar[str] = "SubscriptionUpgraded"

    before: str
    after: str


class SubscriptionDowngradeScheduled(BillingEvent):
    type: ClassVar[str] = "SubscriptionDowngradeScheduled"

    before: str
    after: str
    at: datetime | None


class SubscriptionDowngraded(BillingEvent):
    type: ClassVar[str] = "SubscriptionDowngraded"

    before: str
    after: str


class SubscriptionCancellationScheduled(BillingEvent):
    """`closes_organization`: the organisation ends with it, and does not go on without paying."""

    type: ClassVar[str] = "SubscriptionCancellationScheduled"

    plan: str
    at: datetime | None
    closes_organization: bool


class SubscriptionResumed(BillingEvent):
    """What was to come at the period's end does not come."""

    type: ClassVar[str] = "SubscriptionResumed"

    plan: str


class SubscriptionRenewed(BillingEvent):
    type: ClassVar[str] = "SubscriptionRenewed"

    plan: str
    period_end: datetime | None


class SubscriptionCancelled(BillingEvent):
    type: ClassVar[str] = "SubscriptionCancelled"

    plan: str
    closes_organization: bool


class PlanGranted(BillingEvent):
    """An operator of the platform gave a plan that nobody pays for, until then at the latest."""

    type: ClassVar[str] = "PlanGranted"

    before: str
    plan: str
    until: datetime
    reason: str


class PlanGrantEnded(BillingEvent):
    """What was granted has come to its end; the organisation goes on without paying."""

    type: ClassVar[str] = "PlanGrantEnded"

    plan: str


class PaymentFailed(BillingEvent):
    """From `grace_end` on the organisation is suspended."""

    type: ClassVar[str] = "PaymentFailed"

    plan: str
    grace_end: datetime


class PaymentRecovered(BillingEvent):
    type: ClassVar[str] = "PaymentRecovered"

    plan: str


class SubscriptionSuspended(BillingEvent):
    """The grace period has passed without a payment."""

    type: ClassVar[str] = "SubscriptionSuspended"

    plan: str


class SubscriptionUpdated(BillingEvent):
    """Something else about it is different: the names of the fields."""

    type: ClassVar[str] = "SubscriptionUpdated"

    fields: list[str]
