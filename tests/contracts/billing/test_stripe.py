"""Payments by Stripe: its library against a peer that follows its API, and the fake beside it."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from localcloud.payments.peer import PERIOD, World
from tenantry.billing.model import Notice, Paid
from tenantry.billing.payments import Prices, StripeNotices, StripePayments, StripeSecrets
from tenantry.errors import (
    ConflictError,
    CorruptDataError,
    InvalidInputError,
    NotFoundError,
    PaymentDeclinedError,
    UnavailableError,
)
from tenantry.organizations.model import PlanName
from tests.support.clock import START
from tests.support.fakes.billing import FakeSecret
from tests.support.stripe_peer import PRICES, StripePeer, stripe_peer

STARTER, PROFESSIONAL = PlanName.STARTER, PlanName.PROFESSIONAL


class Ticks:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def secret() -> FakeSecret:
    return FakeSecret()


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def secrets(secret: FakeSecret, ticks: Ticks) -> StripeSecrets:
    return StripeSecrets(secret, "arn", ticks)  # type: ignore[arg-type]  # a fake client


@pytest.fixture
def peer() -> Iterator[StripePeer]:
    with stripe_peer(World(now=START.timestamp)) as running:
        yield running


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def payments(peer: StripePeer, secrets: StripeSecrets, told: list[str]) -> StripePayments:
    return StripePayments(
        secrets,
        Prices.parse(f"{PRICES},STARTER=price_of_old"),
        "https://app.example.com/",
        peer.url,
        lambda what, _about: told.append(what),
    )


@pytest.fixture
def customer(payments: StripePayments) -> str:
    return payments.create_customer("acme", 0)


def bought(peer: StripePeer, payments: StripePayments, customer: str) -> str:
    url = payments.checkout(customer, "acme", STARTER, "k-1")
    return str(peer.world.pay(url.rpartition("/")[2])["id"])


def test_an_organisation_is_one_customer_however_often_it_is_made(
    payments: StripePayments, customer: str, peer: StripePeer
) -> None:
    assert payments.create_customer("acme", 0) == customer
    assert payments.create_customer("other", 0) != customer
    assert payments.payments_of(customer) is None


def test_a_checkout_that_is_paid_makes_a_subscription(
    payments: StripePayments, customer: str, peer: StripePeer
) -> None:
    subscription_id = bought(peer, payments, customer)

    found = payments.payments_of(customer)

    assert found is not None
    assert (found.subscription_id, found.plan, found.paid) == (subscription_id, STARTER, Paid.YES)
    assert found.period_start == START
    assert found.period_end.timestamp() == START.timestamp() + PERIOD
    assert (found.ends, found.next_plan, found.trial_end) == (False, None, None)


def test_a_checkout_returns_to_our_own_pages(
    payments: StripePayments, customer: str, peer: StripePeer
) -> None:
    url = payments.checkout(customer, "acme", STARTER, "k-1")

    session = peer.world.objects[url.rpartition("/")[2]]
    assert session["success_url"] == "https://app.example.com/billing?checkout=done"
    assert session["client_reference_id"] == "acme"
    assert payments.checkout(customer, "acme", STARTER, "k-1") == url
    assert payments.checkout(customer, "acme", STARTER, "k-2") != url


def test_a_key_with_another_content_is_refused(payments: StripePayments, customer: str) -> None:
    payments.checkout(customer, "acme", STARTER, "k-1")

    with pytest.raises(ConflictError):
        payments.checkout(customer, "acme", PROFESSIONAL, "k-1")


def test_a_plan_that_has_no_price_is_not_sold(payments: StripePayments, customer: str) -> None:
    with pytest.raises(NotFoundError):
        payments.checkout(customer, "acme", PlanName.ENTERPRISE, "k-1")


def test_the_portal_is_the_customers(payments: StripePayments, customer: str) -> None:
    assert "/portal/" in payments.portal(customer, "k-1")


def test_a_larger_plan_is_there_at_once(
    payments: StripePayments, customer: str, peer: StripePeer
) -> None:
    subscription_id = bought(peer, payments, customer)

    payments.change_plan(subscription_id, PROFESSIONAL, "k-2")

    found = payments.payments_of(customer)
    assert found is not None
    assert found.plan is PROFESSIONAL


def test_a_larger_plan_that_is_not_paid_changes_nothing(
    payments: StripePayments, customer: str, peer: StripePeer
) -> None:
    subscription_id = bought(peer, payments, customer)
    before = payments.payments_of(customer)
    peer.world.declines = True

    with pytest.raises(PaymentDeclinedError):
        payments.change_plan(subscription_id, PROFESSIONAL, "k-2")

    assert payments.payments_of(customer) == before


def test_a_smaller_plan_comes_with_the_next_period(
    payments: StripePayments, customer: str, peer: StripePeer
) -> None:
    subscription_id = bought(peer, payments, customer)
    payments.change_plan(subscription_id, PROFESSIONAL, "k-2")

    payments.change_plan_later(subscription_id, STARTER, "k-3")
    waiting = payments.payments_of(customer)
    peer.world.period_over(subscription_id)
    changed = payments.payments_of(customer)

    assert waiting is not None
    assert changed is not None
    assert (waiting.plan, waiting.next_plan) == (PROFESSIONAL, STARTER)
    assert (changed.plan, changed.next_plan) == (STARTER, None)


@pytest.mark.parametrize("ends", [True, False])
def test_what_was_to_come_is_taken_back(
    payments: StripePayments, customer: str, peer: StripePeer, ends: bool
) -> None:
    subscription_id = bought(peer, payments, customer)
    payments.change_plan(subscription_id, PROFESSIONAL, "k-2")
    before = payments.payments_of(customer)
    if ends:
        payments.end_later(subscription_id, "k-3")
    else:
        payments.change_plan_later(subscription_id, STARTER, "k-3")
    assert payments.payments_of(customer) != before

    payments.resume(subscription_id, "k-4")

    assert payments.payments_of(customer) == before


def test_what_is_cancelled_in_the_portal_ends_with_its_period_and_is_taken_back(
    payments: StripePayments, customer: str, peer: StripePeer
) -> None:
    """It has a time of its end then, and no flag of its period's."""
    subscription_id = bought(peer, payments, customer)
    before = payments.payments_of(customer)
    wishes: list[Callable[[], None]] = [
        lambda: payments.resume(subscription_id, "k-3"),
        lambda: payments.change_plan(subscription_id, STARTER, "k-4"),
        lambda: payments.change_plan_later(subscription_id, STARTER, "k-5"),
    ]
    for wish in wishes:
        peer.world.cancel_in_portal(subscription_id)
        ending = payments.payments_of(customer)
        assert ending is not None
        assert ending.ends

        wish()

        assert peer.world.objects[subscription_id]["cancel_at"] is None
        assert payments.payments_of(customer) == before


