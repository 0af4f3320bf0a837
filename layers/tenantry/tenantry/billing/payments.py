"""Adapter: payments by Stripe, spoken to with Stripe's own library.

Customer, Checkout, portal, subscription and its schedule; every call that changes something carries
an idempotency key. A smaller plan from the next period on is a subscription schedule of two phases,
so that Stripe itself bills and changes at the period's end. Answers are read whole, by the models
below, and say how the customer stands now; events are only verified and named.

https://docs.stripe.com/api (version by the library), https://docs.stripe.com/webhooks
"""

import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import stripe
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)

from tenantry.billing.model import Notice, Paid, Payments
from tenantry.errors import (
    ConflictError,
    CorruptDataError,
    InvalidInputError,
    NotFoundError,
    PaymentDeclinedError,
    UnavailableError,
)
from tenantry.organizations.model import RANK, PlanName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_secretsmanager.client import SecretsManagerClient

TIMEOUT: Final = (2.0, 8.0)
"""Seconds to connect, and between two bytes; tried once more: AppSync waits thirty in all."""
RETRIES: Final = 1
SECRET_KEPT: Final = 300.0
"""Seconds until a rotated secret is taken up, while the old one serves."""
SECRET_YOUNG: Final = 15.0
"""A secret that does not fit is read afresh unless it is as young as this: a bound on how often
strangers' signatures make us read it."""
TOLERANCE: Final = 300
"""Seconds that a signed notice may be old."""
HEARD: Final = (
    "customer.subscription.",
    "customer.deleted",
    "checkout.session.completed",
    "checkout.session.async_payment_",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "subscription_schedule.",
)
"""Beginnings of the types of events after which a subscription may be another."""

stripe.enable_telemetry = False


# the secret


class Keys(BaseModel):
    """What the secret holds, as JSON. Old and new webhook secrets stand together while rotating."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    api_key: SecretStr
    webhook_secrets: Annotated[list[SecretStr], Field(min_length=1)]

    @property
    def live(self) -> bool:
        return "_live_" in self.api_key.get_secret_value()


class StripeSecrets:
    """The keys, kept for SECRET_KEPT seconds; UnavailableError when they cannot be read."""

    def __init__(
        self,
        client: "SecretsManagerClient",
        arn: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._arn = arn
        self._clock = clock
        self._read_at = 0.0
        self._keys: Keys | None = None

    def keys(self) -> Keys:
        return self._younger_than(SECRET_KEPT)

    def fresh(self) -> Keys:
        """The keys read again, unless that was only just."""
        return self._younger_than(SECRET_YOUNG)

    def _younger_than(self, seconds: float) -> Keys:
        if self._keys is None or self._clock() - self._read_at >= seconds:
            try:
                answer = self._client.get_secret_value(SecretId=self._arn)
                self._keys = Keys.model_validate_json(answer["SecretString"])
            except (ClientError, BotoCoreError, ValidationError, KeyError) as error:
                # Not from the error: a validation's would hold the secret.
                kind = type(error).__name__
                raise UnavailableError(f"The payment keys cannot be read: {kind}.") from None
            self._read_at = self._clock()
        return self._keys


# what Stripe answers


def _id_of(value: Any) -> Any:
    """An id, of what may be expanded."""
    return value.get("id") if isinstance(value, dict) else value


Moment = Annotated[datetime, BeforeValidator(lambda value: datetime.fromtimestamp(value, UTC))]
Reference = Annotated[str, BeforeValidator(_id_of)]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class _Item(_Answer):
    id: str
    price: Reference
    current_period_start: Moment
    current_period_end: Moment


class _Items(_Answer):
    data: Annotated[list[_Item], Field(min_length=1)]


class _PhaseItem(_Answer):
    price: Reference


class _Phase(_Answer):
    start_date: int
    end_date: int
    items: list[_PhaseItem]


class _CurrentPhase(_Answer):
    start_date: int
    end_date: int


class _Schedule(_Answer):
    id: str
    status: str
    current_phase: _CurrentPhase | None = None
    phases: list[_Phase] = []

    @property
    def next_price(self) -> str | None:
        """The price from the end of the current phase on, when there is another one."""
        if self.status != "active" or self.current_phase is None:
            return None
        for phase in self.phases:
            if phase.start_date >= self.current_phase.end_date and phase.items:
                return phase.items[0].price
        return None


class _Cancellation(_Answer):
    reason: str | None = None


class _Subscription(_Answer):
    id: str
    customer: Reference
    status: Literal[
        "active",
        "canceled",
        "incomplete",
        "incomplete_expired",
        "past_due",
        "paused",
        "trialing",
        "unpaid",
    ]
    created: int
    ended_at: int | None = None
    trial_end: Moment | None = None
    cancel_at: Moment | None = None
    cancel_at_period_end: bool = False
    cancellation_details: _Cancellation | None = None
    items: _Items
    schedule: _Schedule | None = None

    @property
    def is_cancelled(self) -> bool:
        """Whether it is to end, one day: what a customer cancels in the portal has a time alone.

        https://docs.stripe.com/billing/subscriptions/billing-mode/compare
        """
        return self.cancel_at_period_end or self.cancel_at is not None

    @property
    def ends(self) -> bool:
        """Whether it ends with the period that it is in."""
        until = self.items.data[0].current_period_end
        return self.cancel_at_period_end or (self.cancel_at is not None and self.cancel_at <= until)

    @property
    def kept(self) -> dict[str, Any]:
        """What an update says so that it goes on; nothing when it does anyway."""
        if self.cancel_at_period_end:
            return {"cancel_at_period_end": False}
        return {"cancel_at": ""} if self.is_cancelled else {}

    @property
    def paid(self) -> Paid | None:
        """How it stands; None for one whose first payment never came."""
        match self.status:
            case "active":
                return Paid.YES
            case "trialing":
                return Paid.TRIALING
            case "past_due" | "unpaid" | "paused":
                return Paid.NO
            case "canceled":
                why = self.cancellation_details.reason if self.cancellation_details else None
                return Paid.GIVEN_UP if why in _UNPAID else Paid.ENDED
            case _:
                return None


_UNPAID: Final = ("payment_failed", "payment_disputed")
_LIVING: Final = (Paid.YES, Paid.TRIALING, Paid.NO)


@dataclass(frozen=True)
class Prices:
    """Stripe's prices for our plans: the first of a plan is sold, all of them are known."""

    sold: Mapping[PlanName, str]
    known: Mapping[str, PlanName]

    @classmethod
    def parse(cls, text: str) -> "Prices":
        """Of `STARTER=price_1,PROFESSIONAL=price_2,...`; ValueError for anything else."""
        pairs = [each.strip().split("=") for each in text.split(",") if each.strip()]
        plans = [(PlanName(plan.strip()), price.strip()) for plan, price in pairs]
        sold: dict[PlanName, str] = {}
        for plan, price in plans:
            sold.setdefault(plan, price)
        return cls(sold, {price: plan for plan, price in plans})


