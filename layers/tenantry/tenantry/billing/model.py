"""Subscriptions: what an organisation pays for, and how it comes from one state to the next.

Every move is pure and answers the next version with the events that tell of it, or None when there
is nothing to do. Two drive them: commands and schedules where nobody pays (or not yet), and what
the provider of payments answers (`settled`), which is believed whole whenever it was asked.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from tenantry.billing.events import (
    BillingCustomerCreated,
    BillingEvent,
    PaymentFailed,
    PaymentRecovered,
    PlanGranted,
    PlanGrantEnded,
    SubscriptionCancellationScheduled,
    SubscriptionCancelled,
    SubscriptionDowngraded,
    SubscriptionDowngradeScheduled,
    SubscriptionRenewed,
    SubscriptionResumed,
    SubscriptionStarted,
    SubscriptionSuspended,
    SubscriptionUpdated,
    SubscriptionUpgraded,
    TrialEnded,
    TrialEndingAnnounced,
    TrialStarted,
)
from tenantry.errors import ConflictError, Fault
from tenantry.messaging.event import EventData
from tenantry.organizations.model import RANK, Dues, OperatorInput, Organization, PlanName
from tenantry.runtime.inputs import Input
from tenantry.tenancy.roles import ADMINS, OWNERS, Permission

# permissions

BILLING_READ: Final = Permission("billing:read", ADMINS, writes=False, to_pay=True)
BILLING_MANAGE: Final = Permission("billing:manage", OWNERS, to_pay=True, support=False)
BILLING_PAY: Final = Permission("billing:pay", OWNERS, writes=False, to_pay=True, support=False)
"""Said to change nothing, since an organisation that is suspended must be able to pay."""

# times

TRIAL: Final = timedelta(days=14)
TRIAL_NOTICE: Final = timedelta(days=3)
GRACE: Final = timedelta(days=14)
"""From the beginning of the period that was not paid to the organisation's suspension."""
PERIOD: Final = timedelta(days=30)
"""Of plans that nobody is charged for; the provider has periods of its own."""
CLOSING_NOTICE: Final = timedelta(days=7)
"""In which an organisation that has no period to wait for can still take its end back."""
SETTLING: Final = timedelta(hours=2)
"""The provider is asked that long after a period's end, should it not have told by then."""


GRANT_LONGEST: Final = timedelta(days=5 * 366)

SHARDS: Final = 8
"""Into how many partitions of an index that which becomes due is spread."""


class SubscriptionStatus(StrEnum):
    NONE = "NONE"
    TRIALING = "TRIALING"
    ACTIVE = "ACTIVE"
    PAST_DUE = "PAST_DUE"
    SUSPENDED = "SUSPENDED"
    CANCELLED = "CANCELLED"


class Billing(StrEnum):
    """Who takes the payments of this deployment."""

    STRIPE = "STRIPE"
    NOT_CONFIGURED = "NOT_CONFIGURED"


# what the provider says


class Paid(StrEnum):
    TRIALING = "TRIALING"
    YES = "YES"
    NO = "NO"
    """Owed; the provider goes on trying."""
    GIVEN_UP = "GIVEN_UP"
    """Owed, and the provider has ended the subscription for it."""
    ENDED = "ENDED"
    """Ended as its customer wished."""


@dataclass(frozen=True)
class Payments:
    """What the provider answers of a customer's subscription, now.

    `ends` says that it does so at the period's end, `next_plan` to which plan it changes then.
    """

    subscription_id: str
    plan: PlanName
    paid: Paid
    period_start: datetime
    period_end: datetime
    trial_end: datetime | None = None
    ends: bool = False
    next_plan: PlanName | None = None


_Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,128}$")]
"""An id of the provider's; it becomes a part of a key."""


