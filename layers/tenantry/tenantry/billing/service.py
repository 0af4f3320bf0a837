"""Use cases of billing: plans, trials, cancelling, paying; the provider's word; what is due."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tenantry.billing.model import (
    BILLING_MANAGE,
    BILLING_PAY,
    BILLING_READ,
    SHARDS,
    Account,
    Billing,
    CancelSubscriptionInput,
    CheckoutInput,
    GrantInput,
    Move,
    Notice,
    PlanChange,
    Subscription,
    SubscriptionStatus,
    TrialInput,
    UpdateSubscriptionInput,
)
from tenantry.billing.repository import (
    NoticeQueue,
    NoticeVerifier,
    Operators,
    PaymentProvider,
    SubscriptionRepository,
)
from tenantry.errors import (
    BillingNotConfiguredError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    OrganizationSuspendedError,
    OverNewLimitsError,
    PaymentDeclinedError,
    TenantryError,
    UnavailableError,
)
from tenantry.messaging.event import EventData
from tenantry.messaging.once import Once
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.organizations.events import (
    OrganizationCancelled,
    OrganizationPlanChanged,
    OrganizationReactivated,
    OrganizationSuspended,
)
from tenantry.organizations.model import NON_PAYMENT, RANK, Organization, PlanName
from tenantry.runtime.inputs import parse
from tenantry.tenancy.access import Access, OrganizationStatus
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import Permission

_TRIES = 6
_BEGINNING = (SubscriptionStatus.NONE, SubscriptionStatus.TRIALING)
_OWING = (SubscriptionStatus.PAST_DUE, SubscriptionStatus.SUSPENDED)

type Provider = Callable[[], PaymentProvider]
"""Made on first use: its library is heavy, and most requests do without."""


@dataclass(frozen=True)
class Ledger:
    """Stores moves of subscriptions with what follows from them for the organisation."""

    subscriptions: SubscriptionRepository
    stamp: Stamp
    report: Callable[[str, str], None] = lambda _what, _tenant_id: None
    """Told what an operator should hear of, and of which organisation."""

    def moved(self, account: Account, move: Move | None, cause: Cause) -> Account:
        """The account after `move`, stored; itself without one. ConflictError when it changed."""
        if move is None:
            return account
        now, before = self.stamp.now(), account.organization
        organization = before.paying(move.after.plan, move.after.dues, now)
        after = Account(move.after, organization)
        self.subscriptions.save(
            account,
            after,
            [self.stamp.event(data, cause) for data in move.told],
            [
                self.stamp.event(data, cause)
                for data in _followed(before, organization, granted=move.after.granted)
            ],
        )
        return after

    def settle(
        self, tenant_id: str, provider: PaymentProvider, cause: Cause, closes: bool | None = None
    ) -> Account:
        """The account as the provider says it is, whatever told us to ask.

        The answer is stored only if nobody stored or confirmed another one since the account was
        read, which is before the provider is asked: so an older answer never replaces a newer one.
        """
        for _ in range(_TRIES):
            account = self.subscriptions.account(tenant_id)
            customer_id = account.subscription.customer_id
            if customer_id is None:
                return account
            now, subscription = self.stamp.now(), account.subscription
            try:
                found = provider.payments_of(customer_id)
                move = subscription.settled(found, now, closes=closes)
                if subscription.is_paid_in_vain(found):
                    self.report("an organisation that has ended still pays", tenant_id)
            except NotFoundError:
                self.report("the provider knows this customer no more", tenant_id)
                move = subscription.forgotten(now)
            try:
                if move is None:
                    self.subscriptions.looked(account)
                    return account
                return self.moved(account, move, cause)
            except ConflictError:
                continue
        raise UnavailableError("The subscription is changing right now; try again in a moment.")


def _followed(before: Organization, after: Organization, *, granted: bool) -> list[EventData]:
    """What happened to the organisation between the two."""
    told: list[EventData] = []
    about = before.tenant_id
    if (before.plan, before.on_trial) != (after.plan, after.on_trial):
        over = [each["limit"] for each in after.over(after.plan)]
        told.append(
            OrganizationPlanChanged(
                organization_id=about,
                before=before.plan,
                after=after.plan,
                over=over,
                on_trial=after.on_trial,
            )
        )
    if before.status is not after.status:
        match after.status:
            case OrganizationStatus.SUSPENDED:
                told.append(OrganizationSuspended(organization_id=about, reason=NON_PAYMENT))
            case OrganizationStatus.ACTIVE:
                reason = "granted" if granted else "paid"
                told.append(OrganizationReactivated(organization_id=about, reason=reason))
            case OrganizationStatus.CANCELLED:
                told.append(OrganizationCancelled(organization_id=about, reason="cancelled"))
    return told


@dataclass(frozen=True)
class BillingService:
    """What people of an organisation do. Without a `provider` nobody pays, and it is said so."""

    access: Access
    ledger: Ledger
    provider: Provider | None = None

    @property
    def billing(self) -> Billing:
        return Billing.STRIPE if self.provider else Billing.NOT_CONFIGURED

    def read(self, caller: Caller) -> Subscription:
        self._may(caller, BILLING_READ)
        return self._account(caller).subscription

    def update(self, caller: Caller, values: dict[str, Any]) -> PlanChange:
        """Another plan: a larger one at once, a smaller one from the period's end on.

        Where payments are taken, a larger one is paid first: by changing the provider's
        subscription, or at the `checkout_url` that is answered. OverNewLimitsError when more is in
        use than the smaller plan allows; PaymentDeclinedError; ConflictError when something is
        owed, or `expectedVersion` is not the present one.
        """
        given = parse(UpdateSubscriptionInput, values)
        cause = self._may(caller, BILLING_MANAGE)
        account = self._account(caller)
        before = account.subscription
        if given.expected_version not in (None, before.entity_version):
            raise ConflictError("The subscription has changed since; read it again.")
        if given.plan is before.plan and before.status is not SubscriptionStatus.TRIALING:
            return PlanChange(self._resumed(account, cause).subscription)
        if RANK[given.plan] < RANK[before.plan]:
            over = account.organization.over(given.plan)
            if over:
                raise OverNewLimitsError(over)
        if self.provider is None:
            return PlanChange(self._changed_unpaid(account, given.plan, cause).subscription)
        if before.status in _OWING:
            raise ConflictError("There is a payment owed: settle it first.")
        provider = self.provider()
        if before.subscription_id is not None:
            changed = self._changed_paid(provider, account, given.plan, cause)
            return PlanChange(changed.subscription)
        if self._must_be_bought(before, given.plan):
            return self._to_checkout(provider, account, given.plan, cause)
        return PlanChange(self._changed_unpaid(account, given.plan, cause).subscription)

    def start_trial(self, caller: Caller, values: dict[str, Any] | None) -> Subscription:
        """A trial of a paid plan, without payment, once an organisation; emits TrialStarted."""
        given = parse(TrialInput, values)
        cause = self._may(caller, BILLING_MANAGE)
        account = self._account(caller)
        plan = given.plan or PlanName.PROFESSIONAL
        move = account.subscription.trial_on(plan, self.ledger.stamp.now())
        return self.ledger.moved(account, move, cause).subscription

    def cancel(self, caller: Caller, values: dict[str, Any] | None) -> Subscription:
        """End the subscription with its period, and with `closeOrganization` the organisation."""
        given = parse(CancelSubscriptionInput, values)
        cause = self._may(caller, BILLING_MANAGE)
        account = self._account(caller)
        before, closes = account.subscription, bool(given.close_organization)
        if self.provider is None or before.subscription_id is None:
            move = before.ending(self.ledger.stamp.now(), closes=closes)
            return self.ledger.moved(account, move, cause).subscription
        provider = self.provider()
        provider.end_later(before.subscription_id, _key(account, "end", cause))
        return self.ledger.settle(account.tenant_id, provider, cause, closes).subscription

    def resume(self, caller: Caller) -> Subscription:
        """Take back what was to come with the period's end."""
        cause = self._may(caller, BILLING_MANAGE)
        return self._resumed(self._account(caller), cause).subscription

    def checkout(self, caller: Caller, values: dict[str, Any]) -> str:
        """Where to pay for a first subscription, or for a new one when the last was given up."""
        given = parse(CheckoutInput, values)
        cause = self._may(caller, BILLING_PAY)
        if self.provider is None:
            raise BillingNotConfiguredError("This deployment takes no payments.")
        account = self._account(caller)
        before = account.subscription
        if before.subscription_id is not None:
            raise ConflictError(
                "There is a subscription already: change it, or pay what is owed in the portal."
            )
        over = account.organization.over(given.plan)
        if over and RANK[given.plan] < RANK[account.organization.plan]:
            raise OverNewLimitsError(over)
        return self._to_checkout(self.provider(), account, given.plan, cause).checkout_url or ""

    def portal(self, caller: Caller) -> str:
        """Where invoices and means of payment are; NotFoundError before anything was bought."""
        cause = self._may(caller, BILLING_PAY)
        if self.provider is None:
            raise BillingNotConfiguredError("This deployment takes no payments.")
        account = self._account(caller)
        customer_id = account.subscription.customer_id
        if customer_id is None:
            raise NotFoundError("Nothing has been bought yet.")
        return self.provider().portal(customer_id, _key(account, "portal", cause))

    # inside

    def _may(self, caller: Caller, permission: Permission) -> Cause:
        standing = self.access.standing(caller)
        standing.require(permission)
        if standing.organization_status is OrganizationStatus.CANCELLED and (
            permission is not BILLING_READ
        ):
            raise OrganizationSuspendedError("This organisation has been cancelled.")
        return standing.cause(caller)

    def _account(self, caller: Caller) -> Account:
        return self.ledger.subscriptions.account(caller.organization_id)

    def _must_be_bought(self, before: Subscription, plan: PlanName) -> bool:
        """Whether `plan` would be more than was ever paid for."""
        if plan is PlanName.FREE:
            return False
        return before.status in _BEGINNING or RANK[plan] > RANK[before.plan]

    def _changed_unpaid(self, account: Account, plan: PlanName, cause: Cause) -> Account:
        before, now = account.subscription, self.ledger.stamp.now()
        begins = before.status in _BEGINNING and plan is not PlanName.FREE
        if begins or RANK[plan] > RANK[before.plan]:
            move: Move | None = before.upgraded(plan, now)
        else:
            move = before.downgraded_later(plan, now)
        return self.ledger.moved(account, move, cause)

    def _changed_paid(
        self, provider: PaymentProvider, account: Account, plan: PlanName, cause: Cause
    ) -> Account:
        before = account.subscription
        subscription_id, key = before.subscription_id or "", _key(account, plan, cause)
        try:
            if RANK[plan] > RANK[before.plan]:
                provider.change_plan(subscription_id, plan, key)
            elif plan is PlanName.FREE:
                provider.end_later(subscription_id, key)
            else:
                provider.change_plan_later(subscription_id, plan, key)
        except PaymentDeclinedError:
            # What was to come at the period's end may be off by now.
            self.ledger.settle(account.tenant_id, provider, cause)
            raise
        return self.ledger.settle(account.tenant_id, provider, cause, closes=False)

    def _resumed(self, account: Account, cause: Cause) -> Account:
        before = account.subscription
        if self.provider is None or before.subscription_id is None:
            return self.ledger.moved(account, before.resumed(self.ledger.stamp.now()), cause)
        if before.pending_plan is None:
            return account
        provider = self.provider()
        provider.resume(before.subscription_id, _key(account, "resume", cause))
        return self.ledger.settle(account.tenant_id, provider, cause)

    def _to_checkout(
        self, provider: PaymentProvider, account: Account, plan: PlanName, cause: Cause
    ) -> PlanChange:
        before = account.subscription
        if before.customer_id is None:
            customer_id = provider.create_customer(account.tenant_id, before.entity_version)
            move = before.registered(customer_id, self.ledger.stamp.now())
            account = self.ledger.moved(account, move, cause)
        customer_id = account.subscription.customer_id or ""
        try:
            key = _key(account, plan, cause)
            url = provider.checkout(customer_id, account.tenant_id, plan, key)
        except NotFoundError:
            settled = self.ledger.settle(account.tenant_id, provider, cause)
            if settled.subscription.customer_id is not None:
                raise
            # Somebody deleted the customer: the next one is made in their place.
            return self._to_checkout(provider, settled, plan, cause)
        return PlanChange(account.subscription, url)


