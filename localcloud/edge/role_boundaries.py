"""Which permissions boundary a request about a role gives it, or it has, given to IAM's decision.

MiniStack bounds what a role may do by its boundary, tells no decision of it, and makes the roles of
stacks without one. See "Actions,
resources, and condition keys for AWS Identity and Access Management": `iam:PermissionsBoundary` is
the boundary that CreateRole and PutRolePermissionsBoundary set, and of other changes to a role the
one that it has; it is absent where there is none.
"""

from __future__ import annotations

import functools
from typing import Any
from urllib.parse import parse_qs

from ministack.core import iam_actions
from ministack.services import iam
from ministack.services.cloudformation import provisioners

KEY = "iam:PermissionsBoundary"
_SETS = frozenset({"CreateRole", "PutRolePermissionsBoundary"})
_CHANGES = frozenset(
    {
        "AttachRolePolicy",
        "DeleteRolePermissionsBoundary",
        "DeleteRolePolicy",
        "DetachRolePolicy",
        "PutRolePolicy",
    }
)


def install() -> None:
    """Add the condition key to what IAM is told of a request, and boundaries to stacks' roles."""
    tag_context = iam_actions.request_tag_context

    @functools.wraps(tag_context)
    def context_of(service: str, iam_action: str, body: bytes, params: Any) -> dict[str, Any]:
        known: dict[str, Any] = tag_context(service, iam_action, body, params)
        return {**known, **boundary_context(iam_action, body)} if service == "iam" else known

    iam_actions.request_tag_context = context_of
    handlers = provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]
    create = handlers["create"]

    @functools.wraps(create)
    def created(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        made = create(logical_id, props, stack_name)
        if boundary := props.get("PermissionsBoundary"):
            iam._roles[made[0]]["PermissionsBoundary"] = boundary
        return made

    handlers["create"] = created


def boundary_context(iam_action: str, body: bytes) -> dict[str, str]:
    """The condition key and its value for a request; {} when no boundary is in it."""
    given = parse_qs(body.decode("utf-8", "replace"))
    action = iam_action.partition(":")[2]
    boundary: str | None = None
    if action in _SETS:
        boundary = given.get("PermissionsBoundary", [None])[0]
    elif action in _CHANGES:
        role = iam._roles.get(given.get("RoleName", [""])[0]) or {}
        boundary = role.get("PermissionsBoundary")
    return {KEY: boundary} if boundary else {}
