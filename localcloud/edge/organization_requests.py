"""Requests of Organizations that take their time, and an e-mail address for one account only.

MiniStack makes an account at once, twice for one address, and does not list the requests. On AWS
`CreateAccount` answers IN_PROGRESS and the account comes later; a second request for an address
fails with EMAIL_ALREADY_EXISTS, or CONCURRENT_ACCOUNT_MODIFICATION while the first is at work; at
most five are in progress at a time. `CloseAccount` leaves an account in PENDING_CLOSURE before it
is SUSPENDED. An account tells its `State`. See "CreateAccount", "CreateAccountStatus",
"ListCreateAccountStatus", "CloseAccount" and "Account" in the Organizations API reference, and
"Quotas for AWS Organizations" in its user guide.

`LOCALCLOUD_ACCOUNT_SECONDS` says how long making and closing take; what is called `...-slow` takes
a minute, for whoever wants to see it under way.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

from ministack.core.responses import error_response_json, new_uuid
from ministack.services import organizations

SECONDS = float(os.environ.get("LOCALCLOUD_ACCOUNT_SECONDS", "0.3"))
SLOW_SECONDS = 60.0
AT_ONCE = 5

type Answer = tuple[int, dict[str, str], bytes]
type Operation = Callable[[dict[str, Any]], Answer]


def install() -> None:
    """Put time between a request and its effect, and tell of requests and their states."""
    create, close = organizations._DISPATCH["CreateAccount"], organizations._close_account
    # What other mends have added to making an account comes when it is made.
    organizations._DISPATCH["CreateAccount"] = _begin
    organizations._DISPATCH["ListCreateAccountStatus"] = _list
    organizations._DISPATCH["DescribeCreateAccountStatus"] = _describe
    organizations._DISPATCH["CloseAccount"] = _closing(close)
    for name, operation in organizations._DISPATCH.items():
        organizations._DISPATCH[name] = _settling(operation, create)
    public = organizations._public_account
    organizations._public_account = lambda account: _with_state(public(account))


def make_account(create: Operation, payload: dict[str, Any]) -> str:
    """Make the account now, for whoever has waited already; its id."""
    status = json.loads(create(payload)[2])["CreateAccountStatus"]
    organizations._create_statuses.pop(status["Id"], None)
    return str(status["AccountId"])


def seconds(name: str) -> float:
    """How long something of this name takes."""
    return SLOW_SECONDS if name.endswith("-slow") else SECONDS


def account_of(email: str) -> dict[str, Any] | None:
    """The account of an address, in whichever organisation."""
    return next(
        (a for a in organizations._accounts._data.values() if _lower(a["Email"]) == email.lower()),
        None,
    )


def _begin(payload: dict[str, Any]) -> Answer:
    organizations._ensure_org()
    email, name = payload.get("Email"), payload.get("AccountName")
    if not email or not name:
        return _error("InvalidInputException", "Email and AccountName are required")
    open_ = list(_open())
    if len(open_) >= AT_ONCE:
        return _error("TooManyRequestsException", "Five accounts are in progress; try again later.")
    status: dict[str, Any] = {
        "Id": "car-" + new_uuid().replace("-", "")[:8],
        "AccountName": name,
        "State": "IN_PROGRESS",
        "RequestedTimestamp": time.time(),
    }
    if any(_lower(each["_payload"]["Email"]) == email.lower() for each in _all_open()):
        _fail(status, "CONCURRENT_ACCOUNT_MODIFICATION")
    elif account_of(email):
        _fail(status, "EMAIL_ALREADY_EXISTS")
    else:
        status |= {"_payload": payload, "_due": time.time() + seconds(name)}
    organizations._create_statuses[status["Id"]] = status
    return _answer({"CreateAccountStatus": _public(status)})


def _list(payload: dict[str, Any]) -> Answer:
    organizations._ensure_org()
    states = payload.get("States") or ["IN_PROGRESS", "SUCCEEDED", "FAILED"]
    found = [
        _public(each) for each in organizations._create_statuses.values() if each["State"] in states
    ]
    begin, most = int(payload.get("NextToken") or 0), int(payload.get("MaxResults") or 20)
    page: dict[str, Any] = {"CreateAccountStatuses": found[begin : begin + most]}
    if begin + most < len(found):
        page["NextToken"] = str(begin + most)
    return _answer(page)


def _describe(payload: dict[str, Any]) -> Answer:
    answer: Answer = organizations._describe_create_account_status(payload)
    status, headers, body = answer
    content = json.loads(body)
    if "CreateAccountStatus" in content:
        content["CreateAccountStatus"] = _public(content["CreateAccountStatus"])
    return status, headers, json.dumps(content).encode()


def _closing(close: Operation) -> Operation:
    def close_account(payload: dict[str, Any]) -> Answer:
        organizations._ensure_org()
        account = organizations._accounts.get(payload.get("AccountId"))
        if account and account["Status"] == "PENDING_CLOSURE":
            return _error("ConflictException", "The account is being closed.")
        answer = close(payload)
        if account and answer[0] == 200:  # noqa: PLR2004
            organizations._accounts[account["Id"]] = {
                **account,
                "Status": "PENDING_CLOSURE",
                "_due": time.time() + seconds(account["Name"]),
            }
        return answer

    return close_account


def _settling(operation: Operation, create: Operation) -> Operation:
    def settle_first(payload: dict[str, Any]) -> Answer:
        for status in list(_open()):
            if status["_due"] <= time.time():
                account = make_account(create, status["_payload"])
                organizations._create_statuses[status["Id"]] = {
                    **_public(status),
                    "State": "SUCCEEDED",
                    "CompletedTimestamp": time.time(),
                    "AccountId": account,
                }
        for account_id, account in list(organizations._accounts.items()):
            if account["Status"] == "PENDING_CLOSURE" and account["_due"] <= time.time():
                organizations._accounts[account_id] = {**account, "Status": "SUSPENDED"}
        return operation(payload)

    return settle_first


def _open() -> Iterator[dict[str, Any]]:
    statuses = organizations._create_statuses.values()
    return (each for each in statuses if each["State"] == "IN_PROGRESS")


def _all_open() -> Iterator[dict[str, Any]]:
    """Of every organisation: an address is one in the world."""
    statuses = organizations._create_statuses._data.values()
    return (each for each in statuses if each["State"] == "IN_PROGRESS")


def _fail(status: dict[str, Any], reason: str) -> None:
    status |= {"State": "FAILED", "FailureReason": reason, "CompletedTimestamp": time.time()}


def _public(status: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in status.items() if not key.startswith("_")}


def _with_state(account: dict[str, Any]) -> dict[str, Any]:
    return {**account, "State": account["Status"]}


def _lower(email: str) -> str:
    return email.lower()


def _answer(content: dict[str, Any]) -> Answer:
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(content).encode()


def _error(code: str, message: str) -> Answer:
    answer: Answer = error_response_json(code, message, 400)
    return answer