def _key(account: Account, what: str, cause: Cause) -> str:
    """Against doing one request's call twice; another request may do it again."""
    version = account.subscription.entity_version
    return f"{account.tenant_id}:{version}:{what}:{cause.correlation_id}"


@dataclass(frozen=True)
class GrantService:
    """What operators of the platform do about an organisation's plan."""

    operators: Operators
    ledger: Ledger

    def grant(
        self, caller: Caller, organization_id: str, plan: str, until: str, reason: str
    ) -> Subscription:
        """Give a plan until then, whoever takes payments; emits PlanGranted.

        It ends by itself, and sooner when a subscription is bought. NotFoundError without such an
        organisation; ConflictError while it has a subscription that is paid for.
        """
        self.operators.require_active(caller)
        values = {"organizationId": organization_id, "plan": plan, "until": until, "reason": reason}
        given, now = parse(GrantInput, values), self.ledger.stamp.now()
        if faults := given.faults(now):
            raise InvalidInputError(faults)
        account = self.ledger.subscriptions.account(given.organization_id)
        ends_at = given.until.astimezone(UTC)
        move = account.subscription.given(given.plan, ends_at, given.reason, now)
        return self.ledger.moved(account, move, caller.operator_cause).subscription


@dataclass(frozen=True)
class NoticeService:
    """What the provider tells us of: queued at once, and a reason to ask, no more."""

    verifier: Callable[[], NoticeVerifier] | None
    queue: NoticeQueue

    def receive(self, payload: bytes, signature: str) -> Notice | None:
        """Verify a notice and queue it; None for one that is of no use here.

        NotFoundError where no payments are taken; InvalidInputError for what is not the provider's.
        """
        if self.verifier is None:
            raise NotFoundError("There is nothing at this address.")
        notice = self.verifier().verified(payload, signature)
        if notice is not None:
            self.queue.put(notice)
        return notice


