"""Sign-up and confirmation: what PreSignUp and PostConfirmation are told, and when.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-sign-up.html
https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-post-confirmation.html
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError


def named(email: str) -> list[dict[str, str]]:
    return [{"Name": "email", "Value": email}, {"Name": "name", "Value": "Ada"}]


def test_pre_sign_up_gets_the_sign_ups_metadata_and_validation_data(directories: Any) -> None:
    directory = directories(("PreSignUp",))

    sub = directory.sign_up(
        UserAttributes=named(directory.email),
        ValidationData=[{"Name": "captcha", "Value": "c1"}],
        ClientMetadata={"organization_name": "Ada Ltd"},
    )

    assert directory.events() == [directory.expected("pre_sign_up", user=sub)]
    assert directory.user()["username"] == sub


def test_a_pre_sign_up_that_raises_leaves_no_user(directories: Any, refused: Any) -> None:
    directory = directories(("PreSignUp",))
    directory.tell("PreSignUp_SignUp", raises="This domain is not accepted")

    code, message = refused(directory.sign_up)

    assert code == "UserLambdaValidationException"
    assert message == "PreSignUp failed with error This domain is not accepted."
    assert not directory.exists()


def test_pre_sign_up_sees_the_user_an_administrator_makes_and_decides_nothing(
    directories: Any,
) -> None:
    directory = directories(("PreSignUp", "PostConfirmation"))
    directory.tell(
        "PreSignUp_AdminCreateUser", answers={"autoConfirmUser": True, "autoVerifyEmail": True}
    )

    user = directory.admin.admin_create_user(
        UserPoolId=directory.pool,
        Username=directory.email,
        MessageAction="SUPPRESS",
        UserAttributes=named(directory.email),
        ValidationData=[{"Name": "ticket", "Value": "t1"}],
        ClientMetadata={"invited_by": "Grace"},
    )["User"]["Username"]

    assert directory.events() == [directory.expected("pre_sign_up_admin", user=user)]
    made = directory.user()
    assert made["status"] == "FORCE_CHANGE_PASSWORD"
    assert made.get("email_verified") != "true"


def test_an_auto_confirmed_sign_up_reaches_post_confirmation_with_its_metadata(
    directories: Any,
) -> None:
    directory = directories(("PreSignUp", "PostConfirmation"))
    directory.tell("PreSignUp_SignUp", answers={"autoConfirmUser": True, "autoVerifyEmail": True})

    sub = directory.sign_up(ClientMetadata={"from": "confirm"})

    assert directory.events("PostConfirmation") == [
        directory.expected("post_confirmation", user=sub)
    ]
    assert directory.user()["status"] == "CONFIRMED"
    assert directory.user()["email_verified"] == "true"
    assert directory.mails() == []


def test_confirm_sign_up_reaches_post_confirmation_with_its_own_metadata(directories: Any) -> None:
    directory = directories(("PostConfirmation",))
    sub = directory.sign_up(ClientMetadata={"from": "sign-up"})
    assert directory.events() == []

    directory.confirm(ClientMetadata={"from": "confirm"})

    assert directory.events() == [directory.expected("post_confirmation", user=sub)]
    assert directory.user()["email_verified"] == "true"


def test_a_wrong_code_reaches_nobody(directories: Any, refused: Any) -> None:
    directory = directories(("PostConfirmation",))
    directory.sign_up()
    wrong = "000000" if directory.code() != "000000" else "000001"

    code, _ = refused(
        directory.public.confirm_sign_up,
        ClientId=directory.client,
        Username=directory.email,
        ConfirmationCode=wrong,
    )

    assert code == "CodeMismatchException"
    assert directory.events() == []
    directory.confirm()
    assert len(directory.events()) == 1


def test_admin_confirm_sign_up_reaches_post_confirmation(directories: Any) -> None:
    directory = directories(("PostConfirmation",))
    sub = directory.sign_up()

    directory.admin.admin_confirm_sign_up(
        UserPoolId=directory.pool, Username=directory.email, ClientMetadata={"from": "admin"}
    )

    assert directory.events() == [directory.expected("post_confirmation_admin", user=sub)]


def test_a_user_made_by_an_administrator_never_reaches_post_confirmation(
    directories: Any, refused: Any
) -> None:
    directory = directories(("PostConfirmation",))
    directory.member()
    directory.sign_in()

    code, message = refused(
        directory.admin.admin_confirm_sign_up, UserPoolId=directory.pool, Username=directory.email
    )

    assert (code, message) == (
        "NotAuthorizedException",
        "User cannot be confirmed. Current status is CONFIRMED",
    )
    assert directory.events() == []


def test_a_failed_post_confirmation_leaves_the_user_confirmed_and_is_not_run_again(
    directories: Any, refused: Any
) -> None:
    directory = directories(("PostConfirmation",))
    directory.tell("PostConfirmation_ConfirmSignUp", raises="no table")
    directory.sign_up()

    assert refused(directory.confirm) == (
        "UserLambdaValidationException",
        "PostConfirmation failed with error no table.",
    )

    assert directory.user()["status"] == "CONFIRMED"
    assert refused(directory.confirm)[0] == "NotAuthorizedException"
    assert len(directory.events()) == 1


def test_a_new_password_after_a_forgotten_one_reaches_post_confirmation(directories: Any) -> None:
    directory = directories(("PostConfirmation",))
    sub = directory.member()
    directory.public.forgot_password(ClientId=directory.client, Username=directory.email)

    directory.public.confirm_forgot_password(
        ClientId=directory.client,
        Username=directory.email,
        ConfirmationCode=directory.code(),
        Password="Another-Horse-8",
        ClientMetadata={"from": "reset"},
    )

    assert directory.events() == [directory.expected("post_confirmation_forgot_password", user=sub)]
    assert directory.sign_in("Another-Horse-8")["AuthenticationResult"]


def test_of_many_sign_ups_with_one_address_one_is_made(directories: Any) -> None:
    directory = directories(("PreSignUp",))

    def sign_up(_: int) -> str:
        try:
            directory.sign_up()
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "made"

    with ThreadPoolExecutor(8) as threads:
        outcomes = sorted(threads.map(sign_up, range(8)))

    assert outcomes == ["UsernameExistsException"] * 7 + ["made"]


def test_a_pool_whose_users_only_administrators_make_takes_no_sign_up(
    directories: Any, refused: Any
) -> None:
    directory = directories(
        ("PreSignUp",), AdminCreateUserConfig={"AllowAdminCreateUserOnly": True}
    )

    assert refused(directory.sign_up) == (
        "NotAuthorizedException",
        "SignUp is not permitted for this user pool",
    )
    assert directory.events() == []
