"""What a session in an organisation's own AWS account may do, by what it is for.

The access role there is the account's administrator. Each session with it carries one of these
policies, and may do only what the role and the policy both allow.

A session gives no rights itself. CloudFormation does, for the stack that the session is to set up,
behind the deployment's permissions boundary alone: `aws:CalledViaFirst` is CloudFormation in what
it asks the services for in the session's name, and in no request of the session's own.
"""

import json
from typing import Any, Final

from tenantry.accounts.vending import Errand, Purpose

LARGEST: Final = 2048
"""Characters that STS takes as the policy of a session."""

MADE_OF: Final = (
    *("application-autoscaling", "budgets", "cloudtrail", "cloudwatch", "config", "dynamodb"),
    *("events", "guardduty", "kms", "lambda", "logs", "s3"),
)
"""The services whose resources a baseline has, besides IAM."""

_BY_CLOUDFORMATION: Final = {"aws:CalledViaFirst": "cloudformation.amazonaws.com"}
_WATCHES: Final = [
    "cloudtrail:DescribeTrails",
    "config:DescribeConfigurationRecorders",
    "guardduty:ListDetectors",
    "iam:GetRole",
]
_SEES_STACKS: Final = ["cloudformation:DescribeStackEvents", "cloudformation:DescribeStacks"]
_GIVES_RIGHTS: Final = [
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
]


def policy(errand: Errand, partition: str, aws_account_id: str, deployment: str) -> str:
    """The policy of a session for this errand, within LARGEST."""
    statements = {
        Purpose.SETTING_UP: _sets_up,
        Purpose.LOOKING: _looks,
        Purpose.ENDING: _ends,
    }[errand.purpose](errand.name, partition, aws_account_id, deployment)
    document = {"Version": "2012-10-17", "Statement": statements}
    return json.dumps(document, separators=(",", ":"))


def boundary(partition: str, aws_account_id: str, deployment: str) -> str:
    """The one policy that roles of the deployment may have as their boundary."""
    return f"arn:{partition}:iam::{aws_account_id}:policy/{deployment}-boundary"


def _sets_up(name: str, partition: str, account: str, deployment: str) -> list[dict[str, Any]]:
    """Ask for its stack, once: what there is, it neither changes nor takes away."""
    its = f"arn:{partition}:iam::{account}"
    limit = boundary(partition, account, deployment)
    return [
        _allow([*_SEES_STACKS, *_WATCHES], "*"),
        _allow(
            ["cloudformation:CreateStack", "cloudformation:TagResource"],
            _stack(name, partition, account),
        ),
        _allow(
            [*(f"{service}:*" for service in MADE_OF), "organizations:DescribeOrganization"],
            "*",
            _BY_CLOUDFORMATION,
        ),
        _allow(
            ["iam:CreatePolicy", "iam:GetPolicy*", "iam:ListPolicy*", "iam:TagPolicy"],
            limit,
            _BY_CLOUDFORMATION,
        ),
        _allow(["iam:Get*", "iam:List*", "iam:TagRole"], f"{its}:role/*", _BY_CLOUDFORMATION),
        _allow(
            _GIVES_RIGHTS,
            f"{its}:role/{deployment}-*",
            {**_BY_CLOUDFORMATION, "iam:PermissionsBoundary": limit},
        ),
        # What AWS's own roles may do nobody here decides, and ours lie behind the boundary.
        _allow(
            ["iam:CreateServiceLinkedRole", "iam:PassRole"],
            [f"{its}:role/{deployment}-*", f"{its}:role/aws-service-role/*"],
        ),
    ]


def _looks(_name: str, _partition: str, _account: str, _deployment: str) -> list[dict[str, Any]]:
    """See what is there by names and tags, and nothing of what is in it."""
    sees = ["dynamodb:ListTables", "kms:DescribeKey", "s3:ListAllMyBuckets", "tag:GetResources"]
    return [_allow([*_SEES_STACKS, *sees], "*")]


def _ends(name: str, partition: str, account: str, deployment: str) -> list[dict[str, Any]]:
    """Empty its buckets, lift its table's protection, and have its stack deleted."""
    its = f"arn:{partition}:iam::{account}"
    return [
        _allow(_SEES_STACKS, "*"),
        _allow(["cloudformation:DeleteStack"], _stack(name, partition, account)),
        _allow(["s3:ListBucketVersions"], f"arn:{partition}:s3:::{name}-*"),
        _allow(["s3:DeleteObject", "s3:DeleteObjectVersion"], f"arn:{partition}:s3:::{name}-*/*"),
        _allow(
            ["dynamodb:DescribeTable", "dynamodb:UpdateTable"],
            f"arn:{partition}:dynamodb:*:{account}:table/{name}",
        ),
        _allow([f"{service}:*" for service in MADE_OF], "*", _BY_CLOUDFORMATION),
        _allow(
            ["iam:Delete*", "iam:DetachRolePolicy", "iam:Get*", "iam:List*"],
            [f"{its}:role/{deployment}-*", f"{its}:policy/{deployment}-*boundary"],
            _BY_CLOUDFORMATION,
        ),
    ]


def _stack(name: str, partition: str, account: str) -> str:
    return f"arn:{partition}:cloudformation:*:{account}:stack/{name}/*"


def _allow(
    actions: list[str], resource: str | list[str], condition: dict[str, str] | None = None
) -> dict[str, Any]:
    allowed: dict[str, Any] = {"Effect": "Allow", "Action": actions, "Resource": resource}
    return {**allowed, "Condition": {"StringEquals": condition}} if condition else allowed
