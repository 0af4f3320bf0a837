"""Signing in: what PreAuthentication and PostAuthentication are told, and when.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-authentication.html
https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-post-authentication.html
"""

from __future__ import annotations

from typing import Any

import pytest

PRE = "PreAuthentication_Authentication"
POST = "PostAuthentication_Authentication"
WRONG = ("NotAuthorizedException", "Incorrect username or password.")
BOTH = ("PreAuthentication", "PostAuthentication")


def test_pre_authentication_gets_the_sign_ins_metadata_as_validation_data(
    directories: Any,
) -> None:
    directory = directories(BOTH)
    sub = directory.member()

    directory.sign_in(ClientMetadata={"device": "d1"})

    assert directory.events(PRE) == [directory.expected("pre_authentication", user=sub)]
    (post,) = directory.events(POST)
    assert "clientMetadata" not in post["request"]


def test_post_authentication_gets_the_answers_metadata_after_srp(directories: Any) -> None:
    directory = directories(BOTH)
    sub = directory.member()

    directory.srp_sign_in({"from": "respond"})

    assert directory.sources() == [PRE, POST]
    assert directory.events(POST) == [directory.expected("post_authentication", user=sub)]


def test_administrators_flows_run_both(directories: Any) -> None:
    directory = directories(BOTH)
    directory.member()

    directory.admin_sign_in()

    assert directory.sources() == [PRE, POST]


def test_a_wrong_password_is_looked_at_after_pre_authentication(
    directories: Any, refused: Any
) -> None:
    directory = directories(BOTH)
    directory.member()

    assert refused(directory.sign_in, "Wrong-Horse-7") == WRONG

    assert directory.sources() == [PRE]


def test_a_refresh_runs_neither(directories: Any) -> None:
    directory = directories(BOTH)
    directory.member()
    tokens = directory.sign_in()["AuthenticationResult"]
    assert directory.sources() == [PRE, POST]

    directory.public.initiate_auth(
        ClientId=directory.client,
        AuthFlow="REFRESH_TOKEN_AUTH",
        AuthParameters={"REFRESH_TOKEN": tokens["RefreshToken"]},
    )

    assert directory.sources() == [PRE, POST]


def test_a_pre_authentication_that_raises_refuses_the_right_password(
    directories: Any, refused: Any
) -> None:
    directory = directories(BOTH)
    directory.member()
    directory.tell(PRE, raises="Incorrect username or password")

    assert refused(directory.sign_in) == (
        "UserLambdaValidationException",
        "PreAuthentication failed with error Incorrect username or password.",
    )
    assert directory.sources() == [PRE]


def test_a_post_authentication_that_raises_keeps_the_tokens(directories: Any, refused: Any) -> None:
    directory = directories(BOTH, tokens=True)
    directory.member()
    directory.tell(POST, raises="no table")

    assert refused(directory.sign_in) == (
        "UserLambdaValidationException",
        "PostAuthentication failed with error no table.",
    )
    assert directory.sources() == [PRE, POST]


def test_pre_authentication_is_told_of_an_unknown_user_where_existence_is_hidden(
    directories: Any, refused: Any
) -> None:
    directory = directories(BOTH)

    assert refused(directory.sign_in) == WRONG

    assert directory.events() == [directory.expected("pre_authentication_unknown")]


def test_pre_authentication_is_not_told_of_an_unknown_user_elsewhere(
    directories: Any, refused: Any
) -> None:
    directory = directories(BOTH, app_client={"PreventUserExistenceErrors": "LEGACY"})

    assert refused(directory.sign_in)[0] == "UserNotFoundException"
    assert directory.events() == []

    directory.member()
    directory.sign_in()
    (event,) = directory.events(PRE)
    assert "userNotFound" not in event["request"]


