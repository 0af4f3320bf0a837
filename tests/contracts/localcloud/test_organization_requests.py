"""Requests for accounts take their time, and an e-mail address makes one account.

https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateAccount.html
https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateAccountStatus.html
https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListCreateAccountStatus.html
https://docs.aws.amazon.com/organizations/latest/APIReference/API_CloseAccount.html
https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
"""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud.place import REGION, Place


@pytest.fixture
def organizations(cloud: Place, name: str) -> Any:
    """Of an organisation of the test's own: its account's number is the access key. What is
    refused is not tried again."""
    return boto3.client(
        "organizations",
        endpoint_url=cloud.endpoint,
        region_name=REGION,
        config=Config(retries={"total_max_attempts": 1}),
        aws_access_key_id=f"7{int(name.rpartition('-')[2]):011d}",
        aws_secret_access_key="test",
    )


def begin(organizations: Any, name: str) -> dict[str, Any]:
    status: dict[str, Any] = organizations.create_account(
        Email=f"{name}@example.com", AccountName=name
    )["CreateAccountStatus"]
    return status


def look(organizations: Any, request: str) -> dict[str, Any]:
    status: dict[str, Any] = organizations.describe_create_account_status(
        CreateAccountRequestId=request
    )["CreateAccountStatus"]
    return status


def succeeded(organizations: Any, request: str) -> str | None:
    return look(organizations, request).get("AccountId")


def test_an_account_comes_later_than_the_answer(organizations: Any, until: Any, name: str) -> None:
    begun, slow = begin(organizations, name), begin(organizations, f"{name}-slow")

    account = until(lambda: succeeded(organizations, begun["Id"]))

    assert begun["State"] == slow["State"] == "IN_PROGRESS"
    assert "AccountId" not in begun
    emails = [each["Email"] for each in organizations.list_accounts()["Accounts"]]
    assert f"{name}@example.com" in emails
    assert f"{name}-slow@example.com" not in emails
    described = organizations.describe_account(AccountId=account)["Account"]
    assert (described["Email"], described["State"]) == (f"{name}@example.com", "ACTIVE")


def test_requests_are_listed_by_their_state(organizations: Any, until: Any, name: str) -> None:
    begun, slow = begin(organizations, name), begin(organizations, f"{name}-slow")
    account = until(lambda: succeeded(organizations, begun["Id"]))

    listed = {
        state: organizations.list_create_account_status(States=[state])["CreateAccountStatuses"]
        for state in ("IN_PROGRESS", "SUCCEEDED", "FAILED")
    }

    assert [each["Id"] for each in listed["IN_PROGRESS"]] == [slow["Id"]]
    assert [(each["Id"], each["AccountId"]) for each in listed["SUCCEEDED"]] == [
        (begun["Id"], account)
    ]
    assert listed["FAILED"] == []


def test_a_list_of_requests_has_pages(organizations: Any, name: str) -> None:
    for number in range(3):
        begin(organizations, f"{name}-{number}-slow")

    first = organizations.list_create_account_status(MaxResults=2)
    second = organizations.list_create_account_status(MaxResults=2, NextToken=first["NextToken"])

    names = [s["AccountName"] for page in (first, second) for s in page["CreateAccountStatuses"]]
    assert names == [f"{name}-{number}-slow" for number in range(3)]
    assert "NextToken" not in second


def test_an_address_makes_one_account(organizations: Any, until: Any, name: str) -> None:
    begin(organizations, f"{name}-slow")
    meanwhile = begin(organizations, f"{name}-slow")
    first = begin(organizations, name)
    until(lambda: succeeded(organizations, first["Id"]))
    afterwards = begin(organizations, name)

    assert meanwhile["FailureReason"] == "CONCURRENT_ACCOUNT_MODIFICATION"
    assert afterwards["FailureReason"] == "EMAIL_ALREADY_EXISTS"
    emails = [each["Email"] for each in organizations.list_accounts()["Accounts"]]
    assert emails.count(f"{name}@example.com") == 1


def test_an_address_of_another_organisation_is_taken(
    client: Any, organizations: Any, until: Any, name: str
) -> None:
    first = begin(organizations, name)
    until(lambda: succeeded(organizations, first["Id"]))
    other = client("organizations", aws_access_key_id="700000999999", aws_secret_access_key="test")

    assert begin(other, name)["FailureReason"] == "EMAIL_ALREADY_EXISTS"


def test_five_are_in_progress_at_most(organizations: Any, name: str) -> None:
    for number in range(5):
        begin(organizations, f"{name}-{number}-slow")

    with pytest.raises(ClientError) as refused:
        begin(organizations, f"{name}-6-slow")
    assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"


def test_an_account_closes_in_its_own_time(organizations: Any, until: Any, name: str) -> None:
    begun = begin(organizations, name)
    account = until(lambda: succeeded(organizations, begun["Id"]))

    organizations.close_account(AccountId=account)

    until(
        lambda: organizations.describe_account(AccountId=account)["Account"]["State"] == "SUSPENDED"
    )
    with pytest.raises(ClientError) as refused:
        organizations.close_account(AccountId=account)
    assert refused.value.response["Error"]["Code"] == "AccountAlreadyClosedException"
