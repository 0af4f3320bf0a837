"""Who makes and changes roles can be bound to give them a permissions boundary, as on AWS.

"Delegating responsibility to others using permissions boundaries",
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


@pytest.fixture
def bound(client: Any) -> tuple[Any, str, str]:
    """IAM as somebody who makes bounded roles alone; the boundary, and another policy."""
    iam = client("iam")
    boundary, other = (
        iam.create_policy(PolicyName=name, PolicyDocument=document(ALL))["Policy"]["Arn"]
        for name in ("bound", "other")
    )
    denied = {
        "Effect": "Deny",
        "Action": ["iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"],
        "Resource": "*",
        "Condition": {"StringNotEquals": {"iam:PermissionsBoundary": boundary}},
    }
    iam.create_user(UserName="maker")
    iam.put_user_policy(UserName="maker", PolicyName="makes", PolicyDocument=document(ALL, denied))
    made = iam.create_access_key(UserName="maker")["AccessKey"]
    keys = {
        "aws_access_key_id": made["AccessKeyId"],
        "aws_secret_access_key": made["SecretAccessKey"],
    }
    return client("iam", **keys), boundary, other


def test_a_role_is_made_and_changed_behind_the_boundary_alone(
    client: Any, bound: tuple[Any, str, str]
) -> None:
    iam, boundary, other = bound
    policy = {"PolicyName": "p", "PolicyDocument": document(ALL)}
    client("iam").create_role(RoleName="free", AssumeRolePolicyDocument=TRUST)

    for given in ({}, {"PermissionsBoundary": other}):
        with pytest.raises(ClientError, match="AccessDenied"):
            iam.create_role(RoleName="loose", AssumeRolePolicyDocument=TRUST, **given)
    with pytest.raises(ClientError, match="AccessDenied"):
        iam.put_role_policy(RoleName="free", **policy)
    with pytest.raises(ClientError, match="AccessDenied"):
        iam.put_role_permissions_boundary(RoleName="free", PermissionsBoundary=other)

    iam.create_role(RoleName="held", AssumeRolePolicyDocument=TRUST, PermissionsBoundary=boundary)
    iam.put_role_policy(RoleName="held", **policy)
