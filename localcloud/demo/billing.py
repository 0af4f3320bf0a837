"""Chapter: an owner buys a larger plan, and what a signed webhook of Stripe's changes at once."""

import secrets
from http import HTTPStatus
from typing import Any

import requests

from localcloud.client import Tokens, until
from localcloud.demo.foundation import PASSWORD
from localcloud.demo.invitations import one_too_many
from localcloud.demo.story import Story, refused
from localcloud.payments.peer import World

SUBSCRIPTION = "query { subscription { plan status billing periodEnd pendingPlan } }"
SEATS = "query { organization { plan limits { maxUsers } } }"
CHECKOUT = "mutation { createCheckoutSession(input: {plan: STARTER}) { url } }"
UPDATE = """mutation($plan: PlanName!) { updateSubscription(input: {plan: $plan}) {
  checkoutUrl subscription { plan status pendingPlan periodEnd }
} }"""


def billing(story: Story) -> None:
    """Buying, growing, shrinking; Stripe is the local cloud's stand-in, which signs as it does."""
    product, run = story.product, secrets.token_hex(3)

    with story.step("Emmy signs up; her organisation has the plan that costs nothing") as note:
        tokens = product.join(
            f"emmy-{run}@rings.example", PASSWORD, organization_name=f"Noether Rings {run}"
        )
        note(_seats(story, tokens))

    with story.step("Wanting a larger plan is not having it") as note:
        answer = product.graphql(UPDATE, tokens, plan="PROFESSIONAL")["updateSubscription"]
        note(f"to be paid at {answer['checkoutUrl']}")
        assert answer["subscription"]["plan"] == "FREE", answer

    with story.step("A webhook that Stripe did not sign is refused") as note:
        forged = World().signed(World().event("invoice.paid", {}), secret="whsec_guessed")
        answer = _post(story, forged.body, forged.signature)
        assert answer.status_code == HTTPStatus.BAD_REQUEST, answer.text
        note(answer.json()["detail"])

    with story.step("She pays at Stripe's page; its signed webhook raises the seats") as note:
        page = product.graphql(CHECKOUT, tokens)["createCheckoutSession"]["url"]
        paid = requests.post(f"{page}/pay", allow_redirects=False, timeout=30)
        assert paid.status_code == HTTPStatus.SEE_OTHER, paid.text
        until("the plan that was paid", lambda: _plan(story, tokens) == "STARTER" or None)
        note(_seats(story, tokens))

    with story.step("Invitations take the 25 seats; the 26th is refused") as note:
        note(one_too_many(story, tokens, run))

    with story.step("A larger plan is charged and there in the same breath") as note:
        product.graphql(UPDATE, tokens, plan="PROFESSIONAL")
        note(_seats(story, tokens))

    with story.step("A smaller one waits for the end of the period") as note:
        changed = product.graphql(UPDATE, tokens, plan="STARTER")["updateSubscription"]
        now = changed["subscription"]
        note(f"{now['plan']} until {now['periodEnd'][:10]}, then {now['pendingPlan']}")
        assert (now["plan"], now["pendingPlan"]) == ("PROFESSIONAL", "STARTER"), now

    with story.step("There is one trial, and none beside a subscription") as note:
        note(
            refused(lambda: product.graphql("mutation { startTrial { plan } }", tokens), "CONFLICT")
        )


def _seats(story: Story, tokens: Tokens) -> str:
    found = story.product.graphql(SEATS, tokens)["organization"]
    return f"plan {found['plan']}, {found['limits']['maxUsers']} seats"


def _plan(story: Story, tokens: Tokens) -> Any:
    return story.product.graphql(SEATS, tokens)["organization"]["plan"]


def _post(story: Story, body: str, signature: str) -> requests.Response:
    return requests.post(
        f"{story.product.outputs['RestUrl'].rstrip('/')}/api/webhooks/stripe",
        data=body.encode(),
        headers={"stripe-signature": signature, "content-type": "application/json"},
        timeout=30,
    )