def test_what_is_cancelled_for_a_later_day_goes_on_for_this_period(
    payments: StripePayments, customer: str, peer: StripePeer
) -> None:
    subscription_id = bought(peer, payments, customer)
    before = payments.payments_of(customer)
    peer.world.objects[subscription_id]["cancel_at"] = 32503680000

    assert payments.payments_of(customer) == before

    payments.resume(subscription_id, "k-3")

    assert peer.world.objects[subscription_id]["cancel_at"] is None


def test_all_that_a_customer_pays_for_ends_together(
    payments: StripePayments, customer: str, peer: StripePeer
) -> None:
    subscriptions = [bought(peer, payments, customer)]
    subscriptions += [peer.world.subscribe(customer, "price_starter")["id"] for _ in range(2)]
    another = payments.create_customer("another", 0)
    other = peer.world.subscribe(another, "price_starter")["id"]

    payments.end_later(subscriptions[0], "k-3")

    for each in subscriptions:
        assert peer.world.objects[each]["cancel_at_period_end"] is True
    assert peer.world.objects[other]["cancel_at_period_end"] is False


def test_each_wish_replaces_the_one_before(
    payments: StripePayments, customer: str, peer: StripePeer
) -> None:
    """Stripe lets nobody change the end of a subscription that a schedule decides about."""
    subscription_id = bought(peer, payments, customer)
    payments.change_plan(subscription_id, PROFESSIONAL, "k-2")
    payments.change_plan_later(subscription_id, STARTER, "k-3")
    payments.end_later(subscription_id, "k-4")
    payments.end_later(subscription_id, "k-5")
    ending = payments.payments_of(customer)
    payments.change_plan_later(subscription_id, STARTER, "k-6")
    payments.change_plan_later(subscription_id, STARTER, "k-7")
    changing = payments.payments_of(customer)
    payments.change_plan(subscription_id, PROFESSIONAL, "k-8")
    staying = payments.payments_of(customer)

    assert [(each.ends, each.next_plan) for each in (ending, changing, staying) if each] == [
        (True, None),
        (False, STARTER),
        (False, None),
    ]


