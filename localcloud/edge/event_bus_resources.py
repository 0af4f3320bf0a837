"""Actions on an event bus are decided on the bus's ARN, the replay of an archive on the archive's.

MiniStack takes the `Name` of DescribeEventBus and its like for the name of a rule, and knows no
resource of StartReplay. See "Actions, resources, and condition keys for Amazon EventBridge" in the
service authorization reference.
"""

from __future__ import annotations

import functools
import inspect
import json
from typing import Any

from ministack.core import iam_actions

_ON_BUS = frozenset({"CreateEventBus", "DeleteEventBus", "DescribeEventBus", "UpdateEventBus"})


def install() -> None:
    """Name the bus, or the archive, as the resource of the actions on one."""
    extract = iam_actions.extract_resource_arn
    signature = inspect.signature(extract)

    @functools.wraps(extract)
    def extract_with_bus(*args: Any, **kwargs: Any) -> Any:
        request = signature.bind(*args, **kwargs).arguments
        if request["service"] == "events":
            operation = request["headers"].get("x-amz-target", "").rpartition(".")[2]
            if operation == "StartReplay":
                return _text(request["body"], "EventSourceArn") or "*"
            name = _text(request["body"], "Name") if operation in _ON_BUS else ""
            if name.startswith("arn:"):
                return name
            if name:
                where = f"{request['region']}:{request['account_id']}"
                return f"arn:aws:events:{where}:event-bus/{name}"
        return extract(*args, **kwargs)

    iam_actions.extract_resource_arn = extract_with_bus


def _text(body: bytes, name: str) -> str:
    try:
        return str(json.loads(body or b"{}").get(name, ""))
    except ValueError:
        return ""
