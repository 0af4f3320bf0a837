"""Accounts that Organizations creates: the role to enter them by, and their end.

MiniStack makes no role in a new account and lets a closed one be used. On AWS a created account
has a role (by default `OrganizationAccountAccessRole`) with AdministratorAccess that trusts the
management account, and a closed account is suspended: nobody can enter it or act in it. See
"CreateAccount" and "CloseAccount" in the Organizations API reference.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from ministack.core import iam_evaluator
from ministack.core.responses import _request_account_id, get_account_id
from ministack.services import iam, organizations, sts

DEFAULT_ROLE = "OrganizationAccountAccessRole"
_CLOSED = ("PENDING_CLOSURE", "SUSPENDED")

type Answer = tuple[int, dict[str, str], bytes]


def install() -> None:
    """Create the access role with each account and shut closed accounts."""
    create_account = organizations._DISPATCH["CreateAccount"]

    def create_with_role(payload: dict[str, Any]) -> Answer:
        answer: Answer = create_account(payload)
        status, _, body = answer
        if status == HTTPStatus.OK:
            account = json.loads(body)["CreateAccountStatus"]["AccountId"]
            create_access_role(account, payload.get("RoleName") or DEFAULT_ROLE)
        return answer

    organizations._DISPATCH["CreateAccount"] = create_with_role
    sts.handle_request = _refusing_closed_accounts(sts.handle_request)
    iam_evaluator.enforce = _denying_in_closed_accounts(iam_evaluator.enforce)


def create_access_role(account: str, role: str) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{get_account_id()}:root"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    token = _request_account_id.set(account)
    try:
        iam._create_role({"RoleName": [role], "AssumeRolePolicyDocument": [json.dumps(trust)]})
        iam._attach_role_policy(
            {"RoleName": [role], "PolicyArn": ["arn:aws:iam::aws:policy/AdministratorAccess"]}
        )
    finally:
        _request_account_id.reset(token)


def _is_closed(account: str) -> bool:
    return any(
        member_id == account and member.get("Status") in _CLOSED
        for (_, member_id), member in organizations._accounts._data.items()
    )


def _refusing_closed_accounts(handle: Callable[..., Awaitable[Answer]]) -> Any:
    async def handle_request(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query_params: dict[str, list[str]],
    ) -> Answer:
        role = _role_to_assume(headers, body, query_params)
        if role and _is_closed(role.split(":")[4]):
            return sts._error(  # type: ignore[no-any-return]  # MiniStack is untyped
                403,
                "AccessDenied",
                f"User is not authorized to perform: sts:AssumeRole on resource: {role}",
                ns="sts",
            )
        return await handle(method, path, headers, body, query_params)

    return handle_request


def _role_to_assume(
    headers: dict[str, str], body: bytes, query_params: dict[str, list[str]]
) -> str | None:
    if "amz-json" in headers.get("content-type", ""):
        role = json.loads(body or b"{}").get("RoleArn")
    else:
        form = {**query_params, **parse_qs(body.decode("utf-8", errors="replace"))}
        role = next(iter(form.get("RoleArn", [])), None)
    return role if isinstance(role, str) and role.startswith("arn:") else None


def _denying_in_closed_accounts(enforce: Callable[..., Any]) -> Any:
    @functools.wraps(enforce)
    def enforce_unless_closed(*args: Any, **kwargs: Any) -> Any:
        if _is_closed(get_account_id()):
            return iam_evaluator.AuthError(
                "AccessDeniedException", f"The account {get_account_id()} is suspended."
            )
        return enforce(*args, **kwargs)

    return enforce_unless_closed