@pytest.mark.parametrize(
    ("status", "reason", "paid"),
    [
        ("past_due", None, Paid.NO),
        ("unpaid", None, Paid.NO),
        ("paused", None, Paid.NO),
        ("trialing", None, Paid.TRIALING),
        ("canceled", "cancellation_requested", Paid.ENDED),
        ("canceled", "payment_failed", Paid.GIVEN_UP),
        ("canceled", "payment_disputed", Paid.GIVEN_UP),
    ],
)
def test_each_state_of_stripes_is_one_of_ours(
    payments: StripePayments,
    customer: str,
    peer: StripePeer,
    status: str,
    reason: str | None,
    paid: Paid,
) -> None:
    subscription_id = bought(peer, payments, customer)
    peer.world.objects[subscription_id] |= {
        "status": status,
        "cancellation_details": {"reason": reason},
    }

    found = payments.payments_of(customer)

    assert found is not None
    assert found.paid is paid


@pytest.mark.parametrize("status", ["incomplete", "incomplete_expired"])
def test_what_was_never_paid_is_none(
    payments: StripePayments, customer: str, peer: StripePeer, status: str
) -> None:
    peer.world.subscribe(customer, "price_professional", status)

    assert payments.payments_of(customer) is None


def test_of_two_subscriptions_the_paid_and_larger_counts_and_it_is_told(
    payments: StripePayments, customer: str, peer: StripePeer, told: list[str]
) -> None:
    peer.world.subscribe(customer, "price_starter")
    larger = peer.world.subscribe(customer, "price_professional")["id"]
    peer.world.subscribe(customer, "price_professional", "past_due")

    found = payments.payments_of(customer)

    assert found is not None
    assert found.subscription_id == larger
    assert told == ["a customer has several subscriptions"]


def test_a_price_of_old_is_still_known_and_a_strange_one_is_an_error(
    payments: StripePayments, customer: str, peer: StripePeer
) -> None:
    peer.world.subscribe(customer, "price_of_old")
    found = payments.payments_of(customer)
    assert found is not None
    assert found.plan is STARTER

    other = payments.create_customer("other", 0)
    peer.world.subscribe(other, "price_of_nothing")
    with pytest.raises(CorruptDataError):
        payments.payments_of(other)


def test_a_customer_who_is_gone_is_not_found(
    payments: StripePayments, customer: str, peer: StripePeer
) -> None:
    bought(peer, payments, customer)
    peer.world.delete_customer(customer)

    for ask in (
        lambda: payments.payments_of(customer),
        lambda: payments.payments_of("cus_of_nobody"),
        lambda: payments.checkout(customer, "acme", STARTER, "k-9"),
    ):
        with pytest.raises(NotFoundError):
            ask()


