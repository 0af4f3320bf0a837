"""What an app client may write of a user.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html
"""

from __future__ import annotations

from typing import Any

import pytest

UNAUTHORIZED = ("NotAuthorizedException", "A client attempted to write unauthorized attribute")
SCHEMA = [{"Name": "role", "AttributeDataType": "String", "Mutable": True}]


def writes(*names: str) -> dict[str, Any]:
    return {"WriteAttributes": list(names)}


@pytest.mark.parametrize(
    ("written", "allowed"),
    [
        ("custom:role", ["email", "name"]),
        ("nickname", ["email", "name"]),
        # Without a list a client writes the standard attributes, and no custom one.
        ("custom:role", []),
        ("email_verified", []),
        ("sub", []),
        ("role", []),
    ],
)
def test_sign_up_writes_only_what_the_client_may(
    directories: Any, refused: Any, written: str, allowed: list[str]
) -> None:
    directory = directories(
        ("PreSignUp",), Schema=SCHEMA, app_client=writes(*allowed) if allowed else {}
    )
    attributes = [
        {"Name": "email", "Value": directory.email},
        {"Name": written, "Value": "true"},
    ]

    assert refused(directory.sign_up, UserAttributes=attributes) == UNAUTHORIZED

    assert not directory.exists()
    assert directory.events() == []


def test_a_user_changes_only_what_the_client_may(directories: Any, refused: Any) -> None:
    directory = directories((), Schema=SCHEMA, app_client=writes("email", "name"))
    directory.member()
    token = directory.sign_in()["AuthenticationResult"]["AccessToken"]

    def update(name: str) -> None:
        directory.public.update_user_attributes(
            AccessToken=token, UserAttributes=[{"Name": name, "Value": "OWNER"}]
        )

    update("name")
    assert refused(update, "custom:role") == UNAUTHORIZED
    assert refused(update, "nickname") == UNAUTHORIZED

    user = directory.user()
    assert user["name"] == "OWNER"
    assert "custom:role" not in user


def test_an_administrator_writes_any_attribute(directories: Any) -> None:
    directory = directories((), Schema=SCHEMA, app_client=writes("email"))
    directory.member()

    directory.admin.admin_update_user_attributes(
        UserPoolId=directory.pool,
        Username=directory.email,
        UserAttributes=[{"Name": "custom:role", "Value": "OWNER"}],
    )

    assert directory.user()["custom:role"] == "OWNER"


def test_the_address_of_another_user_is_refused(directories: Any, refused: Any) -> None:
    directory = directories(())
    directory.member()
    token = directory.sign_in()["AuthenticationResult"]["AccessToken"]
    directory.admin.admin_create_user(
        UserPoolId=directory.pool, Username="grace@example.com", MessageAction="SUPPRESS"
    )

    code, _ = refused(
        directory.public.update_user_attributes,
        AccessToken=token,
        UserAttributes=[{"Name": "email", "Value": "grace@example.com"}],
    )

    assert code == "AliasExistsException"
