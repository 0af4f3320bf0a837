"""Whether anything still happens behind what was answered: asked for by the demo, after each step.

GET /_localcloud/quiet    {"quiet": true} when no function runs and nothing lies unread in a stream
                          or a queue that a function reads

A message that a consumer failed and will see again later is not waited for, and neither is a
schedule or a state machine that waits.
"""

from __future__ import annotations

import time
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import _request_account_id, _request_region
from ministack.services import lambda_svc, sqs

from localcloud.edge import stream_mappings
from localcloud.edge.http import Send, respond_json

PATH = "/_localcloud/quiet"


async def handle(send: Send) -> None:
    """Answer whether all is quiet."""
    await respond_json(send, {"quiet": is_quiet()})


def is_quiet() -> bool:
    """Whether nothing runs and nothing waits to be read, at this moment."""
    running, _ = lambda_svc.executions_in_flight()
    return not running and not lambda_svc._esm_inflight and not any(map(_waits, _mappings()))


def _mappings() -> list[tuple[str, str, dict[str, Any]]]:
    return [each for each in lambda_svc._iter_all_esms() if each[2].get("Enabled", True)]


def _waits(of: tuple[str, str, dict[str, Any]]) -> bool:
    """Whether there is something that the mapping has not handed over."""
    account, region, mapping = of
    account_token = _request_account_id.set(account)
    region_token = _request_region.set(region)
    try:
        source = parse_arn(mapping.get("EventSourceArn", ""))
        if source.service == "dynamodb":
            return stream_mappings.is_behind(mapping)
        return source.service == "sqs" and _has_visible(source.resource)
    except ArnParseError:
        return False
    finally:
        _request_account_id.reset(account_token)
        _request_region.reset(region_token)


def _has_visible(name: str) -> bool:
    queue = sqs._queues.get(sqs._queue_url(name)) or {}
    now = time.time()
    return any(message["visible_at"] <= now for message in list(queue.get("messages", ())))
