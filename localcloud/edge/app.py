"""The ASGI application that clients talk to: our own pages, then MiniStack."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

type Scope = MutableMapping[str, Any]
type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type App = Callable[[Scope, Receive, Send], Awaitable[None]]


def build_app() -> App:
    """MiniStack with every gap filled, and the edge's own routes in front of it.

    MiniStack's environment must be set before this is called, once per process.
    """
    import ministack.app

    from localcloud.edge import install_all

    install_all()
    inner: App = ministack.app.app

    async def edge(scope: Scope, receive: Receive, send: Send) -> None:
        await inner(scope, receive, send)

    return edge