def test_a_first_password_of_ones_own_signs_in(directories: Any, refused: Any) -> None:
    directory = directories(BOTH, tokens=True)
    directory.admin.admin_create_user(
        UserPoolId=directory.pool,
        Username=directory.email,
        MessageAction="SUPPRESS",
        TemporaryPassword="Correct-Horse-7",
    )
    challenge = directory.sign_in()
    assert challenge["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    assert directory.sources() == [PRE]

    def answer(session: str, password: str) -> Any:
        return directory.public.respond_to_auth_challenge(
            ClientId=directory.client,
            ChallengeName="NEW_PASSWORD_REQUIRED",
            Session=session,
            ChallengeResponses={"USERNAME": directory.email, "NEW_PASSWORD": password},
        )

    assert refused(answer, "s" * 44, "Mallorys-Horse-9") == (
        "NotAuthorizedException",
        "Invalid session for the user, session is expired.",
    )
    assert refused(answer, challenge["Session"], "weak")[0] == "InvalidPasswordException"
    assert answer(challenge["Session"], "Another-Horse-8")["AuthenticationResult"]
    assert directory.sources() == [PRE, POST, "TokenGeneration_NewPasswordChallenge"]


def test_a_client_that_names_no_flows_has_no_password_flow(directories: Any, refused: Any) -> None:
    directory = directories(BOTH, app_client={"ExplicitAuthFlows": []})
    directory.member()

    assert refused(directory.sign_in) == (
        "InvalidParameterException",
        "USER_PASSWORD_AUTH flow not enabled for this client",
    )
    assert refused(directory.admin_sign_in)[0] == "InvalidParameterException"
    assert directory.events() == []
    assert directory.srp_sign_in()["AuthenticationResult"]


def test_a_name_is_found_in_any_case_where_the_pool_ignores_it(directories: Any) -> None:
    directory = directories((), UsernameConfiguration={"CaseSensitive": False})
    directory.member()

    answer = directory.public.initiate_auth(
        ClientId=directory.client,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": directory.email.upper(), "PASSWORD": "Correct-Horse-7"},
    )

    assert answer["AuthenticationResult"]


class TestSecondFactor:
    """https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-mfa-totp.html"""

    @pytest.fixture
    def enrolled(self, directories: Any) -> Any:
        """A directory whose user has an authenticator, and the authenticator's secret."""
        directory = directories(BOTH)
        directory.admin.set_user_pool_mfa_config(
            UserPoolId=directory.pool,
            SoftwareTokenMfaConfiguration={"Enabled": True},
            MfaConfiguration="OPTIONAL",
        )
        directory.member()
        token = directory.sign_in()["AuthenticationResult"]["AccessToken"]
        secret = directory.public.associate_software_token(AccessToken=token)["SecretCode"]
        verified = directory.public.verify_software_token(AccessToken=token, UserCode=totp(secret))
        assert verified["Status"] == "SUCCESS"
        directory.public.set_user_mfa_preference(
            AccessToken=token, SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True}
        )
        return directory, secret

    def answer(self, directory: Any, session: str, code: str, name: str) -> Any:
        return directory.public.respond_to_auth_challenge(
            ClientId=directory.client,
            ChallengeName=name,
            Session=session,
            ChallengeResponses={"USERNAME": directory.email, "SOFTWARE_TOKEN_MFA_CODE": code},
        )

    def test_post_authentication_waits_for_the_code(self, enrolled: Any, refused: Any) -> None:
        directory, secret = enrolled
        before = len(directory.events(POST))
        challenge = directory.sign_in()
        assert challenge["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
        assert len(directory.events(POST)) == before

        wrong = f"{(int(totp(secret)) + 1) % 10**6:06d}"
        code, _ = refused(self.answer, directory, challenge["Session"], wrong, "SOFTWARE_TOKEN_MFA")
        assert code == "CodeMismatchException"
        answer = self.answer(directory, challenge["Session"], totp(secret), "SOFTWARE_TOKEN_MFA")

        assert answer["AuthenticationResult"]
        assert len(directory.events(POST)) == before + 1

    @pytest.mark.parametrize("name", ["SOFTWARE_TOKEN_MFA", "MFA_SETUP"])
    def test_the_code_alone_signs_nobody_in(self, enrolled: Any, refused: Any, name: str) -> None:
        directory, secret = enrolled

        code, _ = refused(self.answer, directory, "s" * 44, totp(secret), name)

        assert code == "NotAuthorizedException"


def totp(secret: str) -> str:
    """The code of RFC 6238 an authenticator shows now."""
    import base64
    import hashlib
    import hmac
    import struct
    import time

    counter = struct.pack(">Q", int(time.time() // 30))
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    number: int = struct.unpack(">I", digest[digest[-1] & 15 :][:4])[0]
    return f"{(number & 0x7FFFFFFF) % 10**6:06d}"