@dataclass(frozen=True)
class SettlingService:
    """Asks the provider about a notice's customer, and stores what it answers."""

    ledger: Ledger
    provider: Provider
    once: Once

    def settle(self, notice: Notice) -> str | None:
        """The organisation that was settled; None for a notice known, or of nobody's customer.

        Whose customer it is, is what we stored when we made it: metadata of the provider's objects
        can be written by whoever has its dashboard, and names nobody.
        """
        tenant_id = self.ledger.subscriptions.owner_of(notice.customer_id)
        if tenant_id is None:
            return None
        cause = Cause(correlation_id=notice.event_id)
        is_new = self.once.run(notice.event_id, lambda: self._settle(tenant_id, cause))
        return tenant_id if is_new else None

    def _settle(self, tenant_id: str, cause: Cause) -> None:
        self.ledger.settle(tenant_id, self.provider(), cause)


@dataclass(frozen=True)
class EndingService:
    """Ends what is paid for an organisation that has ended otherwise, as with its account."""

    ledger: Ledger
    provider: Provider | None = None

    def end(self, tenant_id: str, correlation_id: str | None = None) -> bool:
        """Have the provider take no further payment; False where nothing is paid for.

        What is paid for already is not given back: it ends with its period, and is looked at then.
        """
        account = self.ledger.subscriptions.account(tenant_id)
        before = account.subscription
        if account.organization.status is not OrganizationStatus.CANCELLED:
            return False
        if self.provider is None or before.subscription_id is None:
            return False
        cause = Cause(correlation_id=correlation_id)
        provider = self.provider()
        # One key for all deliveries: it is asked for once.
        provider.end_later(before.subscription_id, f"{tenant_id}:ended:{before.subscription_id}")
        self.ledger.settle(tenant_id, provider, cause, closes=True)
        return True


