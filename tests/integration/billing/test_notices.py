"""Stripe's notices, from our door through the queue to what is stored (rows 13, 14 and 26)."""

import base64
import json
import random
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest

from functions.billing import api as api_function
from tenantry.runtime.observability import logger
from tests.integration.billing.conftest import Api
from tests.support.invocations import forget, rest_event
from tests.support.lambda_context import lambda_context

SEEDS = range(2)
"""Through the handlers, which is slow: the unit tests have twenty."""


def test_a_paid_checkout_reaches_the_seats(billing_api: Api) -> None:
    billing_api.pay("STARTER")

    billing_api.hear()

    assert billing_api.standing == ("STARTER", "ACTIVE", "STARTER", "ACTIVE")
    shown = billing_api.data("subscription")
    assert (shown["plan"], shown["billing"], shown["version"]) == ("STARTER", "STRIPE", 2)


def test_the_queue_holds_ids_and_nothing_of_the_event(billing_api: Api) -> None:
    """Row 26: a body may come to lie among dead letters."""
    billing_api.pay()
    event = billing_api.stripe.events[-1]
    event["data"]["object"] |= {"customer_email": "CANARY@example.com", "name": "CANARY"}

    billing_api.post(event)

    (body,) = billing_api.queued()
    assert json.loads(body) == {
        "event_id": event["id"],
        "type": event["type"],
        "customer_id": event["data"]["object"]["customer"],
    }


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """What the logger writes."""
    stream = StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    return stream


def test_no_secret_and_no_person_is_logged(billing_api: Api, log: StringIO) -> None:
    """Row 26, whatever goes wrong: refused, declined, down, not understood."""
    billing_api.pay()
    event = billing_api.stripe.events[-1]
    event["data"]["object"]["customer_email"] = "canary@example.com"
    billing_api.hear(event)
    billing_api.post_raw("{canary@example.com", {"Stripe-Signature": "t=1,v1=canary-signature"})
    billing_api.stripe.declines = True
    assert billing_api.code("updateSubscription", plan="PROFESSIONAL") == "PAYMENT_DECLINED"
    billing_api.settle(["not even JSON canary@example.com"])
    billing_api.stripe.objects[billing_api.item("SUBSCRIPTION")["subscription_id"]["S"]][
        "items"
    ] = {"data": [{"id": "canary@example.com"}]}
    assert billing_api.code("updateSubscription", plan="PROFESSIONAL") == "CORRUPT_DATA"

    logged = log.getvalue()
    assert '"code":"CORRUPT_DATA"' in logged
    for canary in ("canary", "sk_test", "whsec", "Your card"):
        assert canary not in logged


@pytest.mark.parametrize("encoded", [True, False])
def test_the_body_is_taken_byte_for_byte(billing_api: Api, encoded: bool) -> None:
    billing_api.pay()
    sent = billing_api.stripe.signed(billing_api.stripe.events[-1])
    body = base64.b64encode(sent.body.encode()).decode() if encoded else sent.body
    event = rest_event("POST", "/api/webhooks/stripe", body, user=None)
    event["headers"]["stripe-signature"] = sent.signature
    event["isBase64Encoded"] = encoded

    assert api_function.handler(event, lambda_context())["statusCode"] == 200
    assert len(billing_api.queued()) == 1


def test_what_is_not_signed_is_a_problem_and_is_not_queued(billing_api: Api) -> None:
    billing_api.pay()
    event = billing_api.stripe.events[-1]
    signed = billing_api.stripe.signed(event)
    tries: list[tuple[str, dict[str, str]]] = [
        (signed.body, {}),
        (signed.body, {"Stripe-Signature": "t=1,v1=0"}),
        (signed.body, {"Stripe-Signature": billing_api.stripe.signed(event, at=1).signature}),
        (signed.body + "\n", {"Stripe-Signature": signed.signature}),
        ("", {"Stripe-Signature": signed.signature}),
    ]
    for body, headers in tries:
        answer = billing_api.post_raw(body, headers)
        assert answer["statusCode"] == 400
        assert json.loads(answer["body"])["code"] == "INVALID_INPUT"

    assert billing_api.queued() == []