class Notice(BaseModel):
    """An event of the provider's: nothing but a reason to ask about its customer.

    It waits in a queue, and may lie among dead letters: so it holds ids only.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    event_id: _Id
    type: Annotated[str, StringConstraints(max_length=100)]
    customer_id: _Id


# what is stored


class Subscription(BaseModel):
    """What an organisation pays for; version 0 is one that nothing is stored of yet.

    `pending_plan` comes with the period's end, and with `closing` the organisation ends then.
    `syncs` counts how often the provider's answer was looked at, without a new version.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    tenant_id: str
    plan: PlanName = PlanName.FREE
    status: SubscriptionStatus = SubscriptionStatus.NONE
    period_end: datetime | None = None
    pending_plan: PlanName | None = None
    closing: bool = False
    trial_started_at: datetime | None = None
    trial_end: datetime | None = None
    trial_announced: bool = False
    grace_end: datetime | None = None
    granted: bool = False
    """Whether an operator gave the plan: nobody pays for it, and it ends with its period."""
    customer_id: str | None = None
    subscription_id: str | None = None
    """The provider's, while it lives."""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    entity_version: int = 0
    syncs: int = 0

    @property
    def dues(self) -> Dues:
        match self.status:
            case SubscriptionStatus.TRIALING:
                return Dues.TRIAL
            case SubscriptionStatus.SUSPENDED:
                return Dues.OVERDUE
            case SubscriptionStatus.CANCELLED:
                return Dues.ENDED
            case _:
                return Dues.GOOD

    @property
    def due_at(self) -> datetime | None:
        """When a schedule has to look at it next."""
        ends = self.period_end if self.closing and not self.subscription_id else None
        match self.status:
            case SubscriptionStatus.TRIALING if self.trial_end and not self.subscription_id:
                announced = self.trial_announced
                return self.trial_end if announced else self.trial_end - TRIAL_NOTICE
            case SubscriptionStatus.TRIALING | SubscriptionStatus.ACTIVE if self.period_end:
                return self.period_end + (SETTLING if self.subscription_id else timedelta())
            case SubscriptionStatus.PAST_DUE if self.grace_end:
                return min(self.grace_end, ends) if ends else self.grace_end
            case SubscriptionStatus.NONE | SubscriptionStatus.SUSPENDED:
                return ends
            case _:
                return None

    # moves of commands

    def registered(self, customer_id: str, now: datetime) -> "Move":
        """Known to the provider as `customer_id`."""
        return self._next(now, _told(BillingCustomerCreated, self), customer_id=customer_id)

    def trial_on(self, plan: PlanName, now: datetime) -> "Move":
        """A trial of `plan`, once; ConflictError when there was one, or there is a subscription."""
        if self.trial_started_at:
            raise ConflictError("This organisation has had its trial.")
        if self.status is not SubscriptionStatus.NONE or self.closing:
            raise ConflictError("Only an organisation without a subscription can begin a trial.")
        if RANK[plan] <= RANK[PlanName.FREE]:
            raise ConflictError("There is nothing to try in the plan that costs nothing.")
        ends_at = now + TRIAL
        return self._next(
            now,
            _told(TrialStarted, self, plan=plan, ends_at=ends_at),
            plan=plan,
            status=SubscriptionStatus.TRIALING,
            trial_started_at=now,
            trial_end=ends_at,
            trial_announced=False,
        )

    def upgraded(self, plan: PlanName, now: datetime) -> "Move":
        """On a larger plan at once, and what was pending is off: where nobody takes payments."""
        begins = self.status is not SubscriptionStatus.ACTIVE or self.granted
        begins = begins or self.period_end is None
        changed = {
            "plan": plan,
            "status": SubscriptionStatus.ACTIVE,
            "period_end": now + PERIOD if begins else self.period_end,
            **_NOTHING_PENDING,
            **_NO_TRIAL,
            "grace_end": None,
            "granted": False,
        }
        after = self.model_copy(update=changed)
        return self._next(now, *_differences(self, after), **changed)

    def given(self, plan: PlanName, until: datetime, reason: str, now: datetime) -> "Move | None":
        """On `plan` until then without anybody paying; None when that is how it stands.

        ConflictError while something is paid for, or when the organisation has ended.
        """
        if self.status is SubscriptionStatus.CANCELLED:
            raise ConflictError("The organisation has been cancelled.")
        if self.subscription_id:
            raise ConflictError("There is a subscription that is paid for; change that one.")
        if self.granted and (self.plan, self.period_end) == (plan, until):
            return None
        told = _told(PlanGranted, self, before=self.plan, plan=plan, until=until, reason=reason)
        return self._next(
            now,
            told,
            plan=plan,
            status=SubscriptionStatus.ACTIVE,
            period_end=until,
            granted=True,
            grace_end=None,
            **_NOTHING_PENDING,
            **_NO_TRIAL,
        )

    def downgraded_later(self, plan: PlanName, now: datetime) -> "Move | None":
        """On a smaller plan from the period's end on; ConflictError when there is no period."""
        if self.status is not SubscriptionStatus.ACTIVE:
            raise ConflictError("There is no paid period after which the plan could change.")
        if self.granted and plan is not PlanName.FREE:
            raise ConflictError("This plan was granted: nothing but FREE follows it unpaid.")
        if self.pending_plan is plan and not self.closing:
            return None
        changed: dict[str, Any] = {"pending_plan": plan, "closing": False}
        return self._next(now, *_differences(self, self.model_copy(update=changed)), **changed)

    def ending(self, now: datetime, *, closes: bool) -> "Move | None":
        """Not renewed; with `closes` the organisation ends then too.

        One without a period ends after a notice. ConflictError when there is nothing to end.
        """
        if self.status is SubscriptionStatus.CANCELLED:
            raise ConflictError("The organisation has been cancelled.")
        unpaid = self.status in (SubscriptionStatus.NONE, SubscriptionStatus.TRIALING)
        if unpaid and not closes:
            raise ConflictError("There is no subscription to cancel.")
        if self.pending_plan is PlanName.FREE and self.closing is closes:
            return None
        ends_at = self.period_end
        if self.status is SubscriptionStatus.TRIALING:
            ends_at = self.trial_end
        elif ends_at is None or ends_at < now:
            ends_at = now + CLOSING_NOTICE
        changed = {"pending_plan": PlanName.FREE, "closing": closes, "period_end": ends_at}
        return self._next(now, *_differences(self, self.model_copy(update=changed)), **changed)

    def resumed(self, now: datetime) -> "Move | None":
        """Nothing changes at the period's end any more; None when nothing would have."""
        if self.pending_plan is None and not self.closing:
            return None
        changed: dict[str, Any] = dict(_NOTHING_PENDING)
        if self.status in (SubscriptionStatus.NONE, SubscriptionStatus.TRIALING):
            changed["period_end"] = None
        return self._next(now, _told(SubscriptionResumed, self, plan=self.plan), **changed)

    # moves of the schedule

    def due(self, now: datetime, billing: Billing) -> "Move | None":
        """What has become due by `now`; None when nothing has."""
        if self.due_at is None or now < self.due_at:
            return None
        ends = self.closing and self.period_end is not None and now >= self.period_end
        match self.status:
            case _ if ends and not self.subscription_id:
                return self._ended(now)
            case SubscriptionStatus.TRIALING if not self.subscription_id:
                return self._trial_due(now)
            case SubscriptionStatus.PAST_DUE:
                return self._next(
                    now,
                    _told(SubscriptionSuspended, self, plan=self.plan),
                    status=SubscriptionStatus.SUSPENDED,
                )
            case SubscriptionStatus.ACTIVE if not self.subscription_id:
                return self._period_over(now, billing)
            case _:
                return None

    def _trial_due(self, now: datetime) -> "Move":
        ends_at = self.trial_end or now
        if now < ends_at:
            told = _told(TrialEndingAnnounced, self, plan=self.plan, ends_at=ends_at)
            return self._next(now, told, trial_announced=True)
        return self._next(
            now,
            _told(TrialEnded, self, plan=self.plan, converted=False),
            plan=PlanName.FREE,
            status=SubscriptionStatus.NONE,
            **_NO_TRIAL,
        )

    def _period_over(self, now: datetime, billing: Billing) -> "Move":
        """The end of a period that nobody was charged for."""
        if self.granted or self.pending_plan is PlanName.FREE:
            return self._ended(now)
        plan = self.pending_plan or self.plan
        changed: dict[str, Any] = {"plan": plan, "pending_plan": None}
        ended = self.period_end or now
        if billing is not Billing.NOT_CONFIGURED:
            # A plan from before there were payments: it goes on when it is paid for.
            changed |= {"status": SubscriptionStatus.PAST_DUE, "grace_end": now + GRACE}
        else:
            periods = (now - ended) // PERIOD + 1
            changed["period_end"] = ended + periods * PERIOD
        after = self.model_copy(update=changed)
        return self._next(now, *_differences(self, after), **changed)

    # the provider's answer

    def settled(
        self, found: Payments | None, now: datetime, *, closes: bool | None = None
    ) -> "Move | None":
        """As the provider says it is, now; None when that is how it stands already.

        `closes` says what its end means for the organisation; None leaves that as it was.
        """
        if self.status is SubscriptionStatus.CANCELLED:
            return None
        if found is None or found.paid is Paid.ENDED:
            return self._ended(now) if self.subscription_id else None
        if found.paid is Paid.GIVEN_UP and self.subscription_id is None:
            return None
        changed = self._as_answered(found, self.closing if closes is None else closes)
        after = self.model_copy(update=changed)
        if after == self:
            return None
        return self._next(now, *_differences(self, after), **changed)

    def is_paid_in_vain(self, found: Payments | None) -> bool:
        """Whether the provider takes money for an organisation that has ended.

        Somebody paid at a Checkout page that was still open: that is for people to give back.
        """
        lives = found is not None and found.paid in (Paid.YES, Paid.TRIALING)
        return lives and self.status is SubscriptionStatus.CANCELLED

    def forgotten(self, now: datetime) -> "Move | None":
        """Without the customer it was: the provider knows them no more."""
        if self.customer_id is None or self.status is SubscriptionStatus.CANCELLED:
            return None
        if self.subscription_id:
            ended = self._ended(now)
            return Move(ended.after.model_copy(update={"customer_id": None}), ended.told)
        told = _told(SubscriptionUpdated, self, fields=["customer_id"])
        return self._next(now, told, customer_id=None)

    def _as_answered(self, found: Payments, closing: bool) -> dict[str, Any]:
        lives = found.paid is not Paid.GIVEN_UP
        changed: dict[str, Any] = {
            "plan": found.plan,
            "period_end": found.period_end,
            "pending_plan": PlanName.FREE if found.ends else found.next_plan,
            "closing": closing and found.ends,
            "subscription_id": found.subscription_id if lives else None,
            "trial_announced": False,
            "trial_end": None,
            "grace_end": None,
            "granted": False,
        }
        owing = (SubscriptionStatus.PAST_DUE, SubscriptionStatus.SUSPENDED)
        match found.paid:
            case Paid.TRIALING:
                return changed | {
                    "status": SubscriptionStatus.TRIALING,
                    "trial_end": found.trial_end,
                }
            case Paid.YES:
                return changed | {"status": SubscriptionStatus.ACTIVE}
            case _ if self.status in owing:
                return changed | {"status": self.status, "grace_end": self.grace_end}
            case _:
                return changed | {
                    "status": SubscriptionStatus.PAST_DUE,
                    "grace_end": found.period_start + GRACE,
                }

    # inside

    def _ended(self, now: datetime) -> "Move":
        told = (
            _told(PlanGrantEnded, self, plan=self.plan)
            if self.granted and not self.closing
            else _told(
                SubscriptionCancelled, self, plan=self.plan, closes_organization=self.closing
            )
        )
        status = SubscriptionStatus.CANCELLED if self.closing else SubscriptionStatus.NONE
        return self._next(
            now,
            told,
            plan=PlanName.FREE,
            status=status,
            period_end=None,
            subscription_id=None,
            grace_end=None,
            granted=False,
            pending_plan=None,
            closing=False,
            **_NO_TRIAL,
        )

    def _next(self, now: datetime, *told: EventData, **fields: Any) -> "Move":
        after = self.model_copy(
            update={
                **fields,
                "created_at": self.created_at or now,
                "updated_at": now,
                "entity_version": self.entity_version + 1,
            }
        )
        return Move(after, told)


