"""Billing without network: Stripe's stand-in is asked in-process, by Stripe's own library."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import stripe

from localcloud.payments.peer import World
from tenantry.billing.model import Notice
from tenantry.billing.payments import Prices, StripePayments, StripeSecrets
from tests.support.stripe_peer import PRICES


class FakeSecret:
    """Secrets Manager with this one secret; `asked` counts the readings."""

    def __init__(self, api_key: str = "sk_test_local", *webhooks: str) -> None:
        self.value: dict[str, Any] = {
            "api_key": api_key,
            "webhook_secrets": list(webhooks or ("whsec_local",)),
        }
        self.asked = 0

    def get_secret_value(self, SecretId: str) -> dict[str, str]:  # noqa: N803 - AWS's name
        self.asked += 1
        return {"SecretString": json.dumps(self.value)}


class InProcess(stripe.HTTPClient):
    """Carries Stripe's requests to a stand-in in this process."""

    name = "in-process"

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        **_: Any,
    ) -> tuple[str, int, Mapping[str, str]]:
        split = urlsplit(url)
        target = f"{split.path}?{split.query}"
        named = {name.lower(): str(value) for name, value in (headers or {}).items()}
        answer = self._world.answer(method.upper(), target, named, (post_data or "").encode())
        return json.dumps(answer.body), answer.status, answer.headers

    def close(self) -> None:
        """There is nothing to close."""


def payments_by(world: World, secret: FakeSecret | None = None) -> StripePayments:
    """Payments at this stand-in."""
    return StripePayments(
        StripeSecrets(secret or FakeSecret(), "arn"),  # type: ignore[arg-type]  # a fake client
        Prices.parse(PRICES),
        "https://app.example.com",
        http=InProcess(world),
    )


@dataclass
class InMemoryQueue:
    notices: list[Notice] = field(default_factory=list)

    def put(self, notice: Notice) -> None:
        self.notices.append(notice)


@dataclass
class InMemoryMarkers:
    """What consumers have done."""

    seen: set[tuple[str, str]] = field(default_factory=set)

    def begin(self, consumer: str, event_id: str, now: datetime, lease: timedelta) -> bool:
        return (consumer, event_id) not in self.seen

    def done(self, consumer: str, event_id: str, now: datetime) -> None:
        self.seen.add((consumer, event_id))
