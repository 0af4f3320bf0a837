"""Ports: where subscriptions are kept, who takes payments, and how their notices come in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tenantry.billing.model import Account, Notice, Payments
from tenantry.messaging.event import Event
from tenantry.organizations.model import PlanName
from tenantry.tenancy.caller import Caller


@dataclass(frozen=True)
class DuePage:
    """Organisations with something due, and where the list goes on, None at its end."""

    tenant_ids: tuple[str, ...]
    next_position: str | None


class SubscriptionRepository(Protocol):
    def account(self, tenant_id: str) -> Account:
        """Subscription and organisation, strongly consistent, in one round trip.

        One that has no subscription yet has version 0; NotFoundError without an organisation.
        """

    def owner_of(self, customer_id: str) -> str | None:
        """Whose customer this is: only what we stored ourselves is believed."""

    def save(
        self, before: Account, after: Account, told: Sequence[Event], followed: Sequence[Event]
    ) -> None:
        """Store the subscription with what it `told`, and the organisation with what followed.

        All or none; ConflictError unless both still stand as in `before`, looks at the provider's
        answer included. A new customer is kept in the same transaction.
        """

    def looked(self, account: Account) -> None:
        """Note that the provider said nothing new; ConflictError when another was quicker."""

    def due(self, shard: int, until: str, limit: int, after: str | None) -> DuePage:
        """Organisations of a shard with something due by `until` (ISO 8601), soonest first."""


class Operators(Protocol):
    def require_active(self, caller: Caller) -> None:
        """Return for an operator who is not suspended; ForbiddenError otherwise."""


class PaymentProvider(Protocol):
    """Takes the payments. Each call that changes something carries a key against doing it twice.

    Each raises UnavailableError when the provider does not answer.
    """

    def create_customer(self, tenant_id: str, generation: int) -> str:
        """The id of the organisation's customer, the same however often it is asked for."""

    def payments_of(self, customer_id: str) -> Payments | None:
        """What the customer's subscription is like now; None when there never was one.

        NotFoundError when the customer is gone.
        """

    def checkout(self, customer_id: str, tenant_id: str, plan: PlanName, key: str) -> str:
        """Where to pay for a new subscription; NotFoundError when the plan is not sold."""

    def portal(self, customer_id: str, key: str) -> str:
        """Where the customer's invoices and means of payment are."""

    def change_plan(self, subscription_id: str, plan: PlanName, key: str) -> None:
        """Another plan at once, paid at once; PaymentDeclinedError leaves all as it was."""

    def change_plan_later(self, subscription_id: str, plan: PlanName, key: str) -> None:
        """Another plan from the next period on."""

    def end_later(self, subscription_id: str, key: str) -> None:
        """No further period."""

    def resume(self, subscription_id: str, key: str) -> None:
        """Undo what the two above have asked for."""


class NoticeVerifier(Protocol):
    def verified(self, payload: bytes, signature: str) -> Notice | None:
        """The notice of a request's body, byte for byte as it came; None when it is of no use.

        InvalidInputError unless the provider signed it lately, in this deployment's mode.
        """


class NoticeQueue(Protocol):
    def put(self, notice: Notice) -> None: ...
