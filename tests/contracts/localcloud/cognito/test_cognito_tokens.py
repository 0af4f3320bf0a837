"""What the tokens say after PreTokenGeneration.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html
"""

from __future__ import annotations

from typing import Any

import pytest

SOURCE = "TokenGeneration_Authentication"


def answering(**details: Any) -> dict[str, Any]:
    return {"claimsAndScopeOverrideDetails": details}


@pytest.fixture
def member(directories: Any) -> Any:
    """A directory whose user is in the group Member, and the user's id."""
    directory = directories((), tokens=True)
    sub = directory.member()
    directory.admin.create_group(UserPoolId=directory.pool, GroupName="Member")
    directory.admin.admin_add_user_to_group(
        UserPoolId=directory.pool, Username=directory.email, GroupName="Member"
    )
    return directory, sub


def test_one_event_decides_both_tokens(member: Any, claims: Any) -> None:
    directory, sub = member
    directory.tell(
        SOURCE,
        answers=answering(
            accessTokenGeneration={
                "claimsToAddOrOverride": {"org_id": "o1", "seats": 3},
                "scopesToAdd": ["tenantry/read"],
            },
            idTokenGeneration={
                "claimsToAddOrOverride": {"plan": "FREE"},
                "claimsToSuppress": ["email"],
            },
        ),
    )

    result = directory.srp_sign_in({"from": "respond"})["AuthenticationResult"]

    assert directory.events() == [directory.expected("pre_token_generation", user=sub)]
    access, identity = claims(result["AccessToken"]), claims(result["IdToken"])
    assert (access["org_id"], access["seats"]) == ("o1", 3)
    assert access["scope"] == "aws.cognito.signin.user.admin tenantry/read"
    assert identity["plan"] == "FREE"
    assert "email" not in identity
    assert access["cognito:groups"] == identity["cognito:groups"] == ["Member"]


def test_groups_beside_the_token_sections_replace_those_of_both_tokens(
    member: Any, claims: Any
) -> None:
    directory, _ = member
    directory.tell(
        SOURCE, answers=answering(groupOverrideDetails={"groupsToOverride": ["OrgAdmin"]})
    )

    result = directory.sign_in()["AuthenticationResult"]

    assert claims(result["AccessToken"])["cognito:groups"] == ["OrgAdmin"]
    assert claims(result["IdToken"])["cognito:groups"] == ["OrgAdmin"]


@pytest.mark.parametrize("groups", [None, {}])
def test_empty_groups_suppress_them(member: Any, claims: Any, groups: Any) -> None:
    directory, _ = member
    directory.tell(SOURCE, answers=answering(groupOverrideDetails=groups))

    result = directory.sign_in()["AuthenticationResult"]

    assert "cognito:groups" not in claims(result["AccessToken"])
    assert "cognito:groups" not in claims(result["IdToken"])


def test_who_the_token_is_of_cannot_be_changed(member: Any, claims: Any) -> None:
    directory, sub = member
    directory.tell(
        SOURCE,
        answers=answering(
            accessTokenGeneration={
                "claimsToAddOrOverride": {"sub": "mallory", "cognito:groups": ["SuperAdmin"]},
                "claimsToSuppress": ["exp", "iss"],
            }
        ),
    )

    token = claims(directory.sign_in()["AuthenticationResult"]["AccessToken"])

    assert token["sub"] == sub
    assert token["cognito:groups"] == ["Member"]
    assert {"exp", "iss"} <= token.keys()


def test_a_refresh_asks_again_and_says_so(member: Any, claims: Any) -> None:
    directory, _ = member
    first = directory.sign_in()["AuthenticationResult"]
    directory.tell(
        "TokenGeneration_RefreshTokens",
        answers=answering(accessTokenGeneration={"claimsToAddOrOverride": {"org_id": "o2"}}),
    )

    refreshed = directory.public.initiate_auth(
        ClientId=directory.client,
        AuthFlow="REFRESH_TOKEN_AUTH",
        AuthParameters={"REFRESH_TOKEN": first["RefreshToken"]},
    )["AuthenticationResult"]

    assert directory.sources() == [SOURCE, "TokenGeneration_RefreshTokens"]
    assert claims(refreshed["AccessToken"])["org_id"] == "o2"


def test_a_sign_ins_own_metadata_does_not_reach_it(member: Any) -> None:
    directory, _ = member

    directory.sign_in(ClientMetadata={"device": "d1"})

    (event,) = directory.events()
    assert "clientMetadata" not in event["request"]


def test_a_trigger_that_raises_keeps_the_tokens(member: Any, refused: Any) -> None:
    directory, _ = member
    directory.tell(SOURCE, raises="suspended")

    assert refused(directory.sign_in) == (
        "UserLambdaValidationException",
        "PreTokenGeneration failed with error suspended.",
    )
