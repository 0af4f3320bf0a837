"""The billing functions in-process: AWS is moto or the local cloud, Stripe its stand-in by HTTP."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from functions.billing import api, settle_subscriptions, sweep_subscriptions
from functions.organizations import api as organizations_api
from localcloud.payments.peer import World
from tenantry.billing import bootstrap
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.table import Table
from tenantry.runtime.identifiers import new_id
from tests.support.clock import FakeClock
from tests.support.invocations import appsync_event, queue_event, rest_event, wire
from tests.support.lambda_context import lambda_context
from tests.support.stripe_peer import PRICES, StripePeer, stripe_peer
from tests.support.tables import items

SECRET = {"api_key": "sk_test_local", "webhook_secrets": ["whsec_local"]}
QUERIES = ("subscription",)


@dataclass
class Api:
    """Speaks to the functions as AppSync, API Gateway, SQS and EventBridge do."""

    table: Table
    stripe: World
    queue: str
    sqs: Any
    clock: FakeClock
    tenant_id: str = ""
    user: str = "ada"

    def found(self, name: str = "Acme") -> str:
        """A new organisation of Ada's, which is acted on from now on."""
        arguments = {"input": {"name": name, "clientMutationId": name.replace(" ", "-")}}
        event = appsync_event("createOrganization", arguments, user=self.user)
        made = organizations_api.handler(event, lambda_context())
        self.tenant_id = made["data"]["id"]
        return self.tenant_id

    def ask(self, name: str, **values: Any) -> Any:
        event = appsync_event(
            name,
            {"input": values} if values else {},
            user=self.user,
            organization=self.tenant_id,
            parent="Query" if name in QUERIES else "Mutation",
        )
        event["request"]["headers"]["x-amzn-trace-id"] = f"Root={new_id()}"
        return api.handler(event, lambda_context())

    def data(self, name: str, **values: Any) -> Any:
        answer = self.ask(name, **values)
        assert "error" not in answer, answer["error"]
        return answer["data"]

    def code(self, name: str, **values: Any) -> str:
        return str(self.ask(name, **values).get("error", {}).get("code", "OK"))

    # Stripe

    def pay(self, plan: str = "STARTER") -> str:
        """Buy at Stripe's page; answers Stripe's subscription. Nobody has told us yet."""
        url = self.data("createCheckoutSession", plan=plan)["url"]
        return str(self.stripe.pay(url.rpartition("/")[2])["id"])

    def post(self, event: dict[str, Any], **headers: str) -> Any:
        """Deliver an event at our door, signed."""
        sent = self.stripe.signed(event, at=headers.pop("at", None))  # type: ignore[arg-type]
        given = {"Stripe-Signature": sent.signature, **headers}
        return self.post_raw(sent.body, given)

    def post_raw(self, body: str, headers: dict[str, str]) -> Any:
        event = rest_event("POST", "/api/webhooks/stripe", body, user=None, headers=headers)
        return api.handler(event, lambda_context())

    def queued(self) -> list[str]:
        """What waits in the queue; it is taken out."""
        bodies: list[str] = []
        while True:
            answer = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
            for message in answer.get("Messages", []):
                bodies.append(message["Body"])
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
            if not answer.get("Messages"):
                return bodies

    def settle(self, bodies: list[str] | None = None) -> list[str]:
        """Run the consumer; answers the messages that failed."""
        bodies = self.queued() if bodies is None else bodies
        answer = settle_subscriptions.handler(queue_event(bodies), lambda_context())
        return [each["itemIdentifier"] for each in answer["batchItemFailures"]]

    def hear(self, *events: dict[str, Any]) -> None:
        """Be told of events, by default of all so far, and do what follows."""
        for event in events or tuple(self.stripe.events):
            assert self.post(event)["statusCode"] == 200
        assert self.settle() == []

    def sweep(self) -> Any:
        return sweep_subscriptions.handler({}, lambda_context())

    # what is stored

    def stored(self) -> list[dict[str, Any]]:
        """Every item but the markers of what was consumed."""
        found = items(self.table._client, self.table.name)
        return [item for item in found if not item["PK"]["S"].startswith("EVENT#")]

    def item(self, sk: str) -> dict[str, Any]:
        (found,) = [
            each
            for each in self.stored()
            if each["SK"]["S"] == sk and each["PK"]["S"] == f"ORG#{self.tenant_id}"
        ]
        return found

    @property
    def standing(self) -> tuple[str, ...]:
        """Plan and status of subscription and organisation."""
        found = self.item("SUBSCRIPTION"), self.item("ORGANIZATION")
        return tuple(each[name]["S"] for each in found for name in ("plan", "status"))


@pytest.fixture
def peer(clock: FakeClock) -> Iterator[StripePeer]:
    # Its signatures are of now: how old one may be is Stripe's library's own clock.
    with stripe_peer(World()) as running:
        yield running


def _wired(
    monkeypatch: pytest.MonkeyPatch, table: Table, peer: StripePeer, clock: FakeClock, client: Any
) -> Api:
    queue = client("sqs").create_queue(QueueName=f"notices-{random.randrange(10**9)}")["QueueUrl"]
    made = client("secretsmanager").create_secret(
        Name=f"stripe-{random.randrange(10**9)}", SecretString=json.dumps(SECRET)
    )
    wire(
        monkeypatch,
        STAGE="local",
        PLATFORM_TABLE=table.name,
        NOTICES_QUEUE_URL=queue,
        FRONTEND_URL="https://app.example.com",
        STRIPE_SECRET_ARN=made["ARN"],
        STRIPE_PRICES=PRICES,
        STRIPE_API_BASE=peer.url,
    )
    monkeypatch.setattr(bootstrap, "stamp", lambda: Stamp(now=clock, new_id=new_id))
    return Api(table, peer.world, queue, client("sqs"), clock)


@pytest.fixture
def billing_api(
    platform_table: Table, peer: StripePeer, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> Api:
    made = _wired(monkeypatch, platform_table, peer, clock, boto3.client)
    made.found()
    return made
