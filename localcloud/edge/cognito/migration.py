"""UserMigration: a user of another directory comes over.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-migrate-user.html
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from typing import Any

from ministack.services import cognito

from localcloud.edge.cognito import sign_up, triggers
from localcloud.edge.cognito.calls import (
    NO_CLIENT,
    CognitoError,
    Pool,
    User,
    attributes_of,
    find,
    hides_existence,
    set_attributes,
)

logger = logging.getLogger("localcloud.cognito")

_STATUSES = ("CONFIRMED", "RESET_REQUIRED", "FORCE_CHANGE_PASSWORD")
_RESPONSE: Mapping[str, Any] = dict.fromkeys(
    (
        "userAttributes",
        "forceAliasCreation",
        "enableSMSMFA",
        "finalUserStatus",
        "messageAction",
        "desiredDeliveryMediums",
    )
)


def migrate(
    pool: Pool,
    source: str,
    *,
    client_id: str,
    username: str,
    password: str | None = None,
    validation_data: Mapping[str, str] | None = None,
    client_metadata: Mapping[str, str] | None = None,
) -> User | None:
    """The user whom the trigger brought over; None without a trigger or with an empty response.

    Raises UserNotFoundException, whatever the app client hides, when the trigger fails: AWS
    simulates a user only for an empty response.
    """
    request: dict[str, Any] = {"validationData": dict(validation_data) if validation_data else None}
    if password is not None:
        request["password"] = password
    try:
        response = triggers.fire(
            pool,
            "UserMigration",
            source,
            user_name=username,
            client_id=client_id,
            request=request,
            response=_RESPONSE,
            client_metadata=client_metadata,
        )
        if response is None:
            return None
        if response.get("userAttributes"):
            with sign_up.one_of_a_name(pool, username):
                return find(pool, username) or _create(pool, username, password, response)
    except CognitoError as error:
        logger.warning("UserMigration of %s: %s", pool["Id"], error)
        raise _failed(client_id) from error
    if hides_existence(pool, client_id):
        return None
    raise _failed(client_id)


def _failed(client_id: str) -> CognitoError:
    return CognitoError(
        "UserNotFoundException", f"Exception migrating user in app client {client_id}"
    )


def _create(pool: Pool, username: str, password: str | None, response: Mapping[str, Any]) -> User:
    attributes = {name: str(value) for name, value in response["userAttributes"].items()}
    alias = cognito._username_alias_attribute(pool, username)
    if alias:
        attributes.setdefault(alias, username)
    _refuse_unknown(pool, attributes)
    # Without a status the user is confirmed when signing in, and has to reset a forgotten password.
    status = response.get("finalUserStatus") or ("CONFIRMED" if password else "RESET_REQUIRED")
    if status not in _STATUSES:
        raise triggers.unrecognizable()
    sub = cognito.new_uuid()
    name = sub if alias else username
    # Made as an administrator makes one: PreSignUp sees the user, its flags do not count.
    sign_up.pre_sign_up(
        pool,
        "PreSignUp_AdminCreateUser",
        user_name=name,
        attributes=attributes,
        client_id=NO_CLIENT,
        validation_data=None,
        client_metadata=None,
    )
    _take_alias(pool, attributes, force=response.get("forceAliasCreation") is True)
    now = cognito._now_epoch()
    user: User = {
        "Username": name,
        "Attributes": cognito._dict_to_attr_list({"sub": sub} | attributes),
        "UserCreateDate": now,
        "UserLastModifiedDate": now,
        "Enabled": True,
        "UserStatus": status,
        "MFAOptions": [],
        # MiniStack takes any password of a user who has none.
        "_password": password or secrets.token_urlsafe(32),
        "_groups": [],
        "_tokens": [],
    }
    welcome = None
    if response.get("messageAction") != "SUPPRESS" and "EMAIL" in (
        response.get("desiredDeliveryMediums") or []
    ):
        welcome = cognito._render_invitation_message(pool, name, user["_password"], attributes)
    pool["_users"][name] = user
    pool["EstimatedNumberOfUsers"] = len(pool["_users"])
    if welcome:
        cognito._deliver_invitation_email(pool, name, attributes, *welcome)
    return user


def _refuse_unknown(pool: Pool, attributes: Mapping[str, str]) -> None:
    known = {item["Name"] for item in pool.get("SchemaAttributes") or []} - {"sub"}
    unknown = sorted(set(attributes) - known)
    if unknown:
        raise CognitoError(
            "InvalidParameterException",
            f"Attributes did not conform to the schema: {', '.join(unknown)}",
        )


def _take_alias(pool: Pool, attributes: Mapping[str, str], *, force: bool) -> None:
    """Move an e-mail alias from the user who has it, or refuse the migration."""
    email = attributes.get("email")
    names = {*(pool.get("UsernameAttributes") or []), *(pool.get("AliasAttributes") or [])}
    if not email or "email" not in names:
        return
    for other in pool["_users"].values():
        theirs = attributes_of(other)
        if theirs.get("email") != email:
            continue
        if not force:
            raise CognitoError("AliasExistsException", "An account with the email already exists.")
        set_attributes(other, {"email_verified": "false"})
