"""Execution environments that stand ready before they are asked for, as provisioned ones do on AWS.

POST /_localcloud/warm?first=<word>&first=<word>    {"starting": <number>}

Starts one environment of every function that has none, one after the other and behind the answer:
first those whose names hold the first word, then the second, then the rest. The demo asks for it,
since each of its steps is the first to need some function.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from http import HTTPMethod, HTTPStatus
from urllib.parse import parse_qs

from ministack.core import lambda_runtime
from ministack.core.responses import _request_account_id, _request_region
from ministack.services import lambda_svc

from localcloud.edge.http import Scope, Send, respond_json

PATH = "/_localcloud/warm"
_log = logging.getLogger(__name__)

type _Where = tuple[str, str, str]


async def handle(scope: Scope, send: Send) -> None:
    """Begin to start what is not there, and answer how many."""
    if scope["method"] != HTTPMethod.POST:
        message = {"message": "POST starts environments"}
        await respond_json(send, message, status=HTTPStatus.METHOD_NOT_ALLOWED)
        return
    order = parse_qs(scope["query_string"].decode()).get("first", [])
    waiting = sorted(lambda_svc._functions._data, key=lambda where: _rank(where[2], order))
    threading.Thread(target=_start_all, args=(waiting,), name="warming", daemon=True).start()
    await respond_json(send, {"starting": len(waiting)}, status=HTTPStatus.ACCEPTED)


def _rank(function: str, order: Sequence[str]) -> int:
    return next((at for at, word in enumerate(order) if word in function), len(order))


def _start_all(waiting: list[_Where]) -> None:
    for where in waiting:
        account, region, name = where
        _request_account_id.set(account)
        _request_region.set(region)
        try:
            _start(name)
        except Exception:  # its first invocation will say why
            _log.warning("%s does not start", name, exc_info=True)


def _start(name: str) -> None:
    record = lambda_svc._functions.get(name)
    if record is None or not (code := record.get("code_zip")):
        return
    config = record["config"]
    qualifier = config.get("Version", "$LATEST")
    if lambda_runtime._workers.get(lambda_runtime._worker_key(name, config, qualifier)):
        return
    worker, _ = lambda_runtime.acquire_worker(name, config, code, qualifier=qualifier)
    try:
        lambda_runtime.ensure_spawned(worker)
    finally:
        lambda_runtime.release_worker(worker)
