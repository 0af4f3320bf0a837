"""The ASGI application that clients talk to: our own pages, then MiniStack."""

from __future__ import annotations

from http import HTTPMethod, HTTPStatus

from localcloud.edge.http import App, Receive, Scope, Send, respond_json
from localcloud.edge.saving import Saver
from localcloud.place import Place

SAVE_PATH = "/_localcloud/save"
# Requests for what MiniStack says of itself, such as whether it is ready.
_OWN_PATH = "/_ministack/"


def build_app(saver: Saver, where: Place) -> App:
    """MiniStack with every gap filled, and the edge's own routes in front of it.

    `saver` is told of every request that may have changed something; `where` is this cloud's place.
    MiniStack's environment must be set before this is called, once per process.
    """
    import ministack.app

    from localcloud.edge import install_all, mailbox, quiet, warming
    from localcloud.edge import payments as stripe

    install_all()
    payments = stripe.Payments(where)
    emulator: App = ministack.app.app

    async def edge(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if scope["path"] == SAVE_PATH:
                await _save(saver, scope, send)
                return
            if scope["path"] == quiet.PATH:
                await quiet.handle(send)
                return
            if scope["path"] == warming.PATH:
                await warming.handle(scope, send)
                return
            if scope["path"].startswith(mailbox.PATH):
                await mailbox.handle(scope, send)
                return
            if scope["path"].startswith(f"{stripe.PATH}/"):
                await payments.handle(scope, receive, send)
                return
        try:
            await emulator(scope, receive, send)
        finally:
            if scope["type"] == "http" and not scope["path"].startswith(_OWN_PATH):
                saver.changed()

    return edge


async def _save(saver: Saver, scope: Scope, send: Send) -> None:
    """Write every service's state to its file, as a stop does."""
    if scope["method"] != HTTPMethod.POST:
        await respond_json(send, {"message": "POST saves"}, status=HTTPStatus.METHOD_NOT_ALLOWED)
        return
    await saver.save()
    await respond_json(send, {"saved": True})
