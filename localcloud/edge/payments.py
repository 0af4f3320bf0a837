"""`/_stripe`: a stand-in for Stripe, so that subscriptions can be tried on this machine.

/_stripe/v1/...                       the API (see localcloud.payments.peer)
GET  /_stripe/checkout/<session>      the page where a person pays; POST .../pay does it
GET  /_stripe/portal/<session>        the customer's portal; POST .../<what> does it there
POST /_stripe/world/<what>?customer=  what happens at Stripe: period-over, recover, give-up,
                                      cancel, cancel-later; and
                                      decline, accept for the cards of everybody

Events are signed and sent to the deployed product as Stripe does it. What is sold here and to whom
is kept in a file beside the other services' state.
"""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Callable
from html import escape
from http import HTTPMethod, HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from localcloud.edge.http import Receive, Scope, Send, respond, respond_json
from localcloud.payments.peer import ApiError, Json, World
from localcloud.place import Place

PATH = "/_stripe"
_TRIES = 3
_WITHIN = 30


class Payments:
    """The stand-in of one local cloud."""

    def __init__(self, where: Place) -> None:
        self._where = where
        self._file = where.state / "stripe.json"
        self._deliveries: set[asyncio.Future[None]] = set()
        kept: Json = json.loads(self._file.read_text()) if self._file.exists() else {}
        self.world = World(
            page=f"{where.endpoint}{PATH}",
            objects=kept.get("objects", {}),
            counter=kept.get("counter", 0),
            tell=self._tell,
        )

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for the stand-in."""
        body = await _body(receive)
        path = scope["path"].removeprefix(PATH)
        query = scope.get("query_string", b"").decode()
        if path.startswith("/v1/"):
            headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
            target = f"{path}?{query}"
            answer = self.world.answer(scope["method"], target, headers, body)
            self._keep()
            await respond_json(send, answer.body, status=HTTPStatus(answer.status))
            return
        kind, _, rest = path.strip("/").partition("/")
        name, _, what = rest.partition("/")
        try:
            if scope["method"] == HTTPMethod.POST:
                customer = parse_qs(query).get("customer", [""])[0]
                await self._do(send, kind, what or name, name, customer)
            else:
                await self._show(send, kind, name)
        except ApiError as error:
            await respond_json(send, error.body, status=HTTPStatus(error.status))

    async def _do(self, send: Send, kind: str, what: str, name: str, customer: str) -> None:
        world = self.world
        if kind == "checkout" and what == "pay":
            world.pay(name)
            back = str(world.objects[name]["success_url"])
        else:
            if kind == "portal":
                session = world.objects.get(name) or {}
                customer, back = str(session.get("customer")), str(session.get("return_url"))
            else:
                back = ""
            self._happens(what, customer)
        self._keep()
        if back:
            await respond(send, "done", status=HTTPStatus.SEE_OTHER, headers={"location": back})
        else:
            await respond_json(send, {"done": what})

    def _happens(self, what: str, customer: str) -> None:
        world = self.world
        if what in ("decline", "accept"):
            world.declines = what == "decline"
            return
        acts: dict[str, Callable[[str], Any]] = {
            "period-over": world.period_over,
            "recover": world.recover,
            "give-up": lambda found: world.end(found, "payment_failed"),
            "cancel": lambda found: world.end(found, "cancellation_requested"),
            "cancel-later": world.cancel_in_portal,
        }
        living = [
            each["id"]
            for each in world.objects.values()
            if each["object"] == "subscription"
            and each["customer"] == customer
            and each["status"] != "canceled"
        ]
        if what not in acts or not living:
            raise ApiError(404, "invalid_request_error", "There is nothing like that here.")
        acts[what](living[-1])

    async def _show(self, send: Send, kind: str, name: str) -> None:
        session = self.world.objects.get(name, {})
        pages = {
            "checkout": ("Checkout", str(session.get("line_price")), ("pay",)),
            "portal": (
                "Customer portal",
                str(session.get("customer")),
                ("recover", "cancel-later"),
            ),
        }
        if not session or kind not in pages:
            await respond_json(send, {"message": "no such page"}, status=HTTPStatus.NOT_FOUND)
            return
        title, about, choices = pages[kind]
        forms = "".join(
            f'<form method="post" action="{PATH}/{kind}/{escape(name)}/{each}">'
            f"<button>{each}</button></form>"
            for each in choices
        )
        await respond(
            send,
            f"<!doctype html><title>{title}</title><h1>{title}</h1>"
            f"<p>A stand-in for Stripe on this machine: no money moves.</p>"
            f"<p>{escape(about)}</p>{forms}",
            headers={"content-security-policy": "default-src 'none'; frame-ancestors 'none'"},
        )

    def _tell(self, event: Json) -> None:
        """Send an event to the product, beside the request that made it happen."""
        delivery = asyncio.get_running_loop().run_in_executor(None, self._deliver, event)
        self._deliveries.add(delivery)
        delivery.add_done_callback(self._deliveries.discard)

    def _deliver(self, event: Json) -> None:
        if not self._where.outputs.exists():
            return
        url = json.loads(self._where.outputs.read_text()).get("RestUrl")
        signed = self.world.signed(event)
        for _ in range(_TRIES if url else 0):
            request = urllib.request.Request(
                f"{url.rstrip('/')}/api/webhooks/stripe",
                signed.body.encode(),
                {"content-type": "application/json", "stripe-signature": signed.signature},
            )
            try:
                urllib.request.urlopen(request, timeout=_WITHIN).close()
            except OSError:
                continue
            return

    def _keep(self) -> None:
        kept = {"objects": self.world.objects, "counter": self.world.counter}
        new = self._file.with_suffix(".tmp")
        new.write_text(json.dumps(kept))
        new.replace(self._file)


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)
