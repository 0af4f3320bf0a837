"""Stripe as far as the product speaks to it: objects, requests, idempotency, events, signatures.

It follows the published API (https://docs.stripe.com/api): forms in, JSON out, errors with `type`
and `code`, parameters that it does not know refused, a repeated idempotency key answered as before
and with another content refused. What happens at Stripe's own pages, and in time, is done by the
methods of `World`: pay, renew, fail. It knows nothing of the product.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from math import inf
from typing import Any
from urllib.parse import parse_qsl

type Json = dict[str, Any]

API_VERSION = "2026-10-28.endive"
DAY = 24 * 60 * 60
PERIOD = 30 * DAY
_LIVING = ("active", "trialing", "past_due", "unpaid", "paused")


class ApiError(Exception):
    """A refusal, as the API words it."""

    def __init__(
        self, status: int, kind: str, message: str, code: str | None = None, **more: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {
            "error": {"type": kind, "message": message, **({"code": code} if code else {}), **more}
        }


@dataclass(frozen=True)
class Answer:
    status: int
    body: Json
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class World:
    """One Stripe account; `now` is its clock, `tell` is given each event as it happens."""

    api_key: str = "sk_test_local"
    webhook_secret: str = "whsec_local"
    prices: tuple[str, ...] = ("price_starter", "price_professional")
    now: Callable[[], float] = time.time
    tell: Callable[[Json], None] = lambda _event: None
    page: str = "http://127.0.0.1"
    """Where the pages of this Stripe are."""
    objects: dict[str, Json] = field(default_factory=dict)
    events: list[Json] = field(default_factory=list)
    answered: dict[str, tuple[str, Answer]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    declines: bool = False
    """Whether payments are declined."""
    is_down: bool = False
    counter: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.RLock()

    # the API

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """What the API answers; `target` is the path with its query, header names lower-case."""
        with self._lock:
            path, _, query = target.partition("?")
            self.requests.append((method, path))
            if self.is_down:
                return Answer(503, {"error": {"type": "api_error", "message": "down"}})
            try:
                return self._answer(method, path, headers, query, body)
            except ApiError as error:
                return Answer(error.status, error.body)

    def _answer(
        self, method: str, path: str, headers: Mapping[str, str], query: str, body: bytes
    ) -> Answer:
        if headers.get("authorization") != f"Bearer {self.api_key}":
            raise ApiError(401, "invalid_request_error", "Invalid API Key provided")
        given = _nested(parse_qsl(query if method == "GET" else body.decode(), True))
        key = headers.get("idempotency-key") if method == "POST" else None
        if key is None:
            return Answer(200, self._route(method, path, given))
        print_ = hashlib.sha256(path.encode() + b"\0" + body).hexdigest()
        if key in self.answered:
            known, answer = self.answered[key]
            if known != print_:
                raise ApiError(
                    400,
                    "idempotency_error",
                    "Keys for idempotent requests can only be used with the same parameters",
                )
            return Answer(answer.status, answer.body, {"idempotent-replayed": "true"})
        try:
            answer = Answer(200, self._route(method, path, given))
        except ApiError as error:
            if error.status == HTTPStatus.BAD_REQUEST:
                raise  # refused before anything began: the key is free
            answer = Answer(error.status, error.body)
        self.answered[key] = print_, answer
        return answer

    def _route(self, method: str, path: str, given: Json) -> Json:
        for wanted, pattern, handle in _ROUTES:
            if wanted == method and (found := re.fullmatch(pattern, path)):
                expand = given.pop("expand", [])
                answer: Json = getattr(self, handle)(*found.groups(), given)
                return self._expanded(answer, expand)
        raise ApiError(404, "invalid_request_error", f"Unrecognized request URL ({path})")

    def _expanded(self, answer: Json, expand: list[str]) -> Json:
        answer = json.loads(json.dumps(answer))
        for path in expand:
            *outer, last = path.split(".")
            found = [answer]
            for name in outer:
                inner = [each[name] for each in found]
                found = [e for i in inner for e in (i if isinstance(i, list) else [i])]
            for each in found:
                if isinstance(each.get(last), str):
                    each[last] = json.loads(json.dumps(self.objects[each[last]]))
        return answer

    # customers

    def create_customer(self, given: Json) -> Json:
        _only(given, "metadata", "email", "name")
        customer = self._made("cus", "customer", {"metadata": {}, **given})
        self._happened("customer.created", customer)
        return customer

    def get_customer(self, customer_id: str, given: Json) -> Json:
        _only(given)
        customer = self._known(customer_id, "customer")
        if customer.get("deleted"):
            return {"id": customer_id, "object": "customer", "deleted": True}
        return customer

    # pages

    def create_checkout(self, given: Json) -> Json:
        _only(
            given,
            "mode",
            "customer",
            "client_reference_id",
            "line_items",
            "success_url",
            "cancel_url",
            "metadata",
        )
        self._living_customer(given["customer"])
        price = given["line_items"][0]["price"]
        self._known_price(price)
        session = self._made(
            "cs_test",
            "checkout.session",
            {
                "mode": given["mode"],
                "customer": given["customer"],
                "client_reference_id": given.get("client_reference_id"),
                "success_url": given["success_url"],
                "status": "open",
                "payment_status": "unpaid",
                "subscription": None,
                "line_price": price,
            },
        )
        session["url"] = f"{self.page}/checkout/{session['id']}"
        return session

    def create_portal(self, given: Json) -> Json:
        _only(given, "customer", "return_url")
        self._living_customer(given["customer"])
        session = self._made("bps", "billing_portal.session", given)
        session["url"] = f"{self.page}/portal/{session['id']}"
        return session

    # subscriptions

    def list_subscriptions(self, given: Json) -> Json:
        _only(given, "customer", "status", "limit")
        found = [
            each
            for each in self.objects.values()
            if each["object"] == "subscription"
            and each["customer"] == given["customer"]
            and (given.get("status") == "all" or each["status"] != "canceled")
        ]
        found.sort(key=lambda each: (-each["created"], each["id"]))
        return {
            "object": "list",
            "url": "/v1/subscriptions",
            "has_more": False,
            "data": found[: int(given.get("limit", 10))],
        }

    def get_subscription(self, subscription_id: str, given: Json) -> Json:
        _only(given)
        return self._known(subscription_id, "subscription")

    def update_subscription(self, subscription_id: str, given: Json) -> Json:
        ends = {"cancel_at", "cancel_at_period_end"}
        _only(given, "items", "proration_behavior", "payment_behavior", *ends)
        found = self._known(subscription_id, "subscription")
        if found["status"] == "canceled":
            raise ApiError(
                404,
                "invalid_request_error",
                f"No such subscription: '{subscription_id}'",
                "resource_missing",
            )
        if given.keys() >= ends:
            raise ApiError(
                400,
                "invalid_request_error",
                "You may only specify one of these parameters: cancel_at, cancel_at_period_end.",
            )
        if given.keys() & ends and found["schedule"]:
            raise ApiError(
                400,
                "invalid_request_error",
                "The subscription is managed by a subscription schedule, and updating any "
                "cancelation behavior directly is not allowed.",
            )
        if "items" in given:
            self._change_price(found, given)
        if "cancel_at_period_end" in given:
            ending = given["cancel_at_period_end"] == "true"
            until = found["items"]["data"][0]["current_period_end"] if ending else None
            found |= {"cancel_at_period_end": ending, "cancel_at": until}
        if "cancel_at" in given:
            until = int(given["cancel_at"]) if given["cancel_at"] else None
            found |= {"cancel_at_period_end": False, "cancel_at": until}
        self._happened("customer.subscription.updated", found)
        return found

    def _change_price(self, found: Json, given: Json) -> None:
        item, wanted = found["items"]["data"][0], given["items"][0]
        if wanted["id"] != item["id"]:
            raise ApiError(400, "invalid_request_error", "No such subscription item")
        self._known_price(wanted["price"])
        charges = given.get("proration_behavior") == "always_invoice"
        if charges and self.declines and given.get("payment_behavior") == "error_if_incomplete":
            raise ApiError(402, "card_error", "Your card was declined.", "card_declined")
        item["price"] = {"id": wanted["price"], "object": "price"}

    # schedules

    def create_schedule(self, given: Json) -> Json:
        _only(given, "from_subscription")
        found = self._known(given["from_subscription"], "subscription")
        if found["schedule"]:
            raise ApiError(
                400,
                "invalid_request_error",
                "You cannot migrate a subscription that is already attached to a schedule",
            )
        item = found["items"]["data"][0]
        start, end = item["current_period_start"], item["current_period_end"]
        schedule = self._made(
            "sub_sched",
            "subscription_schedule",
            {
                "status": "active",
                "customer": found["customer"],
                "subscription": found["id"],
                "end_behavior": "release",
                "current_phase": {"start_date": start, "end_date": end},
                "phases": [_phase(item["price"]["id"], start, end)],
            },
        )
        found["schedule"] = schedule["id"]
        self._happened("subscription_schedule.created", schedule)
        return schedule

    def update_schedule(self, schedule_id: str, given: Json) -> Json:
        _only(given, "phases", "end_behavior", "proration_behavior")
        schedule = self._known(schedule_id, "subscription_schedule")
        if schedule["status"] != "active":
            raise ApiError(400, "invalid_request_error", "The schedule is not active")
        phases, start = [], None
        for asked in given["phases"]:
            _only(asked, "items", "start_date", "end_date", "duration")
            for each in asked["items"]:
                self._known_price(each["price"])
            start = int(asked.get("start_date", start or 0))
            end = int(asked["end_date"]) if "end_date" in asked else start + PERIOD
            phases.append(_phase(asked["items"][0]["price"], start, end))
            start = end
        schedule["phases"] = phases
        self._happened("subscription_schedule.updated", schedule)
        return schedule

    def release_schedule(self, schedule_id: str, given: Json) -> Json:
        _only(given, "preserve_cancel_date")
        schedule = self._known(schedule_id, "subscription_schedule")
        if schedule["status"] != "active":
            raise ApiError(400, "invalid_request_error", "The schedule is not active")
        found = self._known(schedule["subscription"], "subscription")
        schedule |= {"status": "released", "released_subscription": found["id"]}
        schedule |= {"subscription": None, "current_phase": None}
        found["schedule"] = None
        self._happened("subscription_schedule.released", schedule)
        self._happened("customer.subscription.updated", found)
        return schedule

    # what happens at Stripe

    def pay(self, session_id: str) -> Json:
        """A person pays at the Checkout page: the subscription that they have then."""
        with self._lock:
            session = self._known(session_id, "checkout.session")
            if session["status"] != "open":
                raise ApiError(400, "invalid_request_error", "This session is not open any more")
            if self.declines:
                raise ApiError(402, "card_error", "Your card was declined.", "card_declined")
            found = self.subscribe(session["customer"], session["line_price"])
            session |= {"status": "complete", "payment_status": "paid"}
            session["subscription"] = found["id"]
            self._happened("checkout.session.completed", session)
            return found

    def subscribe(self, customer_id: str, price: str, status: str = "active") -> Json:
        """A new subscription of a customer's, paid."""
        with self._lock:
            start = int(self.now())
            item = {
                "id": self._id("si"),
                "object": "subscription_item",
                "price": {"id": price, "object": "price"},
                "quantity": 1,
                "current_period_start": start,
                "current_period_end": start + PERIOD,
            }
            found = self._made(
                "sub",
                "subscription",
                {
                    "customer": customer_id,
                    "status": status,
                    "cancel_at": None,
                    "cancel_at_period_end": False,
                    "canceled_at": None,
                    "ended_at": None,
                    "trial_end": None,
                    "cancellation_details": {"reason": None, "comment": None, "feedback": None},
                    "schedule": None,
                    "metadata": {},
                    "items": {"object": "list", "data": [item], "has_more": False},
                },
            )
            self._happened("customer.subscription.created", found)
            self._happened("invoice.paid", self._invoice(found))
            return found

    def period_over(self, subscription_id: str) -> Json:
        """The next period begins: renewed, on the scheduled price, unpaid, or ended."""
        with self._lock:
            found = self._known(subscription_id, "subscription")
            item = found["items"]["data"][0]
            if (found["cancel_at"] or inf) <= item["current_period_end"]:
                return self.end(subscription_id, "cancellation_requested")
            start = item["current_period_end"]
            item |= {"current_period_start": start, "current_period_end": start + PERIOD}
            if found["schedule"]:
                self._next_phase(found, item, start)
            found["status"] = "past_due" if self.declines else "active"
            self._happened("customer.subscription.updated", found)
            paid = "invoice.payment_failed" if self.declines else "invoice.paid"
            self._happened(paid, self._invoice(found))
            return found

    def _next_phase(self, found: Json, item: Json, start: int) -> None:
        schedule = self.objects[found["schedule"]]
        for phase in schedule["phases"]:
            if phase["start_date"] == start:
                schedule["current_phase"] = {"start_date": start, "end_date": phase["end_date"]}
                item["price"] = {"id": phase["items"][0]["price"], "object": "price"}

    def cancel_in_portal(self, subscription_id: str) -> Json:
        """A customer cancels there: it has a time of its end, and says of no period that it ends.

        Subscriptions are made in the flexible billing mode by default.
        https://docs.stripe.com/billing/subscriptions/billing-mode/compare
        """
        with self._lock:
            found = self._known(subscription_id, "subscription")
            found["cancel_at"] = found["items"]["data"][0]["current_period_end"]
            self._happened("customer.subscription.updated", found)
            return found

    def recover(self, subscription_id: str) -> Json:
        """What is owed is paid after all."""
        with self._lock:
            found = self._known(subscription_id, "subscription")
            found["status"] = "active"
            self._happened("invoice.paid", self._invoice(found))
            self._happened("customer.subscription.updated", found)
            return found

    def end(self, subscription_id: str, reason: str) -> Json:
        with self._lock:
            found = self._known(subscription_id, "subscription")
            now = int(self.now())
            found |= {"status": "canceled", "canceled_at": now, "ended_at": now}
            found["cancellation_details"] = {**found["cancellation_details"], "reason": reason}
            self._happened("customer.subscription.deleted", found)
            return found

    def delete_customer(self, customer_id: str) -> None:
        """As the dashboard does it: the subscriptions end at once."""
        with self._lock:
            for each in list(self.objects.values()):
                mine = each["object"] == "subscription" and each["customer"] == customer_id
                if mine and each["status"] in _LIVING:
                    self.end(each["id"], "cancellation_requested")
            customer = self._known(customer_id, "customer")
            customer["deleted"] = True
            self._happened("customer.deleted", customer)

    # events

    def signed(self, event: Json, at: float | None = None, secret: str | None = None) -> Signed:
        """An event as it is sent: its body, and the signature over the time and the body.

        "Verify webhook signatures manually", https://docs.stripe.com/webhooks/signature
        """
        body = json.dumps(event, indent=2)
        stamp = int(self.now() if at is None else at)
        digest = hmac.new(
            (secret or self.webhook_secret).encode(), f"{stamp}.{body}".encode(), hashlib.sha256
        ).hexdigest()
        return Signed(body, f"t={stamp},v1={digest}")

    def event(self, kind: str, about: Json) -> Json:
        """An event about an object, which need not have happened."""
        return {
            "id": self._id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": int(self.now()),
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
            "data": {"object": json.loads(json.dumps(about))},
        }

    # inside

    def _happened(self, kind: str, about: Json) -> None:
        event = self.event(kind, about)
        self.events.append(event)
        self.tell(event)

    def _invoice(self, found: Json) -> Json:
        return {"id": self._id("in"), "object": "invoice", "customer": found["customer"]}

    def _made(self, prefix: str, kind: str, values: Json) -> Json:
        made = {
            "id": self._id(prefix),
            "object": kind,
            "created": int(self.now()),
            "livemode": False,
            **values,
        }
        self.objects[made["id"]] = made
        return made

    def _id(self, prefix: str) -> str:
        self.counter += 1
        return f"{prefix}_{self.counter:08d}"

    def _known(self, name: str, kind: str) -> Json:
        found = self.objects.get(name)
        if found is None or found["object"] != kind:
            raise ApiError(
                404, "invalid_request_error", f"No such {kind}: '{name}'", "resource_missing"
            )
        return found

    def _living_customer(self, customer_id: str) -> None:
        if self._known(customer_id, "customer").get("deleted"):
            raise ApiError(
                400,
                "invalid_request_error",
                f"No such customer: '{customer_id}'",
                "resource_missing",
                param="customer",
            )

    def _known_price(self, price: str) -> None:
        if price not in self.prices:
            raise ApiError(
                400, "invalid_request_error", f"No such price: '{price}'", "resource_missing"
            )


