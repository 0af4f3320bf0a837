"""The little of HTTP that the edge's own routes need."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any

type Scope = MutableMapping[str, Any]
type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type App = Callable[[Scope, Receive, Send], Awaitable[None]]


async def respond(
    send: Send,
    body: str,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    content_type: str = "text/html; charset=utf-8",
    headers: Mapping[str, str] | None = None,
) -> None:
    """Send a whole answer; it is never cached."""
    encoded = body.encode()
    fields = {
        "content-type": content_type,
        "content-length": str(len(encoded)),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        **(headers or {}),
    }
    await send(
        {
            "type": "http.response.start",
            "status": int(status),
            "headers": [(name.encode(), value.encode()) for name, value in fields.items()],
        }
    )
    await send({"type": "http.response.body", "body": encoded})


async def respond_json(send: Send, value: Any, *, status: HTTPStatus = HTTPStatus.OK) -> None:
    """Send JSON that pages of any origin may read."""
    await respond(
        send,
        json.dumps(value),
        status=status,
        content_type="application/json",
        headers={"access-control-allow-origin": "*"},
    )
