"""Nested SAM applications, on create and on update.

MiniStack runs the SAM transform for a stack's own template only, and an update of a nested stack
forgets the attributes (`Fn::GetAtt`) of resources that did not change. On AWS a nested stack is
a stack like any other: see "AWS::Serverless::Application" in the SAM developer guide and
"Embed stacks within other stacks using nested stacks" in the CloudFormation user guide.
"""

from __future__ import annotations

import inspect
from contextvars import ContextVar
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import engine, provisioners

_deploying_nested: ContextVar[bool] = ContextVar("deploying_nested", default=False)


def install() -> None:
    """Expand SAM in nested templates and keep unchanged resources' attributes."""
    deploy_nested = provisioners._cfn_nested_stack_deploy
    parse_template = engine._parse_template
    update_resource = provisioners._update_resource
    signature = inspect.signature(update_resource)

    def deploy_expanded(*args: Any, **kwargs: Any) -> Any:
        token = _deploying_nested.set(True)
        try:
            return deploy_nested(*args, **kwargs)
        finally:
            _deploying_nested.reset(token)

    def parse_expanded(template_body: str) -> Any:
        template = parse_template(template_body)
        if not _deploying_nested.get():
            return template
        # Only the nested template itself: what its resources parse is theirs.
        _deploying_nested.set(False)
        return engine._apply_transforms(template)

    def update_keeping_attributes(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments
        stored = given.get("old_attrs") or _stored_attributes(
            given["stack_name"], given.get("logical_id")
        )
        given["old_attrs"] = stored
        new_id, attributes = update_resource(**given)
        return new_id, {**stored, **attributes} if new_id == given["physical_id"] else attributes

    provisioners._cfn_nested_stack_deploy = deploy_expanded
    engine._parse_template = parse_expanded
    provisioners._update_resource = update_keeping_attributes


def _stored_attributes(stack_name: str, logical_id: str | None) -> dict[str, Any]:
    stack = cloudformation._stacks.get(stack_name) or {}
    resource = stack.get("_resources", {}).get(logical_id) or {}
    attributes: dict[str, Any] = resource.get("Attributes") or {}
    return attributes