_NOTHING_PENDING: Final[dict[str, Any]] = {"pending_plan": None, "closing": False}
_NO_TRIAL: Final[dict[str, Any]] = {"trial_end": None, "trial_announced": False}


@dataclass(frozen=True)
class Move:
    """The next version of a subscription, and what happened."""

    after: Subscription
    told: tuple[EventData, ...]


def _told(kind: type[BillingEvent], about: Subscription, **data: Any) -> BillingEvent:
    return kind(organization_id=about.tenant_id, **data)


def _differences(before: Subscription, after: Subscription) -> tuple[EventData, ...]:
    """What happened between two states; never nothing, so that every version is told of."""
    told = [*_of_status(before, after), *_of_plan(before, after), *_of_the_end(before, after)]
    if told:
        return tuple(told)
    if before.period_end != after.period_end and before.status is after.status:
        renewed = {"plan": after.plan, "period_end": after.period_end}
        return (_told(SubscriptionRenewed, after, **renewed),)
    fields = sorted(
        name for name in Subscription.model_fields if getattr(before, name) != getattr(after, name)
    )
    return (_told(SubscriptionUpdated, after, fields=fields),)


def _of_status(before: Subscription, after: Subscription) -> list[EventData]:
    told: list[EventData] = []
    if before.status is after.status:
        return told
    if before.status is SubscriptionStatus.TRIALING:
        told.append(_told(TrialEnded, after, plan=before.plan, converted=True))
    match before.status, after.status:
        case SubscriptionStatus.PAST_DUE | SubscriptionStatus.SUSPENDED, _:
            told.append(_told(PaymentRecovered, after, plan=after.plan))
        case _, SubscriptionStatus.PAST_DUE:
            due = after.grace_end
            told.append(_told(PaymentFailed, after, plan=after.plan, grace_end=due))
        case _, SubscriptionStatus.TRIALING:
            told.append(_told(TrialStarted, after, plan=after.plan, ends_at=after.trial_end))
        case _:
            started = {"plan": after.plan, "period_end": after.period_end}
            told.append(_told(SubscriptionStarted, after, **started))
    return told


