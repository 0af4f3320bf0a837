"""A trust policy that names the roles that may assume a role lets them in, and no others.

"AWS global condition context keys", aws:PrincipalArn, IAM user guide:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

ROOT = "arn:aws:iam::000000000000"


def document(**more: Any) -> str:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def role(client: Any, name: str, **conditions: Any) -> Any:
    """A role that may assume any; trusted by the account under `conditions`."""
    iam = client("iam")
    trust = document(Principal={"AWS": f"{ROOT}:root"}, **conditions)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    iam.put_role_policy(
        RoleName=name, PolicyName="assumes", PolicyDocument=document(Resource=f"{ROOT}:role/*")
    )


def assume(sts: Any, name: str) -> dict[str, str]:
    keys = sts.assume_role(RoleArn=f"{ROOT}:role/{name}", RoleSessionName="session")["Credentials"]
    return {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }


def test_a_session_is_known_by_its_role(client: Any, name: str) -> None:
    named = {"Condition": {"ArnLike": {"aws:PrincipalArn": f"{ROOT}:role/{name}-trusted-*"}}}
    role(client, f"{name}-target", **named)
    for each in ("trusted-one", "other"):
        role(client, f"{name}-{each}")
    trusted, other = (
        client("sts", **assume(client("sts"), f"{name}-{each}"))
        for each in ("trusted-one", "other")
    )

    assert assume(trusted, f"{name}-target")
    with pytest.raises(ClientError) as denied:
        assume(other, f"{name}-target")
    assert denied.value.response["Error"]["Code"] == "AccessDenied"