def test_every_call_that_changes_something_carries_a_key(
    payments: StripePayments, customer: str, peer: StripePeer
) -> None:
    subscription_id = bought(peer, payments, customer)
    payments.change_plan(subscription_id, PROFESSIONAL, "k-2")
    payments.change_plan_later(subscription_id, STARTER, "k-3")
    payments.resume(subscription_id, "k-4")
    payments.end_later(subscription_id, "k-5")
    payments.portal(customer, "k-6")

    changing = [path for method, path in peer.world.requests if method == "POST"]
    assert len(peer.world.answered) == len(changing)


def test_a_call_repeated_with_its_key_has_one_effect(
    payments: StripePayments, customer: str, peer: StripePeer
) -> None:
    subscription_id = bought(peer, payments, customer)
    for _ in range(3):
        payments.change_plan(subscription_id, PROFESSIONAL, "k-2")

    changed = [e for e in peer.world.events if e["type"] == "customer.subscription.updated"]
    assert len(changed) == 1


def test_an_outage_is_unavailable(
    payments: StripePayments, customer: str, peer: StripePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stripe._http_client.time.sleep", lambda _seconds: None)
    peer.world.is_down = True

    with pytest.raises(UnavailableError):
        payments.payments_of(customer)


def test_a_rotated_api_key_is_taken_up_when_the_old_one_is_refused(
    payments: StripePayments, customer: str, peer: StripePeer, secret: FakeSecret, ticks: Ticks
) -> None:
    ticks.seconds += 20
    peer.world.api_key = secret.value["api_key"] = "sk_test_new"

    assert payments.payments_of(customer) is None
    assert secret.asked == 2


def test_a_wrong_api_key_is_an_outage_and_not_read_again_and_again(
    payments: StripePayments, customer: str, peer: StripePeer, secret: FakeSecret, ticks: Ticks
) -> None:
    peer.world.api_key = "sk_test_new"
    ticks.seconds += 20

    for _ in range(10):
        with pytest.raises(UnavailableError):
            payments.payments_of(customer)

    assert secret.asked == 2


# notices


@pytest.fixture
def notices(secrets: StripeSecrets) -> StripeNotices:
    return StripeNotices(secrets)


@pytest.fixture
def world() -> World:
    return World()


def event_of(world: World, kind: str = "invoice.paid", **about: Any) -> dict[str, Any]:
    return world.event(kind, {"id": "in_1", "object": "invoice", "customer": "cus_1", **about})


def test_a_signed_event_is_a_notice(notices: StripeNotices, world: World) -> None:
    event = event_of(world)
    sent = world.signed(event)

    assert notices.verified(sent.body.encode(), sent.signature) == Notice(
        event_id=event["id"], type="invoice.paid", customer_id="cus_1"
    )


def test_a_customer_may_be_expanded_or_be_what_it_is_about(
    notices: StripeNotices, world: World
) -> None:
    expanded = world.signed(event_of(world, customer={"id": "cus_1", "object": "customer"}))
    deleted = world.signed(
        world.event("customer.deleted", {"id": "cus_2", "object": "customer", "deleted": True})
    )

    found = [notices.verified(sent.body.encode(), sent.signature) for sent in (expanded, deleted)]

    assert [each and each.customer_id for each in found] == ["cus_1", "cus_2"]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "charge.refunded"},
        {"type": "invoice.paid", "data": {"object": {"object": "invoice", "customer": None}}},
        {"type": "invoice.paid", "data": {"object": {"customer": "cus#1"}}},
        {"type": "invoice.paid", "data": {}},
        {"type": "invoice.paid", "id": "#"},
    ],
)
def test_what_concerns_no_subscription_or_nobody_is_of_no_use(
    notices: StripeNotices, world: World, event: dict[str, Any]
) -> None:
    sent = world.signed(event_of(world) | event)

    assert notices.verified(sent.body.encode(), sent.signature) is None


def refused(notices: StripeNotices, payload: bytes, signature: str) -> bool:
    try:
        notices.verified(payload, signature)
    except InvalidInputError:
        return True
    return False


