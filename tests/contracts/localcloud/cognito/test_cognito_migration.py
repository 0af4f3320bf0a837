"""Users of another directory come over.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-migrate-user.html
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

AUTHENTICATION = "UserMigration_Authentication"
FORGOT_PASSWORD = "UserMigration_ForgotPassword"
WRONG = ("NotAuthorizedException", "Incorrect username or password.")


def brought(directory: Any, **answers: Any) -> dict[str, Any]:
    """What a trigger answers that knows the user."""
    return {
        "userAttributes": {"email": directory.email, "email_verified": "true", "name": "Ada"},
        "messageAction": "SUPPRESS",
        **answers,
    }


def test_an_unknown_user_who_signs_in_with_a_password_comes_over(directories: Any) -> None:
    directory = directories()
    directory.tell(AUTHENTICATION, answers=brought(directory, finalUserStatus="CONFIRMED"))

    assert directory.sign_in(ClientMetadata={"device": "d1"})["AuthenticationResult"]

    assert directory.events(AUTHENTICATION) == [directory.expected("user_migration")]
    user = directory.user()
    assert (user["status"], user["name"], user["email_verified"]) == ("CONFIRMED", "Ada", "true")
    assert user["username"] == user["sub"]
    # PreSignUp sees the user as one an administrator makes; nothing is confirmed, nobody told.
    assert directory.sources() == [
        AUTHENTICATION,
        "PreSignUp_AdminCreateUser",
        "PreAuthentication_Authentication",
        "PostAuthentication_Authentication",
    ]
    assert directory.mails() == []


def test_a_migrated_user_is_not_asked_for_again(directories: Any, refused: Any) -> None:
    directory = directories(("UserMigration",))
    directory.tell(AUTHENTICATION, answers=brought(directory))
    directory.sign_in()

    assert directory.srp_sign_in()["AuthenticationResult"]
    assert refused(directory.sign_in, "Wrong-Horse-7") == WRONG

    assert directory.sources() == [AUTHENTICATION]


def test_an_administrators_password_flow_migrates(directories: Any) -> None:
    directory = directories(("UserMigration",))
    directory.tell(AUTHENTICATION, answers=brought(directory))

    assert directory.admin_sign_in()["AuthenticationResult"]


def test_srp_never_migrates(directories: Any, refused: Any) -> None:
    directory = directories(("UserMigration",))
    directory.tell(AUTHENTICATION, answers=brought(directory))

    assert refused(directory.srp_sign_in) == WRONG

    assert directory.events() == []
    assert not directory.exists()
    directory.sign_in()
    assert directory.exists()


def test_a_user_who_must_reset_the_password_learns_it(directories: Any, refused: Any) -> None:
    directory = directories(("UserMigration",))
    directory.tell(AUTHENTICATION, answers=brought(directory, finalUserStatus="RESET_REQUIRED"))

    assert refused(directory.sign_in)[0] == "PasswordResetRequiredException"

    assert directory.user()["status"] == "RESET_REQUIRED"


def test_a_forgotten_password_migrates_and_mails_a_code(directories: Any) -> None:
    directory = directories(("UserMigration", "PostConfirmation"))
    directory.tell(FORGOT_PASSWORD, answers=brought(directory))

    directory.public.forgot_password(
        ClientId=directory.client, Username=directory.email, ClientMetadata={"from": "forgot"}
    )
    assert directory.events() == [directory.expected("user_migration_forgot_password")]
    directory.public.confirm_forgot_password(
        ClientId=directory.client,
        Username=directory.email,
        ConfirmationCode=directory.code(),
        Password="Another-Horse-8",
    )

    assert directory.sign_in("Another-Horse-8")["AuthenticationResult"]


def test_an_event_returned_unchanged_looks_like_a_wrong_password(
    directories: Any, refused: Any
) -> None:
    directory = directories(("UserMigration",))

    assert refused(directory.sign_in) == WRONG
    forgotten = directory.public.forgot_password(
        ClientId=directory.client, Username=directory.email
    )

    assert forgotten["CodeDeliveryDetails"]["Destination"] == "a****@e****"
    assert directory.sources() == [AUTHENTICATION, FORGOT_PASSWORD]
    assert not directory.exists()


@pytest.mark.parametrize("behaviour", [{"raises": "directory down"}, {"returns": None}])
def test_a_trigger_that_fails_tells_that_the_user_is_unknown(
    directories: Any, refused: Any, behaviour: dict[str, Any]
) -> None:
    """Only an empty response is simulated, see cognito-user-pool-managing-errors.html."""
    directory = directories(("UserMigration",))
    directory.tell(AUTHENTICATION, **behaviour)

    assert refused(directory.sign_in) == (
        "UserNotFoundException",
        f"Exception migrating user in app client {directory.client}",
    )


def test_an_attribute_the_pool_does_not_have_stops_the_migration(
    directories: Any, refused: Any
) -> None:
    directory = directories(("UserMigration",))
    directory.tell(AUTHENTICATION, answers=brought(directory, userAttributes={"role": "OWNER"}))

    assert refused(directory.sign_in)[0] == "UserNotFoundException"

    assert not directory.exists()


def test_an_alias_moves_only_when_forced(directories: Any, refused: Any) -> None:
    directory = directories(("UserMigration",), UsernameAttributes=[], AliasAttributes=["email"])
    directory.admin.admin_create_user(
        UserPoolId=directory.pool,
        Username="old",
        MessageAction="SUPPRESS",
        UserAttributes=[
            {"Name": "email", "Value": directory.email},
            {"Name": "email_verified", "Value": "true"},
        ],
    )

    def sign_in() -> Any:
        return directory.public.initiate_auth(
            ClientId=directory.client,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "new", "PASSWORD": "Correct-Horse-7"},
        )

    directory.tell(AUTHENTICATION, answers=brought(directory))
    assert refused(sign_in)[0] == "UserNotFoundException"
    directory.tell(AUTHENTICATION, answers=brought(directory, forceAliasCreation=True))
    assert sign_in()["AuthenticationResult"]

    assert directory.user()["username"] == "new"
    assert directory.user("old")["email_verified"] == "false"


def test_a_welcome_is_mailed_when_asked_for(directories: Any) -> None:
    directory = directories(("UserMigration",))
    directory.tell(
        AUTHENTICATION,
        answers=brought(directory, messageAction=None, desiredDeliveryMediums=["EMAIL"]),
    )

    directory.sign_in()

    assert len(directory.mails()) == 1


def test_a_user_who_signs_in_four_times_at_once_comes_over_once(
    directories: Any, claims: Any, refused: Any
) -> None:
    directory = directories(("UserMigration", "PreSignUp"))

    with ThreadPoolExecutor(4) as threads:
        # The first round leaves four environments of the trigger warm, so that the second meets.
        assert list(threads.map(lambda _: refused(directory.sign_in), range(4))) == [WRONG] * 4
        directory.tell(AUTHENTICATION, answers=brought(directory))
        answers = list(threads.map(lambda _: directory.sign_in(), range(4)))

    subs = {claims(each["AuthenticationResult"]["AccessToken"])["sub"] for each in answers}
    assert subs == {directory.user()["sub"]}
    assert len(directory.admin.list_users(UserPoolId=directory.pool)["Users"]) == 1
