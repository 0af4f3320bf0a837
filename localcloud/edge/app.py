"""The ASGI application that clients talk to: our own pages, then MiniStack."""

from __future__ import annotations

import asyncio
from http import HTTPMethod, HTTPStatus

from localcloud.edge.http import App, Receive, Scope, Send, respond_json

SAVE_PATH = "/_localcloud/save"


def build_app() -> App:
    """MiniStack with every gap filled, and the edge's own routes in front of it.

    MiniStack's environment must be set before this is called, once per process.
    """
    import ministack.app

    from localcloud.edge import install_all, mailbox

    install_all()
    emulator: App = ministack.app.app

    async def edge(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if scope["path"] == SAVE_PATH:
                await _save(scope, send)
                return
            if scope["path"].startswith(mailbox.PATH):
                await mailbox.handle(scope, send)
                return
        await emulator(scope, receive, send)

    return edge


async def _save(scope: Scope, send: Send) -> None:
    """Write every service's state to its file, as a stop does."""
    from ministack import app
    from ministack.core.persistence import save_all

    if scope["method"] != HTTPMethod.POST:
        await respond_json(send, {"message": "POST saves"}, status=HTTPStatus.METHOD_NOT_ALLOWED)
        return
    await asyncio.to_thread(save_all, app._build_persistence_save_dict())
    await respond_json(send, {"saved": True})