@dataclass
class Swept:
    """What a run of the schedule came to; `unfinished` says that it ran out of time."""

    looked_at: int = 0
    moved: int = 0
    failed: int = 0
    unfinished: bool = False


@dataclass(frozen=True)
class SweepService:
    """Does what has become due: trials, ends of periods, grace."""

    ledger: Ledger
    provider: Provider | None = None
    page: int = 25
    most: int = 500
    """Accounts in one run; the next one goes on with what is still due."""
    failed: Callable[[Exception, str], None] = field(default=lambda _error, _tenant_id: None)
    """Told of what kept an account from being moved, and whose it is."""

    def run(self, in_time: Callable[[], bool] = lambda: True) -> Swept:
        """Move everything that is due, each account for itself.

        One that fails stays due for the next run. The runs begin with different shards, so that
        those that fail in one keep no other waiting.
        """
        done, now = Swept(), self.ledger.stamp.now()
        first = int(now.timestamp()) // 60
        for number in range(SHARDS):
            self._shard((first + number) % SHARDS, now, done, in_time)
            if done.unfinished:
                break
        return done

    def _shard(self, shard: int, now: datetime, done: Swept, in_time: Callable[[], bool]) -> None:
        after: str | None = None
        while True:
            found = self.ledger.subscriptions.due(shard, now.isoformat(), self.page, after)
            for tenant_id in found.tenant_ids:
                if done.looked_at >= self.most or not in_time():
                    done.unfinished = True
                    return
                self._account(tenant_id, done)
            after = found.next_position
            if after is None:
                return

    def _account(self, tenant_id: str, done: Swept) -> None:
        done.looked_at += 1
        try:
            done.moved += self._moved(tenant_id)
        except TenantryError as error:
            done.failed += 1
            self.failed(error, tenant_id)

    def _moved(self, tenant_id: str) -> int:
        """How many moves were due; the provider is asked first about who pays through it."""
        billing = Billing.STRIPE if self.provider else Billing.NOT_CONFIGURED
        moves = 0
        account = self.ledger.subscriptions.account(tenant_id)
        if self.provider and account.subscription.customer_id:
            before = account.subscription.entity_version
            account = self.ledger.settle(tenant_id, self.provider(), Cause())
            moves += account.subscription.entity_version - before
        for _ in range(_TRIES):
            move = account.subscription.due(self.ledger.stamp.now(), billing)
            if move is None:
                return moves
            try:
                account = self.ledger.moved(account, move, Cause())
                moves += 1
            except ConflictError:
                account = self.ledger.subscriptions.account(tenant_id)
        return moves