def test_what_stripe_did_not_sign_is_refused(notices: StripeNotices, world: World) -> None:
    sent = world.signed(event_of(world))
    body, now = sent.body.encode(), time.time()
    stamp, _, digest = sent.signature.partition(",v1=")

    assert not refused(notices, body, sent.signature)
    assert refused(notices, body, "")
    assert refused(notices, body, "t=1")
    assert refused(notices, body, "nonsense")
    assert refused(notices, body, "t=1,v1=ä")
    assert refused(notices, body, f"{stamp},v0={digest}")
    assert refused(notices, body, f"t={int(now) + 1},v1={digest}")
    assert refused(notices, body, world.signed(event_of(world), secret="whsec_other").signature)
    assert refused(notices, body, world.signed(json.loads(body), at=now - 301).signature)
    assert refused(notices, body + b" ", sent.signature)
    assert refused(notices, body.replace(b"cus_1", b"cus_2"), sent.signature)
    assert refused(notices, json.dumps(json.loads(body)).encode(), sent.signature)
    assert refused(notices, b"\xff\xfe", sent.signature)


def test_without_the_signature_anything_would_be_believed(
    notices: StripeNotices, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above."""
    monkeypatch.setattr("stripe._webhook.WebhookSignature.verify_header", lambda *_, **__: True)
    body = json.dumps(event_of(world)).encode()

    assert not refused(notices, body, "nonsense")


def test_an_event_of_the_other_mode_is_refused(notices: StripeNotices, world: World) -> None:
    sent = world.signed(event_of(world) | {"livemode": True})

    assert refused(notices, sent.body.encode(), sent.signature)


def test_while_secrets_rotate_both_are_taken_then_the_new_one_only(
    world: World, ticks: Ticks
) -> None:
    secret = FakeSecret("sk_test_local", "whsec_new", "whsec_local")
    notices = StripeNotices(StripeSecrets(secret, "arn", ticks))  # type: ignore[arg-type]
    old, new = (world.signed(event_of(world), secret=s) for s in ("whsec_local", "whsec_new"))

    assert not refused(notices, old.body.encode(), old.signature)
    assert not refused(notices, new.body.encode(), new.signature)
    secret.value["webhook_secrets"] = ["whsec_new"]
    ticks.seconds += 301
    assert refused(notices, old.body.encode(), old.signature)
    assert not refused(notices, new.body.encode(), new.signature)


def test_a_secret_that_was_rotated_a_moment_ago_is_taken_up_when_it_is_needed(
    notices: StripeNotices, world: World, secret: FakeSecret, ticks: Ticks
) -> None:
    first, second = (world.signed(event_of(world), secret=s) for s in ("whsec_local", "whsec_2"))
    assert not refused(notices, first.body.encode(), first.signature)
    secret.value["webhook_secrets"] = ["whsec_2"]
    ticks.seconds += 20

    assert not refused(notices, second.body.encode(), second.signature)


def test_strangers_do_not_make_us_read_the_secret_each_time(
    notices: StripeNotices, world: World, secret: FakeSecret, ticks: Ticks
) -> None:
    sent = world.signed(event_of(world), secret="whsec_other")
    for _ in range(100):
        ticks.seconds += 0.1
        assert refused(notices, sent.body.encode(), sent.signature)

    assert secret.asked == 1


@pytest.mark.parametrize(
    "value", [{}, {"api_key": "sk_test_x"}, {"api_key": "sk_test_x", "webhook_secrets": []}]
)
def test_a_secret_that_cannot_be_read_is_an_outage_that_says_nothing_of_it(
    secrets: StripeSecrets, secret: FakeSecret, value: dict[str, Any]
) -> None:
    secret.value = value

    with pytest.raises(UnavailableError) as failed:
        secrets.keys()

    assert "sk_test_x" not in str(failed.value)
    assert failed.value.__suppress_context__


def test_keys_do_not_show_themselves(secrets: StripeSecrets) -> None:
    assert "sk_test" not in repr(secrets.keys())
    assert "whsec" not in str(secrets.keys())
