"""A key's policy decides on what a request says of itself, as on AWS.

"AWS KMS condition keys": kms:EncryptionContext:context-key, kms:SigningAlgorithm,
https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

ROOT = {
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
    "Action": "kms:*",
    "Resource": "*",
}


def user(client: Any, name: str) -> dict[str, str]:
    """Credentials of a user who may do everything with keys."""
    iam = client("iam")
    iam.create_user(UserName=name)
    allowed = {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [allowed]}
    iam.put_user_policy(UserName=name, PolicyName="keys", PolicyDocument=json.dumps(policy))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return {
        "aws_access_key_id": made["AccessKeyId"],
        "aws_secret_access_key": made["SecretAccessKey"],
    }


def key(client: Any, condition: dict[str, Any], **more: Any) -> str:
    denied = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["kms:Decrypt", "kms:Encrypt", "kms:Sign"],
        "Resource": "*",
        "Condition": condition,
    }
    policy = {"Version": "2012-10-17", "Statement": [ROOT, denied]}
    made = client("kms").create_key(Policy=json.dumps(policy), **more)
    return str(made["KeyMetadata"]["KeyId"])


def test_a_key_can_ask_for_an_encryption_context(client: Any) -> None:
    kms = client("kms", **user(client, "kms-context"))
    own = key(client, {"Null": {"kms:EncryptionContext:tenant_id": "true"}})

    assert kms.encrypt(KeyId=own, Plaintext=b"x", EncryptionContext={"tenant_id": "t-1"})
    for context in ({}, {"other": "t-1"}):
        with pytest.raises(ClientError, match="AccessDenied"):
            kms.encrypt(KeyId=own, Plaintext=b"x", EncryptionContext=context)


def test_a_key_can_ask_for_one_tenants_context(client: Any) -> None:
    kms = client("kms", **user(client, "kms-tenant"))
    own = key(client, {"StringNotEquals": {"kms:EncryptionContext:tenant_id": "t-1"}})

    assert kms.encrypt(KeyId=own, Plaintext=b"x", EncryptionContext={"tenant_id": "t-1"})
    with pytest.raises(ClientError, match="AccessDenied"):
        kms.encrypt(KeyId=own, Plaintext=b"x", EncryptionContext={"tenant_id": "t-2"})


def test_a_key_can_ask_for_an_algorithm(client: Any) -> None:
    kms = client("kms", **user(client, "kms-algorithm"))
    condition = {"StringNotEquals": {"kms:SigningAlgorithm": "ECDSA_SHA_256"}}
    own = key(client, condition, KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")

    signed = kms.sign(KeyId=own, Message=b"x", SigningAlgorithm="ECDSA_SHA_256")
    assert signed["Signature"]
