"""Clients of the user pool for programs, on the fake and on Cognito alike."""

import base64
import json
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from tenantry.accounts.cognito import CognitoMachineClients
from tenantry.accounts.repository import Client, MachineClients
from tenantry.errors import LimitExceededError, NotFoundError, UnavailableError
from tests.support.accounts import FakeMachineClients, account
from tests.support.ministack import MiniStack

ACME, OTHER = account("public"), account("public", "a-1-1", "other")
GIVEN = {"tenantry/accounts.read", "tenantry/entitlements.read", "tenantry/usage.read"}
"""The scopes of the product, typed here."""


@dataclass
class Pool:
    clients: MachineClients
    cognito: Any = None
    pool_id: str = ""
    endpoint: str = ""


@pytest.fixture(params=["in memory", "cognito"])
def pool(request: pytest.FixtureRequest) -> Pool:
    return Pool(FakeMachineClients()) if request.param == "in memory" else _cognito(request)


@pytest.fixture
def cognito(request: pytest.FixtureRequest) -> Pool:
    return _cognito(request)


def _cognito(request: pytest.FixtureRequest) -> Pool:
    """A pool with the product's resource server, as the template makes it."""
    cloud: MiniStack = request.getfixturevalue("ministack")
    client = cloud.client("cognito-idp")
    pool_id = client.create_user_pool(PoolName="programs")["UserPool"]["Id"]
    scopes = [
        {"ScopeName": name.removeprefix("tenantry/"), "ScopeDescription": "read"} for name in GIVEN
    ]
    client.create_resource_server(
        UserPoolId=pool_id, Identifier="tenantry", Name="Tenantry", Scopes=scopes
    )
    adapter = CognitoMachineClients(client, pool_id, "tenantry")
    return Pool(adapter, client, pool_id, cloud.endpoint)


def test_an_accounts_clients_are_found_by_their_names_alone(pool: Pool) -> None:
    second, first = pool.clients.make(ACME, 2), pool.clients.make(ACME, 1)
    theirs = pool.clients.make(OTHER, 1)

    assert pool.clients.of(ACME) == [Client(first, 1), Client(second, 2)]
    assert pool.clients.of(OTHER) == [Client(theirs, 1)]


def test_two_of_a_name_are_both_found(pool: Pool) -> None:
    """Cognito does not mind: a call whose answer was lost may have made one."""
    made = {pool.clients.make(ACME, 1), pool.clients.make(ACME, 1)}

    assert {each.client_id for each in pool.clients.of(ACME)} == made
    assert len(made) == 2


def test_all_of_them_are_found_page_by_page_with_whose_they_are(pool: Pool) -> None:
    made = {pool.clients.make(ACME, number): "a-1" for number in (1, 2)}
    made |= {pool.clients.make(OTHER, 1): "a-1-1"}
    found: dict[str, str] = {}
    after = None
    while True:
        page, after = pool.clients.page(after)
        found |= page
        if after is None:
            break

    assert found == made


def test_when_one_was_made_is_known_until_it_is_gone(pool: Pool) -> None:
    client_id = pool.clients.make(ACME, 1)

    made_at = pool.clients.made_at(client_id)
    assert made_at is not None
    assert made_at.tzinfo is not None
    pool.clients.remove(client_id)
    assert pool.clients.made_at(client_id) is None


def test_clients_with_other_names_are_nobodys(cognito: Pool) -> None:
    """Of the front ends, the command line and whoever else signs in at the pool."""
    for name in ("tenantry-web", "tenantry-technical-user-", "other-technical-user-a-1-1"):
        cognito.cognito.create_user_pool_client(UserPoolId=cognito.pool_id, ClientName=name)
    made = cognito.clients.make(ACME, 1)

    assert cognito.clients.page(None) == ({made: "a-1"}, None)


def test_each_has_a_secret_of_its_own_until_it_is_gone(pool: Pool) -> None:
    one, two = pool.clients.make(ACME, 1), pool.clients.make(ACME, 2)

    assert pool.clients.secret(one) != pool.clients.secret(two)
    for _ in range(2):  # what is gone is fine
        pool.clients.remove(one)
    assert pool.clients.of(ACME) == [Client(two, 2)]
    with pytest.raises(NotFoundError):
        pool.clients.secret(one)


def test_more_than_a_page_of_clients_are_looked_through(cognito: Pool) -> None:
    for number in range(70):
        cognito.cognito.create_user_pool_client(UserPoolId=cognito.pool_id, ClientName=f"c{number}")
    made = cognito.clients.make(ACME, 1)

    assert cognito.clients.of(ACME) == [Client(made, 1)]


def test_it_signs_programs_in_for_the_products_scopes_and_nobody_else(cognito: Pool) -> None:
    client_id = cognito.clients.make(ACME, 1)
    made = cognito.cognito.describe_user_pool_client(
        UserPoolId=cognito.pool_id, ClientId=client_id
    )["UserPoolClient"]

    assert made["AllowedOAuthFlows"] == ["client_credentials"]
    assert set(made["AllowedOAuthScopes"]) == GIVEN
    # Without any, Cognito allows sign-in by SRP and by custom flows.
    assert made["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"]
    assert (made["AccessTokenValidity"], made["TokenValidityUnits"]["AccessToken"]) == (
        60,
        "minutes",
    )


def token(pool: Pool, client_id: str, secret: str, **more: str) -> requests.Response:
    """https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html"""
    form = {"grant_type": "client_credentials", **more}
    return requests.post(
        f"{pool.endpoint}/oauth2/token", data=form, auth=(client_id, secret), timeout=30
    )


def test_a_token_says_which_client_it_is_of_and_nothing_of_organisations(cognito: Pool) -> None:
    client_id = cognito.clients.make(ACME, 1)
    answer = token(
        cognito,
        client_id,
        cognito.clients.secret(client_id),
        aws_client_metadata=json.dumps({"org_id": "other", "role": "OWNER"}),
    )

    assert answer.status_code == 200
    body = answer.json()["access_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    assert claims["sub"] == claims["client_id"] == client_id
    assert (claims["token_use"], set(claims["scope"].split())) == ("access", GIVEN)
    assert not {"org_id", "role", "cognito:groups", "username"} & claims.keys()


def test_no_token_for_a_wrong_secret_another_scope_or_a_client_that_is_gone(cognito: Pool) -> None:
    client_id = cognito.clients.make(ACME, 1)
    secret = cognito.clients.secret(client_id)

    assert token(cognito, client_id, secret + "x").json()["error"] == "invalid_client"
    for scope in ("aws.cognito.signin.user.admin", "tenantry/everything"):
        assert token(cognito, client_id, secret, scope=scope).status_code == 400
    cognito.clients.remove(client_id)
    assert token(cognito, client_id, secret).status_code == 400


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("TooManyRequestsException", UnavailableError),
        ("InternalErrorException", UnavailableError),
        ("LimitExceededException", LimitExceededError),
        ("ScopeDoesNotExistException", ClientError),
    ],
)
def test_what_the_pool_refuses_is_told_apart(
    cognito: Pool, code: str, told: type[Exception]
) -> None:
    with Stubber(cognito.cognito) as stub:
        stub.add_client_error("create_user_pool_client", code)
        with pytest.raises(told):
            cognito.clients.make(ACME, 1)


def test_the_fake_has_room_for_so_many() -> None:
    full = FakeMachineClients(room=1)
    full.make(ACME, 1)
    with pytest.raises(LimitExceededError):
        full.make(ACME, 2)