def _of_plan(before: Subscription, after: Subscription) -> list[EventData]:
    begins = before.status in (SubscriptionStatus.NONE, SubscriptionStatus.TRIALING)
    if before.plan is after.plan or begins:
        return []
    larger = RANK[after.plan] > RANK[before.plan]
    kind = SubscriptionUpgraded if larger else SubscriptionDowngraded
    return [_told(kind, after, before=before.plan, after=after.plan)]


def _of_the_end(before: Subscription, after: Subscription) -> list[EventData]:
    """What is to come at the period's end, unless it has just come."""
    same = (before.pending_plan, before.closing) == (after.pending_plan, after.closing)
    if same or (before.plan is not after.plan and after.pending_plan is None):
        return []
    at = after.period_end
    if after.pending_plan is None:
        return [_told(SubscriptionResumed, after, plan=after.plan)]
    if after.pending_plan is PlanName.FREE:
        data = {"plan": after.plan, "at": at, "closes_organization": after.closing}
        return [_told(SubscriptionCancellationScheduled, after, **data)]
    scheduled = {"before": after.plan, "after": after.pending_plan, "at": at}
    return [_told(SubscriptionDowngradeScheduled, after, **scheduled)]


@dataclass(frozen=True)
class Account:
    """A subscription with the organisation whose it is, as one read found them."""

    subscription: Subscription
    organization: Organization

    @property
    def tenant_id(self) -> str:
        return self.organization.tenant_id


