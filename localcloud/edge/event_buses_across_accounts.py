"""Events from one account to a bus of another, as far as the policy of that bus lets them in.

MiniStack knows only the buses of the caller's own account. On AWS a bus is named by its ARN, its
resource policy says which accounts may put events onto it, and `account` on the event stays the
sender's. See "Sending and receiving events between AWS accounts in Amazon EventBridge".
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import (
    _request_account_id,
    error_response_json,
    get_account_id,
    get_region,
    json_response,
)
from ministack.services import eventbridge

type Answer = tuple[int, dict[str, str], bytes]


def install() -> None:
    """Take entries for buses of other accounts, and hand on what rules send there."""
    put_events = eventbridge._put_events
    to_bus = eventbridge._dispatch_to_event_bus

    @functools.wraps(put_events)
    def put_events_anywhere(data: dict[str, Any], *args: Any, **kwargs: Any) -> Answer:
        entries = data.get("Entries", [])
        abroad = [_account_of(entry.get("EventBusName")) for entry in entries]
        if not any(abroad):
            return put_events(data, *args, **kwargs)  # type: ignore[no-any-return]  # untyped
        for entry, account in zip(entries, abroad, strict=True):
            if account and not _lets_in(account, entry["EventBusName"]):
                return error_response_json(  # type: ignore[no-any-return]  # MiniStack is untyped
                    "AccessDeniedException",
                    f"User from account {get_account_id()} is not authorized to perform: "
                    f"events:PutEvents on resource: {entry['EventBusName']}",
                    400,
                )
        results: list[dict[str, Any]] = []
        for entry, account in zip(entries, abroad, strict=True):
            if account:
                results.append({"EventId": _put(account, entry)})
                continue
            one = put_events({**data, "Entries": [entry]}, *args, **kwargs)
            results += json.loads(one[2])["Entries"]
        failed = sum("ErrorCode" in result for result in results)
        return json_response(  # type: ignore[no-any-return]  # MiniStack is untyped
            {"FailedEntryCount": failed, "Entries": results}
        )

    @functools.wraps(to_bus)
    def to_bus_anywhere(spec: Any, event: dict[str, Any], rule: Any, *args: Any) -> None:
        if spec.account_id == get_account_id():
            to_bus(spec, event, rule, *args)
        elif _lets_in(spec.account_id, str(spec)):
            _deliver(spec.account_id, {**event, "EventBusName": spec.resource.split("/", 1)[1]})

    eventbridge._put_events = put_events_anywhere
    eventbridge._dispatch_to_event_bus = to_bus_anywhere


def _account_of(bus: Any) -> str | None:
    """The account of a bus that is not the caller's own."""
    try:
        found = parse_arn(bus) if isinstance(bus, str) and bus.startswith("arn:") else None
    except ArnParseError:
        return None
    return found.account_id if found and found.account_id != get_account_id() else None


def _lets_in(account: str, bus: str) -> bool:
    name, sender = bus.rpartition("/")[2], get_account_id()
    with _inside(account):
        if name not in eventbridge._event_buses:
            return False
        policy = eventbridge._event_bus_policies.get(name) or {}
    senders = {sender, f"arn:aws:iam::{sender}:root"}
    return any(
        statement["Effect"] == "Allow"
        and "events:PutEvents" in _listed(statement["Action"])
        and senders & set(_principals(statement["Principal"]))
        for statement in policy.get("Statement", [])
    )


def _principals(principal: Any) -> list[str]:
    return _listed(principal.get("AWS", []) if isinstance(principal, dict) else principal)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _put(account: str, entry: dict[str, Any]) -> str:
    event_id = str(eventbridge.new_uuid())
    record = {
        "EventId": event_id,
        "Source": entry.get("Source", ""),
        "DetailType": entry.get("DetailType", ""),
        "Detail": entry.get("Detail", "{}"),
        "EventBusName": entry["EventBusName"].rpartition("/")[2],
        "Time": int(eventbridge._now_ts()),
        "Resources": entry.get("Resources", []),
        "Account": get_account_id(),
        "Region": get_region(),
    }
    _deliver(account, record)
    return event_id


def _deliver(account: str, record: dict[str, Any]) -> None:
    with _inside(account):
        eventbridge._dispatch_event(record)
        eventbridge._archive_event(record)


@contextmanager
def _inside(account: str) -> Iterator[None]:
    token = _request_account_id.set(account)
    try:
        yield
    finally:
        _request_account_id.reset(token)