class StripePayments:
    def __init__(  # noqa: PLR0917 - the last two are for the local cloud and for tests
        self,
        secrets: StripeSecrets,
        prices: Prices,
        frontend: str,
        api_base: str = "",
        report: Callable[[str, str], None] = lambda _what, _about: None,
        http: stripe.HTTPClient | None = None,
    ) -> None:
        self._secrets = secrets
        self._prices = prices
        self._frontend = frontend.rstrip("/")
        self._api_base = api_base
        self._report = report
        self._http = http or stripe.RequestsClient(timeout=TIMEOUT)
        self._made: tuple[str, stripe.StripeClient] | None = None

    # what is asked

    def payments_of(self, customer_id: str) -> Payments | None:
        """One request, and another when nothing lives, to tell an end from a customer who is gone.

        Of several subscriptions that live, which takes two Checkouts at once, the one that is paid
        and of the largest plan counts, and an operator is told.
        """
        begun = self._begun(customer_id)
        living = [each for each in begun if each.paid in _LIVING]
        if len(living) > 1:
            self._report("a customer has several subscriptions", customer_id)
        if living:
            best = max(living, key=self._worth)
            return self._payments(best, best.paid)
        self._require_customer(customer_id)
        if not begun:
            return None
        last = max(begun, key=lambda each: (each.ended_at or 0, each.created))
        return self._payments(last, last.paid)

    def _begun(self, customer_id: str) -> list[_Subscription]:
        """All that a customer has paid for, ever."""
        answer = self._call(
            lambda api: api.v1.subscriptions.list(
                {
                    "customer": customer_id,
                    "status": "all",
                    "limit": 100,
                    "expand": ["data.schedule"],
                }
            )
        )
        found = (_parsed(_Subscription, item) for item in answer["data"])
        return [each for each in found if each.customer == customer_id and each.paid is not None]

    def _worth(self, found: _Subscription) -> tuple[bool, int, int, str]:
        plan = self._prices.known.get(found.items.data[0].price, PlanName.FREE)
        return found.paid is not Paid.NO, RANK[plan], -found.created, found.id

    def _payments(self, found: _Subscription, paid: Paid | None) -> Payments | None:
        if paid is None:
            return None
        item = found.items.data[0]
        schedule = found.schedule
        next_price = schedule.next_price if schedule and paid in _LIVING else None
        next_plan = self._plan(next_price) if next_price else None
        # What has ended need not be of a price that is still known.
        plan = PlanName.FREE if paid is Paid.ENDED else self._plan(item.price)
        return Payments(
            subscription_id=found.id,
            plan=plan,
            paid=paid,
            period_start=item.current_period_start,
            period_end=item.current_period_end,
            trial_end=found.trial_end if paid is Paid.TRIALING else None,
            ends=found.ends and paid in _LIVING,
            next_plan=None if next_plan is plan else next_plan,
        )

    def _plan(self, price: str) -> PlanName:
        if price not in self._prices.known:
            raise CorruptDataError("A subscription has a price that is of no plan here.")
        return self._prices.known[price]

    def _require_customer(self, customer_id: str) -> None:
        if self._call(lambda api: api.v1.customers.retrieve(customer_id)).get("deleted"):
            raise NotFoundError("There is no such customer any more.")

    # what is changed

    def create_customer(self, tenant_id: str, generation: int) -> str:
        key = f"customer:{tenant_id}:{generation}"
        answer = self._call(
            lambda api: api.v1.customers.create(
                # For people who look at it in Stripe's dashboard; nothing here believes it.
                {"metadata": {"organization_id": tenant_id}},
                {"idempotency_key": _hashed(key)},
            )
        )
        return str(answer["id"])

    def checkout(self, customer_id: str, tenant_id: str, plan: PlanName, key: str) -> str:
        price = self._price(plan)
        answer = self._call(
            lambda api: api.v1.checkout.sessions.create(
                {
                    "mode": "subscription",
                    "customer": customer_id,
                    "client_reference_id": tenant_id,
                    "line_items": [{"price": price, "quantity": 1}],
                    "success_url": f"{self._frontend}/billing?checkout=done",
                    "cancel_url": f"{self._frontend}/billing?checkout=left",
                },
                {"idempotency_key": _hashed("checkout", key)},
            )
        )
        return str(answer["url"])

    def portal(self, customer_id: str, key: str) -> str:
        answer = self._call(
            lambda api: api.v1.billing_portal.sessions.create(
                {"customer": customer_id, "return_url": f"{self._frontend}/billing"},
                {"idempotency_key": _hashed("portal", key)},
            )
        )
        return str(answer["url"])

    def change_plan(self, subscription_id: str, plan: PlanName, key: str) -> None:
        price, found = self._price(plan), self._released(subscription_id, key)
        self._update(
            subscription_id,
            {
                "items": [{"id": found.items.data[0].id, "price": price}],
                "proration_behavior": "always_invoice",
                # Refused and left as it was, unless the difference is paid in this very call.
                "payment_behavior": "error_if_incomplete",
                **found.kept,
            },
            _hashed("change", key),
        )

    def change_plan_later(self, subscription_id: str, plan: PlanName, key: str) -> None:
        price, found = self._price(plan), self._subscription(subscription_id)
        if found.kept:
            self._update(subscription_id, found.kept, _hashed("keep", key))
        schedule = found.schedule
        if schedule is None:
            schedule = _parsed(
                _Schedule,
                self._call(
                    lambda api: api.v1.subscription_schedules.create(
                        {"from_subscription": subscription_id},
                        {"idempotency_key": _hashed("schedule", key)},
                    )
                ),
            )
        present = schedule.current_phase or schedule.phases[0]
        phases: list[Any] = [
            {
                "items": [{"price": found.items.data[0].price, "quantity": 1}],
                "start_date": present.start_date,
                "end_date": present.end_date,
            },
            {
                "items": [{"price": price, "quantity": 1}],
                "duration": {"interval": "month", "interval_count": 1},
            },
        ]
        schedule_id = schedule.id
        self._call(
            lambda api: api.v1.subscription_schedules.update(
                schedule_id,
                {"phases": phases, "end_behavior": "release", "proration_behavior": "none"},
                {"idempotency_key": _hashed("phases", key)},
            )
        )

    def end_later(self, subscription_id: str, key: str) -> None:
        """It and every other that its customer pays for, as two Checkouts at once leave them."""
        found = self._released(subscription_id, key)
        self._end(found, _hashed("end", key))
        for each in self._begun(found.customer):
            if each.paid in _LIVING and each.id != subscription_id:
                own = f"{key}:{each.id}"
                self._end(self._released(each.id, own), _hashed("end", own))

    def _end(self, found: _Subscription, key: str) -> None:
        if not found.ends:
            self._update(found.id, {"cancel_at_period_end": True}, key)

    def resume(self, subscription_id: str, key: str) -> None:
        if kept := self._released(subscription_id, key).kept:
            self._update(subscription_id, kept, _hashed("keep", key))

    # inside

    def _price(self, plan: PlanName) -> str:
        if plan not in self._prices.sold:
            raise NotFoundError(f"The plan {plan} is not for sale here; ask for an offer.")
        return self._prices.sold[plan]

    def _subscription(self, subscription_id: str) -> _Subscription:
        asked: Any = {"expand": ["schedule"]}
        answer = self._call(lambda api: api.v1.subscriptions.retrieve(subscription_id, asked))
        return _parsed(_Subscription, answer)

    def _released(self, subscription_id: str, key: str) -> _Subscription:
        """The subscription, free of a schedule: Stripe lets nobody else decide about its end."""
        found = self._subscription(subscription_id)
        if found.schedule is not None:
            schedule_id = found.schedule.id
            options: Any = {"idempotency_key": _hashed("release", key)}
            self._call(lambda api: api.v1.subscription_schedules.release(schedule_id, {}, options))
        return found

    def _update(self, subscription_id: str, what: Any, key: str) -> None:
        self._call(
            lambda api: api.v1.subscriptions.update(subscription_id, what, {"idempotency_key": key})
        )

    def _call(self, ask: Callable[[stripe.StripeClient], Any]) -> dict[str, Any]:
        """What Stripe answers; with keys read afresh when those at hand are refused."""
        with _translated():
            try:
                return _plain(ask(self._api(self._secrets.keys())))
            except stripe.AuthenticationError:
                return _plain(ask(self._api(self._secrets.fresh())))

    def _api(self, keys: Keys) -> stripe.StripeClient:
        api_key = keys.api_key.get_secret_value()
        if self._made is None or self._made[0] != api_key:
            bases: Any = {"base_addresses": {"api": self._api_base}} if self._api_base else {}
            made = stripe.StripeClient(
                api_key, http_client=self._http, max_network_retries=RETRIES, **bases
            )
            self._made = api_key, made
        return self._made[1]