@dataclass(frozen=True)
class PlanChange:
    """What became of a wish for another plan: how it stands, and where to pay when it waits."""

    subscription: Subscription
    checkout_url: str | None = None


# what comes in


class _CamelInput(Input):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_alias=True)


Plan = Annotated[PlanName, Field(strict=False)]


class UpdateSubscriptionInput(_CamelInput):
    """`expected_version` refuses the change when the subscription has changed since."""

    plan: Plan
    expected_version: Annotated[int, Field(ge=0)] | None = None


class CheckoutInput(_CamelInput):
    plan: Plan


class GrantInput(OperatorInput):
    """A plan that an operator gives an organisation, until when, and why."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_alias=True)

    plan: Plan
    until: Annotated[AwareDatetime, Field(strict=False)]

    def faults(self, now: datetime) -> list[Fault]:
        found = []
        if self.plan is PlanName.FREE:
            found.append(Fault(field="plan", message="FREE needs no grant"))
        if not now < self.until <= now + GRANT_LONGEST:
            found.append(Fault(field="until", message="must be in the next five years"))
        return found


class TrialInput(_CamelInput):
    """PROFESSIONAL when nothing is said."""

    plan: Plan | None = None


class CancelSubscriptionInput(_CamelInput):
    """`close_organization` ends the organisation too; else it goes on without paying."""

    close_organization: bool | None = None