@dataclass(frozen=True)
class Signed:
    """A delivery: the body, and the header `Stripe-Signature`."""

    body: str
    signature: str


_ROUTES = (
    ("POST", "/v1/customers", "create_customer"),
    ("GET", r"/v1/customers/(\w+)", "get_customer"),
    ("POST", "/v1/checkout/sessions", "create_checkout"),
    ("POST", "/v1/billing_portal/sessions", "create_portal"),
    ("GET", "/v1/subscriptions", "list_subscriptions"),
    ("GET", r"/v1/subscriptions/(\w+)", "get_subscription"),
    ("POST", r"/v1/subscriptions/(\w+)", "update_subscription"),
    ("POST", "/v1/subscription_schedules", "create_schedule"),
    ("POST", r"/v1/subscription_schedules/(\w+)", "update_schedule"),
    ("POST", r"/v1/subscription_schedules/(\w+)/release", "release_schedule"),
)


def _phase(price: str, start: int, end: int) -> Json:
    return {"items": [{"price": price, "quantity": 1}], "start_date": start, "end_date": end}


def _only(given: Mapping[str, Any], *known: str) -> None:
    for name in given:
        if name not in known:
            raise ApiError(
                400,
                "invalid_request_error",
                f"Received unknown parameter: {name}",
                "parameter_unknown",
                param=name,
            )


def _nested(pairs: list[tuple[str, str]]) -> Json:
    """Stripe's forms: `a[b][0][c]=1` is {"a": {"b": [{"c": "1"}]}}."""
    tree: Json = {}
    for name, value in pairs:
        first, *rest = re.findall(r"[^\[\]]+", name)
        at = tree
        for part, following in zip([first, *rest], [*rest, None], strict=True):
            if following is None:
                at[part] = value
            else:
                at = at.setdefault(part, {})
    return {name: _listed(value) for name, value in tree.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(each) for name, each in value.items()}
    if inner and all(name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner
