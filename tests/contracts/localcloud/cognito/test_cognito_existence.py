"""What an app client with PreventUserExistenceErrors says of users who are not there.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-managing-errors.html
"""

from __future__ import annotations

import re
import uuid
from typing import Any

UNKNOWN = "eve@example.com"


def challenge(directory: Any, username: str) -> dict[str, Any]:
    answer = directory.public.initiate_auth(
        ClientId=directory.client,
        AuthFlow="USER_SRP_AUTH",
        AuthParameters={"USERNAME": username, "SRP_A": "ab" * 128},
    )
    parameters: dict[str, Any] = answer["ChallengeParameters"]
    return parameters


def test_srp_challenges_an_unknown_user_with_the_same_salt_and_id_each_time(
    directories: Any,
) -> None:
    directory = directories(())
    directory.member()

    first, second = challenge(directory, UNKNOWN), challenge(directory, UNKNOWN)
    known = challenge(directory, directory.email)

    assert uuid.UUID(first["USER_ID_FOR_SRP"])
    assert first["USER_ID_FOR_SRP"] == second["USER_ID_FOR_SRP"] == first["USERNAME"]
    assert first["SALT"] == second["SALT"]
    assert first["SRP_B"] != second["SRP_B"]
    assert first.keys() == known.keys()
    assert len(first["SALT"]) == len(known["SALT"])
    assert challenge(directory, "mallory@example.com")["SALT"] != first["SALT"]


def test_srp_refuses_an_unknown_user_as_a_wrong_password(directories: Any, refused: Any) -> None:
    directory = directories(())
    directory.member()

    unknown = refused(directory.srp(UNKNOWN).authenticate_user)
    wrong = refused(directory.srp(password="Wrong-Horse-7").authenticate_user)

    assert unknown == wrong == ("NotAuthorizedException", "Incorrect username or password.")


def test_a_forgotten_password_is_answered_alike_and_mailed_to_nobody(directories: Any) -> None:
    directory = directories(())
    directory.member()

    def forget(username: str) -> Any:
        answer = directory.public.forgot_password(ClientId=directory.client, Username=username)
        return answer["CodeDeliveryDetails"]

    known, unknown = forget(directory.email), forget(UNKNOWN)

    assert known["Destination"] == "a****@e****"
    assert unknown == known | {"Destination": "e****@e****"}
    assert directory.mails(UNKNOWN) == []


def test_a_user_without_a_verified_address_gets_a_simulated_answer(directories: Any) -> None:
    directory = directories(())
    directory.sign_up()
    before = len(directory.mails())

    answer = directory.public.forgot_password(ClientId=directory.client, Username=directory.email)

    assert answer["CodeDeliveryDetails"]["Destination"] == "a****@e****"
    assert len(directory.mails()) == before


def test_a_user_without_a_verified_address_is_told_so_elsewhere(
    directories: Any, refused: Any
) -> None:
    directory = directories((), app_client={"PreventUserExistenceErrors": "LEGACY"})
    directory.sign_up()

    code, message = refused(
        directory.public.forgot_password, ClientId=directory.client, Username=directory.email
    )

    assert code == "InvalidParameterException"
    assert re.search("no registered/verified email", message)


def test_a_wrong_code_and_an_unknown_user_are_refused_alike(directories: Any, refused: Any) -> None:
    directory = directories(())
    directory.member()
    directory.public.forgot_password(ClientId=directory.client, Username=directory.email)
    wrong = "000000" if directory.code() != "000000" else "000001"

    def confirm(username: str) -> Any:
        return directory.public.confirm_forgot_password(
            ClientId=directory.client,
            Username=username,
            ConfirmationCode=wrong,
            Password="Another-Horse-8",
        )

    assert refused(confirm, UNKNOWN) == refused(confirm, directory.email)


def test_sign_up_masks_where_the_code_went(directories: Any) -> None:
    directory = directories(())

    answer = directory.public.sign_up(
        ClientId=directory.client, Username=directory.email, Password="Correct-Horse-7"
    )

    assert answer["CodeDeliveryDetails"]["Destination"] == "a****@e****"
