"""Nobody gives themselves rights: whatever is sent to Cognito, tokens and profiles stay the same.

Every name below is tried at every place that takes names from a client. What would show is the
value: it names another organisation, the highest role and plan, and the operators' group.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import bcrypt
import pytest
from pycognito.aws_srp import AWSSRP

from localcloud.client import Product, Tokens, claims_of
from tests.e2e.conftest import PASSWORD, People, Person
from tests.support.refusals import refusal

NAMES = (
    "custom:role",
    "custom:org_id",
    "custom:organization_id",
    "custom:tenant_id",
    "custom:plan",
    "custom:groups",
    "custom:permissions",
    "dev:custom:role",
    "CUSTOM:ROLE",
    "role",
    "Role",
    "ROLE",
    "roles",
    "org_id",
    "orgId",
    "org",
    "tenant",
    "tenant_id",
    "tenantId",
    "plan",
    "groups",
    "group",
    "cognito:groups",
    "cognito:roles",
    "cognito:preferred_role",
    "cognito:user_status",
    "cognito:username",
    "sub",
    "username",
    "userName",
    "user_id",
    "user_status",
    "status",
    "scope",
    "token_use",
    "iss",
    "email_verified",
    "phone_number_verified",
    "identities",
    "permissions",
    "extra_permissions",
    "is_admin",
    "admin",
    "superadmin",
    "entity_version",
    "active_organization_id",
    "organization_id ",
    "__proto__",
    "profile",
    "GSI1PK",
    "PK",
)
ME = "query { me { id email name locale activeOrganization { organizationId role plan } } }"

Aws = Callable[[str], Any]


@dataclass(frozen=True)
class Victim:
    """Another organisation, and what a person would be there."""

    organization_id: str

    @property
    def value(self) -> str:
        """Everything at once: another's organisation, the highest role and plan, the operators."""
        return f"{self.organization_id} OWNER ENTERPRISE SuperAdmin"

    @property
    def metadata(self) -> dict[str, str]:
        return dict.fromkeys(NAMES, self.value)

    def nowhere_in(self, found: object) -> None:
        text = json.dumps(found, default=str)
        for canary in (self.organization_id, "ENTERPRISE", "SuperAdmin"):
            assert canary not in text


@pytest.fixture(scope="module")
def victim(people: People) -> Victim:
    return Victim(people.owner("Victim's").organization_id)


@pytest.fixture(scope="module")
def attacker(people: People, victim: Victim) -> Person:
    return people.join("attacker")


@pytest.fixture
def stored(product: Product, aws: Aws) -> Callable[[str], dict[str, Any]]:
    """All that is stored of a person: profile and memberships."""

    def read(user_id: str) -> dict[str, Any]:
        client, table = aws("dynamodb"), product.outputs["PlatformTable"]
        own = client.query(
            TableName=table,
            KeyConditionExpression="PK = :pk",
            ExpressionAttributeValues={":pk": {"S": f"USER#{user_id}"}},
        )["Items"]
        memberships = client.query(
            TableName=table,
            IndexName="GSI1",
            KeyConditionExpression="GSI1PK = :pk",
            ExpressionAttributeValues={":pk": {"S": f"USER#{user_id}"}},
        )["Items"]
        assert own
        return {"own": own, "memberships": memberships}

    return read


def sign_in_with(
    product: Product, email: str, metadata: dict[str, str], client: str = "UserPoolClientId"
) -> Tokens:
    """Sign in by SRP with client metadata at both steps."""
    srp = AWSSRP(
        username=email,
        password=PASSWORD,
        pool_id=product.outputs["UserPoolId"],
        client_id=product.outputs[client],
        client=product.cognito,
    )
    parameters = srp.get_auth_params()
    challenge = product.cognito.initiate_auth(
        ClientId=product.outputs[client],
        AuthFlow="USER_SRP_AUTH",
        AuthParameters=parameters,
        ClientMetadata=metadata,
    )
    return Tokens.of(
        product.cognito.respond_to_auth_challenge(
            ClientId=product.outputs[client],
            ChallengeName=challenge["ChallengeName"],
            ChallengeResponses=srp.process_challenge(challenge["ChallengeParameters"], parameters),
            ClientMetadata=metadata,
        )
    )


def test_there_are_many_names() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 50


def test_what_an_attack_would_show_is_looked_for_where_it_shows(
    product: Product,
    people: People,
    victim: Victim,
    stored: Callable[[str], dict[str, Any]],
) -> None:
    """The twin of all that follows: a person who does belong there is seen to."""
    member = people.member(victim.organization_id, "ADMIN")

    assert member.tokens.claims["role"] == "ADMIN"
    for found in (member.tokens.claims, claims_of(member.tokens.id), stored(member.user_id)):
        with pytest.raises(AssertionError):
            victim.nowhere_in(found)


@pytest.mark.parametrize("name", NAMES)
def test_no_attribute_is_taken_at_sign_up_or_later(
    product: Product, people: People, victim: Victim, attacker: Person, name: str
) -> None:
    email = people.address("self-made")
    client = product.outputs["UserPoolClientId"]
    attributes = [{"Name": name, "Value": victim.value}]

    at_sign_up = refusal(
        lambda: product.cognito.sign_up(
            ClientId=client,
            Username=email,
            Password=PASSWORD,
            UserAttributes=[{"Name": "email", "Value": email}, *attributes],
        )
    )
    later = refusal(
        lambda: product.cognito.update_user_attributes(
            AccessToken=attacker.tokens.access, UserAttributes=attributes
        )
    )

    assert {at_sign_up.code, later.code} <= {
        "NotAuthorizedException",
        "InvalidParameterException",
    }


