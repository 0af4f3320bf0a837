"""Payments through the public doors: a person buys at Stripe's page, Stripe tells, plans follow.

Stripe is the local cloud's stand-in, which signs and delivers its events as Stripe does; the
deployed functions speak to it with Stripe's own library.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from localcloud.client import GraphqlError, Product, until
from localcloud.payments.peer import World
from tests.e2e.conftest import People, Person
from tests.e2e.test_accounts import ended as account_ended
from tests.e2e.test_accounts import request as request_account

SUBSCRIPTION = """query { subscription {
  plan status billing periodEnd pendingPlan closesOrganization trialUsed trialEnd graceEnd version
} }"""
CHECKOUT = """mutation($plan: PlanName!) {
  createCheckoutSession(input: {plan: $plan}) { url }
}"""
UPDATE = """mutation($plan: PlanName!) { updateSubscription(input: {plan: $plan}) {
  checkoutUrl subscription { plan status pendingPlan }
} }"""
SEATS = "query { organization { status plan limits { maxUsers } } }"
RENAME = 'mutation { updateOrganization(input: {industry: "Calculus"}) { id } }'
GRANT = """mutation($at: ID!) {
  grantPlan(
    organizationId: $at, plan: ENTERPRISE, until: "2030-01-01T00:00:00Z", reason: "contract 7"
  ) { plan granted periodEnd }
}"""
CLOSE = """mutation { cancelSubscription(input: {closeOrganization: true}) {
  closesOrganization status periodEnd
} }"""
SLOW = 60


@dataclass
class Customer:
    """An owner, and their organisation at the stand-in for Stripe."""

    product: Product
    aws: Callable[[str], Any]
    owner: Person

    def ask(self, query: str, **variables: Any) -> Any:
        (answer,) = self.product.graphql(query, self.owner.tokens, **variables).values()
        return answer

    def stripe(self, path: str) -> requests.Response:
        url = f"{self.product.outputs['Endpoint']}/_stripe{path}"
        return requests.post(url, allow_redirects=False, timeout=30)

    def buy(self, plan: str) -> None:
        url = self.ask(CHECKOUT, plan=plan)["url"]
        paid = requests.post(f"{url}/pay", allow_redirects=False, timeout=30)
        assert paid.status_code == 303, paid.text
        self.until(lambda found: found["plan"] == plan)

    def until(self, true: Callable[[Any], bool]) -> Any:
        def look() -> Any:
            found = self.ask(SUBSCRIPTION)
            return found if true(found) else None

        return until("the subscription", look, SLOW, every=0.5)

    @property
    def stored(self) -> Any:
        key = {"PK": f"ORG#{self.owner.organization_id}", "SK": "SUBSCRIPTION"}
        named = {name: {"S": value} for name, value in key.items()}
        table = self.product.outputs["PlatformTable"]
        return self.aws("dynamodb").get_item(TableName=table, Key=named)["Item"]

    def happens(self, what: str) -> None:
        done = self.stripe(f"/world/{what}?customer={self.stored['customer_id']['S']}")
        assert done.status_code == 200, done.text

    def sweep(self) -> None:
        name = f"{self.product.outputs['Prefix']}-billing-sweep-subscriptions"
        answer = self.aws("lambda").invoke(FunctionName=name, Payload=b"{}")
        assert "FunctionError" not in answer, answer["Payload"].read()


@pytest.fixture
def customer(product: Product, aws: Callable[[str], Any], people: People) -> Customer:
    return Customer(product, aws, people.owner("Payers"))


def test_an_upgrade_by_a_signed_webhook_raises_the_seats_at_once(customer: Customer) -> None:
    assert customer.ask(SEATS)["limits"]["maxUsers"] == 5
    assert customer.ask(UPDATE, plan="STARTER")["checkoutUrl"]
    assert customer.ask(SEATS)["limits"]["maxUsers"] == 5

    customer.buy("STARTER")

    assert customer.ask(SEATS) == {
        "status": "ACTIVE",
        "plan": "STARTER",
        "limits": {"maxUsers": 25},
    }
    changed = customer.ask(UPDATE, plan="PROFESSIONAL")
    assert changed["checkoutUrl"] is None
    assert customer.ask(SEATS)["limits"]["maxUsers"] == 250
    assert customer.ask(UPDATE, plan="STARTER")["subscription"]["pendingPlan"] == "STARTER"


def test_who_does_not_pay_is_suspended_after_the_grace_and_opened_by_paying(
    customer: Customer,
) -> None:
    customer.buy("STARTER")
    customer.stripe("/world/decline")
    try:
        customer.happens("period-over")
    finally:
        customer.stripe("/world/accept")
    customer.until(lambda found: found["status"] == "PAST_DUE")
    assert customer.ask(SEATS)["status"] == "ACTIVE"
    _let_it_be_due(customer, "grace_end")

    customer.sweep()

    assert customer.ask(SEATS)["status"] == "SUSPENDED"
    with pytest.raises(GraphqlError) as refused:
        customer.ask(RENAME)
    assert refused.value.code == "ORGANIZATION_SUSPENDED"
    assert customer.ask("mutation { createPortalSession { url } }")["url"]

    customer.happens("recover")

    customer.until(lambda found: found["status"] == "ACTIVE")
    assert customer.ask(SEATS)["status"] == "ACTIVE"
    customer.ask(RENAME)


def test_an_operator_grants_what_has_no_price_and_the_sweep_ends_it(
    customer: Customer, people: People
) -> None:
    at = customer.owner.organization_id
    root = people.operator()
    granted = customer.product.graphql(GRANT, root.tokens, at=at)["grantPlan"]

    assert (granted["plan"], granted["granted"]) == ("ENTERPRISE", True)
    assert customer.ask(SEATS)["limits"]["maxUsers"] is None
    activity = "query { activity(first: 20) { items { type actor { kind } } } }"
    told = until(
        "the grant in the activity",
        lambda: [i for i in customer.ask(activity)["items"] if i["type"] == "PlanGranted"],
        SLOW,
    )
    assert told[0]["actor"]["kind"] == "operator"

    _let_it_be_due(customer, "period_end")
    customer.sweep()

    assert customer.ask(SEATS) == {"status": "ACTIVE", "plan": "FREE", "limits": {"maxUsers": 5}}


def test_an_organisation_that_is_closed_leaves_its_account_to_an_operator(
    customer: Customer, people: People
) -> None:
    product, owner, root = customer.product, customer.owner.tokens, people.operator().tokens
    asked = request_account(product, owner, "public")
    account = asked["account"]["id"]
    assert account_ended(product, owner, asked)["status"] == "SUCCEEDED"
    closing = customer.ask(CLOSE)
    assert (closing["closesOrganization"], closing["status"]) == (True, "NONE")
    _let_it_be_due(customer, "period_end")

    customer.sweep()

    def waiting() -> Any:
        at = product.rest("GET", f"/accounts/{account}", root).json()["operationId"]
        found = product.rest("GET", f"/accounts/{account}/operations/{at}", root).json()
        return found if found["kind"] == "TEARDOWN" else None

    found = until("its end being asked for", waiting, SLOW)
    assert (found["status"], found["requestedBy"]) == ("AWAITING_APPROVAL", "system")
    path = f"/accounts/{account}/approve"
    given = {"approvalId": found["approvalId"], "reason": "Its organisation has ended."}
    refused = product.rest("POST", path, owner, body=given)
    assert (refused.status_code, refused.json()["code"]) == (403, "ORGANIZATION_SUSPENDED")
    assert product.rest("POST", path, root, body=given).status_code == 202
    assert product.rest("GET", f"/accounts/{account}", root).json()["provisioningStatus"] == (
        "deleting"
    )


def _let_it_be_due(customer: Customer, what: str) -> None:
    item = customer.stored
    past = "2026-01-01T00:00:00+00:00"
    item |= {what: {"S": past}}
    item["GSI2SK"] = {"S": f"{past}#{customer.owner.organization_id}"}
    del item["events"]  # a repair tells nobody anything
    customer.aws("dynamodb").put_item(
        TableName=customer.product.outputs["PlatformTable"], Item=item
    )


def _post(product: Product, body: str, signature: str) -> requests.Response:
    return requests.post(
        f"{product.outputs['RestUrl'].rstrip('/')}/api/webhooks/stripe",
        data=body.encode(),
        headers={"stripe-signature": signature, "content-type": "application/json"},
        timeout=30,
    )


def test_only_what_stripe_signed_gets_in_byte_for_byte(product: Product) -> None:
    world = World()
    about = {"object": "invoice", "customer": "cus_nobody", "name": "Zoë\n €"}
    event = world.event("invoice.paid", about)
    text = json.dumps(event, ensure_ascii=False, indent=1)
    signed = world.signed(event)
    stamp = signed.signature.partition(",")[0].removeprefix("t=")
    raw = _sign(world, stamp, text)

    assert _post(product, text, raw).json() == {"received": True}
    assert _post(product, signed.body, signed.signature).status_code == 200
    for body, signature in (
        (text + " ", raw),
        (text.replace("cus_nobody", "cus_00000001"), raw),
        (text, signed.signature),
        (text, world.signed(event, secret="whsec_other").signature),
        (text, world.signed(event, at=0).signature),
        (text, ""),
    ):
        answer = _post(product, body, signature)
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_INPUT")


def _sign(world: World, stamp: str, text: str) -> str:
    digest = hmac.new(world.webhook_secret.encode(), f"{stamp}.{text}".encode(), hashlib.sha256)
    return f"t={stamp},v1={digest.hexdigest()}"


def test_the_schedule_calls_the_function_that_looks_for_what_is_due(
    product: Product, aws: Callable[[str], Any]
) -> None:
    """The rule is there, enabled, and aims at it; what it does is tested above."""
    name = f"{product.outputs['Prefix']}-billing-sweep-subscriptions"
    function = aws("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    rules = aws("events").list_rule_names_by_target(TargetArn=function)["RuleNames"]

    found = [aws("events").describe_rule(Name=rule) for rule in rules]
    assert [(rule["ScheduleExpression"], rule["State"]) for rule in found] == [
        ("rate(5 minutes)", "ENABLED")
    ]