def test_where_no_payments_are_taken_there_is_no_door(
    billing_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_SECRET_ARN", "")
    forget()

    assert billing_api.post(billing_api.stripe.event("invoice.paid", {}))["statusCode"] == 404
    assert billing_api.data("subscription")["billing"] == "NOT_CONFIGURED"
    changed = billing_api.data("updateSubscription", plan="STARTER")
    assert (changed["subscription"]["plan"], changed["checkoutUrl"]) == ("STARTER", None)
    assert billing_api.code("createPortalSession") == "BILLING_NOT_CONFIGURED"


def test_a_deployment_whose_secret_is_gone_gives_nothing_away(
    billing_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_SECRET_ARN", "arn:aws:secretsmanager:eu-central-1:0:secret:gone")
    forget()

    assert billing_api.code("updateSubscription", plan="STARTER") == "UNAVAILABLE"
    assert billing_api.item("ORGANIZATION")["plan"]["S"] == "FREE"


@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_stripe_is_stripe_outside_the_local_cloud(
    billing_api: Api, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """Whoever answers there is sent the keys."""
    monkeypatch.setenv("STAGE", stage)
    forget()

    with pytest.raises(Exception, match="could not answer"):
        billing_api.ask("createCheckoutSession", plan="STARTER")


def test_a_notice_that_comes_again_has_one_effect(billing_api: Api) -> None:
    billing_api.pay()
    event = billing_api.stripe.events[-1]
    billing_api.hear(event)
    before, asked = billing_api.stored(), len(billing_api.stripe.requests)

    for _ in range(3):
        billing_api.hear(event)

    assert billing_api.stored() == before
    assert len(billing_api.stripe.requests) == asked


def test_a_message_that_fails_comes_back_alone(billing_api: Api) -> None:
    billing_api.pay()
    billing_api.post(billing_api.stripe.events[-1])

    assert billing_api.settle(["{}", *billing_api.queued()]) == ["m-0"]
    assert billing_api.standing[0] == "STARTER"


# row 13: events in any order, each several times


def _life(api: Api, then: Callable[[], None] = lambda: None) -> None:
    """A subscription's life at Stripe: bought, larger, unpaid, paid, renewed, smaller next time."""
    world = api.stripe
    subscription_id = api.pay("STARTER")
    then()
    item = world.objects[subscription_id]["items"]["data"][0]
    price = {"items": [{"id": item["id"], "price": "price_professional"}]}
    world.update_subscription(subscription_id, price)
    then()
    world.declines = True
    world.period_over(subscription_id)
    then()
    world.declines = False
    world.recover(subscription_id)
    then()
    world.period_over(subscription_id)
    then()
    schedule = world.create_schedule({"from_subscription": subscription_id})
    now = schedule["current_phase"]
    phases: list[dict[str, Any]] = [
        {"items": [{"price": "price_professional"}], **now},
        {"items": [{"price": "price_starter"}]},
    ]
    world.update_schedule(schedule["id"], {"phases": phases})
    then()


def _state(api: Api) -> Any:
    """What is so in the end, without how often and when it was written."""
    left_out = {"entity_version", "event_ids", "events", "syncs", "updated_at", "created_at"}
    left_out |= {"tenant_id", "entity_id", "PK", "GSI2PK", "GSI2SK", "api_month", "used_api_calls"}
    return [
        {name: value for name, value in api.item(sk).items() if name not in left_out}
        for sk in ("SUBSCRIPTION", "ORGANIZATION")
    ]


@pytest.fixture
def ordered(billing_api: Api) -> Any:
    """The end of the run in which each event was heard as it happened."""
    seen: list[str] = []

    def hear() -> None:
        billing_api.hear()
        seen.append(billing_api.standing[1])

    _life(billing_api, hear)
    assert seen == ["ACTIVE", "ACTIVE", "PAST_DUE", "ACTIVE", "ACTIVE", "ACTIVE"]
    return _state(billing_api)


def test_events_in_any_order_and_often_end_as_in_order(billing_api: Api, ordered: Any) -> None:
    """Each time another organisation with the same life, heard of in another order."""
    for seed in SEEDS:
        dice = random.Random(seed)
        billing_api.stripe.events.clear()
        billing_api.found(f"Acme {seed}")
        _life(billing_api)
        events = [e for e in billing_api.stripe.events for _ in range(dice.randint(1, 3))]
        dice.shuffle(events)
        for event in events:
            assert billing_api.post(event)["statusCode"] == 200
        bodies = billing_api.queued()
        dice.shuffle(bodies)
        while bodies:
            cut = dice.randint(1, 10)
            assert billing_api.settle(bodies[:cut]) == []
            bodies = bodies[cut:]

        assert _comparable(_state(billing_api)) == _comparable(ordered), f"seed {seed}"


def _comparable(state: Any) -> Any:
    """Without what names the organisation, and the moments that its periods begin."""
    own = ("customer_id", "subscription_id", "period_end", "name", "slug", "fingerprint")
    return [{n: v for n, v in item.items() if n not in own} for item in state]
