"""Accounts that Organizations creates can be entered, and closed ones cannot.

CreateAccount and CloseAccount, AWS Organizations API reference:
https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateAccount.html
https://docs.aws.amazon.com/organizations/latest/APIReference/API_CloseAccount.html
"""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError


def create_account(client: Any, until: Any, name: str, **options: str) -> str:
    organizations = client("organizations")
    request = organizations.create_account(
        Email=f"{name}@example.com", AccountName=name, **options
    )["CreateAccountStatus"]["Id"]

    def made() -> str | None:
        status = organizations.describe_create_account_status(CreateAccountRequestId=request)
        account: str | None = status["CreateAccountStatus"].get("AccountId")
        return account

    return str(until(made))


def enter(client: Any, account: str, role: str = "OrganizationAccountAccessRole") -> Any:
    keys = client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/{role}", RoleSessionName="management"
    )["Credentials"]
    return lambda service: client(
        service,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


def test_the_management_account_administers_a_new_one(client: Any, until: Any, name: str) -> None:
    account = create_account(client, until, name)

    inside = enter(client, account)

    assert inside("sts").get_caller_identity()["Account"] == account
    inside("s3").create_bucket(
        Bucket=f"{name}-inside", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    buckets = [each["Name"] for each in client("s3").list_buckets()["Buckets"]]
    assert f"{name}-inside" not in buckets


def test_the_role_has_the_name_that_was_asked_for(client: Any, until: Any, name: str) -> None:
    account = create_account(client, until, name, RoleName="Entrance")

    assert enter(client, account, "Entrance")("sts").get_caller_identity()["Account"] == account


def test_another_account_may_not_enter(client: Any, until: Any, name: str) -> None:
    account = create_account(client, until, name)
    stranger = client("sts", aws_access_key_id="123456789012", aws_secret_access_key="test")

    with pytest.raises(ClientError) as denied:
        stranger.assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole",
            RoleSessionName="stranger",
        )
    assert denied.value.response["Error"]["Code"] == "AccessDenied"


def test_a_closed_account_is_suspended_and_shut(client: Any, until: Any, name: str) -> None:
    account = create_account(client, until, name)
    inside = enter(client, account)

    client("organizations").close_account(AccountId=account)

    def is_suspended() -> bool:
        described = client("organizations").describe_account(AccountId=account)["Account"]
        assert described["State"] in ("PENDING_CLOSURE", "SUSPENDED")
        return bool(described["State"] == "SUSPENDED")

    until(is_suspended)
    with pytest.raises(ClientError) as denied:
        enter(client, account)
    assert denied.value.response["Error"]["Code"] == "AccessDenied"
    with pytest.raises(ClientError) as denied:
        inside("dynamodb").list_tables()
    assert denied.value.response["Error"]["Code"] == "AccessDeniedException"