def test_what_was_tried_left_nothing(
    product: Product,
    victim: Victim,
    attacker: Person,
    aws: Aws,
    stored: Callable[[str], dict[str, Any]],
) -> None:
    user = aws("cognito-idp").admin_get_user(
        UserPoolId=product.outputs["UserPoolId"], Username=attacker.email
    )
    tokens = product.sign_in(attacker.email, PASSWORD)

    for found in (user, tokens.claims, claims_of(tokens.id), stored(attacker.user_id)):
        victim.nowhere_in(found)
    assert not {"org_id", "role", "plan", "cognito:groups"} & tokens.claims.keys()


def test_no_metadata_is_believed_at_any_step(
    product: Product,
    people: People,
    victim: Victim,
    stored: Callable[[str], dict[str, Any]],
) -> None:
    email, client = people.address("schemer"), product.outputs["UserPoolClientId"]
    product.sign_up(email, PASSWORD, **victim.metadata, name="Schemer")
    product.cognito.confirm_sign_up(
        ClientId=client,
        Username=email,
        ConfirmationCode=product.code_mailed_to(email),
        ClientMetadata=victim.metadata,
    )
    tokens = sign_in_with(product, email, victim.metadata)
    refreshed = Tokens.of(
        product.cognito.initiate_auth(
            ClientId=client,
            AuthFlow="REFRESH_TOKEN_AUTH",
            AuthParameters={"REFRESH_TOKEN": tokens.refresh},
            ClientMetadata=victim.metadata,
        )
    )

    for found in (
        tokens.claims,
        claims_of(tokens.id),
        refreshed.claims,
        claims_of(refreshed.id),
        stored(str(tokens.claims["sub"])),
    ):
        victim.nowhere_in(found)
    me = product.graphql(ME, tokens)["me"]
    assert (me["name"], me["activeOrganization"]) == ("Schemer", None)


def test_wishes_make_an_organisation_of_ones_own_and_no_other(
    product: Product, people: People, victim: Victim
) -> None:
    email = people.address("founder")
    tokens = product.join(email, PASSWORD, **victim.metadata, organization_name="Their own")

    assert tokens.claims["role"] == "OWNER"
    assert tokens.claims["plan"] == "FREE"
    assert tokens.claims["cognito:groups"] == ["OrgAdmin"]
    victim.nowhere_in(tokens.claims)


def test_the_older_system_hands_over_no_authority(
    product: Product,
    people: People,
    victim: Victim,
    aws: Aws,
    stored: Callable[[str], dict[str, Any]],
) -> None:
    email, password = people.address("legacy", "legacy.example"), "an old Password from 2009!"
    aws("dynamodb").put_item(
        TableName=product.outputs["LegacyTable"],
        Item={
            **{name: {"S": victim.value} for name in NAMES},
            "email": {"S": email},
            "password_hash": {"S": bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()},
            "name": {"S": "Grace"},
        },
    )

    tokens = product.sign_in_with_password(email, password)

    user = aws("cognito-idp").admin_get_user(
        UserPoolId=product.outputs["UserPoolId"], Username=email
    )
    for found in (user, tokens.claims, claims_of(tokens.id), stored(str(tokens.claims["sub"]))):
        victim.nowhere_in(found)
    assert product.graphql(ME, tokens)["me"]["name"] == "Grace"


@pytest.mark.parametrize("name", ["name", "locale"])
def test_what_a_person_may_write_grants_nothing(
    product: Product, attacker: Person, victim: Victim, name: str
) -> None:
    product.cognito.update_user_attributes(
        AccessToken=attacker.tokens.access,
        UserAttributes=[{"Name": name, "Value": victim.value}],
    )

    tokens = product.sign_in(attacker.email, PASSWORD)

    assert not {"org_id", "role", "plan", "cognito:groups"} & tokens.claims.keys()
    assert product.graphql(ME, tokens)["me"]["activeOrganization"] is None


@pytest.mark.parametrize(
    "change",
    [
        {"cognito:groups": ["SuperAdmin"]},
        {"org_id": "VICTIM", "role": "OWNER"},
        {"sub": "00000000-0000-4000-8000-000000000000"},
        {"exp": 4102444800},
    ],
)
def test_a_token_that_was_changed_is_no_token(
    product: Product, attacker: Person, victim: Victim, change: dict[str, Any]
) -> None:
    forged = _forged(attacker.tokens.access, change, victim.organization_id)

    told = refusal(lambda: product.graphql(ME, forged))
    answer = product.rest("POST", "/api/organizations", forged, body={"name": "Forged"})

    assert told.code == "UnauthorizedException"
    assert answer.status_code == 401
    assert product.graphql(ME, attacker.tokens)["me"]["id"] == attacker.user_id


def _forged(token: str, change: dict[str, Any], organization_id: str) -> Tokens:
    header, _, signature = token.split(".")
    told = {name: organization_id if v == "VICTIM" else v for name, v in change.items()}
    claims = {**claims_of(token), **told}
    payload = urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return Tokens(f"{header}.{payload}.{signature}", "", "")