def _plain(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer.to_dict()
    return found


def _parsed[T: BaseModel](kind: type[T], answer: Any) -> T:
    try:
        return kind.model_validate(answer)
    except ValidationError as error:
        raise CorruptDataError(f"Stripe answered no {kind.__name__.lstrip('_')}.") from error


def _hashed(*key: str) -> str:
    """A key of a fixed length, that tells nothing of what it was made of."""
    return sha256("\x1f".join(key).encode()).hexdigest()


@contextmanager
def _translated() -> "Iterator[None]":
    """Stripe's errors as ours. None keeps Stripe's words, which may name people."""
    try:
        yield
    except stripe.CardError:
        raise PaymentDeclinedError(
            "The payment was declined. Choose another means of payment in the portal."
        ) from None
    except stripe.IdempotencyError:
        raise ConflictError("Another request is changing this right now; try again.") from None
    except stripe.InvalidRequestError as error:
        if error.code == "resource_missing":
            raise NotFoundError("Stripe knows nothing of that name.") from None
        raise CorruptDataError(f"Stripe refused a request of ours: {error.code}.") from None
    except stripe.StripeError as error:
        raise UnavailableError(
            f"Stripe does not answer right now: {type(error).__name__}."
        ) from None


# what Stripe tells


class StripeNotices:
    """Verifies notices: Stripe's signature over the body as it came, by any of the secrets."""

    def __init__(self, secrets: StripeSecrets) -> None:
        self._secrets = secrets

    def verified(self, payload: bytes, signature: str) -> Notice | None:
        keys = self._secrets.keys()
        event = _event(payload, signature, keys)
        if event is None:
            keys = self._secrets.fresh()
            event = _event(payload, signature, keys)
        if event is None:
            raise _refused("is not Stripe's, or too old")
        if bool(event.get("livemode")) is not keys.live:
            raise _refused("is of Stripe's other mode (test, live)")
        return _notice(event)


def _event(payload: bytes, signature: str, keys: Keys) -> dict[str, Any] | None:
    """The event that one of the secrets has signed; None when none has."""
    if not signature.isascii():
        return None
    for secret in keys.webhook_secrets:
        try:
            return _plain(
                stripe.Webhook.construct_event(
                    payload, signature, secret.get_secret_value(), tolerance=TOLERANCE
                )
            )
        except stripe.SignatureVerificationError:
            continue
        except ValueError:
            return None  # no text, or no event
    return None


def _notice(event: dict[str, Any]) -> Notice | None:
    """Who it is about; None for what changes no subscription, or is nobody's."""
    kind, about = str(event.get("type")), (event.get("data") or {}).get("object") or {}
    if not kind.startswith(HEARD):
        return None
    customer = about.get("id") if about.get("object") == "customer" else about.get("customer")
    try:
        return Notice(event_id=event["id"], type=kind, customer_id=_id_of(customer))
    except (ValidationError, KeyError):
        return None


def _refused(why: str) -> InvalidInputError:
    return InvalidInputError([{"field": "stripe-signature", "message": why}])
