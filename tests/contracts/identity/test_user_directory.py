"""The user pool's administrator side, by hand and on Cognito's API alike."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from tenantry.identity.model import FederatedIdentity, PoolUser
from tenantry.identity.repository import UserDirectory
from tenantry.identity.user_pool import CognitoUserDirectory
from tenantry.tenancy.roles import OPERATOR_GROUP
from tests.support.fakes.identity import FakeUserDirectory

GOOGLE = FederatedIdentity("Google", "4711")


@dataclass
class Pool:
    """A pool with one confirmed user of a proven address."""

    directory: UserDirectory
    pool_id: str
    user_name: str
    user_id: str
    promote: Callable[[], Any]


@pytest.fixture(params=["in memory", "cognito"])
def pool(request: pytest.FixtureRequest) -> Pool:
    if request.param == "in memory":
        ada = PoolUser("u-1", "CONFIRMED", enabled=True, email_verified=True)
        fake = FakeUserDirectory({"ada@example.com": ada})
        return Pool(fake, "pool", "u-1", "u-1", lambda: fake.operators.add("u-1"))
    request.getfixturevalue("moto")
    client: Any = boto3.client("cognito-idp")
    made = client.create_user_pool(PoolName="people", UsernameAttributes=["email"])
    pool_id = made["UserPool"]["Id"]
    created = client.admin_create_user(
        UserPoolId=pool_id,
        Username="ada@example.com",
        UserAttributes=[
            {"Name": "email", "Value": "ada@example.com"},
            {"Name": "email_verified", "Value": "true"},
        ],
    )
    client.admin_set_user_password(
        UserPoolId=pool_id, Username="ada@example.com", Password="Abcdef12!", Permanent=True
    )
    directory = CognitoUserDirectory(lambda: client)
    name = created["User"]["Username"]
    client.create_group(UserPoolId=pool_id, GroupName=OPERATOR_GROUP)

    def promote() -> None:
        client.admin_add_user_to_group(UserPoolId=pool_id, Username=name, GroupName=OPERATOR_GROUP)

    sub = next(a["Value"] for a in created["User"]["Attributes"] if a["Name"] == "sub")
    return Pool(directory, pool_id, name, sub, promote)


def test_the_owner_of_an_address_is_found(pool: Pool) -> None:
    user = pool.directory.find(pool.pool_id, "ada@example.com")

    assert user == PoolUser(pool.user_name, "CONFIRMED", enabled=True, email_verified=True)
    assert user.proven


def test_an_address_of_nobody_is_found_as_nobody(pool: Pool) -> None:
    assert pool.directory.find(pool.pool_id, "bob@example.com") is None


def test_sessions_are_ended(pool: Pool) -> None:
    pool.directory.sign_out(pool.pool_id, pool.user_name)


def test_a_user_is_deleted_and_who_is_gone_is_no_fault(pool: Pool) -> None:
    for _ in range(2):
        pool.directory.delete(pool.pool_id, pool.user_name)

    assert pool.directory.find(pool.pool_id, "ada@example.com") is None


def test_nobody_is_an_operator_but_who_is_made_one(pool: Pool) -> None:
    assert not pool.directory.is_operator(pool.pool_id, pool.user_name)
    assert not pool.directory.is_operator(pool.pool_id, "gone")

    assert pool.directory.operator_ids(pool.pool_id) == []

    pool.promote()

    assert pool.directory.is_operator(pool.pool_id, pool.user_name)
    [operator] = pool.directory.operator_ids(pool.pool_id)
    assert operator == pool.user_id


def test_signing_out_somebody_who_is_gone_is_no_fault(pool: Pool) -> None:
    pool.directory.sign_out(pool.pool_id, "gone")


LINK = {
    "UserPoolId": "eu-central-1_Pool",
    "DestinationUser": {"ProviderName": "Cognito", "ProviderAttributeValue": "u-1"},
    "SourceUser": {
        "ProviderName": "Google",
        "ProviderAttributeName": "Cognito_Subject",
        "ProviderAttributeValue": "4711",
    },
}
"""https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminLinkProviderForUser.html"""


def user_with(identities: str) -> dict[str, Any]:
    return {
        "Username": "u-1",
        "UserStatus": "CONFIRMED",
        "Enabled": True,
        "UserAttributes": [{"Name": "identities", "Value": identities}],
    }


def linked(identities: str | None) -> None:
    """Link, where Cognito refuses because it knows such a link already."""
    client: Any = boto3.client("cognito-idp")
    with Stubber(client) as stub:
        if identities is None:
            stub.add_response("admin_link_provider_for_user", {}, LINK)
        else:
            stub.add_client_error(
                "admin_link_provider_for_user", "InvalidParameterException", expected_params=LINK
            )
            stub.add_response("admin_get_user", user_with(identities))
        CognitoUserDirectory(lambda: client).link("eu-central-1_Pool", GOOGLE, "u-1")
        stub.assert_no_pending_responses()


def test_an_identity_is_linked_to_the_pools_own_user() -> None:
    linked(None)


def test_linking_twice_is_once() -> None:
    linked('[{"providerName": "Google", "userId": "4711"}]')


@pytest.mark.parametrize("identities", ["[]", '[{"providerName": "Google", "userId": "1"}]'])
def test_a_link_that_is_refused_for_another_reason_is_an_error(identities: str) -> None:
    with pytest.raises(Exception, match="InvalidParameterException"):
        linked(identities)
