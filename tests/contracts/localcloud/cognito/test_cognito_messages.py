"""The words of Cognito's mails, and the codes in them.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-custom-message.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

OURS = {"emailSubject": "Tenantry", "emailMessage": "<p>Your code: <b>{####}</b></p>"}
WAITS = {"AttributesRequireVerificationBeforeUpdate": ["email"]}


def forget(directory: Any) -> None:
    directory.public.forgot_password(
        ClientId=directory.client, Username=directory.email, ClientMetadata={"from": "forgot"}
    )


def access(directory: Any) -> str:
    return str(directory.sign_in()["AuthenticationResult"]["AccessToken"])


def test_sign_up(directories: Any, text_of: Any) -> None:
    directory = directories(("CustomMessage",))
    directory.tell("CustomMessage_SignUp", answers=OURS)

    sub = directory.sign_up(ClientMetadata={"from": "sign-up"})

    assert directory.events() == [directory.expected("custom_message_sign_up", user=sub)]
    (mail,) = directory.mails()
    assert mail["Subject"] == "Tenantry"
    assert mail["Source"] == "accounts@example.com"
    assert text_of(mail) == f"<p>Your code: <b>{directory.code()}</b></p>"
    directory.confirm()


def test_a_repeated_code_replaces_the_first(directories: Any, refused: Any) -> None:
    directory = directories(("CustomMessage",))
    directory.tell("CustomMessage_ResendCode", answers=OURS)
    sub = directory.sign_up()
    first = directory.code()

    directory.public.resend_confirmation_code(
        ClientId=directory.client, Username=directory.email, ClientMetadata={"from": "resend"}
    )

    assert directory.events()[-1] == directory.expected("custom_message_resend_code", user=sub)
    assert directory.mails()[-1]["Subject"] == "Tenantry"
    if first != directory.code():
        code, _ = refused(
            directory.public.confirm_sign_up,
            ClientId=directory.client,
            Username=directory.email,
            ConfirmationCode=first,
        )
        assert code == "CodeMismatchException"
    directory.confirm()


def test_forgotten_password(directories: Any) -> None:
    directory = directories(("CustomMessage",))
    directory.tell("CustomMessage_ForgotPassword", answers=OURS)
    sub = directory.member()

    forget(directory)

    assert directory.events() == [directory.expected("custom_message_forgot_password", user=sub)]
    assert directory.mails()[-1]["Subject"] == "Tenantry"
    directory.public.confirm_forgot_password(
        ClientId=directory.client,
        Username=directory.email,
        ConfirmationCode=directory.code(),
        Password="Another-Horse-8",
    )


def test_a_changed_address_waits_for_the_code_mailed_to_it(directories: Any) -> None:
    directory = directories(("CustomMessage",), UserAttributeUpdateSettings=WAITS)
    directory.tell("CustomMessage_UpdateUserAttribute", answers=OURS)
    sub = directory.member()
    token = access(directory)
    new = f"new.{directory.email}"

    answer = directory.public.update_user_attributes(
        AccessToken=token,
        UserAttributes=[{"Name": "email", "Value": new}, {"Name": "name", "Value": "Ada"}],
        ClientMetadata={"from": "update"},
    )

    expected = directory.expected("custom_message_update_user_attribute", user=sub, new_email=new)
    expected["request"]["userAttributes"]["name"] = "Ada"
    assert directory.events() == [expected]
    assert answer["CodeDeliveryDetailsList"] == [
        {"Destination": "n****@e****", "DeliveryMedium": "EMAIL", "AttributeName": "email"}
    ]
    waiting = directory.user()
    assert (waiting["email"], waiting["email_verified"]) == (directory.email, "true")
    assert waiting["name"] == "Ada"
    directory.public.verify_user_attribute(
        AccessToken=token, AttributeName="email", Code=directory.code(new)
    )
    moved = directory.user(new)
    assert (moved["email"], moved["email_verified"]) == (new, "true")


def test_a_changed_address_is_unverified_where_the_pool_does_not_wait(directories: Any) -> None:
    directory = directories(())
    directory.member()
    new = f"new.{directory.email}"

    directory.public.update_user_attributes(
        AccessToken=access(directory), UserAttributes=[{"Name": "email", "Value": new}]
    )

    assert directory.user(new)["email_verified"] == "false"
    assert directory.code(new)


def test_a_code_for_the_address_of_the_user(directories: Any, refused: Any) -> None:
    directory = directories(("CustomMessage",))
    directory.tell("CustomMessage_VerifyUserAttribute", answers=OURS)
    sub = directory.member()
    token = access(directory)

    directory.public.get_user_attribute_verification_code(
        AccessToken=token, AttributeName="email", ClientMetadata={"from": "verify"}
    )

    assert directory.events() == [
        directory.expected("custom_message_verify_user_attribute", user=sub)
    ]
    wrong = "000000" if directory.code() != "000000" else "000001"
    verify = directory.public.verify_user_attribute
    assert (
        refused(verify, AccessToken=token, AttributeName="email", Code=wrong)[0]
        == "CodeMismatchException"
    )
    verify(AccessToken=token, AttributeName="email", Code=directory.code())


def test_an_invitation_carries_name_and_temporary_password(directories: Any, text_of: Any) -> None:
    directory = directories(("CustomMessage",))
    directory.tell(
        "CustomMessage_AdminCreateUser",
        answers={"emailSubject": "Welcome", "emailMessage": "{username} with {####}"},
    )

    user = directory.admin.admin_create_user(
        UserPoolId=directory.pool,
        Username=directory.email,
        TemporaryPassword="Correct-Horse-7",
        DesiredDeliveryMediums=["EMAIL"],
        ClientMetadata={"from": "admin"},
    )["User"]["Username"]

    expected = directory.expected("custom_message_admin_create_user", user=user)
    # A placeholder of Cognito's own, not one of the fixture's.
    expected["request"]["usernameParameter"] = "{username}"
    assert directory.events() == [expected]
    assert text_of(directory.mails()[-1]) == f"{directory.email} with Correct-Horse-7"


@pytest.mark.parametrize("triggers", [(), ("CustomMessage",)], ids=["no trigger", "empty answer"])
def test_cognitos_own_words_are_sent_otherwise(
    directories: Any, text_of: Any, triggers: tuple[str, ...]
) -> None:
    directory = directories(triggers)

    directory.sign_up()

    (mail,) = directory.mails()
    assert mail["Subject"] == "Your verification code"
    assert text_of(mail) == f"Your verification code is {directory.code()}."
    assert directory.sources() == ["CustomMessage_SignUp"] * len(triggers)
    directory.confirm()


def test_a_body_without_the_placeholder_is_not_sent(directories: Any, text_of: Any) -> None:
    """Seen on AWS: the subject is the trigger's, the body the pool's.

    https://stackoverflow.com/questions/56865198
    """
    directory = directories(("CustomMessage",))
    directory.tell(
        "CustomMessage_SignUp", answers={"emailSubject": "Tenantry", "emailMessage": "Welcome!"}
    )

    directory.sign_up()

    (mail,) = directory.mails()
    assert mail["Subject"] == "Tenantry"
    assert text_of(mail) == f"Your verification code is {directory.code()}."


@pytest.mark.parametrize("answers", [{"emailMessage": "{####}"}, {"emailSubject": "Tenantry"}])
def test_a_pool_that_does_not_send_through_ses_refuses_words_of_ones_own(
    directories: Any, refused: Any, answers: dict[str, str]
) -> None:
    directory = directories(
        ("CustomMessage",), EmailConfiguration={"EmailSendingAccount": "COGNITO_DEFAULT"}
    )
    directory.tell("CustomMessage_SignUp", answers=answers)

    assert refused(directory.sign_up)[0] == "InvalidLambdaResponseException"

    assert directory.mails() == []


def test_codes_are_random(directories: Any) -> None:
    directory = directories(())
    directory.sign_up()
    codes = {directory.code()}

    for _ in range(4):
        directory.public.resend_confirmation_code(
            ClientId=directory.client, Username=directory.email
        )
        codes.add(directory.code())

    assert len(codes) > 1


def test_a_pool_that_verifies_no_address_mails_no_code(directories: Any) -> None:
    directory: Any = directories((), AutoVerifiedAttributes=[])
    sign_up: Callable[..., Any] = directory.public.sign_up

    answer = sign_up(
        ClientId=directory.client, Username=directory.email, Password="Correct-Horse-7"
    )

    assert "CodeDeliveryDetails" not in answer
    assert directory.mails() == []
